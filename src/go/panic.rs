//! What a panic prints, and when it ends the process.
//!
//! std's hook prints the message and the place; ours goes first and says which goroutine it was. A
//! panic ends its goroutine only and comes out of `join`. Under [`OnPanic::Exit`] one that nobody
//! can join any more ends the process, as every panic does in Go.
//!
//! The hook runs at the panic, when nobody knows whether it will be caught, joined or neither. Only the
//! end of the process says that, maybe much later. It prints as Go does, but does not repeat a message
//! that went to the hook: of the last messages there we keep note. Those of `resume_unwind` never go
//! there.

use super::{Goroutine, current};
use crate::runtime::{self, OnPanic};
use crate::sys;
use std::any::Any;
use std::collections::VecDeque;
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
            if runtime::settings().on_panic == OnPanic::Exit {
                note_told(goroutine.id, message(info.payload()));
            }
        }));
    });
}

/// The last messages that went to the hook, and whose they were. A goroutine that catches its panics
/// leaves its last one here; when it is pushed out, it may be repeated.
static TOLD: Mutex<VecDeque<(u64, String)>> = Mutex::new(VecDeque::new());
const TOLD_MAX: usize = 64;

fn note_told(goroutine: u64, message: &str) {
    let mut told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
    told.retain(|(id, _)| *id != goroutine);
    if told.len() == TOLD_MAX {
        told.pop_front();
    }
    told.push_back((goroutine, message.to_owned()));
}

/// Whether the panic that has ended this goroutine went to the hook. To be asked once, at its end.
#[cold]
pub(super) fn was_told(goroutine: &Goroutine, payload: &(dyn Any + Send)) -> bool {
    let mut told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
    let place = told.iter().position(|(id, _)| *id == goroutine.id);
    let last = place.and_then(|place| told.remove(place));
    last.is_some_and(|(_, text)| text == message(payload))
}

/// Makes the body of a goroutine that never had a handle, for those who start one later.
pub(crate) fn detached(f: impl FnOnce() + Send + 'static) -> impl FnOnce() + Send + 'static {
    install_hook();
    move || {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(f)) {
            if let Some(goroutine) = current() {
                let is_told = was_told(&goroutine, &*payload);
                nobody_joined(&goroutine, &*payload, is_told);
            }
            drop_quietly(payload);
        }
    }
}

/// What becomes of a panic whose handle was dropped. `is_told`: its message went to the hook.
pub(super) fn nobody_joined(goroutine: &Goroutine, payload: &(dyn Any + Send), is_told: bool) {
    if runtime::settings().on_panic == OnPanic::Exit {
        let message = match is_told {
            true => "nobody can join the goroutine; its message went to the panic hook",
            false => message(payload),
        };
        sys::write_stderr(&format!(
            "panic: {message}\n\n{goroutine} [running]:\nexit status 2\n"
        ));
        sys::os::exit_at_once(2);
    }
}

/// The text of a panic, where it has one.
fn message(payload: &dyn Any) -> &str {
    if let Some(text) = payload.downcast_ref::<&'static str>() {
        text
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text
    } else {
        "(a value that is no text)"
    }
}

/// Drops a value whose drop may panic where nobody could catch it.
pub(crate) fn drop_quietly<T>(value: T) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
        // Dropping this one could panic again, for ever.
        std::mem::forget(payload);
    }
}
