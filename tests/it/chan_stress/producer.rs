//! Who sends, in every way there is.

use std::pin::pin;
use std::time::Duration;

use futures::future::{Either, select};
use sudog::chan::{Select, SendError, Sender, TrySendError, after};

use super::{Mark, Means, select_over};
use crate::chan_mixed::{Alive, Sent, Value, send_async, send_blocking};
use crate::worlds::turns;

#[derive(Clone)]
pub struct Producer {
    pub number: usize,
    pub count: usize,
    pub alive: Alive,
    /// The channels that are not known to be closed, by their numbers.
    pub open: Vec<(usize, Sender<Value>)>,
    pub means: Means,
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
    pub fn run(mut self) -> Vec<Mark> {
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

    pub async fn run_async(mut self) -> Vec<Mark> {
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
