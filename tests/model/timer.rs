//! Timers: a heap that many arm and run, and a call that is stopped or moved while it begins.
//!
//! The heap's lock makes most of this simple; what is left is who wins. Its `first` is read without
//! the lock, so that an entry is seen there by whoever knows that it was pushed.

use crate::check;
use crate::runtime::Task;
use crate::runtime::nouns::keep;
use crate::runtime::timer::{BATCH, DEADLINE, Deferred, LAST, NEVER, Target, Term, Timers};
use crate::runtime::{Ticket, Waiter};
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;
use std::panic::Location;
use std::sync::Arc;

/// A wait that is still to be ended.
#[derive(Clone, Copy)]
struct Wait {
    task: &'static Task,
    ticket: Ticket,
}

impl Wait {
    fn new() -> Wait {
        let task = Task::take();
        let ticket = task.claim.open();
        Wait { task, ticket }
    }

    fn target(self) -> Target {
        Target::Wait(Waiter::task(self.task), self.ticket)
    }

    fn end(self, case: u32) -> bool {
        self.task.claim.take(self.ticket, case)
    }
}

fn push(timers: &Timers, when: u64, target: Target) -> bool {
    let is_first = timers.push(when, target).ok();
    is_first.expect("an open heap")
}

fn pop(timers: &Timers, now: u64) -> Option<Target> {
    timers.pop_due(now, 1).next()
}

fn fire(target: Target) -> bool {
    match target {
        Target::Wait(waiter, ticket) => waiter.claim().take(ticket, DEADLINE),
        Target::Call(call, term) => call.begin(term).is_some_and(|work| {
            work();
            true
        }),
    }
}

#[test]
fn targets_come_out_in_order_and_the_dead_do_not_count() {
    check(None, || {
        let timers = Timers::new();
        assert_eq!((timers.first(), timers.first_live()), (NEVER, NEVER));
        let waits: Vec<_> = (0..4).map(|_| Wait::new()).collect();
        assert!(push(&timers, 30, waits[3].target()));
        assert!(push(&timers, 10, waits[1].target()));
        assert!(!push(&timers, 20, waits[2].target()));
        assert!(push(&timers, 5, waits[0].target()));
        assert!(pop(&timers, 4).is_none());
        assert!(pop(&timers, 5).is_some_and(fire));
        assert!(waits[1].end(0) && waits[2].end(0));
        assert_eq!(timers.first(), 10);
        assert_eq!((timers.first_live(), timers.first()), (30, 30));
        assert!(pop(&timers, LAST).is_some_and(fire));
        assert_eq!(timers.first(), NEVER);
        assert!(pop(&timers, LAST).is_none());
    });
}

#[test]
fn a_batch_is_what_is_due_up_to_its_limit() {
    check(None, || {
        let timers = Timers::new();
        let waits: Vec<_> = (0..5).map(|_| Wait::new()).collect();
        for (when, wait) in (1..).zip(&waits) {
            push(&timers, when, wait.target());
        }
        let take = |now, limit| timers.pop_due(now, limit).map(fire).filter(|&fired| fired);
        assert_eq!(take(4, 2).count(), 2);
        assert_eq!(timers.first(), 3);
        assert_eq!(take(4, BATCH).count(), 2);
        assert_eq!(timers.first(), 5);
        assert_eq!(take(4, BATCH).count(), 0);
        assert_eq!(take(5, usize::MAX).count(), 1);
        assert_eq!(timers.first(), NEVER);
    });
}

#[test]
fn the_dead_are_swept_before_the_heap_grows() {
    check(None, || {
        let timers = Timers::new();
        let living = Wait::new();
        push(&timers, 1_000, living.target());
        for when in 0..300 {
            let wait = Wait::new();
            push(&timers, when, wait.target());
            assert!(wait.end(0));
        }
        let left: Vec<_> = std::iter::from_fn(|| pop(&timers, LAST)).collect();
        assert!(left.len() < 130, "{} are left", left.len());
        assert_eq!(left.into_iter().map(fire).filter(|&fired| fired).count(), 1);
    });
}

/// Two who run the timers, and one who ends a wait otherwise.
#[test]
fn each_target_is_fired_by_one_or_was_ended() {
    check(None, || {
        let timers = keep(Timers::new());
        let fired = keep(AtomicUsize::new(0));
        let waits = [Wait::new(), Wait::new()];
        push(timers, 1, waits[0].target());
        push(timers, 2, waits[1].target());
        let run = move |limit| {
            for target in timers.pop_due(2, limit) {
                fired.fetch_add(usize::from(fire(target)), Ordering::Relaxed);
            }
        };
        let thief = thread::spawn(move || run(1));
        let ended = thread::spawn(move || waits[0].end(0));
        run(BATCH);
        thief.join().unwrap();
        let ended = usize::from(ended.join().unwrap());
        assert_eq!(fired.load(Ordering::Relaxed) + ended, 2);
    });
}

#[test]
fn who_knows_of_a_push_sees_the_deadline() {
    check(None, || {
        let timers = keep(Timers::new());
        let pushed = keep(AtomicUsize::new(0));
        let pusher = thread::spawn(move || {
            push(timers, 7, Wait::new().target());
            pushed.store(1, Ordering::Release);
        });
        if pushed.load(Ordering::Acquire) == 1 {
            assert_eq!(timers.first(), 7);
            assert!(pop(timers, 7).is_some());
        }
        pusher.join().unwrap();
    });
}

fn call(ran: &'static AtomicUsize) -> Arc<Deferred> {
    let work = move || {
        ran.fetch_add(1, Ordering::Relaxed);
    };
    Deferred::new(Box::new(work), Location::caller())
}

fn begin(call: &Deferred, term: Term) -> bool {
    call.begin(term).map(|work| work()).is_some()
}

#[test]
fn a_call_begins_or_is_stopped() {
    check(None, || {
        let ran = keep(AtomicUsize::new(0));
        let call = call(ran);
        let (term, was_pending) = call.renew().unwrap();
        assert!(!was_pending);
        let beginner = thread::spawn({
            let call = call.clone();
            move || begin(&call, term)
        });
        let stopped = call.stop();
        assert_ne!(beginner.join().unwrap(), stopped);
        assert_eq!(ran.load(Ordering::Relaxed), usize::from(!stopped));
        assert!(!call.stop());
        // What was stopped is to be dropped with the handle; what has begun is gone.
        assert_eq!(call.abandon().is_some(), stopped);
    });
}

#[test]
fn a_call_that_is_moved_begins_in_one_term_only() {
    check(None, || {
        let ran = keep(AtomicUsize::new(0));
        let call = call(ran);
        let (first, _) = call.renew().unwrap();
        let beginner = thread::spawn({
            let call = call.clone();
            move || begin(&call, first)
        });
        let moved = call.renew();
        let first_began = beginner.join().unwrap();
        match moved {
            Some((second, was_pending)) => {
                assert!(was_pending && !first_began);
                assert!(begin(&call, second));
            }
            None => assert!(first_began),
        }
        assert_eq!(ran.load(Ordering::Relaxed), 1);
        assert!(call.renew().is_none() && call.abandon().is_none());
    });
}

#[test]
fn a_pending_call_outlives_its_handle() {
    check(None, || {
        let ran = keep(AtomicUsize::new(0));
        let call = call(ran);
        let (term, _) = call.renew().unwrap();
        let beginner = thread::spawn({
            let call = call.clone();
            move || begin(&call, term)
        });
        assert!(call.abandon().is_none());
        assert!(beginner.join().unwrap());
        assert_eq!(ran.load(Ordering::Relaxed), 1);
    });
}
