//! `Condvar`: waits until somebody says that something has changed. Go's `sync.Cond`.
//!
//! ```text
//!   waiter                                  notifier
//!   1. joins the queue, as yet without
//!      a waiter to name
//!   2. unlocks the mutex                    a. locks it, changes something, unlocks it
//!   3. queue's lock: still queued?          b. takes the first out, says so in `outcome`
//!      then names itself and parks,         c. readies it, if it has named itself
//!      else it runs on
//!   4. locks the mutex
//! ```
//!
//! 1. The place in the queue is taken while the mutex is held: who notifies after step 2 finds all who
//!    began to wait before, in that order, whether they sleep already or not. So no notification is
//!    lost, and none goes to one who came later.
//! 2. Between 1 and 3 nobody is readied, so unlocking may wake whom it likes, and their wakers may wait
//!    themselves: a goroutine has one wait at a time.
//! 3. A notification and a deadline contend for the claim: a notification that loses goes to the next.

use super::mutex::MutexGuard;
use super::sema::{self, Wait};
use crate::runtime::{self, Outcome, Sudog, WaitQ, WaitReason, Woken};
use crate::sys::atomic::{AtomicBool, Ordering};
use crate::sys::lock::Lock;
use std::fmt;
use std::panic::Location;
use std::ptr::NonNull;
use std::time::{Duration, Instant};

/// Lets those who hold a [`Mutex`](super::Mutex) wait until others have changed what is in it.
///
/// Who waits gives the mutex up meanwhile, and is woken in the order of coming. A wait ends only by a
/// notification or by its deadline; but somebody else may have locked the mutex in between, so what
/// was waited for is to be looked at again: [`wait_while`](Condvar::wait_while) does that. It may be
/// used with several mutexes. There is no async form: let async code use a channel.
///
/// # Examples
/// ```
/// use sudog::sync::{Condvar, Mutex};
///
/// static READY: Mutex<bool> = Mutex::new(false);
/// static CHANGED: Condvar = Condvar::new();
///
/// sudog::go!(|| {
///     *READY.lock() = true;
///     CHANGED.notify_one();
/// });
/// let mut ready = READY.lock();
/// CHANGED.wait_while(&mut ready, |ready| !*ready);
/// assert!(*ready);
/// ```
pub struct Condvar {
    /// Whether the queue is not empty; changes under its lock.
    has_waiters: AtomicBool,
    queue: Lock<WaitQ>,
}

/// Tells whether a wait has ended by its deadline.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WaitTimeoutResult(bool);

impl WaitTimeoutResult {
    /// Returns whether the deadline came first.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use sudog::sync::{Condvar, Mutex};
    ///
    /// let (mutex, condvar) = (Mutex::new(()), Condvar::new());
    /// let result = condvar.wait_for(&mut mutex.lock(), Duration::from_millis(1));
    /// assert!(result.timed_out());
    /// ```
    pub fn timed_out(self) -> bool {
        self.0
    }
}

impl Condvar {
    /// Makes a condition variable that nobody waits on.
    ///
    /// # Examples
    /// ```
    /// static CHANGED: sudog::sync::Condvar = sudog::sync::Condvar::new();
    /// assert!(!CHANGED.notify_one());
    /// ```
    pub const fn new() -> Condvar {
        Condvar {
            has_waiters: AtomicBool::new(false),
            queue: Lock::new(WaitQ::new()),
        }
    }

    /// Wakes the one who has waited longest; true if somebody waited. Never blocks.
    ///
    /// # Examples
    /// ```
    /// let condvar = sudog::sync::Condvar::new();
    /// assert!(!condvar.notify_one());
    /// ```
    pub fn notify_one(&self) -> bool {
        if !self.may_have_waiters() {
            return false;
        }
        let token = runtime::enter();
        let mut queue = self.queue.lock();
        // SAFETY: under the lock.
        let waiter = unsafe { sema::pop(&mut queue, Outcome::Done) };
        self.mark(&queue);
        drop(queue);
        sema::ready(token, waiter);
        waiter.is_some()
    }

