//! Receiving from a broadcast in async code.

use super::{BroadcastReceiver, BroadcastRecvError, Found};
use crate::runtime;
use crate::sync::seat::{Seat, Seated};
use futures_core::FusedFuture;
use std::fmt;
use std::pin::Pin;
use std::ptr;
use std::sync::Arc;
use std::task::{Context, Poll};

/// Receives one value; of [`BroadcastReceiver::recv_async`].
///
/// Dropping it loses no value.
#[must_use = "futures do nothing unless they are polled"]
pub struct BroadcastRecvFuture<'a, T> {
    receiver: &'a mut BroadcastReceiver<T>,
    seat: Seat,
    is_done: bool,
}

// SAFETY: the seat is used under the queue's lock; values are copied on the polling thread.
unsafe impl<T: Send + Sync> Send for BroadcastRecvFuture<'_, T> {}
// SAFETY: `&` gives no access to anything.
unsafe impl<T: Send + Sync> Sync for BroadcastRecvFuture<'_, T> {}

impl<T: Clone> Future for BroadcastRecvFuture<'_, T> {
    type Output = Result<T, BroadcastRecvError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T, BroadcastRecvError>> {
        // SAFETY: nothing is moved out of the pinned future.
        let this = unsafe { self.get_unchecked_mut() };
        let waiter = this.seat.set_waker(cx);
        let receiver = &mut *this.receiver;
        let found = {
            let _token = runtime::enter();
            let mut state = receiver.shared.state.lock();
            let found = match this.seat.look() {
                Seated::Queued => Found::Nothing,
                _ => state.find(&mut receiver.next),
            };
            if matches!(found, Found::Nothing) && this.seat.look() != Seated::Queued {
                // SAFETY: under the lock; pinned, and our drop leaves the queue.
                unsafe {
                    this.seat
                        .join(&mut state.queue, (waiter, ptr::null_mut()), false)
                };
            }
            found
        };
        let result = match found {
            Found::Nothing => return Poll::Pending,
            Found::Value(value) => Ok(Arc::unwrap_or_clone(value)),
            Found::Lagged(missed) => Err(BroadcastRecvError::Lagged(missed)),
            Found::Closed => Err(BroadcastRecvError::Closed),
        };
        this.is_done = true;
        Poll::Ready(result)
    }
}

impl<T: Clone> FusedFuture for BroadcastRecvFuture<'_, T> {
    fn is_terminated(&self) -> bool {
        self.is_done
    }
}

impl<T> Drop for BroadcastRecvFuture<'_, T> {
    fn drop(&mut self) {
        if self.seat.was_used() {
            let _token = runtime::enter();
            let mut state = self.receiver.shared.state.lock();
            // SAFETY: under the lock, of the queue it has joined.
            unsafe { self.seat.leave(&mut state.queue) };
        }
    }
}

impl<T> fmt::Debug for BroadcastRecvFuture<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("BroadcastRecvFuture { .. }")
    }
}

impl<T: Clone> BroadcastReceiver<T> {
    /// Receives the next value in async code: [`recv`](BroadcastReceiver::recv) as a future.
    ///
    /// # Errors
    /// As [`recv`](BroadcastReceiver::recv).
    ///
    /// # Examples
    /// ```
    /// let news = sudog::sync::Broadcast::new(1);
    /// let mut receiver = news.subscribe();
    /// news.send(1);
    /// assert_eq!(sudog::block_on(receiver.recv_async()), Ok(1));
    /// ```
    pub fn recv_async(&mut self) -> BroadcastRecvFuture<'_, T> {
        BroadcastRecvFuture {
            receiver: self,
            seat: Seat::new(),
            is_done: false,
        }
    }
}
