//! Reading and writing in async code.

use super::raw::RawRwLock;
use super::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use crate::runtime::{self, Outcome};
use crate::sync::mutex::Locking;
use crate::sync::seat::{Seat, Seated};
use futures_core::FusedFuture;
use std::fmt;
use std::pin::Pin;
use std::ptr;
use std::task::{Context, Poll};

/// Locks for reading; of [`RwLock::read_async`].
///
/// Dropping it gives up its place in the queue, and what it was given there.
#[must_use = "futures do nothing unless they are polled"]
pub struct ReadFuture<'a, T: ?Sized> {
    lock: &'a RwLock<T>,
    seat: Seat,
    is_done: bool,
}

/// Locks for writing; of [`RwLock::write_async`].
///
/// Dropping it gives up its place in the queue, and what it was given there; readers that it has held
/// back go in.
#[must_use = "futures do nothing unless they are polled"]
pub struct WriteFuture<'a, T: ?Sized> {
    lock: &'a RwLock<T>,
    locking: Locking,
    seat: Seat,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It waits for the other writers.
    Locks,
    /// It waits for readers to leave.
    Drains,
    Done,
}

// SAFETY: the seats are used under the locks of their queues.
unsafe impl<T: ?Sized + Send + Sync> Send for ReadFuture<'_, T> {}
// SAFETY: `&` gives no access to anything.
unsafe impl<T: ?Sized + Send + Sync> Sync for ReadFuture<'_, T> {}
// SAFETY: as for `ReadFuture`.
unsafe impl<T: ?Sized + Send + Sync> Send for WriteFuture<'_, T> {}
// SAFETY: as for `ReadFuture`.
unsafe impl<T: ?Sized + Send + Sync> Sync for WriteFuture<'_, T> {}

impl<T: ?Sized> ReadFuture<'_, T> {
    /// # Safety
    /// `self` is pinned.
    unsafe fn poll_read(&mut self, cx: &Context<'_>) -> bool {
        let raw = &self.lock.raw;
        if !self.seat.was_used() && raw.come_in() {
            return true;
        }
        let waiter = self.seat.set_waker(cx);
        let _token = runtime::enter();
        let mut queues = raw.queues.lock();
        match self.seat.look() {
            Seated::Queued => return false,
            Seated::Ended(_) => return true,
            Seated::Not => {}
        }
        if raw.come_or_join() {
            return true;
        }
        // SAFETY: under the lock; pinned, and our drop leaves the queue.
        unsafe {
            self.seat
                .join(&mut queues.readers, (waiter, ptr::null_mut()), false)
        };
        false
    }

    fn leave(&mut self) {
        let raw = &self.lock.raw;
        let seated = {
            let _token = runtime::enter();
            let mut queues = raw.queues.lock();
            // SAFETY: under the lock, of the queue it has joined.
            let seated = unsafe { self.seat.leave(&mut queues.readers) };
            if seated == Seated::Queued {
                raw.reader_left(&queues);
            }
            seated
        };
        if let Seated::Ended(_) = seated {
            // SAFETY: it was let in.
            unsafe { raw.read_unlock() };
        }
    }
}

impl<T: ?Sized> WriteFuture<'_, T> {
    /// # Safety
    /// `self` is pinned.
    unsafe fn poll_write(&mut self, cx: &Context<'_>) -> bool {
        let raw = &self.lock.raw;
        if self.stage == Stage::Locks {
            // SAFETY: pinned, with its own mutex, and leaves in our drop.
            if !unsafe { self.locking.poll(&raw.writers, cx) } {
                return false;
            }
            self.stage = Stage::Drains;
            if raw.close() {
                return true;
            }
        }
        // SAFETY: pinned, and our drop leaves the queue.
        unsafe { poll_drain(raw, &mut self.seat, cx) }
    }
}

/// Waits until the readers have left; true if they have.
///
/// # Safety
/// The seat is pinned, and leaves the queue before it goes.
unsafe fn poll_drain(raw: &RawRwLock, seat: &mut Seat, cx: &Context<'_>) -> bool {
    let waiter = seat.set_waker(cx);
    let _token = runtime::enter();
    let mut queues = raw.queues.lock();
    match seat.look() {
        Seated::Queued => return false,
        Seated::Ended(outcome) => {
            debug_assert_eq!(outcome, Outcome::Done);
            return true;
        }
        Seated::Not => {}
    }
    if !raw.must_drain() {
        return true;
    }
    // SAFETY: under the lock; and our caller's promise.
    unsafe { seat.join(&mut queues.writer, (waiter, ptr::null_mut()), false) };
    false
}

