//! The rows against Go's, on this machine, in this hour.
//!
//! ```text
//! cargo bench --bench versus                              every row, at 1 processor and at all
//! cargo bench --bench versus -- --rounds 15 --procs 2 ring skynet
//! GO=/opt/go/bin/go cargo bench --bench versus            this Go instead of the one in PATH
//! ```
//!
//! Figures from different hours of a shared machine do not compare, so the two sides take turns:
//! each round of a row is one fresh process of ours and one of Go's, and every other round Go goes
//! first. Each process warms up before it measures (`Row::measure_ns`). The ratio is our median
//! over Go's; the spread beside it says how far the rounds lay apart, and a ratio is not to be
//! believed to more digits than that allows.
//!
//! Before anything runs, the two tables of rows are compared: names and operations per turn must
//! agree. A row that fails or does not end in time is reported as such and the others still run.

mod programs;
#[path = "programs/setting.rs"]
mod setting;

use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use programs::figures::{Figures, short};
use programs::{MEMORY_ROWS, MemoryRow, ROWS, Row, command};
use setting::{build_go_side, find_go, output, this_program};

/// Far more than any measurement takes, on a busy machine too; whatever reaches it hangs.
const TIME_LIMIT: Duration = Duration::from_secs(120);

fn main() -> ExitCode {
    let (arguments, by_cargo_bench) = command::arguments();
    let result = match command::execute(&arguments) {
        Some(result) => result,
        None if by_cargo_bench || !arguments.is_empty() => compare(&arguments),
        // `cargo test --benches`: the rows are tested by `rows`, and there is no time for Go here.
        None => Ok(()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("versus: {message}");
            ExitCode::FAILURE
        }
    }
}

fn compare(arguments: &[String]) -> Result<(), String> {
    let options = Options::parse(arguments)?;
    let Some(go) = find_go()? else {
        println!("versus: no `go` in $GO or $PATH, so there is nothing to compare with: skipped");
        return Ok(());
    };
    let sides = Sides {
        ours: this_program()?,
        gos: build_go_side(&go)?,
    };
    sides.check_tables()?;
    print_head(&go, &options);

    let mut failed = 0;
    for comparison in &options.comparisons {
        for &procs in &options.procs {
            match sides.rounds(comparison, procs, options.rounds) {
                Ok((ours, gos)) => print_line(comparison, procs, ours, gos),
                Err(message) => {
                    failed += 1;
                    println!("{:20} {procs:>5}  {message}", comparison.name());
                }
            }
        }
    }
    if failed > 0 {
        Err(format!("{failed} comparisons failed"))
    } else {
        Ok(())
    }
}

/// What the command line asks for.
struct Options {
    rounds: usize,
    procs: Vec<usize>,
    comparisons: Vec<Comparison>,
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Options, String> {
        let (mut rounds, mut procs, mut comparisons) = (7, default_procs(), Vec::new());
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut value = || {
                arguments
                    .next()
                    .ok_or(format!("`{argument}` needs a value"))
            };
            match argument.as_str() {
                "--rounds" => rounds = number(value()?)?,
                "--procs" => procs = value()?.split(',').map(number).collect::<Result<_, _>>()?,
                flag if flag.starts_with('-') => return Err(format!("unknown option `{flag}`")),
                name => comparisons.push(Comparison::named(name)?),
            }
        }
        if comparisons.is_empty() {
            comparisons.extend(ROWS.iter().map(Comparison::Time));
            comparisons.extend(MEMORY_ROWS.iter().map(Comparison::Memory));
        }
        Ok(Options {
            rounds,
            procs,
            comparisons,
        })
    }
}

fn number(argument: &str) -> Result<usize, String> {
    match argument.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(format!("`{argument}` is not a number over 0")),
    }
}

/// One processor, and as many as there are.
fn default_procs() -> Vec<usize> {
    let all = std::thread::available_parallelism().map_or(1, usize::from);
    BTreeSet::from([1, all]).into_iter().collect()
}

/// One row of either kind.
#[derive(Clone, Copy)]
enum Comparison {
    Time(&'static Row),
    Memory(&'static MemoryRow),
}

impl Comparison {
    fn named(name: &str) -> Result<Comparison, String> {
        let time = command::find_row(name).map(Comparison::Time);
        time.or_else(|error| {
            command::find_memory_row(name)
                .map(Comparison::Memory)
                .or(Err(error))
        })
    }

    fn name(self) -> &'static str {
        match self {
            Comparison::Time(row) => row.name,
            Comparison::Memory(row) => row.name,
        }
    }

    /// What a child is told to do, the same for both sides.
    fn arguments(self) -> [String; 3] {
        let (verb, name, count) = match self {
            Comparison::Time(row) => ("run", row.name, row.turns),
            Comparison::Memory(row) => ("memory", row.name, row.goroutines),
        };
        [verb.into(), name.into(), count.to_string()]
    }

    /// From what a child prints to what a reader sees.
    fn convert(self, figure: f64) -> f64 {
        match self {
            Comparison::Time(row) => row.unit.of_ns(figure),
            Comparison::Memory(_) => figure,
        }
    }

    fn unit(self) -> &'static str {
        match self {
            Comparison::Time(row) => row.unit.name(),
            Comparison::Memory(_) => "B",
        }
    }

