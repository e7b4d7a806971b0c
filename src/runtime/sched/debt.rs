//! The debt: waking a thread for one goroutine is put off, for it will most likely run here.
//!
//! A goroutine readied or spawned into an empty `runnext` will most likely run here in
//! a moment, when its waker parks; waking another thread for it would cost far more than it saves.
//! So nobody is woken, and the P owes a wake-up: cancelled when the waker parks; paid by a later
//! operation that finds it outstanding for [`DEBT_NS`]; paid by sysmon when the goroutine's code makes
//! no operations at all. A second readied goroutine displaces the first into the queue and wakes an M
//! as ever.
//!
//! Timers and descriptors ready many at a time, on a busy server several ten thousand times a second. An M
//! that was woken for each such batch would mostly come too late to find anything, and take the processor from
//! whoever has yet to send the next requests. So one is woken where the last in the queue would wait longer than
//! some time, going by how long time slices took here of late (runtime/pace.rs).
//!
//! Where that was a wrong guess, because somebody computes for longer than those before, sysmon wakes an M: if
//! goroutines that stood in a queue have still not run some time later while another P is free. It is told to look.
//!
//! How long that may be depends on whether the M would have a processor to itself (runtime/room.rs): 64 connections
//! to a client on a machine of two processors are served in a sixth less time if that M is left asleep.
#![forbid(unsafe_code)]

use super::{idle, poll, sched};
use crate::runtime::p::P;
use crate::sys::atomic::{Ordering, fence};
use crate::sys::os;

/// How long a goroutine may wait in `runnext` while its waker goes on: about what waking an M costs.
const DEBT_NS: u64 = 5_000;

/// How long goroutines wait for their turn, though a P is free, before an M is woken for them.
pub(super) struct Patience {
    /// Those readied together, as far as can be told then.
    help_ns: u64,
    /// Those that stand in a queue, as sysmon sees.
    pub(super) queue_ns: u64,
    /// Those whose wait an event may have ended, if nobody looks.
    pub(super) look_ns: u64,
}

/// About twice as long as an M takes to wake and steal.
const WITH_ROOM: Patience = Patience {
    help_ns: 100_000,
    queue_ns: 400_000,
    look_ns: 0,
};

/// About as long as the system leaves a thread alone, so that we do not ask it to change threads more often
/// than it would by itself.
const WITHOUT_ROOM: Patience = Patience {
    help_ns: 2_000_000,
    queue_ns: 2_000_000,
    look_ns: 2_000_000,
};

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

/// Several goroutines were readied here together at `now`, by timers or descriptors, and one runs next.
pub(super) fn note_batch(p: &P, now: u64) {
    let mut pace = p.pace.get();
    pace.begin(now, p.tick.load(Ordering::Relaxed));
    p.pace.set(pace);
    let patience = patience();
    if pace.time_of(p.runq.len()) >= patience.help_ns {
        idle::wake_p();
        return;
    }
    // SeqCst: pairs with the fence of an M that idles its P (counters.rs, step c): it sees the queue, or we
    // see that the P is free.
    fence(Ordering::SeqCst);
    if poll::is_p_free() {
        sched().sysmon.wake_by(now + patience.queue_ns);
    }
}

/// How long goroutines wait here now: longer where one more M would have no processor to itself.
pub(super) fn patience() -> &'static Patience {
    let sched = sched();
    let free = sched.counters.read().idle() + sched.lent.load(Ordering::Relaxed);
    let running = sched.ps().len().saturating_sub(free);
    match sched.room.is_for(running + 1) {
        true => &WITH_ROOM,
        false => &WITHOUT_ROOM,
    }
}

/// The P is about to idle.
pub(super) fn note_rest(p: &P) {
    let mut pace = p.pace.get();
    if pace.is_measured() {
        pace.end(os::nanotime(), p.tick.load(Ordering::Relaxed));
        p.pace.set(pace);
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
