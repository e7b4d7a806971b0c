//! Parking against the wake that ends it: the goroutine goes on once, and nobody runs it before it
//! has stopped.
//!
//! The goroutine waits for an event as it would for a value in a channel: under the event's lock it
//! queues a sudog if the event has not come, and parks with the lock for its M to release. The waker
//! is a foreign thread: it takes the sudog under the lock and readies the goroutine through the
//! gate. That a resumed goroutine finds all it left, the checker sees at [`G::run`]'s cell.

use crate::check;
use crate::runtime::coro::Commit;
use crate::runtime::g::{G, GRef};
use crate::runtime::m::M;
use crate::runtime::nouns::{keep, set_current};
use crate::runtime::sched::find::find_runnable;
use crate::runtime::sched::start;
use crate::runtime::status::State;
use crate::runtime::waiter::Waiter;
use crate::runtime::{Sudog, WaitQ, enter};
use crate::sys::lock::{Lock, RawLock};
use loom::thread;
use std::ptr::{self, NonNull};

pub(crate) struct Event {
    state: Lock<EventState>,
}

struct EventState {
    has_come: bool,
    waiters: WaitQ,
}

impl Event {
    pub(crate) fn new() -> &'static Event {
        let state = EventState {
            has_come: false,
            waiters: WaitQ::new(),
        };
        keep(Event {
            state: Lock::new(state),
        })
    }

    /// What the goroutine does: the lock to release once it has stopped, or `None` if the event has
    /// come.
    fn queue(&self, g: GRef) -> Option<&RawLock> {
        let mut state = self.state.lock();
        if state.has_come {
            return None;
        }
        let sudog: *const Sudog = keep(Sudog::new(Waiter::goroutine(g), ptr::null_mut()));
        let sudog = NonNull::new(sudog.cast_mut()).expect("a place is not null");
        // SAFETY: under the lock; the sudog is new, and kept.
        unsafe { state.waiters.push(sudog) };
        Some(Lock::leave_locked(state))
    }

    /// What the waker does.
    pub(crate) fn come(&self) {
        let waiter = {
            let mut state = self.state.lock();
            state.has_come = true;
            // SAFETY: under the lock.
            let sudog = unsafe { state.waiters.pop() };
            // SAFETY: we have dequeued it, and its waiter waits.
            sudog.map(|sudog| unsafe { sudog.as_ref().waiter })
        };
        let token = enter();
        waiter.into_iter().for_each(|waiter| token.ready(waiter));
    }
}

/// Runs a goroutine on `m` that waits for the event; `stop` is the M's part of the park.
pub(crate) fn run_waiting(m: &'static M, event: &Event, g: GRef, stop: impl FnOnce(GRef, Commit)) {
    set_current(Some(m));
    g.status.set(State::Running);
    g.run();
    if let Some(lock) = event.queue(g) {
        stop(g, Commit::unlock(lock));
        let (next, _) = find_runnable(m).expect("no M of a model ends by itself");
        assert!(next == g);
        assert_eq!(g.status.get(), State::Runnable);
        g.status.set(State::Running);
    }
    g.run();
}

pub(crate) fn run_commit(commit: Commit) {
    // SAFETY: the commit of this park, called once.
    assert!(unsafe { (commit.run)(commit.arg) });
}

fn a_goroutine_and_a_waker(stop: fn(GRef, Commit)) {
    let (sched, event, g) = (start(1, 1), Event::new(), G::with_id(1));
    let m = sched.ms[0];
    let parker = thread::spawn(move || run_waiting(m, event, g, stop));
    event.come();
    parker.join().unwrap();
    assert_eq!(g.runs(), 2);
}

#[test]
fn a_parked_goroutine_goes_on_once() {
    check(None, || {
        a_goroutine_and_a_waker(|g, commit| {
            g.status.set(State::Waiting);
            run_commit(commit);
        });
    });
}

#[test]
#[should_panic(expected = "was readied while Running")]
fn a_goroutine_that_waits_only_after_the_commit_is_readied_too_early() {
    check(None, || {
        a_goroutine_and_a_waker(|g, commit| {
            run_commit(commit);
            g.status.set(State::Waiting);
        });
    });
}

#[test]
fn one_of_two_wakers_readies() {
    check(Some(2), || {
        let (sched, event, g) = (start(1, 1), Event::new(), G::with_id(1));
        let m = sched.ms[0];
        let parker = thread::spawn(move || {
            run_waiting(m, event, g, |g, commit| {
                g.status.set(State::Waiting);
                run_commit(commit);
            });
        });
        let other = thread::spawn(|| event.come());
        event.come();
        other.join().unwrap();
        parker.join().unwrap();
        assert_eq!(g.runs(), 2);
    });
}
