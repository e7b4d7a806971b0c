//! Cancellation that is handed down: deadlines, "stop it", and values, along the tree of calls. Go's
//! `context`.
//!
//! A [`Context`] is handed to whatever works on somebody's behalf. When that somebody no longer wants
//! the result, or its time is over, the context ends, and so do all that were made from it; whoever
//! waits under it stops waiting.
//!
//! Waiting under a context is said by name: [`ctx.recv(&rx)`](Context::recv), [`send`](Context::send),
//! [`sleep`](Context::sleep), [`lock`](Context::lock), [`acquire`](Context::acquire), [`wait`](Context::wait),
//! [`join`](Context::join), and [`io`](Context::io) for sockets. In a `select!` it is an arm like any other,
//! `recv(ctx.done()) -> _`.
//!
//! ```
//! use std::time::Duration;
//! use sudog::context::{Context, ContextError, Error};
//!
//! let (ctx, cancel) = Context::background().with_timeout(Duration::from_secs(60));
//! let (tx, rx) = sudog::chan::bounded::<u32>(0);
//! let worker = sudog::spawn(move || ctx.recv(&rx));
//! cancel.cancel(); // as would dropping `cancel`, or a minute
//! assert_eq!(worker.join().unwrap(), Err(Error::Context(ContextError::Canceled)));
//! # drop(tx);
//! ```

// A context is two lists that share their tails: *scopes* (scope.rs), from one that can be ended to the
// one around it, and *values* (value.rs), from the last that was added to the first. So
// `with_value` makes no new scope, and `without_cancel` drops the scopes and keeps the values.

mod blocking;
mod err_group;
mod error;
mod func;
mod io;
mod scope;
mod timer;
mod value;

pub use error::{ContextError, CtxSendError, Error};
pub use func::{CancelCauseFunc, CancelFunc, StopFunc};

use crate::chan::{Receiver, never};
use scope::Scope;
use std::any::Any;
use std::error::Error as StdError;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use value::Values;

/// Says why a context was cancelled, in the user's own terms.
pub type Cause = Arc<dyn StdError + Send + Sync>;

/// Tells those who work on somebody's behalf when to stop, and gives them values along the way.
///
/// Cheap to clone. Contexts form a tree: ending one ends all that were made from it, at once and before
/// the call that ends it returns.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use sudog::context::{Context, ContextError, Error};
/// use sudog::chan;
///
/// let (ctx, cancel) = Context::background().with_timeout(Duration::from_secs(60));
/// let (_tx, rx) = chan::bounded::<u32>(0);
/// let worker = sudog::go!(move || ctx.recv(&rx));
/// cancel.cancel();
/// assert_eq!(worker.join().unwrap(), Err(Error::Context(ContextError::Canceled)));
/// ```
#[derive(Clone, Default)]
pub struct Context {
    /// `None`: it never ends.
    scope: Option<Arc<Scope>>,
    values: Option<Arc<Values>>,
}

impl Context {
    /// Makes the root of a tree: it never ends and has no values. Go's `Background` and `TODO`.
    ///
    /// # Examples
    /// ```
    /// use sudog::context::Context;
    ///
    /// static ROOT: Context = Context::background();
    ///
    /// assert!(ROOT.err().is_none());
    /// ```
    pub const fn background() -> Context {
        Context {
            scope: None,
            values: None,
        }
    }

    /// Makes a context that ends with this one, or by [`cancel`](CancelFunc::cancel).
    ///
    /// # Examples
    /// ```
    /// use sudog::context::{Context, ContextError};
    ///
    /// let (parent, cancel) = Context::background().with_cancel();
    /// let (child, _cancel_child) = parent.with_cancel();
    /// cancel.cancel();
    /// assert_eq!(child.err(), Some(ContextError::Canceled));
    /// ```
    pub fn with_cancel(&self) -> (Context, CancelFunc) {
        let scope = self.new_scope(None);
        (self.with_scope(&scope), CancelFunc::new(scope))
    }

