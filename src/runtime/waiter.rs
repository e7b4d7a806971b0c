//! Who waits: a goroutine or a plain thread, in one word.
//!
//! Neither is ever freed (g.rs, invariant 1; parker.rs, invariant 1), so a waiter is a plain name
//! that can be copied, kept and compared. The low bit tells them apart.

use super::claim::Claim;
use super::g::{G, GRef};
use super::parker::Parker;
use std::ptr::NonNull;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Waiter(NonNull<u8>);

// SAFETY: it names a `G` or a `Parker`, both of which may be named from any thread.
unsafe impl Send for Waiter {}

/// A waiter, told apart.
pub(crate) enum Kind {
    Goroutine(GRef),
    Thread(&'static Parker),
}

const THREAD: usize = 1;

impl Waiter {
    #[inline]
    pub(crate) fn goroutine(g: GRef) -> Waiter {
        Waiter(NonNull::from(&*g).cast())
    }

    pub(crate) fn thread(parker: &'static Parker) -> Waiter {
        Waiter(
            NonNull::from(parker)
                .cast()
                .map_addr(|address| address | THREAD),
        )
    }

    /// The word, to keep in an atomic; never 0.
    pub(crate) fn into_ptr(self) -> *mut u8 {
        self.0.as_ptr()
    }

    /// Takes a word of [`Waiter::into_ptr`] back.
    ///
    /// # Safety
    /// `pointer` came from there.
    pub(crate) unsafe fn from_ptr(pointer: *mut u8) -> Waiter {
        Waiter(NonNull::new(pointer).expect("a waiter's word is not null"))
    }

    #[inline]
    pub(crate) fn kind(self) -> Kind {
        let pointer = self.0.as_ptr();
        if pointer.addr() & THREAD == 0 {
            // SAFETY: without the tag the word is a pointer of `GRef::as_ptr`.
            Kind::Goroutine(unsafe { GRef::from_ptr(pointer.cast::<G>()) })
        } else {
            // SAFETY: with the tag it is that of a parker, which is never freed.
            Kind::Thread(unsafe { &*pointer.map_addr(|address| address & !THREAD).cast() })
        }
    }

    pub(crate) fn claim(self) -> &'static Claim {
        match self.kind() {
            Kind::Goroutine(g) => g.claim_ref(),
            Kind::Thread(parker) => &parker.claim,
        }
    }
}
