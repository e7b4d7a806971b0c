//! Late offers: sends whose value is made only once they were chosen.
//!
//! A `select!` must not evaluate what it does not send, so it offers first and makes the value when
//! somebody has taken the offer. Until then the taker waits.
//!
//! | the offer was taken by | meanwhile | the value comes | it is withdrawn |
//! |---|---|---|---|
//! | a receiver that waited | it is out of the queue, claimed | into its slot | it waits again, in its old place |
//! | a receiver that came | it waits, bound to the offer | into its slot | likewise |
//! | room in the buffer | the place is reserved | into the buffer | the next sender has the place |
//! | a close | nothing | and goes back to the sender | nothing |
//!
//! A panic, `return`, `break` or `?` in the value's expression drops the [`Offer`], which withdraws it.
//!
//! 1. A claimed receiver is the offer's alone, and does not leave before it was told: so its sudog and
//!    slot are there. Only a future can go; what it leaves behind is told in `future.rs`.

use super::core::{Core, State};
use super::ends::Sender;
use super::error::SendError;
use super::raw::{Chan, Tried};
use super::wait::finish;
use crate::runtime::{self, Outcome, Sudog, Waiter};
use std::mem::ManuallyDrop;
use std::panic::Location;
use std::ptr::NonNull;

/// What a taken offer has.
#[derive(Clone, Copy)]
pub(super) enum Hold {
    /// A receiver that waits for the value.
    Receiver(NonNull<Sudog>),
    /// A place in the buffer.
    Room,
    /// Nothing: the channel is closed.
    Closed,
}

/// A send that was chosen and has yet to get its value. Dropping it withdraws the choice.
#[doc(hidden)]
pub struct Offer<T> {
    tx: Sender<T>,
    hold: Option<Hold>,
}

// SAFETY: the receiver that an offer holds waits for whatever thread has the offer.
unsafe impl<T: Send> Send for Offer<T> {}

impl Core {
    /// Makes a late offer, if somebody or something can take it at once.
    pub(super) fn offer_under(&self, state: &mut State) -> Tried {
        if self.is_closed_under(state) {
            return Tried::Closed;
        }
        // SAFETY: we hold the lock of the queue.
        let receiver = unsafe { state.receivers.pop() };
        if receiver.is_some() {
            return Tried::Held(receiver);
        }
        if self.has_room(state) {
            state.reserved += 1;
            return Tried::Held(None);
        }
        Tried::Blocked
    }
}

impl<T> Offer<T> {
    /// # Safety
    /// The hold is one that an offer on this channel has got, and nobody else answers for it.
    pub(super) unsafe fn new(tx: Sender<T>, hold: Hold) -> Offer<T> {
        Offer {
            tx,
            hold: Some(hold),
        }
    }

    /// Sends the value.
    ///
    /// Blocks only if the receiver it was meant for was a future that is gone.
    #[track_caller]
    pub fn send(mut self, value: T) -> Result<(), SendError<T>> {
        let chan = &*self.tx.chan;
        match self.hold.take() {
            // SAFETY: the hold is ours, and used once.
            Some(Hold::Receiver(receiver)) => match unsafe { chan.serve(receiver, value) } {
                Ok(()) => Ok(()),
                Err(value) => chan.send(value, Location::caller()).map_err(SendError),
            },
            Some(Hold::Room) => chan.fill(value).map_err(SendError),
            Some(Hold::Closed) | None => Err(SendError(value)),
        }
    }
}

impl<T> Drop for Offer<T> {
    fn drop(&mut self) {
        if let Some(hold) = self.hold.take() {
            // SAFETY: the hold is ours, and used once.
            unsafe { self.tx.chan.withdraw(hold) };
        }
    }
}

impl<T> Chan<T> {
    /// Gives up what a taken offer has.
    ///
    /// # Safety
    /// The hold is the caller's, and not used again.
    pub(super) unsafe fn withdraw(&self, hold: Hold) {
        match hold {
            // SAFETY: our caller's promise. The slot of a future that is gone is freed.
            Hold::Receiver(receiver) => unsafe {
                let _ = self.let_go(receiver, |_| Outcome::Withdrawn);
            },
            Hold::Room => self.give_room_back(),
            Hold::Closed => {}
        }
    }

