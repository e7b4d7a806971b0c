//! `WaitGroup`: the last `done` and a `wait` do not miss each other.
//!
//! All of it is real, down to the sleep on a note: the threads of a model are foreign threads, which
//! wait through the gate like goroutines, but on a parker. A deadline that is over before the wait
//! begins ends it at the first chance.

use crate::check;
use crate::runtime::nouns::keep;
use crate::sync::WaitGroup;
use loom::cell::Cell;
use loom::thread;
use std::time::Duration;

/// A group of so many things.
fn group(count: usize) -> WaitGroup {
    let group = WaitGroup::new();
    group.add(count);
    group
}

/// What the things leave behind, one cell each.
struct Work([Cell<u32>; 2]);

// SAFETY: the checker watches the cells.
unsafe impl Sync for Work {}

impl Work {
    fn new() -> &'static Work {
        keep(Work([Cell::new(0), Cell::new(0)]))
    }
}

fn assert_reads(group: &WaitGroup, counter: u32, waiters: u32) {
    let text = format!("WaitGroup {{ counter: {counter}, waiters: {waiters} }}");
    assert_eq!(format!("{group:?}"), text);
}

#[test]
fn a_wait_sees_what_was_done() {
    check(Some(3), || {
        let (group, work) = (group(2), Work::new());
        let workers: Vec<_> = (0..2)
            .map(|i| {
                let group = group.clone();
                thread::spawn(move || {
                    work.0[i].set(1);
                    group.done();
                })
            })
            .collect();
        group.wait();
        assert_eq!(work.0[0].get() + work.0[1].get(), 2);
        for worker in workers {
            worker.join().unwrap();
        }
        assert_reads(&group, 0, 0);
    });
}

#[test]
fn the_last_done_wakes_all_who_wait() {
    check(Some(2), || {
        let (group, work) = (group(1), Work::new());
        let waiters: Vec<_> = (0..2)
            .map(|_| {
                let group = group.clone();
                thread::spawn(move || {
                    group.wait();
                    assert_eq!(work.0[0].get(), 1);
                })
            })
            .collect();
        work.0[0].set(1);
        group.done();
        for waiter in waiters {
            waiter.join().unwrap();
        }
        assert_reads(&group, 0, 0);
    });
}

#[test]
fn a_wait_that_gives_up_leaves_nothing_behind() {
    check(None, || {
        let (group, work) = (group(1), Work::new());
        assert!(!group.wait_timeout(Duration::ZERO));
        assert_reads(&group, 1, 0);
        let other = group.clone();
        let worker = thread::spawn(move || {
            work.0[0].set(1);
            other.done();
        });
        if group.wait_timeout(Duration::ZERO) {
            assert_eq!(work.0[0].get(), 1);
        }
        group.wait();
        assert_eq!(work.0[0].get(), 1);
        worker.join().unwrap();
        assert_reads(&group, 0, 0);
    });
}

#[test]
fn a_wait_that_gives_up_takes_no_wake_from_another() {
    check(Some(2), || {
        let group = group(1);
        let (impatient, patient) = (group.clone(), group.clone());
        let impatient = thread::spawn(move || impatient.wait_timeout(Duration::ZERO));
        let patient = thread::spawn(move || patient.wait());
        group.done();
        impatient.join().unwrap();
        patient.join().unwrap();
        assert_reads(&group, 0, 0);
    });
}

#[test]
fn a_group_serves_again() {
    check(None, || {
        let group = group(1);
        let other = group.clone();
        let worker = thread::spawn(move || {
            other.done();
            other.wait();
        });
        group.wait();
        group.add(1);
        group.done();
        worker.join().unwrap();
        assert_reads(&group, 0, 0);
    });
}
