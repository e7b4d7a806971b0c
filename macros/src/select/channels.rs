//! How the channels of a select are borrowed: all of them at once, until the choice.
//!
//! A channel without a guard is borrowed by a `match`, whose temporaries live until its end; one
//! `match` will do for all that follow each other. With a guard a `match` would have to go on in
//! both cases, with all that comes after it. There a `let` borrows, to which rustc extends the
//! temporary that is borrowed, though not those within its arguments: `recv(f(&g())), if h` may
//! have to be told to make a variable of `g()`.

#![forbid(unsafe_code)]

use proc_macro2::{Delimiter, Group, TokenStream};
use quote::quote_spanned;

use super::arm::{Arm, Operation};
use super::expansion::{Expansion, hidden, numbered};
use super::piece::Piece;

impl Expansion<'_> {
    /// Prints the borrows of all channels around what is done with them. The last comes first, for
    /// it is the innermost.
    pub fn channels(&self, arms: &[Arm], mut rest: TokenStream) -> TokenStream {
        let mut end = arms.len();
        while end > 0 {
            if arms[end - 1].guard.is_some() {
                end -= 1;
                rest = self.guarded_channel(&arms[end], end, &rest);
                continue;
            }
            let is_guarded = |arm: &Arm| arm.guard.is_some();
            let start = arms[..end]
                .iter()
                .rposition(is_guarded)
                .map_or(0, |i| i + 1);
            rest = self.plain_channels(&arms[start..end], start, &rest);
            end = start;
        }
        rest
    }

    /// Prints the borrow of channels without guards, of which the first has this number.
    pub fn plain_channels(&self, arms: &[Arm], first: usize, rest: &TokenStream) -> TokenStream {
        let (mut borrows, mut names, mut types) = (Vec::new(), Vec::new(), Vec::new());
        for (i, arm) in arms.iter().enumerate() {
            let channel = numbered("channel", first + i, arm.channel.span());
            let end = self.end(arm);
            types.push(hidden!(let #channel: #end = #channel;));
            borrows.push(self.borrow(&arm.channel));
            names.push(channel);
        }
        match (&borrows[..], &names[..]) {
            ([borrow], [name]) => hidden!(match #borrow { #name => { #(#types)* #rest } }),
            _ => hidden!(match (#(#borrows),*) { (#(#names),*) => { #(#types)* #rest } }),
        }
    }

    /// Prints the borrow of a channel that has a guard.
    fn guarded_channel(&self, arm: &Arm, index: usize, rest: &TokenStream) -> TokenStream {
        let channel = numbered("channel", index, arm.channel.span());
        let guard = numbered("guard", index, hidden());
        let (borrow, end) = (self.borrow(&arm.channel), self.end(arm));
        // Borrowed first and coerced then: an expected type would keep `if c { &a } else { &b }`
        // from being one.
        hidden!({
            let #channel = if #guard {
                ::core::option::Option::Some(#borrow)
            } else {
                ::core::option::Option::None
            };
            let #channel = match #channel {
                ::core::option::Option::Some(#channel) => {
                    let #channel: #end = #channel;
                    ::core::option::Option::Some(#channel)
                }
                ::core::option::Option::None => ::core::option::Option::None,
            };
            #rest
        })
    }

    /// Prints `&(channel)`, on the user's own tokens.
    pub fn borrow(&self, channel: &Piece) -> TokenStream {
        let place = channel.span();
        let mut group = Group::new(Delimiter::Parenthesis, self.operand(channel));
        group.set_span(hidden().located_at(place));
        quote_spanned!(hidden().located_at(place)=> &#group)
    }

    /// Prints the type of reference that an arm wants.
    fn end(&self, arm: &Arm) -> TokenStream {
        let krate = self.krate;
        // On the operation, which is why that type is wanted.
        let place = hidden().located_at(arm.keyword.span());
        match arm.operation {
            Operation::Recv => quote_spanned!(place=> &#krate::chan::Receiver<_>),
            Operation::Send(..) => quote_spanned!(place=> &#krate::chan::Sender<_>),
        }
    }
}
