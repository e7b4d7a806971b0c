//! Our channels against crossbeam-channel's, on plain threads: no goroutine, no runtime.
//!
//! ```text
//! cargo bench --bench threads
//! cargo bench --bench threads -- --rounds 21 buffered select_two
//! ```
//!
//! The same source is compiled for both (`threads/programs.rs`), and both run in this process, by
//! turns: every other round crossbeam-channel goes first. Before each measurement a tenth of the turns
//! warms up. The ratio is our median over theirs. A dynamic select should not cost more than in
//! proportion to its arms; the last line has its ratio to a small one, ours and theirs.
//!
//! Run as a test (`cargo test --benches`) each row takes a few turns, only to see that it still works.

#![expect(
    clippy::duplicate_mod,
    reason = "compiling the same file twice is what this is about"
)]

#[expect(dead_code, reason = "the others use more of it")]
#[path = "programs/figures.rs"]
mod figures;

#[path = "threads"]
mod ours {
    use sudog::chan as crossbeam_channel;

    pub mod programs;
}

#[path = "threads"]
mod theirs {
    use ::crossbeam_channel;

    pub mod programs;
}

use std::process::ExitCode;
use std::time::Duration;

use figures::{Figures, short};

struct Row {
    name: &'static str,
    /// One operation, as the reader of a report knows it.
    operation: &'static str,
    /// Operations in one turn.
    per: u64,
    turns: u64,
    /// Our time over theirs may not exceed this, where the project has a limit.
    ceiling: Option<f64>,
    /// Ours, and theirs.
    run: [fn(u64) -> Duration; 2],
}

/// The same program of both sides.
macro_rules! both {
    (|$turns:ident| $program:ident($($argument:expr),*)) => {
        [
            |$turns| ours::programs::$program($($argument),*),
            |$turns| theirs::programs::$program($($argument),*),
        ]
    };
}

const ROWS: &[Row] = &[
    Row {
        name: "buffered",
        operation: "send + receive, buffer 1, one thread",
        per: 1,
        turns: 9_000_000,
        ceiling: Some(1.3),
        run: both!(|turns| buffered(turns)),
    },
    Row {
        name: "unlimited",
        operation: "send + receive, no limit, one thread",
        per: 1,
        turns: 9_000_000,
        ceiling: None,
        run: both!(|turns| unlimited(turns)),
    },
    Row {
        name: "piles",
        operation: "send + receive, no limit, piles of 1000",
        per: ours::programs::PILE,
        turns: 9_000,
        ceiling: None,
        run: both!(|turns| piles(turns)),
    },
    Row {
        name: "select_two",
        operation: "send + select of 2, one ready",
        per: 1,
        turns: 4_000_000,
        ceiling: Some(2.5),
        run: both!(|turns| select_two(turns)),
    },
    Row {
        name: "select_default",
        operation: "select of 2 with default, empty",
        per: 1,
        turns: 9_000_000,
        ceiling: None,
        run: both!(|turns| select_default(turns)),
    },
    Row {
        name: "dynamic_4",
        operation: "send + dynamic select of 4, one ready",
        per: 1,
        turns: 1_000_000,
        ceiling: None,
        run: both!(|turns| dynamic(turns, 4)),
    },
    Row {
        name: "dynamic_64",
        operation: "send + dynamic select of 64, one ready",
        per: 1,
        turns: 100_000,
        ceiling: None,
        run: both!(|turns| dynamic(turns, 64)),
    },
    Row {
        name: "one_to_one",
        operation: "message, unbuffered, 1 to 1",
        per: 1,
        turns: 100_000,
        ceiling: None,
        run: both!(|turns| many_to_many(turns, 1, Some(0))),
    },
    Row {
        name: "one_to_one_128",
        operation: "message, buffer 128, 1 to 1",
        per: 1,
        turns: 1_000_000,
        ceiling: None,
        run: both!(|turns| many_to_many(turns, 1, Some(128))),
    },
    Row {
        name: "eight_to_eight",
        operation: "message, unbuffered, 8 to 8",
        per: 1,
        turns: 100_000,
        ceiling: None,
        run: both!(|turns| many_to_many(turns, 8, Some(0))),
    },
    Row {
        name: "eight_to_eight_128",
        operation: "message, buffer 128, 8 to 8",
        per: 1,
        turns: 1_000_000,
        ceiling: None,
        run: both!(|turns| many_to_many(turns, 8, Some(128))),
    },
    Row {
        name: "eight_to_eight_unlimited",
        operation: "message, no limit, 8 to 8",
        per: 1,
        turns: 1_000_000,
        ceiling: None,
        run: both!(|turns| many_to_many(turns, 8, None)),
    },
];

