//! The mutex without its value: who holds it, who waits, and who gets it next. Go's `sync.Mutex`.
//!
//! ```text
//!   bit 0  LOCKED    somebody holds it
//!   bit 1  WAITERS   the queue is not empty
//!   bit 2  WOKEN     one who was woken, or spins, is about to try: an unlock need wake nobody
//!   bit 3  STARVING  the first in the queue gets it at the unlock; nobody else may take it
//! ```
//!
//! **Normal mode.** An unlock releases the mutex and wakes the first waiter, which then competes with
//! whoever comes along. Newcomers have the better chances, since they are running: a goroutine that
//! locks and unlocks in a loop does so hundreds of times before the other runs, and that is what makes
//! a contended mutex fast. A waiter that loses goes back to its old place.
//!
//! **Starvation mode.** A waiter that loses after having waited 1 ms sets STARVING, and from then on
//! unlocks hand the mutex over: it stays LOCKED, and whoever was first in the queue holds it. Who gets
//! it so after less than 1 ms, or as the last one, ends the mode. So nobody waits much longer than that
//! and one critical section of each who came before.
//!
//! 1. WAITERS changes under the queue's lock only, and is set exactly while the queue is not empty.
//! 2. STARVING is set only together with LOCKED, by one who joins the queue; it goes with the last
//!    waiter. So a mutex is never free and closed to those who come.
//! 3. WOKEN is set by who wakes a waiter (or by a spinner) and cleared by the one it was set for, as it
//!    takes the mutex, joins the queue again or gives up. Who gives up finds the mutex locked, or wakes
//!    the next itself: no wake is lost.
//! 4. Acquire on taking pairs with Release on unlocking; a hand-over passes through the queue's lock.

use crate::runtime::{self, Outcome, Token, WaitQ, WaitReason};
use crate::sync::sema::{self, Wait, Waited};
use crate::sys::atomic::{AtomicU32, Ordering};
use crate::sys::lock::{Guard, Lock};
use crate::sys::{self, os};
use std::panic::Location;
use std::time::Instant;

pub(in crate::sync) struct RawMutex {
    word: AtomicU32,
    pub(super) queue: Lock<WaitQ>,
}

const LOCKED: u32 = 1;
const WAITERS: u32 = 2;
const WOKEN: u32 = 4;
const STARVING: u32 = 8;

const STARVES_AFTER_NS: u64 = 1_000_000;

/// What one who has to wait remembers from try to try.
pub(super) struct Attempt {
    since_ns: u64,
    /// WOKEN was set for it.
    pub(super) is_woken: bool,
    is_starving: bool,
}

impl Attempt {
    pub(super) fn new() -> Attempt {
        Attempt {
            since_ns: os::nanotime(),
            is_woken: false,
            is_starving: false,
        }
    }

    /// It was woken, to try again.
    pub(super) fn woken(&mut self) {
        self.is_woken = true;
        self.is_starving = self.has_waited_long();
    }

    fn has_waited_long(&self) -> bool {
        self.is_starving || os::nanotime() - self.since_ns > STARVES_AFTER_NS
    }
}

impl RawMutex {
    pub(in crate::sync) const fn new() -> RawMutex {
        RawMutex {
            word: AtomicU32::new(0),
            queue: Lock::new(WaitQ::new()),
        }
    }

    #[inline]
    fn take_unlocked(&self) -> bool {
        self.word
            .compare_exchange_weak(0, LOCKED, Ordering::Acquire, Ordering::Relaxed)
            .is_ok()
    }

    /// Locks, waiting as `reason` says in listings.
    #[inline]
    pub(in crate::sync) fn lock(&self, reason: WaitReason, at: &'static Location<'static>) {
        if !self.take_unlocked() {
            self.lock_slow(reason, at);
        }
    }

    #[cold]
    #[inline(never)]
    fn lock_slow(&self, reason: WaitReason, at: &'static Location<'static>) {
        if !self.try_lock() {
            self.lock_queued(Wait::new(reason, at, None));
        }
    }

    /// Locks unless `limit` comes first; true if it has.
    pub(in crate::sync) fn lock_until(
        &self,
        limit: Option<Instant>,
        reason: WaitReason,
        at: &'static Location<'static>,
    ) -> bool {
        self.try_lock() || self.lock_queued(Wait::new(reason, at, limit))
    }

    /// Locks if nobody holds it, or is about to be handed it.
    #[inline]
    pub(in crate::sync) fn try_lock(&self) -> bool {
        let mut word = self.word.load(Ordering::Relaxed);
        while word & (LOCKED | STARVING) == 0 {
            let orders = (Ordering::Acquire, Ordering::Relaxed);
            match self
                .word
                .compare_exchange_weak(word, word | LOCKED, orders.0, orders.1)
            {
                Ok(_) => return true,
                Err(now) => word = now,
            }
        }
        false
    }

    pub(in crate::sync) fn is_locked(&self) -> bool {
        self.word.load(Ordering::Relaxed) & LOCKED != 0
    }

    /// Whether nobody holds it, waits or was woken.
    #[cfg(test)]
    #[allow(dead_code, reason = "for the models, which include this file")]
    pub(super) fn is_idle(&self) -> bool {
        self.word.load(Ordering::Relaxed) == 0
    }

