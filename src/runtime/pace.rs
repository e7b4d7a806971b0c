//! How fast a P goes, and how far it lags behind: what a time slice takes, as of the last stretch of work that was
//! measured, and since when there are more events than its M takes at once.
//!
//! A stretch begins with a batch of goroutines that become runnable together, and ends with the next one or when
//! the P idles. So the time in which a P has nothing to do is not counted.
#![forbid(unsafe_code)]

#[derive(Clone, Copy)]
pub(crate) struct Pace {
    slice_ns: u64,
    stretch: Option<Stretch>,
    behind_since: Option<u64>,
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
        behind_since: None,
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

    /// Notes whether a look for events has left some that it had no place for.
    pub(crate) fn lag(&mut self, is_behind: bool, now: impl FnOnce() -> u64) {
        self.behind_since = is_behind.then(|| self.behind_since.unwrap_or_else(now));
    }

    /// How long the last of so many slices will have waited for its turn, or an event before them has.
    pub(crate) fn wait_of(&self, slices: usize, now: u64) -> u64 {
        let lag = self
            .behind_since
            .map_or(0, |since| now.saturating_sub(since));
        let ahead = self.slice_ns.saturating_mul(slices as u64);
        lag.saturating_add(ahead)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_known_is_slow() {
        assert_eq!(
            (Pace::UNKNOWN.wait_of(0, 9), Pace::UNKNOWN.wait_of(2, 9)),
            (0, u64::MAX)
        );
    }

    #[test]
    fn a_stretch_is_measured_from_batch_to_batch() {
        let mut pace = Pace::UNKNOWN;
        pace.begin(1_000, 10);
        assert_eq!(pace.wait_of(1, 9_000), u64::MAX);
        pace.begin(5_000, 14);
        assert_eq!(pace.wait_of(3, 9_000), 3_000);
        pace.begin(5_500, 15);
        assert_eq!(pace.wait_of(3, 9_000), 1_500);
    }

    #[test]
    fn the_time_without_work_does_not_count() {
        let mut pace = Pace::UNKNOWN;
        pace.begin(1_000, 10);
        pace.end(3_000, 12);
        assert!(!pace.is_measured());
        pace.end(9_000, 12);
        pace.begin(1_000_000, 12);
        assert_eq!(pace.wait_of(1, 9_000), 1_000);
    }

    #[test]
    fn a_slice_that_goes_on_belongs_to_the_stretch_it_began_in() {
        let mut pace = Pace::UNKNOWN;
        pace.begin(1_000, 10);
        pace.begin(7_000, 10);
        pace.end(8_000, 10);
        assert!(pace.is_measured());
        pace.end(9_000, 12);
        assert_eq!(pace.wait_of(1, 9_000), 4_000);
    }

    #[test]
    fn who_lags_behind_has_kept_others_waiting_since() {
        let mut pace = Pace::UNKNOWN;
        pace.begin(1_000, 10);
        pace.begin(5_000, 14);
        pace.lag(false, || 5_000);
        assert_eq!(pace.wait_of(3, 5_000), 3_000);
        pace.lag(true, || 6_000);
        pace.lag(true, || 8_000);
        assert_eq!(pace.wait_of(3, 8_000), 5_000);
        pace.lag(false, || 9_000);
        assert_eq!(pace.wait_of(3, 9_000), 3_000);
    }
}
