//! Readying: a goroutine whose wait is over is queued where it runs next. Go's `goready`, `runqput`.

use super::{idle, sched};
use crate::runtime::g::GRef;
use crate::runtime::p::P;
use crate::runtime::status::Readied;
use crate::sys;

/// Readies a goroutine. Not generic and not inlined: the run queue keeps thread-locals.
#[inline(never)]
pub(super) fn make_ready(p: Option<&'static P>, g: GRef) {
    if make_runnable(g) {
        enqueue(p, g);
    }
}

/// The one place where a waiting goroutine becomes runnable. The caller queues it, or if false its holder.
#[inline]
#[must_use]
pub(crate) fn make_runnable(g: GRef) -> bool {
    match g.status.make_ready() {
        Readied::Caller => true,
        Readied::Holder => false,
        Readied::Nobody => sys::fatal!(
            "goroutine {} was readied while {:?} ({})",
            g.id(),
            g.status.get(),
            g.reason().text()
        ),
    }
}

/// Makes a goroutine run on whose commit refused. False if somebody holds it and will queue it.
#[cold]
pub(super) fn take_back(g: GRef) -> bool {
    match g.status.take_back() {
        Readied::Caller => true,
        Readied::Holder => false,
        Readied::Nobody => sys::fatal!(
            "goroutine {} was to run on while {:?}",
            g.id(),
            g.status.get()
        ),
    }
}

/// Puts a runnable goroutine into `runnext`, or into the global queue where there is no P.
#[inline(never)]
pub(super) fn enqueue(p: Option<&'static P>, g: GRef) {
    let Some(p) = p else {
        sched().global.push(g);
        idle::wake_p();
        return;
    };
    match p.runq.push_next(g) {
        None => {
            // What an earlier debt has counted up to stays: somebody has waited since then.
            if p.debt.get() == 0 {
                p.debt.set(1);
            }
        }
        Some(displaced) => {
            if let Some(spill) = p.runq.push_tail(displaced) {
                sched().global.push_all(spill);
            }
            idle::wake_p();
        }
    }
}
