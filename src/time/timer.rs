//! `Timer`: one value at its time, unless it is stopped or set anew. Go's `time.Timer`.
//!
//! All there is to it is a channel with a clock (chan/clock.rs); `stop` and `reset` work under its
//! lock, as every receive does, so there is no moment between a timer that fires and its value.

use crate::chan::{Receiver, abandon, set, settable};
use std::fmt;
use std::time::{Duration, Instant};

/// Sends one value, the instant, at its time: [`after`](super::after) with a `stop` and a `reset`.
///
/// Dropping it stops it: clones of its receiver then block for ever. A timer that nobody waits for
/// costs no time, so there is no need to stop one that is not needed any more.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use sudog::{chan, select, time::Timer};
///
/// // A watchdog: reset at each message.
/// let (tx, rx) = chan::unbounded();
/// (0..3).for_each(|n| tx.send(n).unwrap());
/// let silence = Timer::new(Duration::from_millis(5));
/// let mut count = 0;
/// loop {
///     select! {
///         recv(rx) -> _ => {
///             count += 1;
///             silence.reset(Duration::from_millis(5));
///         }
///         recv(silence.receiver()) -> _ => break,
///     }
/// }
/// assert_eq!(count, 3);
/// ```
pub struct Timer {
    rx: Receiver<Instant>,
}

impl Timer {
    /// Makes a timer whose value is due once `duration` has passed; a time too long to be told never
    /// has.
    ///
    /// # Examples
    /// ```
    /// use std::time::{Duration, Instant};
    ///
    /// let start = Instant::now();
    /// let timer = sudog::time::Timer::new(Duration::from_millis(2));
    /// let due = timer.receiver().recv().unwrap();
    /// assert!(due >= start + Duration::from_millis(2));
    /// ```
    pub fn new(duration: Duration) -> Timer {
        Timer {
            rx: settable(duration, None),
        }
    }

    /// Returns the receiver of its value: the instant at which it was due.
    ///
    /// It has room for one value and is never closed. Clones of it receive from the same timer; a value
    /// goes to one of them. Once it was received, or the timer stopped, `recv` blocks until a `reset`.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use sudog::{chan, select, time::Timer};
    ///
    /// let (_tx, rx) = chan::bounded::<u32>(0);
    /// let patience = Timer::new(Duration::from_millis(1));
    /// select! {
    ///     recv(rx) -> n => unreachable!("{n:?}"),
    ///     recv(patience.receiver()) -> due => println!("due at {:?}", due.unwrap()),
    /// }
    /// ```
    pub fn receiver(&self) -> &Receiver<Instant> {
        &self.rx
    }

    /// Stops it; whether it was pending, that is, neither stopped nor its value received.
    ///
    /// A value that is due but was not received counts as pending, and is gone: nothing can be received
    /// from this timer afterwards, until a [`reset`](Timer::reset). Never blocks.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    ///
    /// let timer = sudog::time::Timer::new(Duration::ZERO);
    /// assert!(timer.stop());
    /// assert!(!timer.stop());
    /// assert!(timer.receiver().try_recv().is_err());
    /// ```
    pub fn stop(&self) -> bool {
        set(&self.rx, None)
    }

    /// Makes its value due once `duration` has passed from now, whatever was before; whether it was
    /// pending, as [`stop`](Timer::stop) says it.
    ///
    /// No value of before can be received afterwards. Whoever waits goes on to wait, for the new time.
    /// Never blocks.
    ///
    /// # Examples
    /// ```
    /// use std::time::{Duration, Instant};
    ///
    /// let timer = sudog::time::Timer::new(Duration::from_secs(3600));
    /// let start = Instant::now();
    /// assert!(timer.reset(Duration::from_millis(2)));
    /// assert!(timer.receiver().recv().unwrap() >= start + Duration::from_millis(2));
    /// assert!(!timer.reset(Duration::from_millis(2)));
    /// ```
    pub fn reset(&self, duration: Duration) -> bool {
        set(&self.rx, Some(duration))
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        abandon(&self.rx);
    }
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Timer { .. }")
    }
}
