//! `after_func`: a goroutine that starts later. Go's `time.AfterFunc`.

use crate::go::detached;
use crate::runtime::{self, Deferred};
use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

/// Runs `f` in a goroutine of its own once `delay` has passed.
///
/// That is so also if what comes back is dropped; it serves to stop the call and to move it. A delay of
/// zero has passed at once, one too long to be told never does. Never blocks; the first use starts the
/// runtime. A panic in `f` ends that goroutine, as in one whose handle was dropped. While the call is
/// pending the program counts as having something to do: no deadlock is reported.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use sudog::{chan, time::after_func};
///
/// let (tx, rx) = chan::bounded(1);
/// after_func(Duration::from_millis(1), move || tx.send("now").unwrap());
/// assert_eq!(rx.recv(), Ok("now"));
/// ```
#[track_caller]
pub fn after_func(delay: Duration, f: impl FnOnce() + Send + 'static) -> FuncTimer {
    let call = Deferred::new(Box::new(detached(f)), Location::caller());
    runtime::call_after(&call, delay);
    FuncTimer { call }
}

/// A call that begins later, to be stopped or moved; of [`after_func`].
///
/// Dropping it changes nothing about a call that is pending. The function of a stopped one is dropped
/// with it.
pub struct FuncTimer {
    call: Arc<Deferred>,
}

impl FuncTimer {
    /// Stops the call; whether it was pending, that is, neither stopped nor begun.
    ///
    /// If it was, the function will not run, unless a [`reset`](FuncTimer::reset) follows. One that has
    /// begun goes on, and this does not wait for it. Never blocks.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    ///
    /// let call = sudog::time::after_func(Duration::from_secs(3600), || unreachable!());
    /// assert!(call.stop());
    /// assert!(!call.stop());
    /// ```
    pub fn stop(&self) -> bool {
        self.call.stop()
    }

    /// Has the call begin once `delay` has passed from now, also after a `stop`; whether it was pending.
    ///
    /// A call that has begun stays as it is: the function runs once, and this is false and without
    /// effect. Never blocks.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use sudog::{chan, time::after_func};
    ///
    /// let (tx, rx) = chan::bounded(1);
    /// let call = after_func(Duration::from_secs(3600), move || tx.send("sooner").unwrap());
    /// assert!(call.reset(Duration::from_millis(1)));
    /// assert_eq!(rx.recv(), Ok("sooner"));
    /// assert!(!call.reset(Duration::ZERO));
    /// ```
    pub fn reset(&self, delay: Duration) -> bool {
        runtime::call_after(&self.call, delay).unwrap_or(false)
    }
}

impl Drop for FuncTimer {
    fn drop(&mut self) {
        drop(self.call.abandon());
    }
}

impl fmt::Debug for FuncTimer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("FuncTimer { .. }")
    }
}
