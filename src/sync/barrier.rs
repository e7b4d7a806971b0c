//! `Barrier`: nobody goes on before all have come.

use super::sema::{Wait, Waited};
use crate::runtime::{self, Outcome, Token, WaitQ, WaitReason, Woken};
use crate::sys::lock::{Guard, Lock};
use std::fmt;
use std::panic::Location;

/// Lets so many wait for each other, again and again. std's, for those who park.
///
/// # Examples
/// ```
/// use sudog::sync::Barrier;
///
/// let barrier = Barrier::new(3);
/// sudog::scope(|s| {
///     for _ in 0..3 {
///         s.spawn(|| {
///             // the first half
///             barrier.wait();
///             // the second half, once all have done the first
///         });
///     }
/// });
/// ```
pub struct Barrier {
    size: usize,
    state: Lock<State>,
}

struct State {
    waiting: usize,
    queue: WaitQ,
}

/// Tells one of those who met at a [`Barrier`] from the others.
#[derive(Debug)]
pub struct BarrierWaitResult(bool);

impl BarrierWaitResult {
    /// Returns whether this is the one who came last.
    ///
    /// # Examples
    /// ```
    /// assert!(sudog::sync::Barrier::new(1).wait().is_leader());
    /// ```
    pub fn is_leader(&self) -> bool {
        self.0
    }
}

impl Barrier {
    /// Makes a barrier for `size`; 0 is like 1.
    pub const fn new(size: usize) -> Barrier {
        Barrier {
            size,
            state: Lock::new(State {
                waiting: 0,
                queue: WaitQ::new(),
            }),
        }
    }

    /// Waits until so many have come; the last is told so.
    ///
    /// Blocks the goroutine, or the thread on a plain thread, and in async code the thread.
    ///
    /// # Examples
    /// ```
    /// use sudog::sync::Barrier;
    ///
    /// let barrier = Barrier::new(2);
    /// let leaders = sudog::scope(|s| {
    ///     let meet = || barrier.wait().is_leader();
    ///     let (one, other) = (s.spawn(meet), s.spawn(meet));
    ///     u32::from(one.join().unwrap()) + u32::from(other.join().unwrap())
    /// });
    /// assert_eq!(leaders, 1);
    /// ```
    #[track_caller]
    pub fn wait(&self) -> BarrierWaitResult {
        let wait = Wait::new(WaitReason::Barrier, Location::caller(), None);
        let mut woken = Woken::default();
        let join = |state: &mut State| {
            state.waiting += 1;
            if state.waiting < self.size {
                return true;
            }
            state.waiting = 0;
            // SAFETY: under the lock.
            unsafe { woken.take_all(&mut state.queue, Outcome::Done) };
            false
        };
        let leave = |_: Token, mut state: Guard<'_, State>, _| state.waiting -= 1;
        let waited = wait.wait(&self.state, |state| &mut state.queue, join, leave);
        woken.finish(runtime::enter());
        BarrierWaitResult(waited == Waited::Not)
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Barrier")
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}
