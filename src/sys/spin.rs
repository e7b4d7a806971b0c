//! The lock of a channel: a byte that is stored to release it.
//!
//! Every operation takes it, for some ten nanoseconds. The release of a lock with a queue of sleepers
//! is an atomic exchange, lest one of them be forgotten, and costs a tenth of a send into a buffer. So
//! here nobody sleeps until woken: who finds the lock held stays away for a while, each time longer;
//! where that does not help the holder has lost its processor, and we give ours away; at last we sleep
//! a little and look again.
//!
//! 1. As for [`Lock`](super::lock::Lock): it is held for a short time, nothing of the user's is called
//!    under it, and it may be released by another thread than the one that took it.
//! 2. After the store that releases it the lock is not touched: it may be gone.

use crate::sys::atomic::{AtomicBool, Ordering};
use std::cell::UnsafeCell;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

/// A value under a lock, and something beside it that is not: what may be seen without the lock
/// stands in the lock's own word.
#[repr(C)]
pub(crate) struct SpinLock<T, B> {
    is_held: AtomicBool,
    pub(crate) beside: B,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached only through a guard, and there is one guard at a time.
unsafe impl<T: Send, B: Send> Send for SpinLock<T, B> {}
// SAFETY: as above: sharing the lock hands the value from thread to thread, which needs Send.
unsafe impl<T: Send, B: Sync> Sync for SpinLock<T, B> {}

impl<T, B> SpinLock<T, B> {
    pub(crate) const fn new(value: T, beside: B) -> SpinLock<T, B> {
        SpinLock {
            is_held: AtomicBool::new(false),
            beside,
            value: UnsafeCell::new(value),
        }
    }

    #[inline]
    pub(crate) fn lock(&self) -> Guard<'_, T, B> {
        if !try_take(&self.is_held) {
            take_contended(&self.is_held);
        }
        Guard { lock: self }
    }

    /// Reaches the value of a lock that is held without a guard.
    ///
    /// # Safety
    /// The caller holds the lock, and has no other reference to the value.
    #[allow(clippy::mut_from_ref, reason = "the lock makes it exclusive")]
    pub(crate) unsafe fn held(&self) -> &mut T {
        // SAFETY: our caller's promise.
        unsafe { &mut *self.value.get() }
    }

    /// Makes the guard of a lock that is held without one.
    ///
    /// # Safety
    /// The caller holds the lock.
    pub(crate) unsafe fn adopt(&self) -> Guard<'_, T, B> {
        Guard { lock: self }
    }

    /// Keeps the lock held past the guard's life, for a park: the commit adopts it.
    pub(crate) fn leave_locked(guard: Guard<'_, T, B>) {
        std::mem::forget(guard);
    }
}

/// The right to use the value; released when dropped.
pub(crate) struct Guard<'a, T, B> {
    lock: &'a SpinLock<T, B>,
}

impl<T, B> Deref for Guard<'_, T, B> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: a guard exists only while its lock is held.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T, B> DerefMut for Guard<'_, T, B> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: a guard exists only while its lock is held, and we hold it by `&mut`.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T, B> Drop for Guard<'_, T, B> {
    #[inline]
    fn drop(&mut self) {
        self.lock.is_held.store(false, Ordering::Release);
    }
}

#[inline]
fn try_take(is_held: &AtomicBool) -> bool {
    is_held
        .compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed)
        .is_ok()
}

/// How long a thread stays away at first, in pauses, and how often it comes back before it gives its
/// processor away; each time it stays away twice as long.
const FIRST_PAUSES: u32 = 32;
const VISITS: u32 = 5;
/// How often it gives its processor away before it sleeps.
const YIELDS: u32 = 16;
const FIRST_SLEEP: Duration = Duration::from_micros(50);
const LONGEST_SLEEP: Duration = Duration::from_millis(1);

/// Stays away for a while rather than at the door: meanwhile the holder's processor, which has the
/// lock and all beneath it in its cache, does many operations in a row. Two processors that pass a
/// channel's lock to and fro spend more time on its cache lines than on the work.
#[cold]
#[inline(never)]
fn take_contended(is_held: &AtomicBool) {
    for visit in 0..VISITS {
        for _ in 0..FIRST_PAUSES << visit {
            std::hint::spin_loop();
        }
        if try_take(is_held) {
            return;
        }
    }
    for _ in 0..YIELDS {
        std::thread::yield_now();
        if try_take(is_held) {
            return;
        }
    }
    let mut sleep = FIRST_SLEEP;
    while !insist(is_held) {
        std::thread::sleep(sleep);
        sleep = LONGEST_SLEEP.min(sleep * 2);
    }
}

/// Stands at the door for a while, lest those who never leave it keep us out.
fn insist(is_held: &AtomicBool) -> bool {
    (0..FIRST_PAUSES << VISITS).any(|_| {
        std::hint::spin_loop();
        !is_held.load(Ordering::Relaxed) && try_take(is_held)
    })
}
