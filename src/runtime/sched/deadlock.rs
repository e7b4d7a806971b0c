//! Saying that no goroutine can go on. Go's `checkdead`.
//!
//! A deadlock is reported when no M is awake, no deadline is outstanding, nobody waits for a
//! descriptor, and every thread of the process is ours or waits in one of our operations without a time
//! limit. A thread that does anything else may yet send a value, so its mere existence forbids the
//! report: it is never a false alarm. For the same reason it is made only under `#[sudog::main]`, which
//! waits for goroutine 1.

use super::{dump, sched, spawn};
use crate::runtime::parker::PARKED_FOR_EVER;
use crate::runtime::stack;
use crate::sys::atomic::{AtomicBool, Ordering};
use crate::sys::os;
use crate::sys::{self, Stderr};
use std::fmt::Write;

/// Set by `#[sudog::main]`.
pub(crate) static REPORT: AtomicBool = AtomicBool::new(false);

/// Ends the process if no goroutine can ever run again. Called by sysmon once all Ms have slept for
/// a while; `own_threads` are the Ms' threads.
pub(crate) fn check(own_threads: usize) {
    if !is_dead(own_threads) {
        return;
    }
    let waiting = spawn::waiting_for_stacks();
    let mut text = String::new();
    if waiting > 0 {
        let _ = writeln!(
            text,
            "fatal error: no more stacks: {} were made, which is as many as {} allows; all of the \
             size that {waiting} goroutines wait for are held by goroutines that wait",
            stack::made(),
            spawn::what_is_short()
        );
    } else {
        text.push_str("fatal error: all goroutines are asleep - deadlock!\n");
    }
    text.push('\n');
    sys::write_stderr(&text);
    let _ = dump::write_all(&mut Stderr);
    os::exit_at_once(2);
}

/// Whether goroutines wait, a deadlock would be reported, and nothing from outside will end it.
pub(crate) fn is_possible() -> bool {
    let is_asked = REPORT.load(Ordering::Relaxed) || spawn::waiting_for_stacks() > 0;
    is_asked && spawn::live() > 0 && !may_be_woken()
}

/// Whether a goroutine waits for something that comes from outside: a time, or a descriptor.
fn may_be_woken() -> bool {
    sched().timers.is_any_live() || sched().netpoll.has_waiters()
}

fn is_dead(own_threads: usize) -> bool {
    let sched = sched();
    if !is_possible() {
        return false;
    }
    // While all are asleep, and none can wake for the lock that we hold, no M ends a wait.
    let idle = sched.idle.lock();
    if !idle.all_asleep() {
        return false;
    }
    // In this order. A thread that was not parked may have ended waits before it ended or parked itself:
    // then it was there to be counted, or is no longer parked, or has left something for us to find.
    let parked = PARKED_FOR_EVER.load(Ordering::SeqCst);
    // One for sysmon.
    let accounted = (own_threads + 1).checked_add_signed(parked);
    if accounted.is_none() || os::thread_count() != accounted {
        return false;
    }
    let is_still_parked = PARKED_FOR_EVER.load(Ordering::SeqCst) == parked;
    is_still_parked && sched.global.is_empty() && !may_be_woken()
}
