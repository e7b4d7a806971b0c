//! Naming goroutines that hold a thread for long: in a call that blocks it, or in a computation.
//!
//! sysmon looks which run each M is in. One that is in the same run for longer than the limit is in the
//! same goroutine, which has neither waited nor given up its turn since, and is named, once a run. Whether
//! the M has lost its P by then makes no difference. A goroutine in `blocking` has said that it would, and
//! is not named.
//!
//! Where sysmon itself was not run for a while, because the machine has other things to do, the goroutines
//! may not have run either: that time does not count.

use super::dump;
use crate::runtime::m::M;
use crate::sys;
use crate::sys::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// After how long (ns) a goroutine is named; 0 if none ever is.
static LIMIT_NS: AtomicU64 = AtomicU64::new(0);

pub(crate) fn set_limit(limit: Option<Duration>) {
    let nanos = limit.map_or(0, |limit| {
        u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX).max(1)
    });
    LIMIT_NS.store(nanos, Ordering::Relaxed);
}

/// An M as it was at an earlier look.
struct Seen {
    m: &'static M,
    run: u32,
    since: u64,
    is_told: bool,
}

/// How long sysmon sleeps at most while somebody runs, and some.
const GAP_NS: u64 = 20_000_000;

pub(super) struct Stalls {
    seen: Vec<Seen>,
    looked_at: u64,
}

impl Stalls {
    pub(super) const fn new() -> Stalls {
        Stalls {
            seen: Vec::new(),
            looked_at: 0,
        }
    }

    /// Names those that have been in one run for too long. For sysmon, each round.
    pub(super) fn look(&mut self, now: u64) {
        let limit = LIMIT_NS.load(Ordering::Relaxed);
        if limit == 0 {
            // What was seen will be of no use when it is switched on again.
            self.seen = Vec::new();
            return;
        }
        let lost = (now - self.looked_at).saturating_sub(GAP_NS);
        self.looked_at = now;
        for m in M::beyond(self.seen.len()) {
            self.seen.push(Seen {
                m,
                run: m.runs(),
                since: now,
                is_told: false,
            });
        }
        for seen in &mut self.seen {
            seen.since = now.min(seen.since + lost);
            let run = seen.m.runs();
            if run != seen.run || seen.m.current.get().is_none() || seen.m.is_blocking() {
                seen.run = run;
                seen.since = now;
                seen.is_told = false;
            } else if now - seen.since >= limit && !seen.is_told {
                seen.is_told = tell(seen, now - seen.since);
            }
        }
    }
}

/// Names the goroutine that `seen` runs; false if it is another by now, or if that is to be done later.
fn tell(seen: &Seen, nanos: u64) -> bool {
    let Some(g) = seen.m.current.get() else {
        return false;
    };
    let (title, spawned_at) = (dump::title(g), g.spawned_at());
    if seen.m.runs() != seen.run {
        return false;
    }
    sys::warn(|| {
        let place = spawned_at.map_or(String::new(), |at| format!(", spawned at {at}"));
        let millis = nanos / 1_000_000;
        format!("sudog: {title} has held its thread for {millis} ms{place}\n")
    })
}
