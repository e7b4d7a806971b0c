//! Waits that more than one side can end: a dequeue and a deadline, or two queues at once.
//!
//! The waiter stands in a real `WaitQ` with a contested sudog and sleeps on its parker. Whoever wins
//! the claim writes the outcome and wakes it; a loser touches nothing. A second winner would be a
//! race on the outcome and a wake too many, a wait without a winner a deadlock.

use crate::check;
use crate::runtime::claim::Ticket;
use crate::runtime::nouns::{Parker, keep};
use crate::runtime::timer::DEADLINE;
use crate::runtime::waiter::Waiter;
use crate::runtime::{Outcome, Sudog, WaitQ};
use crate::sys::lock::Lock;
use loom::cell::Cell;
use loom::thread;
use std::cell::UnsafeCell;
use std::ptr::{self, NonNull};
use std::time::Duration;

/// A wait in as many queues as there are.
struct Wait {
    parker: &'static Parker,
    ticket: Ticket,
    sudogs: [UnsafeCell<Sudog>; 2],
    /// Who ended it; written by that one.
    outcome: Cell<Option<u32>>,
}

// SAFETY: the checker watches the outcome; a sudog is its queue's.
unsafe impl Sync for Wait {}

fn queue() -> &'static Lock<WaitQ> {
    keep(Lock::new(WaitQ::new()))
}

impl Wait {
    fn begin(queues: &[&Lock<WaitQ>]) -> &'static Wait {
        let parker = Parker::new();
        let ticket = parker.claim.open();
        let waiter = Waiter::thread(parker);
        let sudog = |case| UnsafeCell::new(Sudog::contested(waiter, ptr::null_mut(), ticket, case));
        let wait = keep(Wait {
            parker,
            ticket,
            sudogs: [sudog(0), sudog(1)],
            outcome: Cell::new(None),
        });
        for (case, queue) in queues.iter().enumerate() {
            // SAFETY: under the lock; the sudog is new, and kept.
            unsafe { queue.lock().push(wait.sudog(case)) };
        }
        wait
    }

    fn sudog(&self, case: usize) -> NonNull<Sudog> {
        NonNull::new(self.sudogs[case].get()).expect("a place is not null")
    }

    fn end(&self, outcome: u32) {
        self.outcome.set(Some(outcome));
        self.parker.note.wake();
    }

    /// What a sender or a closer does; whether it has found the waiter.
    fn dequeue(&self, queue: &Lock<WaitQ>, outcome: u32) -> bool {
        // SAFETY: under the lock.
        let sudog = unsafe { queue.lock().pop() };
        if let Some(mut sudog) = sudog {
            // SAFETY: we have dequeued it, and its waiter waits for our wake.
            unsafe { sudog.as_mut().outcome = Outcome::Done };
            self.end(outcome);
        }
        sudog.is_some()
    }

    /// What a timer does that comes due.
    fn expire(&self) {
        if self.parker.claim.take(self.ticket, DEADLINE) {
            self.end(DEADLINE);
        }
    }

    /// Sleeps until the wait is over, and leaves the queues. Who ended it, and whether `success` says
    /// so too.
    fn finish(&self, queues: &[&Lock<WaitQ>]) -> (u32, bool) {
        self.parker.sleep();
        let mut success = false;
        for (case, queue) in queues.iter().enumerate() {
            let mut queue = queue.lock();
            // SAFETY: under the lock; our own sudog.
            unsafe {
                queue.remove(self.sudog(case));
                success |= self.sudog(case).as_ref().outcome == Outcome::Done;
            }
        }
        assert!(!self.parker.claim.is_open(self.ticket));
        assert!(
            !self.parker.note.sleep_for(Some(Duration::ZERO)),
            "a wake is left over"
        );
        (self.outcome.get().expect("somebody woke us"), success)
    }
}

#[test]
fn a_deadline_and_a_dequeue_end_a_wait_once() {
    check(None, || {
        let queues = [queue()];
        let wait = Wait::begin(&queues);
        let timer = thread::spawn(|| wait.expire());
        let dequeuer = thread::spawn(move || wait.dequeue(queues[0], 0));
        let (outcome, success) = wait.finish(&queues);
        timer.join().unwrap();
        let dequeued = dequeuer.join().unwrap();
        assert_eq!(outcome == 0, dequeued);
        assert_eq!(success, dequeued);
    });
}

#[test]
fn one_of_two_queues_ends_a_select() {
    check(None, || {
        let queues = [queue(), queue()];
        let wait = Wait::begin(&queues);
        let others: Vec<_> = (0..2)
            .map(|case| thread::spawn(move || wait.dequeue(queues[case], case as u32)))
            .collect();
        let (outcome, success) = wait.finish(&queues);
        let dequeued: Vec<_> = others.into_iter().map(|o| o.join().unwrap()).collect();
        assert_eq!(dequeued, [outcome == 0, outcome == 1]);
        assert!(success);
    });
}

#[test]
fn a_waiter_behind_one_that_is_gone_is_found() {
    check(None, || {
        let queues = [queue()];
        let gone = Wait::begin(&queues);
        let next = Wait::begin(&queues);
        let timer = thread::spawn(|| gone.expire());
        let dequeuer = thread::spawn(move || {
            // Two come by, for two waiters or for one.
            let waits = [gone, next];
            for _ in waits {
                // SAFETY: under the lock.
                let sudog = unsafe { queues[0].lock().pop() };
                let Some(mut sudog) = sudog else { continue };
                let is_next = sudog == next.sudog(0);
                // SAFETY: we have dequeued it, and its waiter waits for our wake.
                unsafe { sudog.as_mut().outcome = Outcome::Done };
                waits[usize::from(is_next)].end(0);
            }
        });
        assert_eq!(next.finish(&queues), (0, true));
        let (outcome, success) = gone.finish(&queues);
        assert_eq!(outcome == 0, success);
        timer.join().unwrap();
        dequeuer.join().unwrap();
        assert!(queues[0].lock().is_empty());
    });
}
