//! The channel beneath the ends: a buffer of values under the lock of its core. Go's `hchan`.
//!
//! 1. While values are buffered no receiver waits; while there is room no sender waits. So at most
//!    one of the queues is not empty, unless a select waits in both.
//! 2. A value goes straight into the slot of the first waiting receiver, and is taken straight from
//!    that of the first waiting sender; the buffer is for those who come when nobody waits.
//! 3. Closing is for ever. Afterwards no sender waits, and receivers get what is buffered.
//! 4. A late offer (see `offer.rs`) has the receiver that claims it wait, or a place in the buffer
//!    kept for its value.

use super::core::{Core, Flavor, State};
use super::marks::Side;
use super::wait::{Begun, Wait, end_wait};
use crate::runtime::{self, Outcome, Place, Sudog, Turn, WaitReason, Waiter};
use std::cell::UnsafeCell;
use std::collections::VecDeque;
use std::mem::{self, ManuallyDrop, MaybeUninit};
use std::panic::Location;
use std::ptr::NonNull;

#[repr(C)]
pub(super) struct Chan<T> {
    pub(super) core: Core,
    /// Under the core's lock.
    buffer: UnsafeCell<VecDeque<T>>,
}

// SAFETY: the buffer is used under the lock, and its values, and those in the slots of waiters, go
// from thread to thread.
unsafe impl<T: Send> Send for Chan<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Chan<T> {}

/// What an operation came to under the lock.
pub(super) enum Tried {
    /// It is done, and has ended the wait of somebody, who is to be readied.
    Done(Option<Waiter>),
    /// It can never be done.
    Closed,
    /// It would have to wait.
    Blocked,
    /// A receive has claimed this late offer: it is done once the value is made.
    Late(NonNull<Sudog>),
    /// A late offer has claimed this receiver, or a place in the buffer.
    Held(Option<NonNull<Sudog>>),
}

/// Why a value was not sent.
pub(super) enum Unsent<T> {
    /// There is no room, or was none in time.
    Full(T),
    Closed(T),
}

/// Why no value was received.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Missing {
    /// There is none, or was none in time.
    Empty,
    Closed,
}

/// Buffers that have grown beyond this many values are given back when they run empty.
const KEPT_CAPACITY: usize = 1024;

impl<T> Chan<T> {
    pub(super) fn new(capacity: Option<usize>, flavor: Flavor) -> Chan<T> {
        Chan {
            core: Core::new(capacity, flavor),
            buffer: UnsafeCell::new(VecDeque::new()),
        }
    }

    #[inline]
    #[allow(clippy::mut_from_ref, reason = "the state is the proof of the lock")]
    pub(super) fn buffer<'a>(&'a self, _: &'a mut State) -> &'a mut VecDeque<T> {
        // SAFETY: a `State` is reached under the lock only, and `&mut` to it is there once.
        unsafe { &mut *self.buffer.get() }
    }

    /// Sends the value in the slot, if that can be done at once.
    ///
    /// # Safety
    /// The slot holds a value. It does not any more if this is `Done`.
    #[inline(always)]
    pub(super) unsafe fn send_under(&self, state: &mut State, slot: *const T) -> Tried {
        if self.core.is_closed_under(state) {
            return Tried::Closed;
        }
        // SAFETY: we hold the lock of the queue.
        if let Some(mut receiver) = unsafe { state.receivers.pop() } {
            // SAFETY: popped: the sudog is ours until its waiter is readied, and its slot is the
            // place for a `T` in a receiver of this channel (invariant 2). Our slot is given up.
            let waiter = unsafe {
                let receiver = receiver.as_mut();
                receiver.slot.cast::<T>().copy_from_nonoverlapping(slot, 1);
                receiver.outcome = Outcome::Done;
                receiver.waiter
            };
            return Tried::Done(Some(waiter));
        }
        if state.has_room() {
            // SAFETY: the slot's value is given up.
            let value = unsafe { slot.read() };
            self.push(state, value);
            return Tried::Done(None);
        }
        Tried::Blocked
    }

    #[inline]
    pub(super) fn push(&self, state: &mut State, value: T) {
        state.len += 1;
        state.room -= 1;
        self.buffer(state).push_back(value);
    }

