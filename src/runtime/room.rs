//! Room: how many processors the rest of the machine leaves this process.
//!
//! That is those that had nothing to do, and those that we used ourselves, lately. A thread that is woken beyond
//! that takes the processor from somebody: from one of ours, which it was to help, or from the client on the
//! same machine that has yet to send the next requests. So those whom it would help wait longer (sched/debt.rs).
//!
//! Where the others want more than all processors, though, threads wait for them whether we wake one more or
//! not, and by keeping back we would only get less than our share. How much others want cannot be read, so it is
//! tried: where the room is limited, and threads wait all the same, it is not for a while, and longer each time.
//!
//! It is a hint. Where the system does not say what it takes there is always room. Where there are idle
//! processors that we may not use (an affinity, the quota of a control group) there seems to be more than there
//! is.
#![forbid(unsafe_code)]

use crate::sys::atomic::{AtomicU32, Ordering};

/// As of the last time somebody looked, in hundredths of a processor.
pub(crate) struct Room(AtomicU32);

const UNLIMITED: u32 = u32::MAX;

impl Room {
    pub(crate) const fn new() -> Room {
        Room(AtomicU32::new(UNLIMITED))
    }

    /// For sysmon.
    pub(crate) fn set(&self, hundredths: u32) {
        self.0.store(hundredths, Ordering::Relaxed);
    }

    /// Whether so many of our threads can run at once, and have at least half a processor each that nobody
    /// else wants.
    #[inline]
    pub(crate) fn is_for(&self, threads: usize) -> bool {
        is_enough(self.0.load(Ordering::Relaxed), threads)
    }
}

fn is_enough(hundredths: u32, threads: usize) -> bool {
    (hundredths as usize).saturating_add(50) >= 100 * threads
}

/// What the system's clocks said (ns).
#[derive(Clone, Copy)]
pub(crate) struct Reading {
    pub(crate) now: u64,
    /// How long the processors have had nothing to do, all together.
    pub(crate) idle: u64,
    /// How long this process has run, on all of them.
    pub(crate) own: u64,
    /// How long somebody has waited for a processor that was in use, on the average of those.
    pub(crate) waited: u64,
}

/// What to make of one reading after the other.
pub(crate) struct Survey {
    last: Option<Reading>,
    room: u32,
    /// For how many readings there is no limit, and for how many there was none the last time.
    pause: u32,
    pause_before: u32,
}

/// More of the time than this nobody waits for a processor who does not compete for it.
const WAITED_PERCENT: u64 = 20;

const PAUSE_MAX: u32 = 64;

impl Survey {
    pub(crate) const fn new() -> Survey {
        Survey {
            last: None,
            room: UNLIMITED,
            pause: 0,
            pause_before: 0,
        }
    }

    /// How much room there is, by this reading, for as many threads as may run at once.
    pub(crate) fn note(&mut self, reading: Option<Reading>, threads: usize) -> u32 {
        let passed = self.last.zip(reading).map(|(last, now)| now.since(last));
        self.last = reading;
        self.room = match passed {
            None => UNLIMITED,
            Some(_) if self.pause > 0 => {
                self.pause -= 1;
                UNLIMITED
            }
            Some(passed) => self.judge(passed, threads),
        };
        self.room
    }

    fn judge(&mut self, passed: Reading, threads: usize) -> u32 {
        if is_enough(self.room, threads) {
            return passed.room();
        }
        if passed.waited > passed.now * WAITED_PERCENT / 100 {
            self.pause_before = (self.pause_before * 2).clamp(1, PAUSE_MAX);
            self.pause = self.pause_before - 1;
            return UNLIMITED;
        }
        self.pause_before = 0;
        passed.room()
    }
}

impl Reading {
    /// What has passed on each clock. One may have been corrected, and seem to go back.
    fn since(self, before: Reading) -> Reading {
        Reading {
            now: self.now.saturating_sub(before.now).max(1),
            idle: self.idle.saturating_sub(before.idle),
            own: self.own.saturating_sub(before.own),
            waited: self.waited.saturating_sub(before.waited),
        }
    }

