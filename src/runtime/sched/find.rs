//! Where the next goroutine comes from. Go's `findRunnable`.
//!
//! In this order: what came with the P; every 61st time slice the global queue, lest two busy
//! goroutines that ready each other starve it; `runnext` and the local queue; due timers, also of Ps that
//! idle; the global queue; a P whose M seems not to run; events of descriptors; the other Ps. If there is
//! nothing: idle the P, look once more, sleep, one M in the poller.

use super::counters::Counts;
use super::idle::{self, stop_m, wake_p};
use super::{debt, poll, sched, stats};
use crate::runtime::g::{GList, GRef};
use crate::runtime::m::M;
use crate::runtime::p::P;
use crate::runtime::pword::State;
use crate::runtime::runq::{LOCAL_MAX, Slice, Stolen};
use crate::sys::atomic::Ordering;
use crate::sys::os;

/// How often the global queue comes first: a prime, so that it falls in step with nothing.
const GLOBAL_EVERY: u64 = 61;

/// How long `runnext` must stay the same before a thief takes it: its own M most likely will.
const RUNNEXT_UNTOUCHED_NS: u64 = 3_000;

/// Finds a goroutine for `m`, sleeping until there is one; then `m` has a P. `None` if it is to end.
pub(crate) fn find_runnable(m: &'static M) -> Option<(GRef, Slice)> {
    loop {
        if let Some(g) = m.handed_g.take() {
            return Some((g, Slice::Own));
        }
        if !m.has_p() {
            stop_m(m);
        } else if let Some(found) = find_local(m).or_else(|| find_shared(m)) {
            if m.spinning.get() {
                reset_spinning(m);
            }
            return Some(found);
        } else {
            go_idle(m);
        }
        if m.is_ending.get() {
            return None;
        }
    }
}

/// What the P has, and the global queue in its turn.
#[inline]
fn find_local(m: &M) -> Option<(GRef, Slice)> {
    let (sched, p) = (sched(), m.p());
    if p.preempt.load(Ordering::Relaxed) {
        end_slice(p);
    }
    if !sched.global.is_empty()
        && p.tick.load(Ordering::Relaxed).is_multiple_of(GLOBAL_EVERY)
        && let Some(g) = sched.global.pop(1).pop_front()
    {
        return Some((g, Slice::Own));
    }
    sched.timers.look(p);
    p.runq.pop()
}

/// Ends a time slice that a chain of goroutines has shared, each in the `runnext` of the one before.
#[cold]
fn end_slice(p: &P) {
    p.preempt.store(false, Ordering::Relaxed);
    if let Some(g) = p.runq.take_next() {
        sched().global.push(g);
        wake_p();
    }
}

/// What belongs to all, and what belongs to others.
#[cold]
fn find_shared(m: &'static M) -> Option<(GRef, Slice)> {
    if sched().timers.run_idle(m.p())
        && let Some((g, _)) = m.p().runq.pop()
    {
        return Some((g, Slice::Own));
    }
    if let Some(g) = take_global_batch(m.p()) {
        return Some((g, Slice::Own));
    }
    if let Some(g) = take_from_stalled(m) {
        return Some((g, Slice::Own));
    }
    if let Some(g) = poll::look_in_passing(m) {
        return Some((g, Slice::Own));
    }
    if sched().ps().len() == 1 || !may_spin(m) {
        return None;
    }
    if !m.spinning.get() {
        m.spinning.set(true);
        sched().counters.start_spinning();
    }
    steal(m).map(|g| (g, Slice::Own))
}

/// This P's share of the global queue: runs the first, keeps the rest.
fn take_global_batch(p: &P) -> Option<GRef> {
    let sched = sched();
    let len = sched.global.len();
    if len == 0 {
        return None;
    }
    let share = (len / sched.ps().len() + 1).min(LOCAL_MAX / 2);
    let mut batch = sched.global.pop(share);
    let first = batch.pop_front();
    if batch.len() > 0 {
        keep_all(p, batch);
        // Between the two queues they were in none: an M that looked then has gone to sleep.
        wake_p();
    }
    first
}

/// Takes half of what waits at another P, if that has run nothing since somebody looked last: the system
/// runs something else on its M's processor, most likely, and what waits there came before any event that
/// is yet to be looked for. Where events always come it would wait until that M runs again, milliseconds.
fn take_from_stalled(m: &'static M) -> Option<GRef> {
    let (ps, p) = (sched().ps(), m.p());
    let others = ps.len() - 1;
    // Without descriptors stealing comes next anyway.
    if others == 0 || !sched().netpoll.has_descriptors() {
        return None;
    }
    let distance = 1 + m.random() as usize % others;
    let victim = ps[(p.id as usize + distance) % ps.len()];
    if victim.runq.is_local_empty() {
        return None;
    }
    let switches = victim.switches.load(Ordering::Relaxed);
    if victim.switches_seen.load(Ordering::Relaxed) != switches {
        victim.switches_seen.store(switches, Ordering::Relaxed);
        return None;
    }
    let Stolen::One(g) = victim.runq.steal_into(&p.runq) else {
        return None;
    };
    if !p.runq.is_local_empty() {
        // As in `take_global_batch`.
        wake_p();
    }
    Some(g)
}

