//! Ms whose thread the system does not allow yet.
//!
//! Such an M may have been handed a P. Until there is a thread for it nobody would serve that P, and whoever
//! waits there might wait for the very goroutines whose end makes room for a thread.

use super::idle;
use super::sched;
use crate::runtime::m::{Handed, M};
use std::time::Duration;

/// Gives the P that `m` was handed, whose thread cannot be made yet, to an M that sleeps; `m` takes its
/// place on the list. Nothing changes if no M sleeps, of those that are not `threadless` themselves.
///
/// For sysmon. Else the P, and all who wait there, would have to wait for the system to allow a thread.
pub(crate) fn hand_on(m: &'static M, threadless: &[&'static M]) {
    let mut idle = sched().idle.lock();
    let is_other = |other: &&'static M| threadless.iter().all(|m| m.id != other.id);
    let Some(position) = idle.ms.iter().rposition(is_other) else {
        return;
    };
    // The wake that comes with a P publishes what is handed.
    if !m.note.sleep_for(Some(Duration::ZERO)) {
        return;
    }
    let Some(handed) = m.handed.take() else {
        // It is to end (reap.rs), and will once it has a thread to end with.
        return m.note.wake();
    };
    let other = idle.ms.remove(position);
    idle.ms.insert(0, m);
    let word = handed.p.word.give_up(handed.word, Some(other.id));
    idle::finish_start(idle, other, false, Handed { word, ..handed });
}
