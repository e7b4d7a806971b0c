//! A goroutine that keeps its thread: the thread waits with it. Go's `stoplockedm`, `startlockedm`.
//!
//! Its M gives the P away and sleeps, on no list, so that only the goroutine wakes it: whoever takes that
//! from a queue hands it over, with its own P, and looks for another P itself.
//!
//! `locked_ms` counts these Ms, for those who ask whether all are asleep. Each counts itself, but not before
//! its goroutine can be found, and whoever finds it takes the count back: perhaps first. So too few are
//! counted at times, and never one that may yet do something: a commit that refuses, too, comes before. (One that
//! was counted first, and held up by the system then, was taken for the sign of a deadlock by sysmon.)

use super::{idle, ready, sched};
use crate::runtime::coro::Commit;
use crate::runtime::g::GRef;
use crate::runtime::m::{Handed, M};
use crate::runtime::status::State;
use crate::sys;

/// Gives the P of `owner`, with a goroutine to run, to the M that the goroutine is locked to.
#[cold]
pub(crate) fn hand_p(owner: &M, g: GRef) {
    let m = M::by_id(g.locked_m.get());
    let p = owner.p();
    let word = p.word.give_up(owner.word.get(), Some(m.id));
    owner.drop_p();
    m.handed.set(Some(Handed {
        p,
        word,
        spinning: false,
        g: Some(g),
    }));
    sched().idle.lock().locked_ms -= 1;
    m.note.wake();
}

/// Runs the last step of the park of `g`, which keeps its thread, that of `m`: it waits with it. False if `g`
/// is to go on at once.
#[cold]
pub(crate) fn park(m: &'static M, g: GRef, commit: Commit) -> bool {
    g.status.set(State::Waiting);
    // SAFETY: the commit belongs to the park that has just saved its context.
    let parked = unsafe { (commit.run)(commit.arg) } || !ready::take_back(g);
    if parked {
        sleep(m);
    }
    parked
}

/// Gives the P away and sleeps until the goroutine locked to `m`, which others can find by now, comes back
/// with one.
pub(super) fn sleep(m: &'static M) {
    if m.has_p() && !idle::hand_over(m, false, None) {
        sys::fatal!(
            "{} threads are in use, the limit, and a goroutine that must keep its own waits (it unwinds, \
             or is in `no_park` or `on_system_stack`); raise it with Config::max_threads",
            sched().settings().max_threads
        );
    }
    sched().idle.lock().locked_ms += 1;
    idle::await_handed(m);
}
