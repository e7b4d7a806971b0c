//! `Mutex`: Go's tests (sync/mutex_test.go) in our words, parking_lot's promises, and what is ours.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Waker};
use std::thread;
use std::time::{Duration, Instant};

use sudog::sync::{MappedMutexGuard, Mutex, MutexGuard};
use sudog::{scope, spawn, yield_now};

use crate::support::{self, alone_on, goroutine, mostly, rounds, settle, stress};
use crate::traffic::Kind;
use crate::worlds::World;

/// Long enough that nobody sees it pass.
const LONG: Duration = Duration::from_secs(600);

#[test]
fn a_mutex_is_held_by_one_at_a_time() {
    goroutine(|| {
        let count = Arc::new(Mutex::new(0));
        let hands: Vec<_> = (0..10)
            .map(|_| {
                let count = count.clone();
                spawn(move || {
                    for i in 0..rounds(1000) {
                        if i % 3 == 0
                            && let Some(mut n) = count.try_lock()
                        {
                            *n += 1;
                            continue;
                        }
                        *count.lock() += 1;
                    }
                })
            })
            .collect();
        hands.into_iter().for_each(|hand| hand.join().unwrap());
        assert_eq!(*count.lock(), 10 * rounds(1000));
    });
}

#[test]
fn a_guard_may_be_held_over_blocking_calls() {
    stress(|mut rng| {
        let (inside, mutex) = (AtomicUsize::new(0), Mutex::new(()));
        scope(|s| {
            for _ in 0..8 {
                let yields = rng.below(4);
                let (inside, mutex) = (&inside, &mutex);
                s.spawn(move || {
                    for _ in 0..rounds(100) {
                        let _guard = mutex.lock();
                        assert_eq!(inside.fetch_add(1, SeqCst), 0);
                        (0..yields).for_each(|_| yield_now());
                        assert_eq!(inside.fetch_sub(1, SeqCst), 1);
                    }
                });
            }
        });
    });
}

#[test]
fn goroutines_threads_and_futures_share_a_mutex() {
    stress(|mut rng| {
        for _ in 0..rounds(3) {
            let count = Arc::new(Mutex::new(0));
            let hands: Vec<_> = (0..6)
                .map(|_| {
                    let (blocking, future) = (count.clone(), count.clone());
                    World::any(&mut rng).spawn(
                        move || (0..200).for_each(|_| *blocking.lock() += 1),
                        async move {
                            for _ in 0..200 {
                                *future.lock_async().await += 1;
                            }
                        },
                    )
                })
                .collect();
            let all = 200 * hands.len();
            hands.into_iter().for_each(|hand| hand.join());
            assert_eq!(*count.lock(), all);
        }
    });
}

#[test]
fn try_lock_fails_while_it_is_held() {
    goroutine(|| {
        let mutex = Mutex::new(1);
        let guard = mutex.lock();
        assert!(mutex.try_lock().is_none());
        assert!(mutex.is_locked());
        drop(guard);
        assert!(!mutex.is_locked());
        assert_eq!(*mutex.try_lock().unwrap(), 1);
    });
}

#[test]
fn a_try_with_a_limit_is_never_early_and_leaves_nothing_behind() {
    let here = || {
        let mutex = Mutex::new(());
        let guard = mutex.lock();
        for limit in [0, 1, 10].map(Duration::from_millis) {
            let start = Instant::now();
            assert!(mutex.try_lock_for(limit).is_none());
            assert!(mutex.try_lock_until(start + limit).is_none());
            assert!(start.elapsed() >= limit);
        }
        drop(guard);
        assert!(mutex.try_lock_for(Duration::ZERO).is_some());
        assert!(mutex.try_lock_for(Duration::MAX).is_some());
        assert_eq!(format!("{mutex:?}"), "Mutex { data: () }");
    };
    goroutine(here);
    support::thread(here);
}

#[test]
fn a_limit_that_is_far_off_ends_with_the_lock() {
    goroutine(|| {
        let mutex = Arc::new(Mutex::new(()));
        let guard = mutex.lock();
        let waiting: Vec<_> = [LONG, Duration::MAX]
            .into_iter()
            .map(|limit| {
                let mutex = mutex.clone();
                spawn(move || mutex.try_lock_for(limit).is_some())
            })
            .collect();
        settle();
        assert!(!waiting.iter().any(|w| w.is_finished()));
        drop(guard);
        assert!(waiting.into_iter().all(|w| w.join().unwrap()));
    });
}

