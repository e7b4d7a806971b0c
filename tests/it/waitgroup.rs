//! `WaitGroup`: Go's tests (sync/waitgroup_test.go) in our words, and what is ours.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Waker};
use std::thread;
use std::time::{Duration, Instant};

use sudog::chan::{TryRecvError, bounded};
use sudog::sync::WaitGroup;
use sudog::{scope, spawn, yield_now};

use crate::support::{LIMIT, goroutine, quiet_panic, rounds, settle, stress, text};
use crate::traffic::{Hand, Kind};
use crate::worlds::World;

/// Sixteen goroutines count the first group down and wait for the second.
fn both_groups_hold(first: &WaitGroup, second: &WaitGroup) {
    first.add(16);
    second.add(16);
    let (exited, exits) = bounded(16);
    for _ in 0..16 {
        let (first, second, exited) = (first.clone(), second.clone(), exited.clone());
        spawn(move || {
            first.done();
            second.wait();
            exited.send(()).unwrap();
        });
    }
    first.wait();
    for _ in 0..16 {
        assert_eq!(
            exits.try_recv(),
            Err(TryRecvError::Empty),
            "released too soon"
        );
        second.done();
    }
    assert_eq!(exits.iter().take(16).count(), 16);
}

#[test]
fn a_group_is_a_barrier_that_can_be_used_again() {
    goroutine(|| {
        let (first, second) = (WaitGroup::new(), WaitGroup::new());
        (0..8).for_each(|_| both_groups_hold(&first, &second));
    });
}

#[test]
fn wait_returns_only_when_all_are_done() {
    goroutine(|| {
        for _ in 0..rounds(500) {
            let group = WaitGroup::new();
            let count = Arc::new(AtomicUsize::new(0));
            for _ in 0..2 {
                group.add(1);
                let (group, count) = (group.clone(), count.clone());
                spawn(move || {
                    count.fetch_add(1, SeqCst);
                    group.done();
                });
            }
            group.wait();
            assert_eq!(count.load(SeqCst), 2);
        }
    });
}

#[test]
fn wait_at_zero_returns_at_once() {
    goroutine(|| {
        let group = WaitGroup::new();
        group.wait();
        group.add(0);
        group.wait();
        assert!(group.wait_timeout(Duration::ZERO));
        group.add(2);
        group.done();
        assert!(!group.wait_timeout(Duration::ZERO));
        group.done();
        group.wait();
    });
}

#[test]
fn going_below_zero_panics_in_gos_words() {
    let here = || {
        let group = WaitGroup::new();
        group.add(1);
        group.done();
        let below = catch_unwind(AssertUnwindSafe(|| group.done()));
        assert_eq!(text(below.unwrap_err()), "sync: negative WaitGroup counter");
    };
    goroutine(here);
    crate::support::thread(here);
}

#[test]
fn clones_are_handles_and_do_not_count() {
    goroutine(|| {
        let group = WaitGroup::new();
        let clones: Vec<_> = (0..10).map(|_| group.clone()).collect();
        group.wait();
        clones[3].add(1);
        assert!(!group.wait_timeout(Duration::ZERO));
        drop(group);
        clones[4].done();
        clones[5].wait();
    });
}

#[test]
fn go_runs_and_counts_and_hands_out_the_result() {
    goroutine(|| {
        let group = WaitGroup::new();
        let handles: Vec<_> = (0..20)
            .map(|n| {
                group.go(move || {
                    yield_now();
                    n * n
                })
            })
            .collect();
        group.wait();
        for (n, handle) in handles.into_iter().enumerate() {
            assert_eq!(handle.join().unwrap(), n * n);
        }
    });
}

#[test]
fn go_counts_down_after_a_panic_too() {
    goroutine(|| {
        let group = WaitGroup::new();
        let panicking = group.go(|| {
            yield_now();
            quiet_panic("in the group")
        });
        drop(group.go(|| quiet_panic("detached")));
        group.wait();
        assert_eq!(text(panicking.join().unwrap_err()), "in the group");
    });
}

#[test]
fn a_guard_counts_while_it_lives() {
    goroutine(|| {
        let group = WaitGroup::new();
        let guard = group.guard();
        assert!(!group.wait_timeout(Duration::ZERO));
        drop(guard);
        group.wait();
        for panics in [false, true] {
            let guard = group.guard();
            spawn(move || {
                let _guard = guard;
                yield_now();
                if panics {
                    quiet_panic("under guard");
                }
            });
        }
        group.wait();
    });
}

#[test]
fn everyone_who_waits_is_released() {
    goroutine(|| {
        let group = WaitGroup::new();
        group.add(1);
        let released = Arc::new(AtomicUsize::new(0));
        let waiting: Vec<Hand<_>> = (0..20)
            .map(|n| {
                let (group, released) = (group.clone(), released.clone());
                let kind = if n % 4 == 0 {
                    Kind::Thread
                } else {
                    Kind::Goroutine
                };
                kind.spawn(move || {
                    if n % 2 == 0 {
                        group.wait();
                    } else {
                        assert!(group.wait_timeout(LIMIT));
                    }
                    released.fetch_add(1, SeqCst);
                })
            })
            .collect();
        settle();
        assert_eq!(released.load(SeqCst), 0);
        group.done();
        waiting.into_iter().for_each(Hand::join);
    });
}

