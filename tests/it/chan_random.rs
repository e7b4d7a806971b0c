//! Random programs, one step after the other, against a model that anyone can check.
//!
//! The sequential model is a `VecDeque` and a flag. A program that disagrees with it is made shorter
//! as long as it still does, and printed.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use sudog::chan::{
    Receiver, RecvTimeoutError, Select, SelectedOperation, SendTimeoutError, Sender, TryRecvError,
    TrySendError,
};

use crate::support::{Rng, in_time, rounds, stress, stress_threads, text};
use crate::traffic::channel;

pub const CAPACITIES: [Option<usize>; 5] = [Some(0), Some(1), Some(2), Some(3), None];

pub fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// A step of a program, on one of two channels; which end of it does it, is told by a number.
#[derive(Clone, Copy, Debug)]
enum Op {
    TrySend(usize, usize),
    TryRecv(usize, usize),
    /// Only if it does not have to wait.
    Send(usize, usize),
    Recv(usize, usize),
    SendInNoTime(usize, usize),
    RecvInNoTime(usize, usize),
    PollSend(usize, usize),
    PollRecv(usize, usize),
    CloseSender(usize, usize),
    CloseReceiver(usize, usize),
    CloneSender(usize, usize),
    CloneReceiver(usize, usize),
    DropSender(usize, usize),
    DropReceiver(usize, usize),
    Iterate(usize, usize),
    /// With up to three operations; of each the channel, and whether it receives.
    Select(How, [Option<(usize, bool)>; 3]),
}

#[derive(Clone, Copy, Debug)]
enum How {
    Try,
    TryBiased,
    InNoTime,
    /// Only if it does not have to wait.
    Wait,
    Ready,
}

impl Op {
    fn any(rng: &mut Rng) -> Op {
        let (channel, end) = (rng.below(2), rng.below(4));
        let ops = [
            Op::TrySend,
            Op::TrySend,
            Op::TryRecv,
            Op::TryRecv,
            Op::Send,
            Op::Recv,
            Op::SendInNoTime,
            Op::RecvInNoTime,
            Op::PollSend,
            Op::PollRecv,
            Op::CloneSender,
            Op::CloneReceiver,
            Op::DropSender,
            Op::DropReceiver,
            Op::Iterate,
        ];
        match rng.below(24) {
            // Rare, for little happens after it.
            0 if rng.one_in(3) => Op::CloseSender(channel, end),
            1 if rng.one_in(3) => Op::CloseReceiver(channel, end),
            n if n < ops.len() => ops[n](channel, end),
            _ => {
                let how = [
                    How::Try,
                    How::TryBiased,
                    How::InNoTime,
                    How::Wait,
                    How::Ready,
                ];
                let how = how[rng.below(5)];
                let mut case = || (!rng.one_in(4)).then(|| (rng.below(2), rng.one_in(2)));
                Op::Select(how, [case(), case(), case()])
            }
        }
    }
}

/// A value that is missed if it does not go.
#[derive(Debug)]
struct Value {
    number: u32,
    _alive: Arc<()>,
}

/// What a channel should be.
struct Model {
    capacity: Option<usize>,
    values: VecDeque<u32>,
    is_closed: bool,
}

impl Model {
    fn has_room(&self) -> bool {
        self.capacity
            .is_none_or(|capacity| self.values.len() < capacity)
    }

    fn can(&self, is_recv: bool) -> bool {
        self.is_closed
            || if is_recv {
                !self.values.is_empty()
            } else {
                self.has_room()
            }
    }

    fn send(&mut self, number: u32) -> Sent {
        if self.is_closed {
            Sent::Closed
        } else if self.has_room() {
            self.values.push_back(number);
            Sent::Done
        } else {
            Sent::Full
        }
    }

    fn recv(&mut self) -> Received {
        match self.values.pop_front() {
            Some(number) => Received::Value(number),
            None if self.is_closed => Received::Closed,
            None => Received::Empty,
        }
    }
}

