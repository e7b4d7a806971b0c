//! Blocking under a context: it ends when the context does, and nothing is lost.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sudog::chan::{RecvError, SendError, bounded};
use sudog::context::{Context, ContextError, Error};
use sudog::spawn;
use sudog::sync::{Closed, ErrGroup, Mutex, Semaphore, WaitGroup};

use crate::support::{self, goroutine, in_time, quiet_panic, rounds, settle, stress, text};
use crate::traffic::Kind;

const CANCELED: ContextError = ContextError::Canceled;
const LONG: Duration = Duration::from_secs(3600);

/// Has each operation wait in goroutines and threads until the context is cancelled.
#[test]
fn every_wait_ends_with_its_context() {
    goroutine(|| {
        for kind in [Kind::Goroutine, Kind::Thread] {
            let (ctx, cancel) = Context::background().with_cancel();
            let (tx, rx) = bounded::<u8>(0);
            let (full, _full_rx) = bounded(1);
            full.send(0_u8).unwrap();
            let mutex: &'static Mutex<()> = Box::leak(Box::new(Mutex::new(())));
            let guard = mutex.lock();
            let semaphore = Semaphore::new(1);
            let permit = semaphore.acquire(1).unwrap();
            let group = WaitGroup::new();
            let counted = group.guard();
            let (end, never) = bounded::<()>(0);
            let endless = spawn(move || never.recv().is_err());

            let with = || ctx.clone();
            let waits = [
                kind.spawn({
                    let (ctx, rx) = (with(), rx.clone());
                    move || assert_eq!(ctx.recv(&rx), Err(Error::Context(CANCELED)))
                }),
                kind.spawn({
                    let (ctx, full) = (with(), full.clone());
                    move || {
                        let error = ctx.send(&full, 7).unwrap_err();
                        assert_eq!((error.error, error.value), (Error::Context(CANCELED), 7));
                    }
                }),
                kind.spawn({
                    let ctx = with();
                    move || assert_eq!(ctx.sleep(LONG), Err(CANCELED))
                }),
                kind.spawn({
                    let ctx = with();
                    move || assert_eq!(ctx.lock(mutex).err(), Some(CANCELED))
                }),
                kind.spawn({
                    let (ctx, semaphore) = (with(), semaphore.clone());
                    move || {
                        let error = ctx.acquire(&semaphore, 1).err();
                        assert_eq!(error, Some(Error::Context(CANCELED)));
                    }
                }),
                kind.spawn({
                    let (ctx, group) = (with(), group.clone());
                    move || assert_eq!(ctx.wait(&group), Err(CANCELED))
                }),
                kind.spawn({
                    let ctx = with();
                    move || {
                        let (error, handle) = ctx.join(endless).unwrap_err();
                        assert_eq!(error, CANCELED);
                        drop(end);
                        assert!(handle.join().unwrap());
                    }
                }),
            ];
            settle();
            cancel.cancel();
            waits.into_iter().for_each(|wait| wait.join());
            drop((tx, guard, permit, counted));
            // Nothing was taken along.
            assert!(mutex.try_lock().is_some() && semaphore.try_acquire(1).is_ok());
            group.wait();
        }
    });
}

#[test]
fn operations_go_on_as_without_a_context() {
    goroutine(|| {
        let (ctx, _cancel) = Context::background().with_cancel();
        let (tx, rx) = bounded(0);
        let sender = {
            let ctx = ctx.clone();
            spawn(move || {
                ctx.send(&tx, 1).unwrap();
                settle();
                ctx.send(&tx, 2).unwrap();
            })
        };
        assert_eq!((ctx.recv(&rx), ctx.recv(&rx)), (Ok(1), Ok(2)));
        assert_eq!(ctx.recv(&rx), Err(Error::Op(RecvError)));
        ctx.join(sender).unwrap().unwrap();
        let (tx, _) = bounded(0);
        let error = ctx.send(&tx, 3).unwrap_err();
        assert_eq!(
            (error.error, error.into_inner()),
            (Error::Op(SendError(())), 3)
        );
        let start = Instant::now();
        ctx.sleep(Duration::from_millis(5)).unwrap();
        assert!(start.elapsed() >= Duration::from_millis(5));

        let mutex = Arc::new(Mutex::new(0));
        let guard = ctx.lock(&mutex).unwrap();
        let (theirs, other) = (ctx.clone(), mutex.clone());
        let waiter = spawn(move || *theirs.lock(&other).unwrap() += 1);
        settle();
        drop(guard);
        waiter.join().unwrap();
        assert_eq!(*mutex.lock(), 1);

        let semaphore = Semaphore::new(1);
        drop(ctx.acquire(&semaphore, 1).unwrap());
        semaphore.close();
        assert_eq!(ctx.acquire(&semaphore, 1).err(), Some(Error::Op(Closed)));
        let group = WaitGroup::new();
        group.go(settle);
        assert_eq!(ctx.wait(&group), Ok(()));
        let panicked = ctx.join(spawn(|| quiet_panic("payload"))).unwrap();
        assert_eq!(text(panicked.unwrap_err()), "payload");
    });
}

