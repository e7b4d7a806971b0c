//! Waiting in a queue and being woken from it: what everything in `sync` waits with. Go's `sema`.
//!
//! Go's semaphores hang on addresses in a table of the runtime, so that a mutex is two words. Here each
//! thing has its own queue under its own small lock, beside the word on which it is decided who need
//! not wait: no two things share a lock, and nobody looks anything up.
//!
//! ```text
//!   waiter                                 waker
//!   1. lock; the word says: wait
//!   2. marks the word, joins the queue
//!   3. parks; the commit unlocks  ----->   4. finds the mark in the word; lock
//!                                          5. takes the first out, says in `outcome` why
//!   7. runs on, reads `outcome`   <-----   6. unlock; ready
//! ```
//!
//! 1. The mark that sends a waker to the queue is made and unmade under the lock, and a waiter joins
//!    under the lock only where it has made or found it: so no waker passes by a waiter.
//! 2. Who takes a sudog out sets its `outcome`, under the lock. One that nobody has taken out for good
//!    reads `Closed`: its deadline came first.
//! 3. Wakers of futures are called outside locks and brackets, after all goroutines were readied.
//! 4. A future (seat.rs) that was woken or given something, and is dropped before it has seen that,
//!    passes it on to the next.

use crate::runtime::{
    self, Commit, Outcome, Place, Sudog, Ticket, Token, WaitQ, WaitReason, Waiter, Woken,
};
use crate::sys::lock::{Guard, Lock};
use std::panic::Location;
use std::ptr::{self, NonNull};
use std::time::Instant;

/// One who may have to wait, for what it came for, more than once.
pub(super) struct Wait {
    pub(super) place: Place,
    limit: Option<Instant>,
    /// For those who decide over it, see [`Sudog::slot`].
    pub(super) request: *mut (),
    /// It was the first in the queue when it was woken, and if it has to wait again it is so again.
    pub(super) comes_back: bool,
}

/// How a wait came out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Waited {
    /// There was nothing to wait for.
    Not,
    /// It has left at its deadline.
    Late,
    /// By one who took it out of the queue, and said why.
    Ended(Outcome),
}

impl Wait {
    pub(super) fn new(
        reason: WaitReason,
        at: &'static Location<'static>,
        limit: Option<Instant>,
    ) -> Wait {
        Wait {
            place: Place { reason, at },
            limit,
            request: ptr::null_mut(),
            comes_back: false,
        }
    }

    /// Whether its deadline has come.
    pub(super) fn is_late(&self) -> bool {
        self.limit.is_some_and(|limit| Instant::now() >= limit)
    }

    /// Waits in the queue that `queue` names, if `join` says under the lock that it must; `leave` undoes
    /// what `join` did when the deadline came first or it must not wait, and is told whether the waiter still
    /// stood in the queue. It releases the lock before it closes the bracket, as its arguments do by
    /// themselves in their order.
    ///
    /// Blocks the goroutine or the thread.
    pub(super) fn wait<S>(
        &self,
        lock: &Lock<S>,
        queue: fn(&mut S) -> &mut WaitQ,
        join: impl FnOnce(&mut S) -> bool,
        leave: impl FnOnce(Token, Guard<'_, S>, bool),
    ) -> Waited {
        let mut token = runtime::enter_blocking();
        let waiter = token.waiter();
        let mut state = lock.lock();
        if !join(&mut state) {
            return Waited::Not;
        }
        if self.is_late() {
            leave(token, state, true);
            return Waited::Late;
        }
        if runtime::is_park_forbidden() {
            leave(token, state, true);
            runtime::refuse_park(self.place);
        }
        let ticket = self.limit.map(|_| waiter.claim().open());
        let mut sudog = sudog(waiter, self.request, ticket);
        // SAFETY: under the lock; the sudog stays in this frame until it is out of the queue.
        unsafe { join_queue(queue(&mut state), &mut sudog, self.comes_back) };
        self.park(&mut token, waiter, ticket, state);
        if self.limit.is_none() {
            return Waited::Ended(sudog.outcome);
        }
        let mut state = lock.lock();
        // SAFETY: under the lock; our own sudog, in this queue if in any.
        let stood_there = unsafe { queue(&mut state).remove(NonNull::from(&mut sudog)) };
        // Invariant 2.
        if sudog.outcome == Outcome::Closed {
            leave(token, state, stood_there);
            return Waited::Late;
        }
        Waited::Ended(sudog.outcome)
    }

    /// Parks a waiter that has joined a queue, and leaves its lock.
    pub(super) fn park<S>(
        &self,
        token: &mut Token,
        waiter: Waiter,
        ticket: Option<Ticket>,
        state: Guard<'_, S>,
    ) {
        let commit = Commit::unlock(Lock::leave_locked(state));
        // SAFETY: the waiter is the token's, and the commit releases the lock we hold.
        unsafe {
            match ticket.zip(self.limit) {
                None => token.park(waiter, self.place, commit),
                Some((ticket, limit)) => {
                    token.park_until(waiter, self.place, commit, ticket, limit);
                }
            }
        }
    }

    /// The ticket of a wait that the deadline can end.
    pub(super) fn open(&self, waiter: Waiter) -> Option<Ticket> {
        self.limit.map(|_| waiter.claim().open())
    }
}

/// Puts a sudog at the end of a queue, or at the front if it comes back there.
///
/// # Safety
/// As for [`WaitQ::push`].
pub(super) unsafe fn join_queue(queue: &mut WaitQ, sudog: &mut Sudog, comes_back: bool) {
    let sudog = NonNull::from(sudog);
    // SAFETY: our caller's promise.
    unsafe {
        if comes_back {
            queue.push_front(sudog);
        } else {
            queue.push(sudog);
        }
    }
}

fn sudog(waiter: Waiter, request: *mut (), ticket: Option<Ticket>) -> Sudog {
    match ticket {
        None => Sudog::new(waiter, request),
        Some(ticket) => Sudog::contested(waiter, request, ticket, 0),
    }
}

/// Takes the first waiter out of a queue, and says how its wait has ended; `None` if nobody waits.
///
/// # Safety
/// The caller holds the queue's lock.
pub(super) unsafe fn pop(queue: &mut WaitQ, outcome: Outcome) -> Option<Waiter> {
    // SAFETY: our caller's promise; a popped sudog is ours until its waiter is readied.
    unsafe {
        let mut sudog = queue.pop()?;
        sudog.as_mut().outcome = outcome;
        Some(sudog.as_ref().waiter)
    }
}

/// Readies one waiter, if there is one, and closes the bracket. Outside all locks.
pub(super) fn ready(token: Token, waiter: Option<Waiter>) {
    let mut woken = Woken::default();
    waiter.into_iter().for_each(|waiter| woken.push(waiter));
    woken.finish(token);
}
