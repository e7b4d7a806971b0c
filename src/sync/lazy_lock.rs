//! `LazyLock`: a value that is made when it is first looked at.

use super::once_lock::OnceLock;
use std::cell::Cell;
use std::fmt;
use std::ops::Deref;

/// Holds a value that is made at its first use. std's, for those who park.
///
/// # Examples
/// ```
/// use sudog::sync::LazyLock;
///
/// static WORDS: LazyLock<Vec<&str>> = LazyLock::new(|| vec!["made", "when", "needed"]);
///
/// assert_eq!(WORDS.len(), 3);
/// ```
pub struct LazyLock<T, F = fn() -> T> {
    value: OnceLock<T>,
    /// Taken by the one who makes the value.
    make: Cell<Option<F>>,
}

// SAFETY: `make` is touched by the one who fills the `OnceLock` only, on whatever thread.
unsafe impl<T: Send + Sync, F: Send> Sync for LazyLock<T, F> {}

impl<T, F: FnOnce() -> T> LazyLock<T, F> {
    /// Makes one whose value `f` will make.
    pub const fn new(f: F) -> LazyLock<T, F> {
        LazyLock {
            value: OnceLock::new(),
            make: Cell::new(Some(f)),
        }
    }

    /// Returns the value; makes it first if there is none. Dereferencing does the same.
    ///
    /// Blocks the goroutine, or the thread on a plain thread, while another makes it.
    ///
    /// # Panics
    /// If the function does, and ever after: it can be called only once.
    ///
    /// # Examples
    /// ```
    /// use sudog::sync::LazyLock;
    ///
    /// let lazy = LazyLock::new(|| 1);
    /// assert_eq!(*LazyLock::force(&lazy), 1);
    /// ```
    #[inline]
    #[track_caller]
    pub fn force(this: &LazyLock<T, F>) -> &T {
        this.value.get_or_init(|| match this.make.take() {
            Some(make) => make(),
            None => {
                panic!("this LazyLock has no value: the function that was to make it has panicked")
            }
        })
    }
}

impl<T, F: FnOnce() -> T> Deref for LazyLock<T, F> {
    type Target = T;
    #[inline]
    #[track_caller]
    fn deref(&self) -> &T {
        LazyLock::force(self)
    }
}

impl<T: Default> Default for LazyLock<T> {
    fn default() -> LazyLock<T> {
        LazyLock::new(T::default)
    }
}

impl<T: fmt::Debug, F> fmt::Debug for LazyLock<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_tuple("LazyLock");
        match self.value.get() {
            Some(value) => text.field(value),
            None => text.field(&format_args!("<uninit>")),
        };
        text.finish()
    }
}
