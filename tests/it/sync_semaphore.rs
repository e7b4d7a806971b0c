//! `Semaphore`: the tests of x/sync's in our words, and what is ours.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use sudog::spawn;
use sudog::sync::{AcquireTimeoutError, Closed, Permit, Semaphore, TryAcquireError};

use crate::support::{self, goroutine, in_time, rounds, settle, stress, text, wait_until};
use crate::traffic::Kind;
use crate::worlds::World;

#[test]
fn no_more_are_inside_than_there_are_permits() {
    stress(|mut rng| {
        let all_rounds = in_time(rounds(100));
        for size in [1, 2, 7] {
            let all = Semaphore::new(size);
            let inside = Arc::new(AtomicUsize::new(0));
            let hands: Vec<_> = (0..8)
                .map(|_| {
                    let (all, inside, mut rng) = (all.clone(), inside.clone(), rng.split());
                    let rounds = all_rounds.clone();
                    Kind::any(&mut rng).spawn(move || {
                        let mut cx = Context::from_waker(Waker::noop());
                        for _ in rounds {
                            let n = 1 + rng.below(size);
                            let limit = Duration::from_micros(rng.below(100) as u64);
                            let permit = match rng.below(4) {
                                0 => all.try_acquire(n).ok(),
                                1 => all.acquire_timeout(n, limit).ok(),
                                2 => match pin!(all.acquire_async(n)).poll(&mut cx) {
                                    Poll::Ready(permit) => permit.ok(),
                                    Poll::Pending => None,
                                },
                                _ => all.acquire(n).ok(),
                            };
                            let Some(permit) = permit else { continue };
                            assert!(inside.fetch_add(n, SeqCst) + n <= size);
                            if rng.one_in(4) {
                                sudog::yield_now();
                            }
                            inside.fetch_sub(n, SeqCst);
                            drop(permit);
                        }
                    })
                })
                .collect();
            hands.into_iter().for_each(|hand| hand.join());
            assert_eq!(all.available_permits(), size);
            assert!(
                all.try_acquire(size).is_ok(),
                "somebody is left in the queue"
            );
        }
    });
}

#[test]
fn goroutines_threads_and_futures_share_a_semaphore() {
    stress(|mut rng| {
        for _ in 0..rounds(3) {
            let all = Semaphore::new(3);
            let hands: Vec<_> = (0..6)
                .map(|number| {
                    let (blocking, future, n) = (all.clone(), all.clone(), 1 + number % 3);
                    World::any(&mut rng).spawn(
                        move || (0..100).for_each(|_| drop(blocking.acquire(n).unwrap())),
                        async move {
                            for _ in 0..100 {
                                drop(future.acquire_async(n).await.unwrap());
                            }
                        },
                    )
                })
                .collect();
            hands.into_iter().for_each(|hand| hand.join());
            assert_eq!(all.available_permits(), 3);
        }
    });
}

#[test]
fn a_large_request_is_not_overtaken_by_small_ones() {
    goroutine(|| {
        let all = Semaphore::new(3);
        let one = all.acquire(1).unwrap();
        let large = {
            let all = all.clone();
            spawn(move || drop(all.acquire(3).unwrap()))
        };
        // There are two, but not for one who comes later.
        wait_until(|| all.try_acquire(1).err() == Some(TryAcquireError::NoPermits));
        let small = {
            let all = all.clone();
            spawn(move || drop(all.acquire(1).unwrap()))
        };
        settle();
        assert!(!large.is_finished() && !small.is_finished());
        drop(one);
        large.join().unwrap();
        small.join().unwrap();
        assert_eq!(all.available_permits(), 3);
    });
}

#[test]
fn a_large_request_that_gives_up_lets_small_ones_through() {
    let here = || {
        let all = Semaphore::new(3);
        let one = all.acquire(1).unwrap();
        let large = {
            let all = all.clone();
            spawn(move || all.acquire_timeout(3, Duration::from_millis(20)).err())
        };
        wait_until(|| all.try_acquire(2).is_err() || large.is_finished());
        drop(all.acquire(2).unwrap());
        assert_eq!(large.join().unwrap(), Some(AcquireTimeoutError::Timeout));
        drop(one);
        assert_eq!(all.available_permits(), 3);
    };
    goroutine(here);
    support::thread(here);
}

