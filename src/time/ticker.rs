//! `Ticker`: a value on every beat. Go's `time.Ticker`.

use crate::chan::{Receiver, abandon, set, settable};
use std::fmt;
use std::time::{Duration, Instant};

/// Sends a value, the instant, each time its period has passed.
///
/// It keeps its beat: a value that is received late is followed by the next one on the beat, and those
/// that were missed meanwhile are dropped. ([`tick`](super::tick), as crossbeam's, counts a whole period
/// from the late receive.) Dropping it stops it: clones of its receiver then block for ever.
///
/// # Examples
/// ```
/// use std::time::{Duration, Instant};
/// use sudog::time::Ticker;
///
/// let start = Instant::now();
/// let ticker = Ticker::new(Duration::from_millis(1));
/// for beat in ticker.receiver().iter().take(3) {
///     assert!(beat > start && beat <= Instant::now());
/// }
/// assert!(start.elapsed() >= Duration::from_millis(3));
/// ```
pub struct Ticker {
    rx: Receiver<Instant>,
}

impl Ticker {
    /// Makes a ticker whose first value is due once `period` has passed.
    ///
    /// # Panics
    /// If the period is zero.
    #[track_caller]
    pub fn new(period: Duration) -> Ticker {
        assert!(!period.is_zero(), "Ticker::new: the period is zero");
        Ticker {
            rx: settable(period, Some(period)),
        }
    }

    /// Returns the receiver of its values: the instants at which they were due.
    ///
    /// It has room for one value and is never closed. Clones of it receive from the same ticker; each
    /// value goes to one of them.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use sudog::{chan, select, time::Ticker};
    ///
    /// let (_tx, rx) = chan::bounded::<u32>(0);
    /// let ticker = Ticker::new(Duration::from_millis(1));
    /// select! {
    ///     recv(rx) -> n => unreachable!("{n:?}"),
    ///     recv(ticker.receiver()) -> _ => println!("still nothing"),
    /// }
    /// ```
    pub fn receiver(&self) -> &Receiver<Instant> {
        &self.rx
    }

    /// Stops it: nothing can be received afterwards, until a [`reset`](Ticker::reset). Never blocks.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    ///
    /// let ticker = sudog::time::Ticker::new(Duration::from_nanos(1));
    /// ticker.receiver().recv().unwrap();
    /// ticker.stop();
    /// assert!(ticker.receiver().try_recv().is_err());
    /// ```
    pub fn stop(&self) {
        set(&self.rx, None);
    }

    /// Gives it a new period, whose first value is due once it has passed from now; no value of before
    /// can be received afterwards.
    ///
    /// It ticks again if it was stopped. Never blocks.
    ///
    /// # Panics
    /// If the period is zero.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    ///
    /// let ticker = sudog::time::Ticker::new(Duration::from_secs(3600));
    /// ticker.reset(Duration::from_millis(1));
    /// assert_eq!(ticker.receiver().iter().take(2).count(), 2);
    /// ```
    #[track_caller]
    pub fn reset(&self, period: Duration) {
        assert!(!period.is_zero(), "Ticker::reset: the period is zero");
        set(&self.rx, Some(period));
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        abandon(&self.rx);
    }
}

impl fmt::Debug for Ticker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Ticker { .. }")
    }
}
