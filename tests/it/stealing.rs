//! Work spreads over all Ps. These tests spin, and so have the process to themselves.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use sudog::chan::bounded;
use sudog::runtime::max_procs;
use sudog::{blocking, spawn, yield_now};

use crate::support::{alone_here, goroutine, in_time, rounds, stress, wait_until};

/// Keeps the P and waits; the kernel may run another P's thread meanwhile.
fn spin_until(holds: impl Fn() -> bool) {
    while !holds() {
        thread::yield_now();
    }
}

/// Every one of `procs` goroutines needs all the others to be running right now.
fn lockstep(procs: usize, spawn_all: impl FnOnce(Vec<Box<dyn FnOnce() + Send>>)) {
    let turn = Arc::new(AtomicUsize::new(0));
    let (done, ended) = bounded(0);
    let all = (0..procs).map(|p| {
        let (turn, done) = (turn.clone(), done.clone());
        let body = move || {
            for round in 0..3 {
                let mine = procs * round + p;
                spin_until(|| turn.load(SeqCst) == mine);
                turn.store(mine + 1, SeqCst);
            }
            done.send(()).unwrap();
        };
        Box::new(body) as Box<dyn FnOnce() + Send>
    });
    spawn_all(all.collect());
    assert_eq!(ended.iter().take(procs).count(), procs);
}

#[test]
fn as_many_goroutines_as_ps_run_at_once() {
    if max_procs() == 1 {
        return;
    }
    alone_here(|| {
        goroutine(|| {
            for _ in in_time(rounds(10)) {
                lockstep(max_procs(), |all| {
                    all.into_iter().for_each(|body| drop(spawn(body)))
                });
            }
        });
    });
}

#[test]
fn as_many_run_at_once_when_their_threads_had_gone_to_sleep() {
    if max_procs() == 1 {
        return;
    }
    alone_here(|| {
        goroutine(|| {
            for _ in in_time(rounds(10)) {
                // All Ps at work, then idle, then the test, with goroutines started two by two.
                let (procs, at_work) = (max_procs(), Arc::new(AtomicUsize::new(0)));
                let workers: Vec<_> = (0..procs)
                    .map(|_| {
                        let at_work = at_work.clone();
                        spawn(move || {
                            at_work.fetch_add(1, SeqCst);
                            spin_until(|| at_work.load(SeqCst) == procs);
                        })
                    })
                    .collect();
                workers.into_iter().for_each(|w| w.join().unwrap());
                lockstep(procs, |all| {
                    let mut all = all.into_iter();
                    while let Some(first) = all.next() {
                        let second = all.next();
                        spawn(move || {
                            spawn(first);
                            second.map(spawn);
                        });
                    }
                });
            }
        });
    });
}

#[test]
fn work_spawned_by_one_that_never_stops_is_taken_by_others() {
    if max_procs() == 1 {
        return;
    }
    alone_here(|| {
        goroutine(|| {
            // One alone sits in `runnext` with nobody awake; many fill the queue past its end.
            for count in [1, 2, 10, 1_000] {
                let ran = Arc::new(AtomicUsize::new(0));
                for _ in 0..count {
                    let ran = ran.clone();
                    spawn(move || ran.fetch_add(1, SeqCst));
                }
                spin_until(|| ran.load(SeqCst) == count);
            }
        });
    });
}

#[test]
fn one_woken_by_one_that_never_stops_runs_elsewhere() {
    if max_procs() == 1 {
        return;
    }
    alone_here(|| {
        goroutine(|| {
            for _ in in_time(rounds(50)) {
                let (tx, rx) = bounded(0);
                let woken = Arc::new(AtomicUsize::new(0));
                let seen = woken.clone();
                spawn(move || {
                    rx.recv().unwrap();
                    seen.store(1, SeqCst);
                });
                tx.send(()).unwrap();
                spin_until(|| woken.load(SeqCst) == 1);
            }
        });
    });
}

/// Runs `body` while more goroutines than there are Ps sit in blocking calls, and have for a while:
/// with nothing else to do their Ps stay with them, but only until there is.
fn beside_blocked_ones(body: impl FnOnce()) {
    let (release, gate) = mpsc::channel::<()>();
    let gate = Arc::new(Mutex::new(gate));
    let blocked = Arc::new(AtomicUsize::new(0));
    let sleepers: Vec<_> = (0..2 * max_procs())
        .map(|_| {
            let (gate, blocked) = (gate.clone(), blocked.clone());
            spawn(move || {
                blocking(|| {
                    blocked.fetch_add(1, SeqCst);
                    gate.lock().unwrap().recv().is_err()
                })
            })
        })
        .collect();
    wait_until(|| blocked.load(SeqCst) == sleepers.len());
    // So that all who look for work have given up by now.
    blocking(|| thread::sleep(Duration::from_millis(200)));
    body();
    drop(release);
    assert!(sleepers.into_iter().all(|s| s.join().unwrap()));
}

