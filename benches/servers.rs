//! The example servers against those that others have: `http` and hyper on tokio, `kv` and redis-server.
//!
//! ```text
//! cargo bench --bench servers                           all
//! cargo bench --bench servers -- --rounds 9 --seconds 5 http
//! cargo bench --bench servers -- memory                 what an idle connection takes
//! ```
//!
//! Builds both examples in release mode, and for `http` and `memory` also `benches/hyper`, which is no part of
//! the workspace and takes hyper from the registry. Needs wrk, redis-server and redis-benchmark (Debian: wrk,
//! redis-server, redis-tools), and says so where one is missing. The clients run on the same processors as the
//! servers, so what a server saves the client has: compare the two sides, and nothing with figures from
//! elsewhere. The sides take turns, and every other round the other goes first.

#[path = "programs/figures.rs"]
mod figures;
#[path = "servers/http.rs"]
mod http;
#[path = "servers/kv.rs"]
mod kv;
#[path = "servers/memory.rs"]
mod memory;
#[path = "servers/process.rs"]
mod process;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match Options::parse(&arguments) {
        // `cargo test --benches`: the servers have tests of their own.
        Ok(options) if options.is_bench => options.run(),
        Ok(_) => Ok(()),
        Err(error) => Err(error),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("servers: {message}");
            ExitCode::FAILURE
        }
    }
}

/// What the command line asks for.
struct Options {
    is_bench: bool,
    rounds: usize,
    seconds: usize,
    parts: Vec<String>,
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Options, String> {
        let (mut rounds, mut seconds, mut is_bench, mut parts) = (5, 3, false, Vec::new());
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut number = || {
                let value = arguments.next().and_then(|value| value.parse().ok());
                value
                    .filter(|number| *number > 0)
                    .ok_or(format!("`{argument}` needs a number over 0"))
            };
            match argument.as_str() {
                "--bench" => is_bench = true,
                "--rounds" => rounds = number()?,
                "--seconds" => seconds = number()?,
                "http" | "kv" | "memory" => parts.push(argument.clone()),
                other => {
                    return Err(format!(
                        "`{other}` is none of http, kv, memory, --rounds, --seconds"
                    ));
                }
            }
        }
        Ok(Options {
            is_bench,
            rounds,
            seconds,
            parts,
        })
    }

    fn run(&self) -> Result<(), String> {
        let is_wanted = |part: &str| self.parts.is_empty() || self.parts.iter().any(|p| p == part);
        process::build()?;
        if is_wanted("http") || is_wanted("memory") {
            process::build_hyper()?;
        }
        if is_wanted("http") {
            http::compare(self.rounds, self.seconds)?;
        }
        if is_wanted("kv") {
            kv::compare(self.rounds)?;
        }
        if is_wanted("memory") {
            memory::measure()?;
        }
        Ok(())
    }
}
