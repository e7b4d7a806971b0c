//! `go!(f(x))` and `go!(r.f(x))`: what is evaluated here, and what runs there.
//!
//! Everything but the call itself is bound by a `let` of its own before the goroutine starts, and
//! moved in:
//!
//! ```text
//! go!(a(x).b(y, move |z| ..))   {
//!                                   let receiver = a(x);
//!                                   let argument0 = y;
//!                                   spawn_named("b", move || {
//!                                       let mut receiver = receiver;
//!                                       receiver.b(argument0, move |z| ..)
//!                                   })
//!                               }
//! ```
//!
//! A `let` loses what the callee's signature tells about the value. For nearly every argument
//! inference finds out later; a closure whose parameters have no types is checked at once and
//! fails. A `move` closure therefore stays where it stands: all it does here is to capture, and the
//! goroutine's own `move` closure captures the same values. That comes after the `let`s, and so it
//! must not stay when something behind it might change what it captures. A closure without `move`
//! is bound like anything else, for rustc to refuse if it borrows: staying, it would silently work
//! on a copy.

#![forbid(unsafe_code)]

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::token::Paren;
use syn::{Attribute, Expr, ExprCall, ExprMethodCall, Ident, Token};

use super::move_closure;
use crate::shell::bare;

/// Takes apart `f(x)`, where `f` is a path or any expression whose value can be called.
pub fn function(call: ExprCall) -> Deferred {
    let mut deferred = Deferred::new(call.attrs);
    let callee = match bare(*call.func) {
        // A path is not bound: `collect::<T>` or `Self::new` are no values until the arguments are
        // known.
        Expr::Path(path) => {
            deferred.name = path
                .path
                .segments
                .last()
                .map(|segment| segment.ident.clone());
            path.into_token_stream()
        }
        value => deferred.bind_called("callee", value).into_token_stream(),
    };
    let arguments = deferred.bind_arguments(call.args, call.paren_token);
    deferred.call = quote!(#callee #arguments);
    deferred
}

/// Takes apart `r.f(x)`.
pub fn method(call: ExprMethodCall) -> Deferred {
    let mut deferred = Deferred::new(call.attrs);
    let receiver = deferred.bind_called("receiver", *call.receiver);
    let arguments = deferred.bind_arguments(call.args, call.paren_token);
    let (dot, method, turbofish) = (call.dot_token, &call.method, &call.turbofish);
    deferred.call = quote!(#receiver #dot #method #turbofish #arguments);
    deferred.name = Some(call.method);
    deferred
}

/// A call taken apart into what either side does.
#[derive(Default)]
pub struct Deferred {
    /// The call's own attributes: they hold for its parts as well.
    attrs: Vec<Attribute>,
    /// `let` after `let`, evaluated in the caller.
    bindings: TokenStream,
    /// What the goroutine does before the call.
    prelude: TokenStream,
    /// The call itself.
    call: TokenStream,
    /// What is called, unless it is a value.
    name: Option<Ident>,
}

impl Deferred {
    fn new(attrs: Vec<Attribute>) -> Self {
        Self {
            attrs,
            ..Self::default()
        }
    }

    /// Binds a value in the caller, under a name that only this expansion knows (invariant 2).
    fn bind(&mut self, name: &str, value: Expr) -> Ident {
        let value = bare(value);
        // On the user's value, so that what rustc says of the binding is said of it.
        let name = Ident::new(name, Span::mixed_site().located_at(value.span()));
        let attrs = &self.attrs;
        self.bindings.extend(quote!(#(#attrs)* let #name = #value;));
        name
    }

    /// Binds the value that the call is made on, which the call may want as `&mut`.
    fn bind_called(&mut self, name: &str, value: Expr) -> Ident {
        let name = self.bind(name, value);
        // No `allow` for the `mut`: rustc does not lint what a foreign macro made, and a crate that
        // forbids `unused` would refuse it.
        self.prelude.extend(quote!(let mut #name = #name;));
        name
    }

    /// Binds the arguments, but leaves a `move` closure in its place where it may stay (see the top
    /// of the file). What is to be passed comes back in the user's own parentheses, at which rustc
    /// reports a wrong number of arguments.
    fn bind_arguments(
        &mut self,
        arguments: Punctuated<Expr, Token![,]>,
        paren: Paren,
    ) -> TokenStream {
        let settled = arguments
            .iter()
            .rposition(|argument| !is_inert(argument))
            .map_or(0, |last| last + 1);
        let mut passed = TokenStream::new();
        for (i, pair) in arguments.into_pairs().enumerate() {
            let (argument, comma) = pair.into_tuple();
            if is_move_closure(&argument) && i + 1 >= settled {
                passed.extend(quote!(#argument #comma));
            } else {
                let name = self.bind(&format!("argument{i}"), argument);
                passed.extend(quote!(#name #comma));
            }
        }
        let mut parenthesised = TokenStream::new();
        paren.surround(&mut parenthesised, |tokens| tokens.extend(passed));
        parenthesised
    }

    /// Prints the whole expansion; `tokens` is where it stands.
    pub fn print(self, krate: &TokenStream, tokens: &TokenStream) -> TokenStream {
        let Self {
            attrs,
            bindings,
            prelude,
            call,
            name,
        } = self;
        let closure = move_closure(tokens, quote!(#prelude #(#attrs)* #call));
        let spawn = match name {
            Some(name) => {
                let name = name.unraw().to_string();
                let name = quote!(const { &#krate::__private::StaticName::new(#name) });
                quote!(#krate::__private::spawn_named(#name, #closure))
            }
            None => quote!(#krate::spawn(#closure)),
        };
        quote!({ #bindings #spawn })
    }
}

/// Whether evaluating the expression changes no variable, so that it may as well come earlier
/// (invariant 1).
fn is_inert(expr: &Expr) -> bool {
    match expr {
        Expr::Closure(_) | Expr::Lit(_) | Expr::Path(_) => true,
        Expr::Group(group) => is_inert(&group.expr),
        _ => false,
    }
}

fn is_move_closure(expr: &Expr) -> bool {
    matches!(expr, Expr::Closure(closure) if closure.capture.is_some())
}
