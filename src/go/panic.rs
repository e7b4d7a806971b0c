//! What a panic prints, and when it ends the process.
//!
//! std's hook prints the message and the place; ours goes first and says which goroutine it was. A
//! panic ends its goroutine only and comes out of `join`. Under [`OnPanic::Exit`] one that nobody
//! can join any more ends the process, as every panic does in Go.

use super::{Goroutine, current};
use crate::runtime::{self, OnPanic};
use crate::sys;
use std::any::Any;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, Once, PoisonError};

/// Puts our line in front of the hook that is there.
pub(super) fn install_hook() {
    static ONCE: Once = Once::new();
    // A hook cannot be set while panicking; then the next goroutine sees to it.
    if ONCE.is_completed() || std::thread::panicking() {
        return;
    }
    ONCE.call_once(|| {
        let previous = panic::take_hook();
        let one_at_a_time = Mutex::new(());
        panic::set_hook(Box::new(move |info| {
            let Some(goroutine) = current() else {
                return previous(info);
            };
            // So that the line stands before the message it belongs to. A goroutine that panics
            // keeps its thread, so the guard does not change threads even if the hook blocks.
            let _turn = one_at_a_time.lock().unwrap_or_else(PoisonError::into_inner);
            eprintln!("\n{goroutine} panicked:");
            previous(info);
        }));
    });
}

/// What becomes of a panic whose handle was dropped.
pub(super) fn nobody_joined(goroutine: &Goroutine, payload: &(dyn Any + Send)) {
    if runtime::settings().on_panic == OnPanic::Exit {
        let message = message(payload);
        sys::write_stderr(&format!(
            "panic: {message}\n\n{goroutine} [running]:\nexit status 2\n"
        ));
        sys::os::exit_at_once(2);
    }
}

/// The text of a panic, where it has one.
fn message(payload: &(dyn Any + Send)) -> &str {
    if let Some(text) = payload.downcast_ref::<&'static str>() {
        text
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text
    } else {
        "(a value that is no text)"
    }
}

/// Drops a value whose drop may panic where nobody could catch it.
pub(super) fn drop_quietly<T>(value: T) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
        // Dropping this one could panic again, for ever.
        std::mem::forget(payload);
    }
}
