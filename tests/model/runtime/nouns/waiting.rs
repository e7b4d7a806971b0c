//! Doubles of what waits without a goroutine: a future's task, a thread's parker.

use super::keep;
use crate::runtime::claim::Claim;
use crate::runtime::interrupt::Frames;
use crate::sys::lock::Lock;
use crate::sys::note::Note;
use std::task::Waker;
use std::time::{Duration, Instant};

/// What a future waits on.
#[repr(align(8))]
pub(crate) struct Task {
    pub(crate) claim: Claim,
    waker: Lock<Option<Waker>>,
}

impl Task {
    pub(crate) fn take() -> &'static Task {
        keep(Task {
            claim: Claim::new(),
            waker: Lock::new(None),
        })
    }

    pub(crate) fn give_back(&'static self) {
        drop(self.waker.lock().take());
    }

    pub(crate) fn set(&self, waker: &Waker) {
        *self.waker.lock() = Some(waker.clone());
    }

    pub(crate) fn wake(&self) {
        let waker = self.waker.lock().take();
        waker.into_iter().for_each(Waker::wake);
    }
}

#[repr(align(8))]
pub(crate) struct Parker {
    pub(crate) claim: Claim,
    pub(crate) note: ParkerNote,
    pub(crate) frames: Frames,
}

/// A parker's note, whose sleeps with a limit are the shortest there are: the limit is over at the
/// first look at the clock.
pub(crate) struct ParkerNote(Note);

impl ParkerNote {
    pub(crate) fn sleep_until(&self, limit: Option<Instant>) -> bool {
        match limit {
            Some(_) => self.0.sleep_for(Some(Duration::ZERO)),
            None => self.0.sleep_until(None),
        }
    }
}

impl std::ops::Deref for ParkerNote {
    type Target = Note;
    fn deref(&self) -> &Note {
        &self.0
    }
}

impl Parker {
    pub(crate) fn new() -> &'static Parker {
        let parker = keep(Parker {
            claim: Claim::new(),
            note: ParkerNote(fresh_note()),
            frames: Frames::new(),
        });
        parker.claim.open();
        parker
    }

    /// The thread's own: no waker of a model waits, so nobody else needs it meanwhile.
    pub(crate) fn take() -> &'static Parker {
        parker()
    }

    pub(crate) fn borrow() -> &'static Parker {
        parker()
    }

    pub(crate) fn give_back(&'static self) {}

    pub(crate) fn begin_wait(&self, _is_for_ever: bool) {}

    pub(crate) fn sleep(&self) {
        self.note.sleep();
    }

    pub(crate) fn wake(&self) {
        self.note.wake();
    }

    pub(crate) fn end_wait(&'static self) {}
}

/// A note that was touched.
pub(crate) fn fresh_note() -> Note {
    let note = Note::new();
    assert!(!note.sleep_for(Some(Duration::ZERO)));
    note
}

loom::thread_local! {
    static PARKER: std::cell::Cell<Option<&'static Parker>> = std::cell::Cell::new(None);
}

pub(crate) fn parker() -> &'static Parker {
    PARKER.with(|slot| {
        let parker = slot.get().unwrap_or_else(Parker::new);
        slot.set(Some(parker));
        parker
    })
}

pub(crate) fn kept_parker() -> Option<&'static Parker> {
    PARKER.with(|slot| slot.get())
}
