//! Waiting for descriptors: the gate's side of netpoll.rs.

use super::park::{self, Token};
use super::{interrupt, no_park, poll, sched};
use crate::runtime::coro::Commit;
use crate::runtime::g::Place;
use crate::runtime::interrupt::{Frames, INTERRUPT, Interrupt};
use crate::runtime::netpoll::{Direction, PollDesc, Tick};
use crate::runtime::sudog::Sudog;
use crate::runtime::timer::DEADLINE;
use std::io;
use std::os::fd::RawFd;
use std::ptr::{self, NonNull};
use std::time::Instant;

/// The case number under which an event ends a wait.
const EVENT: u32 = 0;

/// Has waits at the record that is returned end with events of `fd`. Starts the runtime.
///
/// # Errors
/// Those of the system: `EPERM` for a descriptor that cannot be waited for.
pub(crate) fn register(fd: RawFd) -> io::Result<&'static PollDesc> {
    let sched = sched();
    sched.settings();
    sched.netpoll.register(fd)
}

/// Ends the use of `desc`, where nobody waits any more, for `fd`, which is still open.
pub(crate) fn unregister(fd: RawFd, desc: &'static PollDesc) {
    sched().netpoll.unregister(fd, desc);
}

/// Lets others run first, if the time slice of the goroutine is over, as every blocking operation does.
#[inline(never)]
pub(crate) fn checkpoint() {
    drop(park::enter_blocking());
}

impl PollDesc {
    /// Waits until there is reason to look again since `tick`, which was read before the last look;
    /// or until `deadline`: then false.
    #[inline(never)]
    pub(crate) fn wait(
        &self,
        direction: Direction,
        tick: Tick,
        deadline: Option<Instant>,
        place: Place,
    ) -> bool {
        no_park::check_park(place);
        let mut token = park::enter_blocking();
        if token.goroutine().is_none() {
            poll::ensure_polling();
        }
        if let Some(frames) = interrupt::own_frames().filter(|frames| !frames.is_empty()) {
            let wait = (direction, tick, deadline);
            return self.wait_within(frames, token, wait, place);
        }
        let waiter = token.waiter();
        let Some(deadline) = deadline else {
            let mut sudog = Sudog::new(waiter, ptr::null_mut());
            // SAFETY: only who dequeues the sudog readies us; the commit releases the lock we get.
            unsafe {
                if let Some(lock) = self.enqueue(direction, tick, NonNull::from(&mut sudog)) {
                    token.park(waiter, place, Commit::unlock(lock));
                }
            }
            return true;
        };
        let ticket = waiter.claim().open();
        let mut sudog = Sudog::contested(waiter, ptr::null_mut(), ticket, EVENT);
        let sudog = NonNull::from(&mut sudog);
        // SAFETY: the sudog stays in this frame until it is out of the queue, at the latest below; the
        // commit releases the lock we get.
        unsafe {
            let Some(lock) = self.enqueue(direction, tick, sudog) else {
                return true;
            };
            token.park_until(waiter, place, Commit::unlock(lock), ticket, deadline);
            let is_in_time = waiter.claim().winner(ticket) == Some(EVENT);
            if !is_in_time {
                self.dequeue(direction, sudog);
            }
            is_in_time
        }
    }

    /// The same for a caller with frames, whose interrupts may end the wait before it begins.
    #[cold]
    #[inline(never)]
    fn wait_within(
        &self,
        frames: &Frames,
        mut token: Token,
        (direction, tick, deadline): (Direction, Tick, Option<Instant>),
        place: Place,
    ) -> bool {
        let waiter = token.early_waiter(deadline.is_none());
        let ticket = waiter.claim().open();
        let mut sudog = Sudog::contested(waiter, ptr::null_mut(), ticket, EVENT);
        let sudog = NonNull::from(&mut sudog);
        // SAFETY: the sudog stays in this frame until it is out of the queue, at the latest below.
        let Some(lock) = (unsafe { self.enqueue(direction, tick, sudog) }) else {
            park::end_early(waiter);
            return true;
        };
        // SAFETY: `enqueue` has left it locked for us.
        unsafe { lock.unlock() };
        // SAFETY: the frames are the caller's own, and the waiter is this goroutine's or thread's.
        unsafe {
            for interrupt in frames.interrupts() {
                if interrupt.name(waiter, ticket) && waiter.claim().take(ticket, INTERRUPT) {
                    token.ready(waiter);
                }
            }
            match deadline {
                Some(deadline) => token.park_early_until(waiter, place, ticket, deadline),
                None => token.park_early(waiter, place),
            }
            frames.interrupts().for_each(Interrupt::unname);
        }
        let winner = waiter.claim().winner(ticket);
        if winner != Some(EVENT) {
            // SAFETY: our own sudog, queued here above.
            unsafe { self.dequeue(direction, sudog) };
        }
        park::end_early(waiter);
        winner != Some(DEADLINE)
    }

    /// Has every call that waits look again, for what it looks at was changed.
    pub(crate) fn look_again(&self, direction: Direction) {
        let woken = self.disturb(direction);
        if !woken.is_empty() {
            let token = park::enter();
            woken.into_iter().for_each(|waiter| token.ready(waiter));
        }
    }

    /// For a call that ends: wakes the next that waits, for whom there may be something left.
    #[inline]
    pub(crate) fn leave(&self, direction: Direction) {
        if self.has_waiters(direction) {
            self.wake_next(direction);
        }
    }

    #[cold]
    #[inline(never)]
    fn wake_next(&self, direction: Direction) {
        if let Some(waiter) = self.pass_on(direction) {
            park::enter().ready(waiter);
        }
    }
}
