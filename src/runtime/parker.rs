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
use crate::sys::atomic::{AtomicUsize, Ordering};
use crate::sys::lock::Lock;
use crate::sys::note::Note;

#[repr(align(64))]
pub(crate) struct Parker {
    pub(crate) claim: Claim,
    pub(crate) note: Note,
}

static FREE: Lock<Vec<&'static Parker>> = Lock::new(Vec::new());

/// Threads asleep on a parker without a time limit.
pub(crate) static PARKED_FOR_EVER: AtomicUsize = AtomicUsize::new(0);

impl Parker {
    /// Takes a parker that no thread uses.
    pub(crate) fn take() -> &'static Parker {
        let free = FREE.lock().pop();
        free.unwrap_or_else(|| Box::leak(Box::new(Parker { claim: Claim::new(), note: Note::new() })))
    }

    /// Gives it back when its thread ends.
    pub(crate) fn give_back(&'static self) {
        FREE.lock().push(self);
    }

    /// Sleeps until woken, counted as asleep for the deadlock report.
    pub(crate) fn sleep(&self) {
        PARKED_FOR_EVER.fetch_add(1, Ordering::Relaxed);
        self.note.sleep();
        PARKED_FOR_EVER.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A parker in use by one thread: its own, or one for a single wait.
pub(crate) enum ThreadParker {
    Own(&'static Parker),
    Borrowed(&'static Parker),
}

impl ThreadParker {
    pub(crate) fn get(&self) -> &'static Parker {
        match self {
            ThreadParker::Own(parker) | ThreadParker::Borrowed(parker) => parker,
        }
    }
}

impl Drop for ThreadParker {
    fn drop(&mut self) {
        if let ThreadParker::Borrowed(parker) = self {
            parker.give_back();
        }
    }
}
