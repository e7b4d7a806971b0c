//! `WaitGroup`: waits until a number of things are done. Go's `sync.WaitGroup`.
//!
//! One word holds the counter and the number of waiters, so that `add` and `done` are one atomic
//! operation each while nobody waits.
//!
//! ```text
//!   63                   32 31                    0
//!  +-----------------------+-----------------------+
//!  | counter               | waiters               |
//!  +-----------------------+-----------------------+
//! ```
//!
//! 1. A waiter counts itself and joins the queue under the queue's lock, if the counter is not 0.
//! 2. While somebody waits the counter goes from 1 to 0 under that lock only, which clears the whole
//!    word and empties the queue: all who are in it waited for this 0, and none who came later.
//! 3. A waiter whose deadline comes leaves the queue, and the word, by itself, unless 2 was first.

use super::seat::{Seat, Seated};
use super::sema::{Wait, Waited};
use crate::go::{JoinHandle, spawn};
use crate::runtime::{self, Outcome, Token, WaitQ, WaitReason, Woken};
use crate::sys::atomic::{AtomicU64, Ordering};
use crate::sys::lock::{Guard, Lock};
use futures_core::FusedFuture;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::ptr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// Waits until everything that was added is done.
///
/// A handle: clones are the same group, and neither cloning nor dropping one counts (unlike
/// crossbeam-utils' `WaitGroup`). `add` comes before the goroutine that calls `done`, not in it. Once the
/// counter is 0 the group may be used again at once, also while those who waited are on their way.
///
/// # Examples
/// ```
/// use sudog::sync::WaitGroup;
///
/// let wg = WaitGroup::new();
/// for _ in 0..3 {
///     wg.go(|| { /* work */ });
/// }
/// wg.wait();
/// ```
#[derive(Clone, Default)]
pub struct WaitGroup {
    inner: Arc<Inner>,
}

struct Inner {
    word: AtomicU64,
    queue: Lock<WaitQ>,
}

impl Default for Inner {
    fn default() -> Inner {
        Inner {
            word: AtomicU64::new(0),
            queue: Lock::new(WaitQ::new()),
        }
    }
}

const COUNTER: u64 = 1 << 32;
const COUNTER_MAX: u64 = i32::MAX as u64;

fn counter(word: u64) -> u64 {
    word / COUNTER
}

fn waiters(word: u64) -> u64 {
    word % COUNTER
}

impl WaitGroup {
    /// Makes a group with nothing to wait for.
    pub fn new() -> WaitGroup {
        WaitGroup::default()
    }

