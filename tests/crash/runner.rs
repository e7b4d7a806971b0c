//! Runs cases as libtest runs tests.

use std::env;
use std::panic::{catch_unwind, resume_unwind};
use std::process::{Command, ExitCode};

use super::child;
use super::{Case, PROGRAM};

/// Runs the cases that the command line asks for and tells about them as libtest does.
pub fn test(cases: &[Case]) -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let has = |flag: &str| args.iter().any(|arg| arg == flag);
    let filters: Vec<&String> = args.iter().filter(|arg| !arg.starts_with('-')).collect();
    let wanted = |case: &&Case| {
        let matches = |filter: &&String| match has("--exact") {
            true => case.name == **filter,
            false => case.name.contains(filter.as_str()),
        };
        !has("--ignored") && (filters.is_empty() || filters.iter().any(matches))
    };
    let chosen: Vec<&Case> = cases.iter().filter(wanted).collect();
    if has("--list") {
        chosen
            .iter()
            .for_each(|case| println!("{}: test", case.name));
        return ExitCode::SUCCESS;
    }
    println!("\nrunning {} tests", chosen.len());
    let failed = chosen.iter().filter(|case| !passes(case)).count();
    let verdict = if failed == 0 { "ok" } else { "FAILED" };
    let (passed, out) = (chosen.len() - failed, cases.len() - chosen.len());
    println!(
        "\ntest result: {verdict}. {passed} passed; {failed} failed; 0 ignored; 0 measured; \
         {out} filtered out\n"
    );
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(101)
    }
}

fn passes(case: &Case) -> bool {
    let Case {
        name, vars, check, ..
    } = *case;
    let result = catch_unwind(|| {
        let program = env::current_exe().unwrap_or_else(|error| resume_unwind(Box::new(error)));
        let mut command = Command::new(program);
        command
            .env_remove("SUDOG_PANIC")
            .envs(vars.iter().copied())
            .env(PROGRAM, name);
        check(&child::run(&mut command));
    });
    println!(
        "test {name} ... {}",
        if result.is_ok() { "ok" } else { "FAILED" }
    );
    result.is_ok()
}