#[test]
fn wait_timeout_gives_up_and_never_early() {
    let here = || {
        let group = WaitGroup::new();
        group.add(1);
        for limit in [Duration::from_millis(1), Duration::from_millis(10)] {
            let start = Instant::now();
            assert!(!group.wait_timeout(limit));
            assert!(start.elapsed() >= limit);
        }
        group.done();
        assert!(group.wait_timeout(Duration::ZERO));
    };
    goroutine(here);
    crate::support::thread(here);
}

#[test]
fn wait_timeout_has_no_end_that_is_too_far() {
    goroutine(|| {
        let group = WaitGroup::new();
        group.add(1);
        let group2 = group.clone();
        let waiting = spawn(move || group2.wait_timeout(Duration::MAX));
        settle();
        assert!(!waiting.is_finished());
        group.done();
        assert!(waiting.join().unwrap());
    });
}

#[test]
fn one_that_gave_up_is_not_woken_in_anothers_place() {
    goroutine(|| {
        for _ in 0..rounds(50) {
            let group = WaitGroup::new();
            group.add(1);
            let (hasty, patient) = (group.clone(), group.clone());
            let hasty = spawn(move || hasty.wait_timeout(Duration::from_micros(100)));
            let patient = spawn(move || patient.wait());
            hasty.join().unwrap();
            group.done();
            patient.join().unwrap();
        }
    });
}

#[test]
fn threads_and_goroutines_share_a_group() {
    stress(|mut rng| {
        for _ in 0..rounds(30) {
            let (group, count) = (WaitGroup::new(), Arc::new(AtomicUsize::new(0)));
            let hands = 1 + rng.below(10);
            group.add(hands);
            let hands: Vec<Hand<_>> = (0..hands)
                .map(|_| {
                    let (group, count) = (group.clone(), count.clone());
                    let (pauses, kind) = (rng.below(4), Kind::any(&mut rng));
                    kind.spawn(move || {
                        (0..pauses).for_each(|_| yield_now());
                        count.fetch_add(1, SeqCst);
                        group.done();
                    })
                })
                .collect();
            group.wait();
            assert_eq!(count.load(SeqCst), hands.len());
            hands.into_iter().for_each(Hand::join);
        }
    });
}

#[test]
fn a_plain_thread_waits_without_a_runtime() {
    crate::support::thread(|| {
        let group = WaitGroup::new();
        group.add(2);
        let released = AtomicBool::new(false);
        thread::scope(|s| {
            s.spawn(|| {
                group.wait();
                assert!(released.load(SeqCst));
            });
            settle();
            group.done();
            released.store(true, SeqCst);
            group.done();
        });
    });
}

#[test]
fn counting_up_and_down_in_turn_ends_at_zero() {
    goroutine(|| {
        let group = WaitGroup::new();
        scope(|s| {
            for _ in 0..8 {
                s.spawn(|| {
                    for _ in 0..rounds(200) {
                        group.add(2);
                        group.done();
                        yield_now();
                        group.done();
                    }
                });
            }
        });
        group.wait();
        assert!(catch_unwind(AssertUnwindSafe(|| group.done())).is_err());
    });
}

#[test]
fn goroutines_threads_and_futures_wait_for_one_group() {
    stress(|mut rng| {
        for _ in 0..rounds(10) {
            let (group, count) = (WaitGroup::new(), Arc::new(AtomicUsize::new(0)));
            group.add(3);
            let waiting: Vec<_> = (0..5)
                .map(|_| {
                    let (blocking, future, count) = (group.clone(), group.wait_async(), &count);
                    let (here, there) = (count.clone(), count.clone());
                    World::any(&mut rng).spawn(
                        move || {
                            blocking.wait();
                            assert_eq!(here.load(SeqCst), 3);
                        },
                        async move {
                            future.await;
                            assert_eq!(there.load(SeqCst), 3);
                        },
                    )
                })
                .collect();
            for _ in 0..3 {
                count.fetch_add(1, SeqCst);
                group.done();
                yield_now();
            }
            waiting.into_iter().for_each(Hand::join);
        }
    });
}

#[test]
fn a_future_that_is_dropped_does_not_count_as_waiting() {
    goroutine(|| {
        let group = WaitGroup::new();
        group.add(1);
        {
            let mut wait = pin!(group.wait_async());
            let mut cx = Context::from_waker(Waker::noop());
            assert!(wait.as_mut().poll(&mut cx).is_pending());
            assert!(wait.as_mut().poll(&mut cx).is_pending());
            let text = format!("{group:?}");
            assert_eq!(text, "WaitGroup { counter: 1, waiters: 1 }");
        }
        let text = format!("{group:?}");
        assert_eq!(text, "WaitGroup { counter: 1, waiters: 0 }");
        group.done();
    });
}

#[test]
fn a_limit_that_comes_with_the_last_done_leaves_the_group_as_new() {
    goroutine(|| {
        for round in 0..rounds(300) {
            let wg = WaitGroup::new();
            wg.add(1);
            let waiters: Vec<_> = (0..8)
                .map(|_| {
                    let wg = wg.clone();
                    spawn(move || wg.wait_timeout(Duration::from_micros(200)))
                })
                .collect();
            let start = Instant::now();
            while start.elapsed() < Duration::from_micros(180 + round as u64 % 60) {
                yield_now();
            }
            wg.done();
            for waiter in waiters {
                waiter.join().unwrap();
            }
            assert_eq!(
                format!("{wg:?}"),
                "WaitGroup { counter: 0, waiters: 0 }",
                "in round {round}"
            );
        }
    });
}
