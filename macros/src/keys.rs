//! `key = value, ..`: what stands in the brackets of `#[sudog::main]` and `#[sudog::test]`.
//!
//! Most keys are methods of `sudog::runtime::Config` by the same name, and their values go there
//! unseen: rustc says best that `"4"` is no number. Three need more. `on_panic` spares the user the
//! path of its enum, `crate` is the path of `sudog`, and `timeout` is no setting of the runtime but
//! an argument of the test.
//!
//! A key that is wrong is reported and left out, so that the rest of the expansion draws no second
//! error.

#![forbid(unsafe_code)]

mod timeout;

#[cfg(test)]
mod tests;

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Error, Expr, ExprLit, Ident, Lit, Path, Result, Token};

use crate::mistakes::Mistakes;
use crate::shell::bare;

/// The keys of one attribute, understood.
#[derive(Default)]
pub struct Keys {
    krate: Option<Path>,
    /// An expression of type `Duration`.
    timeout: Option<TokenStream>,
    /// Calls on `Config`, in the user's order.
    settings: Vec<(Ident, Setting)>,
}

/// The argument of a call on `Config`.
enum Setting {
    Expr(Expr),
    /// A variant of `OnPanic`, for which the path of the enum must be known.
    OnPanic(Ident),
}

/// One key as it is written.
struct Pair {
    key: Ident,
    value: Expr,
}

impl Keys {
    /// Reads the keys, of which the attribute knows those in `known`.
    pub fn parse(args: TokenStream, known: &[&str], mistakes: &mut Mistakes) -> Self {
        let mut keys = Self::default();
        let mut seen = Vec::new();
        let pairs = Punctuated::<Pair, Token![,]>::parse_terminated.parse2(args);
        for Pair { key, value } in mistakes.sift(pairs).into_iter().flatten() {
            let name = key.to_string();
            if !known.contains(&name.as_str()) {
                mistakes.add(unknown(&key, known));
            } else if seen.contains(&name) {
                let message = format!("`{name}` is given twice: remove one of the two");
                mistakes.add(Error::new(key.span(), message));
            } else {
                mistakes.sift(keys.set(key, value));
                seen.push(name);
            }
        }
        keys
    }

    fn set(&mut self, key: Ident, value: Expr) -> Result<()> {
        if key == "crate" {
            self.krate = Some(path(value)?);
        } else if key == "timeout" {
            self.timeout = Some(timeout::parse(value)?);
        } else if key == "on_panic" {
            self.settings
                .push((key, Setting::OnPanic(on_panic(value)?)));
        } else {
            self.settings.push((key, Setting::Expr(value)));
        }
        Ok(())
    }

    /// The path of `sudog`.
    pub fn krate(&self) -> TokenStream {
        match &self.krate {
            Some(path) => quote!(#path),
            None => quote!(::sudog),
        }
    }

    /// An expression of type `Config`.
    pub fn config(&self) -> TokenStream {
        let krate = self.krate();
        let calls = self.settings.iter().map(|(key, setting)| match setting {
            Setting::Expr(value) => quote!(.#key(#value)),
            Setting::OnPanic(variant) => quote!(.#key(#krate::runtime::OnPanic::#variant)),
        });
        quote!(#krate::runtime::Config::new() #(#calls)*)
    }

    /// An expression of type `Option<Duration>`.
    pub fn timeout(&self) -> TokenStream {
        match &self.timeout {
            Some(timeout) => quote!(::core::option::Option::Some(#timeout)),
            None => quote!(::core::option::Option::None),
        }
    }
}

impl Parse for Pair {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        // `crate` is a keyword.
        let Ok(key) = Ident::parse_any(input) else {
            return Err(input.error("expected a key and its value, such as `max_procs = 4`"));
        };
        if input.parse::<Option<Token![=]>>()?.is_none()
            || input.is_empty()
            || input.peek(Token![,])
        {
            let message = format!("`{key}` needs a value: write `{key} = ..`");
            return Err(Error::new(key.span(), message));
        }
        let value = input.parse()?;
        Ok(Self { key, value })
    }
}

fn unknown(key: &Ident, known: &[&str]) -> Error {
    let known = known.join("`, `");
    Error::new(
        key.span(),
        format!("there is no key `{key}` here: the keys are `{known}`"),
    )
}

/// The path of a crate, with or without quotes.
fn path(value: Expr) -> Result<Path> {
    const HINT: &str = "`crate` takes a path: write `crate = ::sudog`";
    match bare(value) {
        Expr::Path(path) if path.qself.is_none() => Ok(path.path),
        Expr::Lit(ExprLit {
            lit: Lit::Str(text),
            ..
        }) => text
            .parse_with(Path::parse_mod_style)
            .map_err(|_| Error::new(text.span(), HINT)),
        other => Err(Error::new_spanned(other, HINT)),
    }
}

/// A variant of `OnPanic`: its name, or the text that `SUDOG_PANIC` takes.
fn on_panic(value: Expr) -> Result<Ident> {
    let value = bare(value);
    let variant = match &value {
        Expr::Path(path) => path.path.get_ident().cloned(),
        Expr::Lit(ExprLit {
            lit: Lit::Str(text),
            ..
        }) => match text.value().as_str() {
            "isolate" => Some(Ident::new("Isolate", text.span())),
            "exit" => Some(Ident::new("Exit", text.span())),
            _ => None,
        },
        _ => None,
    };
    variant
        .filter(|variant| variant == "Isolate" || variant == "Exit")
        .ok_or_else(|| Error::new_spanned(value, "`on_panic` takes `Isolate` or `Exit`"))
}