    /// Gives the value to a receiver that an offer holds; back if that was a future and is gone.
    ///
    /// # Safety
    /// The receiver is held by the caller's offer, and let go by this.
    unsafe fn serve(&self, receiver: NonNull<Sudog>, value: T) -> Result<(), T> {
        let mut value = Some(value);
        // SAFETY: our caller's promise.
        let is_served = unsafe {
            self.let_go(receiver, |state| {
                let Some(mut ours) = value.take() else {
                    return Outcome::Withdrawn;
                };
                // Values that were sent meanwhile came before ours.
                if state.len > 0 {
                    let buffer = self.buffer(state);
                    buffer.push_back(ours);
                    let Some(first) = buffer.pop_front() else {
                        return Outcome::Withdrawn;
                    };
                    ours = first;
                }
                // The slot is the place for a `T` in a receiver of this channel.
                let slot = (&raw const (*receiver.as_ptr()).slot).read();
                slot.cast::<T>().write(ours);
                Outcome::Done
            })
        };
        match value {
            Some(value) if !is_served => Err(value),
            _ => Ok(()),
        }
    }

    /// Lets go of a receiver that an offer holds, with an outcome; false if it was a future and is gone.
    ///
    /// # Safety
    /// As for `serve`. With `Outcome::Done` its slot was written.
    unsafe fn let_go(
        &self,
        receiver: NonNull<Sudog>,
        outcome: impl FnOnce(&mut State) -> Outcome,
    ) -> bool {
        let token = runtime::enter();
        let mut state = self.core.state.lock();
        // SAFETY: the receiver waits until it was readied (invariant 1), or is a future, which goes
        // under the lock only.
        unsafe {
            let waiter = (&raw const (*receiver.as_ptr()).waiter).read();
            let told = &raw mut (*receiver.as_ptr()).outcome;
            if told.read() == Outcome::Gone {
                drop(state);
                drop(token);
                self.free_bound(receiver);
                return false;
            }
            told.write(outcome(&mut state));
            let tasks = self.core.release(state, &token, Some(waiter));
            finish(token, tasks);
        }
        true
    }

    /// Puts the value into the place that was kept for it.
    fn fill(&self, value: T) -> Result<(), T> {
        let token = runtime::enter();
        let mut state = self.core.state.lock();
        state.reserved -= 1;
        if self.core.is_closed_under(&state) {
            drop(state);
            drop(token);
            return Err(value);
        }
        let slot = ManuallyDrop::new(value);
        // SAFETY: the slot holds the value.
        let wake = match unsafe { self.send_under(&mut state, &*slot) } {
            Tried::Done(wake) => wake,
            _ => {
                // A value that was put back has the room. Ours was promised it.
                self.push(&mut state, ManuallyDrop::into_inner(slot));
                None
            }
        };
        let tasks = self.core.release(state, &token, wake);
        finish(token, tasks);
        Ok(())
    }

    /// Gives up the place that was kept; the next sender has it.
    fn give_room_back(&self) {
        let token = runtime::enter();
        let mut state = self.core.state.lock();
        state.reserved -= 1;
        let wake = self.serve_sender(&mut state);
        let tasks = self.core.release(state, &token, wake);
        finish(token, tasks);
    }

    /// Has the first waiting sender use room that came free.
    pub(super) fn serve_sender(&self, state: &mut State) -> Option<Waiter> {
        if !self.core.has_room(state) {
            return None;
        }
        // SAFETY: we hold the lock of the queue.
        let mut sender = unsafe { state.senders.pop() }?;
        // SAFETY: popped: the sudog is ours until its waiter is readied.
        let sent = unsafe { sender.as_mut() };
        if sent.slot.is_null() {
            sent.outcome = Outcome::Wanted;
            state.reserved += 1;
        } else {
            sent.outcome = Outcome::Done;
            // SAFETY: the sender's slot holds a value, which the outcome leaves to us.
            let value = unsafe { sent.slot.cast::<T>().read() };
            self.push(state, value);
        }
        Some(sent.waiter)
    }
}
