//! Goroutines that may borrow from the caller, who waits for them. `std::thread::scope`, for
//! goroutines.
//!
//! 1. `scope` does not return, nor unwind, before every goroutine started in it has ended; this alone
//!    makes the borrows sound.
//! 2. A goroutine has ended for this purpose when it has dropped its closure and stored its result,
//!    whose type cannot borrow from inside the scope any longer than the handle lives.

use crate::go::{Builder, Goroutine, JoinHandle, Start, drop_quietly};
use crate::runtime::{self, Place, WaitReason};
use crate::sync::WaitGroup;
use crate::sys::lock::Lock;
use std::any::Any;
use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::mem;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::thread;

/// Runs `f`, in which goroutines that borrow from the caller can be started, and waits for them all.
///
/// Blocks the goroutine, or the thread on a plain thread, until the last has ended.
///
/// # Panics
/// If `f` panics, with its payload; else if a goroutine panicked that nobody joined, with the payload
/// of the first.
///
/// # Examples
/// ```
/// let mut parts = [0; 2];
/// let (left, right) = parts.split_at_mut(1);
/// sudog::scope(|s| {
///     s.spawn(|| left[0] = 1);
///     s.spawn(|| right[0] = 2);
/// });
/// assert_eq!(parts, [1, 2]);
/// ```
#[track_caller]
pub fn scope<'env, F, T>(f: F) -> T
where
    F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> T,
{
    let at = Location::caller();
    let reason = WaitReason::Scope;
    runtime::check_park(Place { reason, at });
    let data = Arc::new(Data {
        running: WaitGroup::new(),
        panic: Lock::new(None),
    });
    let scope = Scope {
        data,
        scope: PhantomData,
        env: PhantomData,
    };
    // Caught, so that we wait whatever happens (invariant 1).
    let result = catch_unwind(AssertUnwindSafe(|| f(&scope)));
    let unfailing = runtime::unfailing();
    scope.data.running.wait_as(reason, at);
    drop(unfailing);
    let panic = scope.data.panic.lock().take();
    match (result, panic) {
        (Ok(value), None) => value,
        (Ok(_), Some(payload)) => resume_unwind(payload),
        (Err(payload), other) => {
            // While we unwind, its drop must not panic.
            drop_quietly(other);
            resume_unwind(payload)
        }
    }
}

/// Where goroutines that borrow are started; of [`scope`].
pub struct Scope<'scope, 'env: 'scope> {
    data: Arc<Data>,
    /// Invariant, so that `'scope` cannot be shortened to fit a borrow inside the closure.
    scope: PhantomData<&'scope mut &'scope ()>,
    env: PhantomData<&'env mut &'env ()>,
}

struct Data {
    running: WaitGroup,
    /// The payload of the first panic that nobody joined.
    panic: Lock<Option<Box<dyn Any + Send>>>,
}

impl<'scope> Scope<'scope, '_> {
    /// Starts a goroutine that the scope waits for. Never blocks.
    ///
    /// # Examples
    /// ```
    /// let numbers = [1, 2, 3];
    /// let sum = sudog::scope(|s| {
    ///     let handle = s.spawn(|| numbers.iter().sum::<i32>());
    ///     handle.join().unwrap()
    /// });
    /// assert_eq!(sum, 6);
    /// ```
    #[track_caller]
    pub fn spawn<F, T>(&'scope self, f: F) -> ScopedJoinHandle<'scope, T>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        self.start(Start::here(Location::caller()), f)
    }

    fn start<F, T>(&'scope self, start: Start, f: F) -> ScopedJoinHandle<'scope, T>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        let packet = Arc::new(Packet {
            result: Lock::new(None),
            data: Arc::clone(&self.data),
        });
        let running = self.data.running.guard();
        let theirs = Arc::clone(&packet);
        let body = move || {
            // Dropped last, also if something here unwinds.
            let _running = running;
            let result = catch_unwind(AssertUnwindSafe(f));
            *theirs.result.lock() = Some(result);
            drop(theirs);
        };
        // SAFETY: what `f` and `T` borrow lives for 'scope, and the scope does not end before
        // `running` was dropped, which is the last thing the goroutine does with any of it.
        let handle = unsafe { start.spawn(body) };
        ScopedJoinHandle {
            handle,
            packet,
            scope: PhantomData,
        }
    }
}

impl Builder {
    /// Starts a goroutine in a scope; otherwise as [`Scope::spawn`].
    ///
    /// # Errors
    /// As [`Builder::spawn`].
    ///
    /// # Examples
    /// ```
    /// let text = String::from("borrowed");
    /// sudog::scope(|s| {
    ///     let handle = sudog::Builder::new().name("reader").spawn_scoped(s, || text.len()).unwrap();
    ///     assert_eq!(handle.join().unwrap(), 8);
    /// });
    /// ```
    #[track_caller]
    pub fn spawn_scoped<'scope, F, T>(
        self,
        scope: &'scope Scope<'scope, '_>,
        f: F,
    ) -> io::Result<ScopedJoinHandle<'scope, T>>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        Ok(scope.start(self.into_start(Location::caller())?, f))
    }
}

/// Where the result of a scoped goroutine is, until it is joined.
struct Packet<T> {
    result: Lock<Option<thread::Result<T>>>,
    data: Arc<Data>,
}

impl<T> Drop for Packet<T> {
    fn drop(&mut self) {
        let result = self.result.lock().take();
        if let Some(Err(payload)) = result {
            let mut first = self.data.panic.lock();
            let later = if first.is_none() {
                first.replace(payload)
            } else {
                Some(payload)
            };
            drop(first);
            drop_quietly(later);
        }
    }
}

/// A handle to a goroutine that borrows; of [`Scope::spawn`].
pub struct ScopedJoinHandle<'scope, T> {
    handle: JoinHandle<()>,
    packet: Arc<Packet<T>>,
    scope: PhantomData<&'scope mut &'scope T>,
}

impl<T> ScopedJoinHandle<'_, T> {
    /// Waits for the goroutine to end and returns its result, or its panic as `Err`.
    ///
    /// Blocks the goroutine, or the thread on a plain thread.
    ///
    /// # Errors
    /// The payload, if the goroutine panicked; then the scope does not panic for it.
    ///
    /// # Examples
    /// ```
    /// let result = sudog::scope(|s| s.spawn(|| panic!("no luck")).join());
    /// assert!(result.is_err());
    /// ```
    #[track_caller]
    pub fn join(self) -> thread::Result<T> {
        self.handle.wait(WaitReason::Join, Location::caller());
        let result = mem::take(&mut *self.packet.result.lock());
        match result {
            Some(result) => result,
            None => crate::sys::fatal!("{} has ended without a result", self.goroutine()),
        }
    }

    /// Returns whether the goroutine has ended. Never blocks.
    pub fn is_finished(&self) -> bool {
        self.handle.is_finished()
    }

    /// Names the goroutine.
    pub fn goroutine(&self) -> &Goroutine {
        self.handle.goroutine()
    }
}

impl<T> fmt::Debug for ScopedJoinHandle<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScopedJoinHandle")
            .field("goroutine", self.goroutine())
            .field("is_finished", &self.is_finished())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Scope<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope")
            .field("running", &self.data.running)
            .finish_non_exhaustive()
    }
}
