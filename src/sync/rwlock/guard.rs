//! The right to read, or to write, what is in a lock.

use super::RwLock;
use super::raw::RawRwLock;
use crate::sync::guard::{guard_faces, guard_maps, mapped_guard};
use std::marker::PhantomData;
use std::mem;
use std::ptr::NonNull;

/// Gives shared use of the value in a [`RwLock`]; dropping it leaves.
///
/// Dropping never blocks. Any thread may do it: the guard is `Send` if `T` is `Send` and `Sync`, for others
/// may have such guards at the same time.
#[must_use = "it unlocks when dropped"]
pub struct RwLockReadGuard<'a, T: ?Sized> {
    lock: &'a RwLock<T>,
    borrows: PhantomData<&'a T>,
}

/// Gives the use of the value in a [`RwLock`], alone; dropping it unlocks.
///
/// Dropping never blocks. Any thread may do it: the guard is `Send` if `T` is `Send` and `Sync`, since it can
/// be [downgraded](RwLockWriteGuard::downgrade).
#[must_use = "it unlocks when dropped"]
pub struct RwLockWriteGuard<'a, T: ?Sized> {
    lock: &'a RwLock<T>,
    borrows: PhantomData<&'a mut T>,
}

// SAFETY: sharing the guard shares the value, and gives out the lock, by which the value can go to
// another thread.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLockReadGuard<'_, T> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLockWriteGuard<'_, T> {}

impl<'a, T: ?Sized> RwLockReadGuard<'a, T> {
    /// # Safety
    /// The lock is held by a reader, on behalf of the caller.
    #[inline]
    pub(super) unsafe fn new(lock: &'a RwLock<T>) -> RwLockReadGuard<'a, T> {
        RwLockReadGuard {
            lock,
            borrows: PhantomData,
        }
    }

    #[inline]
    fn value(&self) -> *mut T {
        self.lock.value.get()
    }

    fn into_raw(self) -> &'a RawRwLock {
        let lock = self.lock;
        mem::forget(self);
        &lock.raw
    }

    /// Names the lock.
    ///
    /// # Examples
    /// ```
    /// use sudog::sync::{RwLock, RwLockReadGuard};
    ///
    /// let lock = RwLock::new(1);
    /// assert!(RwLockReadGuard::rwlock(&lock.read()).is_locked());
    /// ```
    pub fn rwlock(this: &Self) -> &'a RwLock<T> {
        this.lock
    }
}

impl<'a, T: ?Sized> RwLockWriteGuard<'a, T> {
    /// # Safety
    /// The lock is held by a writer, on behalf of the caller.
    #[inline]
    pub(super) unsafe fn new(lock: &'a RwLock<T>) -> RwLockWriteGuard<'a, T> {
        RwLockWriteGuard {
            lock,
            borrows: PhantomData,
        }
    }

    #[inline]
    fn value(&self) -> *mut T {
        self.lock.value.get()
    }

    fn into_raw(self) -> &'a RawRwLock {
        &RwLockWriteGuard::forget(self).raw
    }

    fn forget(this: Self) -> &'a RwLock<T> {
        let lock = this.lock;
        mem::forget(this);
        lock
    }

    /// Names the lock.
    ///
    /// # Examples
    /// ```
    /// use sudog::sync::{RwLock, RwLockWriteGuard};
    ///
    /// let lock = RwLock::new(1);
    /// assert!(RwLockWriteGuard::rwlock(&lock.write()).is_locked_exclusive());
    /// ```
    pub fn rwlock(this: &Self) -> &'a RwLock<T> {
        this.lock
    }

    /// Goes on as a reader; no writer can come between. Never blocks.
    ///
    /// # Examples
    /// ```
    /// use sudog::sync::{RwLock, RwLockWriteGuard};
    ///
    /// let lock = RwLock::new(1);
    /// let mut write = lock.write();
    /// *write = 2;
    /// let read = RwLockWriteGuard::downgrade(write);
    /// assert_eq!((*read, *lock.read()), (2, 2));
    /// ```
    pub fn downgrade(this: Self) -> RwLockReadGuard<'a, T> {
        let lock = RwLockWriteGuard::forget(this);
        // SAFETY: the guard was the proof that it is held for us.
        unsafe { lock.raw.downgrade() };
        // SAFETY: it is held by a reader now, on our behalf.
        unsafe { RwLockReadGuard::new(lock) }
    }
}

impl<T: ?Sized> Drop for RwLockReadGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the guard is the proof that it is held for us.
        unsafe { self.lock.raw.read_unlock() };
    }
}

impl<T: ?Sized> Drop for RwLockWriteGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the guard is the proof that it is held for us.
        unsafe { self.lock.raw.write_unlock() };
    }
}

guard_faces!(RwLockReadGuard);
guard_maps!(
    RwLockReadGuard,
    MappedRwLockReadGuard,
    (&),
    "use sudog::sync::{RwLock, RwLockReadGuard};

let pair = RwLock::new((1, 2));
assert_eq!(*RwLockReadGuard::map(pair.read(), |pair| &pair.1), 2);"
);

mapped_guard!(
    /// Gives shared use of a part of the value in a [`RwLock`]; of [`RwLockReadGuard::map`].
    MappedRwLockReadGuard of RawRwLock, unlocked by read_unlock, (&'a), (Sync)
);
guard_faces!(MappedRwLockReadGuard);
guard_maps!(
    MappedRwLockReadGuard,
    MappedRwLockReadGuard,
    (&),
    "use sudog::sync::{MappedRwLockReadGuard, RwLock, RwLockReadGuard};

let nested = RwLock::new(((1, 2), 3));
let first = RwLockReadGuard::map(nested.read(), |all| &all.0);
assert_eq!(*MappedRwLockReadGuard::map(first, |pair| &pair.1), 2);"
);

guard_faces!(RwLockWriteGuard, mut);
guard_maps!(
    RwLockWriteGuard,
    MappedRwLockWriteGuard,
    (&mut),
    "use sudog::sync::{RwLock, RwLockWriteGuard};

let pair = RwLock::new((1, 2));
*RwLockWriteGuard::map(pair.write(), |pair| &mut pair.1) += 1;
assert_eq!(*pair.read(), (1, 3));"
);

mapped_guard!(
    /// Gives the use of a part of the value in a [`RwLock`], alone; of [`RwLockWriteGuard::map`].
    MappedRwLockWriteGuard of RawRwLock, unlocked by write_unlock, (&'a mut), (Send)
);
guard_faces!(MappedRwLockWriteGuard, mut);
guard_maps!(
    MappedRwLockWriteGuard,
    MappedRwLockWriteGuard,
    (&mut),
    "use sudog::sync::{MappedRwLockWriteGuard, RwLock, RwLockWriteGuard};

let nested = RwLock::new(((1, 2), 3));
let first = RwLockWriteGuard::map(nested.write(), |all| &mut all.0);
*MappedRwLockWriteGuard::map(first, |pair| &mut pair.1) += 1;
assert_eq!(nested.into_inner(), ((1, 3), 3));"
);
