//! `ErrGroup`: goroutines that do one thing together, and the first error of theirs. As x/sync's
//! `errgroup`.

use super::mutex::Mutex;
use super::semaphore::{Permit, Semaphore};
use super::waitgroup::{DoneGuard, WaitGroup};
use crate::go::spawn;
use crate::runtime::{self, WaitReason};
use crate::sys::lock::Lock;
use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::sync::Arc;

/// Starts goroutines, at most so many at a time, and gives the first error.
///
/// A handle: clones are the same group. Unlike Go's it catches panics: the first is resumed at
/// [`wait`](ErrGroup::wait), where also the goroutines are waited for. Where goroutines should borrow
/// from the caller, or none should outlive the block, use [`group`](crate::group()).
///
/// # Examples
/// ```
/// use sudog::sync::ErrGroup;
///
/// let group = ErrGroup::new();
/// for n in 1..=3 {
///     group.go(move || if n == 2 { Err("two") } else { Ok(()) });
/// }
/// assert_eq!(group.wait(), Err("two"));
/// ```
pub struct ErrGroup<E> {
    inner: Arc<Inner<E>>,
}

struct Inner<E> {
    running: WaitGroup,
    end: Mutex<End<E>>,
    limit: Lock<Option<Semaphore>>,
    /// What the first failure does, and the end.
    cancel: Option<Box<dyn Fn() + Send + Sync>>,
}

struct End<E> {
    error: Option<E>,
    panic: Option<Box<dyn Any + Send>>,
    has_failed: bool,
}

impl<E> Inner<E> {
    /// Notes a failure if it is the first of its kind.
    fn fail(&self, failure: Result<E, Box<dyn Any + Send>>) {
        let (mut error, mut panic) = match failure {
            Ok(error) => (Some(error), None),
            Err(payload) => (None, Some(payload)),
        };
        let is_first = {
            let mut end = self.end.lock();
            if !end.has_failed {
                end.error = error.take();
            }
            if end.panic.is_none() {
                end.panic = panic.take();
            }
            !std::mem::replace(&mut end.has_failed, true)
        };
        drop((error, panic));
        if is_first {
            self.cancel();
        }
    }

    fn limit(&self) -> Option<Semaphore> {
        let _token = runtime::enter();
        self.limit.lock().clone()
    }

    fn cancel(&self) {
        self.cancel.iter().for_each(|cancel| cancel());
    }
}

