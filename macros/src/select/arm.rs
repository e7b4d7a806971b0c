//! The arms of a select, as they were written.

#![forbid(unsafe_code)]

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::parse::{ParseStream, Parser};
use syn::{Ident, Token};

use super::body;
use super::foreign;
use super::operation;
use super::piece::Piece;
use super::reader::Reader;
use super::value::Timing;
use crate::mistakes::Mistakes;

/// Everything between the brackets.
#[derive(Default)]
pub struct Select {
    pub arms: Vec<Arm>,
    pub default: Option<DefaultArm>,
    /// Arms that are none: their tokens are kept for an editor.
    pub broken: Vec<Broken>,
}

/// A `recv` or a `send`.
pub struct Arm {
    /// Its first word, which is where rustc's remarks on the operation go.
    pub keyword: Ident,
    pub operation: Operation,
    pub channel: Piece,
    pub pattern: Option<TokenStream>,
    pub guard: Option<Piece>,
    pub body: Piece,
}

pub enum Operation {
    Recv,
    Send(Piece, Timing),
}

/// A `default`.
pub struct DefaultArm {
    pub keyword: Ident,
    pub duration: Option<Piece>,
    pub body: Piece,
}

/// What should have been an arm.
pub struct Broken {
    pub pattern: Option<TokenStream>,
    pub operand: Option<Piece>,
    pub body: Piece,
}

impl Select {
    /// Reads all arms, and collects all mistakes.
    pub fn read(tokens: TokenStream) -> (Self, Mistakes) {
        let mut reader = Reader::default();
        let mut select = Self::default();
        let parse = |input: ParseStream<'_>| {
            while !input.is_empty() {
                select.read_arm(&mut reader, input);
            }
            Ok(())
        };
        let parsed = parse.parse2(tokens);
        let mut mistakes = reader.into_mistakes();
        mistakes.sift(parsed);
        (select, mistakes)
    }

    /// How many things may be chosen.
    pub fn count(&self) -> usize {
        self.arms.len() + usize::from(self.default.is_some())
    }

    /// Reads one arm and what separates it from the next. Takes at least one token.
    fn read_arm(&mut self, reader: &mut Reader, input: ParseStream<'_>) {
        reader.refuse_attributes(input);
        if let Ok(comma) = input.parse::<Token![,]>() {
            return reader.refuse(comma.span, "there is no arm before this comma: remove it");
        }
        let word = input.fork().parse::<Ident>().ok();
        match word {
            Some(word) if word == "recv" || word == "send" => {
                reader.word(input);
                self.arms.push(operation::read(reader, input, word));
            }
            Some(word) if word == "default" => {
                reader.word(input);
                let default = read_default(reader, input, word);
                self.add_default(reader, default);
            }
            _ if input.is_empty() => {}
            _ => self.broken.extend(foreign::read(reader, input)),
        }
    }

    fn add_default(&mut self, reader: &mut Reader, default: DefaultArm) {
        if self.default.is_none() {
            self.default = Some(default);
            return;
        }
        let message = "a select has one `default`, and there is one above: remove this arm";
        reader.refuse(default.keyword.span(), message);
        self.broken.push(Broken {
            pattern: None,
            operand: default.duration,
            body: default.body,
        });
    }
}

/// Reads a `default` arm.
fn read_default(reader: &mut Reader, input: ParseStream<'_>, keyword: Ident) -> DefaultArm {
    let duration = read_duration(reader, input);
    refuse_pattern(reader, input);
    refuse_guard(reader, input);
    let form = "default => ..` or `default(duration) => ..";
    let body = match reader.fat_arrow(input, keyword.span(), form) {
        Some(arrow) => body::read(reader, input, arrow),
        None => Piece::skip_comma(input),
    };
    DefaultArm {
        keyword,
        duration,
        body,
    }
}

/// Reads the parentheses behind `default`, if there are any.
fn read_duration(reader: &mut Reader, input: ParseStream<'_>) -> Option<Piece> {
    let group = reader.parentheses(input)?;
    let (operands, is_sure) = reader.operands(&group);
    let mut operands = operands.into_iter();
    let duration = operands.next();
    if let Some(excess) = operands.next()
        && is_sure
    {
        let message = "`default` takes one duration: write `default(duration) => ..`";
        reader.refuse_all(excess.to_token_stream(), message);
    }
    duration
}

/// Refuses `default -> pattern`.
fn refuse_pattern(reader: &mut Reader, input: ParseStream<'_>) {
    if let Ok(arrow) = input.parse::<Token![->]>() {
        let message = "`default` has no result that a pattern could take: write `default => ..`";
        reader.refuse_all(arrow.to_token_stream(), message);
        reader.skip_head(input);
    }
}

/// Refuses a guard, with and without its comma.
fn refuse_guard(reader: &mut Reader, input: ParseStream<'_>) {
    if input.peek(Token![if]) || input.peek(Token![,]) && input.peek2(Token![if]) {
        let _: syn::Result<Option<Token![,]>> = input.parse();
        let message = "`default` takes no guard, it is what happens when no other arm is ready: \
                       test the condition in its body";
        reader.refuse(input.span(), message);
        reader.skip_head(input);
    }
}
