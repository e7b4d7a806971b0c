//! Doubles of `sys`: atomics, locks and the kernel's part of a sleep, as the model checker sees them.
//!
//! `note.rs` and `published.rs` are the real ones, on these atomics and this futex.

pub(crate) mod atomic;
pub(crate) mod lock;
#[path = "../../src/sys/note.rs"]
pub(crate) mod note;
pub(crate) mod os;
pub(crate) mod poller;
#[path = "../../src/sys/published.rs"]
pub(crate) mod published;
pub(crate) mod spin;

/// A broken invariant: in a search one more state to report, elsewhere a panic.
macro_rules! fatal {
    ($($arg:tt)*) => { $crate::sys::die(format!($($arg)*)) };
}
pub(crate) use fatal;

pub(crate) fn die(message: String) -> ! {
    crate::search::report_fatal(&message);
    panic!("fatal error: {message}");
}

/// Lets the others go on.
pub(crate) fn nap() {
    loom::thread::yield_now();
}

/// The checker has no cache.
pub(crate) fn prefetch<T>(_: *const T) {}

pub(crate) fn write_stderr(text: &str) {
    eprint!("{text}");
}
