//! Doubles of `sys`: atomics and the kernel's part of a sleep, as the model checker sees them.
//!
//! `note.rs` is the real one, on these atomics and this futex.

pub(crate) mod atomic;

#[path = "../../src/sys/note.rs"]
pub(crate) mod note;
pub(crate) mod os;

/// A broken invariant is a panic here.
macro_rules! fatal {
    ($($arg:tt)*) => { panic!($($arg)*) };
}
pub(crate) use fatal;
