//! Programs of the system that serve as clients. One that is missing is no failure: the test says so, on
//! standard error where libtest does not hide it, and leaves that part out. `.ci/run` installs them.

use std::io::{self, Write};
use std::process::{Command, Stdio};

/// A command that runs the tool `name`, if it is here; `probe` has it do nothing.
pub fn tool(name: &str, probe: &str) -> Option<Command> {
    let mut command = Command::new(name);
    command.arg(probe).stdin(Stdio::null());
    let found = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    if found.is_ok_and(|status| status.success()) {
        return Some(Command::new(name));
    }
    let test = std::thread::current();
    let test = test.name().unwrap_or("a test").to_owned();
    let _ = writeln!(io::stderr(), "{test}: skipped, there is no `{name}` here");
    None
}
