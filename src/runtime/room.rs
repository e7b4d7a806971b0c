//! Room: whether one more of our threads would find a processor, or take it from another.
//!
//! A thread that is woken where all processors are in use takes one from somebody: from a thread of ours, which
//! it was to help, or from the client on the same machine that has yet to send the next requests. Then it is
//! better left asleep, unless those whom it would help wait for long (sched/debt.rs).
//!
//! The system does not say whether it is so: idle processors may be out of our reach, and busy ones may be busy
//! with what gives way to us. So we go by what our own threads meet, and try:
//!
//! | as ever, our threads | kept back, they | |
//! |---|---|---|
//! | seldom wait for a processor | | there is room |
//! | wait for one | seldom wait, and get as much done | room is scarce: one thread less just fits |
//! | wait for one | wait all the same, or get less done | others want it too: we should not give way |
//!
//! What came of it stands for a while, longer each time that it comes out the same: 0.4 to 6.4 s. That
//! those who are not helped wait longer, up to the limit in sched/debt.rs, is not weighed.
//!
//! It is a hint. Where the system does not say how long threads wait there is always room.
#![forbid(unsafe_code)]

use crate::sys::atomic::{AtomicBool, Ordering};

pub(crate) struct Room {
    is_scarce: AtomicBool,
    /// Whether anybody has asked since somebody looked.
    is_asked_for: AtomicBool,
}

impl Room {
    pub(crate) const fn new() -> Room {
        Room {
            is_scarce: AtomicBool::new(false),
            is_asked_for: AtomicBool::new(false),
        }
    }

    #[inline]
    pub(crate) fn is_scarce(&self) -> bool {
        self.is_scarce.load(Ordering::Relaxed)
    }

    /// Has somebody look: it is about to matter.
    #[inline]
    pub(crate) fn ask(&self) {
        if !self.is_asked_for.load(Ordering::Relaxed) {
            self.is_asked_for.store(true, Ordering::Relaxed);
        }
    }

    /// For sysmon: whether it is to look.
    pub(crate) fn take_asked(&self) -> bool {
        self.is_asked_for.swap(false, Ordering::Relaxed)
    }

    /// For sysmon.
    pub(crate) fn set_scarce(&self, is_scarce: bool) {
        self.is_scarce.store(is_scarce, Ordering::Relaxed);
    }
}

/// What our threads did for a while.
#[derive(Clone, Copy)]
pub(crate) struct Stretch {
    pub(crate) length_ns: u64,
    /// How long they ran, and waited for a processor, all together.
    pub(crate) ran_ns: u64,
    pub(crate) waited_ns: u64,
    /// How many time slices goroutines have had.
    pub(crate) slices: u64,
}

impl Stretch {
    const NONE: Stretch = Stretch {
        length_ns: 0,
        ran_ns: 0,
        waited_ns: 0,
        slices: 0,
    };

    /// Whether they had something to do, and waited for a fifth of the time that it took. Those who have a
    /// processor to themselves wait for a twentieth, those who have not for a third; there is little in between.
    fn has_waited(self) -> bool {
        let wanted = self.ran_ns + self.waited_ns;
        wanted > self.length_ns / 2 && self.waited_ns > wanted / 5
    }

    /// Whether no more than a tenth less was done. That much may be chance.
    fn is_as_quick_as(self, other: Stretch) -> bool {
        let over = |slices, length| u128::from(slices) * u128::from(length);
        10 * over(self.slices, other.length_ns) >= 9 * over(other.slices, self.length_ns)
    }
}

/// What to make of one stretch after the other.
pub(crate) struct Survey {
    phase: Phase,
    /// The last one before a trial.
    before: Stretch,
    /// What came of the last trial, and for how many stretches that was to stand.
    verdict: Option<bool>,
    dwell: u32,
}

#[derive(Clone, Copy)]
enum Phase {
    /// As ever, at least for so many stretches.
    Free(u32),
    /// Kept back, to be compared with what was before, in as many stretches more.
    Trial(u32),
    /// Kept back, for so many stretches, and whether in the last of them threads waited.
    Scarce(u32, bool),
}

