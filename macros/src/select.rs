//! `select!` and `select_biased!`: wait for several channel operations, do one, run its body.
//!
//! The grammar is crossbeam-channel's, with guards:
//!
//! ```text
//! select  = [ arm { separator arm } [ "," ] ]       "," may be left out behind a block
//! arm     = "recv" "(" channel [ "," ] ")" "->" pattern [ "," "if" guard ] "=>" body
//!         | "send" "(" channel "," value [ "," ] ")" "->" pattern [ "," "if" guard ] "=>" body
//!         | "default" [ "(" [ duration ] ")" ] "=>" body
//! ```
//!
//! The expansion has two halves. The first evaluates guards, channels and the duration, waits, and
//! finishes the operation that was chosen; it ends with a `let`, and with it end all borrows and
//! temporaries. The second is a `match` on what was chosen, which holds the values of `send` arms
//! and the bodies. So:
//!
//! 1. Each token of the user's stands in the expansion once, outside every closure, loop and
//!    `unsafe` block of ours: `return`, `break`, `continue`, `?` and `.await` mean what they mean
//!    around the `select!`.
//! 2. The value of a `send` is evaluated in the second half, when its arm has been chosen. A plain
//!    variable is only pointed at before, and that is the last thing before the wait: nothing of
//!    the user's runs in between.
//! 3. Nothing of ours can be named by the user's tokens: there are only bindings, and these have
//!    mixed-site hygiene.
//! 4. All mistakes are reported at once. What is missing is filled with a value of the type that
//!    rustc gives to errors, so that it says nothing more, and every token the user wrote stays.
//! 5. Tokens that do not parse, where nothing else is wrong, are printed as they are: rustc then
//!    reports the mistake on them in its own words, and an editor finds what it needs to complete.

#![forbid(unsafe_code)]

/// Quotes with names that are ours alone.
macro_rules! hidden {
    ($($tokens:tt)*) => { quote::quote_spanned!(proc_macro2::Span::mixed_site()=> $($tokens)*) };
}

mod arm;
mod body;
mod channels;
mod expansion;
mod foreign;
mod operation;
mod outcome;
mod piece;
mod reader;
mod value;

#[cfg(test)]
mod tests;

use proc_macro2::TokenStream;

use crate::shell::{self, Input};
use arm::Select;
use expansion::Expansion;

/// Which of the ready arms is chosen, and so which of the two macros this is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// One at random.
    Random,
    /// The first.
    First,
}

/// Expands either macro.
pub fn expand(choice: Choice, input: TokenStream) -> TokenStream {
    match shell::split(input) {
        Ok(Input { krate, tokens }) => {
            let (select, mistakes) = Select::read(tokens);
            Expansion::new(&krate, choice, mistakes.print()).print(&select)
        }
        Err(error) => error.to_compile_error(),
    }
}
