//! Our mutex against parking_lot's, which blocks threads, and tokio's, which suspends tasks.
//!
//! ```text
//! cargo bench --bench mutexes
//! ```
//!
//! `alone` locks and unlocks without anybody else; `eight` does so in eight goroutines, and in eight tasks
//! on as many workers as there are processors (`SUDOG_MAXPROCS`). All run in this process, by turns. The
//! ratio is our median over theirs.
//!
//! Run as a test (`cargo test --benches`) each takes a few turns, only to see that it still works.

#[path = "programs/bare.rs"]
mod bare;
#[expect(dead_code, reason = "the others use more of it")]
#[path = "programs/figures.rs"]
mod figures;

use std::sync::Arc;
use std::time::{Duration, Instant};

use figures::{Figures, short};

const ROUNDS: usize = 15;
const WORKERS: u64 = 8;

/// Locks and unlocks so often, by the statement.
macro_rules! times {
    ($turns:expr, $body:expr) => {{
        let start = Instant::now();
        for _ in 0..$turns {
            $body;
        }
        start.elapsed()
    }};
}

fn ours_alone(turns: u64) -> Duration {
    let mutex = sudog::sync::Mutex::new(0_u64);
    times!(turns, *mutex.lock() += 1)
}

fn parking_lot_alone(turns: u64) -> Duration {
    let mutex = parking_lot::Mutex::new(0_u64);
    times!(turns, *mutex.lock() += 1)
}

fn ours_by_eight(turns: u64) -> Duration {
    sudog::run(move || {
        let mutex = sudog::sync::Mutex::new(0_u64);
        let start = Instant::now();
        sudog::scope(|s| {
            for _ in 0..WORKERS {
                s.spawn(|| times!(turns / WORKERS, *mutex.lock() += 1));
            }
        });
        let elapsed = start.elapsed();
        assert_eq!(mutex.into_inner(), turns / WORKERS * WORKERS);
        elapsed
    })
}

fn tokio_by_eight(turns: u64) -> Duration {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let workers = sudog::runtime::max_procs();
    let runtime = builder.worker_threads(workers).build().expect("a runtime");
    runtime.block_on(async move {
        let mutex = Arc::new(tokio::sync::Mutex::new(0_u64));
        let start = Instant::now();
        let tasks: Vec<_> = (0..WORKERS)
            .map(|_| {
                let mutex = Arc::clone(&mutex);
                tokio::spawn(async move { times!(turns / WORKERS, *mutex.lock().await += 1) })
            })
            .collect();
        for task in tasks {
            task.await.expect("it does not panic");
        }
        let elapsed = start.elapsed();
        assert_eq!(*mutex.lock().await, turns / WORKERS * WORKERS);
        elapsed
    })
}

type Program = fn(u64) -> Duration;

/// A name, the turns of a round, and both sides.
const ROWS: [(&str, u64, [Program; 2]); 2] = [
    (
        "alone, parking_lot",
        10_000_000,
        [ours_alone, parking_lot_alone],
    ),
    ("eight, tokio", 800_000, [ours_by_eight, tokio_by_eight]),
];

fn main() {
    let is_bench = bare::is_bench();
    for (name, turns, sides) in ROWS {
        if !is_bench {
            for side in sides {
                side(80);
            }
            continue;
        }
        let mut figures = [const { Vec::new() }; 2];
        for _ in 0..ROUNDS {
            for (side, figures) in sides.iter().zip(&mut figures) {
                side(turns / 10);
                figures.push(side(turns).as_nanos() as f64 / turns as f64);
            }
        }
        let [ours, theirs] = figures.map(Figures::of);
        println!(
            "{name}: {} against {} ns, {:.2}",
            short(ours.median),
            short(theirs.median),
            ours.median / theirs.median
        );
    }
}