/// Puts goroutines at the tail of the P's queue; what does not fit goes to the global one.
fn keep_all(p: &P, mut goroutines: GList) {
    goroutines.prefetch();
    while let Some(g) = goroutines.pop_front() {
        if let Some(spill) = p.runq.push_tail(g) {
            sched().global.push_all(spill);
        }
    }
}

/// At most half as many spin as are busy: more would only take each other's time.
fn may_spin(m: &M) -> bool {
    let counts: Counts = sched().counters.read();
    let busy = sched().ps().len().saturating_sub(counts.idle());
    m.spinning.get() || 2 * counts.spinning() < busy
}

/// Four rounds over the other Ps, each in an order of its own; timers and `runnext` only in the last.
fn steal(m: &'static M) -> Option<GRef> {
    const ROUNDS: u32 = 4;
    let sched = sched();
    let ps = sched.ps();
    for round in 1..=ROUNDS {
        for p in StealOrder::new(ps.len(), m.random()) {
            let victim = ps[p];
            if std::ptr::eq(victim, m.p()) {
                continue;
            }
            if round == ROUNDS
                && sched.timers.run(victim, m.p())
                && let Some((g, _)) = m.p().runq.pop()
            {
                return Some(g);
            }
            // A P that idles has timers, which have been seen to, and nothing else.
            if victim.word.read().state() == State::Idle {
                continue;
            }
            let stolen = match victim.runq.steal_into(&m.p().runq) {
                Stolen::One(g) => Some(g),
                _ if round == ROUNDS => steal_next(victim),
                _ => None,
            };
            if stolen.is_some() {
                stats::count_one_more(&m.p().steals);
                return stolen;
            }
        }
    }
    None
}

/// Takes the victim's `runnext` if it stays untouched for a while.
fn steal_next(victim: &P) -> Option<GRef> {
    let seen = victim.runq.peek_next();
    if seen.is_null() {
        return None;
    }
    let start = os::nanotime();
    while os::nanotime() - start < RUNNEXT_UNTOUCHED_NS {
        if victim.runq.peek_next() != seen {
            return None;
        }
        std::hint::spin_loop();
    }
    victim.runq.steal_next(seen)
}

/// Visits each of `count` Ps once: from a random start in strides coprime to the count.
pub(crate) struct StealOrder {
    count: usize,
    at: usize,
    stride: usize,
    left: usize,
}

impl StealOrder {
    pub(crate) fn new(count: usize, random: u32) -> StealOrder {
        let random = random as usize;
        let mut stride = random / count % count + 1;
        while gcd(stride, count) != 1 {
            stride = stride % count + 1;
        }
        StealOrder {
            count,
            at: random % count,
            stride,
            left: count,
        }
    }
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

impl Iterator for StealOrder {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        self.left = self.left.checked_sub(1)?;
        let at = self.at;
        self.at = (at + self.stride) % self.count;
        Some(at)
    }
}

/// An M that has found work stops spinning, and another takes its place: there may be more.
fn reset_spinning(m: &M) {
    m.spinning.set(false);
    sched().counters.stop_spinning();
    wake_p();
}

/// Idles P and M, looks at everything once more, and sleeps until there is work.
///
/// The second look is what makes the first one safe: see counters.rs, step d. Every M takes it, not
/// only one that was spinning, so a maker may trust the idle count without a lock.
fn go_idle(m: &'static M) {
    let sched = sched();
    debt::note_rest(m.p());
    idle::release_p(m);
    if m.spinning.take() {
        sched.counters.stop_spinning();
    }
    if is_work_anywhere() && idle::take_back_p(m) {
        m.spinning.set(true);
        sched.counters.start_spinning();
        return;
    }
    poll::sleep(m);
}

/// The last re-check. `runnext` does not count: its P runs it next, or the debt is paid.
pub(crate) fn is_work_anywhere() -> bool {
    let sched = sched();
    !sched.global.is_empty()
        || sched.timers.is_due()
        || sched.ps().iter().any(|p| !p.runq.is_local_empty())
}

/// Whether goroutines wait for a P, in `p` or anywhere; for those who may part from `p`.
pub(crate) fn is_work_waiting(p: &P) -> bool {
    !p.runq.is_empty() || is_work_anywhere()
}
