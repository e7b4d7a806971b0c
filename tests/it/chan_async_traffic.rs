//! Values from each world to each other: goroutines, threads, and async code on several executors.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::Poll;
use std::time::Duration;

use futures::stream::StreamExt;
use sudog::block_on;
use sudog::chan::{Receiver, Sender, bounded};

use crate::support::{LIMIT, alone, goroutine, in_time, rounds, stress};
use crate::traffic::{Hand, assert_all_arrived, channel};
use crate::worlds::{EXECUTORS, WORLDS, World, poll_deaf};

const CAPS: [Option<usize>; 4] = [Some(0), Some(1), Some(16), None];

/// Sends numbers from some world.
fn produce(world: World, tx: Sender<(usize, usize)>, producer: usize, each: usize) -> Hand<()> {
    let tx2 = tx.clone();
    let blocking = move || (0..each).for_each(|n| tx2.send((producer, n)).unwrap());
    let future = async move {
        for n in 0..each {
            tx.send_async((producer, n)).await.unwrap();
        }
    };
    world.spawn(blocking, future)
}

/// Receives everything in some world, in one of three ways where there are three.
fn consume(world: World, rx: Receiver<(usize, usize)>, way: usize) -> Hand<Vec<(usize, usize)>> {
    let rx2 = rx.clone();
    let blocking = move || rx2.iter().collect();
    let future = async move {
        match way % 3 {
            0 => rx.stream().collect().await,
            1 => rx.into_stream().collect().await,
            _ => {
                let mut all = Vec::new();
                while let Ok(value) = rx.recv_async().await {
                    all.push(value);
                }
                all
            }
        }
    };
    world.spawn(blocking, future)
}

fn exchange(cap: Option<usize>, producers: &[World], consumers: &[World], each: usize) {
    let (tx, rx) = channel(cap);
    let producing: Vec<_> = (producers.iter().enumerate())
        .map(|(n, world)| produce(*world, tx.clone(), n, each))
        .collect();
    let consuming: Vec<_> = (consumers.iter().enumerate())
        .map(|(n, world)| consume(*world, rx.clone(), n))
        .collect();
    drop((tx, rx));
    producing.into_iter().for_each(Hand::join);
    let received = consuming.into_iter().map(Hand::join);
    assert_all_arrived(producers.len(), each, received);
}

#[test]
fn every_world_talks_with_every_other() {
    goroutine(|| {
        let mut many = in_time(usize::MAX);
        for cap in CAPS {
            for one in WORLDS {
                for other in WORLDS {
                    exchange(cap, &[one], &[other], many.next().map_or(5, |_| 50));
                }
            }
        }
    });
}

#[test]
fn all_worlds_at_both_ends_of_one_channel_lose_and_double_nothing() {
    goroutine(|| {
        for cap in CAPS {
            exchange(cap, &WORLDS, &WORLDS, rounds(200));
        }
    });
}

#[test]
fn worlds_mixed_at_random_lose_and_double_nothing() {
    stress(|mut rng| {
        for _ in in_time(rounds(20)) {
            let cap = CAPS[rng.below(CAPS.len())];
            let mut worlds = || -> Vec<_> {
                (0..1 + rng.below(6))
                    .map(|_| World::any(&mut rng))
                    .collect()
            };
            let (producers, consumers) = (worlds(), worlds());
            exchange(cap, &producers, &consumers, 1 + rng.below(100));
        }
    });
}

/// Sends values from one executor to another and checks them on arrival.
fn through<T: Send + 'static>(make: fn(u8) -> T, check: fn(u8, &T)) {
    for cap in CAPS {
        for (n, from) in EXECUTORS.into_iter().enumerate() {
            let (tx, rx) = channel(cap);
            let sending = from.run(async move {
                for n in 0..20 {
                    assert!(tx.send_async(make(n)).await.is_ok());
                }
            });
            let receiving = EXECUTORS[(n + 1) % EXECUTORS.len()].run(async move {
                for n in 0..20 {
                    let value = rx.recv_async().await.unwrap_or_else(|_| panic!("open"));
                    assert_eq!(&raw const value as usize % align_of::<T>(), 0);
                    check(n, &value);
                }
                assert!(rx.recv_async().await.is_err());
            });
            sending.join();
            receiving.join();
        }
    }
}

#[test]
fn values_of_any_shape_arrive_whole() {
    #[repr(align(128))]
    struct Line(u8);
    #[repr(align(1024))]
    struct Wide([u8; 3]);
    goroutine(|| {
        through(|_| (), |_, ()| ());
        through(Line, |n, value| assert_eq!(value.0, n));
        through(|n| Wide([n; 3]), |n, value| assert_eq!(value.0, [n; 3]));
        through(|n| [n; 4097], |n, value| assert_eq!(*value, [n; 4097]));
    });
}

#[test]
fn values_without_size_are_dropped_as_often_as_made() {
    static DROPPED: AtomicUsize = AtomicUsize::new(0);
    struct Nothing;
    impl Drop for Nothing {
        fn drop(&mut self) {
            DROPPED.fetch_add(1, SeqCst);
        }
    }
    for cap in CAPS {
        DROPPED.store(0, SeqCst);
        let (tx, rx) = channel(cap);
        let mut futures: Vec<_> = (0..20).map(|_| Box::pin(tx.send_async(Nothing))).collect();
        for sending in &mut futures {
            if let Poll::Ready(sent) = poll_deaf(sending) {
                assert!(sent.is_ok());
            }
        }
        assert_eq!(rx.try_iter().take(7).count(), 7);
        drop(futures);
        drop((tx, rx));
        assert_eq!(DROPPED.load(SeqCst), 20, "capacity {cap:?}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn channels_among_threads_and_async_code_start_no_other_thread() {
    fn threads() -> usize {
        std::fs::read_dir("/proc/self/task").unwrap().count()
    }
    alone(&[], || {
        let before = threads();
        let (tx, rx) = bounded(0);
        let (back_tx, back_rx) = bounded(1);
        let echo = std::thread::spawn(move || {
            pollster::block_on(async {
                let mut stream = rx.stream();
                while let Some(n) = stream.next().await {
                    back_tx.send_async(n).await.unwrap();
                }
            });
        });
        let tokio = tokio::runtime::Builder::new_current_thread().build();
        tokio.unwrap().block_on(async {
            for n in 0..100 {
                tx.send_async(n).await.unwrap();
                assert_eq!(back_rx.recv_async().await, Ok(n));
            }
        });
        block_on(tx.send_async(100)).unwrap();
        assert_eq!(back_rx.recv_timeout(LIMIT), Ok(100));
        let brief = Duration::from_millis(1);
        assert!(back_rx.recv_timeout(brief).unwrap_err().is_timeout());
        tx.send_timeout(101, LIMIT).unwrap();
        assert_eq!(back_rx.recv(), Ok(101));
        assert!(threads() <= before + 1, "{}, {before} before", threads());
        drop(Box::pin(back_rx.recv_async()));
        assert!(tx.close());
        echo.join().unwrap();
        let limit = std::time::Instant::now() + LIMIT / 2;
        while threads() > before {
            assert!(
                std::time::Instant::now() < limit,
                "{} threads, {before} before",
                threads()
            );
            std::thread::yield_now();
        }
    });
}
