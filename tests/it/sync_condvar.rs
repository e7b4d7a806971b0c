//! `Condvar`: Go's tests (sync/cond_test.go) in our words, and what is ours.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use sudog::chan::{TryRecvError, unbounded};
use sudog::sync::{Condvar, Mutex};
use sudog::{scope, spawn};

use crate::support::{self, goroutine, in_time, rounds, settle, stress, wait_until};
use crate::traffic::Kind;

#[test]
fn each_signal_wakes_one() {
    goroutine(|| {
        let pair = Arc::new((Mutex::new(()), Condvar::new()));
        let (running, runs) = unbounded();
        let (awake, wakes) = unbounded();
        let n = 4;
        for _ in 0..n {
            let (pair, running, awake) = (pair.clone(), running.clone(), awake.clone());
            spawn(move || {
                let mut guard = pair.0.lock();
                running.send(()).unwrap();
                pair.1.wait(&mut guard);
                awake.send(()).unwrap();
            });
        }
        (0..n).for_each(|_| runs.recv().unwrap());
        for _ in 0..n {
            assert_eq!(wakes.try_recv(), Err(TryRecvError::Empty));
            let guard = pair.0.lock();
            assert!(pair.1.notify_one());
            drop(guard);
            wakes.recv().unwrap();
            settle();
            assert_eq!(wakes.try_recv(), Err(TryRecvError::Empty), "two woken");
        }
        assert!(!pair.1.notify_one());
    });
}

#[test]
fn those_who_wait_are_woken_in_their_order() {
    goroutine(|| {
        let pair = Arc::new((Mutex::new(()), Condvar::new()));
        let (running, runs) = unbounded();
        let (awake, wakes) = unbounded();
        for i in 0..100 {
            let (theirs, running, awake) = (pair.clone(), running.clone(), awake.clone());
            spawn(move || {
                let mut guard = theirs.0.lock();
                running.send(()).unwrap();
                theirs.1.wait(&mut guard);
                awake.send(i).unwrap();
            });
            if i > 0 {
                assert_eq!(wakes.recv(), Ok(i - 1));
            }
            runs.recv().unwrap();
            // It holds the mutex until it waits.
            let guard = pair.0.lock();
            pair.1.notify_one();
            drop(guard);
        }
        assert_eq!(wakes.recv(), Ok(99));
    });
}

#[test]
fn a_broadcast_wakes_all_who_wait_and_nobody_twice() {
    goroutine(|| {
        const N: usize = 200;
        let pair = Arc::new((Mutex::new(0_usize), Condvar::new()));
        let waiting = Arc::new(AtomicUsize::new(0));
        let hands: Vec<_> = (0..N)
            .map(|_| {
                let (pair, waiting) = (pair.clone(), waiting.clone());
                spawn(move || {
                    for round in 0..3 {
                        let mut at = pair.0.lock();
                        waiting.fetch_add(1, SeqCst);
                        let before = *at;
                        pair.1.wait(&mut at);
                        assert_eq!((before, *at), (round, round + 1), "woken out of turn");
                    }
                })
            })
            .collect();
        for round in 0..3 {
            wait_until(|| waiting.load(SeqCst) == N * (round + 1));
            let mut at = pair.0.lock();
            *at += 1;
            assert_eq!(pair.1.notify_all(), N);
        }
        hands.into_iter().for_each(|hand| hand.join().unwrap());
        assert_eq!(pair.1.notify_all(), 0);
    });
}

#[test]
fn a_wait_with_a_limit_is_never_early_and_locks_again() {
    let here = || {
        let (mutex, condvar) = (Mutex::new(()), Condvar::new());
        let mut guard = mutex.lock();
        for limit in [0, 1, 10].map(Duration::from_millis) {
            let start = Instant::now();
            assert!(condvar.wait_for(&mut guard, limit).timed_out());
            assert!(condvar.wait_until(&mut guard, start + limit).timed_out());
            assert!(start.elapsed() >= limit);
            assert!(mutex.try_lock().is_none());
        }
        let mut looks = 0;
        let result = condvar.wait_while_for(
            &mut guard,
            |()| {
                looks += 1;
                true
            },
            Duration::from_millis(1),
        );
        assert!(result.timed_out() && looks == 2);
        assert!(!condvar.notify_one());
    };
    goroutine(here);
    support::thread(here);
}

#[test]
fn a_condition_that_came_true_at_the_last_moment_is_no_time_out() {
    goroutine(|| {
        let (mutex, condvar) = (Mutex::new(0), Condvar::new());
        let result = condvar.wait_while_until(
            &mut mutex.lock(),
            |looks| {
                *looks += 1;
                *looks == 1
            },
            Instant::now(),
        );
        assert!(!result.timed_out());
    });
}

/// Tokens that are handed round by one condition variable.
#[derive(Default)]
struct Tokens {
    count: Mutex<usize>,
    more: Condvar,
}

#[test]
fn no_signal_is_lost_or_stolen() {
    stress(|mut rng| {
        for _ in in_time(rounds(5)) {
            let tokens = Arc::new(Tokens::default());
            let each = 100;
            let patient: Vec<_> = (0..4)
                .map(|_| {
                    let tokens = tokens.clone();
                    Kind::any(&mut rng).spawn(move || {
                        for _ in 0..each {
                            let mut count = tokens.count.lock();
                            tokens.more.wait_while(&mut count, |count| *count == 0);
                            *count -= 1;
                        }
                    })
                })
                .collect();
            // They take a token if there is one soon, and put it back.
            let hasty: Vec<_> = (0..3)
                .map(|_| {
                    let (tokens, mut rng) = (tokens.clone(), rng.split());
                    Kind::any(&mut rng).spawn(move || {
                        for _ in 0..each {
                            let limit = Duration::from_micros(rng.below(50) as u64);
                            let mut count = tokens.count.lock();
                            let more = &tokens.more;
                            if !more
                                .wait_while_for(&mut count, |n| *n == 0, limit)
                                .timed_out()
                            {
                                drop(count);
                                tokens.more.notify_one();
                            }
                        }
                    })
                })
                .collect();
            let putters: Vec<_> = (0..4)
                .map(|_| {
                    let tokens = tokens.clone();
                    Kind::any(&mut rng).spawn(move || {
                        for _ in 0..each {
                            *tokens.count.lock() += 1;
                            tokens.more.notify_one();
                        }
                    })
                })
                .collect();
            for hand in patient.into_iter().chain(hasty).chain(putters) {
                hand.join();
            }
            assert_eq!(*tokens.count.lock(), 0);
        }
    });
}

#[test]
fn one_condition_serves_two_mutexes() {
    goroutine(|| {
        let (a, b, condvar) = (Mutex::new(false), Mutex::new(false), Condvar::new());
        scope(|s| {
            s.spawn(|| condvar.wait_while(&mut a.lock(), |set| !*set));
            s.spawn(|| condvar.wait_while(&mut b.lock(), |set| !*set));
            settle();
            *a.lock() = true;
            *b.lock() = true;
            while condvar.notify_all() > 0 {
                settle();
            }
        });
    });
}

#[test]
fn a_condition_variable_is_made_without_a_value_and_shows_nothing() {
    assert_eq!(format!("{:?}", Condvar::default()), "Condvar { .. }");
}
