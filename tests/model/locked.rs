//! A goroutine that keeps its thread: handed on while it parks, it goes on once, on that thread; and nobody
//! takes its thread for asleep while it may yet do something.
//!
//! These models run the real `locked`, on what the models of idling run (idle.rs). The goroutine waits for a
//! flag, whose commit looks once more whether it was raised, and refuses then.

use crate::check;
use crate::idle::{Ran, become_goroutine_on};
use crate::runtime::coro::Commit;
use crate::runtime::enter;
use crate::runtime::g::{G, GRef};
use crate::runtime::m::{M, set_current};
use crate::runtime::nouns::{keep, until_the_end};
use crate::runtime::sched::find::find_runnable;
use crate::runtime::sched::{Sched, idle, locked, sched, start};
use crate::runtime::status::{Readied, State};
use crate::runtime::waiter::Waiter;
use crate::sys::lock::Lock;
use loom::thread;
use std::ptr;

/// What the goroutine waits for.
struct Flag {
    state: Lock<FlagState>,
}

struct FlagState {
    is_up: bool,
    waiter: Option<GRef>,
}

impl Flag {
    fn new() -> &'static Flag {
        keep(Flag {
            state: Lock::new(FlagState {
                is_up: false,
                waiter: None,
            }),
        })
    }

    fn raise(&self) {
        let waiter = {
            let mut state = self.state.lock();
            state.is_up = true;
            state.waiter.take()
        };
        let token = enter();
        waiter
            .into_iter()
            .for_each(|g| token.ready(Waiter::goroutine(g)));
    }
}

/// Who waits for what.
struct Wait {
    g: GRef,
    flag: &'static Flag,
}

impl Wait {
    fn commit(&self) -> Commit {
        Commit {
            run: commit,
            arg: ptr::from_ref(self).cast_mut().cast(),
        }
    }
}

unsafe fn commit(wait: *mut ()) -> bool {
    // SAFETY: the wait of `Wait::commit`, which is kept.
    let wait = unsafe { &*wait.cast::<Wait>() };
    let mut state = wait.flag.state.lock();
    if !state.is_up {
        state.waiter = Some(wait.g);
    }
    !state.is_up
}

/// As in deadlock.rs.
fn are_all_asleep(sched: &Sched) -> bool {
    let idle = sched.idle.lock();
    idle.all_asleep() && sched.global.is_empty()
}

/// The part of the M that has the P meanwhile: it brings what it finds, as in run.rs.
fn bring(m: &'static M) {
    set_current(Some(m));
    idle::await_handed(m);
    loop {
        let (g, _) = find_runnable(m).expect("no M of a model ends by itself");
        assert_ne!(g.locked_m.get(), m.id);
        locked::hand_p(m, g);
    }
}

/// A goroutine waits with its thread, a foreign thread ends the wait, and looks whether all sleep then.
fn one_waits_one_wakes(park: fn(&'static M, GRef, Commit) -> bool) {
    let (sched, flag, looked) = (start(1, 2), Flag::new(), Ran::new());
    let (m, other) = (sched.ms[0], sched.ms[1]);
    let g = G::with_id(1);
    let wait = keep(Wait { g, flag });
    let parker = thread::spawn(move || {
        become_goroutine_on(m);
        m.set_inside(true);
        m.current.set(None);
        g.locked_m.set(m.id);
        g.status.set(State::Running);
        g.run();
        if park(m, g, wait.commit()) {
            assert!(m.handed_g.take() == Some(g), "woken without its goroutine");
            assert_eq!(g.status.get(), State::Runnable);
        }
        assert!(m.has_p() && m.p().word.is(m.word.get()));
        g.run();
        // It goes on for as long as it takes.
        looked.wait_for(1);
    });
    let bringer = thread::spawn(move || until_the_end(|| bring(other)));
    flag.raise();
    assert!(!are_all_asleep(sched), "a deadlock is reported");
    looked.one_more();
    parker.join().unwrap();
    other.note.end();
    bringer.join().unwrap();
    assert_eq!(g.runs(), 2);
    assert_eq!(sched.idle.lock().locked_ms, 0);
}

#[test]
fn a_goroutine_that_waits_with_its_thread_goes_on_once() {
    check(Some(2), || one_waits_one_wakes(locked::park));
}

/// As it was once: the M gives its P away and counts itself before the commit.
fn park_counted(m: &'static M, g: GRef, commit: Commit) -> bool {
    g.status.set(State::Waiting);
    assert!(idle::hand_over(m, false, None));
    sched().idle.lock().locked_ms += 1;
    // SAFETY: the commit of this park, called once.
    if unsafe { (commit.run)(commit.arg) } {
        idle::await_handed(m);
        // What `find_runnable` would do.
        return true;
    }
    assert!(g.status.take_back() == Readied::Caller);
    sched().idle.lock().locked_ms -= 1;
    while !m.has_p() {
        idle::acquire_p(m);
        thread::yield_now();
    }
    false
}

#[test]
#[should_panic(expected = "a deadlock is reported")]
fn a_thread_that_is_counted_before_the_commit_is_taken_for_asleep() {
    check(Some(2), || one_waits_one_wakes(park_counted));
}
