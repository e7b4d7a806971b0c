//! `blocking`: the thread may sleep, the P goes on.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::Duration;

use sudog::chan::bounded;
use sudog::{blocking, current, scope, spawn, yield_now};

use crate::support::{alone_on, goroutine, in_time, quiet_panic, rounds, stress, text};

#[test]
fn any_number_of_calls_block_at_once() {
    goroutine(|| {
        // Each waits for all the others, so that none returns before all are in.
        let barrier = Arc::new(Barrier::new(16));
        let handles: Vec<_> = (0..16)
            .map(|_| {
                let barrier = barrier.clone();
                spawn(move || blocking(|| barrier.wait().is_leader()))
            })
            .collect();
        assert_eq!(
            handles
                .into_iter()
                .filter_map(|h| h.join().ok())
                .filter(|l| *l)
                .count(),
            1
        );
    });
}

#[test]
fn others_run_while_one_blocks() {
    goroutine(|| {
        let (tx, rx) = mpsc::channel();
        let blocked = spawn(move || blocking(move || rx.recv().unwrap()));
        let (ping_tx, ping_rx) = bounded(0);
        let partner = spawn(move || (0..100).for_each(|n| ping_tx.send(n).unwrap()));
        assert!(ping_rx.iter().eq(0..100));
        partner.join().unwrap();
        assert!(!blocked.is_finished());
        tx.send(7).unwrap();
        assert_eq!(blocked.join().unwrap(), 7);
    });
}

#[test]
fn one_p_is_enough_for_sleepers_and_workers() {
    alone_on(1, || {
        goroutine(|| {
            let (asleep, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(Barrier::new(9)));
            let sleepers: Vec<_> = (0..8)
                .map(|_| {
                    let (asleep, gate) = (asleep.clone(), gate.clone());
                    spawn(move || {
                        blocking(|| {
                            asleep.fetch_add(1, SeqCst);
                            gate.wait();
                        });
                        asleep.fetch_sub(1, SeqCst);
                    })
                })
                .collect();
            // Without the hand-over none of these turns would come before the end of a call.
            while asleep.load(SeqCst) < 8 {
                yield_now();
            }
            (0..100).for_each(|_| yield_now());
            assert_eq!(asleep.load(SeqCst), 8);
            blocking(|| gate.wait());
            sleepers.into_iter().for_each(|s| s.join().unwrap());
        });
    });
}

#[test]
fn it_takes_and_gives_what_is_neither_send_nor_static() {
    goroutine(|| {
        let local = Rc::new(Cell::new(1));
        let text = String::from("borrowed");
        let back = blocking(|| {
            local.set(text.len());
            local.clone()
        });
        assert_eq!((back.get(), Rc::strong_count(&local)), (8, 2));
    });
}

#[test]
fn on_a_plain_thread_it_just_runs() {
    crate::support::thread(|| {
        let here = thread::current().id();
        assert_eq!(blocking(|| thread::current().id()), here);
        assert!(blocking(|| current().is_none()));
    });
}

#[test]
fn it_stays_the_same_goroutine() {
    goroutine(|| {
        let id = current().unwrap().id();
        assert_eq!(blocking(|| current().unwrap().id()), id);
        assert_eq!(current().unwrap().id(), id);
    });
}

#[test]
fn it_nests() {
    goroutine(|| {
        let (tx, rx) = mpsc::channel();
        let blocked = spawn(move || blocking(|| blocking(|| 1) + blocking(|| rx.recv().unwrap())));
        yield_now();
        tx.send(2).unwrap();
        assert_eq!(blocked.join().unwrap(), 3);
    });
}

#[test]
fn a_panic_in_it_is_the_callers() {
    let here = || {
        let result = catch_unwind(|| blocking(|| quiet_panic("inside")));
        assert_eq!(text(result.unwrap_err()), "inside");
        assert_eq!(blocking(|| 4), 4);
        yield_now();
    };
    goroutine(here);
    crate::support::thread(here);
    goroutine(|| {
        let result = spawn(|| blocking(|| quiet_panic("inside"))).join();
        assert_eq!(text(result.unwrap_err()), "inside");
    });
}

#[test]
fn channels_and_spawns_work_inside_it() {
    goroutine(|| {
        let (tx, rx) = bounded(0);
        let (back_tx, back_rx) = bounded(0);
        let partner = spawn(move || rx.iter().for_each(|n: i32| back_tx.send(n + 1).unwrap()));
        for n in 0..rounds(100) as i32 {
            let answer = blocking(|| {
                tx.send(n).unwrap();
                back_rx.recv().unwrap()
            });
            assert_eq!(answer, n + 1);
            assert_eq!(blocking(|| spawn(move || n).join().unwrap()), n);
        }
        drop(tx);
        partner.join().unwrap();
    });
}

#[test]
fn a_panic_while_another_blocks_disturbs_neither() {
    goroutine(|| {
        let (tx, rx) = mpsc::channel::<()>();
        let blocked = spawn(move || blocking(|| rx.recv().is_err() && !thread::panicking()));
        for _ in 0..20 {
            let result = catch_unwind(AssertUnwindSafe(|| quiet_panic("beside")));
            assert!(result.is_err());
            yield_now();
        }
        drop(tx);
        assert!(blocked.join().unwrap());
    });
}

#[test]
fn blocking_calls_and_channels_mix() {
    stress(|mut rng| {
        let (tx, rx) = bounded(4);
        let count = rounds(100);
        scope(|s| {
            for _ in 0..20 {
                let (tx, mut rng) = (tx.clone(), rng.split());
                s.spawn(move || {
                    for n in in_time(count) {
                        match rng.below(6) {
                            0 => blocking(|| thread::sleep(Duration::from_micros(50))),
                            1 => blocking(|| tx.send(n).unwrap()),
                            2 => blocking(thread::yield_now),
                            3 => yield_now(),
                            _ => tx.send(n).unwrap(),
                        }
                    }
                });
            }
            drop(tx);
            for _ in 0..3 {
                s.spawn(|| rx.iter().for_each(|n| assert!(n < count)));
            }
        });
        assert!(rx.is_empty());
    });
}
