//! What a select becomes.
//!
//! ```text
//! select! {                           {
//!     recv(rx) -> m, if g => one(m),      let chosen = {
//!     send(tx, f(x)) -> r => two(r),          let guard0: bool = g;
//!     default(d) => three(),                  let channel0 = if guard0 { Some(&(rx)) } else { None };
//! }                                           match &(tx) { channel1 => {
//!                                                 let duration: Duration = d;
//!                                                 let mut arm0 = select::recv(channel0);
//!                                                 let mut arm1 = select::late(Some(channel1));
//!                                                 let cases = &mut [arm0.case(), arm1.case()];
//!                                                 match select::wait_timeout::<false>(cases, duration) {
//!                                                     0 => Ok(unsafe { arm0.finish() }),
//!                                                     1 => Err(Ok(unsafe { arm1.finish() })),
//!                                                     _ => Err(Err(())),
//!                                                 }
//!                                             } }
//!                                         };
//!                                         match chosen {
//!                                             Ok(result) => { let m = result; one(m) }
//!                                             Err(Ok(result)) => { let r = result.send(f(x)); two(r) }
//!                                             Err(Err(())) => { three() }
//!                                         }
//!                                     }
//! ```
//!
//! One arm, alone or with `default`, is the plain operation where that is the same (`plain`).
//!
//! The `unsafe` of the expansion is ours: rustc does not blame a crate that forbids `unsafe_code`
//! for what a foreign macro made. It never holds tokens of the user's.

#![forbid(unsafe_code)]

use proc_macro2::{Delimiter, Group, Ident, Literal, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote_spanned};
use syn::Expr;

use super::Choice;
use super::arm::{Arm, Broken, Operation, Select};
use super::body::is_block_like;
use super::outcome::wrap;
use super::piece::Piece;
use super::value::Timing;

/// Prints selects.
pub struct Expansion<'a> {
    /// The path of `sudog`.
    pub krate: &'a TokenStream,
    choice: Choice,
    /// What was wrong, as rustc will report it.
    errors: Option<TokenStream>,
}

/// Where names are ours alone.
pub fn hidden() -> Span {
    Span::mixed_site()
}

/// A name of ours, at a place of the user's.
pub fn name(text: &str, place: Span) -> Ident {
    Ident::new(text, hidden().located_at(place))
}

/// A name of ours for something of the arm with this number.
pub fn numbered(text: &str, index: usize, place: Span) -> Ident {
    name(&format!("{text}{index}"), place)
}

impl<'a> Expansion<'a> {
    pub fn new(krate: &'a TokenStream, choice: Choice, errors: Option<TokenStream>) -> Self {
        Self {
            krate,
            choice,
            errors,
        }
    }

