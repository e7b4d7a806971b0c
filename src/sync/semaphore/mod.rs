//! `Semaphore`: so many at a time. As golang.org/x/sync's, first come, first served, in weights.
//!
//! ```text
//!   bit 63    CLOSED
//!   bit 62    WAITERS   the queue is not empty
//!   bits 0..  permits that nobody has
//! ```
//!
//! 1. While nobody waits, taking and giving back are one compare-and-swap. While somebody waits all goes
//!    through the queue's lock: permits that come back are given to the first, if they are enough, and
//!    so on; nobody is overtaken, though there might be enough for a smaller request.
//! 2. WAITERS changes under that lock only, and is set exactly while the queue is not empty.
//! 3. A waiter is woken with its permits taken for it, or because of the close. One that leaves at its
//!    deadline may have been in the way of smaller ones: those behind it are looked at again.

mod future;
mod permit;

pub use future::AcquireFuture;
pub use permit::{AcquireTimeoutError, Closed, Permit, TryAcquireError};

use crate::runtime::{self, Outcome, Sudog, Token, WaitQ, WaitReason, Woken};
use crate::sync::sema::{Wait, Waited};
use crate::sys::atomic::{AtomicU64, Ordering};
use crate::sys::lock::{Guard, Lock};
use std::fmt;
use std::panic::Location;
use std::ptr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Lets so many at a time do something: who wants to takes a permit, or several.
///
/// A handle: clones are the same semaphore. Permits go to those who wait in the order of their coming,
/// also past a smaller request that could be served sooner.
///
/// # Examples
/// ```
/// use sudog::sync::Semaphore;
///
/// let downloads = Semaphore::new(2);
/// sudog::scope(|s| {
///     for _ in 0..8 {
///         s.spawn(|| {
///             let _permit = downloads.acquire(1).unwrap();
///             // at most two are here
///         });
///     }
/// });
/// ```
#[derive(Clone)]
pub struct Semaphore {
    inner: Arc<Inner>,
}

struct Inner {
    size: usize,
    word: AtomicU64,
    queue: Lock<WaitQ>,
}

const CLOSED: u64 = 1 << 63;
const WAITERS: u64 = 1 << 62;
const PERMITS: u64 = WAITERS - 1;

/// How a look at the word came out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Taken {
    Yes,
    No,
    Closed,
}

impl Semaphore {
    /// Makes a semaphore of `size` permits.
    ///
    /// # Panics
    /// If the size is over 2^62 - 1.
    ///
    /// # Examples
    /// ```
    /// assert_eq!(sudog::sync::Semaphore::new(3).available_permits(), 3);
    /// ```
    #[track_caller]
    pub fn new(size: usize) -> Semaphore {
        assert!(size as u64 <= PERMITS, "semaphore: size out of range");
        Semaphore {
            inner: Arc::new(Inner {
                size,
                word: AtomicU64::new(size as u64),
                queue: Lock::new(WaitQ::new()),
            }),
        }
    }

    /// Takes `n` permits, waiting for them; dropping the [`Permit`] gives them back.
    ///
    /// Blocks the goroutine, or the thread on a plain thread. In async code use
    /// [`acquire_async`](Semaphore::acquire_async).
    ///
    /// # Errors
    /// [`Closed`] if the semaphore is, or is closed meanwhile.
    ///
    /// # Panics
    /// If `n` is over the size of the semaphore: they would never come together.
    ///
    /// # Examples
    /// ```
    /// let semaphore = sudog::sync::Semaphore::new(3);
    /// let two = semaphore.acquire(2).unwrap();
    /// assert_eq!(semaphore.available_permits(), 1);
    /// drop(two);
    /// assert_eq!(semaphore.available_permits(), 3);
    /// ```
    #[track_caller]
    pub fn acquire(&self, n: usize) -> Result<Permit, Closed> {
        self.inner.check(n);
        match self.wait_for(n, None, Location::caller()) {
            Taken::Yes => Ok(Permit::new(self, n)),
            _ => Err(Closed),
        }
    }

    /// Takes `n` permits if that is possible at once. Never blocks.
    ///
    /// It is not while others wait, who come first.
    ///
    /// # Errors
    /// [`TryAcquireError`]: there are not so many now, or never will be.
    ///
    /// # Panics
    /// As [`acquire`](Semaphore::acquire).
    ///
    /// # Examples
    /// ```
    /// use sudog::sync::{Semaphore, TryAcquireError};
    ///
    /// let semaphore = Semaphore::new(3);
    /// let two = semaphore.try_acquire(2).unwrap();
    /// assert_eq!(semaphore.try_acquire(2).unwrap_err(), TryAcquireError::NoPermits);
    /// # drop(two);
    /// ```
    #[track_caller]
    pub fn try_acquire(&self, n: usize) -> Result<Permit, TryAcquireError> {
        self.inner.check(n);
        match self.inner.take(n) {
            Taken::Yes => Ok(Permit::new(self, n)),
            Taken::No => Err(TryAcquireError::NoPermits),
            Taken::Closed => Err(TryAcquireError::Closed),
        }
    }

