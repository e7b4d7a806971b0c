//! Deadlines among Ps: each fires once and not early, whoever armed it, and whatever becomes of its P.
//!
//! These models run the real `timing`, `timer` and `poll` on what the models of idling run (idle.rs). One M
//! arms, or a foreign thread; another, or the same, is to fire. A deadline that is lost, or that nobody wakes
//! for, shows as a deadlock. There is no watcher: what an M arms while it goes on is seen to by whoever polls.

use crate::check;
use crate::idle::{Life, Ran, become_goroutine_on, finish, leave_goroutine, live, spawn_m};
use crate::runtime::enter;
use crate::runtime::g::{G, GRef};
use crate::runtime::m::M;
use crate::runtime::sched::{Sched, sched, start};
use crate::runtime::status::State;
use crate::runtime::{Ticket, Waiter};
use crate::sys::os;
use loom::thread;

/// Some looks at the clock away.
const WHEN: u64 = 10_000;

/// A goroutine that waits for a deadline, which the caller arms.
#[derive(Clone, Copy)]
struct Sleeper {
    g: GRef,
    ticket: Ticket,
}

impl Sleeper {
    fn new(id: u64) -> Sleeper {
        let g = G::with_id(id);
        let ticket = g.claim.open();
        g.status.set(State::Waiting);
        Sleeper { g, ticket }
    }

    /// Arms, as the goroutine that the calling thread becomes, on `m`.
    fn arm_on(self, m: &'static M) {
        become_goroutine_on(m);
        let _inside = enter();
        self.arm(WHEN);
    }

    fn arm(self, when: u64) {
        let waiter = Waiter::goroutine(self.g);
        sched().timers.arm(when, waiter, self.ticket);
    }
}

/// As `start`, with the real timers.
fn start_timed(p_count: u32, m_count: u32) -> (&'static Sched, &'static Ran) {
    let (sched, ran) = (start(p_count, m_count), Ran::new());
    sched.timers.use_real();
    (sched, ran)
}

/// Ends the models: all have run, and not early.
fn finish_late(ms: Vec<Life>, ran: &Ran, goroutines: &[GRef]) {
    ran.wait_for(goroutines.len());
    assert!(os::last_nanotime() >= WHEN, "a timer fired early");
    finish(ms, ran, goroutines);
    assert_eq!(sched().timers.first(), None);
}

#[test]
fn a_deadline_of_a_foreign_thread_is_waited_for_by_an_m() {
    check(Some(2), || {
        let (sched, ran) = start_timed(1, 1);
        let sleeper = Sleeper::new(1);
        let m = spawn_m(sched.ms[0], ran);
        sleeper.arm(WHEN);
        finish_late(vec![m], ran, &[sleeper.g]);
    });
}

/// An M arms and goes on in its goroutine; another, which idles or steals, fires what is due there.
#[test]
fn a_deadline_of_an_m_that_goes_on_is_fired_by_another() {
    check(Some(1), || {
        let (sched, ran) = start_timed(2, 2);
        let sleeper = Sleeper::new(1);
        let owner = sched.ms[0];
        let owner = Life::spawn(owner, move || {
            sleeper.arm_on(owner);
            ran.wait_for(1);
            leave_goroutine(owner);
            live(owner, ran);
        });
        let thief = spawn_m(sched.ms[1], ran);
        finish_late(vec![owner, thief], ran, &[sleeper.g]);
    });
}

/// An M arms and looks for work at once, as another does: each may be first to see that it is due.
#[test]
fn a_deadline_is_fired_by_its_owner_or_by_a_thief() {
    check(Some(1), || {
        let (sched, ran) = start_timed(2, 2);
        let sleeper = Sleeper::new(1);
        let owner = sched.ms[0];
        let owner = Life::spawn(owner, move || {
            sleeper.arm_on(owner);
            leave_goroutine(owner);
            live(owner, ran);
        });
        let thief = spawn_m(sched.ms[1], ran);
        finish_late(vec![owner, thief], ran, &[sleeper.g]);
    });
}

/// An M that has lent its P arms there, while the P goes out of use.
#[test]
fn a_deadline_armed_at_a_p_that_goes_out_of_use_fires() {
    check(Some(1), || {
        let (sched, ran) = start_timed(2, 2);
        let lent = Ran::new();
        let sleeper = Sleeper::new(1);
        let lender = sched.ms[1];
        let lender = Life::spawn(lender, move || {
            become_goroutine_on(lender);
            let mut token = enter();
            token.lend_on_leaving();
            drop(token);
            lent.one_more();
            // Of the P that it had.
            sleeper.arm(WHEN);
            ran.wait_for(1);
            drop(enter());
            leave_goroutine(lender);
            live(lender, ran);
        });
        let other = spawn_m(sched.ms[0], ran);
        lent.wait_for(1);
        sched.procs().follow(|| 1);
        while sched.procs().resize() {
            thread::yield_now();
        }
        finish_late(vec![lender, other], ran, &[sleeper.g]);
    });
}