#[derive(PartialEq, Debug)]
pub enum Sent {
    Done,
    Full,
    Closed,
}

#[derive(PartialEq, Debug)]
pub enum Received {
    Value(u32),
    Empty,
    Closed,
}

/// A channel with its ends, and its model.
struct Tested {
    senders: Vec<Sender<Value>>,
    receivers: Vec<Receiver<Value>>,
    model: Model,
}

struct World {
    channels: [Tested; 2],
    alive: Arc<()>,
    next: u32,
}

fn same<T: PartialEq + Debug>(what: impl Debug, found: T, expected: T) -> Result<(), String> {
    if found == expected {
        return Ok(());
    }
    Err(format!("{what:?}: {found:?} instead of {expected:?}"))
}

impl World {
    fn new(capacities: [Option<usize>; 2]) -> World {
        let channels = capacities.map(|capacity| {
            let (tx, rx) = channel(capacity);
            Tested {
                senders: vec![tx],
                receivers: vec![rx],
                model: Model {
                    capacity,
                    values: VecDeque::new(),
                    is_closed: false,
                },
            }
        });
        World {
            channels,
            alive: Arc::new(()),
            next: 0,
        }
    }

    fn value(&mut self) -> Value {
        self.next += 1;
        Value {
            number: self.next,
            _alive: self.alive.clone(),
        }
    }

    /// Does a step, and compares.
    fn step(&mut self, op: Op) -> Result<(), String> {
        match op {
            Op::Select(how, cases) => self.select(op, how, cases)?,
            Op::TrySend(c, end)
            | Op::Send(c, end)
            | Op::SendInNoTime(c, end)
            | Op::PollSend(c, end)
            | Op::CloseSender(c, end)
            | Op::CloneSender(c, end)
            | Op::DropSender(c, end) => {
                let count = self.channels[c].senders.len();
                if count > 0 {
                    self.step_sender(op, c, end % count)?;
                }
            }
            Op::TryRecv(c, end)
            | Op::Recv(c, end)
            | Op::RecvInNoTime(c, end)
            | Op::PollRecv(c, end)
            | Op::CloseReceiver(c, end)
            | Op::CloneReceiver(c, end)
            | Op::DropReceiver(c, end)
            | Op::Iterate(c, end) => {
                let count = self.channels[c].receivers.len();
                if count > 0 {
                    self.step_receiver(op, c, end % count)?;
                }
            }
        }
        self.channels
            .iter()
            .try_for_each(|tested| tested.compare(op))
    }

    fn step_sender(&mut self, op: Op, c: usize, end: usize) -> Result<(), String> {
        let value = self.value();
        let number = value.number;
        let Tested { senders, model, .. } = &mut self.channels[c];
        let tx = &senders[end];
        let (sent, back) = match op {
            Op::TrySend(..) => match tx.try_send(value) {
                Ok(()) => (Sent::Done, None),
                Err(TrySendError::Full(value)) => (Sent::Full, Some(value)),
                Err(TrySendError::Disconnected(value)) => (Sent::Closed, Some(value)),
            },
            Op::SendInNoTime(..) => match tx.send_timeout(value, Duration::ZERO) {
                Ok(()) => (Sent::Done, None),
                Err(SendTimeoutError::Timeout(value)) => (Sent::Full, Some(value)),
                Err(SendTimeoutError::Disconnected(value)) => (Sent::Closed, Some(value)),
            },
            Op::Send(..) if model.can(false) => match tx.send(value) {
                Ok(()) => (Sent::Done, None),
                Err(unsent) => (Sent::Closed, Some(unsent.into_inner())),
            },
            Op::PollSend(..) => {
                let mut send = pin!(tx.send_async(value));
                match poll_once(send.as_mut()) {
                    Poll::Ready(Ok(())) => (Sent::Done, send.take_value()),
                    Poll::Ready(Err(unsent)) => (Sent::Closed, Some(unsent.into_inner())),
                    Poll::Pending => (Sent::Full, send.take_value()),
                }
            }
            Op::CloseSender(..) => {
                same(op, tx.close(), !model.is_closed)?;
                model.is_closed = true;
                return Ok(());
            }
            Op::CloneSender(..) => {
                let other = tx.clone();
                same(op, other.same_channel(tx), true)?;
                senders.push(other);
                return Ok(());
            }
            Op::DropSender(..) => {
                senders.swap_remove(end);
                model.is_closed |= senders.is_empty();
                return Ok(());
            }
            _ => return Ok(()),
        };
        let back = back.map(|value| value.number);
        let expected = model.send(number);
        same(op, back, (expected != Sent::Done).then_some(number))?;
        same(op, sent, expected)
    }

