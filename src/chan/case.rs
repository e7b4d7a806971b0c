//! One case of a select, whatever its channel carries.

use super::core::{Core, State};
use super::ends::{Receiver, Sender};
use super::marks::Side;
use super::offer::Hold;
use super::raw::{Chan, Tried};
use crate::runtime::{Outcome, Sudog, Ticket, Waiter};
use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::time::Instant;

/// One case, whatever it carries.
#[doc(hidden)]
pub struct Case<'a> {
    /// A channel, which begins with its core; null if a guard has taken the case out.
    chan: *const (),
    attempt: Attempt,
    pub(super) side: Side,
    /// Where the value is or goes to; null for a late offer.
    pub(super) slot: *mut (),
    /// Makes the slot when it is needed.
    pub(super) make_slot: Option<fn() -> *mut ()>,
    pub(super) sudog: Sudog,
    /// The next case in the order of locks, leaving out those whose lock is had already.
    pub(super) next: *const Case<'a>,
    /// How the operation ended, once it was chosen.
    pub(super) outcome: Outcome,
    pub(super) hold: Hold,
    _borrows: PhantomData<&'a ()>,
}

/// Tries the operation under the lock of its channel.
pub(super) type Attempt = unsafe fn(*const (), &mut State, *mut ()) -> Tried;

pub(super) unsafe fn attempt_recv<T>(chan: *const (), state: &mut State, slot: *mut ()) -> Tried {
    // SAFETY: `Case::recv` passes a channel of `T` and its slot.
    unsafe { (*chan.cast::<Chan<T>>()).recv_under(state, slot.cast()) }
}

unsafe fn attempt_send<T>(chan: *const (), state: &mut State, slot: *mut ()) -> Tried {
    // SAFETY: `Case::send` passes a channel of `T` and the value's slot.
    unsafe { (*chan.cast::<Chan<T>>()).send_under(state, slot.cast()) }
}

pub(super) unsafe fn attempt_offer<T>(chan: *const (), state: &mut State, _: *mut ()) -> Tried {
    // SAFETY: `Case::offer` passes a channel of `T`.
    unsafe { (*chan.cast::<Chan<T>>()).core.offer_under(state) }
}

/// A case in use by its arm: nobody can swap the case for that of another type.
#[doc(hidden)]
#[repr(transparent)]
pub struct CaseRef<'s, 'a>(pub(super) &'s mut Case<'a>);

impl<'a> CaseRef<'_, 'a> {
    /// The cases themselves.
    pub(super) fn all<'r, 's>(cases: &'r mut [CaseRef<'s, 'a>]) -> &'r mut [&'s mut Case<'a>] {
        // SAFETY: a `CaseRef` is a reference and nothing else.
        unsafe { &mut *(ptr::from_mut(cases) as *mut [&'s mut Case<'a>]) }
    }
}

impl<'a> Case<'a> {
    pub(super) fn recv<T>(rx: Option<&'a Receiver<T>>) -> Case<'a> {
        Case::new(rx.map(|rx| &*rx.chan), attempt_recv::<T>, Side::Recv)
    }

    pub(super) fn send<T>(tx: Option<&'a Sender<T>>) -> Case<'a> {
        Case::new(tx.map(|tx| &*tx.chan), attempt_send::<T>, Side::Send)
    }

    /// A send whose value is yet to be made.
    pub(super) fn offer<T>(tx: Option<&'a Sender<T>>) -> Case<'a> {
        Case::new(tx.map(|tx| &*tx.chan), attempt_offer::<T>, Side::Send)
    }

    #[inline]
    fn new<T>(chan: Option<&'a Chan<T>>, attempt: Attempt, side: Side) -> Case<'a> {
        let chan = chan.map_or(ptr::null(), ptr::from_ref).cast();
        // SAFETY: the functions that call us pass an attempt of the channel's type, and the channel is
        // borrowed for `'a`.
        unsafe { Case::untyped(chan, attempt, side) }
    }

    /// Makes a case of what is known of a channel without its type.
    ///
    /// # Safety
    /// The channel, if it is not null, is there for `'a`; and the attempt is one of its type.
    #[inline]
    pub(super) unsafe fn untyped(chan: *const (), attempt: Attempt, side: Side) -> Case<'a> {
        Case {
            chan,
            attempt,
            side,
            slot: ptr::null_mut(),
            make_slot: None,
            sudog: Sudog::UNUSED,
            next: ptr::null(),
            outcome: Outcome::Closed,
            hold: Hold::Closed,
            _borrows: PhantomData,
        }
    }

    /// `None` if a guard has taken the case out.
    #[inline]
    pub(super) fn core(&self) -> Option<&'a Core> {
        // SAFETY: null, or a channel that is there for `'a`, and begins with its core (`Chan` is
        // `repr(C)`).
        unsafe { self.chan.cast::<Core>().as_ref() }
    }

    /// The same of a case that others may be writing to: to its sudog.
    ///
    /// # Safety
    /// The case is there.
    pub(super) unsafe fn core_of(case: *const Case<'a>) -> Option<&'a Core> {
        // SAFETY: our caller's promise; and as above.
        unsafe { (*case).chan.cast::<Core>().as_ref() }
    }

    /// When its channel will have a value, if that is known.
    pub(super) fn due(&self) -> Option<Instant> {
        let core = self.core().filter(|_| self.side == Side::Recv)?;
        core.due()
    }

    pub(super) fn need_slot(&mut self) {
        if self.slot.is_null()
            && let Some(make_slot) = self.make_slot
        {
            self.slot = make_slot();
        }
    }

    #[inline]
    pub(super) fn looks_ready(&self) -> bool {
        self.core().is_some_and(|core| core.looks_ready(self.side))
    }

    /// # Safety
    /// The caller holds the lock, whose state this is.
    pub(super) unsafe fn attempt(&mut self, state: &mut State) -> Tried {
        self.need_slot();
        // SAFETY: the function, the channel and the slot are of one type; and our caller's promise.
        unsafe { (self.attempt)(self.chan, state, self.slot) }
    }

    /// Notes how the wait of this case has ended; true if with something.
    pub(super) fn settle(&mut self) -> bool {
        self.outcome = self.sudog.outcome;
        if self.outcome == Outcome::Wanted {
            self.hold = NonNull::new(self.sudog.partner).map_or(Hold::Room, Hold::Receiver);
        }
        self.outcome != Outcome::Withdrawn
    }

    /// Makes the sudog of another wait; it keeps its turn.
    #[inline]
    pub(super) fn renew(
        &mut self,
        waiter: Waiter,
        contest: Option<(Ticket, u32)>,
    ) -> NonNull<Sudog> {
        self.sudog.renew(waiter, self.slot, contest);
        NonNull::from(&mut self.sudog)
    }
}
