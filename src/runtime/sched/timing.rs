//! Waits that end by themselves: deadlines of goroutines and futures, and calls that begin later.
//!
//! Each P has a heap of them (runtime/timer.rs), in which the M that has it arms, so that Ms seldom meet
//! at its lock. What is due is fired by
//!
//! - the M that has the P, when it looks for work, and every few goroutines before that;
//! - any M that has run out of work, for the Ps that idle: so nothing is handed on when a P idles;
//! - a thief, in its last round, for those whose M is stuck in something, but for those this has in hand;
//! - sysmon, where a P is free and nobody looked in time, or all are in use by goroutines that go on and
//!   on.
//!
//! The poller, or sysmon where nobody polls, sleeps no longer than until the first deadline of all, and
//! who arms an earlier one has it woken (poll.rs, invariant 3). A thread that waits with a deadline needs
//! none of this, it sleeps with a limit.
//!
//! Firing runs nothing of the user's: goroutines are readied, wakers are called in a goroutine of ours,
//! and calls begin in goroutines of their own.

use super::global::push_behind;
use super::spawn::spawn_task;
use super::{debt, park, poll, ready, sched};
use crate::runtime::claim::Ticket;
use crate::runtime::coro::Stack;
use crate::runtime::m::{self, M};
use crate::runtime::p::P;
use crate::runtime::pword::State;
use crate::runtime::task::Task;
use crate::runtime::timer::{BATCH, DEADLINE, Deferred, LAST, NEVER, Target};
use crate::runtime::waiter::{Kind, Waiter};
use crate::sys::atomic::Ordering;
use crate::sys::{self, os};
use std::panic::Location;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use std::{iter, ptr};

/// An instant far enough that nobody will see it.
pub(crate) fn far_future() -> Instant {
    Instant::now() + Duration::from_secs(60 * 60 * 24 * 365 * 30)
}

/// Wakes a future at `when`, unless its task's claim has moved on by then. Starts the runtime.
pub(crate) fn wake_at(task: &'static Task, when: Instant) {
    sched().settings();
    let ticket = task.claim.open();
    let when = monotonic(when);
    sched().timers.arm(when, Waiter::task(task), ticket);
}

/// Begins a call after `delay`, or moves its beginning there; whether it was pending, or `None` if it
/// has begun. Starts the runtime.
pub(crate) fn call_after(call: &Arc<Deferred>, delay: Duration) -> Option<bool> {
    sched().settings();
    let (term, was_pending) = call.renew()?;
    let delay = u64::try_from(delay.as_nanos()).unwrap_or(LAST);
    let when = os::nanotime().saturating_add(delay).min(LAST);
    sched()
        .timers
        .push(when, Target::Call(Arc::clone(call), term));
    Some(was_pending)
}

/// An instant as the time that `os::nanotime` will tell; not earlier, and at most [`LAST`].
pub(crate) fn monotonic(when: Instant) -> u64 {
    /// One moment on both clocks, which run alike. The first was read first, so what is computed from
    /// them is never early.
    static EPOCH: OnceLock<(Instant, u64)> = OnceLock::new();
    let (instant, nanos) = *EPOCH.get_or_init(|| (Instant::now(), os::nanotime()));
    let since = match when.checked_duration_since(instant) {
        Some(since) => u64::try_from(since.as_nanos()).unwrap_or(LAST),
        None => return 0,
    };
    nanos.saturating_add(since).min(LAST)
}

/// How many goroutines a P runs between two looks at its timers: a look at the clock costs as much as
/// a switch or two.
const LOOK_EVERY: u64 = 8;

/// How many of a P's timers are fired in one go, before those who were readied run.
const FIRED_MAX: usize = 64;

/// How late a timer may be before sysmon fires it, while a P is free and while all are in use.
const OVERDUE_NS: u64 = 500_000;
const OVERDUE_BUSY_NS: u64 = 10_000_000;

/// Timers are *dense* if this many are due within this time of each other. Then whoever sleeps until the
/// first does so a little longer and wakes for all of them: each wake costs as much as firing many.
const DENSE: usize = 4;
const DENSE_NS: u64 = 200_000;