    /// The ceiling as it stands in the table, and whether these medians keep under it.
    fn judge(self, ours: f64, gos: f64) -> (String, &'static str) {
        let verdict = |kept| if kept { "ok" } else { "over" };
        match self {
            Comparison::Time(row) => (
                format!("{}x", row.ceiling),
                verdict(ours <= row.ceiling * gos),
            ),
            Comparison::Memory(MemoryRow {
                ceiling_bytes: Some(most),
                ..
            }) => (format!("{most:.0} B"), verdict(ours <= *most)),
            Comparison::Memory(_) => ("none".into(), ""),
        }
    }
}

/// The two programs to compare; they understand the same command line.
struct Sides {
    ours: PathBuf,
    gos: PathBuf,
}

impl Sides {
    /// Runs a row that many times on each side, taking turns.
    fn rounds(
        &self,
        row: &Comparison,
        procs: usize,
        rounds: usize,
    ) -> Result<(Figures, Figures), String> {
        let (mut ours, mut gos) = (Vec::new(), Vec::new());
        for round in 0..rounds {
            let mut pair = [(&self.ours, &mut ours), (&self.gos, &mut gos)];
            if round % 2 == 1 {
                pair.reverse();
            }
            for (program, figures) in pair {
                figures.push(row.convert(measure(program, &row.arguments(), procs)?));
            }
        }
        Ok((Figures::of(ours), Figures::of(gos)))
    }

    /// Refuses to compare rows that only share their name.
    fn check_tables(&self) -> Result<(), String> {
        let times = ROWS
            .iter()
            .map(|row| format!("run {} {}", row.name, row.per));
        let memory = MEMORY_ROWS
            .iter()
            .map(|row| format!("memory {} 1", row.name));
        let ours: BTreeSet<String> = times.chain(memory).collect();
        let listed = output(Command::new(&self.gos).arg("list"))?;
        let gos: BTreeSet<String> = listed.lines().map(String::from).collect();
        let difference: Vec<_> = ours
            .symmetric_difference(&gos)
            .map(String::as_str)
            .collect();
        if difference.is_empty() {
            return Ok(());
        }
        Err(format!(
            "programs/mod.rs and go/main.go differ in: {}",
            difference.join(", ")
        ))
    }
}

/// Starts one side on one measurement and reads the number it prints.
fn measure(program: &Path, arguments: &[String], procs: usize) -> Result<f64, String> {
    let procs = procs.to_string();
    let mut child = Command::new(program)
        .args(arguments)
        .env("SUDOG_MAXPROCS", &procs)
        .env("GOMAXPROCS", &procs)
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot start {}: {error}", program.display()))?;
    let side = program.file_name().unwrap_or_default().to_string_lossy();
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
            break status;
        }
        if started.elapsed() > TIME_LIMIT {
            // It may have ended this moment; then there is nothing to kill, and nothing to do.
            let _ = child.kill();
            let _ = child.wait();
            return Err(format!(
                "{side} did not end within {} s",
                TIME_LIMIT.as_secs()
            ));
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    let mut printed = String::new();
    let read = child
        .stdout
        .take()
        .map(|mut stdout| stdout.read_to_string(&mut printed));
    match printed.trim().parse() {
        Ok(figure) if status.success() && matches!(read, Some(Ok(_))) => Ok(figure),
        _ => Err(format!("{side} failed: {status}")),
    }
}

fn print_head(go: &Path, options: &Options) {
    setting::print(Some(go), options.rounds);
    println!();
    println!(
        "{:20} {:>5} {:>4}  {:>9} {:17} {:>9} {:17} {:>6}  {:8}",
        "row", "procs", "unit", "sudog", "min-max", "Go", "min-max", "ratio", "ceiling"
    );
}

fn print_line(row: &Comparison, procs: usize, ours: Figures, gos: Figures) {
    let (ceiling, verdict) = row.judge(ours.median, gos.median);
    println!(
        "{:20} {procs:>5} {:>4}  {:>9} {:17} {:>9} {:17} {:>5.2}x  {ceiling:8} {verdict}",
        row.name(),
        row.unit(),
        short(ours.median),
        ours.spread(),
        short(gos.median),
        gos.spread(),
        ours.median / gos.median,
    );
}
