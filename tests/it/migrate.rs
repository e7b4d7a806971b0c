//! Goroutines go from thread to thread and stay what they are, also in the middle of a panic.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use sudog::chan::{Receiver, Select, Sender, bounded, unbounded};
use sudog::sync::WaitGroup;
use sudog::{blocking, current, scope, spawn, sync, time, yield_now};

use crate::support::{Rng, goroutine, quiet_panic, rounds, settle, stress, text, wait_until};

/// Parks in one way or another.
fn park(rng: &mut Rng, tx: &Sender<u64>, rx: &Receiver<u64>) {
    match rng.below(6) {
        0 => yield_now(),
        1 => blocking(thread::yield_now),
        2 => spawn(yield_now).join().unwrap(),
        3 => sudog::run(yield_now),
        _ => {
            // As many are sent as received, so that this ends once the others have sent theirs.
            tx.send(rng.next()).unwrap();
            rx.recv().unwrap();
        }
    }
}

#[test]
fn a_goroutine_knows_itself_after_every_park() {
    stress(|mut rng| {
        let (tx, rx) = bounded(4);
        scope(|s| {
            for _ in 0..8 {
                let (tx, rx, mut rng) = (tx.clone(), rx.clone(), rng.split());
                s.spawn(move || {
                    let id = current().unwrap().id();
                    for _ in 0..rounds(200) {
                        park(&mut rng, &tx, &rx);
                        assert_eq!(current().unwrap().id(), id);
                    }
                });
            }
        });
    });
}

#[test]
fn locals_survive_the_change_of_threads() {
    stress(|mut rng| {
        let (tx, rx) = bounded(4);
        let threads = Mutex::new(Vec::new());
        scope(|s| {
            for _ in 0..8 {
                let (tx, rx, mut rng, threads) = (tx.clone(), rx.clone(), rng.split(), &threads);
                s.spawn(move || {
                    let mut numbers = [0_u64; 64];
                    let (mut sum, mut real) = (0_u64, 1.0_f64);
                    for n in 0..rounds(200) {
                        numbers[n % 64] = rng.next();
                        sum = sum.wrapping_add(numbers[n % 64]);
                        real *= 1.5;
                        let before = (numbers, sum, real);
                        park(&mut rng, &tx, &rx);
                        assert_eq!((numbers, sum, real), before);
                    }
                    threads.lock().unwrap().push(thread::current().id());
                });
            }
        });
        assert_eq!(threads.into_inner().unwrap().len(), 8);
    });
}

/// Runs a closure when dropped.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

#[test]
fn a_goroutine_that_unwinds_may_send_and_receive() {
    goroutine(|| {
        for cap in [0, 1] {
            let (tx, rx) = bounded(cap);
            let (back_tx, back_rx) = bounded(cap);
            let dying = spawn(move || {
                let _guard = OnDrop(|| {
                    assert!(thread::panicking());
                    for n in 0..10 {
                        tx.send(n).unwrap();
                        assert_eq!(back_rx.recv(), Ok(n + 1));
                    }
                });
                quiet_panic("dying");
            });
            for n in 0..10 {
                assert_eq!(rx.recv(), Ok(n));
                assert!(!thread::panicking());
                back_tx.send(n + 1).unwrap();
            }
            assert_eq!(text(dying.join().unwrap_err()), "dying");
        }
    });
}

#[test]
fn one_that_parks_while_unwinding_makes_nobody_else_panic() {
    goroutine(|| {
        let (hold, held) = bounded::<()>(0);
        let unwinding = Arc::new(AtomicUsize::new(0));
        let dying: Vec<_> = (0..4)
            .map(|_| {
                let (held, unwinding) = (held.clone(), unwinding.clone());
                spawn(move || {
                    let _guard = OnDrop(|| {
                        unwinding.fetch_add(1, SeqCst);
                        assert!(held.recv().is_err());
                        assert!(thread::panicking());
                    });
                    yield_now();
                    quiet_panic("held up");
                })
            })
            .collect();
        wait_until(|| unwinding.load(SeqCst) == 4);

        // Bystanders must not see the panic: a lock let go after a park would be poisoned.
        let lock = Arc::new(Mutex::new(0));
        let bystanders: Vec<_> = (0..10)
            .map(|_| {
                let lock = lock.clone();
                spawn(move || {
                    for _ in 0..rounds(50) {
                        assert!(!thread::panicking());
                        *lock.lock().unwrap() += 1;
                        yield_now();
                        let caught = catch_unwind(|| quiet_panic("caught"));
                        assert!(caught.is_err() && !thread::panicking());
                    }
                })
            })
            .collect();
        bystanders.into_iter().for_each(|b| b.join().unwrap());
        assert_eq!(*lock.lock().unwrap(), 10 * rounds(50));
        assert!(dying.iter().all(|d| !d.is_finished()));
        hold.close();
        for dying in dying {
            assert_eq!(text(dying.join().unwrap_err()), "held up");
        }
        spawn(|| assert!(!thread::panicking())).join().unwrap();
    });
}

