//! Timers: a heap of deadlines, and what is to happen at each. Go's `timers` and `timer`.
//!
//! There is no clock and no scheduler in here: whoever runs the timers says what time it is, and is
//! handed what was due.
//!
//! 1. An entry never points into a frame. It names a wait by its waiter and ticket, or a deferred call
//!    by its `Arc` and term; both may be over long before the entry leaves the heap, and then it is
//!    *dead*: whoever takes it out finds the claim gone.
//! 2. Nobody takes an entry out because its wait is over (a lazy deletion): it leaves at its time, when
//!    it is found dead at the head, or in a sweep. A heap is swept when it has doubled since the last
//!    one, so a loop of waits with distant deadlines does not grow it, at a constant cost for each.
//! 3. `first` is the deadline of the head, or [`NEVER`]. It is written under the lock and read without,
//!    by those who only want to know whether something is due.
//! 4. Deadlines stand in the heap, so a comparison touches neither waiters nor calls.
//! 5. Who takes out what is due fires all of it then and there, for nobody else can reach it any more.
//! 6. A heap is closed while its P is not in use (sched/procs.rs), and empty then.

use super::claim::Ticket;
use super::waiter::Waiter;
use crate::sys::atomic::{AtomicU64, Ordering};
use crate::sys::lock::Lock;
use crate::util::heap::Heap;
use std::mem;
use std::panic::Location;
use std::sync::Arc;

/// The case number under which a deadline claims a wait; no queue uses it.
pub(crate) const DEADLINE: u32 = u32::MAX - 1;

/// The deadline of an empty heap.
pub(crate) const NEVER: u64 = u64::MAX;

/// The last deadline that can be armed, of a timer that is there and never fires.
pub(crate) const LAST: u64 = NEVER - 1;

const SWEEP_MIN: usize = 64;

/// How many are taken out in one go: the records of goroutines, mostly cold, are fetched all at a time.
pub(crate) const BATCH: usize = 16;

/// What is to happen at a deadline.
pub(crate) enum Target {
    /// The wait ends.
    Wait(Waiter, Ticket),
    /// The call begins, unless its term is over.
    Call(Arc<Deferred>, Term),
}

const _: () = assert!(size_of::<Target>() <= 16, "the entries of the heaps grew");

impl Target {
    /// Whether it would still do anything.
    fn is_live(&self) -> bool {
        match self {
            Target::Wait(waiter, ticket) => waiter.claim().is_open(*ticket),
            Target::Call(call, term) => call.is_pending(*term),
        }
    }
}

/// Deadlines and their targets, for any thread.
pub(crate) struct Timers {
    due: Lock<Due>,
    first: AtomicU64,
}

impl Timers {
    pub(crate) fn new() -> Timers {
        Timers {
            due: Lock::new(Due {
                heap: Heap::new(),
                sweep_at: SWEEP_MIN,
                is_closed: false,
            }),
            first: AtomicU64::new(NEVER),
        }
    }

    /// The first deadline, or [`NEVER`].
    #[inline]
    pub(crate) fn first(&self) -> u64 {
        // Acquire: who sees a deadline sees what was done before it was armed.
        self.first.load(Ordering::Acquire)
    }

    /// Adds a deadline; whether it is the first of all here. `Err` if the heap is closed.
    pub(crate) fn push(&self, when: u64, target: Target) -> Result<bool, Target> {
        debug_assert!(when <= LAST);
        let mut due = self.due.lock();
        if due.is_closed {
            return Err(target);
        }
        due.sweep_if_grown();
        due.heap.push(when, target);
        Ok(self.publish(&due) == when)
    }

    /// Closes the heap, and takes all out that are in it.
    pub(crate) fn close(&self) -> Vec<(u64, Target)> {
        let mut due = self.due.lock();
        due.is_closed = true;
        let heap = mem::replace(&mut due.heap, Heap::new());
        self.publish(&due);
        heap.into_entries().collect()
    }

    /// Opens it again.
    pub(crate) fn open(&self) {
        self.due.lock().is_closed = false;
    }

    /// Takes out targets whose time has come, dead or alive, the earlier first; at most `limit`, and no more
    /// than [`BATCH`].
    pub(crate) fn pop_due(&self, now: u64, limit: usize) -> impl Iterator<Item = Target> {
        let mut batch = [const { None }; BATCH];
        let mut due = self.due.lock();
        for place in batch.iter_mut().take(limit) {
            if due.first() > now {
                break;
            }
            *place = due.heap.pop();
            if let Some(Target::Wait(waiter, _)) = place {
                waiter.prefetch();
            }
        }
        self.publish(&due);
        batch.into_iter().map_while(|target| target)
    }