    /// Wakes all who wait; how many they were. Never blocks.
    ///
    /// # Examples
    /// ```
    /// let condvar = sudog::sync::Condvar::new();
    /// assert_eq!(condvar.notify_all(), 0);
    /// ```
    pub fn notify_all(&self) -> usize {
        if !self.may_have_waiters() {
            return 0;
        }
        let token = runtime::enter();
        let mut woken = Woken::default();
        let mut queue = self.queue.lock();
        // SAFETY: under the lock.
        let count = unsafe { woken.take_all(&mut queue, Outcome::Done) };
        self.mark(&queue);
        drop(queue);
        woken.finish(token);
        count
    }

    fn may_have_waiters(&self) -> bool {
        // Relaxed: who locked the mutex after a waiter gave it up sees what that one did before.
        self.has_waiters.load(Ordering::Relaxed)
    }

    /// Brings the mark up to date. Under the lock.
    fn mark(&self, queue: &WaitQ) {
        self.has_waiters.store(!queue.is_empty(), Ordering::Relaxed);
    }

    /// Unlocks the mutex, waits to be notified, and locks it again.
    ///
    /// Blocks the goroutine, or the thread on a plain thread.
    ///
    /// # Examples
    /// ```
    /// use sudog::sync::{Condvar, Mutex};
    ///
    /// let (mutex, condvar) = (Mutex::new(0), Condvar::new());
    /// sudog::scope(|s| {
    ///     let mut count = mutex.lock();
    ///     s.spawn(|| {
    ///         *mutex.lock() += 1;
    ///         condvar.notify_all();
    ///     });
    ///     while *count == 0 {
    ///         condvar.wait(&mut count);
    ///     }
    /// });
    /// ```
    #[track_caller]
    pub fn wait<T: ?Sized>(&self, guard: &mut MutexGuard<'_, T>) {
        self.wait_once(guard, None, Location::caller());
    }

