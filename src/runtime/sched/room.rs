//! Looking how much room there is (runtime/room.rs).

use super::sched;
use crate::runtime::room::{Reading, Survey};
use crate::sys::{load, os};

/// How often. What the system says of its processors is rounded to 10 ms.
const EVERY_NS: u64 = 100_000_000;

pub(super) struct Lookout {
    next_at: u64,
    survey: Survey,
}

impl Lookout {
    pub(super) fn new(now: u64) -> Lookout {
        Lookout {
            next_at: now,
            survey: Survey::new(),
        }
    }

    /// Looks if it is time. For sysmon, each round.
    pub(super) fn look(&mut self, now: u64) {
        if now >= self.next_at {
            self.next_at = now + EVERY_NS;
            let sched = sched();
            sched.room.set(self.survey.note(read(), sched.ps().len()));
        }
    }
}

/// `None` where the system does not say everything.
fn read() -> Option<Reading> {
    let (idle, waited) = (load::idle_time()?, load::contended_time()?);
    Some(Reading {
        now: os::nanotime(),
        idle,
        own: os::process_cpu_time(),
        waited,
    })
}
