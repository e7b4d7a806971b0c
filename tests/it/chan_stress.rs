//! All three worlds on the same channels, for as long as one likes: goroutines, threads and tasks of
//! several executors; every way to send and to receive, selects of each kind, time-outs; futures and
//! choices that are given up, channels that are closed, receivers that leave.
//!
//! `SUDOG_STRESS_SECONDS` says how long it goes on (a second without it). It is made of short rounds,
//! each with new channels and hands and checked by itself:
//!
//! 1. What was sent arrives once, and nothing else does. Only if the receivers left early may some be
//!    missing: it was dropped with its channel.
//! 2. Each receiver gets what a sender sent on a channel in its order. Only if choices were given up
//!    may a value come behind, for it was put back.
//! 3. In the end all hands have come home, the channels are empty, and no value is left.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::Ordering::SeqCst;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::future::{Either, select, select_all};
use futures::stream::Stream;
use sudog::chan::{
    IntoStream, Receiver, RecvError, Select, SelectedOperation, SendError, Sender, TryRecvError,
    TrySendError, after, bounded,
};

use crate::chan_mixed::{Alive, Received, Sent, Value};
use crate::chan_mixed::{recv_async, recv_blocking, recv_by_hand, send_async, send_blocking};
use crate::support::{Rng, endure, quiet_panic};
use crate::traffic::{Hand, channel};
use crate::worlds::{WORLDS, World, turns};

const CAPACITIES: [Option<usize>; 6] = [Some(0), Some(0), Some(1), Some(2), Some(16), None];

/// What may happen in a round.
#[derive(Clone, Copy, Debug)]
struct Rules {
    /// Values come only when they were chosen, and some that chose one then let it go.
    gives_up: bool,
    /// The receivers go before they have seen the end.
    leaves_early: bool,
}

/// Who sent a value, on which channel, and which of his values it is.
type Mark = (usize, usize, usize);

/// What a hand has besides its channels.
#[derive(Clone)]
struct Means {
    /// One channel more, at both ends of which is everyone.
    bell: (Sender<()>, Receiver<()>),
    rules: Rules,
    rng: Rng,
}

impl Means {
    fn a_while(&mut self) -> Duration {
        Duration::from_micros(self.rng.next() % 60)
    }

    /// Lets one of the select's operations choose, in one of three ways.
    fn choose<'a>(&mut self, select: &mut Select<'a>) -> Option<SelectedOperation<'a>> {
        match self.rng.below(3) {
            0 => Some(select.select()),
            1 => select.try_select().ok(),
            _ => select.select_timeout(self.a_while()).ok(),
        }
    }

    /// Does so, and lets the choice go.
    fn give_up(&mut self, mut select: Select<'_>) {
        let unwound = catch_unwind(AssertUnwindSafe(|| {
            if let Some(_operation) = self.choose(&mut select) {
                quiet_panic("given up");
            }
        }));
        drop(unwound);
    }

    /// Three different ones of so many, or some of them twice.
    fn three(&mut self, count: usize) -> [usize; 3] {
        let first = self.rng.below(count);
        [first, first + 1, first + 2].map(|place| place % count)
    }
}

fn select_over<'a>(count: usize, mut add: impl FnMut(&mut Select<'a>, usize)) -> Select<'a> {
    let mut select = Select::new();
    (0..count).for_each(|place| add(&mut select, place));
    select
}

// --- who sends

#[derive(Clone)]
struct Producer {
    number: usize,
    count: usize,
    alive: Alive,
    /// The channels that are not known to be closed, by their numbers.
    open: Vec<(usize, Sender<Value>)>,
    means: Means,
}

fn sent(result: Result<(), SendError<Value>>) -> Sent {
    result.map_or(Sent::Closed, |()| Sent::Yes)
}

fn tried(result: Result<(), TrySendError<Value>>) -> Sent {
    match result {
        Ok(()) => Sent::Yes,
        Err(TrySendError::Full(value)) => Sent::No(value),
        Err(TrySendError::Disconnected(_)) => Sent::Closed,
    }
}

