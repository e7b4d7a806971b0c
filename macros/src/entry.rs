//! `#[sudog::main]` and `#[sudog::test]`: a function whose body is a goroutine.
//!
//! Neither looks into the body. The user's function stays as it is, inside another that takes its
//! place:
//!
//! ```text
//! #[sudog::main(max_procs = 4)]     fn main() -> ExitCode {
//! fn main() -> Result<(), E> {          fn main() -> Result<(), E> {
//!     ..                                    ..
//! }                                     }
//!                                       sudog::__private::main(Config::new().max_procs(4), main)
//!                                   }
//! ```
//!
//! The inner function is a plain `fn() -> T`, so that what it returns is turned into an exit code
//! inside the goroutine and need not be `Send`. A test that `#[should_panic]` must return `()`, by
//! libtest's rule, and drops the exit code.

#![forbid(unsafe_code)]

mod function;

#[cfg(test)]
mod tests;

use proc_macro2::TokenStream;
use quote::quote;
use syn::Ident;

use crate::keys::Keys;
use crate::mistakes::Mistakes;
use function::Function;

/// Which of the two attributes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    Main,
    Test,
}

impl Entry {
    /// The attribute's own name.
    fn name(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::Test => "test",
        }
    }

    /// The keys that it takes.
    fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Main => &[
                "max_procs",
                "stack_size",
                "on_panic",
                "max_threads",
                "crate",
            ],
            Self::Test => &[
                "max_procs",
                "stack_size",
                "on_panic",
                "max_threads",
                "timeout",
                "crate",
            ],
        }
    }
}

/// Expands either attribute.
pub fn expand(entry: Entry, args: TokenStream, item: TokenStream) -> TokenStream {
    let mut mistakes = Mistakes::default();
    let keys = Keys::parse(args, entry.keys(), &mut mistakes);
    let expansion = match mistakes.sift(Function::parse(entry, item.clone())) {
        Some(function) => match mistakes.sift(function.check(entry)) {
            Some(()) => print(entry, &keys, &function),
            None => set_aside(&function.sig.ident, item),
        },
        None => item,
    };
    let errors = mistakes.print();
    quote!(#errors #expansion)
}

/// Prints the function that takes the place of the user's.
fn print(entry: Entry, keys: &Keys, function: &Function) -> TokenStream {
    let (krate, config, value) = (keys.krate(), keys.config(), function.value());
    let (test, call) = match entry {
        Entry::Main => (None, quote!(#krate::__private::main(#config, #value))),
        Entry::Test => {
            let timeout = keys.timeout();
            (
                Some(quote!(#[::core::prelude::v1::test])),
                quote!(#krate::__private::test(#config, #timeout, #value)),
            )
        }
    };
    let (returns, call) = if function.should_panic() {
        (None, quote!(let _ = #call;))
    } else {
        (Some(quote!(-> ::std::process::ExitCode)), call)
    };
    let Function {
        outer,
        inner,
        vis,
        sig,
        body,
    } = function;
    let name = &sig.ident;
    quote! {
        #test
        #(#outer)*
        #vis fn #name() #returns {
            #(#inner)*
            #sig #body
            #call
        }
    }
}

/// Keeps a function that is refused, for the editor's sake. A `main` goes into one that is right,
/// or rustc would explain once more what is wrong with it.
fn set_aside(name: &Ident, item: TokenStream) -> TokenStream {
    if name == "main" {
        quote!(fn main() { #[allow(dead_code)] #item })
    } else {
        item
    }
}
