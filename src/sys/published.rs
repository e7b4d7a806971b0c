//! A value that one replaces while others read it, in handlers of signals too: a reader never waits.
//!
//! Readers count themselves in and out. Whoever replaces the value exchanges the pointer, and then waits
//! until nobody is counted: who comes later reads the new value.
//!
//! 1. The reader's fence, between its count and its look at the pointer, pairs with the replacer's, between
//!    the exchange and its look at the count: the reader sees the new value, or is seen.
//! 2. A read is short and neither replaces, panics nor parks. Under ceaseless reads the replacer may wait.

use super::atomic::{AtomicPtr, AtomicUsize, Ordering, fence};
use super::nap;

pub(crate) struct Published<T: Send + Sync> {
    value: AtomicPtr<T>,
    readers: AtomicUsize,
}

impl<T: Send + Sync> Published<T> {
    pub(crate) fn new(value: T) -> Published<T> {
        Published {
            value: AtomicPtr::new(Box::into_raw(Box::new(value))),
            readers: AtomicUsize::new(0),
        }
    }

    pub(crate) fn read<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        self.readers.fetch_add(1, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        // Acquire: pairs with the Release of the exchange: the value is complete.
        let value = self.value.load(Ordering::Acquire);
        // SAFETY: whoever replaces this value waits until we are counted out (invariant 1).
        let seen = look(unsafe { &*value });
        // Release: pairs with the Acquire of the one who waits: the look is over.
        self.readers.fetch_sub(1, Ordering::Release);
        seen
    }

    /// Replaces the value; the one before, which nobody reads any more.
    pub(crate) fn replace(&self, value: T) -> Box<T> {
        let new = Box::into_raw(Box::new(value));
        let before = self.value.swap(new, Ordering::AcqRel);
        fence(Ordering::SeqCst);
        while self.readers.load(Ordering::Acquire) != 0 {
            nap();
        }
        // SAFETY: it came from a box, only one exchange got it, and nobody reads it any more.
        unsafe { Box::from_raw(before) }
    }
}

impl<T: Send + Sync> Drop for Published<T> {
    fn drop(&mut self) {
        // SAFETY: it came from a box, and nobody else has this.
        drop(unsafe { Box::from_raw(self.value.load(Ordering::Relaxed)) });
    }
}
