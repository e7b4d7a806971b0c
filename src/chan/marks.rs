//! The marks of a channel: what can be seen of it without its lock, a bit each.
//!
//! They are written under the lock ([`Core`], invariant 2). Some say what can be done, some what the
//! channel is.
#![forbid(unsafe_code)]

use super::core::Core;
use crate::sys::atomic::Ordering;

/// A send would not have to wait.
pub(super) const CAN_SEND: u8 = 1;
/// A receive would not have to wait.
pub(super) const CAN_RECV: u8 = 2;
pub(super) const CLOSED: u8 = 4;
/// Somebody watches.
pub(super) const WATCHED: u8 = 8;
/// Of [`Flavor::Timer`](super::core::Flavor::Timer).
pub(super) const TIMER: u8 = 16;
/// Of [`Flavor::Never`](super::core::Flavor::Never).
pub(super) const NEVER: u8 = 32;
/// Of [`Flavor::Fed`](super::core::Flavor::Fed).
pub(super) const FED: u8 = 64;

/// What one wants to do, by the mark that says that it can be done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum Side {
    Send = CAN_SEND,
    Recv = CAN_RECV,
}

impl Side {
    #[inline]
    pub(super) const fn bit(self) -> u8 {
        self as u8
    }

    /// The mark of those on the other side.
    #[inline]
    pub(super) const fn other_bit(self) -> u8 {
        self.bit() ^ (CAN_SEND | CAN_RECV)
    }
}

/// What the marks of several channels say together, read by one who has just taken their locks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Marks {
    all: u8,
    ready: u8,
}

impl Marks {
    pub(super) const NONE: Marks = Marks { all: 0, ready: 0 };

    /// Adds those of a channel, for one who wants to do this.
    #[inline]
    pub(super) fn add(&mut self, core: &Core, side: Side) {
        // Relaxed: under the lock.
        let marks = core.marks(Ordering::Relaxed);
        self.all |= marks;
        self.ready |= marks & side.bit();
    }

    /// Whether something can be done, or may be since it is a matter of time.
    #[inline]
    pub(super) fn may_be_ready(self) -> bool {
        self.ready != 0 || self.all & TIMER != 0
    }

    /// Whether somebody watches one of the channels, or one has values when they are due.
    #[inline]
    pub(super) fn is_special(self) -> bool {
        self.all & (WATCHED | TIMER) != 0
    }
}
