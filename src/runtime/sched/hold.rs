//! Holding a goroutine that waits, to look at it or at its stack. The bit and its protocol are in
//! `status.rs`; here is what the holder owes.
//!
//! 1. Whoever holds a goroutine delays it, and nobody waits for that but the goroutine itself. So a hold
//!    is short, waits for no lock that a goroutine could hold, and holds one goroutine at a time.
//! 2. While it is held the goroutine does not run: its record, its name and its stack stay, but for the
//!    slots on the stack that its wakers write.

use super::{idle, sched};
use crate::runtime::g::GRef;
use crate::runtime::status::Readied;

/// A goroutine that waits, and does so at least until this is dropped.
pub(crate) struct Hold(GRef);

impl Hold {
    /// Holds `g`, if it waits and nobody else holds it.
    pub(crate) fn take(g: GRef) -> Option<Hold> {
        g.status.hold().then(|| Hold(g))
    }

    pub(crate) fn goroutine(&self) -> GRef {
        self.0
    }
}

impl Drop for Hold {
    /// Lets it go; if its wait has ended meanwhile, it is queued here.
    fn drop(&mut self) {
        if self.0.status.release() == Readied::Caller {
            sched().global.push(self.0);
            idle::wake_p();
        }
    }
}
