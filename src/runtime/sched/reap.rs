//! How threads end. Go's `mexit`.
//!
//! A thread ends
//!
//! - when its goroutine ends locked to it: the goroutine may have left it in any state;
//! - when a goroutine leaves it after it was lowered (retake.rs), because that cannot be undone;
//! - when it has not been needed for a while. After a burst of blocking calls there are many such.
//!
//! 1. A thread ends in its own main function, with no P and no goroutine. Its record is vacant from then
//!    on, and may serve another thread before this one is gone.
//! 2. The idle lock is held while a record becomes vacant, so the number of Ms and the list of those that
//!    sleep agree with each other under it.

use super::{find, global, idle, overflow, sched, spawn};
use crate::runtime::m::{self, M};
use crate::sys::atomic::Ordering;

/// How often surplus threads are looked for; they were asleep for this long at least.
pub(super) const REAP_EVERY_NS: u64 = 5_000_000_000;

/// How many threads beyond the number of Ps may sleep for as long as they like.
const SPARE: usize = 2;

/// Whether the thread of `m`, which runs nothing, is to end.
#[inline]
pub(crate) fn is_due(m: &M) -> bool {
    m.is_ending.get() || m.is_lowered.load(Ordering::Relaxed) && m.handed_g.get().is_none()
}

/// Takes everything from the thread of `m`, the calling one, which ends next.
pub(crate) fn end(m: &'static M) {
    overflow::release_thread(m);
    // What std and others still do on this thread, they do as on any.
    m::set_current(None);
    if m.has_p() {
        // An idle P has nobody waiting: not all would look for them there.
        global::take_over(m.p());
    }
    let mut idle = sched().idle.lock();
    let spare = m.has_p().then(|| idle::shelve_p(&mut idle, m));
    if m.is_lowered.load(Ordering::Relaxed) {
        sched().lowered.remove();
    }
    m.vacate();
    let is_polled = idle.is_polled();
    drop(idle);
    let has_idled_p = spare.map(spawn::shelve_all).is_some();
    // Step d of counters.rs: the P is idle now, and it is for us to look once more. Without a P as well: at the
    // limit of threads somebody may have found one idle and no M for it, and counted this one. Where nobody
    // polls, somebody is to find that there is nothing else to do.
    if find::is_work_anywhere() || has_idled_p && !is_polled {
        idle::wake_p();
    }
}

/// Whether there may be threads to reap later on.
pub(super) fn is_wanted() -> bool {
    let kept = sched().ps().len() + SPARE;
    sched().idle.lock().may_have_surplus(kept)
}

/// Has those threads end that nobody has needed since the last time, but for a few. Every
/// [`REAP_EVERY_NS`].
pub(super) fn reap() {
    end_surplus(sched().ps().len() + SPARE);
}

/// Has those threads end that nobody has needed since the last time, but for `kept` of all that sleep.
pub(crate) fn end_surplus(kept: usize) {
    let surplus = sched().idle.lock().take_surplus(kept);
    for m in surplus {
        m.is_ending.set(true);
        m.note.wake();
    }
}