    fn room(self) -> u32 {
        let hundredths = u128::from(self.idle + self.own) * 100 / u128::from(self.now);
        hundredths.try_into().unwrap_or(UNLIMITED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    /// The clocks of a machine with two processors, on which we have two threads.
    struct Machine {
        clocks: Reading,
        survey: Survey,
    }

    impl Machine {
        fn new() -> Machine {
            let clocks = Reading {
                now: 700 * MS,
                idle: 1_000 * MS,
                own: 50 * MS,
                waited: 3 * MS,
            };
            let mut survey = Survey::new();
            assert_eq!(survey.note(Some(clocks), 2), UNLIMITED);
            Machine { clocks, survey }
        }

        /// The room after 100 ms of which so much was idle, was ours, and saw somebody wait.
        fn pass(&mut self, idle_ms: u64, own_ms: u64, waited_ms: u64) -> Room {
            self.clocks.now += 100 * MS;
            self.clocks.idle += idle_ms * MS;
            self.clocks.own += own_ms * MS;
            self.clocks.waited += waited_ms * MS;
            let room = Room::new();
            room.set(self.survey.note(Some(self.clocks), 2));
            room
        }
    }

    #[test]
    fn what_nobody_knows_is_room_enough() {
        assert!(Room::new().is_for(1 << 20));
        let mut machine = Machine::new();
        assert!(!machine.pass(0, 0, 0).is_for(1));
        assert_eq!(machine.survey.note(None, 2), UNLIMITED);
        assert!(machine.pass(0, 0, 0).is_for(1 << 20));
        assert!(!machine.pass(0, 0, 0).is_for(1));
    }

    #[test]
    fn idle_processors_are_room() {
        let room = Machine::new().pass(300, 100, 0);
        assert!(room.is_for(4));
        assert!(!room.is_for(5));
    }

    #[test]
    fn what_we_use_ourselves_is_room() {
        let room = Machine::new().pass(0, 200, 0);
        assert!(room.is_for(2));
        assert!(!room.is_for(3));
    }

    #[test]
    fn half_a_processor_is_enough() {
        assert!(Machine::new().pass(50, 100, 0).is_for(2));
        assert!(!Machine::new().pass(49, 100, 0).is_for(2));
    }

    #[test]
    fn a_client_that_needs_a_processor_leaves_one_of_two() {
        let mut machine = Machine::new();
        // At first two threads of ours wait for one another, and for the client.
        assert!(!machine.pass(5, 100, 60).is_for(2));
        for _ in 0..100 {
            let room = machine.pass(5, 100, 4);
            assert!(room.is_for(1) && !room.is_for(2));
        }
    }

    #[test]
    fn clients_that_leave_nobody_in_peace_are_no_limit() {
        let mut machine = Machine::new();
        let limited: Vec<_> = (0..200)
            .filter(|_| !machine.pass(20, 70, 45).is_for(2))
            .collect();
        assert_eq!(limited, [0, 2, 5, 10, 19, 36, 69, 134, 199]);
        // The trial of the last was met by less, and it begins anew.
        (200..300).for_each(|_| assert!(!machine.pass(5, 100, 4).is_for(2)));
        assert!(machine.pass(5, 100, 45).is_for(2));
        assert!(!machine.pass(5, 100, 45).is_for(2));
    }

    #[test]
    fn who_waits_where_nothing_is_limited_says_nothing() {
        let mut machine = Machine::new();
        assert!(machine.pass(80, 100, 90).is_for(2));
        assert!(!machine.pass(5, 100, 90).is_for(2));
    }

    #[test]
    fn clocks_that_go_back_leave_nothing() {
        let mut machine = Machine::new();
        machine.clocks.now -= 100 * MS;
        machine.clocks.idle -= 10 * MS;
        machine.clocks.waited -= MS;
        assert!(!machine.pass(0, 0, 0).is_for(1));
    }
}
