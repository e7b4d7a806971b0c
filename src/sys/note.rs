//! A note: one sleep, one wake, for a thread. Go's `note`.
//!
//! The word is EMPTY, ASLEEP or SET. The sleeper takes SET back to EMPTY when it leaves, so a note
//! serves again. A wake that comes first is kept; one that comes while nobody sleeps costs no
//! system call.
//!
//! 1. One thread sleeps on a note at a time. Any thread may wake it.
//! 2. What the waker wrote before `wake` is visible to the sleeper afterwards (Release, Acquire).
//!
//! Not `std::thread::park`: its token belongs to the user's own code on that thread.
#![forbid(unsafe_code)]

use super::atomic::{AtomicU32, Ordering};
use super::os;
use std::time::Duration;

const EMPTY: u32 = 0;
const ASLEEP: u32 = 1;
const SET: u32 = 2;

pub(crate) struct Note {
    word: AtomicU32,
}

impl Note {
    pub(crate) const fn new() -> Note {
        Note {
            word: AtomicU32::new(EMPTY),
        }
    }

    /// Wakes the sleeper, or lets its next sleep return at once.
    pub(crate) fn wake(&self) {
        // Release: pairs with the Acquire in `take` (invariant 2).
        if self.word.swap(SET, Ordering::Release) == ASLEEP {
            os::futex_wake(&self.word, 1);
        }
    }

    /// Blocks the thread until woken.
    pub(crate) fn sleep(&self) {
        while !self.sleep_for(None) {}
    }

    /// Blocks the thread until woken or until `limit` is over; true if woken.
    pub(crate) fn sleep_until(&self, limit: Option<std::time::Instant>) -> bool {
        let Some(limit) = limit else {
            self.sleep();
            return true;
        };
        loop {
            let left = limit.saturating_duration_since(std::time::Instant::now());
            if left.is_zero() {
                return self.take();
            }
            if self.sleep_for(Some(left)) {
                return true;
            }
        }
    }

    /// Sleeps once, at most `limit` long, maybe less; true if it took a wake.
    pub(crate) fn sleep_for(&self, limit: Option<Duration>) -> bool {
        let asleep =
            self.word
                .compare_exchange(EMPTY, ASLEEP, Ordering::Relaxed, Ordering::Relaxed);
        if asleep.is_ok() {
            os::futex_wait(&self.word, ASLEEP, limit);
        }
        self.take()
    }

    /// Takes a wake if there is one, and leaves the note EMPTY in any case.
    fn take(&self) -> bool {
        // Acquire: pairs with the Release in `wake` (invariant 2).
        self.word.swap(EMPTY, Ordering::Acquire) == SET
    }
}
