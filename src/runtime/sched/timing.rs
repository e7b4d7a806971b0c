//! Waits that end by themselves: deadlines of goroutines and futures, and calls that begin later.
//!
//! Each P has a heap of them, in which the Ms arm that have it, so that they seldom meet at its lock.
//! The poller or sysmon (poll.rs) sleeps no longer than until the first deadline of all; an M that looks
//! for work fires what is due in passing. A thread that waits with a deadline needs none of this, it
//! sleeps with a limit.
//!
//! Firing runs nothing of the user's: goroutines are readied, wakers are called in a goroutine of
//! ours, and calls begin in goroutines of their own.

use super::spawn::spawn_task;
use super::{park, poll, sched};
use crate::runtime::claim::Ticket;
use crate::runtime::m;
use crate::runtime::p::P;
use crate::runtime::task::Task;
use crate::runtime::timer::{DEADLINE, Deferred, LAST, NEVER, Target};
use crate::runtime::waiter::{Kind, Waiter};
use crate::sys::os;
use std::panic::Location;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

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

/// All timers of all Ps.
pub(crate) struct Timing;

impl Timing {
    /// Ends a wait at `when` (ns of the monotonic clock), unless something else ends it before.
    pub(crate) fn arm(&self, when: u64, waiter: Waiter, ticket: Ticket) {
        self.push(when, Target::Wait(waiter, ticket));
    }

    fn push(&self, when: u64, target: Target) {
        let first = self.first();
        if home().timers.push(when, target) && first.is_none_or(|first| when < first) {
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

    /// Does all that is due; true if there was any.
    #[inline]
    pub(crate) fn run_due(&self) -> bool {
        self.first().is_some() && self.run_due_slow()
    }

    #[cold]
    fn run_due_slow(&self) -> bool {
        let now = os::nanotime();
        let mut fired = Fired::default();
        for p in sched().ps() {
            while p.timers.first() <= now
                && let Some(target) = p.timers.pop_due(now)
            {
                fired.fire(target);
            }
        }
        fired.finish()
    }
}

/// The P whose timers an M arms: its own. Those of other threads go to any.
fn home() -> &'static P {
    let ps = sched().ps();
    match m::current().filter(|m| m.has_p()) {
        Some(m) => m.p(),
        None => ps[m::random() as usize % ps.len()],
    }
}

/// What was fired in one go.
#[derive(Default)]
struct Fired {
    is_any: bool,
    tasks: Vec<&'static Task>,
}

impl Fired {
    fn fire(&mut self, target: Target) {
        match target {
            Target::Wait(waiter, ticket) => {
                if !waiter.claim().take(ticket, DEADLINE) {
                    return;
                }
                match waiter.kind() {
                    Kind::Task(task) => self.tasks.push(task),
                    _ => park::enter().ready(waiter),
                }
            }
            Target::Call(call, term) => {
                let Some(work) = call.begin(term) else { return };
                spawn_task(&park::enter(), call.at, work);
            }
        }
        self.is_any = true;
    }

    /// Has the futures woken; true if anything was done at all.
    fn finish(self) -> bool {
        let tasks = self.tasks;
        if !tasks.is_empty() {
            let wake_all = move || tasks.into_iter().for_each(Task::wake);
            spawn_task(&park::enter(), Location::caller(), wake_all);
        }
        self.is_any
    }
}
