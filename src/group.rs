//! `group`: goroutines that do one thing together: they borrow, the first error ends the rest, and none
//! outlives the block.
//!
//! A [`scope`] for the borrows and the wait, a context for the end, and a place for the first error.
#![forbid(unsafe_code)]

use crate::context::{CancelFunc, Context};
use crate::scope::{Scope, scope};
use crate::sync::Mutex;
use std::fmt;
use std::sync::Arc;

/// Runs `f`, in which goroutines that borrow from the caller can be started, and waits for them all; the
/// first error cancels the others' context and is returned.
///
/// Blocks the goroutine, or the thread on a plain thread, until the last has ended. `f` itself may fail
/// like one of them.
///
/// # Errors
/// The first error, of `f` or of a goroutine.
///
/// # Panics
/// If `f` or a goroutine panics, with its payload, once all have ended; their context is cancelled at
/// once.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use sudog::context::Context;
///
/// let pages = ["one", "two", "three"];
/// let mut sizes = [0; 3];
/// let result = sudog::group(&Context::background(), |g| {
///     for (page, size) in pages.iter().zip(&mut sizes) {
///         g.go(move || {
///             *size = page.len();
///             if *page == "two" { Err("no such page") } else { Ok(()) }
///         });
///     }
///     let ctx = g.context().clone();
///     g.go(move || ctx.sleep(Duration::from_secs(3600)).map_err(|_| "cancelled"));
///     Ok(())
/// });
/// assert_eq!(result, Err("no such page"));
/// assert_eq!(sizes, [3, 3, 5]);
/// ```
#[track_caller]
pub fn group<'env, T, E, F>(ctx: &Context, f: F) -> Result<T, E>
where
    E: Send + 'env,
    F: for<'scope> FnOnce(&Group<'scope, 'env, E>) -> Result<T, E>,
{
    let (ctx, cancel) = ctx.with_cancel();
    let first = Mutex::new(None);
    let end = Arc::new(End { cancel, first });
    let value = scope(|scope| {
        let group = Group {
            scope,
            ctx,
            end: Arc::clone(&end),
        };
        let guard = CancelOnPanic(&end.cancel);
        let result = f(&group);
        std::mem::forget(guard);
        result.map_err(|error| end.fail(error)).ok()
    });
    let first = end.first.lock().take();
    match (value, first) {
        (_, Some(error)) => Err(error),
        (Some(value), None) => Ok(value),
        (None, None) => crate::sys::fatal!("a group has failed without an error"),
    }
}

/// Where goroutines of a [`group`] are started. Clones are the same group, for its goroutines.
pub struct Group<'scope, 'env: 'scope, E> {
    scope: &'scope Scope<'scope, 'env>,
    ctx: Context,
    end: Arc<End<E>>,
}

struct End<E> {
    cancel: CancelFunc,
    first: Mutex<Option<E>>,
}

impl<E> End<E> {
    fn fail(&self, error: E) {
        let later = {
            let mut first = self.first.lock();
            match &*first {
                None => first.replace(error),
                Some(_) => Some(error),
            }
        };
        drop(later);
        self.cancel.cancel();
    }
}

/// Cancels unless it is forgotten.
struct CancelOnPanic<'a>(&'a CancelFunc);

impl Drop for CancelOnPanic<'_> {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

impl<'scope, E: Send + 'scope> Group<'scope, '_, E> {
    /// Starts `f` in a goroutine of its own, for which the group waits. Never blocks.
    ///
    /// The first that gives an error or panics ends the context of the group; the others are not stopped, and
    /// see it by that.
    ///
    /// # Examples
    /// ```
    /// use std::num::ParseIntError;
    /// use sudog::context::Context;
    ///
    /// fn sum(left: &str, right: &str) -> Result<i32, ParseIntError> {
    ///     let mut n = 0;
    ///     let m = sudog::group(&Context::background(), |g| {
    ///         g.go(|| left.parse().map(|number| n = number));
    ///         right.parse::<i32>()
    ///     })?;
    ///     Ok(n + m)
    /// }
    /// assert_eq!(sum("3", "4"), Ok(7));
    /// assert!(sum("three", "4").is_err());
    /// ```
    #[track_caller]
    pub fn go(&self, f: impl FnOnce() -> Result<(), E> + Send + 'scope) {
        let end = Arc::clone(&self.end);
        self.scope.spawn(move || {
            let guard = CancelOnPanic(&end.cancel);
            let result = f();
            std::mem::forget(guard);
            result.unwrap_or_else(|error| end.fail(error));
        });
    }
}

impl<E> Group<'_, '_, E> {
    /// Gives the context of the group: it ends with the one around it, at the first error or panic, and
    /// when the group does.
    ///
    /// # Examples
    /// ```
    /// use sudog::context::{Context, ContextError};
    ///
    /// let result = sudog::group(&Context::background(), |g| {
    ///     let ctx = g.context().clone();
    ///     g.go(move || {
    ///         let _ = ctx.done().recv(); // until the other fails
    ///         assert_eq!(ctx.err(), Some(ContextError::Canceled));
    ///         Ok(())
    ///     });
    ///     Err::<(), _>("over")
    /// });
    /// assert_eq!(result, Err("over"));
    /// ```
    pub fn context(&self) -> &Context {
        &self.ctx
    }
}

impl<E> Clone for Group<'_, '_, E> {
    fn clone(&self) -> Self {
        Group {
            scope: self.scope,
            ctx: self.ctx.clone(),
            end: Arc::clone(&self.end),
        }
    }
}

impl<E> fmt::Debug for Group<'_, '_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group")
            .field("context", &self.ctx)
            .finish_non_exhaustive()
    }
}
