//! Rows about values on their way: producers, consumers and a pipeline of filters.
//!
//! With two processors the two ends may run at the same time, so these rows also measure how often
//! a runtime wakes a second thread for work that one could have done, and what that costs.

use std::time::{Duration, Instant};

use sudog::chan::{Receiver, Sender, bounded};
use sudog::spawn;

use super::share;

/// One producer, one consumer, one channel. A turn is one message.
pub fn one_to_one(turns: u64, capacity: usize) -> Duration {
    sudog::run(|| {
        let (tx, rx) = bounded(capacity);
        let start = Instant::now();
        spawn(move || produce(tx, turns));
        let sum: i64 = rx.iter().sum();
        let elapsed = start.elapsed();
        assert_eq!(sum, sum_below(turns));
        elapsed
    })
}

/// Eight producers and eight consumers on one channel. A turn is one message.
pub fn eight_to_eight(turns: u64, capacity: usize) -> Duration {
    const SIDE: u64 = 8;
    sudog::run(|| {
        let (tx, rx) = bounded(capacity);
        let start = Instant::now();
        for number in 0..SIDE {
            let tx = tx.clone();
            spawn(move || produce(tx, share(turns, SIDE, number)));
        }
        drop(tx);
        let consumers: Vec<_> = (0..SIDE)
            .map(|_| {
                let rx = rx.clone();
                spawn(move || rx.iter().sum::<i64>())
            })
            .collect();
        let sum: i64 = consumers.into_iter().map(|c| c.join().unwrap()).sum();
        let elapsed = start.elapsed();
        let sent = (0..SIDE).map(|number| sum_below(share(turns, SIDE, number)));
        assert_eq!(sum, sent.sum::<i64>());
        elapsed
    })
}

/// Sends 0, 1, 2 .. and closes the channel by letting go of it.
fn produce(tx: Sender<i64>, messages: u64) {
    for value in 0..messages as i64 {
        tx.send(value).unwrap();
    }
}

/// 0 + 1 + .. + (n - 1).
fn sum_below(n: u64) -> i64 {
    let n = n as i64;
    n * (n - 1) / 2
}

pub const SIEVE_PRIMES: u64 = 2000;
/// The 2000th prime: the sieve ends after it, so that it can be run again and leaves nobody behind.
const SIEVE_LIMIT: i64 = 17_389;

/// The concurrent prime sieve: a generator, and behind it one filter for every prime found so far,
/// all joined by unbuffered channels. A turn is one sieve from 2 up to the 2000th prime.
pub fn sieve(turns: u64) -> Duration {
    sudog::run(|| {
        let start = Instant::now();
        for _ in 0..turns {
            assert_eq!(sieve_once(), (SIEVE_PRIMES, SIEVE_LIMIT));
        }
        start.elapsed()
    })
}

/// How many primes came through, and the last of them.
fn sieve_once() -> (u64, i64) {
    let (tx, mut numbers) = bounded(0);
    spawn(move || generate(tx));
    let (mut count, mut last) = (0, 0);
    while let Ok(prime) = numbers.recv() {
        (count, last) = (count + 1, prime);
        let (tx, survivors) = bounded(0);
        spawn(move || filter(numbers, tx, prime));
        numbers = survivors;
    }
    (count, last)
}

fn generate(tx: Sender<i64>) {
    for number in 2..=SIEVE_LIMIT {
        tx.send(number).unwrap();
    }
}

fn filter(numbers: Receiver<i64>, survivors: Sender<i64>, prime: i64) {
    for number in numbers {
        if number % prime != 0 {
            survivors.send(number).unwrap();
        }
    }
}