/// Sends and receives by select, where there is room and where a partner must come first.
fn select_while_unwinding() {
    for cap in [0, 1] {
        let (to, from) = (bounded(cap), bounded(cap));
        let partner = {
            let (rx, tx) = (to.1.clone(), from.0.clone());
            spawn(move || {
                for n in 0..10 {
                    assert_eq!(rx.recv(), Ok(n));
                    tx.send(n + 1).unwrap();
                }
            })
        };
        for n in 0..10 {
            let mut select = Select::new();
            let (send, recv) = (select.send(&to.0), select.recv(&from.1));
            let chosen = select.select();
            assert_eq!(chosen.index(), send, "nothing was sent back yet");
            chosen.send(&to.0, n).unwrap();
            let mut select = Select::new();
            assert_eq!(select.recv(&from.1) + 1, recv);
            let chosen = select.select_timeout(Duration::from_secs(50)).unwrap();
            assert_eq!(chosen.recv(&from.1), Ok(n + 1));
            assert!(thread::panicking());
        }
        partner.join().unwrap();
    }
}

#[test]
fn a_goroutine_that_unwinds_may_call_everything_that_blocks() {
    goroutine(|| {
        let done = Arc::new(AtomicBool::new(false));
        let flag = done.clone();
        let dying = spawn(move || {
            let _guard = OnDrop(|| {
                yield_now();
                assert_eq!(spawn(|| 1).join().unwrap(), 1);
                assert_eq!(sudog::run(|| 2), 2);
                assert_eq!(blocking(|| 3), 3);
                assert_eq!(scope(|s| s.spawn(|| 4).join().unwrap()), 4);
                let group = WaitGroup::new();
                group.go(yield_now);
                group.wait();
                let (tx, rx) = unbounded();
                spawn(move || tx.send(5));
                assert_eq!(rx.recv(), Ok(5));
                select_while_unwinding();
                time::sleep(Duration::from_millis(1));
                let lock = Arc::new(sync::Mutex::new(6));
                let guard = lock.lock();
                let theirs = lock.clone();
                let waiting = spawn(move || *theirs.lock());
                settle();
                drop(guard);
                assert_eq!(waiting.join().unwrap(), 6);
                assert!(thread::panicking());
                flag.store(true, SeqCst);
            });
            quiet_panic("busy to the end");
        });
        assert_eq!(text(dying.join().unwrap_err()), "busy to the end");
        assert!(done.load(SeqCst));
    });
}

#[test]
fn a_panic_within_a_panic_may_park() {
    goroutine(|| {
        let dying = spawn(|| {
            let _outer = OnDrop(|| {
                let inner = catch_unwind(|| {
                    let _inner = OnDrop(yield_now);
                    yield_now();
                    quiet_panic("inner")
                });
                assert_eq!(text(inner.unwrap_err()), "inner");
                assert!(thread::panicking());
                yield_now();
            });
            quiet_panic("outer");
        });
        assert_eq!(text(dying.join().unwrap_err()), "outer");
    });
}

#[test]
fn a_caught_panic_leaves_no_trace_on_any_thread() {
    stress(|mut rng| {
        let (tx, rx) = bounded(4);
        scope(|s| {
            for _ in 0..8 {
                let (tx, rx, mut rng) = (tx.clone(), rx.clone(), rng.split());
                s.spawn(move || {
                    for _ in 0..rounds(50) {
                        let parks = rng.one_in(4);
                        let caught = catch_unwind(AssertUnwindSafe(|| {
                            let _guard = OnDrop(|| {
                                if parks {
                                    yield_now()
                                }
                            });
                            park(&mut rng, &tx, &rx);
                            quiet_panic("caught")
                        }));
                        assert!(caught.is_err());
                        assert!(!thread::panicking());
                        park(&mut rng, &tx, &rx);
                        assert!(!thread::panicking());
                    }
                });
            }
        });
    });
}

#[test]
fn catching_spans_parks() {
    goroutine(|| {
        let (tx, rx) = bounded::<()>(0);
        let catching = spawn(move || {
            let caught = catch_unwind(AssertUnwindSafe(|| {
                rx.recv().unwrap();
                yield_now();
                rx.recv().unwrap();
                quiet_panic("after two parks")
            }));
            rx.recv().unwrap();
            text(caught.unwrap_err())
        });
        for _ in 0..3 {
            tx.send(()).unwrap();
            settle();
        }
        assert_eq!(catching.join().unwrap(), "after two parks");
    });
}
