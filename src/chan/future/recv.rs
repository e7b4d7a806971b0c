//! Receiving in async code.

use super::Place;
use crate::chan::core::{Core, Side};
use crate::chan::ends::Receiver;
use crate::chan::error::RecvError;
use crate::chan::raw::{Chan, Tried};
use crate::chan::wait::finish;
use crate::runtime::{self, Outcome, Sudog, Waiter};
use futures_core::FusedFuture;
use std::fmt;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll};

/// A receiver that waits for the value of a late offer.
#[repr(C)]
struct Bound<T> {
    /// First, so that the offer's pointer to it is one to the whole.
    sudog: Sudog,
    slot: MaybeUninit<T>,
}

/// Receives for a future or a stream.
pub(super) struct Receiving<T> {
    place: Place,
    bound: Option<NonNull<Bound<T>>>,
}

impl<T> Receiving<T> {
    pub(super) fn new() -> Receiving<T> {
        Receiving {
            place: Place::new(),
            bound: None,
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
        match self.poll_bound(&chan.core) {
            Some(Poll::Ready(value)) => return Poll::Ready(Ok(value)),
            Some(Poll::Pending) => return Poll::Pending,
            None => {}
        }
        let token = runtime::enter();
        let mut state = chan.core.state.lock();
        // SAFETY: our own sudog, which watches this channel if any.
        unsafe { state.unwatch(Side::Recv, NonNull::from(&mut self.place.sudog)) };
        let mut slot = MaybeUninit::<T>::uninit();
        // SAFETY: our own slot.
        match unsafe { chan.recv_under(&mut state, slot.as_mut_ptr()) } {
            Tried::Done(wake) => {
                let tasks = chan.core.release(state, &token, wake);
                finish(token, tasks);
                // SAFETY: done: it was written.
                Poll::Ready(Ok(unsafe { slot.assume_init() }))
            }
            Tried::Closed => Poll::Ready(Err(RecvError)),
            Tried::Late(offer) => {
                let bound = Bound::new(waiter);
                self.bound = Some(bound);
                // SAFETY: the offer was popped by us; the slot lives until it was kept or
                // withdrawn.
                let owner = unsafe { state.bind(offer, bound.cast()) };
                let tasks = chan.core.release(state, &token, Some(owner));
                finish(token, tasks);
                Poll::Pending
            }
            _ => {
                let sudog = self.place.renew(waiter, std::ptr::null_mut());
                // SAFETY: under the lock; we are pinned, and our drop takes the sudog out.
                unsafe { state.watchers(Side::Recv).push(sudog) };
                chan.core.mirror(&state);
                drop(state);
                drop(token);
                self.place.wake_at(chan.core.due());
                Poll::Pending
            }
        }
    }

    /// Looks for the value of a late offer; `None` if it has claimed none, or that was withdrawn.
    fn poll_bound(&mut self, core: &Core) -> Option<Poll<T>> {
        let bound = self.bound?;
        let state = core.state.lock();
        // SAFETY: it is ours and the offer's until the outcome is told, which is done under the lock.
        let outcome = unsafe { bound.as_ref() }.sudog.outcome;
        drop(state);
        if outcome == Outcome::Closed {
            return Some(Poll::Pending);
        }
        self.bound = None;
        // SAFETY: told: it is ours alone.
        let bound = unsafe { Box::from_raw(bound.as_ptr()) };
        // SAFETY: done: the slot was written.
        (outcome == Outcome::Done).then(|| Poll::Ready(unsafe { bound.slot.assume_init() }))
    }

    /// Leaves the channel.
    ///
    /// # Safety
    /// The channel is the one it was polled with.
    pub(super) unsafe fn leave(&mut self, chan: &Chan<T>) {
        if self.place.task.is_none() {
            return;
        }
        let mut state = chan.core.state.lock();
        // SAFETY: our own sudog, which watches this channel if any.
        unsafe { state.unwatch(Side::Recv, NonNull::from(&mut self.place.sudog)) };
        let Some(mut bound) = self.bound.take() else {
            return;
        };
        // SAFETY: as in `poll_bound`.
        let sudog = unsafe { &mut bound.as_mut().sudog };
        let outcome = sudog.outcome;
        if outcome == Outcome::Closed {
            // The offer takes the slot down.
            sudog.outcome = Outcome::Gone;
            return;
        }
        drop(state);
        // SAFETY: told: it is ours alone.
        let bound = unsafe { Box::from_raw(bound.as_ptr()) };
        if outcome == Outcome::Done {
            // Nobody has seen the value: it is for the next receiver.
            // SAFETY: done: the slot was written.
            chan.put_back(unsafe { bound.slot.assume_init() });
        }
    }
}

impl<T> Bound<T> {
    fn new(waiter: Waiter) -> NonNull<Bound<T>> {
        let bound = Box::leak(Box::new(Bound {
            sudog: Sudog::unused(),
            slot: MaybeUninit::uninit(),
        }));
        let bound = NonNull::from(bound);
        // SAFETY: made above; the sudog's pointer is taken from that to the whole.
        unsafe {
            let slot = (&raw mut (*bound.as_ptr()).slot).cast();
            (*bound.as_ptr()).sudog = Sudog::new(waiter, slot);
        }
        bound
    }
}

impl<T> Chan<T> {
    /// Frees the slot that a future has left to the offer it was bound to.
    ///
    /// # Safety
    /// The receiver is a future's, and its outcome is `Gone`.
    pub(in crate::chan) unsafe fn free_bound(&self, receiver: NonNull<Sudog>) {
        // SAFETY: the sudog stands first in a `Bound`, which the future has left to us.
        drop(unsafe { Box::from_raw(receiver.cast::<Bound<T>>().as_ptr()) });
    }
}

/// Receives one value; of [`Receiver::recv_async`].
///
/// Dropping it loses no value.
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
    /// somebody else was faster to take is waited for again.
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
