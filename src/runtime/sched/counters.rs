//! How many Ms spin and how many Ps idle: one packed word, and the rule that no wake-up is lost.
//!
//! Whoever makes work and whoever goes to sleep must not miss each other:
//!
//! ```text
//!   maker                               M without work
//!   1. publishes the work               a. releases its P, idle + 1
//!   2. fence (SeqCst)                   b. spinning - 1, if it was spinning
//!   3. reads spinning and idle          c. fence (SeqCst)
//!   4. none spin, some P idles: wake    d. looks at all queues once more
//! ```
//!
//! Of the two fences one comes first. If 2 is first, d sees the work; if c is first, 3 sees an idle
//! P that nobody spins for, and the maker wakes an M. Without either, both may look away at once and
//! the work waits until somebody passes by. At most one M is woken at a time: it spins, and when it
//! finds work it wakes the next.
//!
//! Go takes d only after spinning and needs a flag beside it (`needspinning`) for an M that idles its
//! P unseen by a maker; here every M takes it, and a maker with all Ps busy pays one fence and no
//! lock.
#![forbid(unsafe_code)]

use crate::sys::atomic::{AtomicU64, Ordering, fence};

/// One value of the packed word.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts(u64);

const SPINNING: u64 = 1;
const IDLE: u64 = 1 << 32;

impl Counts {
    pub(crate) fn spinning(self) -> usize {
        (self.0 % IDLE) as usize
    }

    pub(crate) fn idle(self) -> usize {
        (self.0 / IDLE) as usize
    }
}

impl std::fmt::Debug for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} spinning, {} idle", self.spinning(), self.idle())
    }
}

pub(crate) struct Counters(AtomicU64);

impl Counters {
    pub(crate) const fn new() -> Counters {
        Counters(AtomicU64::new(0))
    }

    /// The counts, as a hint.
    pub(crate) fn read(&self) -> Counts {
        Counts(self.0.load(Ordering::Relaxed))
    }

    /// The counts, for a maker: steps 2 and 3.
    #[inline]
    pub(crate) fn read_after_publishing(&self) -> Counts {
        // SeqCst: pairs with the fence in `stop_spinning`.
        fence(Ordering::SeqCst);
        self.read()
    }

    /// Counts one more P as idle: steps a and c. The caller must look at all queues once more (d).
    pub(crate) fn add_idle(&self) {
        self.0.fetch_add(IDLE, Ordering::SeqCst);
        // SeqCst: pairs with the fence in `read_after_publishing`.
        fence(Ordering::SeqCst);
    }

    pub(crate) fn remove_idle(&self) {
        let before = Counts(self.0.fetch_sub(IDLE, Ordering::SeqCst));
        debug_assert!(before.idle() > 0, "{before:?}");
    }

    pub(crate) fn start_spinning(&self) {
        self.0.fetch_add(SPINNING, Ordering::SeqCst);
    }

    /// Step b, and c again: the caller must look at all queues once more (d).
    pub(crate) fn stop_spinning(&self) {
        let before = Counts(self.0.fetch_sub(SPINNING, Ordering::SeqCst));
        debug_assert!(before.spinning() > 0, "{before:?}");
        // SeqCst: pairs with the fence in `read_after_publishing`.
        fence(Ordering::SeqCst);
    }

    /// Counts one more spinning M if there is none: the right to wake one.
    #[must_use]
    pub(crate) fn start_only_spinner(&self) -> bool {
        let mut seen = self.0.load(Ordering::Relaxed);
        while Counts(seen).spinning() == 0 {
            let next = seen + SPINNING;
            match self
                .0
                .compare_exchange_weak(seen, next, Ordering::SeqCst, Ordering::Relaxed)
            {
                Ok(_) => return true,
                Err(now) => seen = now,
            }
        }
        false
    }
}
