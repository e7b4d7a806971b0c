//! What a call on a socket must look at: is it closed, is it too late; and **the** retry loop of all
//! operations. Go's `internal/poll`, without its `fdMutex`.
//!
//! 1. A call reads the tick, then looks at `is_closed` and the deadline, then tries; whoever closes or
//!    moves a deadline writes first and ticks then (netpoll.rs). So a call either sees the change or does
//!    not go to sleep on the state before it.
//! 2. Time-outs are nobody's timers: each call that blocks has a deadline of its own, the earliest of
//!    those that hold for it. One that was moved has its calls look again, so there is no stale timer
//!    to tell from a valid one, and a deadline that has passed can be extended.
//! 3. What works under a context is interrupted as a caller (runtime/interrupt.rs), not here: each call
//!    looks at that too, and `PollDesc::wait` names the wait to it.
//! 4. However a call ends, it passes the wake on: there may be more than it has taken.

use super::error::{closed, timed_out};
use crate::runtime::{self, Direction, Place, PollDesc, Tick, WaitReason};
use crate::sys::atomic::{AtomicBool, AtomicU64, Ordering};
use std::io::{self, ErrorKind};
use std::ops::Deref;
use std::panic::Location;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// `D` is `&'static PollDesc` for descriptors; what is in memory has one of its own.
pub(crate) struct Control<D = &'static PollDesc> {
    desc: D,
    is_closed: AtomicBool,
    /// Per direction, in nanoseconds after [`base`], plus one; 0 for none.
    deadlines: [AtomicU64; 2],
    /// Per direction, in nanoseconds; 0 for none.
    timeouts: [AtomicU64; 2],
}

/// The instant that deadlines are counted from.
fn base() -> Instant {
    static BASE: OnceLock<Instant> = OnceLock::new();
    *BASE.get_or_init(Instant::now)
}

const BOTH: [Direction; 2] = [Direction::Read, Direction::Write];

impl<D: Deref<Target = PollDesc>> Control<D> {
    pub(crate) fn new(desc: D) -> Control<D> {
        Control {
            desc,
            is_closed: AtomicBool::new(false),
            deadlines: [AtomicU64::new(0), AtomicU64::new(0)],
            timeouts: [AtomicU64::new(0), AtomicU64::new(0)],
        }
    }

    pub(crate) fn desc(&self) -> &D {
        &self.desc
    }

    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }

    /// Fails if it is closed.
    pub(crate) fn check(&self) -> io::Result<()> {
        if self.is_closed() {
            Err(closed())
        } else {
            Ok(())
        }
    }

    /// Closes: wakes all calls that are blocked, and fails all from now on.
    ///
    /// # Errors
    /// If it was closed before.
    pub(crate) fn close(&self) -> io::Result<()> {
        if self.is_closed.swap(true, Ordering::AcqRel) {
            return Err(closed());
        }
        self.look_again();
        Ok(())
    }

    /// Has all blocked calls look again.
    pub(crate) fn look_again(&self) {
        BOTH.into_iter()
            .for_each(|direction| self.desc.look_again(direction));
    }

    /// Sets or takes away the deadline of calls in these directions, blocked ones too.
    pub(crate) fn set_deadline(
        &self,
        directions: &[Direction],
        deadline: Option<Instant>,
    ) -> io::Result<()> {
        self.check()?;
        let nanos = deadline.map_or(0, |deadline| {
            let since = deadline.saturating_duration_since(base()).as_nanos();
            u64::try_from(since).unwrap_or(u64::MAX).saturating_add(1)
        });
        for direction in directions {
            self.deadlines[*direction as usize].store(nanos, Ordering::Relaxed);
            self.desc.look_again(*direction);
        }
        Ok(())
    }

    fn deadline(&self, direction: Direction) -> Option<Instant> {
        let nanos = self.deadlines[direction as usize].load(Ordering::Relaxed);
        base().checked_add(Duration::from_nanos(nanos.checked_sub(1)?))
    }

    /// Sets how long a call may be blocked.
    ///
    /// # Errors
    /// `InvalidInput` for a time-out of zero, as of std's.
    pub(crate) fn set_timeout(
        &self,
        direction: Direction,
        limit: Option<Duration>,
    ) -> io::Result<()> {
        self.check()?;
        if limit == Some(Duration::ZERO) {
            return Err(zero_timeout());
        }
        let nanos = limit.map_or(0, |limit| {
            u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX)
        });
        self.timeouts[direction as usize].store(nanos, Ordering::Relaxed);
        self.desc.look_again(direction);
        Ok(())
    }

    pub(crate) fn timeout(&self, direction: Direction) -> io::Result<Option<Duration>> {
        self.check()?;
        let nanos = self.timeouts[direction as usize].load(Ordering::Relaxed);
        Ok((nanos != 0).then(|| Duration::from_nanos(nanos)))
    }

    /// Begins a call that may block.
    #[inline]
    pub(crate) fn begin(
        &self,
        direction: Direction,
        at: &'static Location<'static>,
    ) -> Call<'_, D> {
        runtime::checkpoint();
        Call {
            control: self,
            direction,
            at,
            tick: None,
            began: None,
            until: None,
            nap: None,
        }
    }
}

