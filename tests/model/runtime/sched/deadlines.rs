//! The timers of the models: the real ones (timing.rs) where a model asks for them, else a list of waits.
//!
//! No deadline in the list is due by itself: a model says when, by [`expire`]. Those of threads need none of
//! this. Beside it is one timer that is due as soon as it is armed, by [`arm_due`].

use super::poll;
use super::timing::Timing;
use crate::runtime::claim::Ticket;
use crate::runtime::enter;
use crate::runtime::g::GRef;
use crate::runtime::p::P;
use crate::runtime::timer::{DEADLINE, Target};
use crate::runtime::waiter::Waiter;
use crate::sys::atomic::{AtomicU64, Ordering};
use crate::sys::lock::Lock;
use std::cell::Cell;

pub(crate) struct Timers {
    armed: Lock<Vec<(Waiter, Ticket)>>,
    /// The one timer of a model that says that it has one; 0 while it is not armed.
    first: AtomicU64,
    is_used: Cell<bool>,
    starts: Cell<Option<GRef>>,
    are_real: Cell<bool>,
}

// SAFETY: the cells are written before the threads of a model are made.
unsafe impl Sync for Timers {}

impl Timers {
    pub(super) fn new() -> Timers {
        Timers {
            armed: Lock::new(Vec::new()),
            first: AtomicU64::new(0),
            is_used: Cell::new(false),
            starts: Cell::new(None),
            are_real: Cell::new(false),
        }
    }

    fn real(&self) -> Option<Timing> {
        self.are_real.get().then_some(Timing)
    }

    /// Says that the real timers are to be used, and that there has been one before.
    pub(crate) fn use_real(&self) {
        self.are_real.set(true);
        for p in super::sched().ps() {
            p.timers.open();
            assert_eq!(p.timers.len(), 0);
        }
        assert!(super::sched().netpoll.open_for_timers());
    }

    pub(crate) fn arm(&self, when: u64, waiter: Waiter, ticket: Ticket) {
        match self.real() {
            Some(timing) => timing.arm(when, waiter, ticket),
            None => self.armed.lock().push((waiter, ticket)),
        }
    }

    pub(crate) fn first(&self) -> Option<u64> {
        if let Some(timing) = self.real() {
            return timing.first();
        }
        let first = self
            .is_used
            .get()
            .then(|| self.first.load(Ordering::Relaxed));
        first.filter(|when| *when != 0)
    }

    pub(crate) fn wake_time(&self) -> Option<u64> {
        match self.real() {
            Some(timing) => timing.wake_time(),
            None => self.first(),
        }
    }

    pub(crate) fn is_due(&self) -> bool {
        match self.real() {
            Some(timing) => timing.is_due(),
            None => self.first().is_some(),
        }
    }

    pub(crate) fn look(&self, p: &'static P) {
        if let Some(timing) = self.real() {
            timing.look(p);
        }
    }

    pub(crate) fn run(&self, p: &P, here: &'static P) -> bool {
        if let Some(timing) = self.real() {
            return timing.run(p, here);
        }
        let is_ours = self.is_due() && self.first.swap(0, Ordering::Relaxed) != 0;
        if let (true, Some(g)) = (is_ours, self.starts.get()) {
            enter().start(g);
        }
        is_ours
    }

    pub(crate) fn run_idle(&self, here: &'static P) -> bool {
        match self.real() {
            Some(timing) => timing.run_idle(here),
            None => self.run(here, here),
        }
    }

    /// Where a P that goes out of use has any.
    pub(super) fn push(&self, when: u64, target: Target) {
        Timing.push(when, target);
    }

    /// Says that there will be a timer, and what it starts.
    pub(crate) fn use_one(&self, g: GRef) {
        self.is_used.set(true);
        self.starts.set(Some(g));
        self.first.store(0, Ordering::Relaxed);
    }
}

/// Arms the timer, as timing.rs does with the first.
pub(crate) fn arm_due() {
    super::sched().timers.first.store(1, Ordering::Relaxed);
    poll::expect_timer(1);
}

/// Has all deadlines come that are armed.
pub(crate) fn expire() {
    let armed = std::mem::take(&mut *super::sched().timers.armed.lock());
    for (waiter, ticket) in armed {
        if waiter.claim().take(ticket, DEADLINE) {
            enter().ready(waiter);
        }
    }
}
