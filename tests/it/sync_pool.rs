//! `Pool` and `SingleFlight`: what is used again, and what is done once for all.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use sudog::chan::{bounded, unbounded};
use sudog::sync::{Pool, PoolGuard, SingleFlight};
use sudog::{scope, spawn};

use crate::support::{goroutine, mostly, quiet_panic, rounds, settle, stress};
use crate::traffic::Kind;

#[test]
fn a_value_that_came_back_is_used_again() {
    let made = AtomicUsize::new(0);
    let pool = Pool::new(|| made.fetch_add(1, SeqCst));
    let (first, second) = (pool.get(), pool.get());
    assert_eq!((*first, *second), (0, 1));
    drop(first);
    assert_eq!(*pool.get(), 0);
    assert_eq!(PoolGuard::into_inner(pool.get()), 0);
    assert_eq!(*pool.get(), 2);
    pool.clear();
    assert_eq!(*pool.get(), 3);
    assert_eq!(format!("{pool:?} {second:?}"), "Pool { .. } 1");
}

#[test]
fn a_value_has_one_user_at_a_time_and_none_is_lost() {
    stress(|mut rng| {
        let alive = Arc::new(AtomicUsize::new(0));
        struct Used(Arc<AtomicUsize>, AtomicUsize);
        impl Drop for Used {
            fn drop(&mut self) {
                assert_eq!(self.1.load(SeqCst), 0);
                self.0.fetch_sub(1, SeqCst);
            }
        }
        let counter = alive.clone();
        let pool = Arc::new(Pool::new(move || {
            counter.fetch_add(1, SeqCst);
            Used(counter.clone(), AtomicUsize::new(0))
        }));
        let hands: Vec<_> = (0..8)
            .map(|_| {
                let (pool, mut rng) = (pool.clone(), rng.split());
                Kind::any(&mut rng).spawn(move || {
                    for _ in 0..rounds(200) {
                        let used = pool.get();
                        assert_eq!(used.1.fetch_add(1, SeqCst), 0);
                        if rng.one_in(3) {
                            sudog::yield_now();
                        }
                        used.1.store(0, SeqCst);
                    }
                })
            })
            .collect();
        hands.into_iter().for_each(|hand| hand.join());
        assert!(alive.load(SeqCst) <= 8);
        drop(pool);
        assert_eq!(alive.load(SeqCst), 0);
    });
}

#[test]
fn more_than_it_keeps_are_dropped() {
    let value = Arc::new(());
    let pool = Pool::new(|| value.clone());
    let many: Vec<_> = (0..1000).map(|_| pool.get()).collect();
    drop(many);
    let kept = Arc::strong_count(&value) - 1;
    assert!(0 < kept && kept < 1000, "{kept}");
    pool.clear();
    assert_eq!(Arc::strong_count(&value), 1);
}

#[test]
fn calls_at_the_same_time_are_one() {
    goroutine(|| {
        mostly(|| calls_of_six_at_the_same_time() == 1);
    });
}

fn calls_of_six_at_the_same_time() -> usize {
    let (flights, calls) = (SingleFlight::new(), AtomicUsize::new(0));
    let (started, starts) = unbounded();
    let (go_on, goes_on) = bounded::<()>(0);
    scope(|s| {
        let call = || {
            let (started, goes_on) = (started.clone(), goes_on.clone());
            let (flights, calls) = (&flights, &calls);
            s.spawn(move || {
                flights.run("key", || {
                    calls.fetch_add(1, SeqCst);
                    started.send(()).unwrap();
                    assert!(goes_on.recv().is_err());
                    String::from("value")
                })
            })
        };
        let first = call();
        starts.recv().unwrap();
        let others: Vec<_> = (0..5).map(|_| call()).collect();
        settle();
        // Another key does not wait.
        assert_eq!(flights.run("other", String::new), (String::new(), false));
        drop(go_on);
        let (value, _) = first.join().unwrap();
        assert_eq!(value, "value");
        for other in others {
            assert_eq!(other.join().unwrap().0, "value");
        }
    });
    // It is over: the next calls again.
    assert_eq!(flights.run("key", || "new".into()), ("new".into(), false));
    calls.into_inner()
}

#[test]
fn a_forgotten_call_is_not_waited_for() {
    goroutine(|| {
        let flights = Arc::new(SingleFlight::new());
        let (go_on, goes_on) = bounded::<()>(0);
        let (started, starts) = bounded(1);
        let theirs = flights.clone();
        let slow = spawn(move || {
            theirs.run(1, || {
                started.send(()).unwrap();
                assert!(goes_on.recv().is_err());
                "slow"
            })
        });
        starts.recv().unwrap();
        flights.forget(&1);
        assert_eq!(flights.run(1, || "fast"), ("fast", false));
        drop(go_on);
        assert_eq!(slow.join().unwrap(), ("slow", false));
    });
}

#[test]
fn those_who_wait_for_a_call_that_panics_try_again() {
    stress(|mut rng| {
        for _ in 0..rounds(20) {
            let (flights, tries) = (Arc::new(SingleFlight::new()), Arc::new(AtomicUsize::new(0)));
            let hands: Vec<_> = (0..5)
                .map(|_| {
                    let (flights, tries) = (flights.clone(), tries.clone());
                    Kind::any(&mut rng).spawn(move || {
                        catch_unwind(AssertUnwindSafe(|| {
                            flights.run(0, || {
                                if tries.fetch_add(1, SeqCst) < 2 {
                                    quiet_panic("not yet");
                                }
                                "value"
                            })
                        }))
                        .ok()
                    })
                })
                .collect();
            let given: Vec<_> = hands.into_iter().map(|hand| hand.join()).collect();
            assert_eq!(given.iter().flatten().count(), 3, "{given:?}");
            assert!(given.iter().flatten().all(|(value, _)| *value == "value"));
        }
    });
}
