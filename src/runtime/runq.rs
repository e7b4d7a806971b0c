//! A P's run queue: `runnext` over a work-stealing deque. Go's `runqput`, `runqget`, `runqsteal`.
//!
//! `runnext` is the goroutine that runs next, ahead of the queue and in the same time slice: a
//! value handed over is received while it is in the cache. The rest wait first in, first out in a
//! deque that thieves take from.
//!
//! 1. Only the owner sets `runnext` to a goroutine; anyone may take it out with a swap. So the owner
//!    fills an empty `runnext` with a plain store, and a loaded goroutine is no proof that it is
//!    still there.
//! 2. The local queue holds at most [`LOCAL_MAX`]; what would make it longer spills: the oldest half
//!    and the newcomer go to the global queue as one list.
//! 3. The owner's side (`push_*`, `pop`) is called by the owner of the P only.
//!
//! crossbeam-deque keeps thread-local epochs, so nothing here may be inlined into a function that
//! parks; the callers are the M's own stack and `ready`/`spawn`, which are not generic.

use super::g::{G, GList, GRef};
use crate::sys::atomic::{AtomicPtr, Ordering};
use crossbeam_deque::{Steal, Stealer, Worker};
use std::ptr;

/// The longest a local queue gets.
pub(crate) const LOCAL_MAX: usize = 256;

/// What a thief came away with.
pub(crate) enum Stolen {
    One(GRef),
    Nothing,
    /// Somebody else was at it: there may be work left. Counts as work in every last re-check.
    Retry,
}

/// Where a goroutine popped by the owner stood.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Slice {
    /// In `runnext`: it goes on in the time slice of whoever readied it.
    Inherited,
    /// In the queue: it gets a time slice of its own.
    Own,
}

pub(crate) struct RunQ {
    next: AtomicPtr<G>,
    local: Worker<GRef>,
    stealer: Stealer<GRef>,
}

// SAFETY: `local` is used by the owner of the P only (invariant 3), and a P has one owner at a time.
unsafe impl Sync for RunQ {}

impl RunQ {
    pub(crate) fn new() -> RunQ {
        let local = Worker::new_fifo();
        let stealer = local.stealer();
        RunQ {
            next: AtomicPtr::new(ptr::null_mut()),
            local,
            stealer,
        }
    }

    /// Puts `g` into `runnext` and gives back whom it displaced. Owner only.
    #[inline]
    pub(crate) fn push_next(&self, g: GRef) -> Option<GRef> {
        // Release: a thief that takes g sees the goroutine as we leave it.
        if self.next.load(Ordering::Relaxed).is_null() {
            self.next.store(g.as_ptr(), Ordering::Release);
            return None;
        }
        let old = self.next.swap(g.as_ptr(), Ordering::AcqRel);
        // SAFETY: `next` holds null or a pointer of `as_ptr`; whoever swaps it out owns it.
        (!old.is_null()).then(|| unsafe { GRef::from_ptr(old) })
    }

    /// Puts `g` at the tail. What spilled is for the global queue. Owner only.
    #[must_use]
    pub(crate) fn push_tail(&self, g: GRef) -> Option<GList> {
        if self.local.len() < LOCAL_MAX {
            self.local.push(g);
            return None;
        }
        let mut spill = GList::with_capacity(LOCAL_MAX / 2 + 1);
        while spill.len() < LOCAL_MAX / 2
            && let Some(old) = self.local.pop()
        {
            spill.push_back(old);
        }
        spill.push_back(g);
        Some(spill)
    }

    /// Takes the goroutine to run next. Owner only.
    pub(crate) fn pop(&self) -> Option<(GRef, Slice)> {
        if let Some(g) = self.take_next() {
            return Some((g, Slice::Inherited));
        }
        self.local.pop().map(|g| (g, Slice::Own))
    }

    /// Takes `runnext`. Owner only.
    pub(crate) fn take_next(&self) -> Option<GRef> {
        if self.next.load(Ordering::Relaxed).is_null() {
            return None;
        }
        let g = self.next.swap(ptr::null_mut(), Ordering::AcqRel);
        // SAFETY: as in `push_next`.
        (!g.is_null()).then(|| unsafe { GRef::from_ptr(g) })
    }

    /// What stands in `runnext` now, as a name to compare with.
    pub(crate) fn peek_next(&self) -> *mut G {
        self.next.load(Ordering::Relaxed)
    }

    /// Whether the queue itself is empty; `runnext` is not looked at.
    pub(crate) fn is_local_empty(&self) -> bool {
        self.stealer.is_empty()
    }

    /// How many can be put at the tail before some spill. Owner only.
    pub(crate) fn room(&self) -> usize {
        LOCAL_MAX.saturating_sub(self.local.len())
    }

    /// How many are here, as of some moment.
    pub(crate) fn len(&self) -> usize {
        self.local_len() + usize::from(!self.peek_next().is_null())
    }

    /// The same without `runnext`.
    pub(crate) fn local_len(&self) -> usize {
        self.stealer.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.peek_next().is_null() && self.is_local_empty()
    }

    /// Takes half of what waits here over to `thief`, and one of them at once. `thief`'s owner only.
    pub(crate) fn steal_into(&self, thief: &RunQ) -> Stolen {
        match self
            .stealer
            .steal_batch_with_limit_and_pop(&thief.local, LOCAL_MAX / 2)
        {
            Steal::Success(g) => Stolen::One(g),
            Steal::Empty => Stolen::Nothing,
            Steal::Retry => Stolen::Retry,
        }
    }

    /// Takes `runnext` if it is still `seen`. Anyone.
    pub(crate) fn steal_next(&self, seen: *mut G) -> Option<GRef> {
        if seen.is_null() {
            return None;
        }
        // Acquire: pairs with the Release in `push_next`.
        self.next
            .compare_exchange(seen, ptr::null_mut(), Ordering::Acquire, Ordering::Relaxed)
            .ok()
            // SAFETY: as in `push_next`.
            .map(|g| unsafe { GRef::from_ptr(g) })
    }
}
