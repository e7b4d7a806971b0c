//! Holding a goroutine that waits, against the end of its wait: it goes on once, and not while it is held.
//!
//! What the holder looks at is the cell of [`G::run`], as what it would read of the record and the stack.

use crate::check;
use crate::park_ready::{self, Event};
use crate::runtime::g::{G, GRef};
use crate::runtime::m::M;
use crate::runtime::nouns::set_current;
use crate::runtime::sched::find::find_runnable;
use crate::runtime::sched::hold::Hold;
use crate::runtime::sched::start;
use crate::runtime::status::{Readied, State};
use loom::thread;

/// Runs a goroutine on `m` that waits for the event.
fn run_waiting(m: &'static M, event: &Event, g: GRef) {
    park_ready::run_waiting(m, event, g, |g, commit| {
        g.status.set(State::Waiting);
        park_ready::run_commit(commit);
    });
}

fn look(g: GRef) {
    if let Some(hold) = Hold::take(g) {
        hold.goroutine().look();
    }
}

/// A goroutine waits for an event, which comes; and somebody has to do with the goroutine, and says how
/// often it ran it.
fn one_waits_one_wakes(and: fn(GRef) -> u32) {
    let (sched, event, g) = (start(1, 1), Event::new(), G::with_id(1));
    let m = sched.ms[0];
    let parker = thread::spawn(move || run_waiting(m, event, g));
    let other = thread::spawn(move || and(g));
    event.come();
    let more = other.join().unwrap();
    parker.join().unwrap();
    assert_eq!(g.runs(), 2 + more);
}

#[test]
fn a_goroutine_that_is_held_goes_on_once() {
    check(Some(3), || {
        one_waits_one_wakes(|g| {
            look(g);
            0
        });
    });
}

#[test]
fn two_do_not_hold_one() {
    check(Some(3), || {
        let (sched, event, g) = (start(1, 1), Event::new(), G::with_id(1));
        let m = sched.ms[0];
        let parker = thread::spawn(move || run_waiting(m, event, g));
        // Both write, so the checker would see them meet.
        let hold = move || Hold::take(g).map(|hold| hold.goroutine().run()).is_some();
        let other = thread::spawn(hold);
        let first = u32::from(hold());
        event.come();
        let second = u32::from(other.join().unwrap());
        parker.join().unwrap();
        assert_eq!(g.runs(), 2 + first + second);
    });
}

#[test]
#[should_panic(expected = "Causality violation")]
fn who_only_sees_that_it_waits_looks_while_it_runs() {
    check(Some(3), || {
        one_waits_one_wakes(|g| {
            if g.status.get() == State::Waiting {
                g.look();
            }
            0
        });
    });
}

/// The M's part of a park whose commit refuses.
fn run_refused(m: &'static M, g: GRef, take_back: impl FnOnce(GRef) -> Readied) {
    set_current(Some(m));
    g.status.set(State::Running);
    g.run();
    g.status.set(State::Waiting);
    match take_back(g) {
        Readied::Caller => g.run(),
        Readied::Holder => {
            let (next, _) = find_runnable(m).expect("no M of a model ends by itself");
            assert!(next == g);
            g.status.set(State::Running);
            g.run();
        }
        Readied::Nobody => panic!("it waited"),
    }
}

fn one_refuses_one_looks(take_back: fn(GRef) -> Readied) {
    let (sched, g) = (start(1, 1), G::with_id(1));
    let m = sched.ms[0];
    let parker = thread::spawn(move || run_refused(m, g, take_back));
    let other = thread::spawn(move || look(g));
    look(g);
    other.join().unwrap();
    parker.join().unwrap();
    assert_eq!(g.runs(), 2);
}

#[test]
fn a_goroutine_whose_commit_refuses_while_it_is_held_goes_on_once() {
    check(Some(3), || one_refuses_one_looks(|g| g.status.take_back()));
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_commit_that_refuses_must_see_whether_somebody_holds() {
    check(None, || {
        one_refuses_one_looks(|g| {
            g.status.set(State::Running);
            Readied::Caller
        });
    });
}
