//! Wakers are the user's code: they may panic, block, and use the very channel that calls them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::task::Poll;
use std::time::Duration;

use sudog::chan::{Receiver, Sender, bounded, unbounded};
use sudog::sync::WaitGroup;
use sudog::{block_on, spawn};

use crate::support::{
    LIMIT, goroutine, in_time, quiet_panic, rounds, settle, stress, thread, wait_until,
};
use crate::traffic::{Hand, Kind};
use crate::worlds::{Bell, Event, poll, poll_deaf, rigged};

const EVENTS: [Event; 3] = [Event::Clone, Event::Wake, Event::Drop];
const KINDS: [Kind; 2] = [Kind::Goroutine, Kind::Thread];

#[test]
fn a_waker_that_panics_when_called_or_dropped_stops_nobody() {
    goroutine(|| {
        for event in [Event::Wake, Event::Drop] {
            for by_close in [false, true] {
                let is_armed = Arc::new(AtomicBool::new(false));
                let armed = is_armed.clone();
                let bad = rigged(move |e| {
                    if e == event && armed.load(SeqCst) {
                        quiet_panic("waker");
                    }
                });
                let (tx, rx) = bounded(1);
                let ((first, first_waker), (last, last_waker)) = (Bell::new(), Bell::new());
                let mut futures: Vec<_> = (0..3).map(|_| Box::pin(rx.recv_async())).collect();
                assert!(poll(&mut futures[0], &first_waker).is_pending());
                assert!(poll(&mut futures[1], &bad).is_pending());
                assert!(poll(&mut futures[2], &last_waker).is_pending());
                is_armed.store(true, SeqCst);
                if by_close {
                    assert!(tx.close());
                } else {
                    tx.send(1).unwrap();
                }
                assert_eq!((first.rings(), last.rings()), (1, 1), "{event:?}");
                // Takes the place of the bad one and drops it, and then the future does.
                let polled = poll(&mut futures[1], &first_waker);
                assert!(polled.is_ready());
                assert!(poll(&mut futures[0], &last_waker).is_pending() != by_close);
                drop(futures);
                is_armed.store(false, SeqCst);
            }
        }
    });
}

#[test]
fn a_waker_that_panics_when_dropped_with_its_future_stops_nobody() {
    let is_armed = Arc::new(AtomicBool::new(false));
    let armed = is_armed.clone();
    let bad = rigged(move |e| {
        if e == Event::Drop && armed.load(SeqCst) {
            quiet_panic("waker");
        }
    });
    let (tx, rx) = bounded(0);
    let mut receiving = Box::pin(rx.recv_async());
    let mut sending = Box::pin(tx.send_async(1));
    assert!(poll(&mut receiving, &bad).is_pending());
    assert!(poll(&mut sending, &bad).is_pending());
    is_armed.store(true, SeqCst);
    drop(receiving);
    drop(sending);
    is_armed.store(false, SeqCst);
    assert!(rx.try_recv().is_err());
}

#[test]
fn a_waker_that_panics_when_cloned_fails_the_poll_and_loses_nothing() {
    goroutine(|| {
        let bad = rigged(|e| {
            if e == Event::Clone {
                quiet_panic("waker");
            }
        });
        let (tx, rx) = bounded(0);
        let (bell, good) = Bell::new();
        // At the first poll.
        let mut receiving = Box::pin(rx.recv_async());
        let mut sending = Box::pin(tx.send_async(1));
        assert!(catch_unwind(AssertUnwindSafe(|| poll(&mut receiving, &bad))).is_err());
        assert!(catch_unwind(AssertUnwindSafe(|| poll(&mut sending, &bad))).is_err());
        assert_eq!(sending.as_mut().take_value(), Some(1));
        drop((receiving, sending));
        // While it waits: it goes on waiting with the waker it had.
        let mut receiving = Box::pin(rx.recv_async());
        assert!(poll(&mut receiving, &good).is_pending());
        assert!(catch_unwind(AssertUnwindSafe(|| poll(&mut receiving, &bad))).is_err());
        let mut sending = Box::pin(tx.send_async(2));
        assert!(poll(&mut sending, &good).is_pending());
        assert_eq!(bell.rings(), 1);
        assert!(catch_unwind(AssertUnwindSafe(|| poll(&mut sending, &bad))).is_err());
        assert_eq!(poll(&mut receiving, &good), Poll::Ready(Ok(2)));
        assert_eq!(bell.rings(), 2);
        assert_eq!(poll(&mut sending, &good), Poll::Ready(Ok(())));
    });
}