    /// Receives into the slot, if that can be done at once.
    ///
    /// # Safety
    /// The slot is the place for a `T`. It holds one if this is `Done`.
    #[inline(always)]
    pub(super) unsafe fn recv_under(&self, state: &mut State, slot: *mut T) -> Tried {
        if let Some(clock) = self.core.clock() {
            clock.deliver(&self.core, state);
        }
        // The buffer is in another cache line: it is not looked at for nothing.
        let first = if state.len > 0 {
            self.buffer(state).pop_front()
        } else {
            None
        };
        let had_first = first.is_some();
        if let Some(value) = first {
            // SAFETY: our caller's slot.
            unsafe { slot.write(value) };
            state.len -= 1;
            state.room += 1;
            if !state.has_room() {
                // It had been put back, and was one too many: it leaves no room for a sender.
                return Tried::Done(None);
            }
        }
        // SAFETY: we hold the lock of the queue.
        let Some(mut sender) = (unsafe { state.senders.pop() }) else {
            if had_first {
                self.give_memory_back(state);
                return Tried::Done(None);
            }
            return if self.core.is_closed_under(state) {
                Tried::Closed
            } else {
                Tried::Blocked
            };
        };
        // SAFETY: popped: the sudog is ours until its waiter is readied.
        let sent = unsafe { sender.as_mut() };
        let waiter = sent.waiter;
        if sent.slot.is_null() {
            if !had_first {
                return Tried::Late(sender);
            }
            // Our value leaves a place for the one that is to be made.
            // SAFETY: popped.
            return Tried::Done(Some(unsafe { state.reserve(sender) }));
        }
        sent.outcome = Outcome::Done;
        let value = sent.slot.cast::<T>();
        // SAFETY: the sender's slot holds a value, which the outcome leaves to us; it moves once,
        // before the sender is readied.
        unsafe {
            if had_first {
                self.push(state, value.read());
            } else {
                slot.copy_from_nonoverlapping(value, 1);
            }
        }
        Tried::Done(Some(waiter))
    }

    /// Puts a received value back to where it was: in front of all others.
    pub(super) fn put_back(&self, value: T) {
        let token = runtime::enter();
        let mut state = self.core.state.lock();
        if let Some(clock) = &self.core.clock
            // SAFETY: only channels of instants have clocks, so `T` is `Instant`.
            && !unsafe { clock.takes_back((&raw const value).cast()) }
        {
            // An instant, which needs no drop.
            return mem::forget(value);
        }
        state.len += 1;
        state.room -= 1;
        self.buffer(&mut state).push_front(value);
        // SAFETY: we hold the lock of the queue.
        let receiver = unsafe { state.receivers.pop() };
        let wake = receiver.and_then(|mut receiver| {
            state.len -= 1;
            state.room += 1;
            let value = self.buffer(&mut state).pop_front()?;
            // SAFETY: popped: the sudog is ours until its waiter is readied; its slot is the place
            // for a `T`.
            unsafe {
                let receiver = receiver.as_mut();
                receiver.slot.cast::<T>().write(value);
                receiver.outcome = Outcome::Done;
                Some(receiver.waiter)
            }
        });
        self.core.finish(state, token, wake);
    }

    /// Gives a buffer back that has grown large and run empty.
    fn give_memory_back(&self, state: &mut State) {
        if state.len == 0 && self.buffer(state).capacity() > KEPT_CAPACITY && size_of::<T>() > 0 {
            *self.buffer(state) = VecDeque::new();
        }
    }

    /// Sends without waiting.
    pub(super) fn try_send(&self, value: T) -> Result<(), Unsent<T>> {
        let slot = ManuallyDrop::new(value);
        // SAFETY: the slot holds the value.
        let unsent = match unsafe { self.try_send_from(&*slot) } {
            Ok(()) => return Ok(()),
            Err(Missing::Closed) => Unsent::Closed,
            Err(Missing::Empty) => Unsent::Full,
        };
        Err(unsent(ManuallyDrop::into_inner(slot)))
    }

