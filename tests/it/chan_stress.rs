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

mod consumer;
mod producer;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use sudog::chan::{Receiver, Select, SelectedOperation, Sender, bounded};

use crate::chan_mixed::Alive;
use crate::support::{Rng, endure, quiet_panic};
use crate::traffic::{Hand, channel};
use crate::worlds::{WORLDS, World};
use consumer::Consumer;
use producer::Producer;

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
