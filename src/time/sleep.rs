//! Sleeping: the wait that only its deadline ends.

use crate::runtime::{self, Commit, OwnTask, Place, WaitReason};
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// Waits until `duration` has passed.
///
/// Parks the goroutine, or blocks the thread on a plain thread; in async code there is [`sleep_async`].
/// Never returns early. Zero returns at once, without giving the turn away; a time too long to be told
/// never ends.
///
/// # Examples
/// ```
/// use std::time::{Duration, Instant};
///
/// sudog::run(|| {
///     let start = Instant::now();
///     sudog::time::sleep(Duration::from_micros(300));
///     assert!(start.elapsed() >= Duration::from_micros(300));
/// });
/// ```
#[track_caller]
pub fn sleep(duration: Duration) {
    let at = Location::caller();
    if duration.is_zero() {
        return;
    }
    match Instant::now().checked_add(duration) {
        Some(deadline) => sleep_at(deadline, at),
        None => loop {
            sleep_at(runtime::far_future(), at);
        },
    }
}

/// Waits until `deadline`; if it has passed, returns at once.
///
/// Otherwise as [`sleep`].
///
/// # Examples
/// ```
/// use std::time::{Duration, Instant};
///
/// // Ten beats, however long the work between them takes.
/// let start = Instant::now();
/// for beat in 1..=10 {
///     sudog::time::sleep_until(start + beat * Duration::from_millis(1));
/// }
/// assert!(start.elapsed() >= Duration::from_millis(10));
/// ```
#[track_caller]
pub fn sleep_until(deadline: Instant) {
    if Instant::now() < deadline {
        sleep_at(deadline, Location::caller());
    }
}

fn sleep_at(deadline: Instant, at: &'static Location<'static>) {
    if runtime::current_g().is_none() {
        return sleep_thread(deadline);
    }
    let place = Place {
        reason: WaitReason::Sleep,
        at,
    };
    runtime::check_park(place);
    let mut token = runtime::enter_blocking();
    let waiter = token.waiter();
    let ticket = waiter.claim().open();
    // SAFETY: the waiter is this goroutine's, and the commit does nothing.
    unsafe { token.park_until(waiter, place, Commit::nothing(), ticket, deadline) };
}

/// Without a parker, which a thread that is being taken down may not have any more.
fn sleep_thread(deadline: Instant) {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        std::thread::sleep(left);
    }
}

/// Waits in async code until `duration` has passed: [`sleep`] as a future, on any executor.
///
/// The time counts from this call, not from the first poll.
///
/// # Examples
/// ```
/// use std::time::{Duration, Instant};
/// use sudog::time::sleep_async;
///
/// let start = Instant::now();
/// pollster::block_on(async {
///     sleep_async(Duration::from_millis(2)).await;
///     sleep_async(Duration::ZERO).await;
/// });
/// assert!(start.elapsed() >= Duration::from_millis(2));
/// ```
pub fn sleep_async(duration: Duration) -> Sleep {
    Sleep {
        deadline: Instant::now().checked_add(duration),
        task: OwnTask::NONE,
    }
}

/// A future that is done at its time; of [`sleep_async`].
///
/// Dropping it costs nothing that a poll did not.
#[must_use = "futures do nothing unless they are polled"]
pub struct Sleep {
    /// `None` for a time too long to be told.
    deadline: Option<Instant>,
    /// Armed at the first poll that had to wait.
    task: OwnTask,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.deadline else {
            return Poll::Pending;
        };
        let is_armed = self.task.get().is_some();
        if is_armed {
            self.task.set_waker(cx.waker());
        }
        // After the waker was set: a deadline that fires sooner has woken the one before, and is seen.
        if Instant::now() >= deadline {
            return Poll::Ready(());
        }
        if !is_armed {
            runtime::wake_at(self.task.set_waker(cx.waker()), deadline);
        }
        Poll::Pending
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleep")
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}
