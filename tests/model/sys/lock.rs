//! Double of `sys/lock.rs`: the same names over the checker's mutex.
//!
//! The real lock is a well-tested one from elsewhere; what matters here is that it may be released
//! by somebody else than the one who took it (the commit of a park).

use loom::sync::{Mutex, MutexGuard};
use std::cell::{OnceCell, UnsafeCell};
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};

pub(crate) struct RawLock {
    /// Made at the first use, so that `new` is const here too.
    mutex: OnceCell<Mutex<()>>,
    /// The guard while the lock is held. Not dropped with the lock: in a run that has failed the
    /// checker wants to be asked nothing more.
    held: UnsafeCell<Option<ManuallyDrop<MutexGuard<'static, ()>>>>,
}

impl RawLock {
    pub(crate) const fn new() -> RawLock {
        RawLock {
            mutex: OnceCell::new(),
            held: UnsafeCell::new(None),
        }
    }

    pub(crate) fn lock(&self) {
        let guard = self
            .mutex
            .get_or_init(|| Mutex::new(()))
            .lock()
            .expect("no model unwinds under a lock");
        // SAFETY: the guard is dropped in `unlock`, before the mutex; and we hold the mutex, so
        // nobody else is at the slot.
        unsafe {
            let guard = std::mem::transmute::<MutexGuard<'_, ()>, MutexGuard<'static, ()>>(guard);
            *self.held.get() = Some(ManuallyDrop::new(guard));
        }
    }

    /// Releases the lock.
    ///
    /// # Safety
    /// The lock is held, and on behalf of the caller.
    pub(crate) unsafe fn unlock(&self) {
        // SAFETY: our caller holds the mutex, so nobody else is at the slot.
        let guard = unsafe { (*self.held.get()).take() };
        let guard = guard.expect("a lock is released that nobody holds");
        drop(ManuallyDrop::into_inner(guard));
    }

    fn assert_held(&self) {
        // SAFETY: all threads of a model take turns on one thread of the system.
        let held = unsafe { (*self.held.get()).is_some() };
        assert!(held, "a lock is taken for held that nobody holds");
    }
}

pub(crate) struct Lock<T> {
    raw: RawLock,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached only through a guard, and there is one guard at a time.
unsafe impl<T: Send> Send for Lock<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Lock<T> {}

impl<T> Lock<T> {
    pub(crate) const fn new(value: T) -> Lock<T> {
        Lock {
            raw: RawLock::new(),
            value: UnsafeCell::new(value),
        }
    }

    pub(crate) fn lock(&self) -> Guard<'_, T> {
        self.raw.lock();
        Guard { lock: self }
    }

    pub(crate) fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    /// Reaches the value of a lock that is held without a guard.
    ///
    /// # Safety
    /// The caller holds the lock, and has no other reference to the value.
    #[allow(clippy::mut_from_ref, reason = "the lock makes it exclusive")]
    pub(crate) unsafe fn held(&self) -> &mut T {
        self.raw.assert_held();
        // SAFETY: our caller's promise.
        unsafe { &mut *self.value.get() }
    }

    /// Makes the guard of a lock that is held without one.
    ///
    /// # Safety
    /// The caller holds the lock.
    pub(crate) unsafe fn adopt(&self) -> Guard<'_, T> {
        self.raw.assert_held();
        Guard { lock: self }
    }

    pub(crate) fn leave_locked(guard: Guard<'_, T>) -> &RawLock {
        let raw = &guard.lock.raw;
        std::mem::forget(guard);
        raw
    }
}

pub(crate) struct Guard<'a, T> {
    lock: &'a Lock<T>,
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: a guard exists only while its lock is held.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T> DerefMut for Guard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: a guard exists only while its lock is held, and we hold it by `&mut`.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T> Drop for Guard<'_, T> {
    fn drop(&mut self) {
        // SAFETY: this guard is the proof that the lock is held.
        unsafe { self.lock.raw.unlock() }
    }
}
