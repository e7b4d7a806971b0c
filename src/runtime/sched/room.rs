//! Looking whether there is room for one more thread (runtime/room.rs).

use super::sched;
use crate::runtime::m::M;
use crate::runtime::room::{Stretch, Survey};
use crate::sys::atomic::Ordering;
use crate::sys::schedstat::{self, Times};

/// How often: long enough to tell one way of waking from the other.
const EVERY_NS: u64 = 50_000_000;

/// At how many threads one looks, for each costs some microseconds.
const THREADS_MAX: usize = 32;

pub(super) struct Lookout {
    next_at: u64,
    last: Option<Reading>,
    survey: Survey,
}

struct Reading {
    now: u64,
    slices: u64,
    /// Those of each M's thread, by its number.
    threads: Vec<Option<(u32, Times)>>,
}

impl Lookout {
    pub(super) fn new(now: u64) -> Lookout {
        Lookout {
            next_at: now,
            last: None,
            survey: Survey::new(),
        }
    }

    /// Looks if it is time and somebody has asked. For sysmon, each round.
    pub(super) fn look(&mut self, now: u64) {
        if now < self.next_at {
            return;
        }
        self.next_at = now + EVERY_NS;
        let room = &sched().room;
        let reading = room.take_asked().then(|| Reading::take(now));
        let pair = reading.as_ref().zip(self.last.as_ref());
        let stretch = pair.map(|(reading, last)| reading.since(last));
        room.set_scarce(self.survey.note(stretch));
        self.last = reading;
    }
}

impl Reading {
    fn take(now: u64) -> Reading {
        let ps = sched().procs().all().iter();
        let ms = M::beyond(0).into_iter().take(THREADS_MAX);
        let times = |m: &M| {
            let thread = m.thread.load(Ordering::Relaxed);
            schedstat::times(thread).map(|times| (thread, times))
        };
        Reading {
            now,
            slices: ps.map(|p| p.tick.load(Ordering::Relaxed)).sum(),
            threads: ms.map(times).collect(),
        }
    }

    fn since(&self, last: &Reading) -> Stretch {
        let mut stretch = Stretch {
            length_ns: self.now - last.now,
            ran_ns: 0,
            waited_ns: 0,
            slices: self.slices - last.slices,
        };
        let both = self.threads.iter().zip(&last.threads);
        for ((thread, now), (same, before)) in both.filter_map(|(now, last)| (*now).zip(*last)) {
            if thread == same {
                stretch.ran_ns += now.ran.saturating_sub(before.ran);
                stretch.waited_ns += now.waited.saturating_sub(before.waited);
            }
        }
        stretch
    }
}
