//! The prime sieve: one goroutine counts up from 2, and behind it stands one more for each prime
//! found so far, which lets through what its prime does not divide. Whatever comes out at the end
//! of the chain is the next prime. Every arrow is a channel without a buffer:
//!
//! ```text
//! generate -> filter 2 -> filter 3 -> filter 5 -> .. -> main
//! ```
//!
//! It is no way to look for primes, but a good load for a scheduler: hardly any arithmetic, and
//! nothing but goroutines that wait for each other.
//!
//! Run it with `cargo run --release --example sieve -- 1000`, where the number says how many primes
//! to print (100 if left out), one a line: 2, 3, 5, 7, 11 and so on.

use std::env;
use std::process::ExitCode;

use sudog::chan::{Receiver, Sender, bounded};
use sudog::go;

fn generate(numbers: Sender<u64>) {
    for n in 2.. {
        if numbers.send(n).is_err() {
            return;
        }
    }
}

fn filter(prime: u64, numbers: Receiver<u64>, rest: Sender<u64>) {
    for n in numbers {
        if n % prime != 0 && rest.send(n).is_err() {
            return;
        }
    }
}

#[sudog::main]
fn main() -> ExitCode {
    let Ok(count) = env::args().nth(1).map_or(Ok(100), |n| n.parse::<usize>()) else {
        eprintln!("usage: sieve [HOW-MANY]");
        return ExitCode::from(2);
    };

    let (tx, mut numbers) = bounded(0);
    go!(generate(tx));
    for _ in 0..count {
        let prime = numbers.recv().expect("the numbers do not run out");
        println!("{prime}");
        let (tx, rest) = bounded(0);
        go!(filter(prime, numbers, tx));
        numbers = rest;
    }
    // When main returns the process ends; nobody has to tell the chain to stop.
    ExitCode::SUCCESS
}
