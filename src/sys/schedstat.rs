//! How long threads have run, and waited for a processor. Linux's `/proc/self/task/N/schedstat`.
//!
//! What is not there, cannot be read or makes no sense is `None`: a kernel without these numbers, another system,
//! no descriptor left, a thread that has ended.
#![forbid(unsafe_code)]

use std::fs;

/// Of one thread, since it began (ns).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Times {
    pub(crate) ran: u64,
    pub(crate) waited: u64,
}

/// Those of a thread of this process.
pub(crate) fn times(thread: u32) -> Option<Times> {
    parse(&fs::read_to_string(format!("/proc/self/task/{thread}/schedstat")).ok()?)
}

/// Three numbers: the two times, and how often it has been given a processor. All are 0 where nobody counts.
fn parse(text: &str) -> Option<Times> {
    let mut numbers = text.split_ascii_whitespace();
    let ran = numbers.next()?.parse().ok()?;
    let waited = numbers.next()?.parse().ok()?;
    Some(Times { ran, waited })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::os;

    #[test]
    fn the_first_two_numbers_are_times() {
        let times = Times {
            ran: 1_234_567_890_123,
            waited: 45,
        };
        assert_eq!(parse("1234567890123 45 67\n"), Some(times));
    }

    #[test]
    fn what_makes_no_sense_is_nothing() {
        for text in ["", "12", "12 -1 3", "1.5 2 3", "18446744073709551616 2 3"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn this_thread_runs_and_none_has_ended() {
        let path = format!("/proc/self/task/{}/schedstat", os::thread_id());
        let Some(before) = times(os::thread_id()) else {
            assert!(fs::exists(&path).is_ok_and(|exists| !exists), "{path}");
            return;
        };
        let start = os::nanotime();
        while os::nanotime() - start < 30_000_000 {}
        let after = times(os::thread_id()).expect("it was there");
        assert!(before.ran == 0 && after.ran == 0 || before.ran < after.ran);
        assert!(before.waited <= after.waited);
        assert_eq!(times(0), None);
    }
}