impl Producer {
    fn select(&self) -> Select<'_> {
        select_over(self.open.len(), |select, place| {
            select.send(&self.open[place].1);
        })
    }

    /// Tries to send on one of the channels; on which, and what became of it.
    fn send(&mut self, value: Value) -> (usize, Sent) {
        let places @ [a, b, c] = self.means.three(self.open.len());
        let [ta, tb, tc] = places.map(|place| &self.open[place].1);
        let (ring, rung) = &self.means.bell;
        let (ring, rung) = (ring.clone(), rung.clone());
        let Means { rules, rng, .. } = &mut self.means;
        let limit = Duration::from_micros(rng.next() % 60);
        match rng.below(if rules.gives_up { 13 } else { 9 }) {
            0..3 => (a, send_blocking(ta, value, rng)),
            3 => sudog::select! {
                send(ta, value) -> result => (a, sent(result)),
                send(tb, value) -> result => (b, sent(result)),
                send(tc, value) -> result => (c, sent(result)),
                recv(rung) -> _ => (a, Sent::No(value)),
                send(ring, ()) -> _ => (a, Sent::No(value)),
            },
            4 => sudog::select_biased! {
                send(ta, value) -> result => (a, sent(result)),
                send(tb, value) -> result, if rng.one_in(2) => (b, sent(result)),
                default => (c, tried(tc.try_send(value))),
            },
            5 => sudog::select! {
                send(ta, value) -> result => (a, sent(result)),
                send(ta, value) -> result => (a, sent(result)),
                default(limit) => (a, Sent::No(value)),
            },
            6 => sudog::select! {
                send(ta, value) -> result => (a, sent(result)),
                send(tb, value) -> result => (b, sent(result)),
                recv(after(limit)) -> _ => (a, Sent::No(value)),
            },
            7 => sudog::select! {
                send(ta, value) -> result => (a, sent(result)),
                default => (a, Sent::No(value)),
            },
            8 => match self.select().ready_timeout(limit) {
                Ok(place) => (place, tried(self.open[place].1.try_send(value))),
                Err(_) => (a, Sent::No(value)),
            },
            // Here the value comes late, or not at all.
            9 => 'chosen: {
                sudog::select! {
                    send(ta, { (0..rng.below(3)).for_each(|_| std::hint::spin_loop()); value })
                        -> result => (a, sent(result)),
                    send(tb, if rng.one_in(3) { break 'chosen (b, Sent::No(value)) } else { value })
                        -> result => (b, sent(result)),
                    recv(rung) -> _ => (a, Sent::No(value)),
                }
            }
            10 | 11 => {
                let mut means = self.means.clone();
                means.rng = self.means.rng.split();
                let mut select = self.select();
                match means.choose(&mut select) {
                    Some(operation) => {
                        let place = operation.index();
                        (place, sent(operation.send(&self.open[place].1, value)))
                    }
                    None => (a, Sent::No(value)),
                }
            }
            _ => {
                let mut means = self.means.clone();
                means.rng = self.means.rng.split();
                means.give_up(self.select());
                (a, Sent::No(value))
            }
        }
    }

    async fn send_async(&mut self, value: Value) -> (usize, Sent) {
        let [a, b, _] = self.means.three(self.open.len());
        let rng = &mut self.means.rng;
        match rng.below(5) {
            0 | 1 => (a, send_async(&self.open[a].1, value, rng).await),
            // Never without limit: two who only look out for each other do not meet.
            2 | 3 => {
                let patience = rng.below(6);
                let mut ready = self.select();
                let ready = pin!(ready.ready_async());
                match select(ready, Box::pin(turns(patience))).await {
                    Either::Left((place, _)) => (place, tried(self.open[place].1.try_send(value))),
                    Either::Right(_) => (a, Sent::No(value)),
                }
            }
            _ => {
                let (ta, tb) = (&self.open[a].1, &self.open[b].1);
                sudog::select! {
                    send(ta, value) -> result => (a, sent(result)),
                    send(tb, value) -> result => (b, sent(result)),
                    default => (a, Sent::No(value)),
                }
            }
        }
    }

    /// Takes note of what became of the `n`th value, and gives it back if it was not sent.
    fn note(
        &mut self,
        n: usize,
        (place, sent): (usize, Sent),
        marks: &mut Vec<Mark>,
    ) -> Option<Value> {
        match sent {
            Sent::Yes => marks.push((self.number, self.open[place].0, n)),
            Sent::No(value) => return Some(value),
            Sent::Closed => drop(self.open.swap_remove(place)),
        }
        None
    }

    /// Sends all values as long as there is a channel; those that were sent.
    fn run(mut self) -> Vec<Mark> {
        let mut marks = Vec::new();
        for n in 0..self.count {
            let mut next = Some(self.alive.make(self.number, n));
            while let (Some(value), false) = (next.take(), self.open.is_empty()) {
                let outcome = self.send(value);
                next = self.note(n, outcome, &mut marks);
                if next.is_some() {
                    sudog::yield_now();
                }
            }
        }
        marks
    }

    async fn run_async(mut self) -> Vec<Mark> {
        let mut marks = Vec::new();
        for n in 0..self.count {
            let mut next = Some(self.alive.make(self.number, n));
            while let (Some(value), false) = (next.take(), self.open.is_empty()) {
                let outcome = self.send_async(value).await;
                next = self.note(n, outcome, &mut marks);
                turns(1).await;
            }
        }
        marks
    }
}

