//! Taking permits in async code.

use super::{Closed, Permit, Semaphore, Taken};
use crate::runtime::{self, Outcome};
use crate::sync::seat::{Seat, Seated};
use futures_core::FusedFuture;
use std::fmt;
use std::pin::Pin;
use std::ptr;
use std::task::{Context, Poll};

/// Takes permits; of [`Semaphore::acquire_async`].
///
/// Dropping it gives up its place in the queue, and the permits that it was given there.
#[must_use = "futures do nothing unless they are polled"]
pub struct AcquireFuture {
    semaphore: Semaphore,
    /// Others read it while the future stands in the queue.
    count: usize,
    seat: Seat,
    is_done: bool,
}

// SAFETY: the seat is used under the queue's lock.
unsafe impl Send for AcquireFuture {}
// SAFETY: `&` gives no access to anything.
unsafe impl Sync for AcquireFuture {}

impl AcquireFuture {
    /// # Safety
    /// `self` is pinned.
    unsafe fn poll_acquire(&mut self, cx: &Context<'_>) -> Taken {
        let inner = &*self.semaphore.inner;
        if !self.seat.was_used() {
            let taken = inner.take(self.count);
            if taken != Taken::No {
                return taken;
            }
        }
        let waiter = self.seat.set_waker(cx);
        let _token = runtime::enter();
        let mut queue = inner.queue.lock();
        match self.seat.look() {
            Seated::Queued => return Taken::No,
            Seated::Ended(Outcome::Done) => return Taken::Yes,
            Seated::Ended(_) => return Taken::Closed,
            Seated::Not => {}
        }
        let taken = inner.take_or_join(self.count, &queue);
        if taken == Taken::No {
            let request = ptr::from_ref(&self.count).cast_mut().cast();
            // SAFETY: under the lock; pinned, the number too, and our drop leaves the queue.
            unsafe { self.seat.join(&mut queue, (waiter, request), false) };
        }
        taken
    }
}

impl Future for AcquireFuture {
    type Output = Result<Permit, Closed>;

    /// # Panics
    /// If polled again after it ended.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Permit, Closed>> {
        // SAFETY: nothing is moved out of the pinned future.
        let this = unsafe { self.get_unchecked_mut() };
        assert!(
            !this.is_done,
            "an AcquireFuture was polled after it had ended"
        );
        // SAFETY: pinned.
        let taken = unsafe { this.poll_acquire(cx) };
        this.is_done = taken != Taken::No;
        match taken {
            Taken::Yes => Poll::Ready(Ok(Permit::new(&this.semaphore, this.count))),
            Taken::Closed => Poll::Ready(Err(Closed)),
            Taken::No => Poll::Pending,
        }
    }
}

impl FusedFuture for AcquireFuture {
    fn is_terminated(&self) -> bool {
        self.is_done
    }
}

impl Drop for AcquireFuture {
    fn drop(&mut self) {
        if self.is_done || !self.seat.was_used() {
            return;
        }
        let inner = &*self.semaphore.inner;
        let token = runtime::enter();
        let mut queue = inner.queue.lock();
        // SAFETY: under the lock, of the queue it has joined.
        match unsafe { self.seat.leave(&mut queue) } {
            Seated::Ended(Outcome::Done) => inner.give(self.count, queue, token),
            // It may have been in the way of others.
            _ => inner.give(0, queue, token),
        }
    }
}

impl fmt::Debug for AcquireFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("AcquireFuture { .. }")
    }
}

impl Semaphore {
    /// Takes permits in async code: [`acquire`](Semaphore::acquire) as a future.
    ///
    /// It waits in one queue with goroutines and threads, and has the permits from the moment at which
    /// it is woken: polled no more but kept, it keeps them from others.
    ///
    /// # Errors
    /// [`Closed`] if the semaphore is, or is closed meanwhile.
    ///
    /// # Panics
    /// As [`acquire`](Semaphore::acquire), at once.
    ///
    /// # Examples
    /// ```
    /// let semaphore = sudog::sync::Semaphore::new(1);
    /// let permit = sudog::block_on(semaphore.acquire_async(1)).unwrap();
    /// assert_eq!(semaphore.available_permits(), 0);
    /// # drop(permit);
    /// ```
    #[track_caller]
    pub fn acquire_async(&self, n: usize) -> AcquireFuture {
        self.inner.check(n);
        AcquireFuture {
            semaphore: self.clone(),
            count: n,
            seat: Seat::new(),
            is_done: false,
        }
    }
}