    /// Takes `n` permits, but does not wait longer than `limit`. Blocks as
    /// [`acquire`](Semaphore::acquire) does.
    ///
    /// # Errors
    /// [`AcquireTimeoutError`].
    ///
    /// # Panics
    /// As [`acquire`](Semaphore::acquire).
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use sudog::sync::{AcquireTimeoutError, Semaphore};
    ///
    /// let semaphore = Semaphore::new(1);
    /// let one = semaphore.acquire(1).unwrap();
    /// let soon = Duration::from_millis(1);
    /// let error = semaphore.acquire_timeout(1, soon).unwrap_err();
    /// assert_eq!(error, AcquireTimeoutError::Timeout);
    /// # drop(one);
    /// ```
    #[track_caller]
    pub fn acquire_timeout(
        &self,
        n: usize,
        limit: Duration,
    ) -> Result<Permit, AcquireTimeoutError> {
        // A deadline beyond the clock's end never comes.
        self.acquire_until(n, Instant::now().checked_add(limit), Location::caller())
    }

    /// Takes `n` permits, but does not wait past `deadline`. As
    /// [`acquire_timeout`](Semaphore::acquire_timeout).
    ///
    /// # Errors
    /// [`AcquireTimeoutError`].
    ///
    /// # Panics
    /// As [`acquire`](Semaphore::acquire).
    #[track_caller]
    pub fn acquire_deadline(
        &self,
        n: usize,
        deadline: Instant,
    ) -> Result<Permit, AcquireTimeoutError> {
        self.acquire_until(n, Some(deadline), Location::caller())
    }

    #[track_caller]
    fn acquire_until(
        &self,
        n: usize,
        limit: Option<Instant>,
        at: &'static Location<'static>,
    ) -> Result<Permit, AcquireTimeoutError> {
        self.inner.check(n);
        match self.wait_for(n, limit, at) {
            Taken::Yes => Ok(Permit::new(self, n)),
            Taken::No => Err(AcquireTimeoutError::Timeout),
            Taken::Closed => Err(AcquireTimeoutError::Closed),
        }
    }

    #[inline]
    fn wait_for(&self, n: usize, limit: Option<Instant>, at: &'static Location<'static>) -> Taken {
        match self.inner.take(n) {
            Taken::No => self
                .inner
                .wait(n, Wait::new(WaitReason::SemAcquire, at, limit)),
            taken => taken,
        }
    }

    /// As `acquire`, without a limit to `n`: over the size it waits until the close.
    pub(super) fn acquire_any(&self, n: usize, at: &'static Location<'static>) -> Option<Permit> {
        let taken = self.wait_for(n, None, at);
        (taken == Taken::Yes).then(|| Permit::new(self, n))
    }

    /// As `try_acquire`, without a limit to `n`.
    pub(super) fn try_acquire_any(&self, n: usize) -> Option<Permit> {
        (self.inner.take(n) == Taken::Yes).then(|| Permit::new(self, n))
    }

    /// Closes the semaphore; false if it was closed. Never blocks.
    ///
    /// All who wait get [`Closed`], and so does who comes later. Permits that are out stay good.
    ///
    /// # Examples
    /// ```
    /// use sudog::sync::{Closed, Semaphore};
    ///
    /// let semaphore = Semaphore::new(1);
    /// assert!(semaphore.close());
    /// assert_eq!(semaphore.acquire(1).unwrap_err(), Closed);
    /// assert!(!semaphore.close());
    /// ```
    pub fn close(&self) -> bool {
        let inner = &*self.inner;
        let token = runtime::enter();
        let mut queue = inner.queue.lock();
        let orders = (Ordering::AcqRel, Ordering::Relaxed);
        let before = inner.word.fetch_update(orders.0, orders.1, |word| {
            (word & CLOSED == 0).then_some((word | CLOSED) & !WAITERS)
        });
        let mut woken = Woken::default();
        // SAFETY: under the lock.
        unsafe { woken.take_all(&mut queue, Outcome::Woken) };
        drop(queue);
        woken.finish(token);
        before.is_ok()
    }

    /// Returns whether it was closed.
    pub fn is_closed(&self) -> bool {
        self.inner.word.load(Ordering::Acquire) & CLOSED != 0
    }

    /// Returns how many permits nobody has; that may change at any moment.
    ///
    /// # Examples
    /// ```
    /// let semaphore = sudog::sync::Semaphore::new(3);
    /// let permit = semaphore.acquire(2).unwrap();
    /// assert_eq!(semaphore.available_permits(), 1);
    /// # drop(permit);
    /// ```
    pub fn available_permits(&self) -> usize {
        (self.inner.word.load(Ordering::Relaxed) & PERMITS) as usize
    }
}

