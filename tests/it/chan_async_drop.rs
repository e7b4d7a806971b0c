//! Futures that are dropped, or left alone, before they are done: nothing is lost, and nobody stalls.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::future::FusedFuture;
use futures::stream::StreamExt;
use sudog::chan::{Receiver, RecvError, Sender, TryRecvError, bounded};
use sudog::spawn;

use crate::support::{goroutine, rounds, settle, wait_until};
use crate::traffic::{Kind, assert_all_arrived, channel};
use crate::worlds::{Bell, EXECUTORS, World, poll, poll_deaf, spawn_tokio};

const CAPS: [Option<usize>; 4] = [Some(0), Some(1), Some(16), None];

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
            let first = World::BlockedThread.run(aborted).join().ok();
            let second = World::Pollster.run(other).join().ok();
            sender.join().unwrap();
            // Either may have come first. Who did not get it and was not dropped has met the end.
            match first {
                Some(Ok(value)) => assert_eq!((value, second), (3, Some(Err(RecvError)))),
                None | Some(Err(RecvError)) => assert_eq!(second, Some(Ok(3))),
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
