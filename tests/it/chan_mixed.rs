//! Everything at once: each hand on the channel does at random what its world can do, futures are
//! dropped at random moments, deadlines pass, and nothing is lost or doubled.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use futures::future::{Either, select};
use futures::stream::StreamExt;
use sudog::chan::{
    Receiver, RecvTimeoutError, SendError, SendFuture, SendTimeoutError, Sender, TryRecvError,
    TrySendError,
};

use crate::support::{Rng, rounds, stress, stress_threads};
use crate::traffic::{Hand, assert_all_arrived, channel};
use crate::worlds::{Bell, World, poll, poll_deaf, turns};

const CAPS: [Option<usize>; 5] = [Some(0), Some(0), Some(1), Some(16), None];

/// How many values there are.
#[derive(Clone, Default)]
pub struct Alive(pub Arc<AtomicUsize>);

/// A value that must be dropped once, and has its alignment.
#[repr(align(64))]
pub struct Value {
    pub producer: usize,
    pub n: usize,
    alive: Alive,
}

impl Drop for Value {
    fn drop(&mut self) {
        assert_eq!(&raw const *self as usize % 64, 0);
        let before = self.alive.0.fetch_sub(1, SeqCst);
        assert!(before > 0 && before < usize::MAX / 2, "dropped twice");
    }
}

impl Alive {
    pub fn make(&self, producer: usize, n: usize) -> Value {
        self.0.fetch_add(1, SeqCst);
        let alive = self.clone();
        Value { producer, n, alive }
    }
}

/// What became of a value that was to be sent.
pub enum Sent {
    Yes,
    No(Value),
    Closed,
}

impl Sent {
    fn of_future(
        polled: Poll<Result<(), SendError<Value>>>,
        sending: Pin<&mut SendFuture<'_, Value>>,
    ) -> Sent {
        match polled {
            Poll::Ready(Ok(())) => Sent::Yes,
            Poll::Ready(Err(_)) => Sent::Closed,
            Poll::Pending => sending.take_value().map_or(Sent::Yes, Sent::No),
        }
    }
}

/// Polls a few times and gives up.
fn send_by_hand(tx: &Sender<Value>, value: Value, rng: &mut Rng) -> Sent {
    let (bell, waker) = Bell::new();
    let mut sending = Box::pin(tx.send_async(value));
    let mut polled = Poll::Pending;
    for _ in 0..rng.below(5) {
        polled = match rng.one_in(2) {
            true => poll(&mut sending, &waker),
            false => poll_deaf(&mut sending),
        };
        if polled.is_ready() || bell.rings() > 2 {
            break;
        }
        sudog::yield_now();
    }
    Sent::of_future(polled, sending.as_mut())
}

pub fn send_blocking(tx: &Sender<Value>, value: Value, rng: &mut Rng) -> Sent {
    let limit = Duration::from_micros(rng.next() % 60);
    let timed = match rng.below(8) {
        0 | 1 => {
            return match tx.send(value) {
                Ok(()) => Sent::Yes,
                Err(SendError(_)) => Sent::Closed,
            };
        }
        2 => {
            return match tx.try_send(value) {
                Ok(()) => Sent::Yes,
                Err(TrySendError::Full(back)) => Sent::No(back),
                Err(TrySendError::Disconnected(_)) => Sent::Closed,
            };
        }
        3 | 4 => return send_by_hand(tx, value, rng),
        5 => {
            return match sudog::block_on(tx.send_async(value)) {
                Ok(()) => Sent::Yes,
                Err(SendError(_)) => Sent::Closed,
            };
        }
        6 => tx.send_timeout(value, limit),
        _ => tx.send_deadline(value, Instant::now() + limit),
    };
    match timed {
        Ok(()) => Sent::Yes,
        Err(SendTimeoutError::Timeout(back)) => Sent::No(back),
        Err(SendTimeoutError::Disconnected(_)) => Sent::Closed,
    }
}

