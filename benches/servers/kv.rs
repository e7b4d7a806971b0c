//! `kv` and redis-server under redis-benchmark.

use std::process::Command;

use crate::figures::{Figures, short};
use crate::process::{Server, is_installed, output};

const TESTS: [&str; 5] = ["PING_MBULK", "SET", "GET", "INCR", "MSET (10 keys)"];

/// Commands that are sent together, and how many of them make a round of a second or so.
const PIPELINES: [(usize, usize); 2] = [(1, 150_000), (16, 1_500_000)];

pub fn compare(rounds: usize) -> Result<(), String> {
    let redis = match Server::redis()? {
        Some(redis) if is_installed("redis-benchmark") => redis,
        _ => {
            println!("kv: no redis-server and redis-benchmark to compare with: skipped");
            return Ok(());
        }
    };
    let sides = [Server::kv()?, redis];
    println!(
        "\nredis-benchmark -c 64, {rounds} rounds by turns: medians, and between what they lay"
    );
    for (pipeline, requests) in PIPELINES {
        for test in TESTS {
            let mut rates = [Vec::new(), Vec::new()];
            for round in 0..rounds {
                for side in [round % 2, 1 - round % 2] {
                    rates[side].push(measure(&sides[side], test, pipeline, requests)? / 1e3);
                }
            }
            let [ours, theirs] = rates.map(Figures::of);
            println!(
                "-P {pipeline:<2} {test:14} kv {:>6}k/s ({}), redis {:>6}k/s ({}): {}x",
                short(ours.median),
                ours.spread(),
                short(theirs.median),
                theirs.spread(),
                short(ours.median / theirs.median),
            );
        }
    }
    Ok(())
}

/// Commands per second.
fn measure(server: &Server, test: &str, pipeline: usize, requests: usize) -> Result<f64, String> {
    let (host, port) = server.address.rsplit_once(':').unwrap_or_default();
    let name = test.split(' ').next().unwrap_or_default().to_lowercase();
    let text = output(
        Command::new("redis-benchmark")
            .args(["-h", host, "-p", port, "-c", "64", "--csv", "-t", &name])
            .args(["-P", &pipeline.to_string(), "-n", &requests.to_string()]),
    )?;
    let rate = text.lines().find_map(|line| {
        let rest = line.strip_prefix(&format!("\"{test}\",\""))?;
        rest.split('"').next()?.parse().ok()
    });
    rate.ok_or_else(|| format!("redis-benchmark has no {test} for {}:\n{text}", server.name))
}
