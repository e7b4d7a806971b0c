//! Rows about beginning and ending: what a goroutine costs that does next to nothing.
//!
//! Go has no join. Its side uses a channel for a result: one for the whole loop in `spawn_join`, one with a
//! buffer of 1 for each fork in `fib` and `fork_chain`. Our side uses the handle that `spawn` returns.

use std::time::{Duration, Instant};

use sudog::chan::{Sender, bounded};
use sudog::spawn;
use sudog::sync::WaitGroup;

pub const BATCH: u64 = 1_000_000;

/// Spawns a million goroutines without a pause, then waits for all. A turn is such a batch.
pub fn spawn_wait(turns: u64) -> Duration {
    sudog::run(|| {
        let start = Instant::now();
        for _ in 0..turns {
            let wg = WaitGroup::new();
            wg.add(BATCH as usize);
            for _ in 0..BATCH {
                let wg = wg.clone();
                spawn(move || wg.done());
            }
            wg.wait();
        }
        start.elapsed()
    })
}

/// Spawns a goroutine, waits for its result, spawns the next. A turn is one goroutine.
pub fn spawn_join(turns: u64) -> Duration {
    sudog::run(|| {
        let start = Instant::now();
        for number in 0..turns {
            assert_eq!(spawn(move || number).join().unwrap(), number);
        }
        start.elapsed()
    })
}

pub const SKYNET_LEAVES: u64 = 1_000_000;
const SKYNET_CHILDREN: i64 = 10;

/// The skynet benchmark: a tree of goroutines, ten children to each, a million leaves. A leaf
/// reports its number to its parent over an unbuffered channel, every other node the sum of its
/// children. A turn is one tree: 1,111,111 goroutines, 111,111 channels and as many messages as
/// goroutines.
pub fn skynet(turns: u64) -> Duration {
    let leaves = SKYNET_LEAVES as i64;
    sudog::run(|| {
        let start = Instant::now();
        for _ in 0..turns {
            let (report, result) = bounded(0);
            spawn(move || skynet_node(report, 0, leaves));
            assert_eq!(result.recv(), Ok(leaves * (leaves - 1) / 2));
        }
        start.elapsed()
    })
}

fn skynet_node(report: Sender<i64>, first: i64, leaves: i64) {
    if leaves == 1 {
        report.send(first).unwrap();
        return;
    }
    let (tx, rx) = bounded(0);
    let share = leaves / SKYNET_CHILDREN;
    for child in 0..SKYNET_CHILDREN {
        let tx = tx.clone();
        spawn(move || skynet_node(tx, first + child * share, share));
    }
    let sum = (0..SKYNET_CHILDREN).map(|_| rx.recv().unwrap()).sum();
    report.send(sum).unwrap();
}

const FIB_OF: u32 = 20;
/// Calls of fib(20) that fork, which are those with an argument over 1: fib(21) - 1 of them.
pub const FIB_FORKS: u64 = 10_945;

/// Fork-join Fibonacci without a cut-off: every call over 1 forks one branch, computes the other
/// itself and joins. A turn is the whole tree of fib(20), 20 levels deep.
pub fn fib(turns: u64) -> Duration {
    sudog::run(|| {
        let start = Instant::now();
        for _ in 0..turns {
            assert_eq!(fib_forked(FIB_OF), 6765);
        }
        start.elapsed()
    })
}

fn fib_forked(n: u32) -> i64 {
    if n < 2 {
        return i64::from(n);
    }
    let forked = spawn(move || fib_forked(n - 1));
    let own = fib_forked(n - 2);
    forked.join().unwrap() + own
}

const CHAIN_LEVELS: i64 = 20;

/// The spine of such a tree alone: a goroutine forks one that forks one, 20 deep, and each joins
/// its child. There is never more than one that can run. A turn is one chain.
pub fn fork_chain(turns: u64) -> Duration {
    sudog::run(|| {
        let start = Instant::now();
        for _ in 0..turns {
            assert_eq!(chain_below(CHAIN_LEVELS), CHAIN_LEVELS);
        }
        start.elapsed()
    })
}

/// The number of goroutines forked beneath this one.
fn chain_below(levels: i64) -> i64 {
    if levels == 0 {
        return 0;
    }
    let forked = spawn(move || chain_below(levels - 1));
    1 + forked.join().unwrap()
}
