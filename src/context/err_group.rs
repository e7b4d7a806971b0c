//! `ErrGroup` under a context.
#![forbid(unsafe_code)]

use super::Context;
use crate::sync::ErrGroup;

impl<E: Send + 'static> ErrGroup<E> {
    /// Makes a group, and a context for its goroutines, which ends at the first error or panic, and when
    /// [`wait`](ErrGroup::wait) returns.
    ///
    /// # Examples
    /// ```
    /// use sudog::{context::Context, sync::ErrGroup};
    /// use std::time::Duration;
    ///
    /// let (group, ctx) = ErrGroup::with_context(&Context::background());
    /// group.go(|| Err("no luck"));
    /// group.go(move || ctx.sleep(Duration::from_secs(3600)).map_err(|_| "cancelled"));
    /// assert_eq!(group.wait(), Err("no luck"));
    /// ```
    pub fn with_context(ctx: &Context) -> (ErrGroup<E>, Context) {
        let (ctx, cancel) = ctx.with_cancel();
        (ErrGroup::with(Some(Box::new(move || cancel.cancel()))), ctx)
    }
}