pub(crate) fn zero_timeout() -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, "cannot set a 0 duration timeout")
}

/// A call under way. Dropping it passes the wake on (invariant 4).
pub(crate) struct Call<'a, D: Deref<Target = PollDesc>> {
    control: &'a Control<D>,
    direction: Direction,
    at: &'static Location<'static>,
    tick: Option<Tick>,
    /// When it was blocked first.
    began: Option<Instant>,
    until: Option<Instant>,
    nap: Option<Duration>,
}

impl<D: Deref<Target = PollDesc>> Drop for Call<'_, D> {
    #[inline]
    fn drop(&mut self) {
        self.control.desc.leave(self.direction);
    }
}

impl<D: Deref<Target = PollDesc>> Call<'_, D> {
    /// Does not wait past `until`.
    pub(crate) fn until(mut self, until: Option<Instant>) -> Self {
        self.until = until;
        self
    }

    /// Tries again after `nap` even if nothing has happened, for what the system does not tell.
    pub(crate) fn try_every(mut self, nap: Duration) -> Self {
        self.nap = Some(nap);
        self
    }

    /// Tries `op` until it does not fail with `WouldBlock`.
    #[inline]
    pub(crate) fn run<T>(mut self, mut op: impl FnMut() -> io::Result<T>) -> io::Result<T> {
        loop {
            self.look()?;
            match op() {
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.block(),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) if self.control.is_closed() => return Err(closed()),
                result => return result,
            }
        }
    }

    /// What comes before each try.
    #[inline]
    fn look(&mut self) -> io::Result<()> {
        self.tick = Some(self.control.desc.tick(self.direction));
        self.control.check()?;
        if let Some(error) = runtime::interruption() {
            return Err(error);
        }
        match self.limit() {
            None => Ok(()),
            Some(limit) if Instant::now() < limit => Ok(()),
            Some(_) => Err(timed_out()),
        }
    }

    /// The earliest of the deadlines that hold for this call.
    #[inline]
    fn limit(&self) -> Option<Instant> {
        let (control, index) = (self.control, self.direction as usize);
        let has_deadline = control.deadlines[index].load(Ordering::Relaxed) != 0;
        if !has_deadline && self.began.is_none() && self.until.is_none() {
            return None;
        }
        self.earliest_limit()
    }

    #[cold]
    fn earliest_limit(&self) -> Option<Instant> {
        let timeout = self.control.timeouts[self.direction as usize].load(Ordering::Relaxed);
        let began = self.began.filter(|_| timeout != 0);
        let timeout = began.and_then(|began| began.checked_add(Duration::from_nanos(timeout)));
        let all = [self.control.deadline(self.direction), timeout, self.until];
        all.into_iter().flatten().min()
    }

    /// Waits until there is reason for the next try.
    #[inline(never)]
    fn block(&mut self) {
        let timeout = self.control.timeouts[self.direction as usize].load(Ordering::Relaxed);
        if timeout != 0 && self.began.is_none() {
            self.began = Some(Instant::now());
        }
        let nap = self.nap.and_then(|nap| Instant::now().checked_add(nap));
        let limit = self.limit().into_iter().chain(nap).min();
        let place = Place {
            reason: WaitReason::IoWait,
            at: self.at,
        };
        if let Some(tick) = self.tick {
            // Whether it was in time is seen at the next look: the deadline may have been moved.
            self.control.desc.wait(self.direction, tick, limit, place);
        }
    }
}
