//! `Mutex`: one at a time. Go's `sync.Mutex`, with the value inside, as parking_lot's.
//!
//! Who holds it and who waits is told in raw.rs; here the value is added.

mod future;
mod guard;
mod raw;

pub use future::LockFuture;
pub(super) use future::Locking;
pub use guard::{MappedMutexGuard, MutexGuard};
pub(super) use raw::RawMutex;

use crate::runtime::WaitReason;
use std::cell::UnsafeCell;
use std::fmt;
use std::panic::Location;
use std::time::{Duration, Instant};

/// Gives one goroutine, thread or future at a time the use of a value.
///
/// Who waits for it parks, and does not hold up the thread; so unlike `std::sync::Mutex` it may be
/// held across blocking calls. Its guard may go to another thread. It is not poisoned by a panic:
/// the guard of one who unwinds unlocks like any other.
///
/// **Fairness** is Go's: usually a newcomer may be faster than those who wait, but whoever has waited
/// for 1 ms gets the mutex handed over at the next unlock, and nobody overtakes it. Locking it twice
/// in one goroutine waits for ever.
///
/// # Examples
/// ```
/// use sudog::sync::Mutex;
///
/// static TOTAL: Mutex<u32> = Mutex::new(0);
///
/// sudog::scope(|s| {
///     for n in 1..=4 {
///         s.spawn(move || *TOTAL.lock() += n);
///     }
/// });
/// assert_eq!(*TOTAL.lock(), 10);
/// ```
#[derive(Default)]
pub struct Mutex<T: ?Sized> {
    pub(super) raw: RawMutex,
    value: UnsafeCell<T>,
}

// SAFETY: the value goes with the mutex.
unsafe impl<T: ?Sized + Send> Send for Mutex<T> {}
// SAFETY: the value is reached through a guard only, and there is one guard at a time; sharing the
// mutex hands the value from thread to thread, which needs Send.
unsafe impl<T: ?Sized + Send> Sync for Mutex<T> {}

impl<T> Mutex<T> {
    /// Makes an unlocked mutex.
    ///
    /// # Examples
    /// ```
    /// static NAMES: sudog::sync::Mutex<Vec<String>> = sudog::sync::Mutex::new(Vec::new());
    /// assert!(NAMES.lock().is_empty());
    /// ```
    pub const fn new(value: T) -> Mutex<T> {
        Mutex {
            raw: RawMutex::new(),
            value: UnsafeCell::new(value),
        }
    }

    /// Gives the value out.
    ///
    /// # Examples
    /// ```
    /// assert_eq!(sudog::sync::Mutex::new(1).into_inner(), 1);
    /// ```
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Locks the mutex; dropping the guard unlocks it.
    ///
    /// Blocks the goroutine, or the thread on a plain thread, while somebody else holds it. In async
    /// code use [`lock_async`](Mutex::lock_async).
    ///
    /// # Examples
    /// ```
    /// let mutex = sudog::sync::Mutex::new(1);
    /// *mutex.lock() += 1;
    /// assert_eq!(*mutex.lock(), 2);
    /// ```
    #[inline]
    #[track_caller]
    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.raw.lock(WaitReason::MutexLock, Location::caller());
        // SAFETY: we have just locked it.
        unsafe { MutexGuard::new(self) }
    }

    /// Locks the mutex if that is possible at once. Never blocks.
    ///
    /// It is not while somebody holds it, nor while it is being handed to one who has waited long.
    ///
    /// # Examples
    /// ```
    /// let mutex = sudog::sync::Mutex::new(());
    /// let guard = mutex.try_lock().unwrap();
    /// assert!(mutex.try_lock().is_none());
    /// # drop(guard);
    /// ```
    #[inline]
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        // SAFETY: if so we have just locked it.
        self.raw
            .try_lock()
            .then(|| unsafe { MutexGuard::new(self) })
    }

    /// Locks the mutex, but does not wait longer than `limit`.
    ///
    /// Blocks as [`lock`](Mutex::lock) does.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    ///
    /// let mutex = sudog::sync::Mutex::new(());
    /// let guard = mutex.lock();
    /// assert!(mutex.try_lock_for(Duration::from_millis(1)).is_none());
    /// # drop(guard);
    /// ```
    #[track_caller]
    pub fn try_lock_for(&self, limit: Duration) -> Option<MutexGuard<'_, T>> {
        // A deadline beyond the clock's end never comes.
        self.lock_until(Instant::now().checked_add(limit), Location::caller())
    }

    /// Locks the mutex, but does not wait past `deadline`.
    ///
    /// Blocks as [`lock`](Mutex::lock) does.
    ///
    /// # Examples
    /// ```
    /// let mutex = sudog::sync::Mutex::new(1);
    /// assert!(mutex.try_lock_until(std::time::Instant::now()).is_some());
    /// ```
    #[track_caller]
    pub fn try_lock_until(&self, deadline: Instant) -> Option<MutexGuard<'_, T>> {
        self.lock_until(Some(deadline), Location::caller())
    }

    fn lock_until(
        &self,
        limit: Option<Instant>,
        at: &'static Location<'static>,
    ) -> Option<MutexGuard<'_, T>> {
        let is_locked = self.raw.lock_until(limit, WaitReason::MutexLock, at);
        // SAFETY: if so we have just locked it.
        is_locked.then(|| unsafe { MutexGuard::new(self) })
    }

    /// Reaches the value without locking: `&mut` says that nobody else has the mutex.
    ///
    /// # Examples
    /// ```
    /// let mut mutex = sudog::sync::Mutex::new(1);
    /// *mutex.get_mut() = 2;
    /// assert_eq!(mutex.into_inner(), 2);
    /// ```
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    /// Returns whether somebody holds it; that may change at any moment.
    ///
    /// # Examples
    /// ```
    /// let mutex = sudog::sync::Mutex::new(());
    /// assert!(!mutex.is_locked());
    /// ```
    pub fn is_locked(&self) -> bool {
        self.raw.is_locked()
    }
}

#[cfg(test)]
impl<T: ?Sized> Mutex<T> {
    /// Whether its word tells of nobody.
    #[allow(dead_code, reason = "for the models, which include this file")]
    pub(crate) fn is_idle(&self) -> bool {
        self.raw.is_idle()
    }
}

impl Default for RawMutex {
    fn default() -> RawMutex {
        RawMutex::new()
    }
}

impl<T> From<T> for Mutex<T> {
    fn from(value: T) -> Mutex<T> {
        Mutex::new(value)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_struct("Mutex");
        match self.try_lock() {
            Some(guard) => text.field("data", &&*guard),
            None => text.field("data", &format_args!("<locked>")),
        };
        text.finish()
    }
}
