//! `Pool` and `SingleFlight`: what is used again, and what is done once for all.

use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use sudog::chan::{bounded, unbounded};
use sudog::sync::{Pool, PoolGuard, SingleFlight};
use sudog::{scope, spawn, yield_now};

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

/// Keys of which all have one hash, and whose comparison itself uses what is compared in.
#[derive(PartialEq, Eq)]
struct Colliding(usize);

impl Hash for Colliding {
    fn hash<H: Hasher>(&self, state: &mut H) {
        yield_now();
        state.write_u8(0);
    }
}

#[test]
fn keys_of_one_hash_are_told_apart() {
    stress(|mut rng| {
        let flights = Arc::new(SingleFlight::new());
        let running: Arc<[AtomicUsize; 3]> = Arc::default();
        let rounds = rounds(300);
        let callers: Vec<_> = (0..6)
            .map(|n| {
                let (flights, running) = (Arc::clone(&flights), Arc::clone(&running));
                let mut rng = rng.split();
                [Kind::Goroutine, Kind::Thread][n % 2].spawn(move || {
                    for _ in 0..rounds {
                        let key = rng.below(3);
                        let (value, _) = flights.run(Colliding(key), || {
                            assert_eq!(running[key].fetch_add(1, SeqCst), 0, "one at a time");
                            yield_now();
                            running[key].fetch_sub(1, SeqCst);
                            key
                        });
                        assert_eq!(value, key);
                    }
                })
            })
            .collect();
        callers.into_iter().for_each(|caller| caller.join());
    });
}

struct Moody(Arc<AtomicUsize>);

impl PartialEq for Moody {
    fn eq(&self, _: &Moody) -> bool {
        true
    }
}

impl Eq for Moody {}

impl Hash for Moody {
    fn hash<H: Hasher>(&self, _: &mut H) {
        if self.0.fetch_add(1, SeqCst) > 0 {
            quiet_panic("not twice");
        }
    }
}

#[test]
fn a_call_comes_to_its_end_also_with_a_key_that_panics() {
    let flights = SingleFlight::new();
    let hashed = Arc::new(AtomicUsize::new(0));
    assert_eq!(flights.run(Moody(Arc::clone(&hashed)), || 1), (1, false));
    let again = catch_unwind(AssertUnwindSafe(|| flights.run(Moody(hashed), || 2)));
    assert_eq!(crate::support::text(again.unwrap_err()), "not twice");
    assert_eq!(flights.run(Moody(Arc::default()), || 3), (3, false));
}
