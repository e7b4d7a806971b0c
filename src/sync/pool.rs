//! `Pool`: values to use again. Go's `sync.Pool`.
//!
//! The values lie on shelves, one for each of a few Ps, each under its own lock: who gives one back puts
//! it on the shelf of its P, and who needs one looks there first. The last to come is the first to go,
//! since it is still in the cache.
//!
//! 1. Values are made and dropped outside the locks. What does not fit on a shelf is dropped.

use crate::runtime;
use crate::sys::lock::Lock;
use std::fmt;
use std::mem::{self, ManuallyDrop};
use std::ops::{Deref, DerefMut};

/// Keeps values that are costly to make, to be used again.
///
/// Which value one gets is not promised, nor that one that was given back is kept: at most a few
/// hundred are. A value comes back as its user has left it. Never blocks.
///
/// # Examples
/// ```
/// use sudog::sync::Pool;
///
/// static BUFFERS: Pool<Vec<u8>> = Pool::new(Vec::new);
///
/// let mut buffer = BUFFERS.get();
/// buffer.clear();
/// buffer.extend(b"text");
/// assert_eq!(*buffer, b"text");
/// ```
pub struct Pool<T, F = fn() -> T> {
    shelves: [Shelf<T>; SHELVES],
    make: F,
}

/// On a cache line of its own.
#[repr(align(64))]
struct Shelf<T>(Lock<Vec<T>>);

const SHELVES: usize = 8;
const SHELF_MAX: usize = 64;

impl<T, F: Fn() -> T> Pool<T, F> {
    /// Makes an empty pool, whose values `make` makes.
    pub const fn new(make: F) -> Pool<T, F> {
        Pool {
            shelves: [const { Shelf(Lock::new(Vec::new())) }; SHELVES],
            make,
        }
    }

    /// Takes a value, or makes one; dropping the guard gives it back.
    ///
    /// # Panics
    /// If a value must be made and that panics.
    pub fn get(&self) -> PoolGuard<'_, T, F> {
        let value = self.take().unwrap_or_else(&self.make);
        PoolGuard {
            pool: self,
            value: ManuallyDrop::new(value),
        }
    }
}

impl<T, F> Pool<T, F> {
    fn take(&self) -> Option<T> {
        let token = runtime::enter();
        let first = token.p().map_or(0, |p| p.id as usize);
        let mut nearest_first = (0..SHELVES).map(|i| &self.shelves[(first + i) % SHELVES]);
        nearest_first.find_map(|shelf| shelf.0.lock().pop())
    }

    fn give(&self, value: T) {
        let mut value = Some(value);
        {
            let token = runtime::enter();
            let nearest = token.p().map_or(0, |p| p.id as usize) % SHELVES;
            let mut shelf = self.shelves[nearest].0.lock();
            if shelf.len() < SHELF_MAX {
                shelf.extend(value.take());
            }
        }
        drop(value);
    }

    /// Drops the values that nobody uses. Never blocks, unless dropping one does.
    ///
    /// # Examples
    /// ```
    /// let pool = sudog::sync::Pool::new(|| vec![0; 1000]);
    /// drop(pool.get());
    /// pool.clear();
    /// ```
    pub fn clear(&self) {
        for shelf in &self.shelves {
            let values = {
                let _token = runtime::enter();
                mem::take(&mut *shelf.0.lock())
            };
            drop(values);
        }
    }
}

impl<T: Default> Default for Pool<T> {
    fn default() -> Pool<T> {
        Pool::new(T::default)
    }
}

impl<T, F> fmt::Debug for Pool<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Pool { .. }")
    }
}

/// Gives the use of a value of a [`Pool`]; dropping it gives the value back.
pub struct PoolGuard<'a, T, F = fn() -> T> {
    pool: &'a Pool<T, F>,
    value: ManuallyDrop<T>,
}

impl<T, F> PoolGuard<'_, T, F> {
    /// Keeps the value: it does not go back.
    ///
    /// # Examples
    /// ```
    /// use sudog::sync::{Pool, PoolGuard};
    ///
    /// let pool = Pool::new(|| String::from("made"));
    /// assert_eq!(PoolGuard::into_inner(pool.get()), "made");
    /// ```
    pub fn into_inner(mut this: Self) -> T {
        // SAFETY: the guard is not dropped, so this is the only time.
        let value = unsafe { ManuallyDrop::take(&mut this.value) };
        mem::forget(this);
        value
    }
}

impl<T, F> Deref for PoolGuard<'_, T, F> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T, F> DerefMut for PoolGuard<'_, T, F> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

impl<T, F> Drop for PoolGuard<'_, T, F> {
    fn drop(&mut self) {
        // SAFETY: the value is used no more, and was not taken out.
        self.pool
            .give(unsafe { ManuallyDrop::take(&mut self.value) });
    }
}

impl<T: fmt::Debug, F> fmt::Debug for PoolGuard<'_, T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
