//! Who waits: a goroutine, a plain thread or a future, in one word.
//!
//! None of them is ever freed (g.rs, parker.rs and task.rs, invariants 1), so a waiter is a plain name
//! that can be copied, kept and compared. The low bits tell them apart.

use super::claim::Claim;
use super::g::{G, GRef};
use super::parker::Parker;
use super::task::Task;
use crate::sys::prefetch;
use std::ptr::NonNull;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Waiter(NonNull<u8>);

// SAFETY: it names a `G` or a `Parker`, both of which may be named from any thread.
unsafe impl Send for Waiter {}

/// A waiter, told apart.
pub(crate) enum Kind {
    Goroutine(GRef),
    /// A goroutine that may be readied before it parks: it waits on its latch.
    Early(GRef),
    Thread(&'static Parker),
    Task(&'static Task),
}

const KINDS: usize = 3;
const THREAD: usize = 1;
const EARLY: usize = 2;
const TASK: usize = 3;

impl Waiter {
    /// A name that is nobody's, for a sudog that does not wait.
    pub(crate) const NOBODY: Waiter = Waiter(NonNull::dangling());

    #[inline]
    pub(crate) fn goroutine(g: GRef) -> Waiter {
        Waiter(NonNull::from(&*g).cast())
    }

    pub(crate) fn early(g: GRef) -> Waiter {
        g.latch.open();
        Waiter::goroutine(g).tagged(EARLY)
    }

    pub(crate) fn thread(parker: &'static Parker) -> Waiter {
        Waiter(NonNull::from(parker).cast()).tagged(THREAD)
    }

    pub(crate) fn task(task: &'static Task) -> Waiter {
        Waiter(NonNull::from(task).cast()).tagged(TASK)
    }

    #[inline]
    pub(crate) fn is_task(self) -> bool {
        self.0.addr().get() & KINDS == TASK
    }

    fn tagged(self, tag: usize) -> Waiter {
        Waiter(self.0.map_addr(|address| address | tag))
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
        let tag = self.0.addr().get() & KINDS;
        if tag == 0 {
            // SAFETY: without a tag it is a goroutine's record, and these live for ever.
            return Kind::Goroutine(unsafe { GRef::from_ptr(self.0.as_ptr().cast::<G>()) });
        }
        let record = self.0.as_ptr().map_addr(|address| address & !KINDS);
        // SAFETY: the tag says of which kind the record is, and records of all kinds live for ever.
        unsafe {
            match tag {
                THREAD => Kind::Thread(&*record.cast()),
                EARLY => Kind::Early(GRef::from_ptr(record.cast::<G>())),
                _ => Kind::Task(&*record.cast()),
            }
        }
    }

    /// Fetches the record of a goroutine, for one who is about to ready it.
    #[inline]
    pub(crate) fn prefetch(&self) {
        if let Kind::Goroutine(g) | Kind::Early(g) = self.kind() {
            prefetch(g.as_ptr());
        }
    }

    /// The word that says who ends this wait.
    pub(crate) fn claim(self) -> &'static Claim {
        match self.kind() {
            Kind::Goroutine(g) | Kind::Early(g) => g.claim_ref(),
            Kind::Thread(parker) => &parker.claim,
            Kind::Task(task) => &task.claim,
        }
    }
}
