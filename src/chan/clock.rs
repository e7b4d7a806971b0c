//! Channels of time: [`after`], [`at`] and [`tick`].
//!
//! Nobody sends on them. A value is due at an instant, and whoever looks for one after that finds it
//! there; who has to wait does so with that instant as a deadline. So a channel that nobody receives
//! from costs nothing, and dropping it leaves nothing behind.
//!
//! 1. `due` changes under the channel's lock; without it, it may be read to see whether it is worth
//!    taking the lock. All else is used under the lock only.
//! 2. Setting a clock anew ([`set`]) throws away what it has put into the channel, and takes nothing
//!    back that it handed out before: so no value is older than the last setting.
//! 3. Whoever waits has computed its deadline from `due`. So a clock that is set anew sends all who
//!    wait back to look again; they keep their places in the queue.

use super::core::{Core, Flavor, State};
use super::ends::{Receiver, never};
use super::raw::Chan;
use super::share::alone;
use crate::runtime;
use crate::sys::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// When the next value is due.
pub(super) struct Clock {
    base: Instant,
    /// Nanoseconds after the base; [`NEVER`] if no value will come, [`ENDLESS`] if one would, had it
    /// the time.
    due: AtomicU64,
    rhythm: Rhythm,
    /// The time from one value to the next (ns), where there is more than one.
    period: AtomicU64,
    /// The value that was handed out last since the clock was set.
    handed: AtomicU64,
}

/// How value follows value.
#[derive(Clone, Copy)]
enum Rhythm {
    /// There is one only.
    Once,
    /// A period after the one before was received.
    FromReceipt,
    /// On the beat that the first one gave.
    OnBeat,
}

const NEVER: u64 = u64::MAX;
const ENDLESS: u64 = NEVER - 1;

/// A length of time in nanoseconds, at most [`ENDLESS`].
fn nanos(duration: Duration) -> u64 {
    let seconds = duration.as_secs().saturating_mul(1_000_000_000);
    let nanos = seconds.saturating_add(u64::from(duration.subsec_nanos()));
    nanos.min(ENDLESS)
}

/// The channel of a core.
///
/// # Safety
/// The core is that of a channel of instants.
unsafe fn of_instants(core: &Core) -> &Chan<Instant> {
    // SAFETY: our caller's promise; a channel begins with its core.
    unsafe { &*std::ptr::from_ref(core).cast::<Chan<Instant>>() }
}

impl Clock {
    fn new(first: Duration, rhythm: Rhythm, period: Duration, base: Instant) -> Clock {
        Clock {
            base,
            due: AtomicU64::new(nanos(first)),
            rhythm,
            period: AtomicU64::new(nanos(period)),
            handed: AtomicU64::new(NEVER),
        }
    }

    /// The instant at which the next value is due.
    pub(super) fn due(&self) -> Option<Instant> {
        let due = self.due.load(Ordering::Relaxed);
        (due < ENDLESS).then(|| self.instant(due)).flatten()
    }

    /// An instant by its distance from the base.
    fn instant(&self, nanos: u64) -> Option<Instant> {
        self.base.checked_add(Duration::from_nanos(nanos))
    }

    #[cold]
    #[inline(never)]
    pub(super) fn is_due(&self) -> bool {
        self.due().is_some_and(|due| due <= Instant::now())
    }

    /// Puts the value that is due, if one is, into the empty channel.
    #[cold]
    pub(super) fn deliver(&self, core: &Core, state: &mut State) {
        let now = Instant::now();
        let Some(value) = self.due().filter(|due| *due <= now) else {
            return;
        };
        if state.len > 0 {
            return;
        }
        // SAFETY: clocks are made for channels of instants only.
        unsafe { of_instants(core) }.push(state, value);
        let due = self.due.load(Ordering::Relaxed);
        self.handed.store(due, Ordering::Relaxed);
        let next = self.next(due, nanos(now - self.base));
        self.due.store(next, Ordering::Relaxed);
    }

