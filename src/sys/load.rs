//! What the processors of this machine do. Linux's `/proc/uptime` and `/proc/pressure/cpu`.
//!
//! What is not there, cannot be read or makes no sense is `None`: a kernel without pressure stall information,
//! another system, a sandbox that counts nothing, no descriptor left.
#![forbid(unsafe_code)]

use std::fs;

/// How long (ns) the processors have had nothing to do, all together; in steps of 10 ms.
pub(crate) fn idle_time() -> Option<u64> {
    parse_uptime(&fs::read_to_string("/proc/uptime").ok()?)
}

/// How long (ns) somebody has waited for a processor that was in use, on the average of those.
pub(crate) fn contended_time() -> Option<u64> {
    parse_pressure(&fs::read_to_string("/proc/pressure/cpu").ok()?)
}

/// Two numbers of seconds, like `592.67 701.91`. The second is what we want, and 0 where nobody counts.
fn parse_uptime(text: &str) -> Option<u64> {
    let (seconds, hundredths) = text.split_ascii_whitespace().nth(1)?.split_once('.')?;
    let hundredths = (hundredths.len() == 2).then_some(hundredths)?;
    let (seconds, hundredths): (u64, u64) = (seconds.parse().ok()?, hundredths.parse().ok()?);
    let time = seconds.checked_mul(100)?.checked_add(hundredths)?;
    time.checked_mul(10_000_000).filter(|time| *time > 0)
}

/// The line `some avg10=0.00 avg60=5.13 avg300=15.92 total=442310004` counts microseconds at its end.
fn parse_pressure(text: &str) -> Option<u64> {
    let some = text.lines().find_map(|line| line.strip_prefix("some "))?;
    let (_, total) = some.split_once(" total=")?;
    total.parse::<u64>().ok()?.checked_mul(1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_time_is_the_second_number_of_uptime() {
        assert_eq!(parse_uptime("592.67 701.91\n"), Some(701_910_000_000));
        assert_eq!(parse_uptime("592.67 0.05\n"), Some(50_000_000));
    }

    #[test]
    fn nobody_counts_idle_time() {
        for text in [
            "",
            "592.67",
            "592.67 0.00",
            "592.67 701",
            "592.67 701.9",
            "592.67 x.10",
            "592.67 -1.10",
            "1.00 18446744073709551615.00",
        ] {
            assert_eq!(parse_uptime(text), None, "{text}");
        }
    }

    #[test]
    fn contended_time_is_the_total_of_some() {
        let text = "some avg10=0.00 avg60=5.13 avg300=15.92 total=442310004\n\
                    full avg10=0.00 avg60=0.00 avg300=0.00 total=7\n";
        assert_eq!(parse_pressure(text), Some(442_310_004_000));
        assert_eq!(parse_pressure("some avg10=0.00 total=0"), Some(0));
    }

    #[test]
    fn nobody_counts_contended_time() {
        for text in [
            "",
            "full avg10=0.00 total=7",
            "some avg10=0.00",
            "some avg10=0.00 total=",
            "some avg10=0.00 total=18446744073709551615",
        ] {
            assert_eq!(parse_pressure(text), None, "{text}");
        }
    }

    #[test]
    fn what_this_system_says_is_understood() {
        if let Ok(text) = fs::read_to_string("/proc/uptime") {
            let is_counted = !text.trim_end().ends_with(" 0.00");
            assert_eq!(parse_uptime(&text).is_some(), is_counted, "{text}");
        }
        if let Ok(text) = fs::read_to_string("/proc/pressure/cpu") {
            assert!(parse_pressure(&text).is_some(), "{text}");
        }
    }
}
