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
//! [`HELP_NS`], going by how long time slices took here of late (runtime/pace.rs).
//!
//! Where that was a wrong guess, because somebody computes for longer than those before, sysmon wakes an M: if
//! goroutines that stood in a queue have still not run 400 us later while another P is free. It is told to look.
//!
//! Where that M would have to take a processor from another thread of ours, or from whoever they work for
//! (runtime/room.rs), both take [`SCARCE_NS`] instead, and so does sysmon before it looks for events itself. To
//! be seen, and then to be seen again that much later, is a wait of up to 5 ms.
#![forbid(unsafe_code)]

use super::{idle, poll, sched};
use crate::runtime::p::P;
use crate::sys::atomic::{Ordering, fence};
use crate::sys::os;

/// How long a goroutine may wait in `runnext` while its waker goes on: about what waking an M costs.
const DEBT_NS: u64 = 5_000;

/// How long goroutines readied together may take to run here without help: about twice as long as an M
/// takes to wake and steal.
const HELP_NS: u64 = 100_000;

/// How long goroutines stand in a queue, though a P is free, before sysmon wakes an M for them.
const QUEUE_NS: u64 = 400_000;

/// How long either is at least where room is scarce: about as long as the system lets a thread run before it
/// looks for another, so that we do not ask it to change threads more often than it would by itself.
const SCARCE_NS: u64 = 2_000_000;

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

/// How long goroutines and events wait at least, though a P is free, before an M is woken for many of them, or for
/// what was seen to wait.
pub(super) fn least_wait() -> u64 {
    if sched().room.is_scarce() {
        SCARCE_NS
    } else {
        0
    }
}

/// The same for those in a queue.
pub(super) fn queue_wait() -> u64 {
    QUEUE_NS.max(least_wait())
}

/// The M of `p` has looked for events; `is_behind` if it left some that there was no place for.
pub(super) fn note_look(p: &P, is_behind: bool) {
    let mut pace = p.pace.get();
    pace.lag(is_behind, os::nanotime);
    p.pace.set(pace);
}

/// Several goroutines were readied here together at `now`, by timers or descriptors, and one runs next.
pub(super) fn note_batch(p: &P, now: u64) {
    let mut pace = p.pace.get();
    pace.begin(now, p.tick.load(Ordering::Relaxed));
    p.pace.set(pace);
    sched().room.ask();
    if pace.wait_of(p.runq.len(), now) >= HELP_NS.max(least_wait()) {
        idle::wake_p();
        return;
    }
    // SeqCst: pairs with the fence of an M that idles its P (counters.rs, step c): it sees the queue, or we
    // see that the P is free.
    fence(Ordering::SeqCst);
    if poll::is_p_free() {
        sched().sysmon.wake_by(now + queue_wait());
    }
}

/// The P is about to idle.
pub(super) fn note_rest(p: &P) {
    let mut pace = p.pace.get();
    pace.lag(false, os::nanotime);
    if pace.is_measured() {
        pace.end(os::nanotime(), p.tick.load(Ordering::Relaxed));
    }
    p.pace.set(pace);
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