    /// The first deadline at which something will happen, or [`NEVER`]; the dead before it leave.
    pub(crate) fn first_live(&self) -> u64 {
        if self.first() == NEVER {
            return NEVER;
        }
        let mut due = self.due.lock();
        while due
            .heap
            .first()
            .is_some_and(|(_, target)| !target.is_live())
        {
            due.heap.pop();
        }
        self.publish(&due)
    }

    /// How many deadlines come before `limit`, as far as a short look tells, which may miss some; at
    /// most `enough`.
    pub(crate) fn count_before(&self, limit: u64, enough: usize) -> usize {
        if self.first() >= limit {
            return 0;
        }
        self.due.lock().heap.count_below(limit, enough)
    }

    /// How many deadlines are here, dead ones too.
    pub(crate) fn len(&self) -> usize {
        if self.first() == NEVER {
            return 0;
        }
        self.due.lock().heap.len()
    }

    fn publish(&self, due: &Due) -> u64 {
        let first = due.first();
        // Release: pairs with the Acquire in `first`.
        self.first.store(first, Ordering::Release);
        first
    }
}

/// What the lock guards.
struct Due {
    heap: Heap<Target>,
    /// The length at which the dead are swept out.
    sweep_at: usize,
    /// Whether its P is not in use.
    is_closed: bool,
}

impl Due {
    fn first(&self) -> u64 {
        self.heap.first().map_or(NEVER, |(when, _)| when)
    }

    /// Throws the dead out once they could be half of all. Nothing of the user's is dropped by that: a
    /// dead call has given its function away.
    fn sweep_if_grown(&mut self) {
        if self.heap.len() >= self.sweep_at {
            self.heap.retain(Target::is_live);
            self.sweep_at = (self.heap.len() * 2).max(SWEEP_MIN);
        }
    }
}

/// A stretch of a deferred call's life in which it has one deadline.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Term(u32);

type Work = Box<dyn FnOnce() + Send>;

/// A call that begins at a deadline, in a goroutine of its own, if it is not stopped before.
///
/// 1. The function is called once or never. It is taken out under the lock, by whoever begins the call
///    or drops the handle of one that was stopped, and dropped by nobody else: a call in a heap that
///    nobody can begin has none.
pub(crate) struct Deferred {
    state: Lock<State>,
    pub(crate) at: &'static Location<'static>,
}

struct State {
    term: Term,
    is_pending: bool,
    work: Option<Work>,
}

impl Deferred {
    /// A call that has no deadline yet.
    pub(crate) fn new(work: Work, at: &'static Location<'static>) -> Arc<Deferred> {
        let state = State {
            term: Term(0),
            is_pending: false,
            work: Some(work),
        };
        Arc::new(Deferred {
            state: Lock::new(state),
            at,
        })
    }

    /// Begins a new term, for which the caller arms a deadline, and says whether one was over; `None`
    /// if the call has begun.
    pub(crate) fn renew(&self) -> Option<(Term, bool)> {
        let mut state = self.state.lock();
        state.work.as_ref()?;
        state.term = Term(state.term.0.wrapping_add(1));
        let was_pending = mem::replace(&mut state.is_pending, true);
        Some((state.term, was_pending))
    }

    /// Takes the deadline away; false if there was none, or if the call has begun.
    pub(crate) fn stop(&self) -> bool {
        mem::take(&mut self.state.lock().is_pending)
    }

    /// Gives up the right to renew it. What comes back is for the caller to drop.
    pub(crate) fn abandon(&self) -> Option<Work> {
        let mut state = self.state.lock();
        if state.is_pending {
            return None;
        }
        state.work.take()
    }

    /// Begins the call, if its deadline was that of this term.
    pub(crate) fn begin(&self, term: Term) -> Option<Work> {
        let mut state = self.state.lock();
        if !state.is_pending || state.term != term {
            return None;
        }
        state.is_pending = false;
        state.work.take()
    }

    fn is_pending(&self, term: Term) -> bool {
        let state = self.state.lock();
        state.is_pending && state.term == term
    }
}
