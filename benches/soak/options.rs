//! The command line.

use std::time::Duration;

use super::jobs::{JOBS, Job};

pub const USAGE: &str = "usage: soak [--seconds N] [--seed N] [JOB..], or: soak list";

pub enum Command {
    List,
    Soak(Options),
}

pub struct Options {
    pub time: Duration,
    pub seed: u64,
    pub jobs: Vec<&'static Job>,
}

/// Reads the arguments. Cargo adds `--bench` where it runs a benchmark, and nothing where it runs a test,
/// which is only to see that the program still works.
pub fn parse(arguments: impl Iterator<Item = String>) -> Result<Command, String> {
    let (mut by_cargo_bench, mut seconds, mut seed) = (false, None, None);
    let mut jobs = Vec::new();
    let mut arguments = arguments.peekable();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--bench" => by_cargo_bench = true,
            "--seconds" => seconds = Some(number(&argument, arguments.next())?),
            "--seed" => seed = Some(number(&argument, arguments.next())?),
            "list" if jobs.is_empty() && arguments.all(|other| other == "--bench") => {
                return Ok(Command::List);
            }
            name => jobs.push(find(name)?),
        }
    }
    if jobs.is_empty() {
        jobs.extend(JOBS);
    }
    let seconds = seconds.unwrap_or(if by_cargo_bench { 60 } else { 2 });
    if seconds == 0 {
        return Err(format!("--seconds must be over 0; {USAGE}"));
    }
    Ok(Command::Soak(Options {
        time: Duration::from_secs(seconds),
        seed: seed.unwrap_or_else(any_seed),
        jobs,
    }))
}

fn number(option: &str, value: Option<String>) -> Result<u64, String> {
    let value = value.ok_or_else(|| format!("{option} wants a number; {USAGE}"))?;
    let number = value.parse();
    number.map_err(|_| format!("{option} wants a number, not `{value}`; {USAGE}"))
}

fn find(name: &str) -> Result<&'static Job, String> {
    if name.starts_with('-') {
        return Err(format!("no option `{name}`; {USAGE}"));
    }
    let found = JOBS.iter().find(|job| job.name == name);
    found.ok_or_else(|| format!("no job `{name}`; `list` shows them; {USAGE}"))
}

/// Short enough to be typed again.
fn any_seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0) % 1_000_000
}
