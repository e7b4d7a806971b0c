//! Time: sleeping, timers, and calls that begin later.
//!
//! [`sleep`] parks the goroutine. [`after`], [`at`] and [`tick`] are receivers to which time itself
//! sends, to wait for with `recv` or in a [`select!`](crate::select); a [`Timer`] or [`Ticker`] has one,
//! `receiver()`, and can be stopped and set anew. [`after_func`] starts a goroutine later. In async code there is
//! [`sleep_async`], and `recv_async` on the receivers.
//!
//! **Never early.** What is asked for after a time comes after that time at the earliest; how much
//! later depends on what else has to run. Times under a millisecond are not rounded up. All of it goes
//! by the monotonic clock of [`Instant`]. Zero, and instants that have passed, are due at once. A time
//! too long to be told (centuries) never comes.
//!
//! **Nothing for nothing.** A timer costs its memory. Only while somebody waits for its value has the
//! scheduler anything to do with it; one that nobody waits for, a ticker too, takes no processor time,
//! and one that is not needed any more may simply be dropped.
//!
//! # Examples
//! ```
//! use std::time::Duration;
//! use sudog::{chan, go, select, time};
//!
//! sudog::run(|| {
//!     let (tx, rx) = chan::bounded(0);
//!     go! {
//!         for word in ["to", "be"] {
//!             time::sleep(Duration::from_millis(2));
//!             tx.send(word).unwrap();
//!         }
//!     };
//!     let limit = time::after(Duration::from_secs(60));
//!     let mut words = Vec::new();
//!     loop {
//!         select! {
//!             recv(rx) -> word => match word {
//!                 Ok(word) => words.push(word),
//!                 Err(_) => break,
//!             },
//!             recv(limit) -> _ => panic!("it took a minute"),
//!         }
//!     }
//!     assert_eq!(words, ["to", "be"]);
//! });
//! ```

mod func;
mod sleep;
mod ticker;
mod timer;

pub use crate::chan::{after, at, tick};
pub use func::{FuncTimer, after_func};
pub use sleep::{Sleep, sleep, sleep_async, sleep_until};
pub use ticker::Ticker;
pub use timer::Timer;

use std::time::Instant;

/// Returns the present instant of the monotonic clock: [`Instant::now`].
///
/// # Examples
/// ```
/// let start = sudog::time::now();
/// assert!(sudog::time::now() >= start);
/// ```
pub fn now() -> Instant {
    Instant::now()
}
