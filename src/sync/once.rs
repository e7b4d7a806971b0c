//! `Once`: done once, by whoever comes first; the others wait for that. Go's `sync.Once`.
//!
//! 1. Who finds it undone, under the queue's lock, runs it; who finds it running waits.
//! 2. When the run has ended all are woken: it is done, or (it panicked) the first of them runs it.
//! 3. Release on marking it done pairs with Acquire on looking.

use super::sema::{Wait, Waited};
use crate::runtime::{self, Outcome, WaitQ, WaitReason, Woken};
use crate::sys::atomic::{AtomicU32, Ordering};
use crate::sys::lock::Lock;
use std::fmt;
use std::panic::Location;

/// Runs something once.
///
/// Unlike std's it is not poisoned: a call that panics leaves it undone, and the next runs. In async
/// code the wait for another's call blocks the thread.
///
/// # Examples
/// ```
/// use sudog::sync::Once;
///
/// static START: Once = Once::new();
///
/// START.call_once(|| println!("once"));
/// START.call_once(|| println!("never"));
/// assert!(START.is_completed());
/// ```
pub struct Once {
    state: AtomicU32,
    queue: Lock<WaitQ>,
}

const UNDONE: u32 = 0;
const RUNNING: u32 = 1;
const DONE: u32 = 2;

/// Ends a run, as undone unless it came to its end.
struct Run<'a> {
    once: &'a Once,
    end: u32,
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        let token = runtime::enter();
        let mut woken = Woken::default();
        let mut queue = self.once.queue.lock();
        // Release: pairs with the Acquire of those who look.
        self.once.state.store(self.end, Ordering::Release);
        // SAFETY: under the lock.
        unsafe { woken.take_all(&mut queue, Outcome::Woken) };
        drop(queue);
        woken.finish(token);
    }
}

impl Once {
    /// Makes one that is undone.
    pub const fn new() -> Once {
        Once {
            state: AtomicU32::new(UNDONE),
            queue: Lock::new(WaitQ::new()),
        }
    }

    /// Runs `f` if nothing was run here to its end, and returns when something was.
    ///
    /// Blocks the goroutine, or the thread on a plain thread, while another runs it. If `f` itself comes
    /// here it waits for ever.
    ///
    /// # Panics
    /// If `f` does; then the next call runs.
    ///
    /// # Examples
    /// ```
    /// use sudog::sync::Once;
    ///
    /// let (once, mut calls) = (Once::new(), 0);
    /// once.call_once(|| calls += 1);
    /// once.call_once(|| calls += 1);
    /// assert_eq!(calls, 1);
    /// ```
    #[inline]
    #[track_caller]
    pub fn call_once(&self, f: impl FnOnce()) {
        if !self.is_completed() && self.begin_or_wait(true, Location::caller()) {
            let mut run = Run {
                once: self,
                end: UNDONE,
            };
            f();
            run.end = DONE;
        }
    }

    /// Returns whether something was run to its end. Never blocks.
    #[inline]
    pub fn is_completed(&self) -> bool {
        self.state.load(Ordering::Acquire) == DONE
    }

    /// Waits until something was run to its end by somebody else.
    ///
    /// Blocks the goroutine, or the thread on a plain thread.
    ///
    /// # Examples
    /// ```
    /// static READY: sudog::sync::Once = sudog::sync::Once::new();
    /// sudog::go!(|| READY.call_once(|| ()));
    /// READY.wait();
    /// ```
    #[track_caller]
    pub fn wait(&self) {
        if !self.is_completed() {
            self.begin_or_wait(false, Location::caller());
        }
    }

    /// Waits until it is done; or, if it may run it and nobody else does, begins: then true.
    #[cold]
    #[inline(never)]
    fn begin_or_wait(&self, may_run: bool, at: &'static Location<'static>) -> bool {
        let wait = Wait::new(WaitReason::Once, at, None);
        loop {
            let mut begins = false;
            let join = |_: &mut WaitQ| match self.state.load(Ordering::Acquire) {
                UNDONE if may_run => {
                    // Relaxed: it is read under the lock by those who would begin.
                    self.state.store(RUNNING, Ordering::Relaxed);
                    begins = true;
                    false
                }
                state => state != DONE,
            };
            let waited = wait.wait(&self.queue, |queue| queue, join, |_, _, _| {});
            if waited == Waited::Not {
                return begins;
            }
        }
    }
}

impl Default for Once {
    fn default() -> Once {
        Once::new()
    }
}

impl fmt::Debug for Once {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Once")
            .field("is_completed", &self.is_completed())
            .finish()
    }
}