/// What a waker may do with the channel that it belongs to, without blocking.
fn meddle(tx: &Sender<u32>, rx: &Receiver<u32>) {
    let _ = tx.try_send(100);
    let _ = rx.try_recv();
    let _ = poll_deaf(&mut Box::pin(rx.recv_async()));
    let _ = poll_deaf(&mut Box::pin(tx.send_async(100)));
    let _ = (rx.len(), rx.is_closed(), rx.clone(), tx.clone());
}

#[test]
fn a_waker_may_use_its_own_channel() {
    for body in [goroutine, thread] as [fn(fn()); 2] {
        body(|| {
            for event in EVENTS {
                for cap in [0, 1, 2] {
                    let (tx, rx) = bounded(cap);
                    let (tx2, rx2) = (tx.clone(), rx.clone());
                    let count = Arc::new(AtomicUsize::new(0));
                    let counted = count.clone();
                    let waker = rigged(move |e| {
                        if e == event {
                            counted.fetch_add(1, SeqCst);
                            meddle(&tx2, &rx2);
                        }
                    });
                    let mut receiving = Box::pin(rx.recv_async());
                    let _ = poll(&mut receiving, &waker);
                    let _ = tx.try_send(1);
                    let _ = tx.send_timeout(2, Duration::from_micros(10));
                    let _ = rx.try_recv();
                    let _ = poll(&mut receiving, &waker);
                    drop(receiving);
                    while tx.try_send(3).is_ok() {}
                    let mut sending = Box::pin(tx.send_async(4));
                    let _ = poll(&mut sending, &waker);
                    let _ = rx.try_recv();
                    let _ = rx.recv_timeout(Duration::from_micros(10));
                    drop(sending);
                    let mut receiving = Box::pin(rx.recv_async());
                    let _ = poll(&mut receiving, &waker);
                    tx.close();
                    drop(waker);
                    assert!(count.load(SeqCst) > 0, "{event:?}");
                }
            }
        });
    }
}

#[test]
fn a_waker_may_close_or_end_its_own_channel() {
    for body in [goroutine, thread] as [fn(fn()); 2] {
        body(|| {
            for by_drop in [false, true] {
                let (tx, rx) = bounded(1);
                let ends = std::sync::Mutex::new(Some((tx.clone(), rx.clone())));
                let waker = rigged(move |e| {
                    if e == Event::Wake {
                        let ends = ends.lock().unwrap().take();
                        if let Some((tx, rx)) = ends {
                            if !by_drop {
                                tx.close();
                            }
                            drop((tx, rx));
                        }
                    }
                });
                let (bell, other) = Bell::new();
                let rx2 = rx.clone();
                let mut futures: Vec<_> = (0..2).map(|_| Box::pin(rx2.recv_async())).collect();
                assert!(poll(&mut futures[0], &waker).is_pending());
                assert!(poll(&mut futures[1], &other).is_pending());
                tx.send(1).unwrap();
                assert_eq!(tx.is_closed(), !by_drop);
                drop((tx, rx));
                assert!(bell.rings() > 0);
                assert!(poll_deaf(&mut futures[0]).is_ready());
                assert!(poll_deaf(&mut futures[1]).is_ready());
            }
        });
    }
}

/// A way to send.
type Call = fn(&Sender<u32>);

/// What calls a waker: something that ends a future's wait, and waits itself, or not.
const CALLS: [Call; 5] = [
    |tx| tx.send(1).unwrap(),
    |tx| tx.send_timeout(1, LIMIT).unwrap(),
    |tx| tx.send_timeout(1, Duration::MAX).unwrap(),
    |tx| block_on(tx.send_async(1)).unwrap(),
    |tx| while tx.send_timeout(1, Duration::from_micros(50)).is_err() {},
];

/// A way to receive.
type Wait = fn(&Receiver<u32>) -> Option<u32>;

