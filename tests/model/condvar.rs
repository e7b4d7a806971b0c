//! `Condvar`: no notification is lost, and none goes to one who came later.

use crate::check;
use crate::runtime::nouns::keep;
use crate::sync::{Condvar, Mutex};
use loom::cell::Cell;
use loom::thread;
use std::time::Duration;

/// Something that is handed round, and how to say so.
struct Tokens {
    count: Mutex<Cell<u32>>,
    more: Condvar,
}

impl Tokens {
    fn new() -> &'static Tokens {
        let tokens = keep(Tokens {
            count: Mutex::new(Cell::new(0)),
            more: Condvar::new(),
        });
        drop(tokens.count.try_lock_for(Duration::ZERO));
        assert!(!tokens.more.notify_one());
        tokens
    }

    fn put(&self) {
        let count = self.count.lock();
        count.set(count.get() + 1);
        drop(count);
        self.more.notify_one();
    }

    fn take(&self) {
        let mut count = self.count.lock();
        self.more.wait_while(&mut count, |count| count.get() == 0);
        count.set(count.get() - 1);
    }

    fn take_soon(&self) -> bool {
        let mut count = self.count.lock();
        let late = self
            .more
            .wait_while_for(&mut count, |count| count.get() == 0, Duration::from_secs(1))
            .timed_out();
        if !late {
            count.set(count.get() - 1);
        }
        !late
    }
}

#[test]
fn a_notification_reaches_the_one_who_waits() {
    check(Some(4), || {
        let tokens = Tokens::new();
        let taker = thread::spawn(|| tokens.take());
        tokens.put();
        taker.join().unwrap();
        assert_eq!(tokens.count.lock().get(), 0);
    });
}

#[test]
fn two_notifications_reach_two() {
    check(Some(2), || {
        let tokens = Tokens::new();
        let takers = [0; 2].map(|_| thread::spawn(|| tokens.take()));
        (0..2).for_each(|_| tokens.put());
        takers.into_iter().for_each(|t| t.join().unwrap());
        assert_eq!(tokens.count.lock().get(), 0);
    });
}

#[test]
fn all_are_woken() {
    check(Some(2), || {
        let tokens = Tokens::new();
        let waiters = [0; 2].map(|_| {
            thread::spawn(|| {
                let mut count = tokens.count.lock();
                tokens.more.wait_while(&mut count, |count| count.get() == 0);
            })
        });
        tokens.count.lock().set(1);
        tokens.more.notify_all();
        waiters.into_iter().for_each(|t| t.join().unwrap());
    });
}

#[test]
fn one_who_gives_up_takes_no_notification_along() {
    check(Some(2), || {
        let tokens = Tokens::new();
        let impatient = thread::spawn(|| tokens.take_soon());
        let patient = thread::spawn(|| tokens.take());
        tokens.put();
        if impatient.join().unwrap() {
            tokens.put();
        }
        patient.join().unwrap();
        assert_eq!(tokens.count.lock().get(), 0);
    });
}

#[test]
fn who_notifies_before_the_sleep_is_heard() {
    // Without the place in the queue that is taken under the mutex, the notification would be lost.
    check(None, || {
        let tokens = Tokens::new();
        let mut count = tokens.count.lock();
        let putter = thread::spawn(|| {
            tokens.count.lock().set(1);
            assert!(tokens.more.notify_one());
        });
        tokens.more.wait(&mut count);
        assert_eq!(count.get(), 1);
        drop(count);
        putter.join().unwrap();
    });
}