    /// Makes a context that ends with this one, or by [`cancel`](CancelCauseFunc::cancel), which says
    /// why.
    ///
    /// # Examples
    /// ```
    /// use sudog::context::Context;
    ///
    /// let (ctx, cancel) = Context::background().with_cancel_cause();
    /// cancel.cancel("the user has left");
    /// assert_eq!(ctx.err().unwrap().to_string(), "context canceled");
    /// assert_eq!(ctx.cause().unwrap().to_string(), "the user has left");
    /// ```
    pub fn with_cancel_cause(&self) -> (Context, CancelCauseFunc) {
        let scope = self.new_scope(None);
        (self.with_scope(&scope), CancelCauseFunc::new(scope))
    }

    /// Makes a context that ends with this one, once `limit` has passed, or by
    /// [`cancel`](CancelFunc::cancel).
    ///
    /// Starts the runtime, which keeps the time.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use sudog::context::{Context, ContextError};
    ///
    /// let (ctx, _cancel) = Context::background().with_timeout(Duration::from_millis(1));
    /// assert!(ctx.done().recv().is_err());
    /// assert_eq!(ctx.err(), Some(ContextError::DeadlineExceeded));
    /// ```
    pub fn with_timeout(&self, limit: Duration) -> (Context, CancelFunc) {
        // A deadline beyond the clock's end never comes.
        match Instant::now().checked_add(limit) {
            Some(deadline) => self.with_deadline(deadline),
            None => self.with_cancel(),
        }
    }

    /// Makes a context that ends with this one, at `deadline`, or by [`cancel`](CancelFunc::cancel).
    ///
    /// Starts the runtime, which keeps the time.
    ///
    /// # Examples
    /// ```
    /// use std::time::{Duration, Instant};
    /// use sudog::context::Context;
    ///
    /// let soon = Instant::now() + Duration::from_millis(1);
    /// let (ctx, _cancel) = Context::background().with_deadline(soon);
    /// let (child, _cancel_child) = ctx.with_timeout(Duration::from_secs(60));
    /// assert_eq!(child.deadline(), Some(soon));
    /// ```
    pub fn with_deadline(&self, deadline: Instant) -> (Context, CancelFunc) {
        if self.deadline().is_some_and(|earlier| earlier <= deadline) {
            return self.with_cancel();
        }
        let scope = self.new_scope(Some(deadline));
        scope.end_at(deadline);
        (self.with_scope(&scope), CancelFunc::new(scope))
    }

    /// Makes a context that also has this value, found by its type; it ends with this one.
    ///
    /// A later value of the same type hides an earlier one. Give values types of their own.
    ///
    /// # Examples
    /// ```
    /// use sudog::context::Context;
    ///
    /// struct User(&'static str);
    ///
    /// let ctx = Context::background().with_value(User("gopher"));
    /// assert_eq!(ctx.value::<User>().unwrap().0, "gopher");
    /// assert!(ctx.value::<u32>().is_none());
    /// ```
    pub fn with_value<T: Any + Send + Sync>(&self, value: T) -> Context {
        Context {
            scope: self.scope.clone(),
            values: Some(Values::add(value, self.values.clone())),
        }
    }

    /// Makes a context with the same values that does not end.
    ///
    /// # Examples
    /// ```
    /// use sudog::context::Context;
    ///
    /// let (ctx, cancel) = Context::background().with_value(1_u8).with_cancel();
    /// let goes_on = ctx.without_cancel();
    /// cancel.cancel();
    /// assert_eq!((goes_on.err(), goes_on.value::<u8>()), (None, Some(&1)));
    /// ```
    pub fn without_cancel(&self) -> Context {
        Context {
            scope: None,
            values: self.values.clone(),
        }
    }

    /// The same context without its values.
    #[cfg(feature = "signal")]
    pub(crate) fn without_values(&self) -> Context {
        Context {
            scope: self.scope.clone(),
            values: None,
        }
    }

    /// Cancels it, for this reason.
    #[cfg(feature = "signal")]
    pub(crate) fn end(&self, cause: Cause) {
        if let Some(scope) = &self.scope {
            scope.end(scope::Ending::canceled(Some(cause)));
        }
    }

    fn with_scope(&self, scope: &Arc<Scope>) -> Context {
        Context {
            scope: Some(Arc::clone(scope)),
            values: self.values.clone(),
        }
    }

    fn new_scope(&self, deadline: Option<Instant>) -> Arc<Scope> {
        Scope::within(self.scope.as_ref(), deadline)
    }

