//! An echo server over TCP on our goroutines, on Go's, on tokio and on may, with the same client for all.
//!
//! ```text
//! cargo bench --bench echo
//! cargo bench --bench echo -- --rounds 9 --procs 1 --connections 1000 sudog tokio
//! GO=/opt/go/bin/go cargo bench --bench echo              this Go instead of the one in PATH
//! ```
//!
//! Figures from different hours of a shared machine do not compare, so the servers take turns: each round
//! is a fresh process of each, in another order. The client is `echo/client.rs`, the servers are
//! `echo/servers.rs` and `go/echo.go`. Without a Go the others are compared all the same.
//!
//! Run as a test (`cargo test --benches`) each server but Go's answers a few times, to see that it works.

mod echo {
    pub mod client;
    pub mod servers;
}
#[expect(dead_code, reason = "the others use more of it")]
#[path = "programs/figures.rs"]
mod figures;
#[path = "programs/setting.rs"]
mod setting;

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Stdio};

use echo::client::{Load, Measured};
use echo::servers::{self, SERVERS};
use figures::{Figures, short};

/// Our median over that of these may not exceed this, with [`TOLERANCE`] for noise.
const CEILINGS: [(&str, f64); 3] = [("go", 0.75), ("tokio", 1.0), ("may", 1.0)];
const TOLERANCE: f64 = 1.05;

fn main() -> ExitCode {
    let (cargo, arguments): (Vec<_>, Vec<_>) = std::env::args()
        .skip(1)
        .partition(|argument| argument == "--bench");
    let result = match &arguments[..] {
        [verb, name] if verb == "serve" => servers::serve(name),
        [] if cargo.is_empty() => try_out(),
        _ => compare(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("echo: {message}");
            ExitCode::FAILURE
        }
    }
}

/// What the command line asks for.
struct Options {
    rounds: usize,
    procs: usize,
    load: Load,
    names: Vec<String>,
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Options, String> {
        let load = Load {
            connections: 64,
            trips: 300_000,
        };
        let mut options = Options {
            rounds: 5,
            procs: 2,
            load,
            names: Vec::new(),
        };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let number = match argument.as_str() {
                "--rounds" => &mut options.rounds,
                "--procs" => &mut options.procs,
                "--connections" => &mut options.load.connections,
                "--trips" => &mut options.load.trips,
                name if name == "go" || SERVERS.contains(&name) => {
                    options.names.push(name.to_owned());
                    continue;
                }
                other => return Err(format!("neither an option nor a server: `{other}`")),
            };
            let value = arguments.next().and_then(|value| value.parse().ok());
            let value = value.filter(|value| *value > 0);
            *number = value.ok_or_else(|| format!("`{argument}` needs a number over 0"))?;
        }
        if options.names.is_empty() {
            let all = SERVERS.iter().chain(&["go"]);
            options.names = all.map(|name| (*name).to_owned()).collect();
        }
        Ok(options)
    }
}

fn try_out() -> Result<(), String> {
    let load = Load {
        connections: 3,
        trips: 100,
    };
    for name in SERVERS {
        Server::start(setting::this_program()?, name, 2)?.measure(load)?;
    }
    Ok(())
}

fn compare(arguments: &[String]) -> Result<(), String> {
    let mut options = Options::parse(arguments)?;
    let go = setting::find_go()?;
    let ours = setting::this_program()?;
    let mut gos = PathBuf::new();
    match &go {
        Some(go) => gos = setting::build_go_side(go)?,
        None => {
            println!("echo: no `go` in $GO or $PATH: left out");
            options.names.retain(|name| name != "go");
        }
    }
    setting::print(go.as_deref(), options.rounds);
    let Load { connections, trips } = options.load;
    println!("load     {connections} connections, {trips} round trips of 64 bytes");
    println!("procs    {}\n", options.procs);

    let mut measured = vec![Vec::new(); options.names.len()];
    for round in 0..options.rounds {
        for n in 0..options.names.len() {
            let n = (n + round) % options.names.len();
            let name = &*options.names[n];
            let program = if name == "go" { &gos } else { &ours };
            let server = Server::start(program.clone(), name, options.procs)?;
            measured[n].push(server.measure(options.load)?);
        }
    }
    print(&options.names, &measured);
    Ok(())
}

fn print(names: &[String], measured: &[Vec<Measured>]) {
    let figures = |of: fn(&Measured) -> f64| {
        let figures = measured.iter();
        let figures = figures.map(|rounds| Figures::of(rounds.iter().map(of).collect()));
        figures.collect::<Vec<_>>()
    };
    let (times, cpus) = (figures(|m| m.trip_us), figures(|m| m.cpu_us));
    let ours = names.iter().position(|name| name == "sudog");
    println!(
        "{:8} {:>8} {:13} {:>8} {:>8}  {:>6}  ceiling",
        "server", "us/trip", "min-max", "trips/s", "cpu", "ratio"
    );
    for (n, name) in names.iter().enumerate() {
        let (time, cpu) = (times[n], cpus[n]);
        let ceiling = CEILINGS.iter().find(|(other, _)| other == name);
        let verdict = match (ours, ceiling) {
            (Some(ours), Some((_, ceiling))) => {
                let ratio = times[ours].median / time.median;
                let kept = if ratio <= ceiling * TOLERANCE {
                    "ok"
                } else {
                    "over"
                };
                format!("{ratio:>5.2}x  {ceiling}x {kept}")
            }
            _ => String::new(),
        };
        println!(
            "{name:8} {:>8} {:13} {:>8.0} {:>8}  {verdict}",
            short(time.median),
            time.spread(),
            1e6 / time.median,
            short(cpu.median),
        );
    }
}

/// A server in a process of its own, killed at its end.
struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    fn start(program: PathBuf, name: &str, procs: usize) -> Result<Server, String> {
        let mut child = Command::new(program)
            .args(["serve", name])
            .env("SUDOG_MAXPROCS", procs.to_string())
            .env("GOMAXPROCS", procs.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot start {name}: {error}"))?;
        let mut line = String::new();
        let stdout = child.stdout.take().expect("it is a pipe");
        let read = BufReader::new(stdout).read_line(&mut line);
        let address = read.ok().and_then(|_| line.trim().parse().ok());
        let Some(address) = address else {
            let _ = child.kill();
            let _ = child.wait();
            return Err(format!("{name} does not say where it listens"));
        };
        Ok(Server { child, address })
    }

    fn measure(&self, load: Load) -> Result<Measured, String> {
        let measured = load.run(self.address, self.child.id());
        measured.map_err(|error| format!("the client: {error}"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
