//! What was chosen, on its way from the first half of an expansion to the second.
//!
//! Each arm has a value of a type of its own, so a select ends its first half with one of several
//! types: a sum. `Result` is a sum of two, and sums of more are made of it, as a balanced tree:
//!
//! ```text
//! of two: Ok(a), Err(b)    of three: Ok(a), Err(Ok(b)), Err(Err(c))    of one: a
//! ```
//!
//! An `enum` with a parameter for each arm would say it better. But it would be an item, which the
//! user's bodies could see and stumble over; and rustc infers all its parameters anew at each
//! mention of a variant: checking a select of 256 arms took it a minute, this tree takes it seconds.

#![forbid(unsafe_code)]

use proc_macro2::TokenStream;

/// Puts a value, or a pattern for one, into its place in the sum of `count` types.
pub fn wrap(index: usize, count: usize, value: TokenStream) -> TokenStream {
    if count == 1 {
        return value;
    }
    let half = count / 2;
    if index < half {
        let inner = wrap(index, half, value);
        hidden!(::core::result::Result::Ok(#inner))
    } else {
        let inner = wrap(index - half, count - half, value);
        hidden!(::core::result::Result::Err(#inner))
    }
}
