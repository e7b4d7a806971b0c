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
//!
//! **HOLD.** A listing or a trim may hold a WAITING goroutine for a moment, to read its stack or to give
//! pages of it back: a bit beside the state, set by a swap from exactly WAITING, so by one at a time.
//! Nobody waits for it to go. Whoever is to make the goroutine run finds the bit, makes the state
//! RUNNABLE beneath it and goes away; the holder finds that when it lets go, and queues the goroutine:
//!
//! ```text
//!   holder                                 waker, or the M whose commit refused
//!   a. WAITING -> WAITING+HOLD (Acquire)
//!   b. reads, trims                        c. WAITING+HOLD -> RUNNABLE+HOLD (Release): not my duty
//!   d. WAITING+HOLD -> WAITING (Release)
//!      fails: RUNNABLE+HOLD (Acquire),
//!      -> RUNNABLE, and queues it
//! ```
//!
//! a pairs with step 2 above, which releases: the holder sees where the stack ends. d pairs with step 5,
//! which acquires: what the holder did is done before the goroutine runs. c pairs with d: what the waker
//! left for the goroutine goes with it. The price for a wake without a holder is nothing: its swap fails
//! where it would have failed before, and only there it looks why.
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
        match bits & !HOLD {
            0 => State::Dead,
            1 => State::Runnable,
            2 => State::Running,
            _ => State::Waiting,
        }
    }
}

/// Beside the state: somebody holds the goroutine; see above.
const HOLD: u32 = 4;
const WAITING: u32 = State::Waiting as u32;
const RUNNABLE: u32 = State::Runnable as u32;

/// Whose duty it is to queue a goroutine that became runnable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub(crate) enum Readied {
    /// The caller's.
    Caller,
    /// That of who holds it.
    Holder,
    /// It was not waiting: nothing has changed.
    Nobody,
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

    /// Sets a state that only the present owner of the goroutine may set, and who does not leave WAITING.
    ///
    /// Release, for who holds a goroutine that waits. To the next owner what makes the goroutine visible
    /// is the queue or the commit that follows, both of which release as well.
    #[inline]
    pub(crate) fn set(&self, state: State) {
        self.0.store(state as u32, Ordering::Release);
    }

    /// WAITING to RUNNABLE: the one move made by somebody who does not own the goroutine.
    #[inline]
    pub(crate) fn make_ready(&self) -> Readied {
        // Acquire: pairs with the Release in `release`.
        let moved =
            self.0
                .compare_exchange(WAITING, RUNNABLE, Ordering::Acquire, Ordering::Relaxed);
        match moved {
            Ok(_) => Readied::Caller,
            Err(_) => self.leave_waiting(RUNNABLE),
        }
    }

    /// WAITING to RUNNING, by the M whose commit refused: the goroutine runs on, unless it is held; then
    /// it becomes runnable.
    #[inline]
    pub(crate) fn take_back(&self) -> Readied {
        self.leave_waiting(State::Running as u32)
    }

    /// Makes the state `to`, or leaves a goroutine that is held to its holder.
    #[cold]
    fn leave_waiting(&self, to: u32) -> Readied {
        let mut seen = self.0.load(Ordering::Relaxed);
        loop {
            let (next, duty) = match seen {
                WAITING => (to, Readied::Caller),
                seen if seen == WAITING | HOLD => (RUNNABLE | HOLD, Readied::Holder),
                _ => return Readied::Nobody,
            };
            // AcqRel: steps 5 and c above.
            match self
                .0
                .compare_exchange_weak(seen, next, Ordering::AcqRel, Ordering::Relaxed)
            {
                Ok(_) => return duty,
                Err(now) => seen = now,
            }
        }
    }

    /// Holds a goroutine that waits: its stack and its record stay as they are until `release`. False if
    /// it does not wait, or somebody else holds it.
    #[must_use]
    pub(crate) fn hold(&self) -> bool {
        // Acquire: pairs with the Release in `set`.
        self.0
            .compare_exchange(
                WAITING,
                WAITING | HOLD,
                Ordering::Acquire,
                Ordering::Relaxed,
            )
            .is_ok()
    }

    /// Lets go of a held goroutine. `Caller` if its wait has ended meanwhile, `Nobody` if it waits on.
    pub(crate) fn release(&self) -> Readied {
        let held = WAITING | HOLD;
        // Release: pairs with the Acquire in `make_ready`. Acquire where it fails: pairs with the Release
        // in `leave_waiting`.
        match self
            .0
            .compare_exchange(held, WAITING, Ordering::Release, Ordering::Acquire)
        {
            Ok(_) => Readied::Nobody,
            Err(_) => {
                self.set(State::Runnable);
                Readied::Caller
            }
        }
    }
}