/// An M that is awake may take a moment to find out that it is not needed.
const TRIALS: u32 = 2;

const DWELL_MIN: u32 = 8;
const DWELL_MAX: u32 = 128;

impl Survey {
    pub(crate) const fn new() -> Survey {
        Survey {
            phase: Phase::Free(0),
            before: Stretch::NONE,
            verdict: None,
            dwell: 0,
        }
    }

    /// Whether room is scarce from now on, after this stretch, or after a pause, of which nothing is known.
    pub(crate) fn note(&mut self, stretch: Option<Stretch>) -> bool {
        self.phase = match (stretch, self.phase) {
            (Some(stretch), _) => self.next(stretch),
            (None, Phase::Free(left)) => Phase::Free(left),
            (None, _) => Phase::Free(0),
        };
        !matches!(self.phase, Phase::Free(_))
    }

    fn next(&mut self, stretch: Stretch) -> Phase {
        let has_waited = stretch.has_waited();
        match self.phase {
            Phase::Free(left @ 1..) => Phase::Free(left - 1),
            Phase::Free(_) if !has_waited => {
                self.dwell /= 2;
                Phase::Free(0)
            }
            Phase::Free(_) => {
                self.before = stretch;
                Phase::Trial(TRIALS - 1)
            }
            Phase::Trial(left) => {
                let fits = !has_waited && stretch.is_as_quick_as(self.before);
                match left {
                    1.. if !fits => Phase::Trial(left - 1),
                    _ => self.judge(fits),
                }
            }
            // Once may be chance; twice, and others want more now.
            Phase::Scarce(_, true) if has_waited => self.forget(),
            Phase::Scarce(0, _) => Phase::Free(0),
            Phase::Scarce(left, _) => Phase::Scarce(left - 1, has_waited),
        }
    }

    fn judge(&mut self, is_scarce: bool) -> Phase {
        self.dwell = match self.verdict == Some(is_scarce) {
            true => (self.dwell * 2).clamp(DWELL_MIN, DWELL_MAX),
            false => DWELL_MIN,
        };
        self.verdict = Some(is_scarce);
        match is_scarce {
            true => Phase::Scarce(self.dwell - 1, false),
            false => Phase::Free(self.dwell - 1),
        }
    }