    /// Adds `n` things to wait for. Never blocks.
    ///
    /// # Panics
    /// If the counter would exceed 2147483647.
    ///
    /// # Examples
    /// ```
    /// let wg = sudog::sync::WaitGroup::new();
    /// wg.add(2);
    /// wg.done();
    /// wg.done();
    /// wg.wait();
    /// ```
    #[track_caller]
    pub fn add(&self, n: usize) {
        let n = n as u64;
        // Relaxed: what `wait` must see comes before `done`, not before `add`.
        let added = self
            .inner
            .word
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |word| {
                let sum = counter(word)
                    .checked_add(n)
                    .filter(|&sum| sum <= COUNTER_MAX)?;
                Some(sum * COUNTER + waiters(word))
            });
        assert!(added.is_ok(), "sync: WaitGroup counter overflow");
    }

    /// Says that one of the things is done; the last one wakes all who wait. Never blocks.
    ///
    /// # Panics
    /// If more are done than were added: `sync: negative WaitGroup counter`.
    #[track_caller]
    pub fn done(&self) {
        let mut word = self.inner.word.load(Ordering::Relaxed);
        while counter(word) != 1 || waiters(word) == 0 {
            assert!(counter(word) > 0, "sync: negative WaitGroup counter");
            // Release: what was done comes before the `wait` it ends. Acquire: the last `done`
            // passes on what the others did.
            let (next, orders) = (word - COUNTER, (Ordering::AcqRel, Ordering::Relaxed));
            match self
                .inner
                .word
                .compare_exchange_weak(word, next, orders.0, orders.1)
            {
                Ok(_) => return,
                Err(now) => word = now,
            }
        }
        self.inner.finish();
    }

    /// Waits until the counter is 0.
    ///
    /// Blocks the goroutine, or the thread on a plain thread. In async code use
    /// [`wait_async`](WaitGroup::wait_async).
    ///
    /// # Examples
    /// ```
    /// let wg = sudog::sync::WaitGroup::new();
    /// wg.wait(); // nothing was added
    /// ```
    #[track_caller]
    pub fn wait(&self) {
        self.wait_as(WaitReason::WaitGroup, Location::caller());
    }

    /// Waits until the counter is 0, but not longer than `limit`; true if it is.
    ///
    /// Blocks the goroutine, or the thread on a plain thread.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    ///
    /// let wg = sudog::sync::WaitGroup::new();
    /// wg.add(1);
    /// assert!(!wg.wait_timeout(Duration::from_millis(1)));
    /// ```
    #[track_caller]
    pub fn wait_timeout(&self, limit: Duration) -> bool {
        // A deadline beyond the clock's end never comes.
        let deadline = Instant::now().checked_add(limit);
        let reason = WaitReason::WaitGroup;
        self.inner
            .wait(Wait::new(reason, Location::caller(), deadline))
    }

    /// Starts a goroutine that the group waits for, also when it panics.
    ///
    /// # Examples
    /// ```
    /// let wg = sudog::sync::WaitGroup::new();
    /// let answer = wg.go(|| 42);
    /// wg.wait();
    /// assert_eq!(answer.join().unwrap(), 42);
    /// ```
    #[track_caller]
    pub fn go<F, T>(&self, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let guard = self.guard();
        spawn(move || {
            let _guard = guard;
            f()
        })
    }

    /// Waits until the counter is 0, in async code: [`wait`](WaitGroup::wait) as a future.
    ///
    /// # Examples
    /// ```
    /// let wg = sudog::sync::WaitGroup::new();
    /// wg.go(|| { /* work */ });
    /// sudog::block_on(wg.wait_async());
    /// ```
    pub fn wait_async(&self) -> WaitFuture {
        WaitFuture {
            group: self.clone(),
            seat: Seat::new(),
            is_done: false,
        }
    }

    /// Adds one thing, which is done when the guard is dropped.
    ///
    /// # Examples
    /// ```
    /// let wg = sudog::sync::WaitGroup::new();
    /// let guard = wg.guard();
    /// std::thread::spawn(move || drop(guard));
    /// wg.wait();
    /// ```
    #[track_caller]
    pub fn guard(&self) -> DoneGuard {
        self.add(1);
        DoneGuard {
            group: self.clone(),
        }
    }

    /// How many things are not done yet.
    pub(crate) fn count(&self) -> u64 {
        counter(self.inner.word.load(Ordering::Relaxed))
    }

    /// As `wait`, for a listing that shows another reason.
    pub(crate) fn wait_as(&self, reason: WaitReason, at: &'static Location<'static>) {
        self.inner.wait(Wait::new(reason, at, None));
    }
}

impl Inner {
    #[inline]
    fn is_zero(&self) -> bool {
        // Acquire: pairs with the Release of the last `done`.
        counter(self.word.load(Ordering::Acquire)) == 0
    }

