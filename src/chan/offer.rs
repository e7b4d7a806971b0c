//! Late offers: sends whose value is made only once they were chosen.
//!
//! A `select!` must not evaluate what it does not send, so it offers first and makes the value when
//! somebody has taken the offer. Until then the taker waits.
//!
//! | the offer was taken by | meanwhile | the value comes | it is withdrawn |
//! |---|---|---|---|
//! | a receiver that waited | it is out of the queue, claimed | into its slot | it waits again, in its old place |
//! | a receiver that came | it waits, bound to the offer | into its slot | likewise |
//! | a future that came | it watches, as ever | into the buffer, for whoever comes | nothing |
//! | room in the buffer | the place is reserved | into the buffer | the next sender has the place |
//! | a close | nothing | and goes back to the sender | nothing |
//!
//! A panic, `return`, `break` or `?` in the value's expression drops the [`Offer`], which withdraws it.
//!
//! 1. A claimed receiver is the offer's alone, and does not leave before it was told: so its sudog and
//!    slot are there.

use super::core::{Core, State};
use super::ends::Sender;
use super::error::SendError;
use super::raw::{Chan, Tried};
use crate::runtime::{self, Outcome, Sudog, Waiter};
use std::mem::ManuallyDrop;
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
        if state.has_room() {
            state.room -= 1;
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

    /// Sends the value. Never blocks.
    pub fn send(mut self, value: T) -> Result<(), SendError<T>> {
        let chan = &*self.tx.chan;
        match self.hold.take() {
            Some(Hold::Receiver(receiver)) => {
                // SAFETY: the hold is ours, and used once.
                unsafe { chan.serve(receiver, value) };
                Ok(())
            }
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
            // SAFETY: our caller's promise.
            Hold::Receiver(receiver) => unsafe {
                self.let_go(receiver, |_| Outcome::Withdrawn);
            },
            Hold::Room => self.give_room_back(),
            Hold::Closed => {}
        }
    }

    /// Gives the value to a receiver that an offer holds.
    ///
    /// # Safety
    /// The receiver is held by the caller's offer, and let go by this.
    unsafe fn serve(&self, receiver: NonNull<Sudog>, value: T) {
        let give = |state: &mut State| {
            // Values that were sent meanwhile came before ours.
            let buffer = self.buffer(state);
            buffer.push_back(value);
            let first = buffer.pop_front();
            // SAFETY: the slot is the place for a `T` in a receiver of this channel.
            unsafe {
                let slot = (&raw const (*receiver.as_ptr()).slot).read();
                first
                    .into_iter()
                    .for_each(|first| slot.cast::<T>().write(first));
            }
            Outcome::Done
        };
        // SAFETY: our caller's promise.
        unsafe { self.let_go(receiver, give) };
    }

    /// Lets go of a receiver that an offer holds, with an outcome.
    ///
    /// # Safety
    /// As for `serve`. With `Outcome::Done` its slot was written.
    unsafe fn let_go(&self, receiver: NonNull<Sudog>, end: impl FnOnce(&mut State) -> Outcome) {
        let token = runtime::enter();
        let mut state = self.core.state.lock();
        let outcome = end(&mut state);
        // SAFETY: the receiver waits until it was readied (invariant 1).
        let waiter = unsafe {
            (&raw mut (*receiver.as_ptr()).outcome).write(outcome);
            (&raw const (*receiver.as_ptr()).waiter).read()
        };
        self.core.finish(state, token, Some(waiter));
    }

    /// Puts the value into the place that was kept for it.
    fn fill(&self, value: T) -> Result<(), T> {
        let token = runtime::enter();
        let mut state = self.core.state.lock();
        state.room += 1;
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
        self.core.finish(state, token, wake);
        Ok(())
    }

    /// Gives up the place that was kept; the next sender has it.
    fn give_room_back(&self) {
        let token = runtime::enter();
        let mut state = self.core.state.lock();
        state.room += 1;
        let wake = self.serve_sender(&mut state);
        self.core.finish(state, token, wake);
    }

    /// Has the first waiting sender use room that came free.
    pub(super) fn serve_sender(&self, state: &mut State) -> Option<Waiter> {
        if !state.has_room() {
            return None;
        }
        // SAFETY: we hold the lock of the queue.
        let mut sender = unsafe { state.senders.pop() }?;
        // SAFETY: popped: the sudog is ours until its waiter is readied.
        let sent = unsafe { sender.as_mut() };
        if sent.slot.is_null() {
            // SAFETY: popped.
            return Some(unsafe { state.reserve(sender) });
        }
        sent.outcome = Outcome::Done;
        let waiter = sent.waiter;
        // SAFETY: the sender's slot holds a value, which the outcome leaves to us.
        let value = unsafe { sent.slot.cast::<T>().read() };
        self.push(state, value);
        Some(waiter)
    }
}
