//! Receiving in async code.

use super::Place;
use crate::chan::core::{Core, State};
use crate::chan::ends::Receiver;
use crate::chan::error::RecvError;
use crate::chan::marks::Side;
use crate::chan::raw::{Chan, Tried};
use crate::runtime;
use futures_core::FusedFuture;
use std::fmt;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll};

/// Receives for a future or a stream.
pub(super) struct Receiving<T> {
    place: Place,
    /// Whether it has had a late offer made good, and no value yet.
    has_asked: bool,
    _values: PhantomData<T>,
}

impl<T> Receiving<T> {
    pub(super) fn new() -> Receiving<T> {
        Receiving {
            place: Place::new(),
            has_asked: false,
            _values: PhantomData,
        }
    }

    /// # Safety
    /// `self` is pinned, and always used with the same channel.
    pub(super) unsafe fn poll(
        &mut self,
        chan: &Chan<T>,
        cx: &Context<'_>,
    ) -> Poll<Result<T, RecvError>> {
        let waiter = self.place.set_waker(cx);
        let token = runtime::enter();
        let mut state = chan.core.state.lock();
        // SAFETY: our own sudog, which watches this channel if any.
        unsafe {
            chan.core
                .unwatch(&mut state, Side::Recv, NonNull::from(&mut self.place.sudog))
        };
        let mut slot = MaybeUninit::<T>::uninit();
        let tried = if self.is_coming(&chan.core, &state) {
            Tried::Blocked
        } else {
            // SAFETY: our own slot.
            unsafe { chan.recv_under(&mut state, slot.as_mut_ptr()) }
        };
        let owner = match tried {
            Tried::Done(wake) => {
                self.has_asked = false;
                chan.core.finish(state, token, wake);
                // SAFETY: done: it was written.
                return Poll::Ready(Ok(unsafe { slot.assume_init() }));
            }
            Tried::Closed => return Poll::Ready(Err(RecvError)),
            Tried::Late(offer) => {
                self.has_asked = true;
                // SAFETY: the offer was popped by us.
                Some(unsafe { state.reserve(offer) })
            }
            _ => None,
        };
        let sudog = self.place.renew(waiter, std::ptr::null_mut());
        // SAFETY: under the lock; we are pinned, and our drop takes the sudog out.
        unsafe { chan.core.watchers(&mut state, Side::Recv).push(sudog) };
        chan.core.mirror(&state);
        drop(state);
        if let Some(owner) = owner {
            token.ready(owner);
        }
        drop(token);
        self.place.wake_at(chan.core.due());
        Poll::Pending
    }

    /// Whether a value that it has asked for may be on its way: then it asks for no other.
    fn is_coming(&self, core: &Core, state: &State) -> bool {
        let is_empty = state.len == 0 && !core.is_closed_under(state);
        self.has_asked && is_empty && core.reserved(state) > 0
    }

    /// Leaves the channel.
    ///
    /// # Safety
    /// The channel is the one it was polled with.
    pub(super) unsafe fn leave(&mut self, chan: &Chan<T>) {
        if self.place.task.get().is_some() {
            let _token = runtime::enter();
            let mut state = chan.core.state.lock();
            // SAFETY: our own sudog, which watches this channel if any.
            unsafe {
                chan.core
                    .unwatch(&mut state, Side::Recv, NonNull::from(&mut self.place.sudog))
            };
        }
    }
}

/// Receives one value; of [`Receiver::recv_async`].
///
/// Dropping it loses no value. It is not `Unpin`: where a macro or a function asks for that, such as
/// tokio's `select!` with `&mut future`, [`pin!`](std::pin::pin) it first.
#[must_use = "futures do nothing unless they are polled"]
pub struct RecvFuture<'a, T> {
    rx: &'a Receiver<T>,
    receiving: Receiving<T>,
    is_done: bool,
}

// SAFETY: the sudog and the slot are used under the channel's lock, and values go to the polling
// thread, which `T: Send` allows.
unsafe impl<T: Send> Send for RecvFuture<'_, T> {}

impl<T> Future for RecvFuture<'_, T> {
    type Output = Result<T, RecvError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T, RecvError>> {
        // SAFETY: nothing is moved out of the pinned future.
        let this = unsafe { self.get_unchecked_mut() };
        // SAFETY: pinned, and the receiver stays the same.
        let polled = unsafe { this.receiving.poll(&this.rx.chan, cx) };
        this.is_done = polled.is_ready();
        polled
    }
}

impl<T> FusedFuture for RecvFuture<'_, T> {
    fn is_terminated(&self) -> bool {
        self.is_done
    }
}

impl<T> Drop for RecvFuture<'_, T> {
    fn drop(&mut self) {
        // SAFETY: the receiver it was polled with.
        unsafe { self.receiving.leave(&self.rx.chan) };
    }
}

impl<T> fmt::Debug for RecvFuture<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("RecvFuture { .. }")
    }
}

impl<T> Receiver<T> {
    /// Receives a value in async code: [`recv`](Receiver::recv) as a future.
    ///
    /// It is woken when there is something to receive, and receives when it is polled: a value that
    /// somebody else was faster to take is waited for again. In async code call this and not `recv`, which
    /// would block the executor's thread.
    ///
    /// # Errors
    /// As [`recv`](Receiver::recv).
    ///
    /// # Examples
    /// ```
    /// let (tx, rx) = sudog::chan::unbounded();
    /// sudog::go!(move || tx.send(1).unwrap());
    /// assert_eq!(sudog::block_on(rx.recv_async()), Ok(1));
    /// ```
    pub fn recv_async(&self) -> RecvFuture<'_, T> {
        RecvFuture {
            rx: self,
            receiving: Receiving::new(),
            is_done: false,
        }
    }
}
