//! Who ends a wait: one word per waiter, won by one compare-and-swap.
//!
//! A wait can be ended from several sides: any case of a select, a deadline, a close. Each of them
//! holds a [`Ticket`] for this wait and must win [`Claim::take`] before it does anything else; the
//! losers have no effect whatever.
//!
//! ```text
//!   63                 32 31                  0
//!  +---------------------+---------------------+
//!  | generation          | winner: 0 or case+1 |
//!  +---------------------+---------------------+
//! ```
//!
//! 1. The generation grows with each wait, so a ticket of an earlier wait (a timer that was deleted
//!    lazily, a poller's late event) can never claim a later one.
//! 2. The word lives as long as its waiter, never in a stack frame: a loser may look at it long
//!    after the wait is over.
#![forbid(unsafe_code)]

use crate::sys::atomic::{AtomicU64, Ordering};

/// One wait of one waiter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Ticket(u32);

pub(crate) struct Claim(AtomicU64);

impl Claim {
    pub(crate) const fn new() -> Claim {
        Claim(AtomicU64::new(0))
    }

    fn word(ticket: Ticket, winner: u32) -> u64 {
        u64::from(ticket.0) << 32 | u64::from(winner)
    }

    /// Opens a new wait. Called by the waiter itself, between waits.
    pub(crate) fn open(&self) -> Ticket {
        let generation = (self.0.load(Ordering::Relaxed) >> 32) as u32;
        let ticket = Ticket(generation.wrapping_add(1));
        // Relaxed: the ticket reaches others through a lock or a queue, which releases this store.
        self.0.store(Claim::word(ticket, 0), Ordering::Relaxed);
        ticket
    }

    /// Ends the wait in favour of `case`; false if it was over or another was first.
    #[must_use]
    pub(crate) fn take(&self, ticket: Ticket, case: u32) -> bool {
        // Acquire: the winner goes on to read what the waiter prepared for this wait. Release: what
        // the winner did before comes before whatever the waiter does once it was woken.
        let (open, taken) = (Claim::word(ticket, 0), Claim::word(ticket, case + 1));
        self.0
            .compare_exchange(open, taken, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    }

    /// The case that has won the wait of this ticket. For the waiter, once it was woken.
    pub(crate) fn winner(&self, ticket: Ticket) -> Option<u32> {
        // Acquire: pairs with the Release of the winner.
        let word = self.0.load(Ordering::Acquire);
        let case = (word as u32).checked_sub(1)?;
        (word >> 32 == u64::from(ticket.0)).then_some(case)
    }

    /// Whether the wait of this ticket is still to be won.
    pub(crate) fn is_open(&self, ticket: Ticket) -> bool {
        self.0.load(Ordering::Relaxed) == Claim::word(ticket, 0)
    }
}
