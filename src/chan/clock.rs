//! Channels of time: [`after`], [`at`] and [`tick`].
//!
//! Nobody sends on them. A value is due at an instant, and whoever looks for one after that finds it
//! there; who has to wait does so with that instant as a deadline. So a channel that nobody receives
//! from costs nothing, and dropping it leaves nothing behind.
//!
//! 1. `due` changes under the channel's lock; without it, it may be read to see whether it is worth
//!    taking the lock.

use super::core::{Core, Flavor, State};
use super::ends::{Receiver, never};
use super::raw::Chan;
use crate::sys::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// When the next value is due.
pub(super) struct Clock {
    base: Instant,
    /// Nanoseconds after the base; [`NEVER`] if no value will come.
    due: AtomicU64,
    /// The time from one value to the next; `None` if there is one only.
    period: Option<Duration>,
}

const NEVER: u64 = u64::MAX;

/// Puts a value into a channel of instants.
///
/// # Safety
/// The core is that of such a channel.
unsafe fn put(core: &Core, state: &mut State, value: Instant) {
    // SAFETY: our caller's promise; a channel begins with its core.
    let chan = unsafe { &*std::ptr::from_ref(core).cast::<Chan<Instant>>() };
    chan.push(state, value);
}

impl Clock {
    fn new(first: Duration, period: Option<Duration>, base: Instant) -> Clock {
        let clock = Clock {
            base,
            due: AtomicU64::new(NEVER),
            period,
        };
        clock.set(first);
        clock
    }

    fn set(&self, due: Duration) {
        let due = u64::try_from(due.as_nanos()).unwrap_or(NEVER);
        self.due.store(due, Ordering::Relaxed);
    }

    /// The instant at which the next value is due.
    pub(super) fn due(&self) -> Option<Instant> {
        let due = self.due.load(Ordering::Relaxed);
        (due != NEVER)
            .then(|| self.base.checked_add(Duration::from_nanos(due)))
            .flatten()
    }

    pub(super) fn is_due(&self) -> bool {
        self.due().is_some_and(|due| due <= Instant::now())
    }

    /// Puts the value that is due, if one is, into the empty channel.
    #[cold]
    pub(super) fn deliver(&self, core: &Core, state: &mut State) {
        let now = Instant::now();
        let Some(due) = self.due().filter(|due| *due <= now) else {
            return;
        };
        if state.len > 0 {
            return;
        }
        // SAFETY: clocks are made for channels of instants only.
        unsafe { put(core, state, due) };
        match self.period {
            // Those that were missed are left out.
            Some(period) => self.set((now - self.base).saturating_add(period)),
            None => self.due.store(NEVER, Ordering::Relaxed),
        }
    }
}

/// Makes a receiver that gets one value, the instant, once `duration` has passed.
///
/// Its capacity is 1. Afterwards, or if the time is too long to be told, it blocks for ever; it is never
/// closed. It costs nothing while nobody receives from it, and leaves nothing behind.
///
/// Threads and goroutines wait for it as they do with a deadline. A future that waits for it
/// ([`recv_async`](Receiver::recv_async), a stream, [`ready_async`](crate::chan::Select::ready_async)) is
/// woken by the runtime, and the first one starts the runtime's threads.
///
/// # Examples
/// ```
/// use std::time::{Duration, Instant};
/// use sudog::chan::after;
///
/// let start = Instant::now();
/// after(Duration::from_millis(5)).recv().unwrap();
/// assert!(start.elapsed() >= Duration::from_millis(5));
/// ```
pub fn after(duration: Duration) -> Receiver<Instant> {
    made(duration, None, Instant::now())
}

/// Makes a receiver that gets one value, the instant, at `when`.
///
/// See [`after`].
///
/// # Examples
/// ```
/// use std::time::{Duration, Instant};
/// use sudog::chan::at;
///
/// let when = Instant::now() + Duration::from_millis(5);
/// assert_eq!(at(when).recv(), Ok(when));
/// ```
pub fn at(when: Instant) -> Receiver<Instant> {
    made(Duration::ZERO, None, when)
}

/// Makes a receiver that gets a value, the instant, each time `duration` has passed.
///
/// Its capacity is 1: who receives too late misses values, and gets the next a whole `duration` later.
/// It is never closed.
///
/// # Examples
/// ```
/// use std::time::{Duration, Instant};
/// use sudog::chan::tick;
///
/// let start = Instant::now();
/// let ticks = tick(Duration::from_millis(5));
/// ticks.recv().unwrap();
/// ticks.recv().unwrap();
/// assert!(start.elapsed() >= Duration::from_millis(10));
/// ```
pub fn tick(duration: Duration) -> Receiver<Instant> {
    made(duration, Some(duration), Instant::now())
}

fn made(first: Duration, period: Option<Duration>, base: Instant) -> Receiver<Instant> {
    if base.checked_add(first).is_none() {
        return never();
    }
    let clock = Clock::new(first, period, base);
    let mut chan = Chan::new(Some(1), Flavor::Timer);
    chan.core.clock = Some(Box::new(clock));
    Receiver {
        chan: Arc::new(chan),
    }
}
