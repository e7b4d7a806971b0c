//! What `select!` expands to: one arm for each case, which knows its type, and the plain operations
//! for a select of one.
//!
//! An arm gives the select a [`Case`], which knows no type, and takes the result out of it afterwards.
//! What a send has to offer is told apart by the macro:
//!
//! | the value is | arm | evaluated |
//! |---|---|---|
//! | a variable | [`VarArm`] | it is there, and is moved from only if it was sent |
//! | a literal or a constant | [`ValueArm`] | early |
//! | anything else | [`LateArm`] | once the arm was chosen |

use super::case::{Case, CaseRef};
use super::ends::{Receiver, Sender};
use super::error::{RecvError, SendError};
use super::offer::{Hold, Offer};
use super::raw::{Missing, Unsent};
use crate::runtime::Outcome;
use std::mem::{self, ManuallyDrop, MaybeUninit};
use std::panic::Location;

/// A receive.
pub struct RecvArm<'a, T> {
    case: Case<'a>,
    slot: MaybeUninit<T>,
}

/// Makes the arm of a receive; `None` if its guard is false.
pub fn recv<'a, T>(rx: Option<&'a Receiver<T>>) -> RecvArm<'a, T> {
    RecvArm {
        case: Case::recv(rx),
        slot: MaybeUninit::uninit(),
    }
}

impl<'a, T> RecvArm<'a, T> {
    /// Gives the case to select with.
    pub fn case(&mut self) -> CaseRef<'_, 'a> {
        self.case.slot = self.slot.as_mut_ptr().cast();
        CaseRef(&mut self.case)
    }

    /// Takes the result.
    ///
    /// # Safety
    /// A select has chosen this case.
    pub unsafe fn finish(self) -> Result<T, RecvError> {
        match self.case.outcome {
            // SAFETY: then the slot was written.
            Outcome::Done => Ok(unsafe { self.slot.assume_init() }),
            _ => Err(RecvError),
        }
    }
}

/// A send of a variable.
pub struct VarArm<'a> {
    case: Case<'a>,
}

/// A variable that is to be sent.
///
/// If it is of the channel's type it can be sent from where it is. One that has to be coerced first is
/// sent late, by [`Coerce`]: the compiler prefers a type's own methods.
pub struct Variable<'a, T, V> {
    tx: Option<&'a Sender<T>>,
    value: *const V,
}

/// Names the channel and the variable of a send; `None` if its guard is false.
pub fn variable<'a, T, V>(tx: Option<&'a Sender<T>>, value: *const V) -> Variable<'a, T, V> {
    Variable { tx, value }
}

impl<'a, T> Variable<'a, T, T> {
    /// Makes the arm.
    ///
    /// # Safety
    /// The variable has a value, and keeps it until the select is over. If that was sent it is no
    /// longer the variable's.
    pub unsafe fn arm(self) -> VarArm<'a> {
        let mut case = Case::send(self.tx);
        case.slot = self.value.cast_mut().cast();
        VarArm { case }
    }

    /// Sends the variable's value, blocking.
    ///
    /// # Safety
    /// As for `arm`.
    #[track_caller]
    #[inline(always)]
    pub unsafe fn send(self) -> Sent {
        // SAFETY: our caller's promise.
        let send = |tx: &Sender<T>, at| unsafe { tx.chan.send_from(self.value, at) };
        let at = Location::caller();
        Sent(self.tx.is_some_and(|tx| send(tx, at)))
    }

    /// Sends the variable's value, or gives `None` for `default`.
    ///
    /// # Safety
    /// As for `arm`.
    pub unsafe fn try_send(self) -> Option<Sent> {
        // SAFETY: our caller's promise.
        match unsafe { self.tx?.chan.try_send_from(self.value) } {
            Ok(()) => Some(Sent(true)),
            Err(Missing::Closed) => Some(Sent(false)),
            Err(Missing::Empty) => None,
        }
    }
}

/// What a variable is that has to be coerced to the channel's type.
pub trait Coerce<'a, T: 'a>: Sized {
    /// Makes the arm.
    fn arm(self) -> LateArm<'a, T>;

    /// Waits until the value can be sent.
    #[track_caller]
    fn send(self) -> Offer<T> {
        let mut arm = self.arm();
        super::select::wait::<true>(&mut [arm.case()]);
        // SAFETY: the only case was chosen.
        unsafe { arm.finish() }
    }

    /// Sees whether the value can be sent, or gives `None` for `default`.
    fn try_send(self) -> Option<Offer<T>> {
        let mut arm = self.arm();
        let is_chosen = super::select::try_wait::<true>(&mut [arm.case()]) == 0;
        // SAFETY: the only case was chosen.
        is_chosen.then(|| unsafe { arm.finish() })
    }
}

