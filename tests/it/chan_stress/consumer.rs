//! Who receives, in every way there is.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::future::{Either, select, select_all};
use futures::stream::Stream;
use sudog::chan::{IntoStream, Receiver, RecvError, Select, TryRecvError, after};

use super::{Mark, Means, select_over};
use crate::chan_mixed::{Received, Value, recv_async, recv_blocking, recv_by_hand};
use crate::worlds::turns;

#[derive(Clone)]
pub struct Consumer {
    /// The channels that are not known to be at their end, by their numbers.
    pub open: Vec<(usize, Receiver<Value>)>,
    pub means: Means,
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
            if let Poll::Ready(Some(value)) = Pin::new(&mut stream).poll_next(&mut cx) {
                marks.push((value.producer, *channel, value.n));
            }
            idle.push(stream);
        }
    }

    fn has_enough(&mut self) -> bool {
        self.open.is_empty() || self.means.rules.leaves_early && self.means.rng.one_in(50)
    }

    /// Receives until it has enough; what it got.
    pub fn run(mut self) -> Vec<Mark> {
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

    pub async fn run_async(mut self) -> Vec<Mark> {
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