#[test]
fn ps_of_blocked_ones_are_there_for_new_work() {
    if max_procs() == 1 {
        return;
    }
    alone_here(|| {
        goroutine(|| {
            beside_blocked_ones(|| {
                let ran = Arc::new(AtomicUsize::new(0));
                for n in 1..=3 {
                    let counting = ran.clone();
                    spawn(move || counting.fetch_add(1, SeqCst));
                    spin_until(|| ran.load(SeqCst) == n);
                }
            });
        });
    });
}

#[test]
fn ps_of_blocked_ones_are_there_for_work_in_another_ps_queue() {
    if max_procs() == 1 {
        return;
    }
    alone_here(|| {
        goroutine(|| {
            beside_blocked_ones(|| {
                let stop = Arc::new(AtomicUsize::new(0));
                let seen = stop.clone();
                let hog = spawn(move || spin_until(|| seen.load(SeqCst) == 1));
                // From here on our P has the hog, and we are in its queue.
                (0..100).for_each(|_| yield_now());
                stop.store(1, SeqCst);
                hog.join().unwrap();
            });
        });
    });
}

#[test]
fn a_p_that_comes_free_in_a_blocking_call_takes_what_waits_behind_a_hog() {
    if max_procs() == 1 {
        return;
    }
    alone_here(|| {
        goroutine(|| {
            let [busy, hogged, stop] = [0; 3].map(|_| Arc::new(AtomicUsize::new(0)));
            let (release, gate) = mpsc::channel::<()>();
            let gate = Arc::new(Mutex::new(gate));
            // Every other P is at work, and then goes into a blocking call with an empty queue.
            let others: Vec<_> = (1..max_procs())
                .map(|_| {
                    let (busy, hogged, gate) = (busy.clone(), hogged.clone(), gate.clone());
                    spawn(move || {
                        busy.fetch_add(1, SeqCst);
                        spin_until(|| hogged.load(SeqCst) == 1);
                        blocking(|| gate.lock().unwrap().recv().is_err())
                    })
                })
                .collect();
            spin_until(|| busy.load(SeqCst) == others.len());
            // We wait behind the hog, whose P is ours, when the others come free.
            let seen = stop.clone();
            let hog = spawn(move || {
                hogged.store(1, SeqCst);
                spin_until(|| seen.load(SeqCst) == 1);
            });
            yield_now();
            stop.store(1, SeqCst);
            hog.join().unwrap();
            drop(release);
            assert!(others.into_iter().all(|o| o.join().unwrap()));
        });
    });
}

#[test]
fn one_that_yields_to_one_that_never_stops_is_taken_elsewhere() {
    if max_procs() == 1 {
        return;
    }
    alone_here(|| {
        goroutine(|| {
            for _ in in_time(rounds(20)) {
                let stop = Arc::new(AtomicUsize::new(0));
                let seen = stop.clone();
                let hog = spawn(move || spin_until(|| seen.load(SeqCst) == 1));
                // Our P may go on with the hog; then another P must go on with us.
                (0..100).for_each(|_| yield_now());
                stop.store(1, SeqCst);
                hog.join().unwrap();
            }
        });
    });
}

#[test]
fn work_reaches_more_than_one_thread() {
    if max_procs() == 1 {
        return;
    }
    alone_here(|| {
        goroutine(|| {
            let threads = Arc::new(Mutex::new(HashSet::new()));
            let seen = |threads: &Mutex<HashSet<_>>| {
                threads.lock().unwrap().insert(thread::current().id());
                threads.lock().unwrap().len() > 1
            };
            let workers: Vec<_> = (0..4)
                .map(|_| {
                    let threads = threads.clone();
                    spawn(move || {
                        while !seen(&threads) {
                            yield_now();
                        }
                    })
                })
                .collect();
            workers.into_iter().for_each(|w| w.join().unwrap());
        });
    });
}

#[test]
fn no_goroutine_is_lost_or_run_twice_when_queues_overflow() {
    stress(|mut rng| {
        for _ in in_time(rounds(10)) {
            // A queue holds 256; some of these go to the global one, some to thieves.
            let count = 200 + rng.below(2_000);
            let runs: Arc<Vec<_>> = Arc::new((0..count).map(|_| AtomicUsize::new(0)).collect());
            let handles: Vec<_> = (0..count)
                .map(|n| {
                    let (runs, yields) = (runs.clone(), rng.below(3));
                    spawn(move || {
                        (0..yields).for_each(|_| yield_now());
                        runs[n].fetch_add(1, SeqCst);
                    })
                })
                .collect();
            handles.into_iter().for_each(|h| h.join().unwrap());
            assert!(runs.iter().all(|ran| ran.load(SeqCst) == 1));
        }
    });
}