pub async fn send_async(tx: &Sender<Value>, value: Value, rng: &mut Rng) -> Sent {
    match rng.below(6) {
        0 => send_by_hand(tx, value, rng),
        1 => match tx.try_send(value) {
            Ok(()) => Sent::Yes,
            Err(TrySendError::Full(back)) => Sent::No(back),
            Err(TrySendError::Disconnected(_)) => Sent::Closed,
        },
        2 | 3 => {
            let mut sending = Box::pin(tx.send_async(value));
            let patience = Box::pin(turns(rng.below(6)));
            let polled = match select(sending.as_mut(), patience).await {
                Either::Left((sent, _)) => Poll::Ready(sent),
                Either::Right(_) => Poll::Pending,
            };
            Sent::of_future(polled, sending.as_mut())
        }
        _ => match tx.send_async(value).await {
            Ok(()) => Sent::Yes,
            Err(SendError(_)) => Sent::Closed,
        },
    }
}

/// What became of a try to receive.
pub type Received = Result<Value, TryRecvError>;

/// Polls a few times and gives up.
pub fn recv_by_hand(rx: &Receiver<Value>, rng: &mut Rng) -> Received {
    let (_, waker) = Bell::new();
    let mut receiving = Box::pin(rx.recv_async());
    for _ in 0..rng.below(5) {
        let waker = if rng.one_in(2) { &waker } else { Waker::noop() };
        if let Poll::Ready(received) = poll(&mut receiving, waker) {
            return received.map_err(|_| TryRecvError::Disconnected);
        }
        sudog::yield_now();
    }
    Err(TryRecvError::Empty)
}

pub fn recv_blocking(rx: &Receiver<Value>, rng: &mut Rng) -> Received {
    let limit = Duration::from_micros(rng.next() % 60);
    let closed = TryRecvError::Disconnected;
    let timed = match rng.below(8) {
        0 | 1 => return rx.recv().map_err(|_| closed),
        2 => return rx.try_recv(),
        3 | 4 => return recv_by_hand(rx, rng),
        5 => return sudog::block_on(rx.recv_async()).map_err(|_| closed),
        6 => rx.recv_timeout(limit),
        _ => rx.recv_deadline(Instant::now() + limit),
    };
    timed.map_err(|error| match error {
        RecvTimeoutError::Timeout => TryRecvError::Empty,
        RecvTimeoutError::Disconnected => closed,
    })
}

pub async fn recv_async(rx: &Receiver<Value>, rng: &mut Rng) -> Received {
    let closed = TryRecvError::Disconnected;
    match rng.below(7) {
        0 => recv_by_hand(rx, rng),
        1 => rx.try_recv(),
        2 | 3 => match select(Box::pin(rx.recv_async()), Box::pin(turns(rng.below(6)))).await {
            Either::Left((received, _)) => received.map_err(|_| closed),
            Either::Right(_) => Err(TryRecvError::Empty),
        },
        4 => rx.stream().next().await.ok_or(closed),
        5 => match select(rx.stream().next(), Box::pin(turns(rng.below(6)))).await {
            Either::Left((received, _)) => received.ok_or(closed),
            Either::Right(_) => Err(TryRecvError::Empty),
        },
        _ => rx.recv_async().await.map_err(|_| closed),
    }
}

/// Sends values until all are sent or the channel is closed; how many were sent.
fn produce(
    world: World,
    tx: Sender<Value>,
    producer: usize,
    each: usize,
    alive: &Alive,
    rng: &mut Rng,
) -> Hand<usize> {
    let (alive, mut rng) = (alive.clone(), rng.split());
    let (tx2, alive2, mut rng2) = (tx.clone(), alive.clone(), rng.clone());
    let blocking = move || {
        for n in 0..each {
            let mut value = alive2.make(producer, n);
            loop {
                match send_blocking(&tx2, value, &mut rng2) {
                    Sent::Yes => break,
                    Sent::No(back) => value = back,
                    Sent::Closed => return n,
                }
            }
        }
        each
    };
    let future = async move {
        for n in 0..each {
            let mut value = alive.make(producer, n);
            loop {
                match send_async(&tx, value, &mut rng).await {
                    Sent::Yes => break,
                    Sent::No(back) => value = back,
                    Sent::Closed => return n,
                }
                turns(1).await;
            }
        }
        each
    };
    world.spawn(blocking, future)
}