/// How a waker may wait for a value.
const WAITS: [Wait; 6] = [
    |rx| rx.recv().ok(),
    |rx| rx.recv_timeout(LIMIT).ok(),
    |rx| block_on(rx.recv_async()).ok(),
    |rx| {
        let (group, rx) = (WaitGroup::new(), rx.clone());
        let received = group.go(move || rx.recv().ok());
        group.wait();
        received.join().unwrap()
    },
    |rx| {
        let (group, rx) = (WaitGroup::new(), rx.clone());
        let received = group.go(move || rx.recv().ok());
        assert!(group.wait_timeout(LIMIT));
        received.join().unwrap()
    },
    |rx| {
        let (tx2, rx2) = bounded(0);
        // Somebody watches here too, so that this wait is one that calls wakers first.
        let mut watching = Box::pin(rx2.recv_async());
        assert!(poll_deaf(&mut watching).is_pending());
        let receiver = {
            let rx2 = rx2.clone();
            std::thread::spawn(move || {
                settle();
                rx2.recv()
            })
        };
        tx2.send(0).unwrap();
        receiver.join().unwrap().unwrap();
        rx.recv().ok()
    },
];

#[test]
fn a_waker_may_block() {
    goroutine(|| {
        for (call_no, call) in CALLS.iter().enumerate() {
            for (wait_no, wait) in WAITS.iter().enumerate() {
                for kind in KINDS {
                    let (tx, rx) = bounded(0);
                    let (other_tx, other_rx) = bounded(0);
                    let (began, has_begun) = unbounded();
                    let waker = rigged(move |e| {
                        if e == Event::Wake {
                            began.send(()).unwrap();
                            assert_eq!(wait(&other_rx), Some(7));
                        }
                    });
                    let mut receiving = Box::pin(rx.recv_async());
                    assert!(poll(&mut receiving, &waker).is_pending());
                    let tx2 = tx.clone();
                    let calling = kind.spawn(move || call(&tx2));
                    // The waker runs, and waits. Meanwhile the wait of its caller ends.
                    has_begun.recv().unwrap();
                    settle();
                    assert_eq!(rx.recv(), Ok(1), "call {call_no}, wait {wait_no}, {kind:?}");
                    settle();
                    other_tx.send(7).unwrap();
                    calling.join();
                }
            }
        }
    });
}

/// A chain of channels, each with a future whose waker sends to the next, and waits.
fn link(depth: usize) -> (Sender<u32>, Vec<Receiver<u32>>) {
    let (tx, rx) = bounded(0);
    if depth == 0 {
        return (tx, vec![rx]);
    }
    let (next, mut receivers) = link(depth - 1);
    let waker = rigged(move |e| {
        if e == Event::Wake {
            match depth % 2 {
                0 => next.send(depth as u32).unwrap(),
                _ => next.send_timeout(depth as u32, LIMIT).unwrap(),
            }
        }
    });
    let rx2 = rx.clone();
    std::thread::spawn(move || {
        let mut waiting = Box::pin(rx2.recv_async());
        assert!(poll(&mut waiting, &waker).is_pending());
        std::mem::forget(waiting);
        std::mem::forget(rx2);
    })
    .join()
    .unwrap();
    receivers.push(rx);
    (tx, receivers)
}

#[test]
fn a_waker_may_block_in_a_waker_that_blocks() {
    goroutine(|| {
        for kind in KINDS {
            for outermost_first in [false, true] {
                let (tx, mut receivers) = link(5);
                let calling = kind.spawn(move || tx.send(6).unwrap());
                // All of them wait by now, or will soon.
                settle();
                settle();
                let mut expected = vec![1, 2, 3, 4, 5, 6];
                if outermost_first {
                    receivers.reverse();
                    expected.reverse();
                }
                for (rx, n) in receivers.iter().zip(expected) {
                    assert_eq!(rx.recv(), Ok(n), "{kind:?}");
                    settle();
                }
                calling.join();
            }
        }
    });
}

#[test]
fn a_time_limit_holds_for_a_caller_whose_waker_blocks() {
    goroutine(|| {
        for kind in KINDS {
            let (tx, rx) = bounded(0);
            let (other_tx, other_rx) = bounded(0);
            let waker = rigged(move |e| {
                if e == Event::Wake {
                    assert_eq!(other_rx.recv(), Ok(7));
                }
            });
            let mut receiving = Box::pin(rx.recv_async());
            assert!(poll(&mut receiving, &waker).is_pending());
            let tx2 = tx.clone();
            let calling = kind.spawn(move || tx2.send_timeout(1, Duration::from_millis(1)));
            settle();
            settle();
            other_tx.send(7).unwrap();
            assert!(calling.join().is_err_and(|e| e.is_timeout()));
            assert!(rx.try_recv().is_err());
        }
    });
}

