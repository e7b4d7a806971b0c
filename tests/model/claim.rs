//! Who ends a wait: claimants of one ticket, and a ticket of an earlier wait.
//!
//! The waiter prepares what the winner needs, opens the wait, and publishes the ticket under a lock,
//! as a channel does. The claimants race. Nothing but the claim tells them who may touch what was
//! prepared, so a second winner would be a race on that cell too.

use crate::check;
use crate::runtime::claim::{Claim, Ticket};
use crate::runtime::nouns::keep;
use crate::sys::lock::Lock;
use loom::cell::Cell;
use loom::thread;

/// A waiter, with what the winner of its first wait needs and where it writes.
struct Wait {
    claim: Claim,
    published: Lock<Option<Ticket>>,
    prepared: Cell<u32>,
}

// SAFETY: the checker watches the cell.
unsafe impl Sync for Wait {}

impl Wait {
    fn new() -> &'static Wait {
        let wait = keep(Wait {
            claim: Claim::new(),
            published: Lock::new(None),
            prepared: Cell::new(0),
        });
        wait.claim.open();
        wait
    }

    fn begin(&self) {
        self.prepared.set(7);
        *self.published.lock() = Some(self.claim.open());
    }

    /// What a claimant does that comes by once; whether it has won.
    fn try_to_end(&self, case: u32) -> bool {
        let Some(ticket) = *self.published.lock() else {
            return false;
        };
        let won = self.claim.take(ticket, case);
        if won {
            assert_eq!(self.prepared.get(), 7);
            self.prepared.set(8);
        }
        won
    }
}

#[test]
fn one_of_two_claimants_wins() {
    check(None, || {
        let wait = Wait::new();
        let others: Vec<_> = (0..2)
            .map(|case| thread::spawn(move || wait.try_to_end(case)))
            .collect();
        wait.begin();
        let wins = others.into_iter().map(|other| other.join().unwrap());
        let wins = wins.filter(|&won| won).count();
        // If both came by too early it is left to us.
        let last = wait.try_to_end(2);
        assert_eq!(wins + usize::from(last), 1);
    });
}

#[test]
fn a_ticket_of_an_earlier_wait_never_wins() {
    check(None, || {
        let wait = Wait::new();
        let first = wait.claim.open();
        // A timer that was deleted lazily: it holds the ticket of a wait that ends otherwise.
        let late = thread::spawn(move || wait.claim.take(first, 1));
        let ended_in_time = wait.claim.take(first, 0);
        let second = ended_in_time.then(|| wait.claim.open());
        let ended_late = late.join().unwrap();
        assert_ne!(ended_in_time, ended_late);
        if let Some(second) = second {
            assert!(wait.claim.is_open(second));
            assert!(wait.claim.take(second, 0));
        }
    });
}
