//! The rows: one small program each, and the table that says what a row counts.
//!
//! A row is a function from a number of *turns* to the time they took. A turn is the smallest piece
//! of the program that is worth repeating: one yield, one message, one whole sieve. Many turns hold
//! more than one operation, so the table gives each row its `per`, the operations in a turn; what
//! we report is always time / (turns * per). A batch of a million goroutines thus stays a batch of
//! a million whatever number of turns a harness asks for, which is the point of that row.
//!
//! What holds for every row:
//! 1. The clock starts and stops inside `sudog::run`, so that starting the runtime is not counted.
//! 2. A row leaves nothing behind: each goroutine it started has ended, or has nothing left to do
//!    but end, when the clock stops.
//! 3. A row checks its own answer and panics when it is wrong; a fast wrong program is no result.
//! 4. `go/programs.go` holds the same programs under the same names, line for line where the
//!    languages allow. Whoever changes one side changes the other.
//!
//! Values are `i64` because they are Go's `int` on the other side.

#![allow(
    dead_code,
    reason = "three bench targets share this table and no one of them reads every field"
)]

mod channels;
pub mod command;
mod contexts;
pub mod figures;
mod goroutines;
mod locking;
pub mod memory;
mod selecting;
mod switching;
mod timers;

use std::time::Duration;

/// A program to time, and how to read its time.
pub struct Row {
    pub name: &'static str,
    /// One operation, as the reader of a report knows it.
    pub operation: &'static str,
    pub unit: Unit,
    /// Operations in one turn.
    pub per: u64,
    /// Enough turns for Go to be busy for about 0.3 s, or one turn where one takes longer.
    pub turns: u64,
    /// Our time over Go's may not exceed this: the project's table of ceilings.
    pub ceiling: f64,
    pub run: fn(turns: u64) -> Duration,
}

/// The unit a row is reported in.
#[derive(Clone, Copy)]
pub enum Unit {
    Nanoseconds,
    Microseconds,
}

impl Unit {
    pub fn name(self) -> &'static str {
        match self {
            Unit::Nanoseconds => "ns",
            Unit::Microseconds => "us",
        }
    }

    pub fn of_ns(self, ns: f64) -> f64 {
        match self {
            Unit::Nanoseconds => ns,
            Unit::Microseconds => ns / 1e3,
        }
    }
}

impl Row {
    /// Warms up with a tenth of the turns, then times all of them: nanoseconds per operation.
    ///
    /// The warm-up is at least one turn, so that both sides have made their threads, stacks and
    /// free lists before the clock starts.
    pub fn measure_ns(&self, turns: u64) -> f64 {
        assert!(turns > 0, "{}: nothing to measure in 0 turns", self.name);
        (self.run)((turns / 10).max(1));
        let elapsed = (self.run)(turns);
        elapsed.as_nanos() as f64 / (turns * self.per) as f64
    }
}

/// A program whose peak memory is measured, not its time.
pub struct MemoryRow {
    pub name: &'static str,
    /// What each of the goroutines does.
    pub goroutine: &'static str,
    pub goroutines: u64,
    /// Bytes of peak resident memory that one goroutine may cost us, where the project has a limit.
    pub ceiling_bytes: Option<f64>,
    pub run: fn(goroutines: u64),
}

impl MemoryRow {
    /// Runs the program and gives the peak of this process, in bytes for each goroutine.
    ///
    /// Meant for a fresh process: the peak never comes down again.
    pub fn measure_bytes(&self, goroutines: u64) -> f64 {
        assert!(goroutines > 0, "{}: no goroutines", self.name);
        (self.run)(goroutines);
        memory::peak_rss_bytes() as f64 / goroutines as f64
    }
}

/// Spreads `total` turns over `workers`: the share of the worker with this number.
fn share(total: u64, workers: u64, number: u64) -> u64 {
    total / workers + u64::from(number < total % workers)
}

