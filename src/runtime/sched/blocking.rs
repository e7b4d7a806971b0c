//! Calls that block the thread. Go's `entersyscall`, `entersyscallblock`, `exitsyscall`.
//!
//! Before the call the goroutine parts from its P. If somebody waits for a P and no M is looking for
//! work, it is handed to another M at once; otherwise it is lent: anyone may take it with one swap,
//! and if nobody does, coming back is one swap too. Lending is a way of idling, so the lender looks
//! for work once more afterwards, as in counters.rs. sysmon takes lent Ps that have work.

use super::park::Token;
use super::{find, idle, park, sched};
use crate::runtime::g::GRef;
use crate::runtime::m::{self, M};
use crate::runtime::parker::Parker;
use crate::sys::atomic::{Ordering, fence};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// Runs `f`, which may block the thread, while others have the P.
pub(crate) fn blocking<T>(f: impl FnOnce() -> T) -> T {
    let Some(g) = park::current_g() else {
        return f();
    };
    part_from_p();
    // Caught, because coming back may wait for a P, which an unwinding goroutine had better not.
    let result = catch_unwind(AssertUnwindSafe(f));
    leave_blocking(g);
    drop(park::enter_blocking());
    match result {
        Ok(value) => value,
        Err(payload) => resume_unwind(payload),
    }
}

/// Hands the P over, or has it lent when the bracket closes.
#[inline(never)]
fn part_from_p() {
    let mut token = park::enter_blocking();
    let Some((m, g)) = token.goroutine() else {
        return;
    };
    g.blocking_depth.set(g.blocking_depth.get() + 1);
    m.set_blocking(true);
    let is_waited_for = || token.p().is_some_and(find::is_work_waiting);
    if !token.was_inside() && sched().counters.read().spinning() == 0 && is_waited_for() {
        // Without a thread to hand it to, the P is lent like any other.
        idle::hand_over(m, false, None);
    }
    token.lend_on_leaving();
}

/// Leaves one level of keeping the thread.
#[inline(never)]
fn leave_blocking(g: GRef) {
    g.blocking_depth.set(g.blocking_depth.get() - 1);
    if g.blocking_depth.get() == 0
        && let Some(m) = m::current()
    {
        m.set_blocking(false);
    }
}

/// Has the thread sleep on its parker until its wait is over, while others have the P.
///
/// For operations that never switch. On return the goroutine may be without a P; it gets one at its
/// next blocking operation.
pub(crate) fn sleep_in_place(mut token: Token, parker: &'static Parker) {
    let Some((m, g)) = token.goroutine() else {
        drop(token);
        parker.sleep();
        return parker.end_wait();
    };
    let depth = g.blocking_depth.get();
    g.blocking_depth.set(depth + 1);
    m.set_blocking(true);
    if !token.was_inside() && token.p().is_some() && !idle::hand_over(m, false, None) {
        token.lend_on_leaving();
    }
    drop(token);
    parker.note.sleep();
    parker.end_wait();
    leave_blocking(g);
}

/// Lends the P of `m`, which is about to leave the gate.
pub(crate) fn lend(m: &M) {
    let p = m.p();
    // Counted first: a count too high makes somebody look in vain, one too low hides the P.
    sched().lent.fetch_add(1, Ordering::Relaxed);
    p.word.lend(m.word.get());
    // SeqCst: pairs with the fence of makers, who read `lent` after it.
    fence(Ordering::SeqCst);
    if find::is_work_waiting(p) {
        idle::wake_p();
    }
}
