//! The debt: waking a thread for one goroutine is put off, for it will most likely run here.
//!
//! A goroutine readied or spawned into an empty `runnext` will most likely run here in
//! a moment, when its waker parks; waking another thread for it would cost far more than it saves.
//! So nobody is woken, and the P owes a wake-up: cancelled when the waker parks; paid by a later
//! operation that finds it outstanding for [`DEBT_NS`]; paid by sysmon when the goroutine's code makes
//! no operations at all. A second readied goroutine displaces the first into the queue and wakes an M
//! as ever.
//!
//! Timers ready many at a time, and where they are dense, several thousand times a second. An M that was
//! woken for each such batch would mostly come too late to find anything, so one is woken every
//! millisecond at most. For the rest sysmon wakes one, where goroutines stand in the queue of a P at all its looks
//! for 400 us while another P is free. It is told to look; one that is just going to sleep may miss that, and
//! comes a nap later, 10 ms at most.
#![forbid(unsafe_code)]

use super::{idle, poll, sched};
use crate::runtime::p::P;
use crate::sys::os;

/// How long a goroutine may wait in `runnext` while its waker goes on: about what waking an M costs.
const DEBT_NS: u64 = 5_000;

/// How often, at most, an M is woken for goroutines that timers ready together.
const BATCH_NS: u64 = 1_000_000;

/// How many operations pass between two looks at the clock.
const DEBT_LOOK_EVERY: u32 = 16;

/// An operation has ended without parking while somebody waits in `runnext`.
///
/// Looking at the clock costs as much as a whole operation, so it is done every few of them.
#[inline]
pub(crate) fn look(p: &P) {
    let count = p.debt.get();
    p.debt.set(count.saturating_add(1));
    if count.is_multiple_of(DEBT_LOOK_EVERY) {
        look_by_clock(p);
    }
}

/// Timers that were due at `now` have readied several goroutines here, of which one runs next.
pub(super) fn note_batch(p: &P, now: u64) {
    if now - p.batch_at.get() >= BATCH_NS {
        if idle::wake_p() {
            p.batch_at.set(now);
        }
    } else if poll::is_p_free() {
        sched().sysmon.wake_by(now + poll::RUN_NS);
    }
}

#[cold]
#[inline(never)]
fn look_by_clock(p: &P) {
    if sched().counters.read().idle() == 0 {
        return;
    }
    let now = os::nanotime();
    if p.debt.get() <= DEBT_LOOK_EVERY + 1 {
        p.debt_since.set(now);
    } else if now - p.debt_since.get() > DEBT_NS {
        p.debt.set(0);
        idle::wake_p();
    }
}
