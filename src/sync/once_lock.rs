//! `OnceLock`: a value that is set once.
//!
//! 1. The value is there exactly when the `Once` is done; until then only the one who runs it is at the
//!    cell, afterwards everybody reads.

use super::once::Once;
use std::cell::UnsafeCell;
use std::fmt;
use std::mem::MaybeUninit;

/// Holds a value that is set once, by whoever comes first. std's, for those who park.
///
/// # Examples
/// ```
/// use sudog::sync::OnceLock;
///
/// static NAME: OnceLock<String> = OnceLock::new();
///
/// assert_eq!(NAME.get(), None);
/// assert_eq!(NAME.get_or_init(|| String::from("first")), "first");
/// assert_eq!(NAME.set(String::from("second")), Err(String::from("second")));
/// ```
pub struct OnceLock<T> {
    once: Once,
    value: UnsafeCell<MaybeUninit<T>>,
}

// SAFETY: the value goes with the lock, and is shared by all who have it; it may be set by one thread
// and dropped by another.
unsafe impl<T: Send + Sync> Sync for OnceLock<T> {}
// SAFETY: the value goes with the lock.
unsafe impl<T: Send> Send for OnceLock<T> {}

impl<T> OnceLock<T> {
    /// Makes one without a value.
    pub const fn new() -> OnceLock<T> {
        OnceLock {
            once: Once::new(),
            value: UnsafeCell::new(MaybeUninit::uninit()),
        }
    }

    /// Returns the value, if it was set. Never blocks.
    #[inline]
    pub fn get(&self) -> Option<&T> {
        // SAFETY: done: invariant 1.
        self.once
            .is_completed()
            .then(|| unsafe { (*self.value.get()).assume_init_ref() })
    }

    /// Returns the value to change, if it was set. Never blocks.
    pub fn get_mut(&mut self) -> Option<&mut T> {
        // SAFETY: done: invariant 1; and nobody else has the lock.
        self.once
            .is_completed()
            .then(|| unsafe { self.value.get_mut().assume_init_mut() })
    }

    /// Sets the value if there is none.
    ///
    /// Blocks the goroutine, or the thread on a plain thread, while another is setting it.
    ///
    /// # Errors
    /// The value, if there was one.
    #[track_caller]
    pub fn set(&self, value: T) -> Result<(), T> {
        let mut value = Some(value);
        self.fill(|| value.take().expect("called once"));
        match value {
            None => Ok(()),
            Some(value) => Err(value),
        }
    }

    /// Returns the value; makes it first if there is none.
    ///
    /// Blocks the goroutine, or the thread on a plain thread, while another makes it. If `f` itself comes
    /// here it waits for ever.
    ///
    /// # Panics
    /// If `f` does; then the next call makes it.
    ///
    /// # Examples
    /// ```
    /// let lock = sudog::sync::OnceLock::new();
    /// assert_eq!(lock.get_or_init(|| 1), &1);
    /// assert_eq!(lock.get_or_init(|| 2), &1);
    /// ```
    #[inline]
    #[track_caller]
    pub fn get_or_init(&self, f: impl FnOnce() -> T) -> &T {
        if !self.once.is_completed() {
            self.fill(f);
        }
        // SAFETY: done: invariant 1.
        unsafe { (*self.value.get()).assume_init_ref() }
    }

    #[track_caller]
    fn fill(&self, f: impl FnOnce() -> T) {
        self.once.call_once(|| {
            let value = f();
            // SAFETY: we run the `Once`, so nobody else is at the cell.
            unsafe { (*self.value.get()).write(value) };
        });
    }

    /// Waits until the value is set, and returns it.
    ///
    /// Blocks the goroutine, or the thread on a plain thread.
    ///
    /// # Examples
    /// ```
    /// static ANSWER: sudog::sync::OnceLock<u32> = sudog::sync::OnceLock::new();
    /// sudog::go!(|| ANSWER.set(42).unwrap());
    /// assert_eq!(*ANSWER.wait(), 42);
    /// ```
    #[track_caller]
    pub fn wait(&self) -> &T {
        self.once.wait();
        // SAFETY: done: invariant 1.
        unsafe { (*self.value.get()).assume_init_ref() }
    }

    /// Takes the value out, if it was set.
    ///
    /// # Examples
    /// ```
    /// let mut lock = sudog::sync::OnceLock::from("value");
    /// assert_eq!(lock.take(), Some("value"));
    /// assert_eq!(lock.get(), None);
    /// ```
    pub fn take(&mut self) -> Option<T> {
        let has_value = self.once.is_completed();
        self.once = Once::new();
        // SAFETY: it was done, so the value is there; and not any more.
        has_value.then(|| unsafe { self.value.get_mut().assume_init_read() })
    }

    /// Gives the value out, if it was set.
    pub fn into_inner(mut self) -> Option<T> {
        self.take()
    }
}

impl<T> Drop for OnceLock<T> {
    fn drop(&mut self) {
        drop(self.take());
    }
}

impl<T> Default for OnceLock<T> {
    fn default() -> OnceLock<T> {
        OnceLock::new()
    }
}

impl<T> From<T> for OnceLock<T> {
    fn from(value: T) -> OnceLock<T> {
        let lock = OnceLock::new();
        lock.fill(|| value);
        lock
    }
}

impl<T: Clone> Clone for OnceLock<T> {
    fn clone(&self) -> OnceLock<T> {
        self.get().cloned().map_or_else(OnceLock::new, From::from)
    }
}

impl<T: PartialEq> PartialEq for OnceLock<T> {
    fn eq(&self, other: &OnceLock<T>) -> bool {
        self.get() == other.get()
    }
}

impl<T: Eq> Eq for OnceLock<T> {}

impl<T: fmt::Debug> fmt::Debug for OnceLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_tuple("OnceLock");
        match self.get() {
            Some(value) => text.field(value),
            None => text.field(&format_args!("<uninit>")),
        };
        text.finish()
    }
}
