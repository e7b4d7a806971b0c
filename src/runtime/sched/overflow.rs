//! A goroutine that runs over its stack: says which one, and aborts.
//!
//! The guard below each stack turns the overflow into SIGSEGV. std's handler knows the guards of
//! threads only, so without this the process would die without a word. There is no way back from it:
//! unwinding would need stack, and skipping destructors would leave locks held.
//!
//! The handler runs on a stack of its own (every M has one), allocates nothing and takes no lock.
//! What is not a goroutine's guard goes to the handler that was there before.

use crate::runtime::m::{self, M};
use crate::runtime::stack::{CLASSES, LARGEST};
use crate::sys::{os, write_stderr};
use std::fmt::{self, Write};

/// Installs the handler; once, before the first M.
pub(super) fn install() {
    os::on_segv(report);
}

/// Gives the calling thread, that of `m`, the stack that the handler runs on; without memory for one it
/// keeps the one it has.
pub(super) fn prepare_thread(m: &M) {
    let stack = m
        .signal_stack
        .get()
        .or_else(|| os::signal_stack_new(SIGNAL_STACK));
    m.signal_stack.set(stack);
    if stack.is_some() {
        // SAFETY: the stack of the M, whose only thread this is.
        unsafe { os::signal_stack(stack, SIGNAL_STACK) };
    }
    m.stack_guard.set(os::thread_stack_guard());
}

/// Takes that stack from the calling thread, which is about to end.
pub(super) fn release_thread(m: &M) {
    if m.signal_stack.get().is_some() {
        // SAFETY: none is needed to have none.
        unsafe { os::signal_stack(None, SIGNAL_STACK) };
    }
}

const SIGNAL_STACK: usize = 64 << 10;

/// Called in the signal handler with the address that was touched; returns if it is not a guard of
/// the goroutine that runs here.
fn report(address: usize) {
    let Some(m) = m::current() else { return };
    let Some(g) = m.current.get() else { return };
    let Some(stack) = g.stack.get() else { return };
    let is_below = g.is_on_system_stack.get();
    let guard = if is_below {
        let (begin, end) = m.stack_guard.get();
        begin..end
    } else {
        stack.guard()
    };
    if !guard.contains(&address) {
        return;
    }
    let mut text = Text {
        bytes: [0; 512],
        len: 0,
    };
    let size = CLASSES[usize::from(stack.class())];
    let _ = if is_below {
        write!(
            text,
            "\nruntime: goroutine exceeds the stack of its thread\n"
        )
    } else {
        write!(
            text,
            "\nruntime: goroutine stack exceeds {size}-byte limit\n"
        )
    };
    let _ = write!(text, "fatal error: stack overflow\n\ngoroutine {}", g.id());
    // SAFETY: it is the goroutine that runs on this thread.
    if let Some(name) = unsafe { g.name() } {
        let _ = write!(text, " '{}'", name.text());
        // Never dropped: that could free memory, in a handler.
        std::mem::forget(name);
    }
    text.push(" [running]:\n");
    if let Some(place) = g.spawned_at() {
        let _ = writeln!(text, "\tspawned at {place}");
    }
    if stack.class() == LARGEST || is_below {
        text.push(
            "(no stack is larger: recurse less deep, or keep what is left to do in a Vec, or use a std::thread \
             with a stack_size of its own)\n",
        );
    } else {
        text.push(
            "(Builder::stack_size or SUDOG_STACK gives a larger stack, on_system_stack that of a thread)
",
        );
    }
    write_stderr(text.as_str());
    std::process::abort();
}

/// Text in a fixed place; what does not fit is left out.
struct Text {
    bytes: [u8; 512],
    len: usize,
}

impl Text {
    fn push(&mut self, text: &str) {
        // Whole characters only.
        for character in text.chars() {
            let mut utf8 = [0; 4];
            let utf8 = character.encode_utf8(&mut utf8).as_bytes();
            let Some(place) = self.bytes.get_mut(self.len..self.len + utf8.len()) else {
                return;
            };
            place.copy_from_slice(utf8);
            self.len += utf8.len();
        }
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.len]).unwrap_or_default()
    }
}

impl fmt::Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text);
        Ok(())
    }
}