// --- who receives

#[derive(Clone)]
struct Consumer {
    /// The channels that are not known to be at their end, by their numbers.
    open: Vec<(usize, Receiver<Value>)>,
    means: Means,
}

fn received(result: Result<Value, RecvError>) -> Received {
    result.map_err(|RecvError| TryRecvError::Disconnected)
}

const NOTHING: Received = Err(TryRecvError::Empty);

impl Consumer {
    fn select(&self) -> Select<'_> {
        select_over(self.open.len(), |select, place| {
            select.recv(&self.open[place].1);
        })
    }

    /// Tries to receive from one of the channels; from which, and what.
    ///
    /// Where it waits without limit it does so for all: a sender may wait for room in any.
    fn recv(&mut self) -> (usize, Received) {
        let places @ [a, b, c] = self.means.three(self.open.len());
        let [ra, rb, rc] = places.map(|place| &self.open[place].1);
        let (ring, rung) = &self.means.bell;
        let (ring, rung) = (ring.clone(), rung.clone());
        let Means { rules, rng, .. } = &mut self.means;
        let limit = Duration::from_micros(rng.next() % 60);
        match rng.below(if rules.gives_up { 12 } else { 11 }) {
            0 | 1 if self.open.len() == 1 => (a, recv_blocking(ra, rng)),
            0 => (a, recv_by_hand(ra, rng)),
            1 => (a, ra.recv_timeout(limit).or(NOTHING)),
            2 | 3 => sudog::select! {
                recv(ra) -> result => (a, received(result)),
                recv(rb) -> result => (b, received(result)),
                recv(rc) -> result => (c, received(result)),
                send(ring, ()) -> _ => (a, NOTHING),
                recv(rung) -> _ => (a, NOTHING),
            },
            4 => sudog::select_biased! {
                recv(ra) -> result, if rng.one_in(2) => (a, received(result)),
                recv(rb) -> result => (b, received(result)),
                default => (a, NOTHING),
            },
            5 => sudog::select! {
                recv(ra) -> result => (a, received(result)),
                recv(rb) -> result => (b, received(result)),
                default(limit) => (a, NOTHING),
            },
            6 => sudog::select! {
                recv(ra) -> result => (a, received(result)),
                recv(after(limit)) -> _ => (a, NOTHING),
            },
            7 => sudog::select! {
                recv(ra) -> result => (a, received(result)),
                default => (a, NOTHING),
            },
            8 => {
                let place = self.select().ready();
                (place, self.open[place].1.try_recv())
            }
            9 | 10 => {
                let mut means = self.means.clone();
                means.rng = self.means.rng.split();
                let mut select = self.select();
                match means.choose(&mut select) {
                    Some(operation) => {
                        let place = operation.index();
                        (place, received(operation.recv(&self.open[place].1)))
                    }
                    None => (a, NOTHING),
                }
            }
            _ => {
                let mut means = self.means.clone();
                means.rng = self.means.rng.split();
                means.give_up(self.select());
                (a, NOTHING)
            }
        }
    }

    async fn recv_async(&mut self) -> (usize, Received) {
        let [a, b, _] = self.means.three(self.open.len());
        let rng = &mut self.means.rng;
        match rng.below(6) {
            0 if self.open.len() == 1 => (a, recv_async(&self.open[a].1, rng).await),
            0 | 1 => {
                let all = self.open.iter().map(|(_, rx)| Box::pin(rx.recv_async()));
                let (result, place, _) = select_all(all).await;
                (place, received(result))
            }
            2 => {
                let patience = rng.below(6);
                let all = self.open.iter().map(|(_, rx)| Box::pin(rx.recv_async()));
                match select(select_all(all), Box::pin(turns(patience))).await {
                    Either::Left(((result, place, _), _)) => (place, received(result)),
                    Either::Right(_) => (a, NOTHING),
                }
            }
            3 => {
                let place = self.select().ready_async().await;
                (place, self.open[place].1.try_recv())
            }
            4 => (a, recv_by_hand(&self.open[a].1, rng)),
            _ => {
                let (ra, rb) = (&self.open[a].1, &self.open[b].1);
                sudog::select! {
                    recv(ra) -> result => (a, received(result)),
                    recv(rb) -> result => (b, received(result)),
                    default => (a, NOTHING),
                }
            }
        }
    }

    /// Takes note of what came, and forgets the channel if that was its end.
    fn note(&mut self, (place, received): (usize, Received), marks: &mut Vec<Mark>) {
        match received {
            Ok(value) => marks.push((value.producer, self.open[place].0, value.n)),
            Err(TryRecvError::Disconnected) => drop(self.open.swap_remove(place)),
            Err(TryRecvError::Empty) => {}
        }
    }

    /// Adds a stream that is polled once and then lies around, or drops one.
    fn idle(&mut self, idle: &mut Vec<IntoStream<Value>>, marks: &mut Vec<Mark>) {
        if idle.len() > 3 {
            drop(idle.swap_remove(self.means.rng.below(4)));
        } else if let Some((channel, rx)) = self.open.first() {
            let mut stream = rx.clone().into_stream();
            let mut cx = Context::from_waker(Waker::noop());
            if let Poll::Ready(Some(value)) = std::pin::Pin::new(&mut stream).poll_next(&mut cx) {
                marks.push((value.producer, *channel, value.n));
            }
            idle.push(stream);
        }
    }

    fn has_enough(&mut self) -> bool {
        self.open.is_empty() || self.means.rules.leaves_early && self.means.rng.one_in(50)
    }

    /// Receives until it has enough; what it got.
    fn run(mut self) -> Vec<Mark> {
        let (mut marks, mut idle) = (Vec::new(), Vec::new());
        while !self.has_enough() {
            let outcome = self.recv();
            if matches!(outcome.1, Err(TryRecvError::Empty)) {
                sudog::yield_now();
            }
            self.note(outcome, &mut marks);
            if self.means.rng.one_in(8) {
                self.idle(&mut idle, &mut marks);
            }
        }
        marks
    }

    async fn run_async(mut self) -> Vec<Mark> {
        let (mut marks, mut idle) = (Vec::new(), Vec::new());
        while !self.has_enough() {
            let outcome = self.recv_async().await;
            self.note(outcome, &mut marks);
            if self.means.rng.one_in(8) {
                self.idle(&mut idle, &mut marks);
            }
            turns(1).await;
        }
        marks
    }
}