    /// When the value after the one of `due` will be due. Those that were missed are left out.
    fn next(&self, due: u64, now: u64) -> u64 {
        let period = self.period.load(Ordering::Relaxed);
        match self.rhythm {
            Rhythm::Once => NEVER,
            Rhythm::FromReceipt => now.saturating_add(period).min(ENDLESS),
            Rhythm::OnBeat => {
                let missed = now.saturating_sub(due) / period;
                let ahead = period.saturating_mul(missed.saturating_add(1));
                due.saturating_add(ahead).min(ENDLESS)
            }
        }
    }

    /// Whether a value that was handed out may come back: not if the clock was set since.
    ///
    /// # Safety
    /// `value` is that of the clock's channel, an [`Instant`].
    pub(super) unsafe fn takes_back(&self, value: *const ()) -> bool {
        // SAFETY: our caller's promise.
        let value = unsafe { value.cast::<Instant>().read() };
        let handed = self.handed.load(Ordering::Relaxed);
        handed != NEVER && self.instant(handed) == Some(value)
    }
}

/// Makes the receiver of a clock that can be set anew, with its first value due after `first`; one
/// value only, or one in each period.
pub(crate) fn settable(first: Duration, period: Option<Duration>) -> Receiver<Instant> {
    let rhythm = period.map_or(Rhythm::Once, |_| Rhythm::OnBeat);
    let clock = Clock::new(first, rhythm, period.unwrap_or_default(), Instant::now());
    receiver(clock)
}

/// Sets a clock anew, its next value due after `first`, and each one a `first` later if there is to be
/// more than one; or stops it. True if a value was still to come, or to be received.
pub(crate) fn set(rx: &Receiver<Instant>, first: Option<Duration>) -> bool {
    let core = &rx.chan.core;
    let Some(clock) = core.clock() else {
        crate::sys::fatal!("a channel without a clock was to be set");
    };
    let due = first.map_or(NEVER, |first| {
        let now = nanos(clock.base.elapsed());
        now.saturating_add(nanos(first)).min(ENDLESS)
    });
    let token = runtime::enter();
    let mut state = core.state.lock();
    let was_pending = state.len > 0 || clock.due.load(Ordering::Relaxed) != NEVER;
    clock.due.store(due, Ordering::Relaxed);
    clock.handed.store(NEVER, Ordering::Relaxed);
    if let Some(first) = first {
        clock.period.store(nanos(first), Ordering::Relaxed);
    }
    // Whoever waits or watches is queued before it reads `due`.
    if state.len == 0 && state.receivers.is_empty() && !core.is_watched(&state) {
        return was_pending;
    }
    rx.chan.empty(&mut state);
    let woken = core.send_back(&mut state);
    core.mirror(&state);
    drop(state);
    let tasks = woken.ready(&token);
    drop(token);
    tasks.wake();
    was_pending
}

/// Stops a clock whose owner goes. If the owner's receiver is the only one nobody will know.
pub(crate) fn abandon(rx: &Receiver<Instant>) {
    // Relaxed: with none but ours nobody can make another.
    if rx.chan.core.receiver_count.load(Ordering::Relaxed) > 1 {
        set(rx, None);
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
    made(duration, Rhythm::Once, Instant::now())
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
    receiver(Clock::new(
        Duration::ZERO,
        Rhythm::Once,
        Duration::ZERO,
        when,
    ))
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
    made(duration, Rhythm::FromReceipt, Instant::now())
}

fn made(duration: Duration, rhythm: Rhythm, base: Instant) -> Receiver<Instant> {
    if base.checked_add(duration).is_none() {
        return never();
    }
    receiver(Clock::new(duration, rhythm, duration, base))
}

fn receiver(clock: Clock) -> Receiver<Instant> {
    let mut chan = Chan::new(Some(1), Flavor::Timer);
    chan.core.clock = Some(Box::new(clock));
    Receiver { chan: alone(chan) }
}
