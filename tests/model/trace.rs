//! What happened in a run: its accesses in the order the checker chose, for the run that fails.
//!
//! A deadlock names the threads that sleep, not how they came to. So the doubles write down what the
//! sources do, and [`print`] shows it for the last run: thread, place, access, and what was found.

use std::cell::RefCell;
use std::fmt::Debug;
use std::panic::Location;

struct Access {
    thread: String,
    at: &'static Location<'static>,
    what: &'static str,
    found: String,
}

thread_local! {
    static RUN: RefCell<Vec<Access>> = const { RefCell::new(Vec::new()) };
    static IS_ON: bool = std::env::var_os("MODEL_TRACE").is_some();
}

/// Begins a run.
pub(crate) fn clear() {
    RUN.with_borrow_mut(Vec::clear);
}

/// Writes down an access, if `MODEL_TRACE` is set, and gives back what it found.
#[track_caller]
pub(crate) fn add<T: Debug>(what: &'static str, found: T) -> T {
    if IS_ON.with(|is_on| *is_on) {
        let access = Access {
            thread: format!("{:?}", loom::thread::current().id()),
            at: Location::caller(),
            what,
            found: format!("{found:?}"),
        };
        RUN.with_borrow_mut(|run| run.push(access));
    }
    found
}

/// Prints the last run.
pub(crate) fn print() {
    RUN.with_borrow(|run| {
        for access in run {
            let (file, line) = (access.at.file(), access.at.line());
            let file = file.rsplit('/').next().unwrap_or(file);
            println!(
                "{} {file}:{line} {} {}",
                access.thread, access.what, access.found
            );
        }
    });
}
