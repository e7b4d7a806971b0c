//! Whole numbers as Redis writes them, and no other way: no `+`, no zeros in front, no blanks.
#![forbid(unsafe_code)]

/// The longest one: a sign and 19 digits.
const TEXT_MAX: usize = 20;

/// Reads a number that `Decimal` would write in just this way.
pub fn parse(text: &[u8]) -> Option<i64> {
    let (is_negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    match digits {
        [b'0'] if !is_negative => return Some(0),
        [b'1'..=b'9', ..] if text.len() <= TEXT_MAX => {}
        _ => return None,
    }
    // Downwards, for there is one number more below zero than above.
    let mut below = 0i64;
    for &digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        let digit = i64::from(digit - b'0');
        below = below.checked_mul(10)?.checked_sub(digit)?;
    }
    if is_negative {
        Some(below)
    } else {
        below.checked_neg()
    }
}

/// The digits of a number, without a place on the heap.
pub struct Decimal {
    text: [u8; TEXT_MAX],
    start: usize,
}

impl Decimal {
    pub fn new(number: i64) -> Decimal {
        let mut decimal = Decimal {
            text: [0; TEXT_MAX],
            start: TEXT_MAX,
        };
        let mut rest = number.unsigned_abs();
        loop {
            decimal.push(b'0' + (rest % 10) as u8);
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        if number < 0 {
            decimal.push(b'-');
        }
        decimal
    }

    fn push(&mut self, byte: u8) {
        self.start -= 1;
        self.text[self.start] = byte;
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.text[self.start..]
    }
}
