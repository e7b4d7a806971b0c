//! Async code and goroutines, joined by channels: a plain tokio program with CPU work to do.
//!
//! Run it with `cargo run --example tokio_bridge`, maybe with the number of jobs behind it (`-- 100`).
//! Jobs come in one by one, as requests would, in a tokio task. Each is to find the prime factors of a
//! number, which would hold up tokio's threads and all tasks on them; so the task sends the jobs to
//! goroutines, and another awaits what they find. Nothing is wrapped and no thread waits: one channel
//! has `send_async` at its one end and a plain loop at the other.
//!
//! ```text
//! 1000000000000 = 2^12 * 5^12
//! 1000000000001 = 73 * 137 * 99990001
//! ..
//! 24 numbers factored
//! ```

use std::collections::BTreeMap;
use std::process::exit;
use std::time::Duration;

use sudog::chan::{Receiver, Sender, bounded};
use sudog::go;

const WORKERS: usize = 4;
const FIRST: u64 = 1_000_000_000_000;

/// Takes jobs until there are no more. Plain code, on the stack of a goroutine.
fn work(jobs: Receiver<u64>, results: Sender<(u64, Vec<u64>)>) {
    for n in jobs {
        if results.send((n, factors(n))).is_err() {
            return; // nobody wants to know any more
        }
    }
}

/// The prime factors of a number, smallest first.
fn factors(mut n: u64) -> Vec<u64> {
    let mut found = Vec::new();
    let mut candidate = 2;
    while candidate * candidate <= n {
        if n.is_multiple_of(candidate) {
            found.push(candidate);
            n /= candidate;
        } else {
            candidate += 1;
        }
    }
    found.extend((n > 1).then_some(n));
    found
}

/// Writes `2^2 * 3`.
fn product(factors: &[u64]) -> String {
    let powers = factors
        .chunk_by(|a, b| a == b)
        .map(|equal| match equal.len() {
            1 => equal[0].to_string(),
            count => format!("{}^{count}", equal[0]),
        });
    powers.collect::<Vec<_>>().join(" * ")
}

#[tokio::main(worker_threads = 2)]
async fn main() {
    let Some(count) = std::env::args().nth(1).map_or(Some(24), |n| n.parse().ok()) else {
        eprintln!("usage: tokio_bridge [HOW-MANY]");
        exit(2);
    };

    // Little room on purpose: who is ahead waits, a task in its way and a goroutine in its own.
    let (jobs_tx, jobs) = bounded(2);
    let (results_tx, results) = bounded(2);
    for _ in 0..WORKERS {
        go!(work(jobs.clone(), results_tx.clone()));
    }
    // What follows ends when the last worker drops its sender, so ours must not stay.
    drop((jobs, results_tx));

    let requests = tokio::spawn(async move {
        for n in FIRST..FIRST + count {
            tokio::time::sleep(Duration::from_micros(100)).await;
            jobs_tx
                .send_async(n)
                .await
                .expect("the workers receive until we are done");
        }
    });

    // The numbers come as they are done, and are kept until their turn.
    let mut kept = BTreeMap::new();
    let mut next = FIRST;
    while let Ok((n, found)) = results.recv_async().await {
        kept.insert(n, found);
        while let Some(found) = kept.remove(&next) {
            println!("{next} = {}", product(&found));
            next += 1;
        }
    }
    requests.await.expect("the requests do not panic");
    println!("{} numbers factored", next - FIRST);
}
