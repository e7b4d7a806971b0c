//! Guessing what a thread does from its CPU clock: busy, asleep, or waiting for a CPU that it is not given.
//!
//! A clock that goes on tells of a loop, and one that stands of sleep or of a loaded machine: then the kernel is
//! asked. Looks are as far apart as sysmon's, and a thread may be given a CPU between any two.
//!
//! 1. A thread is *starved* from a look at which it was runnable and its clock had stood, until its clock goes on.
//!    It is not asked about again meanwhile: each look takes the CPU from it.
//! 2. One that is starved is not busy, until [`STARVED_NS`] after the first look.
//! 3. Where the clock cannot be read, all that are late count as busy.
#![forbid(unsafe_code)]

use crate::sys::os::Standing;

/// So much of the CPU in one run makes a goroutine busy, however long it took to get it.
const BUSY_NS: u64 = 1_000_000;

/// A thread that got no CPU for so long is taken for busy all the same: it may be its own priority.
const STARVED_NS: u64 = 100_000_000;

/// The CPU clock of a thread, as of our looks at it in one run of a goroutine.
#[derive(Clone, Copy)]
pub(super) struct Clock {
    cpu: Option<u64>,
    /// The clock and the time at the first look.
    first: Option<(u64, u64)>,
    /// Whether the thread has waited for a CPU since its clock went on last.
    wants_cpu: bool,
}

impl Clock {
    pub(super) const UNSEEN: Clock = Clock {
        cpu: None,
        first: None,
        wants_cpu: false,
    };

    pub(super) fn is_unseen(&self) -> bool {
        self.cpu.is_none()
    }

    pub(super) fn wants_cpu(&self) -> bool {
        self.wants_cpu
    }

    /// Notes what the clock shows; what the thread does, by `ask`, if it has stood.
    pub(super) fn look(
        &mut self,
        cpu: Option<u64>,
        now: u64,
        ask: impl FnOnce() -> Standing,
    ) -> Standing {
        let stood = cpu.is_some() && cpu == self.cpu;
        self.cpu = cpu;
        self.first = self.first.or_else(|| Some((cpu?, now)));
        // One that waits for a CPU goes on waiting until it has run.
        self.wants_cpu &= stood;
        if !stood || self.wants_cpu {
            return Standing::Unknown;
        }
        let standing = ask();
        self.wants_cpu = standing == Standing::Runnable;
        standing
    }

    /// Whether the thread has had a CPU for a good part of the time since the first look, or sleeps outside
    /// of system calls, or has waited for too long.
    pub(super) fn is_busy(&self, standing: Standing, now: u64) -> bool {
        let (Some(cpu), Some((cpu_first, first))) = (self.cpu, self.first) else {
            return true; // as far as can be known
        };
        // Less where the thread has ended since, and another has its record.
        let used = cpu.saturating_sub(cpu_first);
        let sleeps = standing == Standing::Unknown && used == 0;
        let is_away = sleeps || used >= BUSY_NS || used >= (now - first) / 4;
        is_away && !self.wants_cpu && now > first || now - first >= STARVED_NS
    }
}

#[cfg(test)]
mod tests;
