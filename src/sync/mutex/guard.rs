//! The right to use what is in a mutex.

use super::{Mutex, RawMutex};
use crate::runtime::WaitReason;
use crate::sync::guard::{guard_faces, guard_maps, mapped_guard};
use std::marker::PhantomData;
use std::mem;
use std::panic::Location;
use std::ptr::NonNull;

/// Gives the use of the value in a [`Mutex`]; dropping it unlocks.
///
/// Dropping never blocks. Any thread may do it: the guard is `Send` if `T` is.
#[must_use = "it unlocks when dropped"]
pub struct MutexGuard<'a, T: ?Sized> {
    mutex: &'a Mutex<T>,
    borrows: PhantomData<&'a mut T>,
}

// SAFETY: sharing the guard shares the value, and gives out the mutex, by which the value can go to
// another thread.
unsafe impl<T: ?Sized + Send + Sync> Sync for MutexGuard<'_, T> {}

impl<'a, T: ?Sized> MutexGuard<'a, T> {
    /// # Safety
    /// The mutex is locked, on behalf of the caller.
    #[inline]
    pub(super) unsafe fn new(mutex: &'a Mutex<T>) -> MutexGuard<'a, T> {
        MutexGuard {
            mutex,
            borrows: PhantomData,
        }
    }

    #[inline]
    fn value(&self) -> *mut T {
        self.mutex.value.get()
    }

    fn into_raw(self) -> &'a RawMutex {
        &MutexGuard::forget(self).raw
    }

    fn forget(this: Self) -> &'a Mutex<T> {
        let mutex = this.mutex;
        mem::forget(this);
        mutex
    }

    /// Names the mutex.
    ///
    /// # Examples
    /// ```
    /// use sudog::sync::{Mutex, MutexGuard};
    ///
    /// let mutex = Mutex::new(1);
    /// assert!(MutexGuard::mutex(&mutex.lock()).is_locked());
    /// ```
    pub fn mutex(this: &Self) -> &'a Mutex<T> {
        this.mutex
    }

    /// Keeps the mutex locked for ever, and gives the value out.
    ///
    /// # Examples
    /// ```
    /// use sudog::sync::{Mutex, MutexGuard};
    ///
    /// static MUTEX: Mutex<u32> = Mutex::new(1);
    /// let value: &'static mut u32 = MutexGuard::leak(MUTEX.lock());
    /// *value += 1;
    /// assert!(MUTEX.is_locked());
    /// ```
    pub fn leak(this: Self) -> &'a mut T {
        // SAFETY: nobody will lock it again.
        unsafe { &mut *MutexGuard::forget(this).value.get() }
    }

    /// Runs `f` while the mutex is unlocked, then locks it again, also when `f` panics.
    ///
    /// Blocks the goroutine, or the thread on a plain thread, while somebody else holds it.
    ///
    /// # Examples
    /// ```
    /// use sudog::sync::{Mutex, MutexGuard};
    ///
    /// let mutex = Mutex::new(1);
    /// let mut guard = mutex.lock();
    /// MutexGuard::unlocked(&mut guard, || *mutex.lock() += 1);
    /// assert_eq!(*guard, 2);
    /// ```
    #[track_caller]
    pub fn unlocked<U>(this: &mut Self, f: impl FnOnce() -> U) -> U {
        struct Relock<'a>(&'a RawMutex, &'static Location<'static>);
        impl Drop for Relock<'_> {
            fn drop(&mut self) {
                self.0.lock(WaitReason::MutexLock, self.1);
            }
        }
        let raw = &this.mutex.raw;
        // SAFETY: the guard is the proof that it is locked, and is not used before it is so again.
        unsafe { raw.unlock() };
        let _relock = Relock(raw, Location::caller());
        f()
    }

    /// Unlocks, handing the mutex to the one who has waited longest, if anybody waits. Never blocks.
    ///
    /// # Examples
    /// ```
    /// use sudog::sync::{Mutex, MutexGuard};
    ///
    /// let mutex = Mutex::new(1);
    /// MutexGuard::unlock_fair(mutex.lock());
    /// assert!(!mutex.is_locked());
    /// ```
    pub fn unlock_fair(this: Self) {
        this.into_raw().hand_over();
    }

    /// Lets those who wait go first, then locks again; does nothing if nobody waits.
    ///
    /// Blocks as [`Mutex::lock`] does.
    ///
    /// # Examples
    /// ```
    /// use sudog::sync::{Mutex, MutexGuard};
    ///
    /// let mutex = Mutex::new(1);
    /// let mut guard = mutex.lock();
    /// MutexGuard::bump(&mut guard);
    /// assert_eq!(*guard, 1);
    /// ```
    #[track_caller]
    pub fn bump(this: &mut Self) {
        let raw = &this.mutex.raw;
        if raw.has_waiters() {
            raw.hand_over();
            raw.lock(WaitReason::MutexLock, Location::caller());
        }
    }
}

impl<T: ?Sized> Drop for MutexGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the guard is the proof that the mutex is locked for us.
        unsafe { self.mutex.raw.unlock() }
    }
}

guard_faces!(MutexGuard, mut);
guard_maps!(
    MutexGuard,
    MappedMutexGuard,
    (&mut),
    "use sudog::sync::{Mutex, MutexGuard};

let pair = Mutex::new((1, 2));
*MutexGuard::map(pair.lock(), |pair| &mut pair.1) += 1;
assert_eq!(*pair.lock(), (1, 3));"
);

mapped_guard!(
    /// Gives the use of a part of the value in a [`Mutex`]; of [`MutexGuard::map`].
    MappedMutexGuard of RawMutex, unlocked by unlock, (&'a mut), (Send)
);
guard_faces!(MappedMutexGuard, mut);
guard_maps!(
    MappedMutexGuard,
    MappedMutexGuard,
    (&mut),
    "use sudog::sync::{MappedMutexGuard, Mutex, MutexGuard};

let nested = Mutex::new(((1, 2), 3));
let first = MutexGuard::map(nested.lock(), |all| &mut all.0);
assert_eq!(*MappedMutexGuard::map(first, |pair| &mut pair.1), 2);"
);
