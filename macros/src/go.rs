//! `go!`: one statement starts a goroutine, as in Go.
//!
//! Go allows a call and nothing else: `go f(x)` evaluates `f` and `x` where it stands, and only the
//! call runs elsewhere; for anything longer there is `go func() { .. }()`. Here the four things a
//! user may mean are told apart by their tokens:
//!
//! | the tokens are | they become |
//! |---|---|
//! | one closure or one path | `spawn(it)` |
//! | one call, `f(a, b)` | `{ let a = ..; let b = ..; spawn_named("f", move \|\| f(a, b)) }` |
//! | one method call, `r.f(a)` | the same, with the receiver before the arguments |
//! | anything else | `spawn(move \|\| { it })` |
//!
//! 1. What a call is made on and made with is evaluated exactly once, in source order, in the
//!    caller.
//! 2. Nothing of ours can be named by the user's tokens or hide a name of theirs: bindings have
//!    mixed-site hygiene.
//! 3. Tokens that do not parse take the last row. rustc then reports the mistake on them, in its
//!    own words, and an editor finds there what it needs to complete.

#![forbid(unsafe_code)]

mod call;

#[cfg(test)]
mod tests;

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, Expr, ExprCall, ExprMethodCall};

use crate::shell::{self, Input, bare};

/// What the user means, told by the tokens.
enum Form {
    /// Nothing.
    Empty,
    /// A future, which nobody would poll. Holds the place of its `async`.
    Async(Span),
    /// A closure or a path, for `spawn` to take.
    Function,
    /// `f(x)`.
    Call(ExprCall),
    /// `r.f(x)`.
    MethodCall(ExprMethodCall),
    /// Anything else.
    Body,
}

/// Expands `go!`.
pub fn expand(input: TokenStream) -> TokenStream {
    let Input { krate, tokens } = match shell::split(input) {
        Ok(input) => input,
        Err(error) => return error.to_compile_error(),
    };
    match Form::of(&tokens) {
        Form::Empty => empty(),
        Form::Async(span) => {
            let error = async_error(span);
            let body = spawn_body(&krate, tokens);
            quote!({ #error #body })
        }
        Form::Function => quote!(#krate::spawn(#tokens)),
        Form::Call(call) => call::function(call).print(&krate, &tokens),
        Form::MethodCall(call) => call::method(call).print(&krate, &tokens),
        Form::Body => spawn_body(&krate, tokens),
    }
}

impl Form {
    fn of(tokens: &TokenStream) -> Self {
        if tokens.is_empty() {
            return Self::Empty;
        }
        // Invariant 3: what does not parse is not an error of ours.
        let Ok(expr) = syn::parse2::<Expr>(tokens.clone()) else {
            return Self::Body;
        };
        match bare(expr) {
            Expr::Closure(closure) => match closure.asyncness {
                Some(keyword) => Self::Async(keyword.span),
                None => Self::Function,
            },
            Expr::Async(block) => Self::Async(block.async_token.span),
            Expr::Path(_) => Self::Function,
            Expr::Call(call) => Self::Call(call),
            Expr::MethodCall(call) => Self::MethodCall(call),
            _ => Self::Body,
        }
    }
}

/// Makes the tokens the body of a goroutine.
fn spawn_body(krate: &TokenStream, tokens: TokenStream) -> TokenStream {
    let mut trees = tokens.clone().into_iter();
    let body = match (trees.next(), trees.next()) {
        // Braces of the user's are the closure's: within ours, rustc would warn that they are
        // unused.
        (Some(TokenTree::Group(block)), None) if block.delimiter() == Delimiter::Brace => {
            block.stream()
        }
        _ => tokens.clone(),
    };
    let closure = move_closure(&tokens, body);
    quote!(#krate::spawn(#closure))
}

/// Prints `move || { body }`, spread over the user's tokens: that is where rustc then sees a
/// closure that is not `Send`, and where it misses the rest of an unfinished body.
fn move_closure(tokens: &TokenStream, body: TokenStream) -> TokenStream {
    let mut trees = tokens.clone().into_iter();
    let first = trees.next();
    let last = trees.last().or_else(|| first.clone());
    let start = match first {
        Some(TokenTree::Group(group)) => group.span_open(),
        first => first.span(),
    };
    let end = match last {
        Some(TokenTree::Group(group)) => group.span_close(),
        last => last.span(),
    };
    let mut body = Group::new(Delimiter::Brace, body);
    body.set_span(Span::call_site().located_at(end));
    quote_spanned!(Span::call_site().located_at(start)=> move || #body)
}

fn empty() -> TokenStream {
    Error::new(
        Span::call_site(),
        "`go!` has nothing to run: write `go!(f(x))` for a call, `go!(move || ..)` for a closure \
         or `go! { ..; }` for a block",
    )
    .to_compile_error()
}

fn async_error(span: Span) -> TokenStream {
    Error::new(
        span,
        "a goroutine is not a future and would never poll this one: remove the `async`, \
         or write `go!(move || sudog::block_on(async { .. }))`",
    )
    .to_compile_error()
}