    /// Gives a channel that is closed when the context ends, for `select!`.
    ///
    /// It never carries a value, and [`close`](Receiver::close) has no effect on it. Any number may
    /// watch.
    ///
    /// # Examples
    /// ```
    /// use sudog::{chan, context::Context, select};
    ///
    /// let (ctx, cancel) = Context::background().with_cancel();
    /// let (_tx, rx) = chan::bounded::<u32>(0);
    /// cancel.cancel();
    /// select! {
    ///     recv(rx) -> n => unreachable!("{n:?}"),
    ///     recv(ctx.done()) -> _ => println!("{}", ctx.err().unwrap()),
    /// }
    /// ```
    pub fn done(&self) -> &Receiver<()> {
        static NEVER: OnceLock<Receiver<()>> = OnceLock::new();
        match &self.scope {
            Some(scope) => scope.done(),
            None => NEVER.get_or_init(never),
        }
    }

    /// Says whether and how the context has ended. Never blocks.
    ///
    /// Once it does, [`done`](Context::done) is closed.
    ///
    /// # Examples
    /// ```
    /// use sudog::context::{Context, ContextError};
    ///
    /// let (ctx, cancel) = Context::background().with_cancel();
    /// assert_eq!(ctx.err(), None);
    /// cancel.cancel();
    /// assert_eq!(ctx.err(), Some(ContextError::Canceled));
    /// ```
    pub fn err(&self) -> Option<ContextError> {
        self.scope.as_ref()?.err()
    }

    /// Whether it has ended, which a handler of signals may ask.
    #[cfg(feature = "signal")]
    pub(crate) fn has_ended(&self) -> bool {
        self.scope.as_ref().is_some_and(|scope| scope.has_ended())
    }

    /// Says why the context has ended: what was said when it was cancelled, else its
    /// [`err`](Context::err). Never blocks.
    ///
    /// # Examples
    /// ```
    /// use sudog::context::Context;
    ///
    /// let (ctx, cancel) = Context::background().with_cancel();
    /// assert!(ctx.cause().is_none());
    /// cancel.cancel();
    /// assert_eq!(ctx.cause().unwrap().to_string(), "context canceled");
    /// ```
    pub fn cause(&self) -> Option<Cause> {
        self.scope.as_ref()?.cause()
    }

    /// Says when the context will end at the latest, if that is settled. Never blocks.
    ///
    /// # Examples
    /// ```
    /// use std::time::{Duration, Instant};
    /// use sudog::context::Context;
    ///
    /// assert!(Context::background().deadline().is_none());
    /// let (ctx, _cancel) = Context::background().with_timeout(Duration::from_secs(60));
    /// assert!(ctx.deadline().unwrap() > Instant::now());
    /// ```
    pub fn deadline(&self) -> Option<Instant> {
        self.scope.as_ref()?.deadline()
    }

    /// Finds the value of this type that was added last. Never blocks.
    ///
    /// # Examples
    /// ```
    /// use sudog::context::Context;
    ///
    /// struct Attempt(u32);
    ///
    /// let ctx = Context::background().with_value(Attempt(1));
    /// let again = ctx.with_value(Attempt(2));
    /// assert_eq!(again.value::<Attempt>().unwrap().0, 2);
    /// assert_eq!(ctx.value::<Attempt>().unwrap().0, 1);
    /// ```
    pub fn value<T: Any + Send + Sync>(&self) -> Option<&T> {
        self.values.as_ref()?.find()
    }

    /// Runs `f` in a goroutine of its own when the context ends; at once if it has.
    ///
    /// That is so also if what comes back is dropped; it serves to take the call back. Never blocks.
    ///
    /// # Examples
    /// ```
    /// use sudog::{chan, context::Context};
    ///
    /// let (ctx, cancel) = Context::background().with_cancel();
    /// let (tx, rx) = chan::bounded(1);
    /// let stop = ctx.after_func(move || tx.send("over").unwrap());
    /// cancel.cancel();
    /// assert_eq!(rx.recv(), Ok("over"));
    /// assert!(!stop.stop());
    /// ```
    #[track_caller]
    pub fn after_func(&self, f: impl FnOnce() + Send + 'static) -> StopFunc {
        StopFunc::new(self.scope.as_ref(), Box::new(f))
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("deadline", &self.deadline())
            .field("err", &self.err())
            .finish_non_exhaustive()
    }
}
