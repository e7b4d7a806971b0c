//! `JoinHandle::done`: the end of a goroutine in a `select!`.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use sudog::chan::{Select, TryRecvError, bounded};
use sudog::spawn;

use crate::support::{goroutine, quiet_panic, rounds, settle, stress, text};
use crate::traffic::Kind;
use crate::worlds::EXECUTORS;

#[test]
fn it_is_closed_when_the_goroutine_has_ended_and_by_nothing_else() {
    goroutine(|| {
        let (tx, rx) = bounded::<()>(0);
        let handle = spawn(move || rx.recv().is_err());
        assert!(!handle.done().close());
        let watched = handle.done().clone();
        assert_eq!(watched.try_recv(), Err(TryRecvError::Empty));
        drop(tx);
        assert!(watched.recv().is_err());
        assert!(handle.is_finished());
        assert!(handle.done().recv().is_err());
        assert!(handle.join().unwrap());
        // Asked for after the end.
        let handle = spawn(|| quiet_panic("payload"));
        while !handle.is_finished() {
            sudog::yield_now();
        }
        assert!(handle.done().recv().is_err());
        assert_eq!(text(handle.join().unwrap_err()), "payload");
    });
}

#[test]
fn it_outlives_the_handle() {
    goroutine(|| {
        let (tx, rx) = bounded::<()>(0);
        let handle = spawn(move || rx.recv().is_err());
        let watched = handle.done().clone();
        drop(handle);
        assert_eq!(watched.try_recv(), Err(TryRecvError::Empty));
        drop(tx);
        assert!(watched.recv().is_err());
    });
}

#[test]
fn the_first_of_several_to_end_is_found() {
    stress(|mut rng| {
        for _ in 0..rounds(20) {
            let (tx, rx) = bounded::<()>(0);
            let chosen = rng.below(4);
            let handles: Vec<_> = (0..4)
                .map(|n| {
                    let rx = rx.clone();
                    spawn(move || {
                        if n != chosen {
                            assert!(rx.recv().is_err());
                        }
                        n
                    })
                })
                .collect();
            let mut select = Select::new();
            for handle in &handles {
                select.recv(handle.done());
            }
            let ended = select.select();
            assert_eq!(ended.index(), chosen);
            assert!(ended.recv(handles[chosen].done()).is_err());
            drop((tx, rx));
            for (n, handle) in handles.into_iter().enumerate() {
                assert_eq!(handle.join().unwrap(), n);
            }
        }
    });
}

#[test]
fn a_watched_handle_is_joined_and_awaited_like_any_other() {
    goroutine(|| {
        for kind in [Kind::Goroutine, Kind::Thread] {
            let (tx, rx) = bounded::<()>(0);
            let handle = spawn(move || rx.recv().is_err());
            let watched = handle.done().clone();
            let joiner = kind.spawn(move || handle.join().unwrap());
            settle();
            assert_eq!(watched.try_recv(), Err(TryRecvError::Empty));
            drop(tx);
            assert!(joiner.join());
        }
        for world in EXECUTORS {
            let (tx, rx) = bounded::<()>(0);
            let handle = spawn(move || rx.recv().is_err());
            handle.done();
            let awaits = world.run(async move { handle.await.unwrap() });
            settle();
            drop(tx);
            assert!(awaits.join());
        }
    });
}

#[test]
fn one_who_polled_before_it_was_watched_is_still_woken() {
    goroutine(|| {
        let (tx, rx) = bounded::<()>(0);
        let mut handle = spawn(move || rx.recv().is_err());
        let mut is_first = true;
        let waits = spawn(move || {
            sudog::block_on(std::future::poll_fn(|cx| {
                let polled = pin!(&mut handle).poll(cx).map(Result::unwrap);
                if std::mem::take(&mut is_first) {
                    assert!(polled.is_pending());
                    handle.done();
                }
                polled
            }))
        });
        settle();
        drop(tx);
        assert!(waits.join().unwrap());
    });
}

#[test]
fn a_poll_that_was_given_up_is_forgotten() {
    goroutine(|| {
        let (tx, rx) = bounded::<()>(0);
        let mut handle = spawn(move || rx.recv().is_err());
        handle.done();
        let polled = pin!(&mut handle).poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(polled, Poll::Pending));
        drop(tx);
        assert!(handle.join().unwrap());
    });
}

#[test]
fn join_timeout_gives_the_handle_back_or_the_result() {
    for kind in [Kind::Goroutine, Kind::Thread] {
        let test = kind.spawn(|| {
            let (tx, rx) = bounded::<()>(0);
            let handle = spawn(move || rx.recv().is_err());
            let (limit, began) = (Duration::from_millis(3), Instant::now());
            let handle = handle.join_timeout(limit).unwrap_err();
            assert!(began.elapsed() >= limit);
            let handle = handle.join_timeout(Duration::ZERO).unwrap_err();
            drop(tx);
            assert!(handle.join_timeout(Duration::MAX).unwrap().unwrap());
            let handle = spawn(|| quiet_panic("payload"));
            let handle = loop {
                match handle.is_finished() {
                    true => break handle,
                    false => sudog::yield_now(),
                }
            };
            let result = handle.join_timeout(Duration::ZERO).unwrap();
            assert_eq!(text(result.unwrap_err()), "payload");
        });
        test.join();
    }
}

#[test]
fn join_timeout_meets_the_end() {
    stress(|mut rng| {
        for _ in 0..rounds(300) {
            let pause = Duration::from_micros(rng.below(100) as u64);
            let limit = Duration::from_micros(rng.below(100) as u64);
            let mut handle = spawn(move || {
                sudog::time::sleep(pause);
                Box::new(7)
            });
            let value = loop {
                match handle.join_timeout(limit) {
                    Ok(result) => break result.unwrap(),
                    Err(back) => handle = back,
                }
            };
            assert_eq!(*value, 7);
        }
    });
}
