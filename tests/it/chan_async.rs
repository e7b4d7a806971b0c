//! Channels in async code: futures and streams on several executors, polled to their end or not.

use std::cell::Cell;
use std::future::Future;
use std::marker::PhantomPinned;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::future::FusedFuture;
use futures::stream::{FusedStream, StreamExt};
use sudog::chan::{
    IntoStream, Receiver, RecvError, RecvFuture, RecvStream, SendError, SendFuture, Sender,
    TryRecvError, TrySendError, bounded, never, unbounded,
};
use sudog::{block_on, spawn};

use crate::support::{
    LIMIT, alone, goroutine, mostly, rounds, settle, stress, text, thread, wait_until,
};
use crate::traffic::{Hand, Kind, assert_all_arrived, channel};
use crate::worlds::{Bell, EXECUTORS, WORLDS, World, poll, poll_deaf, spawn_tokio, turns};

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
        for cap in CAPS {
            for one in WORLDS {
                for other in WORLDS {
                    exchange(cap, &[one], &[other], 50);
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
        for _ in 0..rounds(20) {
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

#[test]
fn waiting_in_block_on_parks_the_goroutine_only() {
    goroutine(|| {
        // More than there are Ps: each would hold one up if it held up its thread.
        let waiting: Vec<_> = (0..100)
            .map(|_| {
                let (tx, rx) = bounded(0);
                (tx, spawn(move || block_on(rx.recv_async())))
            })
            .collect();
        settle();
        for (n, (tx, waiting)) in waiting.into_iter().enumerate() {
            block_on(tx.send_async(n)).unwrap();
            assert_eq!(waiting.join().unwrap(), Ok(n));
        }
    });
}

#[test]
fn futures_fail_as_the_blocking_calls_do() {
    goroutine(|| {
        for world in EXECUTORS {
            let failing = world.run(async {
                let (tx, rx) = bounded(2);
                tx.send_async("kept").await.unwrap();
                assert!(tx.close());
                assert_eq!(tx.send_async("back").await, Err(SendError("back")));
                assert_eq!(rx.recv_async().await, Ok("kept"));
                assert_eq!(rx.recv_async().await, Err(RecvError));

                let (tx, rx) = bounded::<u8>(0);
                drop(tx);
                assert_eq!(rx.recv_async().await, Err(RecvError));
                assert_eq!(rx.stream().next().await, None);

                let (tx, rx) = unbounded();
                drop(rx);
                assert_eq!(tx.send_async(4).await, Err(SendError(4)));
            });
            failing.join();
        }
    });
}

#[test]
fn a_rendezvous_between_futures_takes_a_poll_of_each_to_begin_and_to_end() {
    let (tx, rx) = bounded(0);
    let ((recv_bell, recv_waker), (send_bell, send_waker)) = (Bell::new(), Bell::new());
    let mut receiving = Box::pin(rx.recv_async());
    let mut sending = Box::pin(tx.send_async(1));
    assert!(poll(&mut receiving, &recv_waker).is_pending());
    assert!(poll(&mut sending, &send_waker).is_pending());
    assert_eq!(recv_bell.rings(), 1);
    assert_eq!(poll(&mut receiving, &recv_waker), Poll::Ready(Ok(1)));
    assert_eq!(send_bell.rings(), 1);
    assert_eq!(poll(&mut sending, &send_waker), Poll::Ready(Ok(())));

    let mut sending = Box::pin(tx.send_async(2));
    let mut receiving = Box::pin(rx.recv_async());
    assert!(poll(&mut sending, &send_waker).is_pending());
    assert_eq!(poll(&mut receiving, &recv_waker), Poll::Ready(Ok(2)));
    assert_eq!(send_bell.rings(), 2);
    assert_eq!(poll(&mut sending, &send_waker), Poll::Ready(Ok(())));
}

#[test]
fn try_send_does_not_meet_a_waiting_future() {
    let (tx, rx) = bounded(0);
    let (bell, waker) = Bell::new();
    let mut receiving = Box::pin(rx.recv_async());
    assert!(poll(&mut receiving, &waker).is_pending());
    assert_eq!(tx.try_send(1), Err(TrySendError::Full(1)));
    assert_eq!(bell.rings(), 0);
    let sender = spawn(move || tx.send(2));
    wait_until(|| bell.rings() == 1);
    assert_eq!(poll(&mut receiving, &waker), Poll::Ready(Ok(2)));
    sender.join().unwrap().unwrap();
}

/// A way to receive.
type Take = fn(&Receiver<u32>) -> Option<u32>;

#[test]
fn any_receive_takes_what_a_future_holds_out() {
    goroutine(|| {
        for cap in [0, 1] {
            let (tx, rx) = bounded(cap);
            let takes: [Take; 6] = [
                |rx| rx.try_recv().ok(),
                |rx| rx.recv().ok(),
                |rx| rx.recv_timeout(LIMIT).ok(),
                |rx| rx.iter().next(),
                |rx| block_on(rx.recv_async()).ok(),
                |rx| match poll_deaf(&mut Box::pin(rx.recv_async())) {
                    Poll::Ready(value) => value.ok(),
                    Poll::Pending => None,
                },
            ];
            for take in takes {
                (0..cap).for_each(|_| tx.send(0).unwrap());
                let (bell, waker) = Bell::new();
                let mut sending = Box::pin(tx.send_async(7));
                assert!(poll(&mut sending, &waker).is_pending());
                for _ in 0..cap {
                    assert_eq!(take(&rx), Some(0));
                }
                assert_eq!(take(&rx), Some(7), "capacity {cap}");
                assert_eq!(bell.rings(), 1);
                assert_eq!(poll(&mut sending, &waker), Poll::Ready(Ok(())));
                assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
            }
        }
    });
}

#[test]
fn sending_futures_wait_in_line_with_the_others() {
    goroutine(|| {
        mostly(|| {
            let (tx, rx) = bounded(1);
            tx.send(0).unwrap();
            let mut hands = Vec::new();
            let mut futures = Vec::new();
            for n in 1..7 {
                let tx2 = tx.clone();
                match n % 3 {
                    0 => hands.push(Kind::Goroutine.spawn(move || tx2.send(n).unwrap())),
                    1 => hands.push(Kind::Thread.spawn(move || tx2.send(n).unwrap())),
                    _ => {
                        let mut sending = Box::pin(tx.send_async(n));
                        assert!(poll_deaf(&mut sending).is_pending());
                        futures.push(sending);
                    }
                }
                settle();
                settle();
            }
            let values: Vec<_> = rx.iter().take(7).collect();
            hands.into_iter().for_each(Hand::join);
            for mut sending in futures {
                assert_eq!(poll_deaf(&mut sending), Poll::Ready(Ok(())));
            }
            values == [0, 1, 2, 3, 4, 5, 6]
        });
    });
}

#[test]
fn a_receiving_future_that_is_never_polled_again_keeps_nothing_from_others() {
    goroutine(|| {
        for cap in CAPS {
            let (tx, rx) = channel(cap);
            let send = |n| {
                let tx = tx.clone();
                spawn(move || tx.send(n).unwrap())
            };
            let (bell, waker) = Bell::new();
            let mut idle = Box::pin(rx.recv_async());
            assert!(poll(&mut idle, &waker).is_pending());
            let mut idle_stream = Box::pin(rx.stream());
            let mut cx = Context::from_waker(Waker::noop());
            assert!(idle_stream.poll_next_unpin(&mut cx).is_pending());

            for kind in [Kind::Goroutine, Kind::Thread] {
                let rx2 = rx.clone();
                let receiver = kind.spawn(move || rx2.recv());
                let sender = send(1);
                assert_eq!(receiver.join(), Ok(1), "capacity {cap:?}");
                sender.join().unwrap();
            }
            let sender = send(2);
            wait_until(|| rx.try_recv() == Ok(2));
            sender.join().unwrap();

            let (rang, other_waker) = Bell::new();
            let mut other = Box::pin(rx.recv_async());
            assert!(poll(&mut other, &other_waker).is_pending());
            let sender = send(3);
            wait_until(|| rang.rings() > 0);
            assert_eq!(poll(&mut other, &other_waker), Poll::Ready(Ok(3)));
            sender.join().unwrap();

            for world in EXECUTORS {
                let rx = rx.clone();
                let receiver = world.run(async move { rx.recv_async().await });
                let sender = send(4);
                assert_eq!(receiver.join(), Ok(4), "capacity {cap:?}");
                sender.join().unwrap();
            }
            assert!(bell.rings() <= 1, "woken again without a poll");
        }
    });
}

#[test]
fn a_sending_future_that_is_never_polled_again_stalls_nobody() {
    goroutine(|| {
        for cap in [0, 1] {
            let (tx, rx) = bounded(cap);
            (0..cap).for_each(|n| tx.send(n).unwrap());
            let mut idle = Box::pin(tx.send_async(10));
            assert!(poll_deaf(&mut idle).is_pending());
            let tx2 = tx.clone();
            let sender = Kind::Thread.spawn(move || (11..20).for_each(|n| tx2.send(n).unwrap()));
            // Before the sender's, since it waited first; then nothing of it is left.
            assert!(rx.iter().take(cap).eq(0..cap));
            assert_eq!(rx.recv(), Ok(10));
            assert!(rx.iter().take(9).eq(11..20));
            sender.join();
        }
    });
}

/// The moments at which a future can be dropped: after so many polls, before or after a wake.
#[test]
fn a_receiving_future_takes_nothing_with_it_whenever_it_is_dropped() {
    for cap in CAPS {
        for polls_before in 0..3 {
            for polls_between in 0..3 {
                let (tx, rx) = channel(cap);
                let mut receiving = Box::pin(rx.recv_async());
                for _ in 0..polls_before {
                    assert!(poll_deaf(&mut receiving).is_pending());
                }
                let mut sending = Box::pin(tx.send_async(5));
                for _ in 0..polls_between {
                    let is_sent = !sending.is_terminated() && poll_deaf(&mut sending).is_ready();
                    assert!(!is_sent || cap != Some(0));
                }
                drop(receiving);
                if !sending.is_terminated() {
                    assert_eq!(poll_deaf(&mut sending).is_ready(), cap != Some(0));
                }
                assert_eq!(rx.try_recv(), Ok(5));
                assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
            }
        }
    }
}

#[test]
fn a_woken_future_that_is_dropped_passes_the_wake_on() {
    for cap in [Some(1), None] {
        let (tx, rx) = channel(cap);
        let mut waiting: Vec<_> = (0..5)
            .map(|_| (Box::pin(rx.recv_async()), Bell::new()))
            .collect();
        for (future, (_, waker)) in &mut waiting {
            assert!(poll(future, waker).is_pending());
        }
        tx.send(1).unwrap();
        // Those who were woken go, one after the other: whoever is left must know of the value.
        while waiting.len() > 1 {
            let woken = waiting.iter().position(|(_, (bell, _))| bell.rings() > 0);
            drop(waiting.remove(woken.expect("one is woken")));
        }
        let (mut future, (bell, waker)) = waiting.pop().unwrap();
        assert_eq!(bell.rings(), 1);
        assert_eq!(poll(&mut future, &waker), Poll::Ready(Ok(1)));
    }
}

#[test]
fn a_dropped_task_leaves_its_value_to_the_next() {
    goroutine(|| {
        for _ in 0..rounds(50) {
            let (tx, rx) = bounded(0);
            let rx2 = rx.clone();
            let aborted = spawn_tokio(async move { rx2.recv_async().await });
            let rx2 = rx.clone();
            let other = spawn_tokio(async move { rx2.recv_async().await });
            settle();
            let sender = spawn(move || tx.send(3).unwrap());
            aborted.abort();
            let first = World::BlockedThread.run(aborted).join();
            if let Ok(first) = first {
                assert_eq!(first, Ok(3));
                sender.join().unwrap();
                drop(rx);
            } else {
                assert_eq!(World::Pollster.run(other).join().unwrap(), Ok(3));
                sender.join().unwrap();
            }
        }
    });
}

#[test]
fn a_sending_future_that_is_dropped_drops_its_value_once() {
    let alive = Arc::new(());
    for cap in CAPS {
        for polls in 0..3 {
            for is_taken in [false, true] {
                let (tx, rx) = channel(cap);
                if cap == Some(1) {
                    tx.send(alive.clone()).unwrap();
                }
                let mut sending = Box::pin(tx.send_async(alive.clone()));
                let mut is_sent = false;
                for _ in 0..polls {
                    if is_sent {
                        break;
                    }
                    is_sent = poll_deaf(&mut sending).is_ready();
                }
                let count = if is_taken { rx.try_iter().count() } else { 0 };
                assert!(count <= 2);
                drop(sending);
                assert_eq!(Arc::strong_count(&alive), 1 + rx.len());
                drop((tx, rx));
                assert_eq!(Arc::strong_count(&alive), 1, "{cap:?}, {polls}, {is_taken}");
            }
        }
    }
}

#[test]
fn take_value_gives_back_what_was_not_sent() {
    for polls in 0..3 {
        let (tx, rx) = bounded(0);
        let mut sending = Box::pin(tx.send_async(String::from("mine")));
        (0..polls).for_each(|_| assert!(poll_deaf(&mut sending).is_pending()));
        assert!(!sending.is_terminated());
        assert_eq!(sending.as_mut().take_value(), Some("mine".into()));
        assert!(sending.is_terminated());
        assert_eq!(sending.as_mut().take_value(), None);
        assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
        drop(sending);

        let mut sending = Box::pin(tx.send_async(String::from("yours")));
        assert!(poll_deaf(&mut sending).is_pending());
        assert_eq!(rx.try_recv(), Ok("yours".into()));
        assert_eq!(sending.as_mut().take_value(), None);
        assert!(sending.is_terminated());
    }
    let (tx, rx) = bounded(0);
    let mut sending = Box::pin(tx.send_async(1));
    assert!(poll_deaf(&mut sending).is_pending());
    rx.close();
    assert_eq!(sending.as_mut().take_value(), Some(1));
}

#[test]
fn a_finished_sending_future_must_not_be_polled() {
    let (tx, rx) = bounded(1);
    let panics = |mut sending: Pin<Box<SendFuture<'_, u8>>>| {
        assert!(sending.is_terminated());
        let again = catch_unwind(AssertUnwindSafe(|| poll_deaf(&mut sending)));
        let message = text(again.unwrap_err());
        assert!(message.contains("polled after it had ended"), "{message}");
        assert_eq!(sending.as_mut().take_value(), None);
    };
    let mut sending = Box::pin(tx.send_async(1));
    assert_eq!(poll_deaf(&mut sending), Poll::Ready(Ok(())));
    panics(sending);
    let mut sending = Box::pin(tx.send_async(2));
    assert_eq!(sending.as_mut().take_value(), Some(2));
    panics(sending);
    rx.close();
    let mut sending = Box::pin(tx.send_async(3));
    assert_eq!(poll_deaf(&mut sending), Poll::Ready(Err(SendError(3))));
    panics(sending);
    assert_eq!(rx.try_iter().collect::<Vec<_>>(), [1]);
}

#[test]
fn futures_and_streams_say_when_they_have_ended() {
    let (tx, rx) = bounded(1);
    let mut sending = Box::pin(tx.send_async(1));
    assert!(!sending.is_terminated());
    assert!(poll_deaf(&mut sending).is_ready());
    assert!(sending.is_terminated());

    let mut receiving = Box::pin(rx.recv_async());
    assert!(!receiving.is_terminated());
    assert_eq!(poll_deaf(&mut receiving), Poll::Ready(Ok(1)));
    assert!(receiving.is_terminated());
    let mut receiving = Box::pin(rx.recv_async());
    assert!(poll_deaf(&mut receiving).is_pending());
    assert!(!receiving.is_terminated());
}

#[test]
fn a_stream_ends_with_the_channel_and_stays_ended() {
    fn end(mut stream: impl FusedStream<Item = u32> + Unpin) {
        let mut cx = Context::from_waker(Waker::noop());
        for n in 0..3 {
            assert!(!stream.is_terminated());
            assert_eq!(stream.poll_next_unpin(&mut cx), Poll::Ready(Some(n)));
        }
        for _ in 0..3 {
            assert_eq!(stream.poll_next_unpin(&mut cx), Poll::Ready(None));
            assert!(stream.is_terminated());
        }
    }
    for by_close in [false, true] {
        let (tx, rx) = unbounded();
        (0..3).for_each(|n| tx.send(n).unwrap());
        if by_close {
            tx.close();
        }
        let _kept = by_close.then_some(tx);
        let rx2 = rx.clone();
        end(rx.stream());
        let (tx, rx) = unbounded();
        (0..3).for_each(|n| tx.send(n).unwrap());
        drop(tx);
        end(rx.into_stream());
        drop(rx2);
    }
}

#[test]
fn a_stream_that_owns_its_receiver_closes_with_it() {
    let (tx, rx) = bounded(1);
    let mut stream = rx.into_stream();
    let mut cx = Context::from_waker(Waker::noop());
    assert!(stream.poll_next_unpin(&mut cx).is_pending());
    tx.send(1).unwrap();
    assert!(!tx.is_closed());
    drop(stream);
    assert!(tx.is_closed());
    assert_eq!(tx.send(2), Err(SendError(2)));
}

#[test]
fn a_stream_may_be_moved_while_it_waits() {
    let (tx, rx) = bounded(1);
    let mut cx = Context::from_waker(Waker::noop());
    let mut stream = rx.into_stream();
    assert!(stream.poll_next_unpin(&mut cx).is_pending());
    let mut streams = vec![stream];
    streams.reserve(100);
    tx.send(1).unwrap();
    let mut stream = Box::new(streams.pop().unwrap());
    assert_eq!(stream.poll_next_unpin(&mut cx), Poll::Ready(Some(1)));
}

#[test]
fn nothing_ever_comes_from_never_in_async_code() {
    let rx = never::<u8>();
    let mut receiving = Box::pin(rx.recv_async());
    assert!(poll_deaf(&mut receiving).is_pending());
    assert!(!rx.close());
    assert!(poll_deaf(&mut receiving).is_pending());
    assert!(!rx.stream().is_terminated());
}

/// Ends the channel in one of four ways; gives back what must live on.
fn end(way: usize, tx: Sender<usize>, rx: Receiver<usize>) {
    match way {
        0 => drop(tx.close()),
        1 => drop(rx.close()),
        2 => drop(tx),
        _ => drop(rx),
    }
}

#[test]
fn the_end_of_a_channel_wakes_every_future() {
    for way in 0..3 {
        let (tx, rx) = bounded(0);
        let bells: Vec<_> = (0..8).map(|_| Bell::new()).collect();
        let rx2 = rx.clone();
        let mut futures: Vec<_> = (0..8).map(|_| Box::pin(rx2.recv_async())).collect();
        for (future, (_, waker)) in futures.iter_mut().zip(&bells) {
            assert!(poll(future, waker).is_pending());
        }
        end(way, tx, rx);
        for (future, (bell, waker)) in futures.iter_mut().zip(&bells) {
            assert_eq!(bell.rings(), 1);
            assert_eq!(poll(future, waker), Poll::Ready(Err(RecvError)));
        }
    }
    for way in [0, 1, 3] {
        let (tx, rx) = bounded(1);
        tx.send(99).unwrap();
        let bells: Vec<_> = (0..8).map(|_| Bell::new()).collect();
        let tx2 = tx.clone();
        let mut futures: Vec<_> = (0..8).map(|n| Box::pin(tx2.send_async(n))).collect();
        for (future, (_, waker)) in futures.iter_mut().zip(&bells) {
            assert!(poll(future, waker).is_pending());
        }
        end(way, tx, rx);
        for (n, (future, (bell, waker))) in futures.iter_mut().zip(&bells).enumerate() {
            assert_eq!(bell.rings(), 1);
            assert_eq!(poll(future, waker), Poll::Ready(Err(SendError(n))));
        }
    }
}

#[test]
fn the_end_of_a_channel_reaches_tasks_on_every_executor() {
    goroutine(|| {
        for world in EXECUTORS {
            for way in 0..3 {
                let (tx, rx) = bounded::<usize>(0);
                let rx2 = rx.clone();
                let receiving = world.run(async move { rx2.recv_async().await });
                settle();
                end(way, tx, rx);
                assert_eq!(receiving.join(), Err(RecvError));
            }
            for way in [0, 1, 3] {
                let (tx, rx) = bounded(0);
                let tx2 = tx.clone();
                let sending = world.run(async move { tx2.send_async(3).await });
                settle();
                end(way, tx, rx);
                assert_eq!(sending.join(), Err(SendError(3)));
            }
        }
    });
}

#[test]
fn only_the_last_waker_of_a_future_is_called_and_kept() {
    let (tx, rx) = bounded(1);
    let ((first, first_waker), (last, last_waker)) = (Bell::new(), Bell::new());
    let mut receiving = Box::pin(rx.recv_async());
    assert!(poll(&mut receiving, &first_waker).is_pending());
    assert_eq!(Arc::strong_count(&first), 3);
    assert!(poll(&mut receiving, &last_waker).is_pending());
    assert_eq!(Arc::strong_count(&first), 2);
    tx.send(1).unwrap();
    assert_eq!((first.rings(), last.rings()), (0, 1));
    drop(receiving);

    let mut sending = Box::pin(tx.send_async(2));
    assert!(poll(&mut sending, &first_waker).is_pending());
    assert!(poll(&mut sending, &last_waker).is_pending());
    assert!(poll(&mut sending, &last_waker).is_pending());
    assert!(rx.recv().is_ok());
    assert_eq!((first.rings(), last.rings()), (0, 2));
    drop(sending);
    assert_eq!(Arc::strong_count(&first), 2);
    assert_eq!(Arc::strong_count(&last), 2);
}

#[test]
fn a_future_that_waits_may_go_to_another_task() {
    goroutine(|| {
        for from in EXECUTORS {
            for to in EXECUTORS {
                let (tx, rx) = bounded(0);
                let (hand_tx, hand_rx) = unbounded::<IntoStream<u8>>();
                let first = from.run(async move {
                    let mut stream = rx.into_stream();
                    let is_pending = futures::poll!(stream.next()).is_pending();
                    hand_tx.send_async(stream).await.unwrap();
                    // It stays a while, so that a wake could come to the wrong one.
                    turns(3).await;
                    is_pending
                });
                let second = to.run(async move {
                    let mut stream = hand_rx.recv_async().await.unwrap();
                    stream.next().await
                });
                assert!(first.join());
                block_on(tx.send_async(8)).unwrap();
                assert_eq!(second.join(), Some(8), "{from:?} to {to:?}");
            }
        }
    });
}

#[test]
fn a_time_out_of_tokio_around_a_future_loses_nothing() {
    goroutine(|| {
        for cap in CAPS {
            let (tx, rx) = channel(cap);
            let each = rounds(200);
            let received = spawn_tokio(async move {
                let mut all = Vec::new();
                loop {
                    let limit = Duration::from_micros(all.len() as u64 % 50);
                    match tokio::time::timeout(limit, rx.recv_async()).await {
                        Ok(Ok(value)) => all.push(value),
                        Ok(Err(RecvError)) => return all,
                        Err(_) => {}
                    }
                }
            });
            let sender = Kind::Thread.spawn(move || {
                for n in 0..each {
                    if n % 16 == 0 {
                        std::thread::sleep(Duration::from_micros(50));
                    }
                    tx.send(n).unwrap();
                }
            });
            sender.join();
            assert!(
                World::Pollster
                    .run(received)
                    .join()
                    .unwrap()
                    .into_iter()
                    .eq(0..each)
            );
        }
    });
}

/// `assert_not!(Type: Trait)` compiles only if the type does not have the trait: otherwise there are
/// two to choose from.
macro_rules! assert_not {
    ($type:ty: $trait:path) => {{
        trait Ambiguous<A> {
            fn some() {}
        }
        struct Has;
        impl<T: ?Sized> Ambiguous<()> for T {}
        impl<T: ?Sized + $trait> Ambiguous<Has> for T {}
        let _ = <$type as Ambiguous<_>>::some;
    }};
}

#[test]
fn what_may_be_sent_and_moved_is_as_promised() {
    fn is_send<T: Send>() {}
    fn is_unpin<T: Unpin>() {}
    // `Send` is enough of a value, it need not be `Sync`.
    is_send::<SendFuture<'static, Cell<u8>>>();
    is_send::<RecvFuture<'static, Cell<u8>>>();
    is_send::<RecvStream<'static, Cell<u8>>>();
    is_send::<IntoStream<Cell<u8>>>();
    assert_not!(SendFuture<'static, std::rc::Rc<u8>>: Send);
    assert_not!(RecvFuture<'static, std::rc::Rc<u8>>: Send);
    assert_not!(RecvStream<'static, std::rc::Rc<u8>>: Send);
    assert_not!(IntoStream<std::rc::Rc<u8>>: Send);
    is_unpin::<RecvStream<'static, PhantomPinned>>();
    is_unpin::<IntoStream<PhantomPinned>>();
    assert_not!(SendFuture<'static, u8>: Unpin);
    assert_not!(RecvFuture<'static, u8>: Unpin);
}

#[test]
fn debug_says_what_it_is() {
    let (tx, rx) = bounded::<u8>(1);
    assert_eq!(format!("{:?}", tx.send_async(1)), "SendFuture { .. }");
    assert_eq!(format!("{:?}", rx.recv_async()), "RecvFuture { .. }");
    assert_eq!(format!("{:?}", rx.stream()), "RecvStream { .. }");
    assert_eq!(format!("{:?}", rx.into_stream()), "IntoStream { .. }");
}

/// Uses the channel that it was in when it is dropped.
struct Meddler {
    tx: Sender<Option<Meddler>>,
    rx: Receiver<Option<Meddler>>,
    dropped: Arc<AtomicUsize>,
}

impl Drop for Meddler {
    fn drop(&mut self) {
        let _ = self.tx.try_send(None);
        let _ = self.rx.try_recv();
        let _ = poll_deaf(&mut Box::pin(self.tx.send_async(None)));
        let _ = poll_deaf(&mut Box::pin(self.rx.recv_async()));
        let _ = (self.tx.len(), self.tx.clone(), self.rx.clone());
        self.tx.close();
        self.dropped.fetch_add(1, SeqCst);
    }
}

#[test]
fn a_drop_may_use_the_channel_that_its_future_waits_for() {
    goroutine(|| {
        for cap in [0, 1] {
            for polls in 0..3 {
                for way in 0..3 {
                    let dropped = Arc::new(AtomicUsize::new(0));
                    let (tx, rx) = bounded(cap);
                    let (tx2, rx2) = (tx.clone(), rx.clone());
                    (0..cap).for_each(|_| assert!(tx.send(None).is_ok()));
                    let meddler = Meddler {
                        tx,
                        rx,
                        dropped: dropped.clone(),
                    };
                    let mut sending = Box::pin(tx2.send_async(Some(meddler)));
                    (0..polls).for_each(|_| assert!(poll_deaf(&mut sending).is_pending()));
                    match way {
                        0 => drop(sending),
                        1 => drop(sending.as_mut().take_value()),
                        _ => {
                            tx2.close();
                            assert!(poll_deaf(&mut sending).is_ready());
                        }
                    }
                    assert_eq!(dropped.load(SeqCst), 1);
                    assert!(rx2.is_closed());
                }
            }
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
fn a_pinned_future_on_the_stack_works_without_any_executor() {
    thread(|| {
        let (tx, rx) = bounded(0);
        let mut sending = pin!(tx.send_async(1));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(sending.as_mut().poll(&mut cx).is_pending());
        assert_eq!(rx.recv(), Ok(1));
        assert_eq!(sending.as_mut().poll(&mut cx), Poll::Ready(Ok(())));
    });
}

#[test]
fn a_select_of_futures_leaves_the_losers_values() {
    goroutine(|| {
        for world in EXECUTORS {
            let (a_tx, a_rx) = bounded(0);
            let (b_tx, b_rx) = bounded(0);
            let each = 100;
            let senders = [(0, a_tx), (1, b_tx)].map(|(producer, tx)| {
                spawn(move || (0..each).for_each(|n| tx.send((producer, n)).unwrap()))
            });
            let selecting = world.run(async move {
                let mut all = Vec::new();
                while all.len() < 2 * each {
                    let (a, b) = (pin!(a_rx.recv_async()), pin!(b_rx.recv_async()));
                    let either = futures::future::select(a, b).await;
                    match either.factor_first().0 {
                        Ok(value) => all.push(value),
                        // One is through: the other's are all that is left.
                        Err(RecvError) if a_rx.is_closed() => {
                            all.extend(b_rx.stream().collect::<Vec<_>>().await);
                        }
                        Err(RecvError) => all.extend(a_rx.stream().collect::<Vec<_>>().await),
                    }
                }
                all
            });
            assert_all_arrived(2, each, [selecting.join()].into_iter());
            senders
                .into_iter()
                .for_each(|sender| sender.join().unwrap());
        }
    });
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
