//! Idle: which Ms and Ps have nothing to do, and which of the Ms sleeps in the poller. Go's `midle`, `pidle`.
//!
//! All of it is under one lock; idle.rs says who may be put here and taken off, and when.
//!
//! 1. The poller is an M on the list, or on its way out of the poller (poll.rs, invariant 1).
//! 2. It does something useful there as long as a P is free for what it finds, and is taken off last. With the
//!    last P goes the poller itself: else the next event would wake it for nothing, as it could only leave
//!    what it has found to those who have a P, and these look for themselves when they run out. Under load
//!    three Ms would take turns on two Ps so, with a wake too many in each.

use super::{sched, sysmon};
use crate::runtime::m::M;
use crate::runtime::p::P;
use crate::sys::os;
use std::{mem, ptr};

/// What the idle lock guards.
pub(crate) struct Idle {
    /// Last in, first out: the last to idle is the warmest.
    pub(crate) ms: Vec<&'static M>,
    pub(crate) ps: Vec<&'static P>,
    /// The number of the M that sleeps in the poller, is about to, or is on its way out; 0 if none is.
    poller: u32,
    /// Ms that sleep because of a goroutine locked to them, less those woken before they were counted.
    pub(crate) locked_ms: isize,
    /// Whether sysmon sleeps until a P is taken off the list.
    pub(crate) sysmon_asleep: bool,
    /// The least number of Ms on the list since it was last looked for surplus ones.
    least_ms: usize,
}

impl Idle {
    pub(crate) const fn new() -> Idle {
        Idle {
            ms: Vec::new(),
            ps: Vec::new(),
            poller: 0,
            locked_ms: 0,
            sysmon_asleep: false,
            least_ms: 0,
        }
    }

    /// Whether no M is awake and every P idles.
    pub(crate) fn all_asleep(&self) -> bool {
        let asleep = self.ms.len().checked_add_signed(self.locked_ms);
        self.ps.len() == sched().ps().len() && asleep == Some(M::count())
    }

    /// Whether sysmon sleeps deeply, and is the caller's to wake, outside the lock. Its clock, which has
    /// stood, is put right for those who run next.
    pub(super) fn rouse_sysmon(&mut self) -> bool {
        let is_asleep = mem::take(&mut self.sysmon_asleep);
        if is_asleep {
            sysmon::set_now(os::nanotime());
        }
        is_asleep
    }

    /// Whether an M sleeps in the poller, or is about to.
    pub(crate) fn has_poller(&self) -> bool {
        self.poller != 0
    }

    /// Whether events of descriptors are seen, if there can be any.
    pub(crate) fn is_polled(&self) -> bool {
        self.has_poller() || !sched().netpoll.is_open()
    }

    /// Lists an M that is about to sleep: in the poller, if nobody does and a P is free for what it
    /// may find there.
    pub(super) fn list(&mut self, m: &'static M) {
        self.ms.push(m);
        if !self.is_polled() && !self.ps.is_empty() {
            self.poller = m.id;
            m.is_poller.set(true);
        }
    }

    /// Takes `m` off the list; false if somebody else has.
    pub(super) fn unlist(&mut self, m: &'static M) -> bool {
        let position = self.ms.iter().rposition(|other| ptr::eq(*other, m));
        let Some(position) = position else {
            return false;
        };
        self.ms.remove(position);
        self.least_ms = self.least_ms.min(self.ms.len());
        self.end_polling(m);
        true
    }

    /// Lets another be the poller if `m` was, which says so itself: were it somebody else who takes it
    /// off the list, it could take away the interrupt of the next.
    pub(super) fn end_polling(&mut self, m: &'static M) {
        if m.is_poller.replace(false) {
            debug_assert_eq!(self.poller, m.id);
            self.poller = 0;
        }
    }

    /// Whether `m` is the poller.
    pub(super) fn is_poller(&self, m: &M) -> bool {
        self.poller == m.id
    }

    /// Takes off the M that was listed last; but the poller only if there is no other, and before all
    /// others if no P is left for what it may find (invariant 2).
    pub(super) fn pop_m(&mut self, is_p_left: bool) -> Option<&'static M> {
        let last = self.ms.iter().rposition(|m| self.is_poller(m) != is_p_left);
        let position = match last {
            Some(position) => position,
            None => self.ms.len().checked_sub(1)?,
        };
        let m = self.ms.remove(position);
        self.least_ms = self.least_ms.min(self.ms.len());
        Some(m)
    }

    /// Takes off those Ms beyond `kept` that have been here since the last time: they have been here
    /// longest. Each is told that its thread is to end.
    pub(crate) fn take_surplus(&mut self, kept: usize) -> Vec<&'static M> {
        let surplus = self.least_ms.saturating_sub(kept);
        let poller = self.poller;
        let taken: Vec<_> = self
            .ms
            .iter()
            .copied()
            .filter(|m| m.id != poller)
            .take(surplus)
            .collect();
        self.ms
            .retain(|m| !taken.iter().any(|taken| ptr::eq(*m, *taken)));
        self.least_ms = self.ms.len();
        taken
    }

    /// Whether there are Ms to take by [`Idle::take_surplus`] later on.
    pub(crate) fn may_have_surplus(&self, kept: usize) -> bool {
        self.ms.len() > kept
    }
}
