//! What `macro_rules!` puts around the user's tokens, and how it comes off.
//!
//! A function-like proc macro cannot know by which name its user's crate knows `sudog`. The
//! `macro_rules!` shell before it does: it passes `($crate)` ahead of the user's tokens, and every
//! path of the expansion starts with that. A user's own `macro_rules!` may stand before the shell,
//! and its `$e:expr` arrives in brackets that cannot be seen.

#![forbid(unsafe_code)]

use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};
use syn::{Error, Expr, Result};

/// The input of a function-like macro, taken apart.
pub struct Input {
    /// The path of `sudog`.
    pub krate: TokenStream,
    /// Everything the user wrote.
    pub tokens: TokenStream,
}

/// Splits the path of `sudog` from the user's tokens.
pub fn split(input: TokenStream) -> Result<Input> {
    let mut tokens = input.into_iter();
    match tokens.next() {
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis => Ok(Input {
            krate: group.stream(),
            tokens: tokens.collect(),
        }),
        // Only a direct use of sudog-macros leads here.
        _ => Err(Error::new(
            Span::call_site(),
            "use this macro through the crate `sudog`",
        )),
    }
}

/// Takes away the brackets around an expression that mean nothing: parentheses and the invisible
/// ones.
pub fn bare(expr: Expr) -> Expr {
    match expr {
        Expr::Group(group) if group.attrs.is_empty() => bare(*group.expr),
        Expr::Paren(paren) if paren.attrs.is_empty() => bare(*paren.expr),
        other => other,
    }
}
