//! An M's life: take a goroutine, run it, see why it came back. Go's `schedule` and `execute`.
//!
//! All of this runs on the M's own stack, which never changes threads (coro.rs, invariant 2).

use super::find::find_runnable;
use super::idle::{self, wake_p};
use super::park::{Token, come_back};
use super::{locked, overflow, ready, reap, sched, spawn, stats};
use crate::runtime::coro::{Stack, Switch};
use crate::runtime::g::GRef;
use crate::runtime::m::{self, M};
use crate::runtime::runq::Slice;
use crate::runtime::status::State;
use crate::sys::atomic::Ordering;
use crate::sys::os;
use std::mem;
use std::ptr::NonNull;

/// The life of an M's thread.
pub(crate) fn m_main(m: &'static M) {
    let bomb = NoUnwind;
    m::set_current(Some(m));
    m.thread.store(os::thread_id(), Ordering::Relaxed);
    overflow::prepare_thread(m);
    idle::await_handed(m);
    while !reap::is_due(m)
        && let Some((g, slice)) = find_runnable(m)
    {
        if let Some(stack) = prepare(m, g, slice) {
            run(m, g, stack);
        }
    }
    reap::end(m);
    mem::forget(bomb);
}

/// Ends the process where a panic would take an M, with its P and all who wait there, out of its loop.
struct NoUnwind;

impl Drop for NoUnwind {
    fn drop(&mut self) {
        crate::sys::fatal!("a panic reached the scheduler");
    }
}

/// Makes `g` the running goroutine and finds the stack to run it on. `None` if it cannot run here:
/// it is locked to another M, or there is no stack for it yet.
#[inline(always)]
fn prepare(m: &'static M, g: GRef, slice: Slice) -> Option<Stack> {
    let p = m.p();
    stats::count_one_more(&p.switches);
    if slice == Slice::Own {
        stats::count_one_more(&p.tick);
        p.preempt.store(false, Ordering::Relaxed);
    }
    // What is still in `runnext` (the global queue had its turn) goes on waiting.
    p.debt.set(u32::from(!p.runq.peek_next().is_null()));
    let locked_m = g.locked_m.get();
    if locked_m != 0 && locked_m != m.id {
        locked::hand_p(m, g);
        return None;
    }
    if cfg!(sudog_chaos) && locked_m == 0 && g.last_m.get() == m.id {
        // Another thread is to run it; it finds another `last_m` there, and us looking for work.
        g.last_m.set(0);
        if idle::hand_over(m, false, Some(g)) {
            return None;
        }
    }
    let stack = match g.stack.get() {
        Some(stack) => stack,
        None => spawn::bind_stack(p, g)?,
    };
    if g.is_new.replace(false) {
        // It starts in its own code, which counts as outside.
        m.set_inside(false);
    }
    g.status.set(State::Running);
    g.last_m.set(m.id);
    m.count_run();
    m.current.set(Some(g));
    Some(stack)
}

/// Runs `g` until it waits, yields or ends. On return `m` may be without a P.
fn run(m: &'static M, g: GRef, stack: Stack) {
    loop {
        // SAFETY: `g` is RUNNING on our behalf and bound to `stack`.
        let switch = unsafe { stack.resume(NonNull::from(m).cast()) };
        m.current.set(None);
        match switch {
            Switch::Park => {
                if park(m, g) {
                    return;
                }
                m.current.set(Some(g));
            }
            Switch::Yield => return requeue(m, g),
            Switch::Preempted => return requeue_for_all(m, g),
            Switch::Exit => {
                // The goroutine's code counts as outside.
                m.set_inside(true);
                come_back(m);
                return spawn::finish(m, g);
            }
        }
    }
}

/// Does what [`run`] does when a goroutine hands control back, for one that cannot: it is on the stack
/// of its M itself, above `run`. Returns when it is its turn again.
///
/// It is locked to the M, which meanwhile runs nobody else.
#[cold]
#[inline(never)]
pub(super) fn switch_in_place(token: &Token, switch: Switch) {
    let Some((m, g)) = token.goroutine() else {
        crate::sys::fatal!("a foreign thread cannot switch")
    };
    debug_assert_eq!(g.locked_m.get(), m.id, "goroutine {} may move", g.id());
    m.current.set(None);
    match switch {
        Switch::Park => {
            if !park(m, g) {
                g.status.set(State::Running);
                return m.current.set(Some(g));
            }
        }
        Switch::Yield => requeue(m, g),
        Switch::Preempted => requeue_for_all(m, g),
        Switch::Exit => crate::sys::fatal!("goroutine {} ended on another's stack", g.id()),
    }
    // `m` has slept in there until somebody brought `g`, with a P.
    let is_back = m.handed_g.take() == Some(g) && prepare(m, g, Slice::Own).is_some();
    if !is_back {
        crate::sys::fatal!("m{} was woken without goroutine {}", m.id, g.id());
    }
}

/// Runs the last step of a park. False if `g` is to go on at once.
#[inline(always)]
fn park(m: &'static M, g: GRef) -> bool {
    let Some(commit) = g.commit.get() else {
        crate::sys::fatal!("goroutine {} parked without a commit", g.id())
    };
    if g.locked_m.get() != 0 {
        return locked::park(m, g, commit);
    }
    g.status.set(State::Waiting);
    // SAFETY: the commit belongs to the park that has just saved its context.
    let parked = unsafe { (commit.run)(commit.arg) };
    // If it parked, `g` is somebody else's by now.
    parked || !ready::take_back(g)
}

/// Queues a goroutine that gave up its turn.
#[inline(always)]
fn requeue(m: &'static M, g: GRef) {
    if g.locked_m.get() != 0 || !m.has_p() {
        return requeue_for_all(m, g);
    }
    g.status.set(State::Runnable);
    let p = m.p();
    stats::count_one_more(&p.yields);
    // As many wait here as before, for this M takes one of them in its place; unless it is one for whom
    // nobody was woken yet.
    let owes = p.debt.get() != 0;
    let spill = p.runq.push_tail(g);
    if owes || spill.is_some() {
        spill
            .into_iter()
            .for_each(|spill| sched().global.push_all(spill));
        wake_p();
    }
}

/// The same for one that any P is to take: its time slice is over, it keeps its thread, or there is no P.
#[cold]
fn requeue_for_all(m: &'static M, g: GRef) {
    // From the push on `g` is somebody else's.
    let is_locked = g.locked_m.get() != 0;
    g.status.set(State::Runnable);
    if m.has_p() {
        stats::count_one_more(&m.p().yields);
        m.p().preempt.store(false, Ordering::Relaxed);
    }
    sched().global.push(g);
    wake_p();
    if is_locked {
        locked::sleep(m);
    }
}
