//! Parks that must not be: a goroutine under `no_park` holds something that belongs to its thread.
//!
//! In debug builds an operation that would have to wait panics instead, before anybody can find it
//! waiting. Otherwise, and where it cannot panic, it waits with its thread, as a goroutine does that
//! unwinds: `G::no_park` counts the guards, and `prepare_switch` (park.rs) looks at it.
//!
//! 1. Who queues a waiter looks first. Nothing may unwind between there and the end of the wait.
//! 2. While it waits for goroutines that borrow from it, it must not panic: [`UNFAILING`] is set.
//! 3. Nor while it unwinds: that would end the process.

use super::park::current_g;
use crate::runtime::g::{GRef, Place};
use crate::runtime::m;
use std::panic::Location;

/// The bit of `G::no_park` beside the count.
const UNFAILING: u16 = 1 << 15;

/// Whether an operation that has to wait is to call [`refuse`] instead.
#[inline]
pub(crate) fn is_park_forbidden() -> bool {
    cfg!(debug_assertions) && is_forbidden()
}

#[inline(never)]
fn is_forbidden() -> bool {
    let levels = current_g().map_or(0, |g| g.no_park.get());
    (1..UNFAILING).contains(&levels) && !m::is_unwinding()
}

/// Panics where a goroutine was to wait. Outside all locks and brackets.
#[cold]
pub(crate) fn refuse_park(place: Place) -> ! {
    refuse(place.reason.text(), Some(place.at))
}

/// Panics if the goroutine must not wait, as it is about to. Outside all locks and brackets.
#[inline]
pub(crate) fn check_park(place: Place) {
    check(place.reason.text(), Some(place.at));
}

/// The same for a wait that is not listed.
#[inline]
pub(super) fn check(what: &str, at: Option<&Location<'_>>) {
    if is_park_forbidden() {
        refuse(what, at);
    }
}

#[cold]
fn refuse(what: &str, at: Option<&Location<'_>>) -> ! {
    let at = at.map_or(String::new(), |at| format!(", at {at}"));
    panic!(
        "a blocking call ({what}{at}) while a NoPark guard is held; before the call drop the guard, and what \
         it keeps on this thread"
    );
}

/// Holds the calling goroutine to its thread once more; none on a plain thread, which keeps itself.
pub(crate) fn begin_no_park() -> Option<GRef> {
    let g = current_g()?;
    let levels = g.no_park.get() + 1;
    assert!(levels & !UNFAILING != 0, "NoPark nesting overflow");
    g.no_park.set(levels);
    Some(g)
}

/// Takes one of [`begin_no_park`] back; nothing to take where the guard was kept in a thread-local beyond
/// the end of its goroutine.
pub(crate) fn end_no_park(g: GRef) {
    if current_g() == Some(g) {
        g.no_park.set(g.no_park.get().saturating_sub(1));
    }
}

/// While this lives, the goroutine waits with its thread rather than panic.
pub(crate) struct Unfailing(Option<GRef>);

/// Begins a wait that must not panic (invariant 2).
pub(crate) fn unfailing() -> Unfailing {
    let g = current_g().filter(|g| (1..UNFAILING).contains(&g.no_park.get()));
    if let Some(g) = g {
        g.no_park.set(g.no_park.get() | UNFAILING);
    }
    Unfailing(g)
}

impl Drop for Unfailing {
    fn drop(&mut self) {
        if let Some(g) = self.0 {
            g.no_park.set(g.no_park.get() & !UNFAILING);
        }
    }
}
