//! Blocking under a context: each operation ends at once when the context does.
//!
//! 1. A context that has ended wins; else the operation, if it can be done at once. A wait is the race of
//!    the operation with `done`: one select, or two futures of which the loser is dropped and gives back
//!    what it was given.

use super::{Context, ContextError, CtxSendError, Error};
use crate::chan::{Receiver, RecvError, RecvTimeoutError, Select, SendError, Sender};
use crate::go::{JoinHandle, block_on_as};
use crate::runtime::{Place, WaitReason};
use crate::sync::{Closed, Mutex, MutexGuard, Permit, Semaphore, WaitGroup};
use std::future::{Future, poll_fn};
use std::panic::Location;
use std::pin::pin;
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

#[track_caller]
fn here(reason: WaitReason) -> Place {
    Place {
        reason,
        at: Location::caller(),
    }
}

impl Context {
    /// Fails if the context has ended.
    pub(super) fn check(&self) -> Result<(), ContextError> {
        self.err().map_or(Ok(()), Err)
    }

    /// How it has ended, for one who has seen `done` closed.
    pub(super) fn ending(&self) -> ContextError {
        self.err()
            .expect("the closed `done` says that it has ended")
    }

    /// Runs a future to its end, or to that of the context. Listed as a wait for this reason.
    #[track_caller]
    fn race<F: Future>(&self, reason: WaitReason, future: F) -> Result<F::Output, ContextError> {
        let place = here(reason);
        let (mut future, mut done) = (pin!(future), pin!(self.done().recv_async()));
        block_on_as(
            place,
            poll_fn(|cx| {
                if let Poll::Ready(output) = future.as_mut().poll(cx) {
                    return Poll::Ready(Ok(output));
                }
                done.as_mut().poll(cx).map(|_| Err(self.ending()))
            }),
        )
    }

    /// Receives a value, [`Receiver::recv`], unless the context ends first.
    ///
    /// Blocks the goroutine, or the thread on a plain thread.
    ///
    /// # Errors
    /// [`Error::Context`] if the context has ended, [`Error::Op`] if the channel is closed and empty.
    ///
    /// # Examples
    /// ```
    /// use sudog::context::{Context, ContextError, Error};
    ///
    /// let (tx, rx) = sudog::chan::bounded(1);
    /// let (ctx, cancel) = Context::background().with_cancel();
    /// tx.send(1).unwrap();
    /// assert_eq!(ctx.recv(&rx), Ok(1));
    /// cancel.cancel();
    /// assert_eq!(ctx.recv(&rx), Err(Error::Context(ContextError::Canceled)));
    /// ```
    #[track_caller]
    pub fn recv<T>(&self, receiver: &Receiver<T>) -> Result<T, Error<RecvError>> {
        self.check()?;
        let mut select = Select::new_biased();
        let value = select.recv(receiver);
        select.recv(self.done());
        let chosen = select.select();
        if chosen.index() == value {
            return chosen.recv(receiver).map_err(Error::Op);
        }
        let _ended = chosen.recv(self.done());
        Err(Error::Context(self.ending()))
    }

    /// Sends a value, [`Sender::send`], unless the context ends first.
    ///
    /// Blocks the goroutine, or the thread on a plain thread.
    ///
    /// # Errors
    /// [`CtxSendError`] with the value.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use sudog::context::{Context, ContextError, Error};
    ///
    /// let (tx, _rx) = sudog::chan::bounded(0);
    /// let (ctx, _cancel) = Context::background().with_timeout(Duration::from_millis(1));
    /// let error = ctx.send(&tx, "dear").unwrap_err();
    /// assert_eq!(error.error, Error::Context(ContextError::DeadlineExceeded));
    /// assert_eq!(error.into_inner(), "dear");
    /// ```
    #[track_caller]
    pub fn send<T>(&self, sender: &Sender<T>, value: T) -> Result<(), CtxSendError<T>> {
        let fail = |value, error| Err(CtxSendError { value, error });
        if let Err(error) = self.check() {
            return fail(value, Error::Context(error));
        }
        let mut select = Select::new_biased();
        let sent = select.send(sender);
        select.recv(self.done());
        let chosen = select.select();
        if chosen.index() == sent {
            return match chosen.send(sender, value) {
                Ok(()) => Ok(()),
                Err(SendError(value)) => fail(value, Error::Op(SendError(()))),
            };
        }
        let _ended = chosen.recv(self.done());
        fail(value, Error::Context(self.ending()))
    }