    /// Prints a whole select.
    pub fn print(&self, select: &Select) -> TokenStream {
        let expansion = match (&select.arms[..], &select.default) {
            ([], None) if self.errors.is_some() => hidden!(broken),
            ([], None) => self.call("forever", &hidden!()),
            ([], Some(default)) if default.duration.is_none() => self.tail(&default.body),
            ([arm], _) => match self.plain(arm, select) {
                Some(plain) => plain,
                None => self.general(select),
            },
            _ => self.general(select),
        };
        let Some(errors) = &self.errors else {
            return hidden!({ #expansion });
        };
        // The value of an error has the type of errors, about which rustc says nothing.
        let broken = select.broken.iter().map(|broken| self.broken(broken));
        hidden!({
            let broken = { #errors };
            #(#broken)*
            #expansion
        })
    }

    /// Prints what an arm that is none was to do.
    fn broken(&self, broken: &Broken) -> TokenStream {
        let pattern = broken.pattern.clone().unwrap_or_else(|| hidden!(_));
        let body = self.body(&broken.body);
        let operand = broken.operand.as_ref().map(|operand| {
            let operand = self.borrow(operand);
            hidden!(let _ = #operand;)
        });
        hidden!(if false { #operand let #pattern = broken; let _ = #body; })
    }

    /// Prints the general form.
    fn general(&self, select: &Select) -> TokenStream {
        let chosen = self.first_half(select);
        let count = select.count();
        let bodies = select.arms.iter().enumerate().map(|(i, arm)| {
            let result = name("result", arm.keyword.span());
            let pattern = wrap(i, count, hidden!(mut #result));
            let body = self.arm_body(arm, &result);
            hidden!(#pattern => #body)
        });
        let default = select.default.as_ref().map(|default| {
            let pattern = wrap(count - 1, count, hidden!(()));
            let body = self.body(&default.body);
            hidden!(#pattern => #body)
        });
        hidden! {
            let chosen = #chosen;
            match chosen { #(#bodies)* #default }
        }
    }

    /// Prints what comes before the choice, and the choice.
    fn first_half(&self, select: &Select) -> TokenStream {
        let guards: Vec<_> = (select.arms.iter().enumerate())
            .filter_map(|(i, arm)| {
                let guard = self.operand(arm.guard.as_ref()?);
                let variable = numbered("guard", i, hidden());
                let bool = Ident::new("bool", hidden().located_at(arm.keyword.span()));
                Some(hidden!(let #variable: #bool = #guard;))
            })
            .collect();
        let rest = self.choose(select);
        let channels = self.channels(&select.arms, rest);
        if guards.is_empty() {
            return channels;
        }
        hidden!({ #(#guards)* #channels })
    }

    /// Prints the wait, in the middle of all borrows, and the end of the operation it chose.
    fn choose(&self, select: &Select) -> TokenStream {
        let count = select.count();
        let mut cases = Vec::new();
        let mut lets = Vec::new();
        let mut finishes = Vec::new();
        for (i, arm) in select.arms.iter().enumerate() {
            let variable = numbered("arm", i, arm.keyword.span());
            let operation = self.operation(arm, i);
            lets.push(hidden!(let mut #variable = #operation;));
            cases.push(hidden!(#variable.case()));
            let index = if i + 1 == count {
                hidden!(_)
            } else {
                TokenTree::Literal(Literal::usize_unsuffixed(i)).into()
            };
            let finished = wrap(i, count, hidden!(unsafe { #variable.finish() }));
            finishes.push(hidden!(#index => #finished,));
        }
        if select.default.is_some() {
            let nothing = wrap(count - 1, count, hidden!(()));
            finishes.push(hidden!(_ => #nothing,));
        }
        let (duration, wait) = self.wait(select, &hidden!(&mut [#(#cases),*]));
        hidden!({ #duration #(#lets)* match #wait { #(#finishes)* } })
    }

    /// Prints the `let` of the duration, and the wait.
    fn wait(&self, select: &Select, cases: &TokenStream) -> (Option<TokenStream>, TokenStream) {
        let biased = self.choice == Choice::First;
        let function = |text| {
            let path = self.path(text);
            hidden!(#path::<#biased>)
        };
        let Some(default) = &select.default else {
            let wait = function("wait");
            return (None, hidden!(#wait(#cases)));
        };
        let Some(duration) = &default.duration else {
            let wait = function("try_wait");
            return (None, hidden!(#wait(#cases)));
        };
        let value = self.operand(duration);
        let wait = function("wait_timeout");
        let place = hidden().located_at(default.keyword.span());
        let wanted = quote_spanned!(place=> ::core::time::Duration);
        (
            Some(hidden!(let duration: #wanted = #value;)),
            hidden!(#wait(#cases, duration)),
        )
    }

    /// Prints the arm that is waited with.
    fn operation(&self, arm: &Arm, index: usize) -> TokenStream {
        let channel = numbered("channel", index, arm.channel.span());
        let channel = match arm.guard {
            Some(_) => hidden!(#channel),
            None => hidden!(::core::option::Option::Some(#channel)),
        };
        match &arm.operation {
            Operation::Recv => self.call("recv", &channel),
            Operation::Send(value, Timing::Variable) => {
                let variable = self.variable(&channel, value);
                hidden!({ #variable unsafe { variable.arm() } })
            }
            Operation::Send(value, Timing::Early) => {
                let value = self.operand(value);
                self.call("value", &hidden!(#channel, #value))
            }
            Operation::Send(_, Timing::Late) => self.call("late", &channel),
        }
    }

    /// Prints a `let variable` of what is to be sent and where, which has the operations.
    fn variable(&self, channel: &TokenStream, value: &Piece) -> TokenStream {
        let krate = self.krate;
        let place = hidden().located_at(value.span());
        let value = self.operand(value);
        let pointer = quote_spanned!(place=> &raw const #value);
        let variable = self.call("variable", &hidden!(#channel, #pointer));
        hidden! {
            use #krate::__private::select::Coerce as _;
            let variable = #variable;
        }
    }

    /// Prints the plain operation, for one arm that is alone or stands with `default`.
    fn plain(&self, arm: &Arm, select: &Select) -> Option<TokenStream> {
        let has_duration =
            (select.default.as_ref()).is_some_and(|default| default.duration.is_some());
        if arm.guard.is_some() || has_duration {
            return None;
        }
        let is_try = select.default.is_some();
        let channel = numbered("channel", 0, arm.channel.span());
        let operation = match (&arm.operation, is_try) {
            (Operation::Recv, false) => hidden!(#channel.recv()),
            (Operation::Recv, true) => self.call("try_recv", &hidden!(#channel)),
            (Operation::Send(value, Timing::Variable), _) => {
                let variable =
                    self.variable(&hidden!(::core::option::Option::Some(#channel)), value);
                let method = format_ident!("{}", if is_try { "try_send" } else { "send" });
                hidden!(#variable unsafe { variable.#method() })
            }
            (Operation::Send(value, Timing::Early), false) => {
                let value = self.operand(value);
                hidden!(#channel.send(#value))
            }
            (Operation::Send(value, Timing::Early), true) => {
                let value = self.operand(value);
                self.call("try_send", &hidden!(#channel, #value))
            }
            (Operation::Send(_, Timing::Late), _) => return None,
        };
        let chosen = self.plain_channels(std::slice::from_ref(arm), 0, &operation);
        let result = name("result", arm.keyword.span());
        let body = self.arm_body(arm, &result);
        let Some(default) = &select.default else {
            return Some(hidden!(let mut #result = #chosen; #body));
        };
        let default = self.body(&default.body);
        Some(hidden! {
            let chosen = #chosen;
            match chosen {
                ::core::option::Option::Some(mut #result) => #body
                ::core::option::Option::None => #default
            }
        })
    }

    /// Prints what an arm does once its operation is chosen.
    fn arm_body(&self, arm: &Arm, result: &Ident) -> TokenStream {
        let result = match &arm.operation {
            Operation::Recv | Operation::Send(_, Timing::Early) => hidden!(#result),
            Operation::Send(value, _) => {
                let value = self.operand(value);
                hidden!(#result.send(#value))
            }
        };
        let pattern = arm.pattern.clone().unwrap_or_else(|| hidden!(_));
        self.block(&hidden!(let #pattern = #result;), &arm.body)
    }

    /// Prints a body as a block.
    fn body(&self, body: &Piece) -> TokenStream {
        match body {
            // In braces of ours rustc would say that the user's are too many.
            Piece::Block(block) => block.clone(),
            body => self.block(&TokenStream::new(), body),
        }
    }

    /// Prints a block with a body at its end, which is where rustc misses the rest of an unfinished
    /// one.
    fn block(&self, before: &TokenStream, body: &Piece) -> TokenStream {
        let tail = self.tail(body);
        let mut block = Group::new(Delimiter::Brace, hidden!(#before #tail));
        if let Piece::Unfinished(_, end) = body {
            block.set_span(hidden().located_at(*end));
        }
        TokenTree::Group(block).into()
    }

    /// Prints a body for the end of a block: in parentheses if it may be taken for a statement there,
    /// or for braces too many.
    fn tail(&self, body: &Piece) -> TokenStream {
        let tokens = self.operand(body);
        let needs_parentheses = match body {
            Piece::Whole(expr) => begins_as_statement(expr),
            Piece::Block(_) => true,
            _ => false,
        };
        if needs_parentheses {
            hidden!((#tokens))
        } else {
            tokens
        }
    }

    /// Prints a piece, or something in its place.
    pub fn operand(&self, piece: &Piece) -> TokenStream {
        match piece {
            Piece::Missing => hidden!(broken),
            Piece::Unfinished(..) if self.errors.is_some() => hidden!(broken),
            piece => hidden!(#piece),
        }
    }

    fn path(&self, function: &str) -> TokenStream {
        let krate = self.krate;
        let function = Ident::new(function, hidden());
        hidden!(#krate::__private::select::#function)
    }

    fn call(&self, function: &str, arguments: &TokenStream) -> TokenStream {
        let path = self.path(function);
        hidden!(#path(#arguments))
    }
}

/// Whether an expression is a block, or begins with what might be taken for all of it, as in
/// `{ x }.y + 1`.
fn begins_as_statement(expr: &Expr) -> bool {
    match expr {
        Expr::Group(group) => begins_as_statement(&group.expr),
        Expr::Block(_) => true,
        expr if is_block_like(expr) => false,
        expr => match expr.to_token_stream().into_iter().next() {
            Some(TokenTree::Group(group)) => group.delimiter() == Delimiter::Brace,
            Some(TokenTree::Ident(word)) => STATEMENTS.iter().any(|statement| word == statement),
            // A label.
            Some(TokenTree::Punct(sign)) => sign.as_char() == '\'',
            _ => false,
        },
    }
}

/// The words that statements with braces begin with.
const STATEMENTS: &[&str] = &["const", "for", "if", "loop", "match", "unsafe", "while"];