    /// Sends the value in the slot without waiting.
    ///
    /// # Safety
    /// As for `send_under`, if this is `Ok`.
    pub(super) unsafe fn try_send_from(&self, slot: *const T) -> Result<(), Missing> {
        if !self.core.looks_ready(Side::Send) {
            return Err(Missing::Empty);
        }
        let token = runtime::enter();
        let mut state = self.core.state.lock();
        // SAFETY: our caller's promise.
        match unsafe { self.send_under(&mut state, slot) } {
            Tried::Done(wake) => {
                self.core.finish(state, token, wake);
                Ok(())
            }
            Tried::Closed => Err(Missing::Closed),
            _ => {
                self.core.mirror(&state);
                Err(Missing::Empty)
            }
        }
    }

    /// Sends, waiting until somebody takes the value or there is room; gives it back if the channel
    /// is closed.
    ///
    /// This and `recv` are inlined, and what they call is not, so that no frame is left after the
    /// switch (coro.rs).
    #[inline(always)]
    pub(super) fn send(&self, value: T, at: &'static Location<'static>) -> Result<(), T> {
        let slot = ManuallyDrop::new(value);
        // SAFETY: the slot holds the value.
        if unsafe { self.send_from(&*slot, at) } {
            Ok(())
        } else {
            Err(ManuallyDrop::into_inner(slot))
        }
    }

    /// Sends the value in the slot; false if the channel is closed.
    ///
    /// # Safety
    /// As for `send_under`, if this is true; and the slot stays where it is.
    #[inline(always)]
    pub(super) unsafe fn send_from(&self, slot: *const T, at: &'static Location<'static>) -> bool {
        let mut wait = MaybeUninit::uninit();
        // SAFETY: our caller's promise; and the wait stays in this frame.
        let outcome = match unsafe { self.begin_send(slot, &mut wait, at) } {
            Begun::Over(outcome) => outcome,
            // SAFETY: it has begun.
            Begun::Parked(parked) => unsafe { end_wait(parked, &mut wait, &mut None) },
        };
        outcome == Outcome::Done
    }

    /// Does what a send does before the switch.
    ///
    /// # Safety
    /// As for `send_from`; and the wait stays where it is.
    #[inline(never)]
    unsafe fn begin_send(
        &self,
        slot: *const T,
        wait: &mut MaybeUninit<Wait>,
        at: &'static Location<'static>,
    ) -> Begun {
        let token = runtime::enter_blocking();
        let mut state = self.core.state.lock();
        // SAFETY: our caller's promise.
        match unsafe { self.send_under(&mut state, slot) } {
            Tried::Done(wake) => {
                self.core.finish(state, token, wake);
                Begun::Over(Outcome::Done)
            }
            Tried::Closed => Begun::Over(Outcome::Closed),
            _ if runtime::is_park_forbidden() => self.core.refuse(state, token, sends(at)),
            _ => {
                let how = (Side::Send, slot.cast_mut().cast(), &mut None);
                // SAFETY: our caller's promise.
                unsafe { self.core.begin_wait(token, state, how, wait, sends(at)) }
            }
        }
    }

    /// Receives without waiting, unless a partner is about to make the value.
    pub(super) fn try_recv(&self) -> Result<T, Missing> {
        let mut slot = MaybeUninit::<T>::uninit();
        let mut turn = None;
        loop {
            if !self.core.looks_ready(Side::Recv) {
                return Err(Missing::Empty);
            }
            let token = runtime::enter();
            let mut state = self.core.state.lock();
            // SAFETY: our own slot.
            match unsafe { self.recv_under(&mut state, slot.as_mut_ptr()) } {
                Tried::Done(wake) => {
                    self.core.finish(state, token, wake);
                    break;
                }
                Tried::Closed => return Err(Missing::Closed),
                Tried::Late(offer) => {
                    let how = (slot.as_mut_ptr().cast(), &mut turn);
                    // SAFETY: the slot stays in this frame; the offer was popped by us.
                    let outcome = unsafe { self.core.wait_in_place(token, state, offer, how) };
                    if outcome == Outcome::Done {
                        break;
                    }
                }
                _ => {
                    self.core.mirror(&state);
                    return Err(Missing::Empty);
                }
            }
        }
        // SAFETY: we, or the sender that ended our wait, have written the slot.
        Ok(unsafe { slot.assume_init() })
    }

