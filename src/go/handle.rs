//! `JoinHandle`: a goroutine's end and result, for one owner.

use super::Goroutine;
use super::task::Header;
use super::watch::Watch;
use crate::chan::{Receiver, RecvTimeoutError};
use crate::runtime::{self, Commit, Kind, Place, WaitReason, Waiter};
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::Location;
use std::pin::Pin;
use std::ptr::NonNull;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::thread;
use std::time::{Duration, Instant};

/// A handle to a goroutine: joins it, from a goroutine, a thread or `async` code.
///
/// Dropping it lets the goroutine run on by itself. As a [`Future`] it gives what
/// [`join`](JoinHandle::join) gives, on any executor.
pub struct JoinHandle<T> {
    task: NonNull<Header>,
    /// Made when the end is first asked for as a channel.
    watch: OnceLock<Arc<Watch>>,
    result: PhantomData<T>,
}

// SAFETY: the handle owns the result, which is moved between threads with it; sharing it gives no
// access to the result.
unsafe impl<T: Send> Send for JoinHandle<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for JoinHandle<T> {}

impl<T> Unpin for JoinHandle<T> {}

impl<T> JoinHandle<T> {
    /// # Safety
    /// `task` is a packet with a result of type `T`, and one of its counts is the handle's.
    pub(super) unsafe fn new(task: NonNull<Header>) -> JoinHandle<T> {
        JoinHandle {
            task,
            watch: OnceLock::new(),
            result: PhantomData,
        }
    }

    fn header(&self) -> &Header {
        // SAFETY: alive by our count.
        unsafe { self.task.as_ref() }
    }

    /// Waits for the goroutine to end and returns its result, or its panic as `Err`.
    ///
    /// Blocks the goroutine, or the thread on a plain thread. In `async` code await the handle.
    ///
    /// # Errors
    /// The payload, if the goroutine panicked.
    ///
    /// # Examples
    /// ```
    /// let good = sudog::spawn(|| 1);
    /// let bad = sudog::spawn(|| panic!("no"));
    /// assert_eq!(good.join().unwrap(), 1);
    /// assert_eq!(*bad.join().unwrap_err().downcast::<&str>().unwrap(), "no");
    /// ```
    #[track_caller]
    pub fn join(self) -> thread::Result<T> {
        self.wait(WaitReason::Join, Location::caller());
        // SAFETY: the goroutine has ended, and `self` is used up.
        unsafe { Header::take(self.task) }
    }

    /// Waits for the goroutine to end, but not longer than `timeout`, and returns what
    /// [`join`](JoinHandle::join) does.
    ///
    /// A goroutine that has ended is joined even if there is no time. Blocks the goroutine, or the thread
    /// on a plain thread. In `async` code await the handle beside a [`sleep_async`](crate::time::sleep_async).
    ///
    /// # Errors
    /// The handle, if the goroutine has not ended by then; it goes on.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    ///
    /// let (tx, rx) = sudog::chan::bounded::<u8>(0);
    /// let worker = sudog::spawn(move || rx.recv());
    /// let worker = worker.join_timeout(Duration::from_millis(1)).unwrap_err();
    /// tx.send(7).unwrap();
    /// assert_eq!(worker.join_timeout(Duration::MAX).unwrap().unwrap(), Ok(7));
    /// ```
    #[track_caller]
    pub fn join_timeout(self, timeout: Duration) -> Result<thread::Result<T>, Self> {
        // A limit beyond the clock's end is none.
        if !self.is_finished()
            && let Some(deadline) = Instant::now().checked_add(timeout)
        {
            let place = Place {
                reason: WaitReason::Join,
                at: Location::caller(),
            };
            if self.done().recv_as(place, deadline) == Err(RecvTimeoutError::Timeout) {
                return Err(self);
            }
        }
        Ok(self.join())
    }

    /// Returns whether the goroutine has ended. Never blocks.
    ///
    /// # Examples
    /// ```
    /// let handle = sudog::spawn(|| ());
    /// while !handle.is_finished() {
    ///     std::thread::yield_now();
    /// }
    /// ```
    pub fn is_finished(&self) -> bool {
        self.header().is_done()
    }

