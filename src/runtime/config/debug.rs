//! What `SUDOG_DEBUG` may say: settings for looking at the runtime, not for programs.
#![forbid(unsafe_code)]

use std::time::Duration;

#[derive(Clone, Debug, Default)]
pub(crate) struct Debug {
    /// `mprotect` guards even where the kernel has better ones.
    pub(crate) mprotect_guards: bool,
    /// Fences where the kernel has `membarrier` too.
    pub(crate) fences: bool,
    /// How often a line about the scheduler is written.
    pub(crate) schedtrace: Option<Duration>,
    /// How long a goroutine may hold its thread unnamed.
    pub(crate) stall: Option<Duration>,
}

/// What a warning says of a bad one.
pub(super) const WANTS: &str = "guard=mprotect, guard=install, barrier=fence, schedtrace=MILLISECONDS or stall=TIME, as in 100ms or 2s";

impl Debug {
    /// Takes one setting; false if it makes no sense.
    pub(super) fn set(&mut self, setting: &str) -> bool {
        match setting.split_once('=') {
            Some(("guard", "mprotect")) => self.mprotect_guards = true,
            Some(("guard", "install")) => self.mprotect_guards = false,
            Some(("barrier", "fence")) => self.fences = true,
            Some(("schedtrace", millis)) => match millis.parse() {
                Ok(millis) => self.schedtrace = time(Duration::from_millis(millis)),
                Err(_) => return false,
            },
            Some(("stall", limit)) => match parse_time(limit) {
                Some(limit) => self.stall = time(limit),
                None => return false,
            },
            _ => return false,
        }
        true
    }
}

/// No time at all means never.
fn time(time: Duration) -> Option<Duration> {
    Some(time).filter(|time| !time.is_zero())
}

/// A whole number of `us`, `ms` or `s`.
fn parse_time(text: &str) -> Option<Duration> {
    let unit = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(unit);
    let number = number.parse().ok()?;
    match unit {
        "us" => Some(Duration::from_micros(number)),
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        _ => None,
    }
}