impl<'a, T: 'a, V> Coerce<'a, T> for Variable<'a, T, V> {
    fn arm(self) -> LateArm<'a, T> {
        late(self.tx)
    }
}

impl<'a> VarArm<'a> {
    /// Gives the case to select with.
    pub fn case(&mut self) -> CaseRef<'_, 'a> {
        CaseRef(&mut self.case)
    }

    /// Says whether the value was sent.
    ///
    /// # Safety
    /// A select has chosen this case.
    pub unsafe fn finish(self) -> Sent {
        Sent(self.case.outcome == Outcome::Done)
    }
}

/// Whether the value of a variable was sent.
#[derive(Clone, Copy)]
#[must_use]
pub struct Sent(bool);

impl Sent {
    /// Makes the result, given the variable.
    pub fn send<T>(self, value: T) -> Result<(), SendError<T>> {
        if self.0 {
            mem::forget(value);
            Ok(())
        } else {
            Err(SendError(value))
        }
    }
}

/// A send of a literal or a constant.
pub struct ValueArm<'a, T> {
    case: Case<'a>,
    /// Not dropped if it is not sent: a constant that was not chosen leaves no trace.
    value: ManuallyDrop<T>,
}

/// Makes the arm of a send of a literal or a constant.
pub fn value<'a, T>(tx: Option<&'a Sender<T>>, value: T) -> ValueArm<'a, T> {
    ValueArm {
        case: Case::send(tx),
        value: ManuallyDrop::new(value),
    }
}

impl<'a, T> ValueArm<'a, T> {
    /// Gives the case to select with.
    pub fn case(&mut self) -> CaseRef<'_, 'a> {
        self.case.slot = (&raw mut self.value).cast();
        CaseRef(&mut self.case)
    }

    /// Takes the result.
    ///
    /// # Safety
    /// A select has chosen this case.
    pub unsafe fn finish(self) -> Result<(), SendError<T>> {
        if self.case.outcome == Outcome::Done {
            return Ok(());
        }
        Err(SendError(ManuallyDrop::into_inner(self.value)))
    }
}

/// A send of a value that is made once the arm was chosen.
pub struct LateArm<'a, T> {
    case: Case<'a>,
    tx: Option<&'a Sender<T>>,
}

/// Makes the arm of a send whose value is yet to be made.
pub fn late<'a, T>(tx: Option<&'a Sender<T>>) -> LateArm<'a, T> {
    LateArm {
        case: Case::offer(tx),
        tx,
    }
}

impl<'a, T> LateArm<'a, T> {
    /// Gives the case to select with.
    pub fn case(&mut self) -> CaseRef<'_, 'a> {
        CaseRef(&mut self.case)
    }

    /// Takes the offer, for the value to be sent with.
    ///
    /// # Safety
    /// A select has chosen this case, and nobody has finished it yet.
    pub unsafe fn finish(mut self) -> Offer<T> {
        let Some(tx) = self.tx else {
            unreachable!("an arm whose guard was false is not chosen")
        };
        let hold = self.take_hold();
        // SAFETY: the hold is what this case was chosen with.
        unsafe { Offer::new(tx.clone(), hold) }
    }

    fn take_hold(&mut self) -> Hold {
        match mem::replace(&mut self.case.outcome, Outcome::Closed) {
            Outcome::Wanted => self.case.hold,
            _ => Hold::Closed,
        }
    }
}

impl<T> Drop for LateArm<'_, T> {
    /// Gives the choice up, if it was chosen and another arm's drop has panicked before it was taken.
    fn drop(&mut self) {
        let hold = self.take_hold();
        if let Some(tx) = self.tx {
            // SAFETY: the hold is what this case was chosen with, and taken once.
            unsafe { tx.chan.withdraw(hold) };
        }
    }
}

/// Receives, or gives `None` for `default`.
pub fn try_recv<T>(rx: &Receiver<T>) -> Option<Result<T, RecvError>> {
    match rx.chan.try_recv() {
        Ok(value) => Some(Ok(value)),
        Err(Missing::Closed) => Some(Err(RecvError)),
        Err(Missing::Empty) => None,
    }
}

/// Sends a constant, or gives `None` for `default`.
pub fn try_send<T>(tx: &Sender<T>, value: T) -> Option<Result<(), SendError<T>>> {
    match tx.chan.try_send(value) {
        Ok(()) => Some(Ok(())),
        Err(Unsent::Closed(value)) => Some(Err(SendError(value))),
        Err(Unsent::Full(value)) => {
            mem::forget(value);
            None
        }
    }
}
