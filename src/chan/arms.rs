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

use super::case::Case;
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
    pub fn case(&mut self) -> &mut Case<'a> {
        self.case.slot = self.slot.as_mut_ptr().cast();
        &mut self.case
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

/// Makes the arm of a send of a variable.
///
/// # Safety
/// `value` points at a value that stays there until the select is over. If it was sent it is no longer
/// the caller's.
pub unsafe fn var<'a, T>(tx: Option<&'a Sender<T>>, value: *const T) -> VarArm<'a> {
    let mut case = Case::send(tx);
    case.slot = value.cast_mut().cast();
    VarArm { case }
}

impl<'a> VarArm<'a> {
    /// Gives the case to select with.
    pub fn case(&mut self) -> &mut Case<'a> {
        &mut self.case
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
    pub fn with<T>(self, value: T) -> Result<(), SendError<T>> {
        if self.0 {
            mem::forget(value);
            Ok(())
        } else {
            Err(SendError(value))
        }
    }
}

/// A send of a value that is there already.
pub struct ValueArm<'a, T> {
    case: Case<'a>,
    value: ManuallyDrop<T>,
    is_taken: bool,
}

/// Makes the arm of a send of a value.
pub fn value<'a, T>(tx: Option<&'a Sender<T>>, value: T) -> ValueArm<'a, T> {
    ValueArm {
        case: Case::send(tx),
        value: ManuallyDrop::new(value),
        is_taken: false,
    }
}

impl<'a, T> ValueArm<'a, T> {
    /// Gives the case to select with.
    pub fn case(&mut self) -> &mut Case<'a> {
        self.case.slot = (&raw mut self.value).cast();
        &mut self.case
    }

    /// Takes the result.
    ///
    /// # Safety
    /// A select has chosen this case.
    pub unsafe fn finish(mut self) -> Result<(), SendError<T>> {
        self.is_taken = true;
        if self.case.outcome == Outcome::Done {
            return Ok(());
        }
        // SAFETY: it was not sent, and `is_taken` keeps the drop from it.
        Err(SendError(unsafe { ManuallyDrop::take(&mut self.value) }))
    }
}

impl<T> Drop for ValueArm<'_, T> {
    fn drop(&mut self) {
        if !self.is_taken {
            // SAFETY: nobody has taken the value: the case was not chosen.
            unsafe { ManuallyDrop::drop(&mut self.value) };
        }
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
    pub fn case(&mut self) -> &mut Case<'a> {
        &mut self.case
    }

    /// Takes the offer, for the value to be sent with.
    ///
    /// # Safety
    /// A select has chosen this case, and nobody has finished it yet.
    pub unsafe fn finish(self) -> Offer<T> {
        let hold = match self.case.outcome {
            Outcome::Wanted => self.case.hold,
            _ => Hold::Closed,
        };
        let Some(tx) = self.tx else {
            unreachable!("an arm whose guard was false is not chosen")
        };
        // SAFETY: the hold is what this case was chosen with.
        unsafe { Offer::new(tx.clone(), hold) }
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

/// Sends a variable's value.
///
/// # Safety
/// As for [`var`].
#[track_caller]
#[inline(always)]
pub unsafe fn send_var<T>(tx: &Sender<T>, value: *const T) -> Sent {
    // SAFETY: our caller's promise.
    Sent(unsafe { tx.chan.send_from(value, Location::caller()) })
}

/// Sends a variable's value, or gives `None` for `default`.
///
/// # Safety
/// As for [`var`].
pub unsafe fn try_send_var<T>(tx: &Sender<T>, value: *const T) -> Option<Sent> {
    // SAFETY: our caller's promise.
    match unsafe { tx.chan.try_send_from(value) } {
        Ok(()) => Some(Sent(true)),
        Err(Missing::Closed) => Some(Sent(false)),
        Err(Missing::Empty) => None,
    }
}

/// Sends a value, or gives `None` for `default`.
pub fn try_send_value<T>(tx: &Sender<T>, value: T) -> Option<Result<(), SendError<T>>> {
    match tx.chan.try_send(value) {
        Ok(()) => Some(Ok(())),
        Err(Unsent::Closed(value)) => Some(Err(SendError(value))),
        Err(Unsent::Full(_)) => None,
    }
}