    fn step_receiver(&mut self, op: Op, c: usize, end: usize) -> Result<(), String> {
        let Tested {
            receivers, model, ..
        } = &mut self.channels[c];
        let rx = &receivers[end];
        let received = match op {
            Op::TryRecv(..) => match rx.try_recv() {
                Ok(value) => Received::Value(value.number),
                Err(TryRecvError::Empty) => Received::Empty,
                Err(TryRecvError::Disconnected) => Received::Closed,
            },
            Op::RecvInNoTime(..) => match rx.recv_timeout(Duration::ZERO) {
                Ok(value) => Received::Value(value.number),
                Err(RecvTimeoutError::Timeout) => Received::Empty,
                Err(RecvTimeoutError::Disconnected) => Received::Closed,
            },
            Op::Recv(..) if model.can(true) => {
                let value = rx.recv();
                value.map_or(Received::Closed, |value| Received::Value(value.number))
            }
            Op::PollRecv(..) => match poll_once(pin!(rx.recv_async())) {
                Poll::Ready(Ok(value)) => Received::Value(value.number),
                Poll::Ready(Err(_)) => Received::Closed,
                Poll::Pending => Received::Empty,
            },
            Op::Iterate(..) => {
                let values: Vec<_> = rx.try_iter().map(|value| value.number).collect();
                return same(op, values, model.values.drain(..).collect());
            }
            Op::CloseReceiver(..) => {
                same(op, rx.close(), !model.is_closed)?;
                model.is_closed = true;
                return Ok(());
            }
            Op::CloneReceiver(..) => {
                let other = rx.clone();
                receivers.push(other);
                return Ok(());
            }
            Op::DropReceiver(..) => {
                receivers.swap_remove(end);
                if receivers.is_empty() {
                    model.is_closed = true;
                    model.values.clear();
                }
                return Ok(());
            }
            _ => return Ok(()),
        };
        same(op, received, model.recv())
    }

    fn select(
        &mut self,
        op: Op,
        how: How,
        cases: [Option<(usize, bool)>; 3],
    ) -> Result<(), String> {
        let value = self.value();
        let number = value.number;
        let mut select = match how {
            How::TryBiased => Select::new_biased(),
            _ => Select::new(),
        };
        let mut added = Vec::new();
        for (c, is_recv) in cases.into_iter().flatten() {
            let tested = &self.channels[c];
            let index = match (is_recv, tested.receivers.first(), tested.senders.last()) {
                (true, Some(rx), _) => select.recv(rx),
                (false, _, Some(tx)) => select.send(tx),
                _ => continue,
            };
            same(op, index, added.len())?;
            added.push((c, is_recv));
        }
        let ready = |&(c, is_recv): &(usize, bool)| self.channels[c].model.can(is_recv);
        let can: Vec<bool> = added.iter().map(ready).collect();
        let operation = match how {
            How::Try | How::TryBiased => select.try_select().ok(),
            How::InNoTime => select.select_timeout(Duration::ZERO).ok(),
            How::Wait if can.contains(&true) => Some(select.select()),
            How::Wait => return Ok(()),
            How::Ready => {
                let index = select.try_ready().ok();
                same(op, index.is_some(), can.contains(&true))?;
                return same(op, index.is_none_or(|index| can[index]), true);
            }
        };
        let index = operation.as_ref().map(SelectedOperation::index);
        let (Some(operation), Some(index)) = (operation, index) else {
            return same(op, can.contains(&true), false);
        };
        same(op, can[index], true)?;
        if matches!(how, How::TryBiased) {
            same(op, Some(index), can.iter().position(|&can| can))?;
        }
        let (c, is_recv) = added[index];
        let tested = &self.channels[c];
        if is_recv {
            let received = operation.recv(&tested.receivers[0]);
            let received = received.map_or(Received::Closed, |v| Received::Value(v.number));
            return same(op, received, self.channels[c].model.recv());
        }
        let tx = tested.senders.last().expect("it was added");
        let back = operation.send(tx, value).err();
        let back = back.map(|unsent| unsent.into_inner().number);
        let sent = self.channels[c].model.send(number);
        same(op, back, (sent == Sent::Closed).then_some(number))
    }
}

