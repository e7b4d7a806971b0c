//! Locking in async code.

use super::raw::Attempt;
use super::{Mutex, MutexGuard, RawMutex};
use crate::runtime::{self, Outcome};
use crate::sync::seat::{Seat, Seated};
use futures_core::FusedFuture;
use std::fmt;
use std::pin::Pin;
use std::ptr;
use std::task::{Context, Poll};

/// Locks for a future.
pub(in crate::sync) struct Locking {
    seat: Seat,
    attempt: Option<Attempt>,
}

impl Locking {
    pub(in crate::sync) fn new() -> Locking {
        Locking {
            seat: Seat::new(),
            attempt: None,
        }
    }

    /// Locks, or has the future woken when to try again; true if locked.
    ///
    /// # Safety
    /// `self` is pinned, always used with the same mutex, and polled no more once it has locked; before
    /// it goes it leaves.
    pub(in crate::sync) unsafe fn poll(&mut self, raw: &RawMutex, cx: &Context<'_>) -> bool {
        if !self.seat.was_used() && raw.try_lock() {
            return true;
        }
        let waiter = self.seat.set_waker(cx);
        let attempt = self.attempt.get_or_insert_with(Attempt::new);
        let _token = runtime::enter();
        let mut queue = raw.queue.lock();
        match self.seat.look() {
            Seated::Queued => return false,
            Seated::Ended(Outcome::Done) => {
                raw.handed(attempt);
                return true;
            }
            Seated::Ended(_) => attempt.woken(),
            Seated::Not => {}
        }
        if raw.take_or_join(attempt) {
            return true;
        }
        // SAFETY: under the lock; pinned, and leaves the queue, by our caller's promise.
        unsafe {
            let comes_back = attempt.is_woken;
            self.seat
                .join(&mut queue, (waiter, ptr::null_mut()), comes_back);
        }
        false
    }

    /// Gives the wait up; if its turn had come, it is the next one's.
    ///
    /// # Safety
    /// The mutex is the one it was polled with, and it has not locked it.
    pub(in crate::sync) unsafe fn leave(&mut self, raw: &RawMutex) {
        if !self.seat.was_used() {
            return;
        }
        let seated = {
            let _token = runtime::enter();
            let mut queue = raw.queue.lock();
            // SAFETY: under the lock, of the queue it has joined.
            let seated = unsafe { self.seat.leave(&mut queue) };
            if seated == Seated::Queued {
                raw.left(&queue);
            }
            seated
        };
        match seated {
            // SAFETY: it was handed to us.
            Seated::Ended(Outcome::Done) => unsafe { raw.unlock() },
            Seated::Ended(_) => raw.pass_on(),
            Seated::Queued | Seated::Not => {}
        }
    }
}

/// Locks a mutex; of [`Mutex::lock_async`].
///
/// Dropping it gives up its place in the queue; if its turn had come, the next is woken.
#[must_use = "futures do nothing unless they are polled"]
pub struct LockFuture<'a, T: ?Sized> {
    mutex: &'a Mutex<T>,
    locking: Locking,
    is_done: bool,
}

// SAFETY: the seat is used under the queue's lock.
unsafe impl<T: ?Sized + Send> Send for LockFuture<'_, T> {}
// SAFETY: `&` gives no access to anything.
unsafe impl<T: ?Sized + Send> Sync for LockFuture<'_, T> {}

impl<'a, T: ?Sized> Future for LockFuture<'a, T> {
    type Output = MutexGuard<'a, T>;

    /// # Panics
    /// If polled again after it ended.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<MutexGuard<'a, T>> {
        // SAFETY: nothing is moved out of the pinned future.
        let this = unsafe { self.get_unchecked_mut() };
        assert!(!this.is_done, "a LockFuture was polled after it had ended");
        // SAFETY: pinned, with its own mutex, and leaves in our drop.
        this.is_done = unsafe { this.locking.poll(&this.mutex.raw, cx) };
        if this.is_done {
            // SAFETY: locked by now.
            Poll::Ready(unsafe { MutexGuard::new(this.mutex) })
        } else {
            Poll::Pending
        }
    }
}

impl<T: ?Sized> FusedFuture for LockFuture<'_, T> {
    fn is_terminated(&self) -> bool {
        self.is_done
    }
}

impl<T: ?Sized> Drop for LockFuture<'_, T> {
    fn drop(&mut self) {
        if !self.is_done {
            // SAFETY: its own mutex, which it has not locked.
            unsafe { self.locking.leave(&self.mutex.raw) };
        }
    }
}

impl<T: ?Sized> fmt::Debug for LockFuture<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("LockFuture { .. }")
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Locks the mutex in async code: [`lock`](Mutex::lock) as a future.
    ///
    /// It waits in one queue with goroutines and threads. A future whose turn has come must be polled
    /// again or dropped; until then those behind it wait.
    ///
    /// # Examples
    /// ```
    /// let mutex = sudog::sync::Mutex::new(1);
    /// sudog::block_on(async { *mutex.lock_async().await += 1 });
    /// assert_eq!(mutex.into_inner(), 2);
    /// ```
    pub fn lock_async(&self) -> LockFuture<'_, T> {
        LockFuture {
            mutex: self,
            locking: Locking::new(),
            is_done: false,
        }
    }
}
