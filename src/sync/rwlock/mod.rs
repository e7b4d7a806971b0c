//! `RwLock`: many readers or one writer. Go's `sync.RWMutex`, with the value inside.
//!
//! Who holds it and who waits is told in raw.rs; here the value is added.

mod future;
mod guard;
mod raw;

pub use future::{ReadFuture, WriteFuture};
pub use guard::{MappedRwLockReadGuard, MappedRwLockWriteGuard, RwLockReadGuard, RwLockWriteGuard};
use raw::RawRwLock;

use std::cell::UnsafeCell;
use std::fmt;
use std::panic::Location;
use std::time::{Duration, Instant};

/// Gives many goroutines, threads or futures at a time shared use of a value, or one of them the use
/// alone.
///
/// Who waits parks, so it may be held across blocking calls; guards may go to another thread; a panic
/// poisons nothing.
///
/// **Fairness** is Go's: a writer that waits holds back new readers, and those who came while it waited
/// or wrote go before the next writer. So a goroutine that reads must not read again while it does: a
/// writer may have come between, and each waits for the other.
///
/// # Examples
/// ```
/// use sudog::sync::RwLock;
///
/// static PRICES: RwLock<Vec<u32>> = RwLock::new(Vec::new());
///
/// PRICES.write().push(3);
/// sudog::scope(|s| {
///     for _ in 0..3 {
///         s.spawn(|| assert_eq!(*PRICES.read(), [3]));
///     }
/// });
/// ```
pub struct RwLock<T: ?Sized> {
    raw: RawRwLock,
    value: UnsafeCell<T>,
}

// SAFETY: the value goes with the lock.
unsafe impl<T: ?Sized + Send> Send for RwLock<T> {}
// SAFETY: readers share the value, which needs Sync; writers hand it from thread to thread, which needs
// Send.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLock<T> {}

impl<T> RwLock<T> {
    /// Makes an unlocked lock.
    ///
    /// # Examples
    /// ```
    /// static NAME: sudog::sync::RwLock<&str> = sudog::sync::RwLock::new("nobody");
    /// assert_eq!(*NAME.read(), "nobody");
    /// ```
    pub const fn new(value: T) -> RwLock<T> {
        RwLock {
            raw: RawRwLock::new(),
            value: UnsafeCell::new(value),
        }
    }

    /// Gives the value out.
    ///
    /// # Examples
    /// ```
    /// assert_eq!(sudog::sync::RwLock::new(1).into_inner(), 1);
    /// ```
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> RwLock<T> {
    /// Locks for reading; dropping the guard leaves.
    ///
    /// Blocks the goroutine, or the thread on a plain thread, while a writer holds it or waits. In async
    /// code use [`read_async`](RwLock::read_async).
    ///
    /// # Examples
    /// ```
    /// let lock = sudog::sync::RwLock::new(1);
    /// let (first, second) = (lock.read(), lock.try_read().unwrap());
    /// assert_eq!((*first, *second), (1, 1));
    /// ```
    #[inline]
    #[track_caller]
    pub fn read(&self) -> RwLockReadGuard<'_, T> {
        self.raw.read(Location::caller());
        // SAFETY: we are in.
        unsafe { RwLockReadGuard::new(self) }
    }