#[test]
fn limits_and_locks_race_and_no_wake_is_lost() {
    stress(|mut rng| {
        let mutex = Arc::new(Mutex::new(0_usize));
        let hands: Vec<_> = (0..8)
            .map(|_| {
                let (mutex, mut rng) = (mutex.clone(), rng.split());
                let kind = Kind::any(&mut rng);
                kind.spawn(move || {
                    let mut locked = 0;
                    for _ in 0..rounds(200) {
                        let limit = Duration::from_micros(rng.below(100) as u64);
                        let guard = match rng.below(3) {
                            0 => Some(mutex.lock()),
                            1 => mutex.try_lock_for(limit),
                            _ => {
                                // A future that goes before or after its turn has come.
                                let lock = pin!(mutex.lock_async());
                                let mut cx = Context::from_waker(Waker::noop());
                                match lock.poll(&mut cx) {
                                    std::task::Poll::Ready(guard) => Some(guard),
                                    std::task::Poll::Pending => None,
                                }
                            }
                        };
                        let Some(mut guard) = guard else { continue };
                        *guard += 1;
                        locked += 1;
                        if rng.one_in(8) {
                            (0..rng.below(50)).for_each(|_| std::hint::spin_loop());
                        }
                        if rng.one_in(16) {
                            MutexGuard::unlock_fair(guard);
                        }
                    }
                    locked
                })
            })
            .collect();
        let locked: usize = hands.into_iter().map(|hand| hand.join()).sum();
        assert_eq!(*mutex.lock(), locked);
    });
}

#[test]
fn who_has_waited_long_is_not_overtaken_for_ever() {
    // Go's TestMutexFairness: one that locks all the time, and one that does now and then.
    alone_on(2, || {
        goroutine(|| {
            let (mutex, stop) = (Arc::new(Mutex::new(())), Arc::new(AtomicBool::new(false)));
            let greedy = {
                let (mutex, stop) = (mutex.clone(), stop.clone());
                spawn(move || {
                    while !stop.load(SeqCst) {
                        let _guard = mutex.lock();
                        let start = Instant::now();
                        while start.elapsed() < Duration::from_micros(100) {
                            std::hint::spin_loop();
                        }
                    }
                })
            };
            for _ in 0..10 {
                sudog::blocking(|| thread::sleep(Duration::from_micros(100)));
                drop(mutex.lock());
            }
            stop.store(true, SeqCst);
            greedy.join().unwrap();
        });
    });
}

#[test]
fn unlocking_fairly_lets_the_first_go_first() {
    goroutine(|| {
        mostly(|| {
            let order = Arc::new(Mutex::new(Vec::new()));
            let mut guard = order.lock();
            let waiters: Vec<_> = (0..3)
                .map(|n| {
                    let order = order.clone();
                    let waiter = spawn(move || order.lock().push(n));
                    settle();
                    waiter
                })
                .collect();
            guard.push(100);
            MutexGuard::unlock_fair(guard);
            // The first of them has it already.
            order.lock().push(200);
            waiters.into_iter().for_each(|w| w.join().unwrap());
            let order = order.lock();
            order[..2] == [100, 0]
        });
    });
}

#[test]
fn bump_lets_those_who_wait_go_first() {
    goroutine(|| {
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut guard = order.lock();
        MutexGuard::bump(&mut guard);
        let waiter = {
            let order = order.clone();
            spawn(move || order.lock().push(1))
        };
        settle();
        MutexGuard::bump(&mut guard);
        guard.push(2);
        drop(guard);
        waiter.join().unwrap();
        let order = order.lock();
        assert!(*order == [1, 2] || *order == [2, 1]);
    });
}

#[test]
fn a_panic_unlocks_and_poisons_nothing() {
    goroutine(|| {
        let mutex = Arc::new(Mutex::new(1));
        let waiter = {
            let (mutex, other) = (mutex.clone(), mutex.clone());
            let mut guard = mutex.lock();
            let waiter = spawn(move || *other.lock() += 1);
            settle();
            let panicked = catch_unwind(AssertUnwindSafe(move || {
                *guard += 1;
                resume_unwind(Box::new("no message"));
            }));
            assert!(panicked.is_err());
            waiter
        };
        waiter.join().unwrap();
        assert_eq!(*mutex.lock(), 3);
    });
}

#[test]
fn a_drop_that_runs_while_unwinding_may_lock() {
    struct Adds(Arc<Mutex<i32>>);
    impl Drop for Adds {
        fn drop(&mut self) {
            assert!(thread::panicking());
            *self.0.lock() += 1;
            assert!(thread::panicking());
        }
    }
    goroutine(|| {
        let mutex = Arc::new(Mutex::new(0));
        let guard = mutex.lock();
        let hands: Vec<_> = (0..4)
            .map(|_| {
                let adds = Adds(mutex.clone());
                spawn(move || {
                    let _adds = adds;
                    resume_unwind(Box::new("no message"));
                })
            })
            .collect();
        settle();
        drop(guard);
        for hand in hands {
            assert!(hand.join().is_err());
        }
        assert!(!thread::panicking());
        assert_eq!(*mutex.lock(), 4);
    });
}

