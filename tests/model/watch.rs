//! Those who only want to know: `ready`, which waits until an operation could be done.

use crate::chan::Select;
use crate::chan::broken::watch_without_a_look;
use crate::chan::door::{Ends, Parcel, Point, block_on, channel, two_channels};
use crate::check;
use loom::thread;
use std::pin::pin;

type End = &'static Ends<Parcel>;

fn ready(ends: End) {
    let mut select = Select::new_biased();
    select.recv(&ends.rx);
    assert_eq!(select.ready(), 0);
}

fn ready_async(ends: End) {
    let mut select = Select::new_biased();
    select.recv(&ends.rx);
    assert_eq!(block_on(pin!(select.ready_async())), 0);
}

/// Waits for a value and takes it; nobody else could be faster.
fn a_watcher_and_a_send(capacity: usize, ready: fn(End)) {
    let ends = channel(capacity);
    let sender = thread::spawn(|| assert!(ends.tx.send(Parcel::new(1)).is_ok()));
    ready(ends);
    assert_eq!(ends.rx.try_recv().map(Parcel::open), Ok(1));
    sender.join().unwrap();
}

#[test]
fn a_value_wakes_a_watcher() {
    for ready in [ready, ready_async] {
        check(None, move || a_watcher_and_a_send(0, ready));
        check(None, move || a_watcher_and_a_send(1, ready));
    }
}

#[test]
#[should_panic(expected = "deadlock")]
fn a_watcher_that_does_not_look_under_the_lock_may_wait_for_ever() {
    check(None, || {
        a_watcher_and_a_send(1, |ends| watch_without_a_look(&ends.rx))
    });
}

#[test]
fn a_close_wakes_a_watcher() {
    for ready in [ready, ready_async] {
        check(None, move || {
            let ends = channel(0);
            let closer = thread::spawn(|| assert!(ends.tx.close()));
            ready(ends);
            assert!(ends.rx.try_recv().is_err_and(|e| e.is_disconnected()));
            closer.join().unwrap();
        });
    }
}

#[test]
fn a_receiver_wakes_one_who_wants_to_send() {
    for capacity in 0..2 {
        check(None, move || {
            let ends = channel(capacity);
            if capacity == 1 {
                assert!(ends.tx.try_send(Parcel::new(2)).is_ok());
            }
            let receiver = thread::spawn(|| ends.rx.recv().map(Parcel::open));
            let mut select = Select::new_biased();
            select.send(&ends.tx);
            assert_eq!(select.ready(), 0);
            assert!(ends.tx.try_send(Parcel::new(1)).is_ok());
            assert_eq!(receiver.join().unwrap(), Ok(1 + capacity as u32));
        });
    }
}

#[test]
fn a_watcher_of_two_channels_is_told_by_either() {
    check(Some(3), || {
        let (a, b): (End, End) = two_channels(0);
        let senders = [(a, 1), (b, 2)]
            .map(|(ends, n)| thread::spawn(move || assert!(ends.tx.send(Parcel::new(n)).is_ok())));
        let mut select = Select::new_biased();
        select.recv(&a.rx);
        select.recv(&b.rx);
        let first = select.ready();
        let parcel = [a, b][first].rx.try_recv();
        assert_eq!(parcel.map(Parcel::open), Ok(first as u32 + 1));
        let second = select.ready();
        assert_eq!(second, 1 - first);
        let parcel = [a, b][second].rx.try_recv();
        assert_eq!(parcel.map(Parcel::open), Ok(second as u32 + 1));
        senders.into_iter().for_each(|s| s.join().unwrap());
    });
}

#[test]
fn a_watcher_who_does_not_come_keeps_nobody_waiting() {
    check(Some(3), || {
        let (ends, ended): (End, _) = (channel(0), Point::new());
        let watcher = thread::spawn(move || {
            ready(ends);
            ended.reach();
        });
        let receiver = thread::spawn(move || ends.rx.recv().map(Parcel::open));
        assert!(ends.tx.send(Parcel::new(1)).is_ok());
        assert_eq!(receiver.join().unwrap(), Ok(1));
        ends.tx.close();
        watcher.join().unwrap();
        assert!(ended.is_reached());
    });
}

#[test]
fn two_watchers_are_both_told() {
    check(Some(3), || {
        let ends: End = channel(1);
        let watchers = [ready, ready_async].map(|ready| thread::spawn(move || ready(ends)));
        assert!(ends.tx.send(Parcel::new(1)).is_ok());
        watchers.into_iter().for_each(|w| w.join().unwrap());
        assert_eq!(ends.rx.try_recv().map(Parcel::open), Ok(1));
    });
}
