//! The ends of a channel as they go: it is closed by the last of each side and freed by the last of all, once.

use crate::chan::broken;
use crate::chan::door::{channel, dropped_channel};
use crate::check;
use crate::runtime::nouns::{keep, places};
use loom::cell::Cell;
use loom::thread;

/// A value whose drops are counted, in a cell that the checker watches.
struct Counted(&'static Cell<u32>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

#[test]
fn both_ends_go_at_once() {
    check(None, || {
        let (tx, rx) = dropped_channel(1);
        let drops = keep(Cell::new(0));
        assert!(tx.send(Counted(drops)).is_ok());
        let other = thread::spawn(move || drop(tx));
        drop(rx);
        other.join().unwrap();
        assert_eq!((drops.get(), places()), (1, 0));
    });
}

#[test]
fn two_of_each_side_go_at_once() {
    check(Some(2), || {
        let (tx, rx) = dropped_channel(1);
        let drops = keep(Cell::new(0));
        assert!(tx.send(Counted(drops)).is_ok());
        let others = (tx.clone(), rx.clone());
        let other = thread::spawn(move || drop(others));
        drop(tx);
        drop(rx);
        other.join().unwrap();
        assert_eq!((drops.get(), places()), (1, 0));
    });
}

#[test]
fn a_value_sent_as_the_receiver_goes_is_dropped_once() {
    check(Some(3), || {
        let (tx, rx) = dropped_channel(1);
        let drops = keep(Cell::new(0));
        let other = thread::spawn(move || drop(tx.send(Counted(drops))));
        drop(rx);
        other.join().unwrap();
        assert_eq!((drops.get(), places()), (1, 0));
    });
}

#[test]
#[should_panic(expected = "one of them frees it")]
fn sides_that_look_and_go_in_two_steps_do_not_free_the_channel() {
    check(None, || {
        let ends = channel::<u32>(1);
        let other = thread::spawn(|| broken::leave_in_two_steps(ends));
        let frees = [broken::leave_in_two_steps(ends), other.join().unwrap()];
        assert!(frees[0] != frees[1], "one of them frees it");
    });
}
