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
    self, Commit, Kind, Outcome, Place, Sudog, Task, Ticket, Token, WaitQ, WaitReason, Waiter,
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
    /// what `join` did when the deadline came first or it must not wait, and is told whether the waiter still stood in the queue.
    ///
    /// Blocks the goroutine or the thread.
    pub(super) fn wait<S>(
        &self,
        lock: &Lock<S>,
        queue: fn(&mut S) -> &mut WaitQ,
        join: impl FnOnce(&mut S) -> bool,
        leave: impl FnOnce(Guard<'_, S>, Token, bool),
    ) -> Waited {
        let mut token = runtime::enter_blocking();
        let waiter = token.waiter();
        let mut state = lock.lock();
        if !join(&mut state) {
            return Waited::Not;
        }
        if self.is_late() {
            leave(state, token, true);
            return Waited::Late;
        }
        if runtime::is_park_forbidden() {
            leave(state, token, true);
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
            leave(state, token, stood_there);
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

/// Those whose wait an operation has ended, in the order in which they waited.
#[derive(Default)]
pub(super) struct Woken {
    first: Option<Waiter>,
    rest: Vec<Waiter>,
}

impl Woken {
    /// Adds one. A waiter that was taken out before it named itself has nothing to be woken from.
    pub(super) fn push(&mut self, waiter: Waiter) {
        match self.first {
            _ if waiter == Waiter::NOBODY => {}
            None => self.first = Some(waiter),
            Some(_) => self.rest.push(waiter),
        }
    }

    /// Takes everybody out of a queue; how many there were.
    ///
    /// # Safety
    /// The caller holds the queue's lock.
    pub(super) unsafe fn take_all(&mut self, queue: &mut WaitQ, outcome: Outcome) -> usize {
        let mut count = 0;
        // SAFETY: our caller's promise.
        while let Some(waiter) = unsafe { pop(queue, outcome) } {
            self.push(waiter);
            count += 1;
        }
        count
    }

    /// Readies them all and closes the bracket. Outside all locks.
    pub(super) fn ready(self, token: Token) {
        let mut tasks = Vec::new();
        let mut ready = |waiter: Waiter| match waiter.kind() {
            Kind::Task(task) => tasks.push(task),
            _ => token.ready(waiter),
        };
        // Each newcomer to `runnext` sends the one before it to the queue: the first must come last.
        self.rest.into_iter().for_each(&mut ready);
        let first_task = match self.first.map(|waiter| (waiter, waiter.kind())) {
            Some((_, Kind::Task(task))) => Some(task),
            Some((waiter, _)) => {
                token.ready(waiter);
                None
            }
            None => None,
        };
        drop(token);
        first_task.into_iter().chain(tasks).for_each(Task::wake);
    }
}

/// Readies one waiter, if there is one, and closes the bracket. Outside all locks.
pub(super) fn ready(token: Token, waiter: Option<Waiter>) {
    let mut woken = Woken::default();
    waiter.into_iter().for_each(|waiter| woken.push(waiter));
    woken.ready(token);
}