#[test]
fn a_guard_may_be_dropped_elsewhere() {
    goroutine(|| {
        let mutex = Arc::new(Mutex::new(1));
        let waiter = {
            let mutex = mutex.clone();
            spawn(move || *mutex.lock())
        };
        static PARKED: Mutex<i32> = Mutex::new(5);
        let guard = PARKED.lock();
        thread::spawn(move || drop(guard)).join().unwrap();
        assert_eq!(*PARKED.lock(), 5);
        assert_eq!(waiter.join().unwrap(), 1);
    });
}

#[test]
fn unlocked_locks_again_also_after_a_panic() {
    goroutine(|| {
        let mutex = Mutex::new(0);
        let mut guard = mutex.lock();
        MutexGuard::unlocked(&mut guard, || *mutex.lock() += 1);
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            MutexGuard::unlocked(&mut guard, || {
                *mutex.lock() += 1;
                resume_unwind(Box::new("no message"));
            })
        }));
        assert!(panicked.is_err());
        assert!(mutex.try_lock().is_none());
        assert_eq!(*guard, 2);
    });
}

#[test]
fn a_part_of_the_value_keeps_the_whole_locked() {
    let mutex = Mutex::new((vec![1], String::from("text")));
    let text = MutexGuard::map(mutex.lock(), |all| &mut all.1);
    assert!(mutex.try_lock().is_none());
    let text = MappedMutexGuard::try_map(text, |text| text.get_mut(9..)).unwrap_err();
    let mut end = MappedMutexGuard::map(text, |text| &mut text[2..]);
    end.make_ascii_uppercase();
    assert_eq!(format!("{end} {end:?}"), "XT \"XT\"");
    drop(end);
    let whole = MutexGuard::try_map(mutex.lock(), |_| None::<&mut ()>).unwrap_err();
    assert_eq!(whole.1, "teXT");
}

#[test]
fn a_mutex_is_made_from_a_value_and_shows_it() {
    let mutex = Mutex::from(3);
    assert_eq!(format!("{mutex:?}"), "Mutex { data: 3 }");
    let guard = mutex.lock();
    assert_eq!(format!("{mutex:?}"), "Mutex { data: <locked> }");
    assert_eq!(format!("{guard:?} {guard}"), "3 3");
    drop(guard);
    assert_eq!(Mutex::<u8>::default().into_inner(), 0);
    let unsized_value: &Mutex<[u8]> = &Mutex::new([1, 2]);
    unsized_value.lock()[0] = 3;
    assert_eq!(*unsized_value.lock(), [3, 2]);
}

#[test]
fn guards_are_send_and_sync_as_far_as_the_value_is() {
    fn send<T: Send>() {}
    fn sync<T: Sync>() {}
    send::<MutexGuard<'_, std::cell::Cell<u8>>>();
    send::<MappedMutexGuard<'_, std::cell::Cell<u8>>>();
    sync::<MutexGuard<'_, u8>>();
    sync::<Mutex<std::cell::Cell<u8>>>();
    fn future<T: Send>(_: T) {}
    future(Mutex::new(1).lock_async());
}

#[test]
fn a_future_that_is_dropped_after_its_turn_came_wakes_the_next() {
    goroutine(|| {
        for _ in 0..rounds(50) {
            let mutex = Arc::new(Mutex::new(()));
            let guard = mutex.lock();
            let mut cx = Context::from_waker(Waker::noop());
            let mut first = Box::pin(mutex.lock_async());
            assert!(first.as_mut().poll(&mut cx).is_pending());
            let second = {
                let mutex = mutex.clone();
                spawn(move || drop(mutex.lock()))
            };
            settle();
            drop(guard);
            drop(first);
            second.join().unwrap();
        }
    });
}

#[test]
fn a_future_is_done_once() {
    let mutex = Mutex::new(());
    let mut cx = Context::from_waker(Waker::noop());
    let mut lock = Box::pin(mutex.lock_async());
    assert!(lock.as_mut().poll(&mut cx).is_ready());
    let again = catch_unwind(AssertUnwindSafe(|| lock.as_mut().poll(&mut cx).is_ready()));
    let text = support::text(again.unwrap_err());
    assert_eq!(text, "a LockFuture was polled after it had ended");
}

#[test]
fn threads_alone_start_no_runtime() {
    alone_on(2, || {
        let mutex = Mutex::new(0);
        thread::scope(|s| {
            for _ in 0..4 {
                s.spawn(|| (0..1000).for_each(|_| *mutex.lock() += 1));
            }
        });
        assert_eq!(*mutex.lock(), 4000);
        pollster::block_on(async { *mutex.lock_async().await += 1 });
        let tasks = std::fs::read_dir("/proc/self/task").map(|tasks| {
            tasks
                .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok())
                .filter(|name| name.starts_with("sudog"))
                .count()
        });
        assert!(tasks.is_ok_and(|count| count == 0), "a thread was started");
    });
}