/// Every timed row, in the order of the project's table.
pub const ROWS: &[Row] = &[
    Row {
        name: "yield",
        operation: "yield, 2 goroutines",
        unit: Unit::Nanoseconds,
        per: 1,
        turns: 5_000_000,
        ceiling: 0.5,
        run: switching::yield_two,
    },
    Row {
        name: "ping_pong",
        operation: "unbuffered round trip",
        unit: Unit::Nanoseconds,
        per: 1,
        turns: 1_000_000,
        ceiling: 0.45,
        run: switching::ping_pong,
    },
    Row {
        name: "one_to_one",
        operation: "message, unbuffered, 1 to 1",
        unit: Unit::Nanoseconds,
        per: 1,
        turns: 2_000_000,
        ceiling: 0.5,
        run: |turns| channels::one_to_one(turns, 0),
    },
    Row {
        name: "one_to_one_128",
        operation: "message, buffer 128, 1 to 1",
        unit: Unit::Nanoseconds,
        per: 1,
        turns: 9_000_000,
        ceiling: 0.8,
        run: |turns| channels::one_to_one(turns, 128),
    },
    Row {
        name: "eight_to_eight",
        operation: "message, unbuffered, 8 to 8",
        unit: Unit::Nanoseconds,
        per: 1,
        turns: 2_000_000,
        ceiling: 0.6,
        run: |turns| channels::eight_to_eight(turns, 0),
    },
    Row {
        name: "eight_to_eight_128",
        operation: "message, buffer 128, 8 to 8",
        unit: Unit::Nanoseconds,
        per: 1,
        turns: 9_000_000,
        ceiling: 1.0,
        run: |turns| channels::eight_to_eight(turns, 128),
    },
    Row {
        name: "ring",
        operation: "hop, ring of 503",
        unit: Unit::Nanoseconds,
        per: 1,
        turns: 2_000_000,
        ceiling: 0.5,
        run: switching::ring,
    },
    Row {
        name: "sieve",
        operation: "prime, the first 2000",
        unit: Unit::Microseconds,
        per: channels::SIEVE_PRIMES,
        turns: 1,
        ceiling: 0.5,
        run: channels::sieve,
    },
    Row {
        name: "spawn_wait",
        operation: "spawn, 1M and wait for all",
        unit: Unit::Nanoseconds,
        per: goroutines::BATCH,
        turns: 1,
        ceiling: 0.3,
        run: goroutines::spawn_wait,
    },
    Row {
        name: "spawn_join",
        operation: "spawn + join, one by one",
        unit: Unit::Nanoseconds,
        per: 1,
        turns: 1_000_000,
        ceiling: 0.4,
        run: goroutines::spawn_join,
    },
    Row {
        name: "skynet",
        operation: "leaf, skynet of 1M",
        unit: Unit::Nanoseconds,
        per: goroutines::SKYNET_LEAVES,
        turns: 1,
        ceiling: 0.35,
        run: goroutines::skynet,
    },
    Row {
        name: "fib",
        operation: "fork, whole fib(20) tree",
        unit: Unit::Nanoseconds,
        per: goroutines::FIB_FORKS,
        turns: 80,
        ceiling: 0.4,
        run: goroutines::fib,
    },
    Row {
        name: "fork_chain",
        operation: "chain of 20 nested forks",
        unit: Unit::Microseconds,
        per: 1,
        turns: 40_000,
        ceiling: 0.4,
        run: goroutines::fork_chain,
    },
    Row {
        name: "select_four",
        operation: "message, select of 4 receives",
        unit: Unit::Nanoseconds,
        per: 1,
        turns: 1_000_000,
        ceiling: 0.5,
        run: selecting::four,
    },
    Row {
        name: "select_default",
        operation: "select of 1 with default, empty",
        unit: Unit::Nanoseconds,
        per: 1,
        turns: 50_000_000,
        ceiling: 1.0,
        run: selecting::default_empty,
    },
    Row {
        name: "select_default_two",
        operation: "select of 2 with default, empty",
        unit: Unit::Nanoseconds,
        per: 1,
        turns: 9_000_000,
        ceiling: 1.0,
        run: selecting::default_empty_two,
    },
    Row {
        name: "select_ready",
        operation: "select of 2, one ready",
        unit: Unit::Nanoseconds,
        per: 1,
        turns: 9_000_000,
        ceiling: 1.0,
        run: selecting::one_of_two_ready,
    },
    Row {
        name: "timer_new_stop",
        operation: "timer, made and stopped",
        unit: Unit::Nanoseconds,
        per: 1,
        turns: 2_000_000,
        ceiling: 0.5,
        run: timers::new_stop,
    },
    Row {
        name: "timer_func_stop",
        operation: "call in an hour, stopped",
        unit: Unit::Nanoseconds,
        per: 1,
        turns: 2_000_000,
        ceiling: 1.0,
        run: timers::func_stop,
    },
    // Go's 42 ms where the project began; the ceiling is 3 ms.
    Row {
        name: "sleepers",
        operation: "p99 lateness of 100k sleepers",
        unit: Unit::Microseconds,
        per: 1,
        turns: 1,
        ceiling: 0.07,
        run: timers::sleepers,
    },
    Row {
        name: "sleepers_cpu",
        operation: "CPU time of a sleeper",
        unit: Unit::Nanoseconds,
        per: timers::SLEEPERS,
        turns: 1,
        ceiling: 1.0,
        run: timers::sleepers_cpu,
    },
    Row {
        name: "mutex_alone",
        operation: "lock + unlock, nobody else",
        unit: Unit::Nanoseconds,
        per: 1,
        turns: 50_000_000,
        ceiling: 1.0,
        run: locking::mutex_alone,
    },
    Row {
        name: "mutex_eight",
        operation: "lock + unlock, 8 contending",
        unit: Unit::Nanoseconds,
        per: 1,
        turns: 9_000_000,
        ceiling: 1.0,
        run: locking::mutex_eight,
    },
    Row {
        name: "rwlock_read_mostly",
        operation: "RwLock, 8, 1 write in 100",
        unit: Unit::Nanoseconds,
        per: 1,
        turns: 9_000_000,
        ceiling: 1.0,
        run: locking::rwlock_read_mostly,
    },
    Row {
        name: "semaphore_eight",
        operation: "acquire + release, 2 for 8",
        unit: Unit::Nanoseconds,
        per: 1,
        turns: 2_000_000,
        ceiling: 1.0,
        run: locking::semaphore_eight,
    },
    Row {
        name: "waitgroup",
        operation: "add, spawn, done, wait",
        unit: Unit::Nanoseconds,
        per: 1,
        turns: 1_000_000,
        ceiling: 1.0,
        run: locking::waitgroup,
    },
    Row {
        name: "once",
        operation: "Once that is done",
        unit: Unit::Nanoseconds,
        per: 1,
        turns: 200_000_000,
        ceiling: 1.0,
        run: locking::once,
    },
    Row {
        name: "context_tree",
        operation: "make a context in a tree, cancel the tree",
        unit: Unit::Nanoseconds,
        per: contexts::TREE,
        turns: 60,
        ceiling: 1.0,
        run: contexts::tree,
    },
    Row {
        name: "context_churn",
        operation: "make a context and cancel it",
        unit: Unit::Nanoseconds,
        per: 1,
        turns: 1_500_000,
        ceiling: 1.0,
        run: contexts::churn,
    },
];

/// Every memory row.
pub const MEMORY_ROWS: &[MemoryRow] = &[
    MemoryRow {
        name: "spawned",
        goroutine: "ends without parking",
        goroutines: 1_000_000,
        ceiling_bytes: None,
        run: memory::spawned,
    },
    MemoryRow {
        name: "parked",
        goroutine: "parked in a receive, all at once",
        goroutines: 1_000_000,
        ceiling_bytes: Some(4.9 * 1024.0),
        run: memory::parked,
    },
];