/// All timers of all Ps.
pub(crate) struct Timing;

impl Timing {
    /// Ends a wait at `when` (ns of the monotonic clock), unless something else ends it before.
    pub(crate) fn arm(&self, when: u64, waiter: Waiter, ticket: Ticket) {
        self.push(when, Target::Wait(waiter, ticket));
    }

    /// Adds a deadline to the heap of the caller's P, or of any other.
    pub(super) fn push(&self, when: u64, mut target: Target) {
        let mut p = home();
        let is_first = loop {
            match p.timers.push(when, target) {
                Ok(is_first) => break is_first,
                // Closed: the P was taken out of use, and maybe from us.
                Err(refused) => (target, p) = (refused, any()),
            }
        };
        if is_first {
            poll::expect_timer(when);
        }
    }

    /// The first deadline, if there is one.
    pub(crate) fn first(&self) -> Option<u64> {
        let ps = sched().ps().iter();
        let first = ps.map(|p| p.timers.first()).min()?;
        (first != NEVER).then_some(first)
    }

    /// Whether anything will happen by itself.
    pub(crate) fn is_any_live(&self) -> bool {
        sched().ps().iter().any(|p| p.timers.first_live() != NEVER)
    }

    pub(crate) fn is_due(&self) -> bool {
        self.first().is_some_and(|first| first <= os::nanotime())
    }

    /// Does some of what is due of `p`, for its owner, every few goroutines: those that are queued do
    /// not keep it waiting.
    #[inline]
    pub(crate) fn look(&self, p: &'static P) {
        if p.timers.first() != NEVER
            && p.switches
                .load(Ordering::Relaxed)
                .is_multiple_of(LOOK_EVERY)
        {
            self.run(p, p);
        }
    }

    /// Does some of what is due of `p`, and queues at `here`, the caller's, whom that readies; true if
    /// there was any.
    #[inline]
    pub(crate) fn run(&self, p: &P, here: &'static P) -> bool {
        p.timers.first() != NEVER && run_some(iter::once(p), here)
    }

    /// Does some of what is due of `here`, the caller's, and of all Ps that idle; true if there was any.
    ///
    /// A thief would find the latter too, but he has another M woken for what else there may be to steal.
    pub(crate) fn run_idle(&self, here: &'static P) -> bool {
        let is_ours = |p: &P| ptr::eq(p, here) || p.word.read().state() == State::Idle;
        let ps = sched().ps().iter().copied();
        let mut ours = ps
            .filter(|p| p.timers.first() != NEVER && is_ours(p))
            .peekable();
        ours.peek().is_some() && run_some(ours, here)
    }

    /// When whoever sleeps until the first timer is to wake: then, or a little later if many are due
    /// until then.
    pub(crate) fn wake_time(&self) -> Option<u64> {
        let first = self.first()?;
        let limit = first.saturating_add(DENSE_NS);
        let ps = sched().ps().iter();
        let count: usize = ps.map(|p| p.timers.count_before(limit, DENSE)).sum();
        Some(if count < DENSE { first } else { limit })
    }

    /// When sysmon is to see to the first timer, unless somebody else has.
    pub(crate) fn overdue_time(&self) -> Option<u64> {
        Some(self.first()?.saturating_add(overdue_ns()))
    }

    /// Does what is due and nobody else did in time, for sysmon.
    pub(crate) fn run_overdue(&self, now: u64) {
        let due = now.saturating_sub(overdue_ns());
        if self.first().is_some_and(|first| first <= due) {
            run_all(now);
        }
    }
}

/// How late a timer must be for sysmon to fire it. While all Ps are in use those who could be readied
/// would have to wait for one, whose own M looks at its timers before it runs the next.
fn overdue_ns() -> u64 {
    if !sched().netpoll.is_open() {
        0
    } else if poll::is_p_free() {
        OVERDUE_NS
    } else {
        OVERDUE_BUSY_NS
    }
}

