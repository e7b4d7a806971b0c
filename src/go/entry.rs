//! Ways in from a plain thread: `run`, and what `#[sudog::main]` and `#[sudog::test]` expand to.

use super::{JoinHandle, Start};
use crate::runtime::{self, Config, Name, Place, WaitReason};
use crate::sys;
use crate::sys::atomic::Ordering;
use std::io::Write;
use std::panic::{Location, resume_unwind};
use std::process::{ExitCode, Termination};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// Runs `f` as a goroutine with a stack of 8 MiB, waits for it and returns its result.
///
/// `f` may borrow from the caller. Blocks the thread, or the goroutine if called in one.
///
/// # Panics
/// If `f` panics, with its payload.
///
/// # Examples
/// ```
/// let words = vec!["one", "two"];
/// let total = sudog::run(|| words.iter().map(|word| word.len()).sum::<usize>());
/// assert_eq!(total, 6);
/// ```
#[track_caller]
pub fn run<F, T>(f: F) -> T
where
    F: FnOnce() -> T + Send,
    T: Send,
{
    let at = Location::caller();
    let reason = WaitReason::Join;
    runtime::check_park(Place { reason, at });
    let start = Start {
        stack_class: Some(runtime::stack::LARGEST),
        ..Start::here(at)
    };
    // SAFETY: what `f` and `T` borrow outlives this call, which does not return before the goroutine
    // has ended: nothing between here and the end of `wait` unwinds.
    let handle = unsafe { start.spawn(f) };
    {
        let _unfailing = runtime::unfailing();
        handle.wait(reason, at);
    }
    handle
        .join()
        .unwrap_or_else(|payload| resume_unwind(payload))
}

/// What `#[sudog::main]` expands to: runs `body` as goroutine 1 and ends when it does.
#[doc(hidden)]
#[track_caller]
pub fn main<T: Termination>(config: Config, body: fn() -> T) -> ExitCode {
    config.install_or_check();
    runtime::REPORT_DEADLOCK.store(true, Ordering::Relaxed);
    // A panic was printed where it happened; std's code for one is 101.
    let code = start_body(body, true).join().unwrap_or(ExitCode::from(101));
    // From here on the process is ending, whatever the goroutines left behind wait for.
    runtime::REPORT_DEADLOCK.store(false, Ordering::Relaxed);
    flush_stdout();
    code
}

/// What `#[sudog::test]` expands to: runs `body` as a goroutine, at most `limit` long.
#[doc(hidden)]
#[track_caller]
pub fn test<T: Termination>(config: Config, limit: Option<Duration>, body: fn() -> T) -> ExitCode {
    config.install_or_check();
    let handle = start_body(body, false);
    if let Some(limit) = limit {
        let deadline = Instant::now() + limit;
        if !handle.wait_on_thread(deadline) {
            let who = handle.goroutine();
            sys::write_stderr(&format!("{who} timed out after {limit:?}\n\n"));
            let _ = runtime::dump(&mut sys::Stderr);
            panic!("test timed out after {limit:?}");
        }
    }
    handle
        .join()
        .unwrap_or_else(|payload| resume_unwind(payload))
}

/// Starts `body`, whose result is reported inside the goroutine and so need not be `Send`.
#[track_caller]
fn start_body<T: Termination>(body: fn() -> T, is_main: bool) -> JoinHandle<ExitCode> {
    let start = Start {
        // Under libtest that is the test's, under `main` "main".
        name: thread::current().name().map(Name::of_text),
        stack_class: Some(runtime::stack::LARGEST),
        is_main,
        ..Start::here(Location::caller())
    };
    // SAFETY: a function pointer and an exit code borrow nothing.
    unsafe { start.spawn(move || body().report()) }
}

/// Flushes standard output, but does not wait for ever for a goroutine that holds its lock.
fn flush_stdout() {
    let (done, wait) = mpsc::channel();
    let flusher = thread::Builder::new().spawn(move || {
        let _ = std::io::stdout().flush();
        let _ = done.send(());
    });
    if flusher.is_ok() {
        let _ = wait.recv_timeout(Duration::from_secs(1));
    }
}