    pub(super) fn has_waiters(&self) -> bool {
        self.word.load(Ordering::Relaxed) & WAITERS != 0
    }

    fn lock_queued(&self, mut wait: Wait) -> bool {
        let mut attempt = Attempt::new();
        loop {
            let join = |_: &mut WaitQ| !self.take_or_join(&attempt);
            let leave = |_: Token, queue: Guard<'_, WaitQ>, _| self.left(&queue);
            match wait.wait(&self.queue, |queue| queue, join, leave) {
                Waited::Not => return true,
                Waited::Late => return false,
                Waited::Ended(Outcome::Done) => {
                    self.handed(&attempt);
                    return true;
                }
                Waited::Ended(_) => {
                    attempt.woken();
                    wait.comes_back = true;
                }
            }
        }
    }

    /// Takes the mutex, or marks it for one who joins the queue; true if taken. Under the lock.
    pub(super) fn take_or_join(&self, attempt: &Attempt) -> bool {
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            let is_free = word & (LOCKED | STARVING) == 0;
            let mut next = match (is_free, attempt.is_starving) {
                (true, _) => word | LOCKED,
                (false, true) => word | WAITERS | STARVING,
                (false, false) => word | WAITERS,
            };
            if attempt.is_woken {
                next &= !WOKEN;
            }
            let orders = (Ordering::Acquire, Ordering::Relaxed);
            match self
                .word
                .compare_exchange_weak(word, next, orders.0, orders.1)
            {
                Ok(_) => return is_free,
                Err(now) => word = now,
            }
        }
    }

    /// One has left the queue without having been taken out. Under the lock.
    pub(super) fn left(&self, queue: &WaitQ) {
        if queue.is_empty() {
            self.change(|word| word & !(WAITERS | STARVING));
        }
    }

    /// One was handed the mutex.
    pub(super) fn handed(&self, attempt: &Attempt) {
        if !attempt.has_waited_long() {
            self.change(|word| word & !STARVING);
        }
    }

    fn change(&self, change: impl Fn(u32) -> u32) {
        // Relaxed: no bit here says who holds the mutex.
        let changed = self
            .word
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |word| {
                Some(change(word))
            });
        debug_assert!(changed.is_ok());
    }

    /// Unlocks, and hands over or wakes one who waits. Never switches.
    ///
    /// # Safety
    /// The mutex is locked, on behalf of the caller.
    #[inline]
    pub(in crate::sync) unsafe fn unlock(&self) {
        let orders = (Ordering::Release, Ordering::Relaxed);
        if self
            .word
            .compare_exchange(LOCKED, 0, orders.0, orders.1)
            .is_err()
        {
            self.unlock_slow();
        }
    }

    #[cold]
    #[inline(never)]
    fn unlock_slow(&self) {
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            if word & LOCKED == 0 {
                sys::fatal!("sync: unlock of unlocked mutex");
            }
            if word & STARVING != 0 {
                return self.hand_over();
            }
            let orders = (Ordering::Release, Ordering::Relaxed);
            match self
                .word
                .compare_exchange_weak(word, word & !LOCKED, orders.0, orders.1)
            {
                Ok(_) => break,
                Err(now) => word = now,
            }
        }
        if word & WAITERS != 0 && word & WOKEN == 0 {
            self.wake_one();
        }
    }

    /// Wakes the first waiter of a mutex that was free a moment ago.
    fn wake_one(&self) {
        let token = runtime::enter();
        let mut queue = self.queue.lock();
        // Who holds it by now will wake at the unlock, and who is woken already will try.
        let may_wake = |word: u32| word & (LOCKED | WOKEN | WAITERS) == WAITERS;
        let marked = self
            .word
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |word| {
                may_wake(word).then_some(word | WOKEN)
            });
        if marked.is_err() {
            return;
        }
        // SAFETY: under the lock.
        let waiter = unsafe { sema::pop(&mut queue, Outcome::Woken) };
        let cleared = waiter.map_or(WOKEN, |_| 0) | if queue.is_empty() { WAITERS } else { 0 };
        self.change(|word| word & !cleared);
        drop(queue);
        sema::ready(token, waiter);
    }

    /// Hands the mutex to the first waiter; unlocks it if there is none. The caller holds it.
    pub(in crate::sync) fn hand_over(&self) {
        let token = runtime::enter();
        let mut queue = self.queue.lock();
        // SAFETY: under the lock.
        let waiter = unsafe { sema::pop(&mut queue, Outcome::Done) };
        let cleared = waiter.map_or(LOCKED, |_| 0)
            | if queue.is_empty() {
                WAITERS | STARVING
            } else {
                0
            };
        let before = self
            .word
            // Release: it may be an unlock.
            .fetch_update(Ordering::Release, Ordering::Relaxed, |word| {
                Some(word & !cleared)
            });
        debug_assert!(before.is_ok_and(|word| word & LOCKED != 0));
        drop(queue);
        sema::ready(token, waiter);
    }

    /// One who was woken will not try after all.
    pub(super) fn pass_on(&self) {
        let before = self
            .word
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |word| {
                Some(word & !WOKEN)
            });
        if before.is_ok_and(|word| word & (LOCKED | WAITERS) == WAITERS) {
            self.wake_one();
        }
    }
}
