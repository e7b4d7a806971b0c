//! What sysmon does besides watching: it answers SIGQUIT, traces, names those that stall, trims stacks, follows
//! the number of CPUs, and sees whether there is room for one more thread.

use super::procs::Follower;
use super::quit;
use super::room::Lookout;
use super::stall::Stalls;
use super::trace::Trace;
use super::trim::Trim;

pub(super) struct Errands {
    trace: Trace,
    stalls: Stalls,
    trim: Trim,
    procs: Follower,
    room: Lookout,
}

impl Errands {
    pub(super) fn new(now: u64) -> Errands {
        Errands {
            trace: Trace::new(now),
            stalls: Stalls::new(),
            trim: Trim::new(now),
            procs: Follower::new(now),
            room: Lookout::new(now),
        }
    }

    /// Does what is due. Each round.
    pub(super) fn run(&mut self, now: u64) {
        quit::look();
        self.trace.look(now);
        self.stalls.look(now);
        self.trim.look(now);
        self.procs.look(now);
        self.room.look(now);
    }

    /// How long (ns) sysmon may sleep that would sleep for `limit`, or for good.
    pub(super) fn shorten(&self, limit: Option<u64>, now: u64) -> Option<u64> {
        let next_at = self.trace.next_at().min(self.trim.next_at());
        let own = (next_at != u64::MAX).then(|| next_at.saturating_sub(now).max(1));
        limit.into_iter().chain(own).min()
    }
}