    /// Locks for reading if that is possible at once. Never blocks.
    ///
    /// # Examples
    /// ```
    /// let lock = sudog::sync::RwLock::new(1);
    /// let guard = lock.write();
    /// assert!(lock.try_read().is_none());
    /// # drop(guard);
    /// ```
    #[inline]
    pub fn try_read(&self) -> Option<RwLockReadGuard<'_, T>> {
        let is_in = self.raw.try_read();
        // SAFETY: if so we are in.
        is_in.then(|| unsafe { RwLockReadGuard::new(self) })
    }

    /// Locks for reading, but does not wait longer than `limit`. Blocks as [`read`](RwLock::read).
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    ///
    /// let lock = sudog::sync::RwLock::new(1);
    /// let guard = lock.write();
    /// assert!(lock.try_read_for(Duration::from_millis(1)).is_none());
    /// # drop(guard);
    /// ```
    #[track_caller]
    pub fn try_read_for(&self, limit: Duration) -> Option<RwLockReadGuard<'_, T>> {
        // A deadline beyond the clock's end never comes.
        self.read_until(Instant::now().checked_add(limit), Location::caller())
    }

    /// Locks for reading, but does not wait past `deadline`. Blocks as [`read`](RwLock::read).
    #[track_caller]
    pub fn try_read_until(&self, deadline: Instant) -> Option<RwLockReadGuard<'_, T>> {
        self.read_until(Some(deadline), Location::caller())
    }

    fn read_until(
        &self,
        limit: Option<Instant>,
        at: &'static Location<'static>,
    ) -> Option<RwLockReadGuard<'_, T>> {
        let is_in = self.raw.read_until(limit, at);
        // SAFETY: if so we are in.
        is_in.then(|| unsafe { RwLockReadGuard::new(self) })
    }

    /// Locks for writing; dropping the guard unlocks.
    ///
    /// Blocks the goroutine, or the thread on a plain thread, while others write or read. In async code
    /// use [`write_async`](RwLock::write_async).
    ///
    /// # Examples
    /// ```
    /// let lock = sudog::sync::RwLock::new(1);
    /// *lock.write() += 1;
    /// assert_eq!(*lock.read(), 2);
    /// ```
    #[inline]
    #[track_caller]
    pub fn write(&self) -> RwLockWriteGuard<'_, T> {
        self.raw.write(Location::caller());
        // SAFETY: we have it alone.
        unsafe { RwLockWriteGuard::new(self) }
    }

    /// Locks for writing if that is possible at once. Never blocks.
    ///
    /// # Examples
    /// ```
    /// let lock = sudog::sync::RwLock::new(1);
    /// let guard = lock.read();
    /// assert!(lock.try_write().is_none());
    /// # drop(guard);
    /// ```
    #[inline]
    pub fn try_write(&self) -> Option<RwLockWriteGuard<'_, T>> {
        let is_locked = self.raw.try_write();
        // SAFETY: if so we have it alone.
        is_locked.then(|| unsafe { RwLockWriteGuard::new(self) })
    }

    /// Locks for writing, but does not wait longer than `limit`. Blocks as [`write`](RwLock::write).
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    ///
    /// let lock = sudog::sync::RwLock::new(1);
    /// let guard = lock.read();
    /// assert!(lock.try_write_for(Duration::from_millis(1)).is_none());
    /// # drop(guard);
    /// ```
    #[track_caller]
    pub fn try_write_for(&self, limit: Duration) -> Option<RwLockWriteGuard<'_, T>> {
        self.write_until(Instant::now().checked_add(limit), Location::caller())
    }

    /// Locks for writing, but does not wait past `deadline`. Blocks as [`write`](RwLock::write).
    #[track_caller]
    pub fn try_write_until(&self, deadline: Instant) -> Option<RwLockWriteGuard<'_, T>> {
        self.write_until(Some(deadline), Location::caller())
    }

    fn write_until(
        &self,
        limit: Option<Instant>,
        at: &'static Location<'static>,
    ) -> Option<RwLockWriteGuard<'_, T>> {
        let is_locked = self.raw.write_until(limit, at);
        // SAFETY: if so we have it alone.
        is_locked.then(|| unsafe { RwLockWriteGuard::new(self) })
    }

    /// Reaches the value without locking: `&mut` says that nobody else has the lock.
    ///
    /// # Examples
    /// ```
    /// let mut lock = sudog::sync::RwLock::new(1);
    /// *lock.get_mut() = 2;
    /// assert_eq!(lock.into_inner(), 2);
    /// ```
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    /// Returns whether somebody reads or writes; that may change at any moment.
    ///
    /// # Examples
    /// ```
    /// assert!(!sudog::sync::RwLock::new(1).is_locked());
    /// ```
    pub fn is_locked(&self) -> bool {
        self.raw.has_readers() || self.raw.has_writer()
    }

    /// Returns whether somebody writes; that may change at any moment.
    ///
    /// # Examples
    /// ```
    /// let lock = sudog::sync::RwLock::new(1);
    /// let guard = lock.read();
    /// assert!(lock.is_locked() && !lock.is_locked_exclusive());
    /// # drop(guard);
    /// ```
    pub fn is_locked_exclusive(&self) -> bool {
        self.raw.has_writer()
    }
}

impl<T: Default> Default for RwLock<T> {
    fn default() -> RwLock<T> {
        RwLock::new(T::default())
    }
}

impl<T> From<T> for RwLock<T> {
    fn from(value: T) -> RwLock<T> {
        RwLock::new(value)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_struct("RwLock");
        match self.try_read() {
            Some(guard) => text.field("data", &&*guard),
            None => text.field("data", &format_args!("<locked>")),
        };
        text.finish()
    }
}