impl Tested {
    /// Compares what can be seen of the channel.
    fn compare(&self, op: Op) -> Result<(), String> {
        let len = self.model.values.len();
        let is_full = self.model.capacity.is_some_and(|capacity| len >= capacity);
        let expected = (
            len,
            len == 0,
            is_full,
            self.model.is_closed,
            self.model.capacity,
        );
        for tx in &self.senders {
            let seen = (
                tx.len(),
                tx.is_empty(),
                tx.is_full(),
                tx.is_closed(),
                tx.capacity(),
            );
            same((op, "seen by a sender"), seen, expected)?;
        }
        for rx in &self.receivers {
            let seen = (
                rx.len(),
                rx.is_empty(),
                rx.is_full(),
                rx.is_closed(),
                rx.capacity(),
            );
            same((op, "seen by a receiver"), seen, expected)?;
        }
        Ok(())
    }
}

/// Runs a program; what is wrong with it, if something is.
fn run(capacities: [Option<usize>; 2], program: &[Op]) -> Result<(), String> {
    let result = catch_unwind(AssertUnwindSafe(|| {
        let mut world = World::new(capacities);
        program.iter().try_for_each(|&op| world.step(op))?;
        let World {
            channels, alive, ..
        } = world;
        let buffered: usize = channels
            .iter()
            .map(|tested| tested.model.values.len())
            .sum();
        same("values alive", Arc::strong_count(&alive), 1 + buffered)?;
        drop(channels);
        same("values left", Arc::strong_count(&alive), 1)
    }));
    result.unwrap_or_else(|payload| Err(format!("a panic: {}", text(payload))))
}

/// Takes out of a program that fails what it fails without.
fn shrink(capacities: [Option<usize>; 2], mut program: Vec<Op>) -> Vec<Op> {
    let mut size = program.len() / 2;
    while size > 0 {
        let mut start = 0;
        while start < program.len() {
            let mut shorter = program.clone();
            shorter.drain(start..(start + size).min(program.len()));
            if run(capacities, &shorter).is_err() {
                program = shorter;
            } else {
                start += size;
            }
        }
        size /= 2;
    }
    program
}

fn random_programs(mut rng: Rng) {
    for _ in in_time(rounds(2_000)) {
        let capacities = [0; 2].map(|_| CAPACITIES[rng.below(CAPACITIES.len())]);
        let program: Vec<_> = (0..60).map(|_| Op::any(&mut rng)).collect();
        if run(capacities, &program).is_err() {
            let program = shrink(capacities, program);
            let wrong = run(capacities, &program).err();
            panic!("capacities {capacities:?}: {program:#?}\n{wrong:?}");
        }
    }
}

#[test]
fn random_programs_do_in_a_goroutine_what_a_model_does() {
    stress(random_programs);
}

#[test]
fn random_programs_do_on_a_thread_what_a_model_does() {
    stress_threads(random_programs);
}