    /// Sleeps so long, unless the context ends first.
    ///
    /// Blocks the goroutine, or the thread on a plain thread.
    ///
    /// # Errors
    /// [`ContextError`] if the context has ended.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use sudog::context::{Context, ContextError};
    ///
    /// let (ctx, cancel) = Context::background().with_cancel();
    /// assert_eq!(ctx.sleep(Duration::from_millis(1)), Ok(()));
    /// cancel.cancel();
    /// assert_eq!(ctx.sleep(Duration::from_secs(3600)), Err(ContextError::Canceled));
    /// ```
    #[track_caller]
    pub fn sleep(&self, duration: Duration) -> Result<(), ContextError> {
        self.check()?;
        let slept = match Instant::now().checked_add(duration) {
            Some(deadline) => self.done().recv_as(here(WaitReason::Sleep), deadline),
            None => self.done().recv().map_err(RecvTimeoutError::from),
        };
        match slept {
            Err(RecvTimeoutError::Timeout) => Ok(()),
            _ => Err(self.ending()),
        }
    }

    /// Locks a mutex, [`Mutex::lock`], unless the context ends first.
    ///
    /// Blocks the goroutine, or the thread on a plain thread.
    ///
    /// # Errors
    /// [`ContextError`] if the context has ended.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use sudog::{context::Context, sync::Mutex};
    ///
    /// let mutex = Mutex::new(1);
    /// let (ctx, _cancel) = Context::background().with_timeout(Duration::from_millis(1));
    /// let guard = mutex.lock();
    /// assert!(ctx.lock(&mutex).is_err());
    /// # drop(guard);
    /// ```
    #[track_caller]
    pub fn lock<'a, T: ?Sized>(
        &self,
        mutex: &'a Mutex<T>,
    ) -> Result<MutexGuard<'a, T>, ContextError> {
        self.check()?;
        match mutex.try_lock() {
            Some(guard) => Ok(guard),
            None => self.race(WaitReason::MutexLock, mutex.lock_async()),
        }
    }

    /// Takes permits, [`Semaphore::acquire`], unless the context ends first.
    ///
    /// Blocks the goroutine, or the thread on a plain thread.
    ///
    /// # Errors
    /// [`Error::Context`] if the context has ended, [`Error::Op`] if the semaphore is closed.
    ///
    /// # Panics
    /// If `n` is over the size of the semaphore.
    ///
    /// # Examples
    /// ```
    /// use sudog::{context::Context, sync::Semaphore};
    ///
    /// let semaphore = Semaphore::new(1);
    /// let permit = Context::background().acquire(&semaphore, 1).unwrap();
    /// # drop(permit);
    /// ```
    #[track_caller]
    pub fn acquire(&self, semaphore: &Semaphore, n: usize) -> Result<Permit, Error<Closed>> {
        self.check()?;
        self.race(WaitReason::SemAcquire, semaphore.acquire_async(n))?
            .map_err(Error::Op)
    }

    /// Waits for a group, [`WaitGroup::wait`], unless the context ends first.
    ///
    /// Blocks the goroutine, or the thread on a plain thread.
    ///
    /// # Errors
    /// [`ContextError`] if the context has ended.
    ///
    /// # Examples
    /// ```
    /// use sudog::{context::Context, sync::WaitGroup};
    ///
    /// let wg = WaitGroup::new();
    /// wg.go(|| { /* work */ });
    /// assert_eq!(Context::background().wait(&wg), Ok(()));
    /// ```
    #[track_caller]
    pub fn wait(&self, group: &WaitGroup) -> Result<(), ContextError> {
        self.check()?;
        self.race(WaitReason::WaitGroup, group.wait_async())
    }

    /// Waits for a goroutine to end, [`JoinHandle::join`], unless the context ends first.
    ///
    /// Blocks the goroutine, or the thread on a plain thread.
    ///
    /// # Errors
    /// [`ContextError`] if the context has ended, and the handle; the goroutine goes on.
    ///
    /// # Examples
    /// ```
    /// use sudog::context::Context;
    ///
    /// let handle = sudog::spawn(|| 42);
    /// assert_eq!(Context::background().join(handle).unwrap().unwrap(), 42);
    /// ```
    #[track_caller]
    pub fn join<T>(
        &self,
        mut handle: JoinHandle<T>,
    ) -> Result<thread::Result<T>, (ContextError, JoinHandle<T>)> {
        match self
            .check()
            .and_then(|()| self.race(WaitReason::Join, &mut handle))
        {
            Ok(result) => Ok(result),
            Err(error) => Err((error, handle)),
        }
    }
}
