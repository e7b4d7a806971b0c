//! Rows of `select!`: one that must wait each time, and those that never do.

use std::time::{Duration, Instant};

use sudog::chan::{Receiver, bounded};
use sudog::{select, spawn};

/// A receiver selects from four channels without buffers, on which four senders take turns. A turn is
/// one message.
pub fn four(turns: u64) -> Duration {
    sudog::run(|| {
        let ends: [Receiver<i64>; 4] = std::array::from_fn(|number| {
            let (tx, rx) = bounded(0);
            let share = super::share(turns, 4, number as u64);
            spawn(move || (0..share).for_each(|_| tx.send(1).unwrap()));
            rx
        });
        let [a, b, c, d] = &ends;
        let start = Instant::now();
        let mut sum = 0;
        let mut open = [true; 4];
        while sum < turns as i64 {
            select! {
                recv(a) -> n, if open[0] => count(n.ok(), &mut sum, &mut open[0]),
                recv(b) -> n, if open[1] => count(n.ok(), &mut sum, &mut open[1]),
                recv(c) -> n, if open[2] => count(n.ok(), &mut sum, &mut open[2]),
                recv(d) -> n, if open[3] => count(n.ok(), &mut sum, &mut open[3]),
            }
        }
        start.elapsed()
    })
}

fn count(n: Option<i64>, sum: &mut i64, is_open: &mut bool) {
    match n {
        Some(n) => *sum += n,
        None => *is_open = false,
    }
}

/// A select with one arm and `default` on a channel where nothing comes. A turn is one look.
pub fn default_empty(turns: u64) -> Duration {
    sudog::run(|| {
        let (_tx, rx) = bounded::<i64>(0);
        let start = Instant::now();
        let mut looks = 0;
        for _ in 0..turns {
            select! {
                recv(rx) -> _ => unreachable!(),
                default => looks += 1,
            }
        }
        let elapsed = start.elapsed();
        assert_eq!(looks, turns);
        elapsed
    })
}

/// The same with two arms. A turn is one look at both.
pub fn default_empty_two(turns: u64) -> Duration {
    sudog::run(|| {
        let ((_tx1, rx1), (_tx2, rx2)) = (bounded::<i64>(0), bounded::<i64>(0));
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
    })
}

/// A goroutine sends itself a value and selects it from two channels. A turn is both.
pub fn one_of_two_ready(turns: u64) -> Duration {
    sudog::run(|| {
        let ((tx1, rx1), (_tx2, rx2)) = (bounded(1), bounded::<i64>(1));
        let start = Instant::now();
        let mut sum = 0;
        for _ in 0..turns {
            tx1.send(1).unwrap();
            select! {
                recv(rx1) -> n => sum += n.unwrap(),
                recv(rx2) -> _ => unreachable!(),
            }
        }
        let elapsed = start.elapsed();
        assert_eq!(sum, turns as i64);
        elapsed
    })
}
