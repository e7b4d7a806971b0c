//! Rows that are nearly all switch: the next goroutine is always known and there is one thing to do.
//!
//! `yield_two` is the bare cost of passing the processor on through a run queue. `ping_pong` and
//! `ring` pass it on through a rendezvous, between two goroutines whose stacks stay in the nearest
//! cache and between 503 whose stacks do not.

use std::time::{Duration, Instant};

use sudog::chan::{Receiver, Sender, bounded};
use sudog::spawn;
use sudog::sync::WaitGroup;

use super::share;

/// Two goroutines that do nothing but yield. A turn is one yield of either.
///
/// On one processor each yield is a switch to the other goroutine; on two, each may sit on a
/// processor of its own and yield to nobody, on both sides of the comparison.
pub fn yield_two(turns: u64) -> Duration {
    sudog::run(|| {
        let wg = WaitGroup::new();
        wg.add(2);
        let start = Instant::now();
        for number in 0..2 {
            let wg = wg.clone();
            spawn(move || {
                for _ in 0..share(turns, 2, number) {
                    sudog::yield_now();
                }
                wg.done();
            });
        }
        wg.wait();
        start.elapsed()
    })
}

/// A value goes out on one unbuffered channel and comes back on another. A turn is a round trip:
/// two messages, four times a goroutine parks or is made ready.
pub fn ping_pong(turns: u64) -> Duration {
    sudog::run(|| {
        let (ping, echo_in) = bounded::<i64>(0);
        let (echo_out, pong) = bounded::<i64>(0);
        spawn(move || {
            for value in echo_in {
                echo_out.send(value).unwrap();
            }
        });
        let start = Instant::now();
        for value in 0..turns as i64 {
            ping.send(value).unwrap();
            assert_eq!(pong.recv(), Ok(value));
        }
        start.elapsed()
    })
}

/// 503 is the size every published thread-ring program uses.
const RING_SIZE: usize = 503;

/// A ring of goroutines joined by unbuffered channels passes one token round. A turn is one hop,
/// the injection of the token being the first.
pub fn ring(turns: u64) -> Duration {
    sudog::run(|| {
        let (done, ended) = bounded(0);
        let (inject, first_in) = bounded(0);
        let mut token_in = first_in;
        for _ in 1..RING_SIZE {
            let (token_out, next_in) = bounded(0);
            let done = done.clone();
            spawn(move || pass(token_in, token_out, done));
            token_in = next_in;
        }
        let last_out = inject.clone();
        spawn(move || pass(token_in, last_out, done));

        let start = Instant::now();
        inject.send(turns as i64 - 1).unwrap();
        assert_eq!(ended.recv(), Ok(0));
        start.elapsed()
    })
}

/// One member of the ring: hands the token on with one hop fewer to go.
///
/// Whoever holds the token at 0 reports it and leaves. That drops its sender, the next member's
/// loop ends, and so the ring takes itself down, each member closing the door behind it.
fn pass(token_in: Receiver<i64>, token_out: Sender<i64>, done: Sender<i64>) {
    for hops_left in token_in {
        if hops_left == 0 {
            done.send(hops_left).unwrap();
            return;
        }
        token_out.send(hops_left - 1).unwrap();
    }
}
