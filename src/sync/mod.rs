//! Waiting for more than a value.

mod waitgroup;

pub use waitgroup::{DoneGuard, WaitGroup};
