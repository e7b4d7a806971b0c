//! Sends and receives that do not wait past a deadline.

use super::marks::Side;
use super::raw::{Chan, Missing, Tried, Unsent, sends};
use super::wait::{Begun, end_wait};
use crate::runtime::{self, Outcome, Place, Turn};
use std::mem::{ManuallyDrop, MaybeUninit};
use std::panic::Location;
use std::time::Instant;

impl<T> Chan<T> {
    /// Sends, but does not wait past `deadline`.
    pub(super) fn send_until(
        &self,
        value: T,
        deadline: Instant,
        at: &'static Location<'static>,
    ) -> Result<(), Unsent<T>> {
        let slot = ManuallyDrop::new(value);
        // SAFETY: the slot holds the value and stays in this frame.
        match unsafe { self.send_from_until(&*slot, deadline, at) } {
            Some(Outcome::Done) => Ok(()),
            Some(_) => Err(Unsent::Closed(ManuallyDrop::into_inner(slot))),
            None => Err(Unsent::Full(ManuallyDrop::into_inner(slot))),
        }
    }

    /// # Safety
    /// As for `send_from`.
    unsafe fn send_from_until(
        &self,
        slot: *const T,
        deadline: Instant,
        at: &'static Location<'static>,
    ) -> Option<Outcome> {
        let token = runtime::enter_blocking();
        let mut state = self.core.state.lock();
        // SAFETY: our caller's promise.
        match unsafe { self.send_under(&mut state, slot) } {
            Tried::Done(wake) => {
                self.core.finish(state, token, wake);
                Some(Outcome::Done)
            }
            Tried::Closed => Some(Outcome::Closed),
            _ if Instant::now() >= deadline => {
                self.core.mirror(&state);
                None
            }
            _ if runtime::is_park_forbidden() => self.core.refuse(state, token, sends(at)),
            _ => {
                let how = (Side::Send, slot.cast_mut().cast(), &mut None);
                // SAFETY: our caller's promise.
                unsafe { self.core.wait_until(token, state, how, sends(at), deadline) }
            }
        }
    }

    /// Receives, but does not wait past `deadline`, unless a partner is about to make the value.
    pub(super) fn recv_until(&self, deadline: Instant, place: Place) -> Result<T, Missing> {
        let mut slot = MaybeUninit::<T>::uninit();
        let mut turn = None;
        loop {
            // SAFETY: the slot stays in this frame.
            let outcome =
                unsafe { self.recv_once_until(slot.as_mut_ptr(), &mut turn, deadline, place) };
            match outcome {
                // SAFETY: then we, or the sender that ended our wait, have written the slot.
                Some(Outcome::Done) => return Ok(unsafe { slot.assume_init() }),
                Some(Outcome::Withdrawn) => {}
                Some(_) => return Err(Missing::Closed),
                None => return Err(Missing::Empty),
            }
        }
    }

    /// # Safety
    /// The slot stays where it is.
    unsafe fn recv_once_until(
        &self,
        slot: *mut T,
        turn: &mut Option<Turn>,
        deadline: Instant,
        place: Place,
    ) -> Option<Outcome> {
        let token = runtime::enter_blocking();
        let mut state = self.core.state.lock();
        // SAFETY: our caller's slot.
        match unsafe { self.recv_under(&mut state, slot) } {
            Tried::Done(wake) => {
                self.core.finish(state, token, wake);
                Some(Outcome::Done)
            }
            Tried::Closed => Some(Outcome::Closed),
            Tried::Late(offer) => {
                let mut wait = MaybeUninit::uninit();
                let how = (slot.cast(), &mut *turn);
                // SAFETY: our caller's slot, our own wait; the offer was popped by us.
                unsafe {
                    match self
                        .core
                        .begin_bound(token, state, offer, how, &mut wait, place)
                    {
                        Begun::Over(outcome) => Some(outcome),
                        Begun::Parked(parked) => Some(end_wait(parked, &mut wait, turn)),
                    }
                }
            }
            _ if Instant::now() >= deadline => {
                self.core.mirror(&state);
                None
            }
            _ if runtime::is_park_forbidden() => self.core.refuse(state, token, place),
            _ => {
                let how = (Side::Recv, slot.cast(), turn);
                let limit = self.core.due().map_or(deadline, |due| due.min(deadline));
                // SAFETY: our caller's slot.
                let outcome = unsafe { self.core.wait_until(token, state, how, place, limit) };
                // A value that is due is for the next try.
                outcome.or((limit < deadline).then_some(Outcome::Withdrawn))
            }
        }
    }
}
