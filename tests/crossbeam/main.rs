//! Programs written for crossbeam-channel do on our channels what they do on the original.
//!
//! Each file in `programs` is such a program, in crossbeam-channel's words, and is compiled twice:
//! what `crossbeam_channel` means is all that differs, as for a user who changes the imports. A program
//! returns what it has to say; it must be the same whichever channels it had, and also when it was
//! called in a goroutine. What does not depend on the schedule is all that it says.

#![cfg(feature = "macros")]
#![expect(
    clippy::duplicate_mod,
    reason = "compiling the same files twice is what this is about"
)]

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// The programs with their imports changed.
#[path = "programs"]
mod ported {
    use sudog::chan as crossbeam_channel;

    pub mod accounts;
    pub mod crawler;
    pub mod errors;
    pub mod merge;
    pub mod partners;
    pub mod pipeline;
    pub mod readiness;
    pub mod scoped;
    pub mod stop_watch;
    pub mod worker_pool;
}

/// The programs as they were.
#[path = "programs"]
mod original {
    use ::crossbeam_channel;

    pub mod accounts;
    pub mod crawler;
    pub mod errors;
    pub mod merge;
    pub mod partners;
    pub mod pipeline;
    pub mod readiness;
    pub mod scoped;
    pub mod stop_watch;
    pub mod worker_pool;
}

type Program = fn() -> String;

/// Far longer than any of them takes.
const LIMIT: Duration = Duration::from_secs(120);

/// What a program says; it must have said it in time.
#[track_caller]
fn said(whose: &str, program: impl FnOnce() -> String + Send + 'static) -> String {
    let (tx, rx) = mpsc::channel();
    thread::spawn(move || tx.send(program()));
    rx.recv_timeout(LIMIT)
        .unwrap_or_else(|error| panic!("the {whose} program: {error}"))
}

#[track_caller]
fn assert_same(ported: Program, original: Program, in_goroutine: fn(Program) -> String) {
    let expected = said("original", original);
    assert!(!expected.is_empty(), "it says nothing");
    assert_eq!(said("ported", ported), expected, "on threads");
    let in_goroutine = said("ported", move || sudog::run(move || in_goroutine(ported)));
    assert_eq!(in_goroutine, expected, "in a goroutine");
}

/// Runs a program in a goroutine that may move from thread to thread.
fn free(program: Program) -> String {
    program()
}

/// Runs a program in a goroutine that keeps its thread, for `std::thread::scope` waits in the end on the parker
/// of the thread on which it began.
fn kept(program: Program) -> String {
    let _kept = sudog::runtime::lock_os_thread();
    program()
}

macro_rules! programs {
    ($($name:ident: $in_goroutine:ident)*) => {
        $(
            #[test]
            fn $name() {
                assert_same(ported::$name::run, original::$name::run, $in_goroutine);
            }
        )*
    };
}

programs! {
    accounts: kept
    crawler: kept
    errors: free
    merge: free
    partners: kept
    pipeline: free
    readiness: free
    scoped: kept
    stop_watch: free
    worker_pool: free
}
