//! `Semaphore`: no permit is lost, in whatever order they come, go, are waited for and given up.

use crate::check;
use crate::sync::{Semaphore, TryAcquireError};
use loom::thread;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::time::{Duration, Instant};

fn semaphore(size: usize) -> Semaphore {
    let semaphore = Semaphore::new(size);
    drop(semaphore.try_acquire(size));
    semaphore
}

fn assert_all_back(semaphore: &Semaphore, size: usize) {
    assert_eq!(semaphore.available_permits(), size);
    // Whoever was left over in the queue would be in the way.
    assert!(semaphore.try_acquire(size).is_ok());
}

#[test]
fn permits_come_back() {
    check(Some(3), || {
        let all = semaphore(1);
        let others = [0; 2].map(|_| {
            let all = all.clone();
            thread::spawn(move || drop(all.acquire(1).unwrap()))
        });
        drop(all.acquire(1).unwrap());
        others.into_iter().for_each(|t| t.join().unwrap());
        assert_all_back(&all, 1);
    });
}

#[test]
fn requests_of_different_weight() {
    check(Some(3), || {
        let all = semaphore(2);
        let others = [1, 2].map(|n| {
            let all = all.clone();
            thread::spawn(move || drop(all.acquire(n).unwrap()))
        });
        drop(all.acquire(1).unwrap());
        others.into_iter().for_each(|t| t.join().unwrap());
        assert_all_back(&all, 2);
    });
}

#[test]
fn one_who_gives_up_is_in_nobodys_way() {
    check(Some(3), || {
        let all = semaphore(2);
        let one = all.acquire(1).unwrap();
        let heavy = all.clone();
        let soon = Instant::now() + Duration::from_secs(1);
        let heavy = thread::spawn(move || heavy.acquire_deadline(2, soon).is_ok());
        let light = all.clone();
        let light = thread::spawn(move || drop(light.acquire(1).unwrap()));
        // It must not take the heavy one's leaving to wait for `one`.
        light.join().unwrap();
        drop(one);
        heavy.join().unwrap();
        assert_all_back(&all, 2);
    });
}

struct Nothing;

impl Wake for Nothing {
    fn wake(self: Arc<Nothing>) {}
}

#[test]
fn a_future_that_is_dropped_gives_back_what_it_was_given() {
    check(Some(3), || {
        let all = semaphore(1);
        let one = all.acquire(1).unwrap();
        let other = all.clone();
        let other = thread::spawn(move || drop(other.acquire(1).unwrap()));
        {
            let mut future = pin!(all.acquire_async(1));
            let waker = Waker::from(Arc::new(Nothing));
            assert!(
                future
                    .as_mut()
                    .poll(&mut Context::from_waker(&waker))
                    .is_pending()
            );
            drop(one);
        }
        other.join().unwrap();
        assert_all_back(&all, 1);
    });
}

#[test]
fn a_close_ends_all_waits() {
    check(Some(3), || {
        let all = semaphore(1);
        let one = all.acquire(1).unwrap();
        let others = [0; 2].map(|_| {
            let all = all.clone();
            thread::spawn(move || all.acquire(1).is_ok())
        });
        let closer = all.clone();
        assert!(closer.close());
        drop(one);
        others
            .into_iter()
            .for_each(|t| assert!(!t.join().unwrap(), "it was closed before there was one"));
        assert_eq!(all.try_acquire(1).unwrap_err(), TryAcquireError::Closed);
        assert_eq!(all.available_permits(), 1);
    });
}