#[test]
fn a_schedule_function_may_send_to_a_bounded_channel() {
    // An executor whose run queue is a channel with little room: its wakers wait for room.
    goroutine(|| {
        let (tx, rx) = bounded(0);
        let (queue_tx, queue_rx) = bounded(1);
        let each = rounds(200);
        let consuming = spawn(move || {
            let mut received = 0;
            let mut receiving = Box::pin(rx.recv_async());
            loop {
                let queue = queue_tx.clone();
                let waker = rigged(move |e| {
                    if e == Event::Wake {
                        queue.send(()).unwrap();
                    }
                });
                match poll(&mut receiving, &waker) {
                    Poll::Ready(Ok(n)) => {
                        assert_eq!(n, received);
                        received += 1;
                        receiving = Box::pin(rx.recv_async());
                    }
                    Poll::Ready(Err(_)) => return received,
                    Poll::Pending => queue_rx.recv().unwrap(),
                }
            }
        });
        for n in 0..each {
            tx.send(n).unwrap();
        }
        drop(tx);
        assert_eq!(consuming.join().unwrap(), each);
    });
}

#[test]
fn wakers_that_do_anything_but_wait_lose_and_double_nothing() {
    any_waker(false);
}

#[test]
fn wakers_that_do_anything_lose_and_double_nothing() {
    any_waker(true);
}

fn any_waker(may_wait: bool) {
    stress(move |mut rng| {
        for _ in in_time(rounds(100)) {
            let (tx, rx) = bounded(rng.below(2));
            let side = unbounded::<u32>();
            let received = Arc::new(AtomicUsize::new(0));
            let each = 20;
            let mut hands = Vec::new();
            for _ in 0..1 + rng.below(3) {
                let (tx, way) = (tx.clone(), rng.below(4));
                hands.push(Kind::any(&mut rng).spawn(move || {
                    for _ in 0..each {
                        match way {
                            0 => tx.send(1).unwrap(),
                            1 => tx.send_timeout(1, LIMIT).unwrap(),
                            2 => block_on(tx.send_async(1)).unwrap(),
                            _ => while tx.send_timeout(1, Duration::from_micros(20)).is_err() {},
                        }
                    }
                }));
            }
            let sent = hands.len() * each;
            for _ in 0..1 + rng.below(3) {
                let (rx, side, received) = (rx.clone(), side.clone(), received.clone());
                let mut rng = rng.split();
                hands.push(Kind::any(&mut rng.clone()).spawn(move || {
                    while received.load(SeqCst) < sent {
                        let (side_tx, side_rx) = side.clone();
                        let way = rng.below(4);
                        let (rx2, received2) = (rx.clone(), received.clone());
                        let waker = rigged(move |e| match (e, way) {
                            (Event::Wake, 0) => quiet_panic("waker"),
                            (Event::Wake, 1) => side_tx.send(1).unwrap(),
                            (Event::Wake, 2) if may_wait => {
                                let _ = side_rx.recv_timeout(Duration::from_micros(30));
                            }
                            (_, 3) => {
                                let got = rx2.try_recv().is_ok();
                                received2.fetch_add(usize::from(got), SeqCst);
                            }
                            _ => {}
                        });
                        let mut receiving = Box::pin(rx.recv_async());
                        for _ in 0..rng.below(4) {
                            if poll(&mut receiving, &waker).is_ready() {
                                received.fetch_add(1, SeqCst);
                                break;
                            }
                            sudog::yield_now();
                        }
                    }
                }));
            }
            hands.into_iter().for_each(Hand::join);
            assert_eq!(received.load(SeqCst), sent);
            assert!(rx.try_recv().is_err());
        }
    });
}

#[test]
fn a_waker_called_late_or_for_another_future_does_no_harm() {
    // The records that wakers are kept in are used again: what was meant for the one before may
    // reach the one behind, which then looks and waits on.
    goroutine(|| {
        let (tx, rx) = bounded(1);
        for _ in in_time(rounds(200)) {
            let (bell, waker) = Bell::new();
            let mut waiting = Box::pin(rx.recv_async());
            assert!(poll(&mut waiting, &waker).is_pending());
            let tx2 = tx.clone();
            let sender = Kind::Thread.spawn(move || tx2.send(1).unwrap());
            drop(waiting);
            let (other, other_waker) = Bell::new();
            let mut waiting = Box::pin(rx.recv_async());
            if poll(&mut waiting, &other_waker).is_pending() {
                wait_until(|| other.rings() > 0);
                while poll(&mut waiting, &other_waker).is_pending() {}
            }
            sender.join();
            assert!(bell.rings() <= 1);
        }
    });
}