/// The two whose ratio is limited too, and the limit.
const SMALL_AND_LARGE: (&str, &str, f64) = ("dynamic_4", "dynamic_64", 20.0);

impl Row {
    /// Nanoseconds per operation of one side, after a warm-up.
    fn measure_ns(&self, side: usize) -> f64 {
        (self.run[side])(self.turns / 10);
        let elapsed = (self.run[side])(self.turns);
        elapsed.as_nanos() as f64 / (self.turns * self.per) as f64
    }
}

fn main() -> ExitCode {
    // Cargo passes `--bench` when it runs this as a benchmark, and nothing when as a test.
    let (cargo, arguments): (Vec<_>, Vec<_>) = std::env::args()
        .skip(1)
        .partition(|argument| argument == "--bench");
    if cargo.is_empty() && arguments.is_empty() {
        for run in ROWS.iter().flat_map(|row| row.run) {
            run(100);
        }
        return ExitCode::SUCCESS;
    }
    match parse(&arguments) {
        Ok((rounds, rows)) => {
            compare(rounds, &rows);
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("threads: {message}");
            ExitCode::FAILURE
        }
    }
}

/// How many rounds of which rows.
fn parse(arguments: &[String]) -> Result<(usize, Vec<&'static Row>), String> {
    let (mut rounds, mut rows) = (7, Vec::new());
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        if argument == "--rounds" {
            let value = arguments.next().and_then(|value| value.parse().ok());
            rounds = value
                .filter(|rounds| *rounds > 0)
                .ok_or("`--rounds` needs a number over 0")?;
            continue;
        }
        let row = ROWS.iter().find(|row| row.name == argument);
        rows.push(row.ok_or_else(|| {
            let names: Vec<_> = ROWS.iter().map(|row| row.name).collect();
            format!("no row `{argument}`; there are {}", names.join(", "))
        })?);
    }
    if rows.is_empty() {
        rows.extend(ROWS);
    }
    Ok((rounds, rows))
}

fn compare(rounds: usize, rows: &[&Row]) {
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    println!("{cpus} processors, {rounds} rounds, plain threads");
    println!(
        "{:25} {:>9} {:17} {:>9} {:17} {:>6}  {:12} operation",
        "row, ns", "sudog", "min-max", "crossbeam", "min-max", "ratio", "ceiling"
    );
    let mut medians = Vec::new();
    for row in rows {
        let mut sides = [Vec::new(), Vec::new()];
        for round in 0..rounds {
            for turn in 0..2 {
                let side = (round + turn) % 2;
                sides[side].push(row.measure_ns(side));
            }
        }
        let [ours, theirs] = sides.map(Figures::of);
        let ratio = ours.median / theirs.median;
        println!(
            "{:25} {:>9} {:17} {:>9} {:17} {ratio:>5.2}x  {:12} {}",
            row.name,
            short(ours.median),
            ours.spread(),
            short(theirs.median),
            theirs.spread(),
            judge(ratio, row.ceiling),
            row.operation,
        );
        medians.push((row.name, [ours.median, theirs.median]));
    }
    let (small, large, ceiling) = SMALL_AND_LARGE;
    let median_of = |name| {
        medians
            .iter()
            .find(|(row, _)| *row == name)
            .map(|row| row.1)
    };
    if let (Some(small), Some(large)) = (median_of(small), median_of(large)) {
        let [ours, theirs] = [large[0] / small[0], large[1] / small[1]];
        println!(
            "64 arms to 4: ours {ours:.1}x, ceiling {}; theirs {theirs:.1}x",
            judge(ours, Some(ceiling)),
        );
    }
}

/// The ceiling, and whether this ratio keeps under it.
fn judge(ratio: f64, ceiling: Option<f64>) -> String {
    match ceiling {
        Some(most) if ratio <= most => format!("{most}x ok"),
        Some(most) => format!("{most}x over"),
        None => String::new(),
    }
}