/// Does some of what is due of `ps`, as one batch, whose goroutines are queued at `here`, the caller's.
#[cold]
#[inline(never)]
fn run_some<'a>(ps: impl Iterator<Item = &'a P>, here: &'static P) -> bool {
    let now = os::nanotime();
    let mut fired = Fired::default();
    for p in ps.filter(|p| p.timers.first() <= now) {
        // What spills would go behind all that wait in the global queue.
        let mut left = here.runq.room().clamp(1, FIRED_MAX);
        while left > 0 {
            let count = fire_batch(p, now, left, here, &mut fired);
            left = if count < BATCH { 0 } else { left - count };
        }
    }
    if fired.count > 1 {
        // One of them runs here next.
        debt::note_batch(here, now);
    }
    fired.finish()
}

/// Does at most `limit` of what is due of `p`, and returns how many timers that were.
fn fire_batch(p: &P, now: u64, limit: usize, here: &P, fired: &mut Fired) -> usize {
    let mut stacks = [const { None }; BATCH];
    let mut count = 0;
    for target in p.timers.pop_due(now, limit) {
        let is_first = fired.count == 0;
        fired.fire(target, |waiter| {
            stacks[count] = ready_at(here, waiter, is_first)
        });
        count += 1;
    }
    // They run in a moment, most likely. Each is a miss of the TLB, and all are looked up at a time.
    stacks.into_iter().flatten().for_each(Stack::prefetch);
    count
}

/// Readies a goroutine at `p`, the caller's own: the first of several before all others there, lest it
/// wait for a chain of goroutines that ready each other, and the rest behind them. Returns its stack.
fn ready_at(p: &P, waiter: Waiter, is_first: bool) -> Option<Stack> {
    let g = match waiter.kind() {
        Kind::Goroutine(g) => g,
        Kind::Early(g) if g.latch.ready() => g,
        Kind::Early(_) => return None,
        Kind::Thread(_) | Kind::Task(_) => sys::fatal!("a timer was to ready a thread or a future"),
    };
    if !ready::make_runnable(g) {
        return None;
    }
    let stack = g.stack.get();
    let behind = if is_first {
        p.runq.push_next(g)
    } else {
        Some(g)
    };
    behind.into_iter().for_each(|g| push_behind(p, g));
    stack
}

#[cold]
fn run_all(now: u64) {
    let token = park::enter();
    let mut fired = Fired::default();
    for p in sched().ps() {
        while p.timers.first() <= now {
            let batch = p.timers.pop_due(now, BATCH);
            batch.for_each(|target| fired.fire(target, |waiter| token.ready(waiter)));
        }
    }
    fired.finish();
}

/// The P whose timers an M arms: its own, or the one it last had. Those of other threads go to any.
fn home() -> &'static P {
    m::current().filter(|m| m.has_p()).map_or_else(any, M::p)
}

fn any() -> &'static P {
    let ps = sched().procs().staying();
    ps[m::random() as usize % ps.len()]
}

/// What was fired in one go.
#[derive(Default)]
struct Fired {
    count: usize,
    tasks: Vec<&'static Task>,
}

impl Fired {
    fn fire(&mut self, target: Target, ready: impl FnOnce(Waiter)) {
        match target {
            Target::Wait(waiter, ticket) => {
                if !waiter.claim().take(ticket, DEADLINE) {
                    return;
                }
                match waiter.kind() {
                    Kind::Task(task) => self.tasks.push(task),
                    _ => ready(waiter),
                }
            }
            Target::Call(call, term) => {
                let Some(work) = call.begin(term) else { return };
                spawn_task(&park::enter(), call.at, work);
            }
        }
        self.count += 1;
    }

    /// Has the futures woken; true if anything was done at all.
    fn finish(self) -> bool {
        let tasks = self.tasks;
        if !tasks.is_empty() {
            let wake_all = move || tasks.into_iter().for_each(Task::wake);
            spawn_task(&park::enter(), Location::caller(), wake_all);
        }
        self.count > 0
    }
}