impl Inner {
    #[track_caller]
    fn check(&self, n: usize) {
        let size = self.size;
        assert!(
            n <= size,
            "semaphore: acquire of {n} permits, of which there are {size}"
        );
    }

    /// Takes permits if they are there and nobody waits.
    #[inline]
    fn take(&self, n: usize) -> Taken {
        let mut word = self.word.load(Ordering::Relaxed);
        while word & (CLOSED | WAITERS) == 0 && word >= n as u64 {
            // Acquire: pairs with the Release of who gave them back.
            let orders = (Ordering::Acquire, Ordering::Relaxed);
            match self
                .word
                .compare_exchange_weak(word, word - n as u64, orders.0, orders.1)
            {
                Ok(_) => return Taken::Yes,
                Err(now) => word = now,
            }
        }
        if word & CLOSED != 0 {
            Taken::Closed
        } else {
            Taken::No
        }
    }

    /// Takes permits, or marks the word for one who joins the queue. Under the lock.
    fn take_or_join(&self, n: usize, queue: &WaitQ) -> Taken {
        let is_first = queue.is_empty();
        let may_take = |word: u64| is_first && word & PERMITS >= n as u64;
        let orders = (Ordering::Acquire, Ordering::Acquire);
        let before = self.word.fetch_update(orders.0, orders.1, |word| {
            if word & CLOSED != 0 {
                None
            } else if may_take(word) {
                Some(word - n as u64)
            } else {
                Some(word | WAITERS)
            }
        });
        match before {
            Err(_) => Taken::Closed,
            Ok(word) if may_take(word) => Taken::Yes,
            Ok(_) => Taken::No,
        }
    }

    #[cold]
    #[inline(never)]
    fn wait(&self, n: usize, mut wait: Wait) -> Taken {
        let mut taken = Taken::No;
        wait.request = ptr::from_ref(&n).cast_mut().cast();
        let join = |queue: &mut WaitQ| {
            taken = self.take_or_join(n, queue);
            taken == Taken::No
        };
        let leave = |token: Token, queue: Guard<'_, WaitQ>, _: bool| self.give(0, queue, token);
        match wait.wait(&self.queue, |queue| queue, join, leave) {
            Waited::Not => taken,
            Waited::Late => Taken::No,
            Waited::Ended(Outcome::Done) => Taken::Yes,
            Waited::Ended(_) => Taken::Closed,
        }
    }

    /// Gives permits back. Never switches.
    #[inline]
    fn release(&self, n: usize) {
        let mut word = self.word.load(Ordering::Relaxed);
        while word & WAITERS == 0 {
            let orders = (Ordering::Release, Ordering::Relaxed);
            match self
                .word
                .compare_exchange_weak(word, word + n as u64, orders.0, orders.1)
            {
                Ok(_) => return,
                Err(now) => word = now,
            }
        }
        self.release_slow(n);
    }

    #[cold]
    #[inline(never)]
    fn release_slow(&self, n: usize) {
        let token = runtime::enter();
        self.give(n, self.queue.lock(), token);
    }

    /// Adds `n` permits and gives those who wait what they may have by now.
    fn give(&self, n: usize, mut queue: Guard<'_, WaitQ>, token: Token) {
        let mut woken = Woken::default();
        // While WAITERS is set the number changes under the lock only.
        let before = self.word.load(Ordering::Acquire);
        let mut permits = (before & PERMITS) + n as u64;
        let is_waited_for = before & WAITERS != 0;
        if is_waited_for {
            // SAFETY: under the lock.
            while let Some(mut sudog) = unsafe { queue.pop_if(|sudog| wanted(sudog) <= permits) } {
                // SAFETY: a popped sudog is ours until its waiter is readied.
                let sudog = unsafe { sudog.as_mut() };
                permits -= wanted(sudog);
                sudog.outcome = Outcome::Done;
                woken.push(sudog.waiter);
            }
        }
        let waiters = if queue.is_empty() { 0 } else { WAITERS };
        let orders = (Ordering::AcqRel, Ordering::Relaxed);
        let changed = self.word.fetch_update(orders.0, orders.1, |word| {
            let permits = if is_waited_for {
                permits
            } else {
                (word & PERMITS) + n as u64
            };
            Some((word & CLOSED) | waiters | permits)
        });
        debug_assert!(changed.is_ok());
        drop(queue);
        woken.finish(token);
    }
}

/// What a waiter came for.
fn wanted(sudog: &Sudog) -> u64 {
    // SAFETY: every waiter here points at the number in its frame, or its future, which stay while it
    // is queued.
    unsafe { sudog.slot.cast::<usize>().read() as u64 }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Semaphore")
            .field("size", &self.inner.size)
            .field("available", &self.available_permits())
            .field("is_closed", &self.is_closed())
            .finish()
    }
}
