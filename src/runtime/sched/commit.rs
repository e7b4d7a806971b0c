//! The last steps of parks that do more than unlock.

use super::sched;
use crate::runtime::claim::Ticket;
use crate::runtime::coro::Commit;
use crate::runtime::waiter::{Kind, Waiter};

impl Commit {
    /// The commit of a wait that may be over already.
    pub(crate) fn latch(waiter: Waiter) -> Commit {
        Commit {
            run: park_on_latch,
            arg: waiter.into_ptr().cast(),
        }
    }

    /// The commit of a wait that nobody but its deadline can end: there is nobody to tell.
    pub(crate) fn nothing() -> Commit {
        Commit {
            run: |_| true,
            arg: std::ptr::null_mut(),
        }
    }
}

unsafe fn park_on_latch(waiter: *mut ()) -> bool {
    // SAFETY: the word of a waiter, from `Commit::latch`.
    match unsafe { Waiter::from_ptr(waiter.cast()) }.kind() {
        Kind::Early(g) => g.latch.park(),
        // The note of a thread keeps a wake that comes first.
        _ => true,
    }
}

/// A commit that also arms a deadline.
pub(crate) struct Timed {
    pub(crate) commit: Commit,
    pub(crate) when: u64,
    pub(crate) waiter: Waiter,
    pub(crate) ticket: Ticket,
}

impl Timed {
    /// Publishes the waiter, then arms the deadline: a wait that is over by then has an entry too
    /// many, which finds its claim gone.
    pub(crate) unsafe fn run(arg: *mut ()) -> bool {
        // SAFETY: `park_until` passes a `Timed` on the parked stack. All of it is copied out first:
        // once the commit has run, that stack may be in use again.
        let Timed {
            commit,
            when,
            waiter,
            ticket,
        } = unsafe { arg.cast::<Timed>().read() };
        // SAFETY: the commit of this park, called once.
        let parked = unsafe { (commit.run)(commit.arg) };
        if parked {
            sched().timers.arm(when, waiter, ticket);
        }
        parked
    }
}
