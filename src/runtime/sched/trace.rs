//! `SUDOG_DEBUG=schedtrace=1000`: a line about the scheduler every second. Go's `schedtrace`.

use super::{sched, stats};
use crate::runtime::m::M;
use crate::sys;
use std::fmt::{self, Write};

pub(super) struct Trace {
    every_ns: Option<u64>,
    started_at: u64,
    next_at: u64,
}

impl Trace {
    pub(super) fn new(now: u64) -> Trace {
        let every = sched().settings().debug.schedtrace;
        let every_ns = every.map(|every| u64::try_from(every.as_nanos()).unwrap_or(u64::MAX));
        Trace {
            every_ns,
            started_at: now,
            next_at: every_ns.map_or(u64::MAX, |every| now.saturating_add(every)),
        }
    }

    /// When the next line is due.
    pub(super) fn next_at(&self) -> u64 {
        self.next_at
    }

    /// Writes the line if it is due.
    pub(super) fn look(&mut self, now: u64) {
        if now < self.next_at {
            return;
        }
        // A thread that was put off writes one line, not all it has missed.
        self.next_at = now.saturating_add(self.every_ns.unwrap_or(u64::MAX));
        // One that is not taken is left out.
        sys::warn(|| {
            let mut line = String::new();
            let _ = write_line(&mut line, (now - self.started_at) / 1_000_000);
            line
        });
    }
}

/// Go's words, for its tools. What Go has and we have not (`needspinning`) is always 0; of the threads one
/// is sysmon's.
fn write_line(line: &mut String, millis: u64) -> fmt::Result {
    let idlers = stats::idlers();
    let ps = sched().ps();
    write!(
        line,
        "SCHED {millis}ms: gomaxprocs={} idleprocs={} threads={} spinningthreads={} needspinning=0 \
         idlethreads={} runqueue={} [",
        ps.len(),
        idlers.ps,
        M::count() + 1,
        idlers.spinning,
        idlers.ms,
        sched().global.len(),
    )?;
    for p in ps {
        write!(line, " {}", p.runq.len())?;
    }
    line.push_str(" ] schedticks=[");
    for ticks in stats::ticks() {
        write!(line, " {ticks}")?;
    }
    line.push_str(" ]\n");
    Ok(())
}
