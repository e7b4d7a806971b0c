//! The handles of a context: to cancel it, and to take a call at its end back.
#![forbid(unsafe_code)]

use super::Cause;
use super::scope::{Child, Ending, Scope};
use crate::go::spawn_at;
use crate::runtime;
use crate::sys::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::sys::lock::Lock;
use std::error::Error as StdError;
use std::fmt;
use std::panic::Location;
use std::sync::{Arc, Weak};

/// Ends a context; of [`Context::with_cancel`](super::Context::with_cancel) and its like.
///
/// Dropping the last clone ends it too, unless it was [detached](CancelFunc::detach).
#[derive(Clone)]
#[must_use = "dropping it cancels the context"]
pub struct CancelFunc {
    inner: Arc<Canceller>,
}

/// Ends a context and says why; of
/// [`Context::with_cancel_cause`](super::Context::with_cancel_cause).
///
/// Dropping the last clone ends it too, without a cause, unless it was
/// [detached](CancelCauseFunc::detach).
#[derive(Clone)]
#[must_use = "dropping it cancels the context"]
pub struct CancelCauseFunc {
    inner: Arc<Canceller>,
}

struct Canceller {
    scope: Arc<Scope>,
    is_detached: AtomicBool,
}

impl Canceller {
    fn new(scope: Arc<Scope>) -> Arc<Canceller> {
        Arc::new(Canceller {
            scope,
            is_detached: AtomicBool::new(false),
        })
    }

    fn detach(&self) {
        // Relaxed: the last drop of the `Arc` comes after it.
        self.is_detached.store(true, Ordering::Relaxed);
    }
}

impl Drop for Canceller {
    fn drop(&mut self) {
        if !self.is_detached.load(Ordering::Relaxed) {
            self.scope.end(Ending::canceled(None));
        }
    }
}

impl CancelFunc {
    pub(super) fn new(scope: Arc<Scope>) -> CancelFunc {
        CancelFunc {
            inner: Canceller::new(scope),
        }
    }

    /// Ends the context, and all that were made from it. Does nothing if it has ended. Never blocks.
    ///
    /// # Examples
    /// ```
    /// use sudog::context::Context;
    ///
    /// let (ctx, cancel) = Context::background().with_cancel();
    /// cancel.cancel();
    /// assert!(ctx.err().is_some());
    /// ```
    pub fn cancel(&self) {
        self.inner.scope.end(Ending::canceled(None));
    }

    /// Gives up that the drop of the last clone ends the context.
    ///
    /// It then ends with its parent, at its deadline, or by a clone's [`cancel`](CancelFunc::cancel);
    /// until then its parent keeps it.
    ///
    /// # Examples
    /// ```
    /// use sudog::context::Context;
    ///
    /// let (ctx, cancel) = Context::background().with_cancel();
    /// cancel.detach();
    /// assert!(ctx.err().is_none());
    /// ```
    pub fn detach(self) {
        self.inner.detach();
    }
}

impl CancelCauseFunc {
    pub(super) fn new(scope: Arc<Scope>) -> CancelCauseFunc {
        CancelCauseFunc {
            inner: Canceller::new(scope),
        }
    }

    /// Ends the context, and all that were made from it, for this reason. Does nothing if it has ended:
    /// the first cause stays. Never blocks.
    ///
    /// # Examples
    /// ```
    /// use sudog::context::Context;
    ///
    /// let (ctx, cancel) = Context::background().with_cancel_cause();
    /// cancel.cancel("first");
    /// cancel.cancel(std::io::Error::other("second"));
    /// assert_eq!(ctx.cause().unwrap().to_string(), "first");
    /// ```
    pub fn cancel(&self, cause: impl Into<Box<dyn StdError + Send + Sync>>) {
        let cause = Cause::from(cause.into());
        self.inner.scope.end(Ending::canceled(Some(cause)));
    }

    /// Gives up that the drop of the last clone ends the context; see [`CancelFunc::detach`].
    pub fn detach(self) {
        self.inner.detach();
    }
}

/// A call at the end of a scope.
pub(super) struct Call {
    /// Where it was asked for.
    at: &'static Location<'static>,
    f: Lock<Option<Box<dyn FnOnce() + Send>>>,
    /// See [`Scope`]'s.
    pub(super) place: AtomicUsize,
}

impl Call {
    fn take(&self) -> Option<Box<dyn FnOnce() + Send>> {
        let _token = runtime::enter();
        self.f.lock().take()
    }

    /// Runs it in a goroutine of its own, unless it was taken back.
    pub(super) fn start(&self) {
        if let Some(f) = self.take() {
            spawn_at(self.at, f);
        }
    }
}

/// Takes a call at the end of a context back; of
/// [`Context::after_func`](super::Context::after_func).
///
/// Dropping it changes nothing.
pub struct StopFunc {
    call: Arc<Call>,
    scope: Option<Weak<Scope>>,
}

impl StopFunc {
    /// Has `f` called when the scope ends; never if there is none.
    #[track_caller]
    pub(super) fn new(scope: Option<&Arc<Scope>>, f: Box<dyn FnOnce() + Send>) -> StopFunc {
        let call = Arc::new(Call {
            at: Location::caller(),
            f: Lock::new(Some(f)),
            place: AtomicUsize::new(usize::MAX),
        });
        if let Some(scope) = scope {
            scope.adopt(Child::Call(Arc::clone(&call)));
        }
        StopFunc {
            call,
            scope: scope.map(Arc::downgrade),
        }
    }

    /// Takes the call back; false if it was started, or taken back before. Never blocks.
    ///
    /// # Examples
    /// ```
    /// use sudog::context::Context;
    ///
    /// let (ctx, cancel) = Context::background().with_cancel();
    /// let stop = ctx.after_func(|| unreachable!());
    /// assert!(stop.stop());
    /// cancel.cancel();
    /// ```
    pub fn stop(&self) -> bool {
        let f = self.call.take();
        if f.is_some()
            && let Some(scope) = self.scope.as_ref().and_then(Weak::upgrade)
        {
            scope.let_go(&self.call.place);
        }
        f.is_some()
    }
}

impl fmt::Debug for CancelFunc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("CancelFunc { .. }")
    }
}

impl fmt::Debug for CancelCauseFunc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("CancelCauseFunc { .. }")
    }
}

impl fmt::Debug for StopFunc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("StopFunc { .. }")
    }
}
