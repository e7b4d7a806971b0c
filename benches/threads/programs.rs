//! The rows of `threads`, in crossbeam-channel's words: compiled once for it and once for us.
//!
//! Each takes a number of turns and gives the time they took, checks its own answer, and leaves nothing
//! behind. The rows without a second hand measure what a channel costs when nobody waits; in the
//! others threads wait for each other, and most of the time is the system's.

use super::crossbeam_channel;

use crossbeam_channel::{Receiver, Select, Sender, bounded, select, unbounded};
use std::thread;
use std::time::{Duration, Instant};

/// One thread sends itself values through a buffer. A turn is a send and a receive.
pub fn buffered(turns: u64) -> Duration {
    to_itself(bounded(1), turns)
}

/// The same without a limit to the buffer.
pub fn unlimited(turns: u64) -> Duration {
    to_itself(unbounded(), turns)
}

fn to_itself((tx, rx): (Sender<u64>, Receiver<u64>), turns: u64) -> Duration {
    let start = Instant::now();
    let mut sum = 0;
    for n in 0..turns {
        tx.send(n).unwrap();
        sum += rx.recv().unwrap();
    }
    let elapsed = start.elapsed();
    assert_eq!(sum, sum_below(turns));
    elapsed
}

/// Values that pile up: so many are sent before the first is received.
pub const PILE: u64 = 1000;

/// A turn is a pile, sent and received.
pub fn piles(turns: u64) -> Duration {
    let (tx, rx) = unbounded();
    let start = Instant::now();
    for _ in 0..turns {
        (0..PILE).for_each(|n| tx.send(n).unwrap());
        assert_eq!(rx.try_iter().sum::<u64>(), sum_below(PILE));
    }
    start.elapsed()
}

/// A thread sends itself a value and selects it from two channels. A turn is both.
pub fn select_two(turns: u64) -> Duration {
    let ((tx, rx1), (_tx2, rx2)) = (bounded(1), bounded::<u64>(1));
    let start = Instant::now();
    let mut sum = 0;
    for n in 0..turns {
        tx.send(n).unwrap();
        select! {
            recv(rx1) -> n => sum += n.unwrap(),
            recv(rx2) -> _ => unreachable!(),
        }
    }
    let elapsed = start.elapsed();
    assert_eq!(sum, sum_below(turns));
    elapsed
}

/// A select from two channels where nothing is, with `default`. A turn is one look.
pub fn select_default(turns: u64) -> Duration {
    let ((_tx1, rx1), (_tx2, rx2)) = (bounded::<u64>(1), bounded::<u64>(1));
    let start = Instant::now();
    let mut looks = 0;
    for _ in 0..turns {
        select! {
            recv(rx1) -> _ => unreachable!(),
            recv(rx2) -> _ => unreachable!(),
            default => looks += 1,
        }
    }
    let elapsed = start.elapsed();
    assert_eq!(looks, turns);
    elapsed
}

/// A thread sends itself a value on one of so many channels, and selects it with a list that it makes for
/// the purpose. A turn is all of this.
pub fn dynamic(turns: u64, arms: usize) -> Duration {
    let channels: Vec<_> = (0..arms).map(|_| bounded(1)).collect();
    let start = Instant::now();
    let mut sum = 0;
    for n in 0..turns {
        channels[n as usize * 7 % arms].0.send(n).unwrap();
        let mut select = Select::new();
        for (_, rx) in &channels {
            select.recv(rx);
        }
        let operation = select.select();
        let index = operation.index();
        sum += operation.recv(&channels[index].1).unwrap();
    }
    let elapsed = start.elapsed();
    assert_eq!(sum, sum_below(turns));
    elapsed
}

/// So many producers and as many consumers on one channel. A turn is one message.
pub fn many_to_many(turns: u64, hands: u64, capacity: Option<usize>) -> Duration {
    let (tx, rx) = capacity.map_or_else(unbounded, bounded);
    let start = Instant::now();
    let sum: u64 = thread::scope(|scope| {
        for number in 0..hands {
            let tx = tx.clone();
            scope.spawn(move || share(turns, hands, number).for_each(|n| tx.send(n).unwrap()));
        }
        drop(tx);
        let consumers: Vec<_> = (0..hands)
            .map(|_| scope.spawn(|| rx.iter().sum::<u64>()))
            .collect();
        consumers.into_iter().map(|c| c.join().unwrap()).sum()
    });
    let elapsed = start.elapsed();
    assert_eq!(sum, sum_below(turns));
    elapsed
}

/// The numbers below `turns` that fall to the worker with this number.
fn share(turns: u64, workers: u64, number: u64) -> impl Iterator<Item = u64> {
    (number..turns).step_by(workers as usize)
}

/// 0 + 1 + .. + (n - 1).
fn sum_below(n: u64) -> u64 {
    n * (n - 1) / 2
}