#[test]
fn a_future_that_is_dropped_lets_those_behind_it_through() {
    goroutine(|| {
        let all = Semaphore::new(2);
        let one = all.acquire(1).unwrap();
        let mut cx = Context::from_waker(Waker::noop());
        let mut large = Box::pin(all.acquire_async(2));
        assert!(large.as_mut().poll(&mut cx).is_pending());
        let small = {
            let all = all.clone();
            spawn(move || drop(all.acquire(1).unwrap()))
        };
        settle();
        assert!(!small.is_finished());
        drop(large);
        small.join().unwrap();
        // And one that was given its permits gives them back.
        let mut waits = Box::pin(all.acquire_async(2));
        assert!(waits.as_mut().poll(&mut cx).is_pending());
        drop(one);
        assert_eq!(all.available_permits(), 0);
        drop(waits);
        assert_eq!(all.available_permits(), 2);
    });
}

#[test]
fn a_limit_is_never_early() {
    let here = || {
        let all = Semaphore::new(1);
        let one = all.acquire(1).unwrap();
        for limit in [0, 1, 10].map(Duration::from_millis) {
            let start = Instant::now();
            let timeout = Some(AcquireTimeoutError::Timeout);
            assert_eq!(all.acquire_timeout(1, limit).err(), timeout);
            assert_eq!(all.acquire_deadline(1, start + limit).err(), timeout);
            assert!(start.elapsed() >= limit);
        }
        drop(one);
        assert!(all.acquire_timeout(1, Duration::ZERO).is_ok());
        assert!(all.acquire_timeout(1, Duration::MAX).is_ok());
    };
    goroutine(here);
    support::thread(here);
}

#[test]
fn a_close_ends_all_waits_and_permits_stay_good() {
    goroutine(|| {
        let all = Semaphore::new(2);
        let two = all.acquire(2).unwrap();
        let waiting: Vec<_> = [1, 2]
            .into_iter()
            .map(|n| {
                let all = all.clone();
                spawn(move || all.acquire(n).err())
            })
            .collect();
        let hasty = {
            let all = all.clone();
            spawn(move || all.acquire_timeout(1, Duration::MAX).err())
        };
        let mut cx = Context::from_waker(Waker::noop());
        let mut future = Box::pin(all.acquire_async(1));
        assert!(future.as_mut().poll(&mut cx).is_pending());
        settle();
        assert!(all.close() && !all.close() && all.is_closed());
        for waiter in waiting {
            assert_eq!(waiter.join().unwrap(), Some(Closed));
        }
        assert_eq!(hasty.join().unwrap(), Some(AcquireTimeoutError::Closed));
        assert!(matches!(
            future.as_mut().poll(&mut cx),
            Poll::Ready(Err(Closed))
        ));
        drop(two);
        assert_eq!(all.available_permits(), 2);
        assert_eq!(all.try_acquire(1).err(), Some(TryAcquireError::Closed));
    });
}

#[test]
fn more_than_there_are_can_never_be_had() {
    let all = Semaphore::new(2);
    let asked = std::panic::catch_unwind(|| all.acquire(3).is_ok());
    assert_eq!(
        text(asked.unwrap_err()),
        "semaphore: acquire of 3 permits, of which there are 2"
    );
    assert!(all.acquire(0).is_ok());
}

#[test]
fn permits_may_go_to_others() {
    fn owned<T: Send + Sync + 'static>(_: &T) {}
    goroutine(|| {
        let all = Semaphore::new(2);
        let permit: Permit = all.acquire(2).unwrap();
        owned(&permit);
        assert_eq!(permit.count(), 2);
        std::thread::spawn(move || drop(permit)).join().unwrap();
        assert_eq!(
            format!("{all:?} {:?}", all.acquire(1).unwrap()),
            "Semaphore { size: 2, available: 1, is_closed: false } Permit { count: 1, .. }"
        );
    });
}

#[test]
fn errors_say_what_is_wrong() {
    assert_eq!(Closed.to_string(), "semaphore closed");
    assert_eq!(
        TryAcquireError::NoPermits.to_string(),
        "no permits available"
    );
    assert_eq!(
        TryAcquireError::from(Closed).to_string(),
        "semaphore closed"
    );
    assert_eq!(
        AcquireTimeoutError::Timeout.to_string(),
        "timed out waiting for permits"
    );
    assert_eq!(
        AcquireTimeoutError::from(Closed).to_string(),
        "semaphore closed"
    );
}