/// Receives until the channel is closed and empty.
fn consume(world: World, rx: Receiver<Value>, rng: &mut Rng) -> Hand<Vec<(usize, usize)>> {
    let mut rng = rng.split();
    let (rx2, mut rng2) = (rx.clone(), rng.clone());
    let blocking = move || {
        // Futures that are polled once and then only lie around.
        let (mut idle, mut all) = (Vec::new(), Vec::new());
        loop {
            match recv_blocking(&rx2, &mut rng2) {
                Ok(value) => all.push((value.producer, value.n)),
                Err(TryRecvError::Disconnected) => return all,
                Err(TryRecvError::Empty) => sudog::yield_now(),
            }
            if idle.len() < 4 {
                let mut receiving = Box::pin(rx2.recv_async());
                if let Poll::Ready(Ok(value)) = poll_deaf(&mut receiving) {
                    all.push((value.producer, value.n));
                }
                idle.push(receiving);
            } else if rng2.one_in(8) {
                drop(idle.swap_remove(rng2.below(4)));
            }
        }
    };
    let future = async move {
        let (mut idle, mut all) = (Vec::new(), Vec::new());
        loop {
            match recv_async(&rx, &mut rng).await {
                Ok(value) => all.push((value.producer, value.n)),
                Err(TryRecvError::Disconnected) => return all,
                Err(TryRecvError::Empty) => turns(1).await,
            }
            if idle.len() < 4 {
                let mut receiving = Box::pin(rx.recv_async());
                if let Poll::Ready(Ok(value)) = futures::poll!(receiving.as_mut()) {
                    all.push((value.producer, value.n));
                }
                idle.push(receiving);
            } else if rng.one_in(8) {
                drop(idle.swap_remove(rng.below(4)));
            }
        }
    };
    world.spawn(blocking, future)
}

/// One channel, a few hands on both sides, and maybe a close while they are at it.
fn round(rng: &mut Rng, any: fn(&mut Rng) -> World) {
    let alive = Alive::default();
    let (tx, rx) = channel(CAPS[rng.below(CAPS.len())]);
    let each = 1 + rng.below(60);
    let producers: Vec<_> = (0..1 + rng.below(4))
        .map(|n| produce(any(rng), tx.clone(), n, each, &alive, rng))
        .collect();
    let consumers: Vec<_> = (0..1 + rng.below(4))
        .map(|_| consume(any(rng), rx.clone(), rng))
        .collect();
    let is_closed = rng.one_in(4);
    if is_closed {
        (0..rng.below(100)).for_each(|_| sudog::yield_now());
        tx.close();
    }
    drop((tx, rx));
    let count = producers.len();
    let sent: Vec<_> = producers.into_iter().map(Hand::join).collect();
    let received: Vec<_> = consumers.into_iter().map(Hand::join).collect();
    if is_closed {
        let mut all: Vec<_> = received.into_iter().flatten().collect();
        all.sort_unstable();
        let expected = sent
            .iter()
            .enumerate()
            .flat_map(|(p, n)| (0..*n).map(move |n| (p, n)));
        assert!(all.into_iter().eq(expected));
    } else {
        assert_eq!(sent, vec![each; count]);
        assert_all_arrived(count, each, received.into_iter());
    }
    assert_eq!(alive.0.load(SeqCst), 0, "values are left");
}

#[test]
fn all_worlds_at_random_lose_and_double_nothing() {
    stress(|mut rng| {
        let end = Instant::now() + Duration::from_millis(500) * rounds(1) as u32;
        while Instant::now() < end {
            round(&mut rng, World::any);
        }
    });
}

#[test]
fn goroutines_at_random_lose_and_double_nothing() {
    stress(|mut rng| {
        let any = |rng: &mut Rng| [World::Goroutine, World::Blocked][rng.below(2)];
        let end = Instant::now() + Duration::from_millis(500) * rounds(1) as u32;
        while Instant::now() < end {
            round(&mut rng, any);
        }
    });
}

#[test]
fn threads_and_tasks_at_random_lose_and_double_nothing() {
    stress_threads(|mut rng| {
        let worlds = |rng: &mut Rng| {
            let worlds = [
                World::Thread,
                World::BlockedThread,
                World::Tokio,
                World::TokioCurrent,
                World::Pollster,
                World::Futures,
            ];
            worlds[rng.below(worlds.len())]
        };
        let end = Instant::now() + Duration::from_millis(500) * rounds(1) as u32;
        while Instant::now() < end {
            round(&mut rng, worlds);
        }
    });
}
