//! Fan-in: several goroutines send into one channel, and one reads them all.
//!
//! Run it with `cargo run --example fan_in`. It prints one line for each of twelve results, in the
//! order in which they arrive, and then their sum. The workers run side by side, so that their
//! lines mix as they please; the lines of one worker keep their order.
//!
//! ```text
//! worker 3: 9
//! worker 1: 1
//! ..
//! the squares up to 12 add up to 650
//! ```

use sudog::chan::{Sender, bounded};
use sudog::go;
use sudog::sync::WaitGroup;

const WORKERS: u64 = 3;
const LAST: u64 = 12;

/// Squares every third number, from the worker's own on.
fn square(worker: u64, results: &Sender<(u64, u64)>) {
    for n in (worker..=LAST).step_by(WORKERS as usize) {
        results
            .send((worker, n * n))
            .expect("main receives until the channel is closed");
    }
}

#[sudog::main]
fn main() {
    let (tx, rx) = bounded(4);

    let workers = WaitGroup::new();
    for worker in 1..=WORKERS {
        let tx = tx.clone();
        workers.go(move || square(worker, &tx));
    }
    // As in Go: who knows that all workers are done closes the channel, which ends the loop below.
    // Dropping the last sender would close it as well, and then there is nothing to wait for.
    go!(move || {
        workers.wait();
        tx.close();
    });

    let mut sum = 0;
    for (worker, square) in rx {
        println!("worker {worker}: {square}");
        sum += square;
    }
    println!("the squares up to {LAST} add up to {sum}");
}
