//! Channels in async code: what futures and streams promise, poll by poll.

use std::cell::Cell;
use std::future::Future;
use std::marker::PhantomPinned;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures::future::FusedFuture;
use futures::stream::{FusedStream, StreamExt};
use sudog::chan::{
    IntoStream, Receiver, RecvError, RecvFuture, RecvStream, SendError, SendFuture, Sender,
    TryRecvError, TrySendError, bounded, never, unbounded,
};
use sudog::{block_on, spawn};

use crate::support::{LIMIT, goroutine, mostly, settle, text, thread, wait_until};
use crate::traffic::{Hand, Kind};
use crate::worlds::{Bell, EXECUTORS, poll, poll_deaf, turns};

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
