//! The servers as processes: built, started, asked what they have used, and ended.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// What `http` and hyper both answer with.
pub const TEXT: &str = "Hello, World!";
/// The file that has it.
pub const FILE: &str = "hello.txt";

/// `target/tmp`, beside which cargo puts what it builds.
const SCRATCH: &str = env!("CARGO_TARGET_TMPDIR");

fn target() -> PathBuf {
    Path::new(SCRATCH).join("..")
}

/// Builds the servers of ours.
pub fn build() -> Result<(), String> {
    cargo_build(&["--example", "http", "--example", "kv"])
}

/// Builds hyper's.
pub fn build_hyper() -> Result<(), String> {
    cargo_build(&["--manifest-path", "benches/hyper/Cargo.toml"])
}

fn cargo_build(arguments: &[&str]) -> Result<(), String> {
    let status = Command::new(env!("CARGO"))
        .args(["build", "--release"])
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("CARGO_TARGET_DIR", target())
        .status();
    match status {
        Ok(status) if status.success() => Ok(()),
        other => Err(format!("cargo build --release {arguments:?}: {other:?}")),
    }
}

/// A server that runs, until it is dropped.
pub struct Server {
    child: Child,
    pub name: &'static str,
    /// `HOST:PORT`.
    pub address: String,
}

impl Server {
    /// Our `http`, which serves [`FILE`].
    pub fn http() -> Result<Server, String> {
        let www = Path::new(SCRATCH).join("www");
        let made = fs::create_dir_all(&www).and_then(|()| fs::write(www.join(FILE), TEXT));
        made.map_err(|error| format!("{}: {error}", www.display()))?;
        let mut command = built("examples/http");
        Server::talking("http", command.arg("127.0.0.1:0").arg(www))
    }

    pub fn hyper() -> Result<Server, String> {
        let mut command = built("hyper-server");
        Server::talking("hyper", command.args(["127.0.0.1:0", TEXT]))
    }

    pub fn kv() -> Result<Server, String> {
        Server::talking("kv", built("examples/kv").arg("127.0.0.1:0"))
    }

    /// `None` if it is not installed.
    pub fn redis() -> Result<Option<Server>, String> {
        if !is_installed("redis-server") {
            return Ok(None);
        }
        // It cannot choose a port itself. Nobody else should take this one in the meantime.
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let address = free.map_err(|error| error.to_string())?;
        let mut command = Command::new("redis-server");
        command.args(["--port", &address.port().to_string(), "--save", ""]);
        let child = start("redis", &mut command)?;
        let server = Server {
            child,
            name: "redis",
            address: address.to_string(),
        };
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            if begun.elapsed() > Duration::from_secs(30) {
                return Err("redis-server does not listen".into());
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(Some(server))
    }

    /// One that says where it listens.
    fn talking(name: &'static str, command: &mut Command) -> Result<Server, String> {
        let mut child = start(name, command)?;
        let mut line = String::new();
        let read = child
            .stdout
            .take()
            .map(|stdout| BufReader::new(stdout).read_line(&mut line));
        let address = line.trim_end().strip_prefix("listening at ");
        match (read, address) {
            (Some(Ok(_)), Some(address)) => Ok(Server {
                address: address.to_string(),
                child,
                name,
            }),
            _ => Err(format!("{name} does not listen, but says `{line}`")),
        }
    }

    /// The processor time it has used, in seconds, where the system tells.
    pub fn cpu_seconds(&self) -> Option<f64> {
        const TICKS: f64 = 100.0; // of Linux, for programs
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).ok()?;
        let (_, fields) = stat.rsplit_once(')')?;
        let mut fields = fields.split_whitespace().skip(11);
        let mut ticks = || fields.next()?.parse::<f64>().ok();
        Some((ticks()? + ticks()?) / TICKS)
    }

    /// The memory it has in use, in bytes, where the system tells.
    pub fn resident_bytes(&self) -> Option<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kib = line.split_whitespace().next()?.parse::<f64>().ok()?;
        Some(kib * 1024.0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn built(name: &str) -> Command {
    Command::new(target().join("release").join(name))
}

fn start(name: &str, command: &mut Command) -> Result<Child, String> {
    let piped = command
        .current_dir(SCRATCH)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    piped.spawn().map_err(|error| format!("{name}: {error}"))
}

pub fn is_installed(tool: &str) -> bool {
    let quiet = Command::new(tool)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    quiet.is_ok()
}

/// What a client prints.
pub fn output(command: &mut Command) -> Result<String, String> {
    let shown = format!("{command:?}");
    match command.output() {
        Ok(output) if output.status.success() => {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        }
        other => Err(format!("{shown}: {other:?}")),
    }
}
