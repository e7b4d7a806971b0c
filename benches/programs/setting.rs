//! What a comparison stands in: the machine, the compilers, the Go side's program.
//!
//! Figures from different hours, machines or compilers do not compare, so each table is printed below
//! what it was made with.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

pub fn this_program() -> Result<PathBuf, String> {
    std::env::current_exe().map_err(|error| format!("where am I? {error}"))
}

/// `$GO`, which must then work, else the `go` in `$PATH`, if there is one.
pub fn find_go() -> Result<Option<PathBuf>, String> {
    let answers = |go: &OsStr| output(Command::new(go).arg("version"));
    if let Some(chosen) = std::env::var_os("GO") {
        let answer = answers(&chosen).map_err(|error| format!("$GO is no Go: {error}"));
        return answer.map(|_| Some(chosen.into()));
    }
    let found = answers(OsStr::new("go")).is_ok();
    Ok(found.then(|| "go".into()))
}

/// Compiles `benches/go` with this Go and no other, into cargo's directory for such things.
pub fn build_go_side(go: &Path) -> Result<PathBuf, String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/go");
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("versus-go");
    let mut build = Command::new(go);
    build.args(["build", "-o"]).arg(&program).arg(".");
    build
        .current_dir(source)
        .env("GOTOOLCHAIN", "local")
        .env("GOFLAGS", "");
    output(&mut build).map_err(|error| format!("the Go side does not build: {error}"))?;
    Ok(program)
}

/// What a command prints, or why it failed.
pub fn output(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().to_string());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_string())
}

/// Prints everything a reader needs to place the figures below it.
pub fn print(go: Option<&Path>, rounds: usize) {
    let unknown = |error: String| format!("unknown ({error})");
    let ask = |command: &mut Command| output(command).unwrap_or_else(unknown);
    let mut git = Command::new("git");
    git.args([
        "describe",
        "--always",
        "--dirty",
        "--abbrev=12",
        "--exclude=*",
    ]);
    let rustc = std::env::var_os("RUSTC").unwrap_or("rustc".into());
    println!("machine  {}", machine());
    println!(
        "system   {}",
        ask(Command::new("uname").args(["-s", "-r", "-m"]))
    );
    println!(
        "load     {}",
        read("/proc/loadavg").unwrap_or("unknown".into())
    );
    println!("rustc    {}", ask(Command::new(rustc).arg("--version")));
    if let Some(go) = go {
        let mut version = Command::new(go);
        version.arg("version").env("GOTOOLCHAIN", "local");
        println!("go       {}", ask(&mut version));
    }
    println!(
        "commit   {}",
        ask(git.current_dir(env!("CARGO_MANIFEST_DIR")))
    );
    println!("rounds   {rounds}");
    for (variable, value) in tuning() {
        println!("with     {variable}={value}");
    }
}

/// What the environment sets that changes either side and that we do not set ourselves.
fn tuning() -> Vec<(String, String)> {
    const GOS: [&str; 4] = ["GOGC", "GOMEMLIMIT", "GODEBUG", "GOEXPERIMENT"];
    let tunes = |variable: &str| variable.starts_with("SUDOG_") || GOS.contains(&variable);
    std::env::vars()
        .filter(|(variable, _)| tunes(variable) && variable != "SUDOG_MAXPROCS")
        .collect()
}

/// The processor's name, where the system tells, and how many of it we may use.
fn machine() -> String {
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let cpuinfo = read("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name"));
    let name = model.map_or("unknown processor", |rest| {
        rest.trim_start_matches([' ', '\t', ':'])
    });
    format!("{cpus} x {name}")
}

fn read(path: &str) -> Option<String> {
    Some(std::fs::read_to_string(path).ok()?.trim().to_string())
}
