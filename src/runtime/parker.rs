//! What a plain thread waits on: the thread's side of a waiter.
//!
//! A goroutine waits by parking; a thread that is none of the runtime's waits by sleeping on its
//! parker. Both have a claim, so both stand in the same queues.
//!
//! 1. A parker serves one thread at a time. When the thread ends its parker is used again, and it is
//!    never freed: somebody who lost the claim may still look at it.
//! 2. Exactly one wake follows each won claim, and the thread waits for it; so no wake is left over
//!    for a later wait.

use super::claim::Claim;
use super::interrupt::Frames;
use crate::sys::atomic::{AtomicBool, AtomicIsize, Ordering};
use crate::sys::lock::Lock;
use crate::sys::note::Note;

#[repr(align(64))]
pub(crate) struct Parker {
    pub(crate) claim: Claim,
    pub(crate) note: Note,
    /// What interrupts its thread's calls on descriptors.
    pub(crate) frames: Frames,
    /// Whether the present wait has no time limit.
    is_for_ever: AtomicBool,
    /// Whether it is taken for one wait only, by a thread that is being taken down.
    is_borrowed: AtomicBool,
}

static FREE: Lock<Vec<&'static Parker>> = Lock::new(Vec::new());

/// Threads asleep on a parker without a time limit; for a moment one too few, never one too many.
///
/// The sleeper counts itself once it has published its wait, and whoever wakes it counts it out
/// before it does so: a thread that was woken but has not run yet is not asleep.
pub(crate) static PARKED_FOR_EVER: AtomicIsize = AtomicIsize::new(0);

impl Parker {
    /// Takes a parker that no thread uses.
    pub(crate) fn take() -> &'static Parker {
        let free = FREE.lock().pop();
        free.unwrap_or_else(|| {
            Box::leak(Box::new(Parker {
                claim: Claim::new(),
                note: Note::new(),
                frames: Frames::new(),
                is_for_ever: AtomicBool::new(false),
                is_borrowed: AtomicBool::new(false),
            }))
        })
    }

    /// Takes one for a single wait.
    pub(crate) fn borrow() -> &'static Parker {
        let parker = Parker::take();
        parker.is_borrowed.store(true, Ordering::Relaxed);
        parker
    }

    /// The wait is over.
    pub(crate) fn end_wait(&'static self) {
        if self.is_borrowed.swap(false, Ordering::Relaxed) {
            self.give_back();
        }
    }

    /// Gives it back when its thread ends.
    pub(crate) fn give_back(&'static self) {
        FREE.lock().push(self);
    }

    /// Says what kind of wait is about to be published.
    pub(crate) fn begin_wait(&self, is_for_ever: bool) {
        // Relaxed: published together with the wait.
        self.is_for_ever.store(is_for_ever, Ordering::Relaxed);
    }

    /// Sleeps until woken, in a wait without a time limit.
    pub(crate) fn sleep(&self) {
        PARKED_FOR_EVER.fetch_add(1, Ordering::SeqCst);
        self.note.sleep();
    }

    /// Wakes the thread. The caller has ended its wait.
    pub(crate) fn wake(&self) {
        if self.is_for_ever.load(Ordering::Relaxed) {
            PARKED_FOR_EVER.fetch_sub(1, Ordering::SeqCst);
        }
        self.note.wake();
    }
}
