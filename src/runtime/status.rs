//! What a goroutine is doing, as one atomic word. Go's `atomicstatus`.
//!
//! | state | who may touch the goroutine and its stack | on a queue |
//! |---|---|---|
//! | DEAD | whoever took it from a free list | free list |
//! | RUNNABLE | nobody; the next to take it from the queue | one run queue |
//! | RUNNING | the M that runs it, and its own code | no |
//! | WAITING | nobody, until `ready` | wait queues |
//!
//! The hard race is a park against the wake that ends it:
//!
//! ```text
//!   M running g                            waker
//!   1. g's context is saved
//!   2. status = WAITING
//!   3. commit: unlock the channel  ----->  4. locks it, finds g in the queue
//!                                          5. ready: WAITING -> RUNNABLE, queues g
//!   (touches g no more)                    6. another M resumes g
//! ```
//!
//! Step 2 is before step 3, so step 5 finds WAITING; it is a swap that fails loudly otherwise,
//! because a goroutine readied twice would run on two threads at once.
#![forbid(unsafe_code)]

use crate::sys::atomic::{AtomicU32, Ordering};

/// The states; see the table above.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub(crate) enum State {
    Dead,
    Runnable,
    Running,
    Waiting,
}

impl State {
    fn from_bits(bits: u32) -> State {
        match bits {
            0 => State::Dead,
            1 => State::Runnable,
            2 => State::Running,
            _ => State::Waiting,
        }
    }
}

pub(crate) struct Status(AtomicU32);

impl Status {
    pub(crate) const DEAD: u32 = State::Dead as u32;

    pub(crate) const fn new() -> Status {
        Status(AtomicU32::new(Status::DEAD))
    }

    pub(crate) fn get(&self) -> State {
        State::from_bits(self.0.load(Ordering::Relaxed))
    }

    /// Sets a state that only the present owner of the goroutine may set.
    ///
    /// Relaxed: what makes the goroutine visible to the next owner is the queue or the commit that
    /// follows, both of which release.
    #[inline]
    pub(crate) fn set(&self, state: State) {
        self.0.store(state as u32, Ordering::Relaxed);
    }

    /// WAITING to RUNNABLE: the one move made by somebody who does not own the goroutine.
    #[inline]
    #[must_use]
    pub(crate) fn make_ready(&self) -> bool {
        let (from, to) = (State::Waiting as u32, State::Runnable as u32);
        self.0
            .compare_exchange(from, to, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
    }
}