// --- a round

/// The worlds that meet: all of them, goroutines only, or anything but goroutines.
fn worlds(rng: &mut Rng) -> Vec<World> {
    let is_goroutine = |world: &World| [World::Goroutine, World::Blocked].contains(world);
    let meets = |world: &World, among| match among {
        0 => is_goroutine(world),
        1 => !is_goroutine(world),
        _ => true,
    };
    let among = rng.below(6);
    WORLDS.into_iter().filter(|w| meets(w, among)).collect()
}

/// Sends everything to everyone and checks it.
fn round(rng: &mut Rng) {
    let rules = Rules {
        gives_up: rng.one_in(2),
        leaves_early: rng.one_in(6),
    };
    let worlds = worlds(rng);
    let alive = Alive::default();
    let bell = bounded(rng.below(2));
    let means = |rng: &mut Rng| Means {
        bell: bell.clone(),
        rules,
        rng: rng.split(),
    };
    let (senders, mut receivers): (Vec<_>, Vec<_>) = (0..1 + rng.below(3))
        .map(|number| {
            let (tx, rx) = channel(CAPACITIES[rng.below(CAPACITIES.len())]);
            ((number, tx), (number, rx))
        })
        .unzip();
    let context = format!("{rules:?}, {receivers:?}, {worlds:?}");

    let producers: Vec<_> = (0..1 + rng.below(4))
        .map(|number| {
            let hand = Producer {
                number,
                count: 1 + rng.below(80),
                alive: alive.clone(),
                open: senders.clone(),
                means: means(rng),
            };
            let world = worlds[rng.below(worlds.len())];
            world.spawn(
                {
                    let hand = hand.clone();
                    || hand.run()
                },
                hand.run_async(),
            )
        })
        .collect();
    let consumers: Vec<_> = (0..1 + rng.below(4))
        .map(|_| {
            let hand = Consumer {
                open: receivers.clone(),
                means: means(rng),
            };
            let world = worlds[rng.below(worlds.len())];
            world.spawn(
                {
                    let hand = hand.clone();
                    || hand.run()
                },
                hand.run_async(),
            )
        })
        .collect();
    if rules.leaves_early {
        receivers.clear();
    }
    if rng.one_in(4) {
        (0..rng.below(100)).for_each(|_| sudog::yield_now());
        senders[0].1.close();
    }
    drop(senders);

    let sent: Vec<_> = producers.into_iter().flat_map(Hand::join).collect();
    let mut arrived: Vec<_> = consumers.into_iter().map(Hand::join).collect();
    let left = receivers.iter().flat_map(|(number, rx)| {
        rx.try_iter()
            .map(|value| (value.producer, *number, value.n))
            .collect::<Vec<_>>()
    });
    let left: Vec<_> = left.collect();
    assert!(
        left.is_empty() || rules.gives_up,
        "{left:?} left; {context}"
    );
    if !rules.gives_up {
        arrived
            .iter()
            .for_each(|marks| assert_order(marks, &context));
    }
    arrived.push(left);
    assert_complete(sent, arrived.concat(), rules, &context);
    drop(receivers);
    assert_eq!(alive.0.load(SeqCst), 0, "values left; {context}");
}

/// Fails unless of each sender and channel the later comes later.
fn assert_order(marks: &[Mark], context: &str) {
    let mut last = BTreeMap::new();
    for &(producer, channel, n) in marks {
        let before = last.insert((producer, channel), n);
        assert!(
            before < Some(n),
            "{n} of {producer} after {before:?}; {context}"
        );
    }
}

/// Fails unless what arrived is what was sent.
fn assert_complete(sent: Vec<Mark>, arrived: Vec<Mark>, rules: Rules, context: &str) {
    let count = arrived.len();
    let (sent, arrived) = (BTreeSet::from_iter(sent), BTreeSet::from_iter(arrived));
    assert_eq!(arrived.len(), count, "doubled; {context}");
    let strange: Vec<_> = arrived.difference(&sent).collect();
    assert!(strange.is_empty(), "not sent: {strange:?}; {context}");
    let lost: Vec<_> = sent.difference(&arrived).collect();
    assert!(
        lost.is_empty() || rules.leaves_early,
        "lost: {lost:?}; {context}"
    );
}

#[test]
fn all_worlds_and_all_ways_under_stress_lose_and_double_nothing() {
    endure(|rng| match rng.one_in(2) {
        true => round(rng),
        false => sudog::run(|| round(rng)),
    });
}