    fn forget(&mut self) -> Phase {
        self.verdict = None;
        Phase::Free(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    /// A tenth of a second in which our threads did so much.
    fn stretch(ran_ms: u64, waited_ms: u64, slices: u64) -> Option<Stretch> {
        Some(Stretch {
            length_ns: 100 * MS,
            ran_ns: ran_ms * MS,
            waited_ns: waited_ms * MS,
            slices,
        })
    }

    /// For which of so many stretches room was found to be scarce, on a machine where that has this effect.
    fn scarce(
        survey: &mut Survey,
        count: usize,
        as_ever: Option<Stretch>,
        kept_back: Option<Stretch>,
    ) -> Vec<usize> {
        let mut is_scarce = false;
        let mut next = || {
            let before = is_scarce;
            is_scarce = survey.note(if before { kept_back } else { as_ever });
            before
        };
        (0..count).filter(|_| next()).collect()
    }

    #[test]
    fn who_seldom_waits_has_room() {
        let mut survey = Survey::new();
        let as_ever = stretch(190, 10, 100);
        assert_eq!(scarce(&mut survey, 100, as_ever, None), []);
    }

    #[test]
    fn who_has_little_to_do_is_not_kept_back() {
        let mut survey = Survey::new();
        let as_ever = stretch(25, 25, 100);
        assert_eq!(scarce(&mut survey, 100, as_ever, None), []);
    }

    #[test]
    fn one_thread_that_just_fits_stays_alone() {
        let mut survey = Survey::new();
        let (as_ever, kept_back) = (stretch(95, 65, 100), stretch(99, 1, 116));
        let all = scarce(&mut survey, 300, as_ever, kept_back);
        let free: Vec<_> = (0..300).filter(|n| !all.contains(n)).collect();
        // Between them a trial, and 8, 16, 32, 64 and 128 stretches for which that stands.
        assert_eq!(free, [0, 10, 28, 62, 128, 258]);
    }

    #[test]
    fn nobody_gives_way_to_those_who_want_more_than_there_is() {
        let mut survey = Survey::new();
        let (as_ever, kept_back) = (stretch(95, 85, 100), stretch(65, 35, 100));
        let tried = scarce(&mut survey, 300, as_ever, kept_back);
        assert_eq!(tried, [1, 2, 11, 12, 29, 30, 63, 64, 129, 130, 259, 260]);
    }

    #[test]
    fn nobody_gives_way_who_would_get_less_done() {
        let mut survey = Survey::new();
        let (as_ever, kept_back) = (stretch(140, 40, 140), stretch(99, 1, 100));
        let tried = scarce(&mut survey, 50, as_ever, kept_back);
        assert_eq!(tried, [1, 2, 11, 12, 29, 30]);
    }

    #[test]
    fn stretches_of_different_length_compare() {
        let of = |length_ns, slices| Stretch {
            length_ns,
            ran_ns: 0,
            waited_ns: 0,
            slices,
        };
        assert!(of(200 * MS, 180).is_as_quick_as(of(100 * MS, 100)));
        assert!(!of(200 * MS, 179).is_as_quick_as(of(100 * MS, 100)));
    }

    #[test]
    fn a_pause_does_not_count() {
        let mut survey = Survey::new();
        let (as_ever, kept_back) = (stretch(95, 85, 100), stretch(65, 35, 100));
        assert_eq!(scarce(&mut survey, 13, as_ever, kept_back), [1, 2, 11, 12]);
        (0..100).for_each(|_| assert!(!survey.note(None)));
        assert_eq!(scarce(&mut survey, 20, as_ever, kept_back), [16, 17]);
    }

    #[test]
    fn a_trial_may_fail_once() {
        let mut survey = Survey::new();
        assert!(survey.note(stretch(95, 65, 100)));
        assert!(survey.note(stretch(96, 93, 130)));
        for _ in 0..8 {
            assert!(survey.note(stretch(99, 1, 116)));
        }
        assert!(!survey.note(stretch(99, 1, 116)));
    }

    #[test]
    fn what_stands_does_so_for_a_while_and_no_longer_whatever_happens_now_and_then() {
        // Every eighth stretch is unlike the others.
        let mut survey = Survey::new();
        let mut free = Vec::new();
        let mut is_scarce = false;
        for n in 0..300 {
            let (usual, other) = match is_scarce {
                true => (stretch(99, 1, 116), stretch(65, 35, 80)),
                false => (stretch(95, 65, 100), stretch(99, 1, 116)),
            };
            free.extend((!is_scarce).then_some(n));
            is_scarce = survey.note(if n % 8 == 7 { other } else { usual });
        }
        assert_eq!(free, [0, 10, 28, 62, 129, 259]);
    }

    #[test]
    fn what_changes_is_tried_anew() {
        let mut survey = Survey::new();
        let (as_ever, kept_back) = (stretch(95, 65, 100), stretch(99, 1, 116));
        let settled = scarce(&mut survey, 120, as_ever, kept_back);
        assert_eq!(settled.last(), Some(&119));
        // Somebody else begins to compete,
        let contested = stretch(65, 35, 80);
        assert!(survey.note(contested) && !survey.note(contested));
        assert_eq!(scarce(&mut survey, 12, contested, contested), [1, 2, 11]);
        // nobody has anything to do,
        assert!(!survey.note(None));
        assert_eq!(scarce(&mut survey, 4, as_ever, kept_back), [1, 2, 3]);
        // or there is room.
        assert!(!survey.note(None));
        assert_eq!(scarce(&mut survey, 9, kept_back, None), []);
    }
}
