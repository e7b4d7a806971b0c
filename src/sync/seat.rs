//! The place of a future in a queue: the async side of [`Wait`](super::sema::Wait).
//!
//! A future joins the queue when it is polled, and looks at its next poll how that came out. Until then
//! its sudog lies in the pinned future; its drop takes it out.

use super::sema::join_queue;
use crate::runtime::{Outcome, OwnTask, Sudog, WaitQ, Waiter};
use std::mem;
use std::ptr::NonNull;
use std::task::Context;

pub(super) struct Seat {
    task: OwnTask,
    sudog: Sudog,
    /// Whether it has joined a queue and not seen yet how that came out.
    is_joined: bool,
}

/// How it stands with a future's wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Seated {
    /// It waits for nothing.
    Not,
    /// It stands in the queue.
    Queued,
    /// It was taken out, for this reason.
    Ended(Outcome),
}

impl Seat {
    pub(super) fn new() -> Seat {
        Seat {
            task: OwnTask::NONE,
            sudog: Sudog::UNUSED,
            is_joined: false,
        }
    }

    /// Whether it has waited, so that there may be something to give up.
    pub(super) fn was_used(&self) -> bool {
        self.task.get().is_some()
    }

    /// Says whom to wake. Outside locks and brackets.
    pub(super) fn set_waker(&mut self, cx: &Context<'_>) -> Waiter {
        Waiter::task(self.task.set_waker(cx.waker()))
    }

    /// Looks how it stands; an end is told once. Under the queue's lock.
    pub(super) fn look(&mut self) -> Seated {
        if self.sudog.is_queued() {
            Seated::Queued
        } else if mem::take(&mut self.is_joined) {
            Seated::Ended(self.sudog.outcome)
        } else {
            Seated::Not
        }
    }

    /// Joins the queue at the end, or at the front if it comes back there.
    ///
    /// # Safety
    /// The caller holds the queue's lock. The seat is pinned, and stays until it has left the queue.
    pub(super) unsafe fn join(
        &mut self,
        queue: &mut WaitQ,
        (waiter, request): (Waiter, *mut ()),
        comes_back: bool,
    ) {
        self.sudog = Sudog::new(waiter, request);
        self.is_joined = true;
        // SAFETY: our caller's promise.
        unsafe { join_queue(queue, &mut self.sudog, comes_back) };
    }

    /// Leaves the queue, whose lock the caller holds: how it stood.
    ///
    /// # Safety
    /// The queue is the one it has joined, if any.
    pub(super) unsafe fn leave(&mut self, queue: &mut WaitQ) -> Seated {
        let seated = self.look();
        if seated == Seated::Queued {
            self.is_joined = false;
            // SAFETY: our caller's promise; our own sudog.
            unsafe { queue.remove(NonNull::from(&mut self.sudog)) };
        }
        seated
    }
}
