//! Double of `sys/spin.rs`: the same names over the double of the other lock.

use super::lock::{self, Lock};
use std::ops::{Deref, DerefMut};

pub(crate) struct SpinLock<T, B> {
    lock: Lock<T>,
    pub(crate) beside: B,
}

impl<T, B> SpinLock<T, B> {
    pub(crate) fn new(value: T, beside: B) -> SpinLock<T, B> {
        SpinLock {
            lock: Lock::new(value),
            beside,
        }
    }

    pub(crate) fn lock(&self) -> Guard<'_, T, B> {
        Guard {
            guard: self.lock.lock(),
            beside: &self.beside,
        }
    }

    /// Reaches the value of a lock that is held without a guard.
    ///
    /// # Safety
    /// The caller holds the lock, and has no other reference to the value.
    #[allow(clippy::mut_from_ref, reason = "the lock makes it exclusive")]
    pub(crate) unsafe fn held(&self) -> &mut T {
        // SAFETY: our caller's promise.
        unsafe { self.lock.held() }
    }

    /// Makes the guard of a lock that is held without one.
    ///
    /// # Safety
    /// The caller holds the lock.
    pub(crate) unsafe fn adopt(&self) -> Guard<'_, T, B> {
        Guard {
            // SAFETY: our caller's promise.
            guard: unsafe { self.lock.adopt() },
            beside: &self.beside,
        }
    }

    pub(crate) fn leave_locked(guard: Guard<'_, T, B>) {
        Lock::leave_locked(guard.guard);
    }
}

pub(crate) struct Guard<'a, T, B> {
    guard: lock::Guard<'a, T>,
    #[allow(dead_code, reason = "it says of which lock it is")]
    beside: &'a B,
}

impl<T, B> Deref for Guard<'_, T, B> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.guard
    }
}

impl<T, B> DerefMut for Guard<'_, T, B> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.guard
    }
}
