//! `http` and hyper under wrk.
//!
//! Ours looks a file up and says what it is, of which day and size; hyper has one answer.

use std::process::Command;

use crate::figures::{Figures, short};
use crate::process::{FILE, Server, is_installed, output};

/// One round of one side.
struct Round {
    per_second: f64,
    p50_ms: f64,
    p99_ms: f64,
    /// The server's processor time for each request.
    cpu_us: Option<f64>,
}

pub fn compare(rounds: usize, seconds: usize) -> Result<(), String> {
    if !is_installed("wrk") {
        println!("http: there is no wrk, so nothing to load it with: skipped");
        return Ok(());
    }
    println!(
        "\nwrk -t2 -d{seconds}s, {rounds} rounds by turns: medians, and between what they lay"
    );
    for connections in [64, 1000] {
        let sides = [Server::http()?, Server::hyper()?];
        let mut all = [Vec::new(), Vec::new()];
        for round in 0..rounds {
            for side in [round % 2, 1 - round % 2] {
                all[side].push(measure(&sides[side], connections, seconds)?);
            }
        }
        for (server, rounds) in sides.iter().zip(&all) {
            print_line(&format!("{} -c{connections}", server.name), rounds);
        }
    }
    Ok(())
}

fn measure(server: &Server, connections: usize, seconds: usize) -> Result<Round, String> {
    let before = server.cpu_seconds();
    let text = output(
        Command::new("wrk")
            .args(["-t2", "--latency", &format!("-c{connections}")])
            .arg(format!("-d{seconds}s"))
            .arg(format!("http://{}/{FILE}", server.address)),
    )?;
    let after = server.cpu_seconds();
    let strange = |what| format!("wrk has no {what} for {}:\n{text}", server.name);
    if text.contains("Non-2xx") {
        return Err(strange("success alone"));
    }
    if let Some(errors) = text.lines().find(|line| line.contains("Socket errors")) {
        // A connection that waits for its turn for two seconds counts as one, so no reason to give up.
        println!("{}: {}", server.name, errors.trim());
    }
    // Before it are percentages of another kind.
    let (_, figures) = text.split_once("Latency Distribution").unwrap_or_default();
    let word_after = |name: &str| {
        let (_, rest) = figures.split_once(name)?;
        rest.split_whitespace().next()
    };
    let time = |name| word_after(name).and_then(milliseconds);
    let count = text.lines().find_map(|line| {
        let (count, _) = line.split_once(" requests in ")?;
        count.trim().parse::<f64>().ok()
    });
    let count = count.ok_or_else(|| strange("number of requests"))?;
    Ok(Round {
        per_second: word_after("Requests/sec:")
            .and_then(|rate| rate.parse().ok())
            .ok_or_else(|| strange("rate"))?,
        p50_ms: time("50%").ok_or_else(|| strange("median"))?,
        p99_ms: time("99%").ok_or_else(|| strange("99th percentile"))?,
        cpu_us: before
            .zip(after)
            .map(|(before, after)| (after - before) / count * 1e6),
    })
}

/// Reads `350.00us`, `1.20ms`, `2.00s`.
fn milliseconds(text: &str) -> Option<f64> {
    let units = [("us", 1e-3), ("ms", 1.0), ("s", 1e3)];
    units.iter().find_map(|(unit, factor)| {
        let number = text.strip_suffix(unit)?.parse::<f64>().ok()?;
        Some(number * factor)
    })
}

fn print_line(name: &str, rounds: &[Round]) {
    let figures = |of: fn(&Round) -> f64| Figures::of(rounds.iter().map(of).collect());
    let rate = figures(|round| round.per_second).map(|rate| rate / 1e3);
    let (p50, p99) = (figures(|round| round.p50_ms), figures(|round| round.p99_ms));
    let cpu: Vec<f64> = rounds.iter().filter_map(|round| round.cpu_us).collect();
    let cpu = match cpu.is_empty() {
        true => "-".into(),
        false => short(Figures::of(cpu).median),
    };
    println!(
        "{name:12} {:>6}k requests/s ({}), p50 {} ms, p99 {} ms ({}), {cpu} us of processor each",
        short(rate.median),
        rate.spread(),
        short(p50.median),
        short(p99.median),
        p99.spread(),
    );
}
