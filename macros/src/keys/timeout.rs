//! `timeout = "1.5s"`: a length of time as people write it.
//!
//! The text is an integer or a decimal number and a unit, `ms`, `s`, `m` or `h`. It is reckoned in
//! whole nanoseconds and never in floating point, so that `"0.1s"` is a hundred milliseconds.
//! Anything that is not a literal is taken for an expression of type `Duration`.

#![forbid(unsafe_code)]

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Error, Expr, ExprLit, Lit, Result};

use crate::shell::bare;

const HINT: &str =
    "`timeout` takes a number and a unit, `ms`, `s`, `m` or `h`: write `timeout = \"60s\"`";

/// Turns the value of the key into an expression of type `Duration`.
pub fn parse(value: Expr) -> Result<TokenStream> {
    match bare(value) {
        Expr::Lit(ExprLit {
            lit: Lit::Str(text),
            ..
        }) => {
            let nanos = nanos(&text.value()).ok_or_else(|| Error::new(text.span(), HINT))?;
            if nanos == 0 {
                return Err(Error::new(
                    text.span(),
                    "a timeout of zero leaves the test no time to run",
                ));
            }
            Ok(quote!(::core::time::Duration::from_nanos(#nanos)))
        }
        Expr::Lit(literal) => Err(Error::new_spanned(literal, HINT)),
        duration => Ok(duration.into_token_stream()),
    }
}

/// Reads the text as nanoseconds; `None` when it is no time, or more than five centuries.
fn nanos(text: &str) -> Option<u64> {
    let unit_start = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = text.split_at(unit_start);
    let unit: u64 = match unit {
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    // The ninth decimal of a second is a nanosecond. Nothing on either side of the point, or a second
    // point, is for `parse` to refuse.
    let fraction = fraction.get(..9).unwrap_or(fraction);
    let scale = 10_u128.pow(u32::try_from(fraction.len()).ok()?);
    let whole = u128::from(whole.parse::<u64>().ok()?) * u128::from(unit);
    let fraction = u128::from(fraction.parse::<u64>().ok()?) * u128::from(unit) / scale;
    u64::try_from(whole + fraction).ok()
}

#[cfg(test)]
mod tests {
    use super::nanos;

    #[test]
    fn units_are_understood() {
        assert_eq!(nanos("250ms"), Some(250_000_000));
        assert_eq!(nanos("60s"), Some(60_000_000_000));
        assert_eq!(nanos("2m"), Some(120_000_000_000));
        assert_eq!(nanos("1h"), Some(3_600_000_000_000));
    }

    #[test]
    fn decimals_are_exact() {
        assert_eq!(nanos("0.1s"), Some(100_000_000));
        assert_eq!(nanos("1.5m"), Some(90_000_000_000));
        assert_eq!(nanos("0.000000001s"), Some(1));
        assert_eq!(nanos("1.0000000019s"), Some(1_000_000_001));
        assert_eq!(nanos("0.5ms"), Some(500_000));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "", "60", "s", ".5s", "5.s", "1.2.3s", "-1s", "+1s", "1 s", "1S", "1ss", "1e3s", "٣s",
        ] {
            assert_eq!(nanos(text), None, "{text:?}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert_eq!(nanos("18446744073s"), Some(18_446_744_073_000_000_000));
        assert_eq!(nanos("18446744074s"), None);
        assert_eq!(nanos("99999999999999999999s"), None);
    }
}
