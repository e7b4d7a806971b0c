//! Every row on this machine, ours only: quick figures while working on the runtime.
//!
//! ```text
//! cargo bench --bench rows                          every row, several rounds
//! cargo bench --bench rows -- ring sieve            these rows
//! cargo bench --bench rows -- run ping_pong 500000  one measurement, one number
//! cargo bench --bench rows -- memory spawned        bytes per goroutine
//! cargo bench --bench rows -- list
//! ```
//!
//! All rounds share one process, and the rounds go over all rows in turn, so that a slow minute of
//! the machine falls on every row and not on one. `SUDOG_MAXPROCS` says how many processors; for
//! the comparison with Go see `versus`, for figures compared with the last run's see `sched`.
//!
//! Run as a test (`cargo test --benches`) each row takes one turn, only to see that it still works.

mod programs;

use std::process::ExitCode;

use programs::figures::{Figures, short};
use programs::{ROWS, Row, command};

const ROUNDS: usize = 5;

fn main() -> ExitCode {
    let (arguments, by_cargo_bench) = command::arguments();
    let result = match command::execute(&arguments) {
        Some(result) => result,
        None if by_cargo_bench || !arguments.is_empty() => report(&arguments),
        None => {
            for row in ROWS {
                (row.run)(1);
            }
            Ok(())
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("rows: {message}");
            ExitCode::FAILURE
        }
    }
}

/// Measures the named rows, or all, and prints a line for each.
fn report(names: &[String]) -> Result<(), String> {
    let rows: Vec<&Row> = match names {
        [] => ROWS.iter().collect(),
        names => names
            .iter()
            .map(|name| command::find_row(name))
            .collect::<Result<_, _>>()?,
    };
    let mut measured = vec![Vec::new(); rows.len()];
    for _ in 0..ROUNDS {
        for (row, times) in rows.iter().zip(&mut measured) {
            times.push(row.measure_ns(row.turns));
        }
    }
    println!("max_procs {}, {ROUNDS} rounds", sudog::runtime::max_procs());
    println!(
        "{:20} {:>10}    {:17} operation",
        "row", "median", "min-max"
    );
    for (row, times) in rows.iter().zip(measured) {
        let figures = Figures::of(times).map(|ns| row.unit.of_ns(ns));
        println!(
            "{:20} {:>10} {} {:17} {}",
            row.name,
            short(figures.median),
            row.unit.name(),
            figures.spread(),
            row.operation,
        );
    }
    Ok(())
}