    /// Does as [`wait`](Condvar::wait), but does not wait to be notified past `deadline`.
    ///
    /// The mutex is locked again in any case, however long that takes.
    ///
    /// # Examples
    /// ```
    /// use std::time::Instant;
    /// use sudog::sync::{Condvar, Mutex};
    ///
    /// let (mutex, condvar) = (Mutex::new(()), Condvar::new());
    /// assert!(condvar.wait_until(&mut mutex.lock(), Instant::now()).timed_out());
    /// ```
    #[track_caller]
    pub fn wait_until<T: ?Sized>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        deadline: Instant,
    ) -> WaitTimeoutResult {
        self.wait_once(guard, Some(deadline), Location::caller())
    }

    /// Does as [`wait`](Condvar::wait), but does not wait to be notified longer than `limit`.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use sudog::sync::{Condvar, Mutex};
    ///
    /// let (mutex, condvar) = (Mutex::new(()), Condvar::new());
    /// assert!(condvar.wait_for(&mut mutex.lock(), Duration::from_millis(1)).timed_out());
    /// ```
    #[track_caller]
    pub fn wait_for<T: ?Sized>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        limit: Duration,
    ) -> WaitTimeoutResult {
        // A deadline beyond the clock's end never comes.
        let deadline = Instant::now().checked_add(limit);
        self.wait_once(guard, deadline, Location::caller())
    }

    /// Waits as long as `condition` holds of what is in the mutex.
    ///
    /// Blocks the goroutine, or the thread on a plain thread.
    ///
    /// # Examples
    /// ```
    /// use sudog::sync::{Condvar, Mutex};
    ///
    /// let (mutex, condvar) = (Mutex::new(0), Condvar::new());
    /// sudog::scope(|s| {
    ///     s.spawn(|| {
    ///         *mutex.lock() += 1;
    ///         condvar.notify_all();
    ///     });
    ///     condvar.wait_while(&mut mutex.lock(), |count| *count == 0);
    /// });
    /// ```
    #[track_caller]
    pub fn wait_while<T: ?Sized>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        condition: impl FnMut(&mut T) -> bool,
    ) {
        self.wait_on(guard, condition, None, Location::caller());
    }

    /// Waits as long as `condition` holds, but not past `deadline`.
    ///
    /// The result tells whether the condition still held when the deadline came.
    ///
    /// # Examples
    /// ```
    /// use std::time::Instant;
    /// use sudog::sync::{Condvar, Mutex};
    ///
    /// let (mutex, condvar) = (Mutex::new(1), Condvar::new());
    /// let result = condvar.wait_while_until(&mut mutex.lock(), |n| *n == 1, Instant::now());
    /// assert!(result.timed_out());
    /// ```
    #[track_caller]
    pub fn wait_while_until<T: ?Sized>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        condition: impl FnMut(&mut T) -> bool,
        deadline: Instant,
    ) -> WaitTimeoutResult {
        self.wait_on(guard, condition, Some(deadline), Location::caller())
    }

    /// Waits as long as `condition` holds, but not longer than `limit`.
    ///
    /// The result tells whether the condition still held when the time was over.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use sudog::sync::{Condvar, Mutex};
    ///
    /// let (mutex, condvar) = (Mutex::new(1), Condvar::new());
    /// let soon = Duration::from_millis(1);
    /// assert!(condvar.wait_while_for(&mut mutex.lock(), |n| *n == 1, soon).timed_out());
    /// assert!(!condvar.wait_while_for(&mut mutex.lock(), |n| *n == 2, soon).timed_out());
    /// ```
    #[track_caller]
    pub fn wait_while_for<T: ?Sized>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        condition: impl FnMut(&mut T) -> bool,
        limit: Duration,
    ) -> WaitTimeoutResult {
        let deadline = Instant::now().checked_add(limit);
        self.wait_on(guard, condition, deadline, Location::caller())
    }

    fn wait_on<T: ?Sized>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        mut condition: impl FnMut(&mut T) -> bool,
        deadline: Option<Instant>,
        at: &'static Location<'static>,
    ) -> WaitTimeoutResult {
        while condition(guard) {
            if self.wait_once(guard, deadline, at).timed_out() {
                return WaitTimeoutResult(condition(guard));
            }
        }
        WaitTimeoutResult(false)
    }

    fn wait_once<T: ?Sized>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        deadline: Option<Instant>,
        at: &'static Location<'static>,
    ) -> WaitTimeoutResult {
        let raw = &MutexGuard::mutex(guard).raw;
        let wait = Wait::new(WaitReason::CondWait, at, deadline);
        runtime::check_park(wait.place);
        let mut sudog = Sudog::UNUSED;
        let sudog = NonNull::from(&mut sudog);
        {
            let _token = runtime::enter();
            let mut queue = self.queue.lock();
            // SAFETY: under the lock; the sudog stays in this frame until `sleep` has seen it out.
            unsafe { queue.push(sudog) };
            self.mark(&queue);
        }
        // SAFETY: the guard is the proof that it is locked, and is not used before it is so again.
        unsafe { raw.unlock() };
        // SAFETY: our own sudog, pushed above.
        let is_notified = unsafe { self.sleep(&wait, sudog) };
        raw.lock(WaitReason::MutexLock, at);
        WaitTimeoutResult(!is_notified)
    }

    /// Step 3: parks unless it was notified already; true if it was notified at all.
    ///
    /// # Safety
    /// The sudog was pushed here by the caller, and stays where it is.
    unsafe fn sleep(&self, wait: &Wait, mut sudog: NonNull<Sudog>) -> bool {
        let mut token = runtime::enter_blocking();
        let waiter = token.waiter();
        let mut queue = self.queue.lock();
        // SAFETY: under the lock a sudog is its owner's to look at, and out of the queue its owner's
        // alone: who took it out has set `outcome` before.
        unsafe {
            if sudog.as_ref().is_queued() && !wait.is_late() {
                let ticket = wait.open(waiter);
                sudog.as_mut().begin(waiter, ticket);
                wait.park(&mut token, waiter, ticket, queue);
                if ticket.is_none() {
                    return true;
                }
                queue = self.queue.lock();
            }
            queue.remove(sudog);
            self.mark(&queue);
            sudog.as_ref().outcome == Outcome::Done
        }
    }
}

impl Default for Condvar {
    fn default() -> Condvar {
        Condvar::new()
    }
}

impl fmt::Debug for Condvar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Condvar { .. }")
    }
}
