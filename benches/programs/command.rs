//! The command line that `rows`, `versus` and the Go program have in common.
//!
//! ```text
//! list                the rows
//! run NAME [TURNS]    one warmed-up measurement, nanoseconds per operation
//! memory NAME [N]     peak resident memory with N goroutines, bytes for each
//! ```
//!
//! `run` and `memory` print one number and nothing else: `versus` starts a fresh process for every
//! measurement and reads it back.

use super::{MEMORY_ROWS, MemoryRow, ROWS, Row};

/// The arguments without those that `cargo bench` adds, and whether it added one.
///
/// Cargo passes `--bench` to every bench target it runs as a benchmark, and nothing when
/// `cargo test --benches` runs it as a test.
pub fn arguments() -> (Vec<String>, bool) {
    let (cargo, ours): (Vec<_>, Vec<_>) = std::env::args()
        .skip(1)
        .partition(|argument| argument == "--bench");
    (ours, !cargo.is_empty())
}

/// Carries out one of the commands above; `None` if these arguments are none of them.
pub fn execute(arguments: &[String]) -> Option<Result<(), String>> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["list"] => {
            list();
            Some(Ok(()))
        }
        ["run", name] => Some(run(name, None)),
        ["run", name, turns] => Some(run(name, Some(turns))),
        ["memory", name] => Some(memory(name, None)),
        ["memory", name, goroutines] => Some(memory(name, Some(goroutines))),
        _ => None,
    }
}

fn list() {
    for row in ROWS {
        let Row {
            name,
            operation,
            per,
            turns,
            ..
        } = row;
        println!("{name:20} {operation:28} {turns:>8} turns of {per}");
    }
    for row in MEMORY_ROWS {
        let MemoryRow {
            name,
            goroutine,
            goroutines,
            ..
        } = row;
        println!("memory {name:13} {goroutines} goroutines, {goroutine}");
    }
}

fn run(name: &str, turns: Option<&str>) -> Result<(), String> {
    let row = find_row(name)?;
    let turns = turns.map_or(Ok(row.turns), count)?;
    println!("{:.2}", row.measure_ns(turns));
    Ok(())
}

fn memory(name: &str, goroutines: Option<&str>) -> Result<(), String> {
    let row = find_memory_row(name)?;
    let goroutines = goroutines.map_or(Ok(row.goroutines), count)?;
    println!("{:.2}", row.measure_bytes(goroutines));
    Ok(())
}

pub fn count(argument: &str) -> Result<u64, String> {
    match argument.parse() {
        Ok(count) if count > 0 => Ok(count),
        _ => Err(format!("`{argument}` is not a number over 0")),
    }
}

pub fn find_row(name: &str) -> Result<&'static Row, String> {
    let found = ROWS.iter().find(|row| row.name == name);
    found.ok_or_else(|| format!("no row `{name}`; `list` shows them"))
}

pub fn find_memory_row(name: &str) -> Result<&'static MemoryRow, String> {
    let found = MEMORY_ROWS.iter().find(|row| row.name == name);
    found.ok_or_else(|| format!("no memory row `{name}`; `list` shows them"))
}
