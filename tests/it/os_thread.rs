//! `lock_os_thread` and pinned goroutines: a thread of one's own.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread::{self, ThreadId};
use std::time::Duration;

use sudog::chan::bounded;
use sudog::runtime::lock_os_thread;
use sudog::{Builder, blocking, run, spawn, time, yield_now};

use crate::support::{alone_in_each, alone_on, goroutine, quiet_panic, rounds, stress, wait_until};

const PS: [&[(&str, &str)]; 3] = [
    &[("SUDOG_MAXPROCS", "1")],
    &[("SUDOG_MAXPROCS", "2")],
    &[("SUDOG_MAXPROCS", "8")],
];

fn here() -> ThreadId {
    thread::current().id()
}

thread_local! {
    /// Set by a goroutine that keeps its thread, and seen by whoever runs there.
    static MARK: Cell<bool> = const { Cell::new(false) };
    static ENDED: SetAtEnd = const { SetAtEnd(Cell::new(None)) };
}

struct SetAtEnd(Cell<Option<&'static AtomicBool>>);

impl Drop for SetAtEnd {
    fn drop(&mut self) {
        if let Some(flag) = self.0.get() {
            flag.store(true, SeqCst);
        }
    }
}

/// All that may move a goroutine to another thread.
fn move_about() {
    yield_now();
    time::sleep(Duration::from_micros(50));
    blocking(|| thread::sleep(Duration::from_micros(50)));
    spawn(yield_now).join().unwrap();
    let (tx, rx) = bounded(0);
    spawn(move || tx.send(()).unwrap());
    rx.recv().unwrap();
}

#[test]
fn a_locked_goroutine_stays_on_its_thread() {
    alone_in_each(&PS, || {
        goroutine(|| {
            let handles: Vec<_> = (0..4)
                .map(|_| {
                    spawn(|| {
                        let guard = lock_os_thread();
                        let thread = here();
                        for _ in 0..20 {
                            move_about();
                            assert_eq!(here(), thread);
                        }
                        drop(guard);
                        move_about();
                    })
                })
                .collect();
            handles.into_iter().for_each(|h| h.join().unwrap());
        });
    });
}

#[test]
fn nobody_else_runs_on_a_locked_thread() {
    alone_in_each(&PS, || {
        goroutine(|| {
            let stop = Arc::new(AtomicBool::new(false));
            let theirs = stop.clone();
            let others: Vec<_> = (0..4)
                .map(|_| {
                    let stop = stop.clone();
                    spawn(move || {
                        while !stop.load(SeqCst) {
                            assert!(!MARK.get(), "on the thread of another");
                            yield_now();
                        }
                    })
                })
                .collect();
            let locked = spawn(move || {
                let _guard = lock_os_thread();
                MARK.set(true);
                (0..50).for_each(|_| move_about());
                assert!(MARK.replace(false));
                theirs.store(true, SeqCst);
            });
            locked.join().unwrap();
            others.into_iter().for_each(|h| h.join().unwrap());
        });
    });
}

#[test]
fn guards_nest() {
    goroutine(|| {
        let first = lock_os_thread();
        let second = lock_os_thread();
        let thread = here();
        drop(first);
        (0..10).for_each(|_| move_about());
        assert_eq!(here(), thread);
        drop(second);
        move_about();
    });
}

#[test]
fn the_thread_of_an_unreleased_lock_ends_with_its_goroutine() {
    alone_in_each(&PS, || {
        static HAS_ENDED: AtomicBool = AtomicBool::new(false);
        goroutine(|| {
            let handle = spawn(|| {
                std::mem::forget(lock_os_thread());
                ENDED.with(|ended| ended.0.set(Some(&HAS_ENDED)));
                move_about();
            });
            handle.join().unwrap();
            // Its destructors of thread-locals run.
            wait_until(|| HAS_ENDED.load(SeqCst));
            move_about();
        });
    });
}

#[test]
fn a_pinned_goroutine_has_a_thread_from_first_to_last() {
    alone_in_each(&PS, || {
        goroutine(|| {
            let pinned: Vec<_> = (0..4)
                .map(|_| {
                    let pinned = Builder::new().pinned().spawn(|| {
                        let thread = here();
                        assert!(!MARK.replace(true), "the thread was another's");
                        (0..10).for_each(|_| move_about());
                        assert_eq!(here(), thread);
                        thread
                    });
                    pinned.unwrap()
                })
                .collect();
            let threads: Vec<_> = pinned.into_iter().map(|h| h.join().unwrap()).collect();
            assert!((1..4).all(|n| !threads[..n].contains(&threads[n])));
            assert!(!MARK.get());
        });
    });
}

#[test]
fn a_panic_releases_the_lock() {
    goroutine(|| {
        let handle = spawn(|| {
            let _guard = lock_os_thread();
            move_about();
            quiet_panic("on its own thread");
        });
        assert!(handle.join().is_err());
        let pinned = Builder::new().pinned().spawn(|| quiet_panic("pinned"));
        assert!(pinned.unwrap().join().is_err());
        move_about();
    });
}

#[test]
fn on_a_plain_thread_there_is_nothing_to_lock() {
    let thread = here();
    let guard = lock_os_thread();
    run(|| assert_ne!(here(), thread));
    drop(guard);
    assert_eq!(here(), thread);
}

#[test]
fn a_locked_loop_leaves_others_running() {
    alone_on(1, || {
        goroutine(|| {
            let stop = Arc::new(AtomicBool::new(false));
            let theirs = stop.clone();
            let locked = spawn(move || {
                let _guard = lock_os_thread();
                while !theirs.load(SeqCst) {
                    std::hint::spin_loop();
                }
                let thread = here();
                move_about();
                assert_eq!(here(), thread);
            });
            move_about();
            stop.store(true, SeqCst);
            locked.join().unwrap();
        });
    });
}

#[test]
fn locked_and_free_ones_mixed() {
    stress(|mut rng| {
        for _ in 0..rounds(3) {
            let (tx, rx) = bounded(rng.below(3));
            for _ in 0..20 {
                let (mut rng, tx) = (rng.split(), tx.clone());
                let builder = Builder::new();
                let builder = if rng.one_in(3) {
                    builder.pinned()
                } else {
                    builder
                };
                let spawned = builder.spawn(move || {
                    for _ in 0..20 {
                        let guard = rng.one_in(2).then(lock_os_thread);
                        let thread = here();
                        match rng.below(4) {
                            0 => yield_now(),
                            1 => time::sleep(Duration::from_micros(20)),
                            2 => thread::sleep(Duration::from_micros(20)),
                            _ => tx.send(()).unwrap(),
                        }
                        assert!(guard.is_none() || here() == thread);
                        if rng.one_in(10) {
                            std::mem::forget(guard);
                        }
                    }
                });
                spawned.unwrap();
            }
            drop(tx);
            rx.iter().for_each(drop);
        }
    });
}
