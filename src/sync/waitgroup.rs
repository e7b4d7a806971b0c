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

use crate::go::{JoinHandle, spawn};
use crate::runtime::{self, Commit, Outcome, Place, Sudog, WaitQ, WaitReason};
use crate::sys::atomic::{AtomicU64, Ordering};
use crate::sys::lock::Lock;
use std::fmt;
use std::panic::Location;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Waits until everything that was added is done.
///
/// A handle: clones are the same group, and neither cloning nor dropping one counts (unlike
/// crossbeam-utils' `WaitGroup`). `add` comes before the goroutine that calls `done`, not in it.
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
    /// Blocks the goroutine, or the thread on a plain thread.
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
        self.inner.wait(
            deadline,
            Place {
                reason: WaitReason::WaitGroup,
                at: Location::caller(),
            },
        )
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

    /// As `wait`, for a listing that shows another reason.
    pub(crate) fn wait_as(&self, reason: WaitReason, at: &'static Location<'static>) {
        self.inner.wait(None, Place { reason, at });
    }
}

impl Inner {
    fn wait(&self, deadline: Option<Instant>, place: Place) -> bool {
        // Acquire: pairs with the Release of the last `done`.
        if counter(self.word.load(Ordering::Acquire)) == 0 {
            return true;
        }
        let mut token = runtime::enter_blocking();
        let waiter = token.waiter();
        let ticket = waiter.claim().open();
        let mut sudog = Sudog::contested(waiter, ptr::null_mut(), ticket, 0);
        let mut queue = self.queue.lock();
        if !self.count_waiter() {
            return true;
        }
        // SAFETY: under the lock; the sudog stays in this frame until it is out of the queue.
        unsafe { queue.push(NonNull::from(&mut sudog)) };
        let commit = Commit::unlock(Lock::leave_locked(queue));
        match deadline {
            // SAFETY: the commit releases the lock we hold.
            None => unsafe { token.park(waiter, place, commit) },
            Some(deadline) => {
                // SAFETY: as above; it never refuses.
                unsafe { token.park_until(waiter, place, commit, ticket, deadline) };
                let mut queue = self.queue.lock();
                // SAFETY: under the lock; our own sudog.
                if unsafe { queue.remove(NonNull::from(&mut sudog)) } {
                    self.word.fetch_sub(1, Ordering::Relaxed);
                    return false;
                }
            }
        }
        sudog.outcome == Outcome::Done
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

    /// The `done` that seems to be the last, while somebody waits.
    #[cold]
    #[track_caller]
    fn finish(&self) {
        let token = runtime::enter();
        let mut woken = Vec::new();
        let is_counted;
        {
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
            is_counted = before.is_ok();
            if before.is_ok_and(|word| counter(word) == 1) {
                // SAFETY: under the lock; a popped sudog is ours until its waiter is readied.
                while let Some(mut sudog) = unsafe { queue.pop() } {
                    // SAFETY: as above.
                    let sudog = unsafe { sudog.as_mut() };
                    sudog.outcome = Outcome::Done;
                    woken.push(sudog.waiter);
                }
            }
        }
        woken.into_iter().for_each(|waiter| token.ready(waiter));
        drop(token);
        assert!(is_counted, "sync: negative WaitGroup counter");
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

impl fmt::Debug for WaitGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.inner.word.load(Ordering::Relaxed);
        f.debug_struct("WaitGroup")
            .field("counter", &counter(word))
            .field("waiters", &waiters(word))
            .finish()
    }
}
