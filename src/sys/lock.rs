//! The lock of the runtime: parking_lot's byte, taken so that no thread-local outlives a park.
//!
//! parking_lot's slow paths keep per-thread data. Inlined into a generic `send` they would leave a
//! thread-local address in a register over the park in the same function, and the goroutine may
//! wake on another thread. So the fast path, one compare-and-swap, is inlined, and everything else
//! sits behind functions that are neither generic nor inlined and cannot park a goroutine.
//!
//! 1. A lock is held for a bounded, short time; nothing under it calls user code.
//! 2. [`RawLock`] may be released by another thread than the one that took it: the commit of a park
//!    unlocks on the M's own stack.

use parking_lot::lock_api::RawMutex as _;
use std::cell::UnsafeCell;
use std::ops::{Deref, DerefMut};
use std::panic::{RefUnwindSafe, UnwindSafe};

/// A lock without a value, for those who release it elsewhere than they took it.
pub(crate) struct RawLock(parking_lot::RawMutex);

impl RawLock {
    pub(crate) const fn new() -> RawLock {
        RawLock(parking_lot::RawMutex::INIT)
    }

    #[inline]
    pub(crate) fn lock(&self) {
        if !self.0.try_lock() {
            lock_contended(&self.0);
        }
    }

    /// Releases the lock.
    ///
    /// # Safety
    /// The lock is held, and on behalf of the caller.
    #[inline]
    pub(crate) unsafe fn unlock(&self) {
        // SAFETY: our caller holds the lock.
        unsafe { unlock(&self.0) }
    }
}

/// How long a thread that found the lock held stays away, in pauses, and how often it comes back
/// before it sleeps; each time it stays away twice as long.
const FIRST_PAUSES: u32 = 32;
const VISITS: u32 = 5;

/// Stays away for a while rather than at the door: meanwhile the holder's processor, which has the
/// lock and all beneath it in its cache, does many operations in a row. Two processors that pass a
/// channel's lock to and fro spend more time on its cache lines than on the work.
#[cold]
#[inline(never)]
fn lock_contended(raw: &parking_lot::RawMutex) {
    for visit in 0..VISITS {
        for _ in 0..FIRST_PAUSES << visit {
            std::hint::spin_loop();
        }
        if raw.try_lock() {
            return;
        }
    }
    raw.lock();
}

#[inline(never)]
unsafe fn unlock(raw: &parking_lot::RawMutex) {
    // SAFETY: our caller holds the lock.
    unsafe { raw.unlock() }
}

/// A value under a [`RawLock`].
pub(crate) struct Lock<T> {
    raw: RawLock,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached only through a guard, and there is one guard at a time.
unsafe impl<T: Send> Send for Lock<T> {}
// SAFETY: as above: sharing the lock hands the value from thread to thread, which needs Send.
unsafe impl<T: Send> Sync for Lock<T> {}

// Nothing unwinds under a lock of the runtime (invariant 1), so nobody finds a value half changed.
impl<T> RefUnwindSafe for Lock<T> {}
impl<T> UnwindSafe for Lock<T> {}

impl<T> Lock<T> {
    pub(crate) const fn new(value: T) -> Lock<T> {
        Lock {
            raw: RawLock::new(),
            value: UnsafeCell::new(value),
        }
    }

    #[inline]
    pub(crate) fn lock(&self) -> Guard<'_, T> {
        self.raw.lock();
        Guard { lock: self }
    }

    /// The value, for one who has the lock alone.
    pub(crate) fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    /// Keeps the lock held past the guard's life and gives what a later `unlock` needs.
    ///
    /// For a park: the goroutine takes the lock, its commit releases it.
    pub(crate) fn leave_locked(guard: Guard<'_, T>) -> &RawLock {
        let raw = &guard.lock.raw;
        std::mem::forget(guard);
        raw
    }
}

/// The right to use the value; released when dropped.
pub(crate) struct Guard<'a, T> {
    lock: &'a Lock<T>,
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: a guard exists only while its lock is held.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T> DerefMut for Guard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: a guard exists only while its lock is held, and we hold it by `&mut`.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T> Drop for Guard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: this guard is the proof that the lock is held.
        unsafe { self.lock.raw.unlock() }
    }
}
