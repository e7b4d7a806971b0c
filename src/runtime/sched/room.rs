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
    /// With the numbers of the threads.
    threads: Vec<(u32, Times)>,
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
        let stretch = pair.and_then(|(reading, last)| reading.since(last));
        room.set_scarce(self.survey.note(stretch));
        self.last = reading;
    }
}

impl Reading {
    fn take(now: u64) -> Reading {
        let ps = sched().procs().all().iter();
        let ms = M::beyond(0).into_iter();
        // Who has lost its P computes beside them, and may wait as long as it likes.
        let ms = ms.filter(|m| m.parted_ms.load(Ordering::Relaxed) == 0);
        let threads = ms.map(|m| m.thread.load(Ordering::Relaxed));
        let times = |thread| schedstat::times(thread).map(|times| (thread, times));
        Reading {
            now,
            slices: ps.map(|p| p.tick.load(Ordering::Relaxed)).sum(),
            threads: threads.take(THREADS_MAX).filter_map(times).collect(),
        }
    }

    /// `None` if there is no thread that was met both times.
    fn since(&self, last: &Reading) -> Option<Stretch> {
        let mut stretch = Stretch {
            length_ns: self.now - last.now,
            ran_ns: 0,
            waited_ns: 0,
            slices: self.slices - last.slices,
        };
        let mut is_any = false;
        for (thread, now) in &self.threads {
            let mut before = last.threads.iter().filter(|(other, _)| other == thread);
            if let Some((_, before)) = before.next() {
                stretch.ran_ns += now.ran.saturating_sub(before.ran);
                stretch.waited_ns += now.waited.saturating_sub(before.waited);
                is_any = true;
            }
        }
        is_any.then_some(stretch)
    }
}
