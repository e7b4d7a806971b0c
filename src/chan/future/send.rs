//! Sending in async code.

use super::Place;
use crate::chan::ends::Sender;
use crate::chan::error::SendError;
use crate::chan::marks::Side;
use crate::chan::raw::Tried;
use crate::runtime::{self, Outcome};
use futures_core::FusedFuture;
use std::fmt;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll};

/// Sends one value; of [`Sender::send_async`].
///
/// Dropping it before the value was sent drops the value; [`take_value`](SendFuture::take_value) saves
/// it. It is not `Unpin`, see [`RecvFuture`](crate::chan::RecvFuture).
#[must_use = "futures do nothing unless they are polled"]
pub struct SendFuture<'a, T> {
    tx: &'a Sender<T>,
    place: Place,
    /// Here until it was sent, and nowhere else.
    value: MaybeUninit<T>,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Not polled yet.
    New,
    /// In the queue, or was until somebody ended the wait.
    Waits,
    /// The value is not here any more.
    Over,
}

// SAFETY: as for `RecvFuture`.
unsafe impl<T: Send> Send for SendFuture<'_, T> {}

impl<T> SendFuture<'_, T> {
    fn poll_inner(&mut self, cx: &Context<'_>) -> Poll<Result<(), SendError<T>>> {
        let chan = &*self.tx.chan;
        if self.stage == Stage::Over {
            panic!("a SendFuture was polled after it had ended");
        }
        let waiter = self.place.set_waker(cx);
        let token = runtime::enter();
        let mut state = chan.core.state.lock();
        let tried = match self.stage {
            // SAFETY: the value is there.
            Stage::New => unsafe { chan.send_under(&mut state, self.value.as_ptr()) },
            _ if self.place.sudog.is_queued() => Tried::Blocked,
            _ if self.place.sudog.outcome == Outcome::Done => Tried::Done(None),
            _ => Tried::Closed,
        };
        match tried {
            Tried::Done(wake) => {
                self.stage = Stage::Over;
                chan.core.finish(state, token, wake);
                Poll::Ready(Ok(()))
            }
            Tried::Closed => {
                drop(state);
                drop(token);
                self.stage = Stage::Over;
                // SAFETY: not sent, so it is here.
                Poll::Ready(Err(SendError(unsafe { self.value.assume_init_read() })))
            }
            _ => {
                if self.stage == Stage::New {
                    self.stage = Stage::Waits;
                    let slot = self.value.as_mut_ptr().cast();
                    let sudog = self.place.renew(waiter, slot);
                    // SAFETY: under the lock; we are pinned, and our drop takes the sudog out.
                    unsafe { chan.core.enqueue(&mut state, Side::Send, sudog) };
                }
                chan.core.finish(state, token, None);
                Poll::Pending
            }
        }
    }

    /// Ends the wait; the value if it was not sent.
    fn withdraw(&mut self) -> Option<T> {
        let core = &self.tx.chan.core;
        let is_here = match self.stage {
            Stage::New => true,
            Stage::Over => false,
            Stage::Waits => {
                let _token = runtime::enter();
                let mut state = core.state.lock();
                // SAFETY: under the lock; our own sudog, in this queue if in any.
                unsafe {
                    state
                        .queue(Side::Send)
                        .remove(NonNull::from(&mut self.place.sudog))
                };
                core.mirror(&state);
                self.place.sudog.outcome != Outcome::Done
            }
        };
        self.stage = Stage::Over;
        // SAFETY: not sent, so it is here; and not any more.
        is_here.then(|| unsafe { self.value.assume_init_read() })
    }

    /// Takes the value back if it was not sent; the future has then ended.
    ///
    /// # Examples
    /// ```
    /// use std::pin::pin;
    ///
    /// let (tx, _rx) = sudog::chan::bounded(0);
    /// let send = pin!(tx.send_async("dear"));
    /// assert_eq!(send.take_value(), Some("dear"));
    /// ```
    pub fn take_value(self: Pin<&mut Self>) -> Option<T> {
        // SAFETY: the future is not moved; its value may be once it is out of the queue.
        unsafe { self.get_unchecked_mut() }.withdraw()
    }
}

impl<T> Future for SendFuture<'_, T> {
    type Output = Result<(), SendError<T>>;

    /// # Panics
    /// If polled again after it ended.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError<T>>> {
        // SAFETY: nothing is moved out of the pinned future while it is in the queue.
        unsafe { self.get_unchecked_mut() }.poll_inner(cx)
    }
}

impl<T> FusedFuture for SendFuture<'_, T> {
    fn is_terminated(&self) -> bool {
        self.stage == Stage::Over
    }
}

impl<T> Drop for SendFuture<'_, T> {
    fn drop(&mut self) {
        drop(self.withdraw());
    }
}

impl<T> fmt::Debug for SendFuture<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("SendFuture { .. }")
    }
}

impl<T> Sender<T> {
    /// Sends a value from async code: [`send`](Sender::send) as a future.
    ///
    /// Waiting it holds its value out: any receiver may take it, and it is then `Ok` at its next poll.
    /// Dropped before that it drops the value, see [`SendFuture::take_value`].
    ///
    /// # Errors
    /// As [`send`](Sender::send).
    ///
    /// # Examples
    /// ```
    /// let (tx, rx) = sudog::chan::bounded(1);
    /// sudog::block_on(async {
    ///     tx.send_async("hello").await.unwrap();
    ///     assert_eq!(rx.recv_async().await, Ok("hello"));
    /// });
    /// ```
    pub fn send_async(&self, value: T) -> SendFuture<'_, T> {
        SendFuture {
            tx: self,
            place: Place::new(),
            value: MaybeUninit::new(value),
            stage: Stage::New,
        }
    }
}
