//! The patterns of KEYS: `*`, `?`, `[a-z]`, `[^a-z]`, and `\` before what is meant as it is.
#![forbid(unsafe_code)]

/// Whether the whole of `text` is as the pattern says.
///
/// A `*` takes as little as it can, and one byte more each time that what follows does not fit. Only the
/// last `*` seen need be tried again, so the time is at most the product of both lengths.
pub fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut again = None;
    while t < text.len() {
        if pattern.get(p) == Some(&b'*') {
            p += 1;
            again = Some((p, t));
        } else if let Some(len) = matches_one(&pattern[p..], text[t]) {
            p += len;
            t += 1;
        } else if let Some((after_star, taken)) = again {
            (p, t) = (after_star, taken + 1);
            again = Some((p, t));
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|&byte| byte == b'*')
}

/// The length of the pattern's first part, if it fits `byte`.
fn matches_one(pattern: &[u8], byte: u8) -> Option<usize> {
    let (fits, len) = match pattern {
        [] => (false, 0),
        [b'?', ..] => (true, 1),
        [b'[', class @ ..] => {
            let (fits, len) = matches_class(class, byte);
            (fits, len + 1)
        }
        [b'\\', meant, ..] => (*meant == byte, 2),
        [meant, ..] => (*meant == byte, 1),
    };
    fits.then_some(len)
}

/// Whether the class behind a `[` has `byte`, and where it ends; one without `]` ends with the pattern.
fn matches_class(class: &[u8], byte: u8) -> (bool, usize) {
    let is_negated = class.first() == Some(&b'^');
    let mut at = usize::from(is_negated);
    let mut has = false;
    loop {
        match class[at..] {
            [] => break,
            [b']', ..] => {
                at += 1;
                break;
            }
            [b'\\', meant, ..] => {
                has |= meant == byte;
                at += 2;
            }
            [from, b'-', to, ..] => {
                has |= (from.min(to)..=from.max(to)).contains(&byte);
                at += 3;
            }
            [meant, ..] => {
                has |= meant == byte;
                at += 1;
            }
        }
    }
    (has != is_negated, at)
}
