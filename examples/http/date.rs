//! Dates as HTTP writes them: `Sun, 06 Nov 1994 08:49:37 GMT`.
//!
//! The calendar is Howard Hinnant's ("chrono-Compatible Low-Level Date Algorithms"): years begin in March, so
//! that the odd day of a leap year comes last, and 400 of them, an era, have 146,097 days.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const DAYS: [&[u8; 3]; 7] = [b"Thu", b"Fri", b"Sat", b"Sun", b"Mon", b"Tue", b"Wed"];
const MONTHS: [&[u8; 3]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];
const DAY: u64 = 24 * 60 * 60;
/// Days from 1 March of the year 0 to 1 January 1970.
const EPOCH: u64 = 719_468;
/// The last second of the year 9999: the next has no four digits.
const LAST: u64 = 253_402_300_799;

pub type Text = [u8; 29];

/// The time since 1970, or none for what is before it.
pub fn since_epoch(time: SystemTime) -> Duration {
    time.duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Writes the second `second` since 1970.
pub fn format(second: u64) -> Text {
    let second = second.min(LAST);
    let (day, rest) = (second / DAY, second % DAY);
    let (year, month, date) = civil(day);
    let mut text = *b"Thu, 01 Jan 1970 00:00:00 GMT";
    text[..3].copy_from_slice(DAYS[(day % 7) as usize]);
    put(&mut text[5..7], date);
    text[8..11].copy_from_slice(MONTHS[month as usize - 1]);
    put(&mut text[12..16], year);
    put(&mut text[17..19], rest / 3600);
    put(&mut text[20..22], rest / 60 % 60);
    put(&mut text[23..25], rest % 60);
    text
}

/// Reads what [`format`] writes, and nothing else: the two older forms of dates are obsolete.
pub fn parse(text: &[u8]) -> Option<u64> {
    let text: &Text = text.try_into().ok()?;
    let month = MONTHS.iter().position(|month| month[..] == text[8..11])?;
    let day = days(take(&text[12..16])?, month as u64 + 1, take(&text[5..7])?)?;
    let [hours, minutes, seconds] = [17, 20, 23].map(|at| take(&text[at..at + 2]));
    let second = day * DAY + hours? * 3600 + minutes? * 60 + seconds?;
    // Written back it is the same, so every field was in its range, and all that is between them.
    (format(second) == *text).then_some(second)
}

fn put(place: &mut [u8], mut number: u64) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

fn take(digits: &[u8]) -> Option<u64> {
    let digit = |byte: &u8| byte.is_ascii_digit().then(|| u64::from(byte - b'0'));
    digits
        .iter()
        .try_fold(0, |number, byte| Some(number * 10 + digit(byte)?))
}

/// Year, month and day of the month of the day `day` since 1970.
fn civil(day: u64) -> (u64, u64, u64) {
    let day = day + EPOCH;
    let (era, day) = (day / 146_097, day % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153; // from March on
    let date = day - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    (era * 400 + year + carry, month, date)
}

/// The inverse of [`civil`]; `None` before 1970.
fn days(year: u64, month: u64, date: u64) -> Option<u64> {
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year.checked_sub(1)?, month + 9)
    };
    let (era, year) = (year / 400, year % 400);
    let day = (153 * month + 2) / 5 + date.checked_sub(1)?;
    let day = era * 146_097 + year * 365 + year / 4 - year / 100 + day;
    day.checked_sub(EPOCH)
}