impl<E: Send + 'static> ErrGroup<E> {
    /// Makes a group without a limit.
    pub fn new() -> ErrGroup<E> {
        ErrGroup::with(None)
    }

    /// Makes a group that calls `cancel` at the first failure and at the end.
    pub(crate) fn with(cancel: Option<Box<dyn Fn() + Send + Sync>>) -> ErrGroup<E> {
        ErrGroup {
            inner: Arc::new(Inner {
                running: WaitGroup::new(),
                end: Mutex::new(End {
                    error: None,
                    panic: None,
                    has_failed: false,
                }),
                limit: Lock::new(None),
                cancel,
            }),
        }
    }

    /// Starts `f` in a goroutine of its own.
    ///
    /// Blocks the goroutine, or the thread on a plain thread, while as many run as the limit allows; for
    /// ever if that is 0.
    ///
    /// # Examples
    /// ```
    /// use sudog::sync::ErrGroup;
    ///
    /// let group = ErrGroup::<std::io::Error>::new();
    /// for file in ["Cargo.toml", "README.md"] {
    ///     group.go(move || sudog::blocking(|| std::fs::metadata(file)).map(drop));
    /// }
    /// group.wait().unwrap();
    /// ```
    #[track_caller]
    pub fn go(&self, f: impl FnOnce() -> Result<(), E> + Send + 'static) {
        let limit = self.inner.limit();
        // It is never closed.
        let permit = limit.and_then(|limit| limit.acquire_any(1, Location::caller()));
        self.start(permit, f);
    }

    /// Starts `f` in a goroutine of its own, if the limit allows; true if it has. Never blocks.
    ///
    /// # Examples
    /// ```
    /// let group = sudog::sync::ErrGroup::<()>::new();
    /// group.set_limit(0);
    /// assert!(!group.try_go(|| Ok(())));
    /// ```
    #[track_caller]
    pub fn try_go(&self, f: impl FnOnce() -> Result<(), E> + Send + 'static) -> bool {
        let limit = self.inner.limit();
        let permit = limit.map(|limit| limit.try_acquire_any(1));
        let may_start = !matches!(permit, Some(None));
        if may_start {
            self.start(permit.flatten(), f);
        }
        may_start
    }

    #[track_caller]
    fn start(&self, permit: Option<Permit>, f: impl FnOnce() -> Result<(), E> + Send + 'static) {
        let running = Running {
            _permit: permit,
            _running: self.inner.running.guard(),
        };
        let inner = Arc::clone(&self.inner);
        spawn(move || {
            // Dropped last, also if something here unwinds.
            let _running = running;
            match catch_unwind(AssertUnwindSafe(f)) {
                Ok(Ok(())) => {}
                Ok(Err(error)) => inner.fail(Ok(error)),
                Err(payload) => inner.fail(Err(payload)),
            }
            drop(inner);
        });
    }

    /// Has at most `limit` goroutines of the group run at a time, from now on.
    ///
    /// # Panics
    /// While goroutines of the group are running.
    ///
    /// # Examples
    /// ```
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
    /// use sudog::sync::ErrGroup;
    ///
    /// let (group, running) = (ErrGroup::<()>::new(), Arc::new(AtomicU32::new(0)));
    /// group.set_limit(2);
    /// for _ in 0..10 {
    ///     let running = Arc::clone(&running);
    ///     group.go(move || {
    ///         assert!(running.fetch_add(1, SeqCst) < 2);
    ///         sudog::yield_now();
    ///         running.fetch_sub(1, SeqCst);
    ///         Ok(())
    ///     });
    /// }
    /// group.wait().unwrap();
    /// ```
    #[track_caller]
    pub fn set_limit(&self, limit: usize) {
        let active = self.inner.running.count();
        assert!(
            active == 0,
            "ErrGroup::set_limit: goroutines of the group are running ({active}); set the limit before the \
             first, or after `wait`"
        );
        let limit = Semaphore::new(limit.min(u32::MAX as usize));
        let old = {
            let _token = runtime::enter();
            self.inner.limit.lock().replace(limit)
        };
        drop(old);
    }

    /// Waits until all goroutines have ended, and gives the first error.
    ///
    /// The error is given once. Blocks the goroutine, or the thread on a plain thread.
    ///
    /// # Errors
    /// The first error that one of them has returned.
    ///
    /// # Panics
    /// If one of them has panicked, with its payload.
    ///
    /// # Examples
    /// ```
    /// let group = sudog::sync::ErrGroup::new();
    /// group.go(|| Err("no luck"));
    /// assert_eq!(group.wait(), Err("no luck"));
    /// assert_eq!(group.wait(), Ok(()));
    /// ```
    #[track_caller]
    pub fn wait(&self) -> Result<(), E> {
        let inner = &self.inner;
        inner
            .running
            .wait_as(WaitReason::WaitGroup, Location::caller());
        inner.cancel();
        let (error, panic) = {
            let mut end = inner.end.lock();
            end.has_failed = false;
            (end.error.take(), end.panic.take())
        };
        if let Some(payload) = panic {
            resume_unwind(payload);
        }
        error.map_or(Ok(()), Err)
    }
}

/// What a goroutine of the group gives back at its end, in this order.
struct Running {
    _permit: Option<Permit>,
    _running: DoneGuard,
}

impl<E> Clone for ErrGroup<E> {
    fn clone(&self) -> ErrGroup<E> {
        ErrGroup {
            inner: Arc::clone(&self.inner),
        }
    }
}

impl<E: Send + 'static> Default for ErrGroup<E> {
    fn default() -> ErrGroup<E> {
        ErrGroup::new()
    }
}

impl<E> fmt::Debug for ErrGroup<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ErrGroup")
            .field("active", &self.inner.running.count())
            .finish_non_exhaustive()
    }
}
