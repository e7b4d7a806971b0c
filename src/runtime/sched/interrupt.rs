//! Interrupting calls on descriptors: the gate's side of runtime/interrupt.rs.

use super::park;
use crate::runtime::interrupt::{Frames, Interrupt, Reason};
use crate::runtime::m;
use std::io;

/// The frames of whoever calls; `None` for a thread that has never had any.
#[inline]
pub(super) fn own_frames() -> Option<&'static Frames> {
    match park::current_g() {
        Some(g) => Some(g.frames_ref()),
        None => m::kept_parker().map(|parker| &parker.frames),
    }
}

/// Runs `f`, in which the caller's calls on descriptors fail once `interrupt` is raised, those it is
/// blocked in too; says whether one has.
pub(crate) fn interruptible<T>(interrupt: &Interrupt, f: impl FnOnce() -> T) -> (T, bool) {
    if let Some(g) = park::current_g() {
        // SAFETY: it is this goroutine that calls.
        return unsafe { g.frames_ref().within(interrupt, f) };
    }
    let parker = m::parker();
    // SAFETY: the parker is this thread's.
    let result = unsafe { parker.frames.within(interrupt, f) };
    // One of a thread that is being taken down is not kept.
    parker.end_wait();
    result
}

/// The error of a call by whoever calls this, if an interrupt over it is raised.
#[inline]
pub(crate) fn interruption() -> Option<io::Error> {
    let frames = own_frames().filter(|frames| !frames.is_empty())?;
    // SAFETY: the caller's own.
    unsafe { frames.meet() }.map(|reason| reason())
}

impl Interrupt {
    /// Fails the calls of whoever has it, from now on, and the one that is blocked.
    pub(crate) fn raise(&self, reason: Reason) {
        let token = park::enter();
        if let Some(waiter) = self.take(reason) {
            token.ready(waiter);
        }
    }
}
