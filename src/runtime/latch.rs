//! A wait that may be ended before it has begun.
//!
//! Usually a goroutine becomes findable with its last step, on the M's stack. One that has more to do
//! in between, because it must call wakers or ready a partner outside the lock under which it was
//! queued, waits on its latch: whoever ends the wait sets it, and parks and wakes only meet here.
//!
//! ```text
//!   the goroutine                      who ends the wait
//!   OPEN
//!   becomes findable
//!   does what it has to do             swap READY: it was OPEN, so there is nobody to ready
//!   parks; commit: OPEN to PARKED      swap READY: it was PARKED, so the goroutine is readied
//!   (fails if READY: it runs on)
//! ```
//!
//! 1. Each wait is ended once, and the goroutine does not leave it before: so a late `ready` of one
//!    wait never meets the next.
#![forbid(unsafe_code)]

use crate::sys::atomic::{AtomicU32, Ordering};

pub(crate) struct Latch(AtomicU32);

const OPEN: u32 = 0;
const PARKED: u32 = 1;
const READY: u32 = 2;

impl Latch {
    pub(crate) const fn new() -> Latch {
        Latch(AtomicU32::new(OPEN))
    }

    /// Begins a wait. Called by the waiter, between waits.
    pub(crate) fn open(&self) {
        // Relaxed: others learn of the wait through a lock, which releases this store.
        self.0.store(OPEN, Ordering::Relaxed);
    }

    /// Has the waiter parked; false if the wait is over already.
    #[must_use]
    pub(crate) fn park(&self) -> bool {
        // Release: who readies sees the goroutine as it parked. Acquire: it sees what was done for it.
        self.0
            .compare_exchange(OPEN, PARKED, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }

    /// Ends the wait; true if the waiter has parked and must be readied.
    #[must_use]
    pub(crate) fn ready(&self) -> bool {
        self.0.swap(READY, Ordering::AcqRel) == PARKED
    }
}
