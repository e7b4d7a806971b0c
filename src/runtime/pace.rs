//! How fast a P goes: what a time slice takes, as of the last stretch of work that was measured.
//!
//! A stretch begins with a batch of goroutines that become runnable together, and ends with the next one or when
//! the P idles. So the time in which a P has nothing to do is not counted.
#![forbid(unsafe_code)]

#[derive(Clone, Copy)]
pub(crate) struct Pace {
    slice_ns: u64,
    stretch: Option<Stretch>,
}

#[derive(Clone, Copy)]
struct Stretch {
    /// When it began (ns), and how many slices there had been by then.
    at: u64,
    tick: u64,
}

impl Pace {
    /// Slow, until one knows better.
    pub(crate) const UNKNOWN: Pace = Pace {
        slice_ns: u64::MAX,
        stretch: None,
    };

    pub(crate) fn is_measured(&self) -> bool {
        self.stretch.is_some()
    }

    /// Begins a stretch at `now`, after `tick` slices, and ends the one before.
    pub(crate) fn begin(&mut self, now: u64, tick: u64) {
        self.end(now, tick);
        self.stretch.get_or_insert(Stretch { at: now, tick });
    }

    /// Ends the stretch, if it had any slices.
    pub(crate) fn end(&mut self, now: u64, tick: u64) {
        if let Some(stretch) = self.stretch.take_if(|stretch| stretch.tick < tick) {
            self.slice_ns = (now - stretch.at) / (tick - stretch.tick);
        }
    }

    /// How long so many slices will take.
    pub(crate) fn time_of(&self, slices: usize) -> u64 {
        self.slice_ns.saturating_mul(slices as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_known_is_slow() {
        assert_eq!(
            (Pace::UNKNOWN.time_of(0), Pace::UNKNOWN.time_of(2)),
            (0, u64::MAX)
        );
    }

    #[test]
    fn a_stretch_is_measured_from_batch_to_batch() {
        let mut pace = Pace::UNKNOWN;
        pace.begin(1_000, 10);
        assert_eq!(pace.time_of(1), u64::MAX);
        pace.begin(5_000, 14);
        assert_eq!(pace.time_of(3), 3_000);
        pace.begin(5_500, 15);
        assert_eq!(pace.time_of(3), 1_500);
    }

    #[test]
    fn the_time_without_work_does_not_count() {
        let mut pace = Pace::UNKNOWN;
        pace.begin(1_000, 10);
        pace.end(3_000, 12);
        assert!(!pace.is_measured());
        pace.end(9_000, 12);
        pace.begin(1_000_000, 12);
        assert_eq!(pace.time_of(1), 1_000);
    }

    #[test]
    fn a_slice_that_goes_on_belongs_to_the_stretch_it_began_in() {
        let mut pace = Pace::UNKNOWN;
        pace.begin(1_000, 10);
        pace.begin(7_000, 10);
        pace.end(8_000, 10);
        assert!(pace.is_measured());
        pace.end(9_000, 12);
        assert_eq!(pace.time_of(1), 4_000);
    }
}