impl<'a, T: ?Sized> Future for ReadFuture<'a, T> {
    type Output = RwLockReadGuard<'a, T>;

    /// # Panics
    /// If polled again after it ended.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<RwLockReadGuard<'a, T>> {
        // SAFETY: nothing is moved out of the pinned future.
        let this = unsafe { self.get_unchecked_mut() };
        assert!(!this.is_done, "a ReadFuture was polled after it had ended");
        // SAFETY: pinned.
        this.is_done = unsafe { this.poll_read(cx) };
        if this.is_done {
            // SAFETY: we are in.
            Poll::Ready(unsafe { RwLockReadGuard::new(this.lock) })
        } else {
            Poll::Pending
        }
    }
}

impl<'a, T: ?Sized> Future for WriteFuture<'a, T> {
    type Output = RwLockWriteGuard<'a, T>;

    /// # Panics
    /// If polled again after it ended.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<RwLockWriteGuard<'a, T>> {
        // SAFETY: nothing is moved out of the pinned future.
        let this = unsafe { self.get_unchecked_mut() };
        assert!(
            this.stage != Stage::Done,
            "a WriteFuture was polled after it had ended"
        );
        // SAFETY: pinned.
        if unsafe { this.poll_write(cx) } {
            this.stage = Stage::Done;
            // SAFETY: we have it alone.
            Poll::Ready(unsafe { RwLockWriteGuard::new(this.lock) })
        } else {
            Poll::Pending
        }
    }
}

impl<T: ?Sized> FusedFuture for ReadFuture<'_, T> {
    fn is_terminated(&self) -> bool {
        self.is_done
    }
}

impl<T: ?Sized> FusedFuture for WriteFuture<'_, T> {
    fn is_terminated(&self) -> bool {
        self.stage == Stage::Done
    }
}

impl<T: ?Sized> Drop for ReadFuture<'_, T> {
    fn drop(&mut self) {
        if !self.is_done && self.seat.was_used() {
            self.leave();
        }
    }
}

impl<T: ?Sized> Drop for WriteFuture<'_, T> {
    fn drop(&mut self) {
        let raw = &self.lock.raw;
        match self.stage {
            // SAFETY: its own mutex, which it has not locked.
            Stage::Locks => unsafe { self.locking.leave(&raw.writers) },
            Stage::Drains => {
                let token = runtime::enter();
                let mut queues = raw.queues.lock();
                // SAFETY: under the lock, of the queue it has joined.
                unsafe { self.seat.leave(&mut queues.writer) };
                raw.open(queues, token, 0);
            }
            Stage::Done => {}
        }
    }
}

impl<T: ?Sized> fmt::Debug for ReadFuture<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("ReadFuture { .. }")
    }
}

impl<T: ?Sized> fmt::Debug for WriteFuture<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("WriteFuture { .. }")
    }
}

impl<T: ?Sized> RwLock<T> {
    /// Locks for reading in async code: [`read`](RwLock::read) as a future.
    ///
    /// It waits in one queue with goroutines and threads, and reads from the moment at which it is
    /// woken: polled no more but kept, it holds writers back.
    ///
    /// # Examples
    /// ```
    /// let lock = sudog::sync::RwLock::new(1);
    /// assert_eq!(sudog::block_on(async { *lock.read_async().await }), 1);
    /// ```
    pub fn read_async(&self) -> ReadFuture<'_, T> {
        ReadFuture {
            lock: self,
            seat: Seat::new(),
            is_done: false,
        }
    }

    /// Locks for writing in async code: [`write`](RwLock::write) as a future.
    ///
    /// As [`read_async`](RwLock::read_async).
    ///
    /// # Examples
    /// ```
    /// let lock = sudog::sync::RwLock::new(1);
    /// sudog::block_on(async { *lock.write_async().await += 1 });
    /// assert_eq!(lock.into_inner(), 2);
    /// ```
    pub fn write_async(&self) -> WriteFuture<'_, T> {
        WriteFuture {
            lock: self,
            locking: Locking::new(),
            seat: Seat::new(),
            stage: Stage::Locks,
        }
    }
}