#[test]
fn a_context_that_has_ended_wins() {
    goroutine(|| {
        let (ctx, cancel) = Context::background().with_cancel();
        cancel.cancel();
        let (tx, rx) = bounded(1);
        tx.send(1).unwrap();
        assert_eq!(ctx.recv(&rx), Err(Error::Context(CANCELED)));
        assert_eq!(rx.recv(), Ok(1));
        assert_eq!(ctx.send(&tx, 2).unwrap_err().value, 2);
        assert_eq!(ctx.lock(&Mutex::new(())).err(), Some(CANCELED));
        assert_eq!(ctx.sleep(Duration::ZERO), Err(CANCELED));
        assert_eq!(ctx.wait(&WaitGroup::new()), Err(CANCELED));
    });
}

#[test]
fn no_value_and_no_lock_is_lost_to_a_context_that_ends() {
    stress(|mut rng| {
        for _ in in_time(rounds(30)) {
            let (tx, rx) = bounded(rng.below(2));
            let mutex = Arc::new(Mutex::new(0_usize));
            let all = 50;
            let receivers: Vec<_> = (0..3)
                .map(|_| {
                    let (rx, mutex, mut rng) = (rx.clone(), mutex.clone(), rng.split());
                    Kind::any(&mut rng).spawn(move || {
                        let mut got = 0;
                        loop {
                            let limit = Duration::from_micros(rng.below(100) as u64);
                            let (ctx, _cancel) = Context::background().with_timeout(limit);
                            match ctx.recv(&rx) {
                                Ok(()) => got += 1,
                                Err(Error::Op(RecvError)) => return got,
                                Err(Error::Context(_)) => {}
                            }
                            if let Ok(mut count) = ctx.lock(&mutex) {
                                *count += 1;
                            }
                        }
                    })
                })
                .collect();
            let mut left = all;
            while left > 0 {
                let limit = Duration::from_micros(rng.below(200) as u64);
                let (ctx, _cancel) = Context::background().with_timeout(limit);
                left -= usize::from(ctx.send(&tx, ()).is_ok());
            }
            drop(tx);
            let got: usize = receivers.into_iter().map(|hand| hand.join()).sum();
            assert_eq!(got, all);
            assert!(mutex.try_lock().is_some());
        }
    });
}

#[test]
fn errors_say_what_is_wrong() {
    assert_eq!(CANCELED.to_string(), "context canceled");
    let exceeded = ContextError::DeadlineExceeded;
    assert_eq!(exceeded.to_string(), "context deadline exceeded");
    let error = io::Error::from(exceeded);
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    assert_eq!(error.to_string(), "context deadline exceeded");
    assert_eq!(io::Error::from(CANCELED).kind(), io::ErrorKind::Other);
    let op: Error<RecvError> = Error::Op(RecvError);
    assert_eq!(op.to_string(), RecvError.to_string());
    assert_eq!(
        Error::<RecvError>::from(CANCELED).to_string(),
        "context canceled"
    );
    let error = io::Error::from(Error::Op(io::Error::other("mine")));
    assert_eq!(error.to_string(), "mine");
}

#[test]
fn the_first_failure_of_a_group_ends_its_context() {
    goroutine(|| {
        for panics in [false, true] {
            let (group, ctx) = ErrGroup::with_context(&Context::background());
            let waits = ctx.clone();
            group.go(move || waits.sleep(LONG).map_err(|_| "ended"));
            group.go(move || {
                if panics {
                    quiet_panic("payload")
                } else {
                    Err("first")
                }
            });
            let waited = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| group.wait()));
            match waited {
                Ok(result) => assert_eq!((result, panics), (Err("first"), false)),
                Err(payload) => assert_eq!((text(payload), panics), ("payload".into(), true)),
            }
            assert_eq!(ctx.err(), Some(CANCELED));
        }
        // And so does the end of the wait.
        let (group, ctx) = ErrGroup::<()>::with_context(&Context::background());
        group.go(|| Ok(()));
        assert_eq!(
            (ctx.err(), group.wait(), ctx.err()),
            (None, Ok(()), Some(CANCELED))
        );
    });
}

#[test]
fn a_group_ends_with_the_context_around_it() {
    let here = || {
        let (around, cancel) = Context::background().with_cancel();
        let (group, ctx) = ErrGroup::with_context(&around);
        group.go(move || ctx.sleep(LONG));
        cancel.cancel();
        assert_eq!(group.wait(), Err(CANCELED));
    };
    goroutine(here);
    support::thread(here);
}