    /// Gives a channel that is closed when the goroutine has ended, for `select!`.
    ///
    /// It never carries a value, and [`close`](Receiver::close) has no effect on it. Any number may
    /// watch, also after the handle is gone.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use sudog::select;
    ///
    /// let worker = sudog::spawn(|| 42);
    /// select! {
    ///     recv(worker.done()) -> _ => assert_eq!(worker.join().unwrap(), 42),
    ///     default(Duration::from_secs(60)) => unreachable!("it has nothing to wait for"),
    /// }
    /// ```
    pub fn done(&self) -> &Receiver<()> {
        let watch = self.watch.get_or_init(|| Watch::new(self.header()));
        &watch.receiver
    }

    /// Names the goroutine.
    ///
    /// # Examples
    /// ```
    /// let handle = sudog::spawn(|| sudog::current().unwrap().id());
    /// let id = handle.goroutine().id();
    /// assert_eq!(handle.join().unwrap(), id);
    /// ```
    pub fn goroutine(&self) -> &Goroutine {
        &self.header().goroutine
    }

    /// Waits for the end without taking the result.
    #[inline]
    pub(crate) fn wait(&self, reason: WaitReason, at: &'static Location<'static>) {
        if self.header().is_done() {
            return;
        }
        if let Some(watch) = self.watch.get() {
            let _ended = watch.receiver.recv();
            return;
        }
        let place = Place { reason, at };
        runtime::check_park(place);
        // One left by polling is not for the M to drop.
        self.header().unset_waker();
        let mut token = runtime::enter_blocking();
        let wait = Wait {
            header: self.task,
            waiter: token.waiter(),
        };
        // SAFETY: the commit gets a `Wait` that outlives the park.
        unsafe { token.park(wait.waiter, place, wait.commit()) };
    }

    /// Waits for the end on a plain thread, but not past `deadline`; true if it has come.
    pub(crate) fn wait_on_thread(&self, deadline: Instant) -> bool {
        if let Some(watch) = self.watch.get() {
            let ended = watch.receiver.recv_deadline(deadline);
            return ended.is_err_and(|error| error.is_disconnected());
        }
        let waiter = runtime::enter_blocking().waiter();
        let Kind::Thread(parker) = waiter.kind() else {
            panic!(
                "a #[sudog::test] with a timeout was called in a goroutine; it runs on a plain thread only"
            )
        };
        parker.begin_wait(false);
        if !self.header().set_waiter(waiter) || parker.note.sleep_until(Some(deadline)) {
            return true;
        }
        if self.header().unset_waiter(waiter) {
            return false;
        }
        // The end has just come, and its wake is on the way.
        parker.note.sleep();
        true
    }
}

struct Wait {
    header: NonNull<Header>,
    waiter: Waiter,
}

impl Wait {
    fn commit(&self) -> Commit {
        Commit {
            run: Wait::publish,
            arg: NonNull::from(self).as_ptr().cast(),
        }
    }

    /// Publishes the waiter, unless the end has come meanwhile: then it runs on at once.
    unsafe fn publish(wait: *mut ()) -> bool {
        // SAFETY: `wait` is the one of `JoinHandle::wait`, whose frame is parked; the header is alive
        // by its handle's count until we have published, and that is the last thing we do.
        let (header, waiter) = unsafe {
            let wait = &*wait.cast::<Wait>();
            (wait.header.as_ref(), wait.waiter)
        };
        header.set_waiter(waiter)
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = thread::Result<T>;

    /// # Panics
    /// If polled again after it gave its result.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<thread::Result<T>> {
        let is_pending = match self.watch.get() {
            _ if self.header().is_done() => false,
            Some(watch) => {
                watch.set_waker(cx.waker());
                !self.header().is_done()
            }
            None => self.header().set_waker(cx.waker().clone()).is_ok(),
        };
        if is_pending {
            return Poll::Pending;
        }
        // SAFETY: the goroutine has ended, and we hold the handle by `&mut`.
        Poll::Ready(unsafe { Header::take(self.task) })
    }
}

impl<T> Drop for JoinHandle<T> {
    fn drop(&mut self) {
        match self.watch.get() {
            // Those who watch go on, but who polled has gone.
            Some(watch) => watch.unset_waker(),
            None => self.header().unset_waker(),
        }
        // SAFETY: the handle's own count.
        unsafe { Header::release(self.task) };
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle")
            .field("goroutine", self.goroutine())
            .field("is_finished", &self.is_finished())
            .finish_non_exhaustive()
    }
}
