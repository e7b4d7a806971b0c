//! `Once` and `Barrier`: one runs, and all see what it did.

use crate::check;
use crate::runtime::nouns::keep;
use crate::sync::{Barrier, OnceLock};
use loom::cell::Cell;
use loom::thread;
use std::mem::ManuallyDrop;

struct Value(Cell<u32>);

// SAFETY: the checker watches the cell.
unsafe impl Sync for Value {}

#[test]
fn one_makes_the_value_and_all_see_it() {
    check(Some(3), || {
        // Not dropped: its drop looks, and the checker's run is over by then.
        let lock = &**keep(ManuallyDrop::new(OnceLock::<Value>::new()));
        assert!(lock.get().is_none());
        let make = |n| lock.get_or_init(|| Value(Cell::new(n))).0.get();
        let others = [1, 2].map(|n| thread::spawn(move || make(n)));
        let mine = make(3);
        for other in others {
            assert_eq!(other.join().unwrap(), mine);
        }
    });
}

#[test]
fn all_meet_at_a_barrier() {
    check(Some(2), || {
        let met = keep((Barrier::new(2), Value(Cell::new(0)), Value(Cell::new(0))));
        let other = thread::spawn(|| {
            met.1.0.set(1);
            let leads = met.0.wait().is_leader();
            assert_eq!(met.2.0.get(), 1);
            met.0.wait();
            leads
        });
        met.2.0.set(1);
        let leads = met.0.wait().is_leader();
        assert_eq!(met.1.0.get(), 1);
        met.0.wait();
        assert_ne!(leads, other.join().unwrap());
    });
}
