//! How programs end: each case is a small program, run as a process of its own, and what becomes
//! of it.
//!
//! A program needs the main thread and the exit code for itself, as under `#[sudog::main]`, and so
//! this test has a `main` of its own instead of libtest's. It runs itself again for every case
//! and understands as much of libtest's command line as people use: filters, `--exact`, `--list`.

use std::env;
use std::process::{ExitCode, Termination};

use sudog::runtime::{Config, OnPanic};

mod aborts;
#[path = "../it/child.rs"]
mod child;
mod deadlocks;
#[cfg(feature = "net")]
mod descriptors;
mod ends;
#[cfg(target_os = "linux")]
mod limits;
mod no_deadlocks;
mod overflows;
mod panics;
mod quits;
mod runner;
mod stderr;
mod unwinding;

use child::Output;

/// A program and what is to become of it.
#[derive(Clone)]
struct Case {
    name: &'static str,
    /// Environment variables for it.
    vars: &'static [(&'static str, &'static str)],
    program: fn() -> ExitCode,
    check: fn(&Output),
}

/// Tells a child which program it is.
const PROGRAM: &str = "SUDOG_CRASH_PROGRAM";

fn main() -> ExitCode {
    let cases = [
        deadlocks::cases(),
        no_deadlocks::cases(),
        #[cfg(feature = "net")]
        descriptors::cases(),
        panics::cases(),
        unwinding::cases(),
        overflows::cases(),
        quits::cases(),
        ends::cases(),
        stderr::cases(),
        #[cfg(target_os = "linux")]
        limits::cases(),
    ]
    .concat();
    let cases = match cfg!(panic = "abort") {
        true => aborts::cases(),
        false => cases,
    };
    match env::var(PROGRAM) {
        Ok(name) => {
            let case = cases
                .iter()
                .find(|case| case.name == name)
                .expect("a case of this name");
            (case.program)()
        }
        Err(_) => runner::test(&cases),
    }
}

/// What `#[sudog::main]` makes of a function.
fn start<T: Termination + 'static>(body: fn() -> T) -> ExitCode {
    sudog::__private::main(Config::new(), body)
}

/// The same with `on_panic = "exit"`.
fn start_strict<T: Termination + 'static>(body: fn() -> T) -> ExitCode {
    sudog::__private::main(Config::new().on_panic(OnPanic::Exit), body)
}

/// Fails unless the program came to its own end.
#[track_caller]
fn assert_fine(output: &Output) {
    output.assert_code(0);
    output.assert_no_stderr("deadlock");
    output.assert_stdout("done");
}
