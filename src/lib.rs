//! Go's way of working in Rust: goroutines, channels, and blocking calls that only park the goroutine.
#[macro_use]
mod sys;
pub mod chan;
mod go;
pub mod runtime;
mod scope;
pub mod sync;

pub use go::entry::run;
pub use go::{Builder, Goroutine, JoinHandle, blocking, current, spawn, yield_now};
pub use scope::{Scope, ScopedJoinHandle, scope};

#[cfg(feature = "macros")]
pub use sudog_macros::{main, test};

/// Starts a goroutine, in Go's form.
#[cfg(feature = "macros")]
#[macro_export]
macro_rules! go {
    ($($tokens:tt)*) => { $crate::__private::go! { ($crate) $($tokens)* } };
}

/// For the macros only.
#[doc(hidden)]
pub mod __private {
    pub use crate::go::entry::{main, test};
    pub use crate::go::spawn_named;
    pub use crate::runtime::StaticName;
    #[cfg(feature = "macros")]
    pub use sudog_macros::go;
}