    /// Receives, waiting for a value; `None` once the channel is closed and empty.
    #[inline(always)]
    pub(super) fn recv(&self, at: &'static Location<'static>) -> Option<T> {
        let mut slot = MaybeUninit::<T>::uninit();
        let mut wait = MaybeUninit::uninit();
        let mut turn = None;
        loop {
            // SAFETY: both stay in this frame.
            let begun = unsafe { self.begin_recv(slot.as_mut_ptr(), &mut turn, &mut wait, at) };
            let outcome = match begun {
                Begun::Over(outcome) => outcome,
                // SAFETY: it has begun.
                Begun::Parked(parked) => unsafe { end_wait(parked, &mut wait, &mut turn) },
            };
            match outcome {
                // SAFETY: then we, or the sender that ended our wait, have written the slot.
                Outcome::Done => return Some(unsafe { slot.assume_init() }),
                Outcome::Withdrawn => {}
                _ => return None,
            }
        }
    }

    /// Does what a receive does before the switch.
    ///
    /// # Safety
    /// Slot and wait stay where they are until the wait has ended.
    #[inline(never)]
    unsafe fn begin_recv(
        &self,
        slot: *mut T,
        turn: &mut Option<Turn>,
        wait: &mut MaybeUninit<Wait>,
        at: &'static Location<'static>,
    ) -> Begun {
        let token = runtime::enter_blocking();
        let mut state = self.core.state.lock();
        // SAFETY: our caller's slot.
        match unsafe { self.recv_under(&mut state, slot) } {
            Tried::Done(wake) => {
                self.core.finish(state, token, wake);
                Begun::Over(Outcome::Done)
            }
            Tried::Closed => Begun::Over(Outcome::Closed),
            Tried::Late(offer) => {
                let (how, place) = ((slot.cast(), turn), self.receives(at));
                // SAFETY: our caller's promise; the offer was popped by us.
                unsafe { self.core.begin_bound(token, state, offer, how, wait, place) }
            }
            _ if runtime::is_park_forbidden() => self.core.refuse(state, token, self.receives(at)),
            _ => {
                let (how, place) = ((Side::Recv, slot.cast(), turn), self.receives(at));
                // SAFETY: our caller's promise.
                unsafe {
                    match self.core.due() {
                        None => self.core.begin_wait(token, state, how, wait, place),
                        Some(due) => {
                            let outcome = self.core.wait_until(token, state, how, place, due);
                            Begun::Over(outcome.unwrap_or(Outcome::Withdrawn))
                        }
                    }
                }
            }
        }
    }

    pub(super) fn receives(&self, at: &'static Location<'static>) -> Place {
        let reason = match self.core.flavor() {
            Flavor::Never => WaitReason::ChanReceiveNever,
            _ => WaitReason::ChanReceive,
        };
        Place { reason, at }
    }

    /// Takes out all that is buffered.
    pub(super) fn empty(&self, state: &mut State) -> VecDeque<T> {
        state.room += mem::take(&mut state.len) as isize;
        mem::take(self.buffer(state))
    }

    /// Closes because the last receiver is gone: what is buffered is dropped.
    pub(super) fn close_and_discard(&self) {
        self.core.close();
        let token = runtime::enter();
        let mut state = self.core.state.lock();
        let buffer = self.empty(&mut state);
        self.core.mirror(&state);
        drop(state);
        drop(token);
        drop_values(buffer);
    }

    /// Ends the channel, which nobody uses any more.
    pub(super) fn discard(self) {
        drop_values(self.buffer.into_inner());
    }
}

/// Drops values in their order.
///
/// As in crossbeam-channel: if one panics as it is dropped, those behind it are leaked. Dropping them on the
/// way out could panic again, which would end the process.
fn drop_values<T>(buffer: VecDeque<T>) {
    let mut buffer = ManuallyDrop::new(buffer);
    while let Some(value) = buffer.pop_front() {
        drop(value);
    }
    drop(ManuallyDrop::into_inner(buffer));
}

pub(super) fn sends(at: &'static Location<'static>) -> Place {
    Place {
        reason: WaitReason::ChanSend,
        at,
    }
}