    fn wait(&self, wait: Wait) -> bool {
        let join = |_: &mut WaitQ| self.count_waiter();
        // Who is not in the queue any more was counted out with all the others (invariant 2).
        let leave = |_: Token, queue: Guard<'_, WaitQ>, stood_there: bool| {
            if stood_there {
                self.discount_waiter();
            }
            drop(queue);
        };
        self.is_zero() || wait.wait(&self.queue, |queue| queue, join, leave) != Waited::Late
    }

    /// Counts a waiter unless the counter is 0. Under the lock.
    fn count_waiter(&self) -> bool {
        let counted = self
            .word
            .fetch_update(Ordering::Relaxed, Ordering::Acquire, |word| {
                (counter(word) > 0).then_some(word + 1)
            });
        counted.is_ok()
    }

    /// A waiter has left without having been woken. Under the lock.
    fn discount_waiter(&self) {
        self.word.fetch_sub(1, Ordering::Relaxed);
    }

    /// The `done` that seems to be the last, while somebody waits.
    #[cold]
    #[track_caller]
    fn finish(&self) {
        let token = runtime::enter();
        let mut woken = Woken::default();
        let mut queue = self.queue.lock();
        let before = self
            .word
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, |word| {
                match counter(word) {
                    0 => None,
                    1 => Some(0),
                    _ => Some(word - COUNTER),
                }
            });
        if before.is_ok_and(|word| counter(word) == 1) {
            // SAFETY: under the lock.
            unsafe { woken.take_all(&mut queue, Outcome::Done) };
        }
        drop(queue);
        woken.finish(token);
        assert!(before.is_ok(), "sync: negative WaitGroup counter");
    }
}

/// One thing to wait for; done when dropped. Of [`WaitGroup::guard`].
#[derive(Debug)]
#[must_use = "it counts as done when dropped"]
pub struct DoneGuard {
    group: WaitGroup,
}

impl Drop for DoneGuard {
    fn drop(&mut self) {
        self.group.done();
    }
}

/// Waits for a group; of [`WaitGroup::wait_async`]. It owns a handle.
#[must_use = "futures do nothing unless they are polled"]
pub struct WaitFuture {
    group: WaitGroup,
    seat: Seat,
    is_done: bool,
}

// SAFETY: the seat is used under the queue's lock.
unsafe impl Send for WaitFuture {}
// SAFETY: `&` gives no access to anything.
unsafe impl Sync for WaitFuture {}

impl WaitFuture {
    /// # Safety
    /// `self` is pinned.
    unsafe fn poll_wait(&mut self, cx: &Context<'_>) -> bool {
        let inner = &*self.group.inner;
        if !self.seat.was_used() && inner.is_zero() {
            return true;
        }
        let waiter = self.seat.set_waker(cx);
        let _token = runtime::enter();
        let mut queue = inner.queue.lock();
        match self.seat.look() {
            Seated::Queued => return false,
            Seated::Ended(_) => return true,
            Seated::Not => {}
        }
        if !inner.count_waiter() {
            return true;
        }
        // SAFETY: under the lock; pinned, and our drop leaves the queue.
        unsafe { self.seat.join(&mut queue, (waiter, ptr::null_mut()), false) };
        false
    }
}

impl Future for WaitFuture {
    type Output = ();

    /// Once it has ended it is ready at each poll.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // SAFETY: nothing is moved out of the pinned future.
        let this = unsafe { self.get_unchecked_mut() };
        // SAFETY: pinned.
        this.is_done = this.is_done || unsafe { this.poll_wait(cx) };
        if this.is_done {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

impl FusedFuture for WaitFuture {
    fn is_terminated(&self) -> bool {
        self.is_done
    }
}

impl Drop for WaitFuture {
    fn drop(&mut self) {
        if self.is_done || !self.seat.was_used() {
            return;
        }
        let inner = &*self.group.inner;
        let _token = runtime::enter();
        let mut queue = inner.queue.lock();
        // SAFETY: under the lock, of the queue it has joined.
        if unsafe { self.seat.leave(&mut queue) } == Seated::Queued {
            inner.discount_waiter();
        }
    }
}

impl fmt::Debug for WaitFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("WaitFuture { .. }")
    }
}

impl fmt::Debug for WaitGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.inner.word.load(Ordering::Relaxed);
        f.debug_struct("WaitGroup")
            .field("counter", &counter(word))
            .field("waiters", &waiters(word))
            .finish()
    }
}
