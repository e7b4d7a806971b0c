//! Descriptors of other kinds, and copying between streams.
//!
//! [`Pollable`] makes any descriptor that can be waited for (a pipe, an eventfd, inotify, a child's
//! standard output) park the goroutine; [`copy`] moves bytes from one stream to another, in the kernel where
//! that can be.

mod copy;
mod pollable;

pub use copy::copy;
pub use pollable::Pollable;
