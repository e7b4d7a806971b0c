//! `no_park`: a stretch of code in which the goroutine stays on its thread.
#![forbid(unsafe_code)]

use crate::runtime;
use crate::runtime::GRef;
use std::fmt;
use std::marker::PhantomData;

/// Says that the goroutine must not leave its thread while the guard lives.
///
/// For what belongs to a thread and is held for a while: a reference into a thread-local, a
/// `std::sync::MutexGuard`, tokio's `EnterGuard`; see [the contract](crate#the-contract). Calls that block
/// have no place there. In debug builds one that has to wait panics, and says where it was made. In release
/// builds, and while the goroutine unwinds, it keeps its thread as it waits, so that what is held stays
/// right; other goroutines go on elsewhere. [`blocking`](crate::blocking) may be used: while the guard
/// lives it comes back on the same thread.
///
/// Guards nest. On a plain thread this does nothing. A guard that is forgotten holds to the end of the
/// goroutine. Never blocks.
///
/// # Examples
/// ```
/// use std::cell::RefCell;
///
/// thread_local!(static LOG: RefCell<Vec<u32>> = RefCell::default());
///
/// fn note(n: u32) {
///     LOG.with_borrow_mut(|log| {
///         let _guard = sudog::no_park(); // what is called here must not block
///         log.push(n);
///     });
/// }
/// sudog::run(|| note(1));
/// ```
pub fn no_park() -> NoPark {
    NoPark {
        g: runtime::begin_no_park(),
        is_of_goroutine: PhantomData,
    }
}

/// A guard of [`no_park`].
#[must_use = "the goroutine may leave its thread once the guard is dropped"]
pub struct NoPark {
    g: Option<GRef>,
    /// Neither `Send` nor `Sync`.
    is_of_goroutine: PhantomData<*mut ()>,
}

impl Drop for NoPark {
    fn drop(&mut self) {
        if let Some(g) = self.g {
            runtime::end_no_park(g);
        }
    }
}

impl fmt::Debug for NoPark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NoPark").finish_non_exhaustive()
    }
}
