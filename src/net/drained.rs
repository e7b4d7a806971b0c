//! Drained: what a read that was short says of the next one. Of its own; tokio does the like.
//!
//! A server reads a request, answers, and reads again, which fails, so that it waits. A short read has said
//! already that there is no more, and one system call in three can be spared:
//!
//! ```text
//!   a read                                  the poller
//!   1. reads the tick                       a. (data arrives)
//!   2. the same as of the last short one,   b. takes the lock, ticks
//!      and nothing lasting: as if the       c. readies who waits
//!      system had said `WouldBlock`
//!   3. else reads; if that was short,
//!      keeps the tick
//! ```
//!
//! 1. A short read has found the end of what had come. What comes later makes an event, and that a tick
//!    after the one that was kept, for it was read before. So in step 2 nothing can have come of which
//!    there was an event; and of what has come without one yet there will be, which ends the wait
//!    (netpoll.rs, invariant 1).
//! 2. Some things are met after the end without an event of their own, as one has told of them before:
//!    the end of the connection, and an error. Urgent data makes a read short that has not found the end.
//!    An event that tells of any of these is *lasting*, and from then on all reads are tried.
//! 3. Who has the descriptor can have the system read in another way, as by `SO_RCVLOWAT` or kTLS, with
//!    which a short read means nothing. So from the moment on that anybody had it, none is kept; nor are
//!    any of a connection whose listener somebody had, from which it inherits.
//! 4. Only TCP is known to hold to all that: reads of a Unix stream are short also where a message with
//!    descriptors ends.
//! 5. The price: bytes that come behind a short read are met once somebody has looked for events, which may
//!    take 10 ms where all Ps are busy, and not by the next read itself. One whose time is over asks (fd.rs).
#![forbid(unsafe_code)]

use crate::runtime::{Direction, PollDesc};
use crate::sys::atomic::{AtomicBool, AtomicU64, Ordering};
use std::io::{self, ErrorKind};

/// No tick has this number.
const NONE: u64 = u64::MAX;

pub(crate) struct Drained {
    /// The number of the tick before the last short read.
    tick: AtomicU64,
    /// Whether a short read says anything (invariants 3 and 4).
    is_trusted: AtomicBool,
}

impl Drained {
    pub(crate) fn new() -> Drained {
        Drained {
            tick: AtomicU64::new(NONE),
            is_trusted: AtomicBool::new(false),
        }
    }

    /// Has short reads count from now on.
    pub(crate) fn trust(&self) {
        self.is_trusted.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_trusted(&self) -> bool {
        self.is_trusted.load(Ordering::Relaxed)
    }

    /// Has them count no more. The tick that was kept before stays: it was right.
    pub(crate) fn distrust(&self) {
        self.is_trusted.store(false, Ordering::Relaxed);
    }

    /// Reads up to `len` bytes by `read`, unless there are none.
    ///
    /// # Errors
    /// Those of `read`, and `WouldBlock` in its stead.
    #[inline]
    pub(crate) fn read(
        &self,
        desc: &PollDesc,
        len: usize,
        read: impl FnOnce() -> io::Result<usize>,
    ) -> io::Result<usize> {
        let tick = desc.tick(Direction::Read).number();
        // Acquire: pairs with the Release below; the short read lies behind us.
        if self.tick.load(Ordering::Acquire) == tick && !desc.is_lasting() {
            return Err(ErrorKind::WouldBlock.into());
        }
        let count = read()?;
        if 0 < count && count < len && self.is_trusted() {
            self.tick.store(tick, Ordering::Release);
        }
        Ok(count)
    }
}
