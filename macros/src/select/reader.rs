//! The small steps that all arms are read with, of which none gives up.
//!
//! A step that does not find what it wants adds a mistake and says so; reading then goes on where
//! the arm makes sense again. That is mostly its `=>`, and never beyond the beginning of the next
//! arm.

#![forbid(unsafe_code)]

use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::discouraged::Speculative;
use syn::parse::{ParseStream, Parser};
use syn::spanned::Spanned;
use syn::{Attribute, Error, Expr, Result, Token, token};

use super::piece::Piece;
use crate::mistakes::Mistakes;

/// The mistakes so far.
#[derive(Default)]
pub struct Reader {
    /// Those against our grammar.
    mistakes: Mistakes,
    /// Those against Rust's.
    unparsed: Mistakes,
}

impl Reader {
    /// Adds a mistake at a place.
    pub fn refuse(&mut self, place: Span, message: &str) {
        self.mistakes.add(Error::new(place, message));
    }

    /// Adds a mistake that covers these tokens.
    pub fn refuse_all(&mut self, tokens: TokenStream, message: &str) {
        self.mistakes.add(Error::new_spanned(tokens, message));
    }

    /// The mistakes that we have to report. What does not parse is left to rustc, unless rustc
    /// will not see it because something else is wrong.
    pub fn into_mistakes(mut self) -> Mistakes {
        if !self.mistakes.is_empty() {
            self.mistakes.sift(self.unparsed.into_result());
        }
        self.mistakes
    }

    /// Takes the next word, keyword or not.
    pub fn word(&mut self, input: ParseStream<'_>) -> Option<Ident> {
        // A failed parse takes nothing.
        Ident::parse_any(input).ok()
    }

    /// Takes the next tokens if they are in parentheses.
    pub fn parentheses(&mut self, input: ParseStream<'_>) -> Option<Group> {
        if !input.peek(token::Paren) {
            return None;
        }
        input.parse().ok()
    }

    /// Takes expressions with commas between them, which do not all have to parse. Where one does
    /// not, it is not sure how many there are.
    pub fn operands(&mut self, group: &Group) -> (Vec<Piece>, bool) {
        let mut operands = Vec::new();
        let mut is_sure = true;
        let end = group.span_close();
        let parse = |input: ParseStream<'_>| {
            while !input.is_empty() {
                let is_comma = |input: ParseStream<'_>| input.peek(Token![,]);
                let operand = self.expr(input, end, is_comma, is_comma);
                is_sure &= matches!(operand, Piece::Whole(_));
                operands.push(operand);
                input.parse::<Option<Token![,]>>()?;
            }
            Ok(())
        };
        let parsed = parse.parse2(group.stream());
        self.mistakes.sift(parsed);
        (operands, is_sure)
    }

    /// Takes an expression behind which `follows` holds. If there is none it takes all tokens up to
    /// where `stops` does, be they one or not. `end` is where the input ends.
    pub fn expr(
        &mut self,
        input: ParseStream<'_>,
        end: Span,
        follows: impl Fn(ParseStream<'_>) -> bool,
        stops: impl Fn(ParseStream<'_>) -> bool,
    ) -> Piece {
        let ahead = input.fork();
        if let Ok(expr) = ahead.parse::<Expr>()
            && (ahead.is_empty() || follows(&ahead))
        {
            input.advance_to(&ahead);
            return Piece::Whole(expr);
        }
        let tokens = self.skip_until(input, stops);
        let end = if input.is_empty() { end } else { input.span() };
        match syn::parse2(tokens.clone()) {
            Ok(expr) => Piece::Whole(expr),
            Err(error) => {
                self.unparsed.add(placed(error, end));
                Piece::Unfinished(tokens, end)
            }
        }
    }

    /// Takes tokens up to where `ends` holds.
    pub fn skip_until(
        &mut self,
        input: ParseStream<'_>,
        ends: impl Fn(ParseStream<'_>) -> bool,
    ) -> TokenStream {
        let mut skipped = TokenStream::new();
        while !input.is_empty() && !ends(input) {
            skipped.extend(input.parse::<TokenTree>());
        }
        skipped
    }

    /// Takes what is left of the head of an arm: up to its `=>`, or if it has none, up to the next
    /// arm.
    pub fn skip_head(&mut self, input: ParseStream<'_>) -> TokenStream {
        self.skip_until(input, |input| {
            input.peek(Token![=>]) || starts_arm(input) || separates_arms(input)
        })
    }

    /// Takes the `=>`. If something else is there it is a mistake, and the body is looked for
    /// behind it.
    pub fn fat_arrow(&mut self, input: ParseStream<'_>, head: Span, form: &str) -> Option<Span> {
        if let Some(arrow) = take_fat_arrow(input) {
            return Some(arrow);
        }
        let message = format!("this arm has no `=>` and no body: write `{form}`");
        if input.is_empty() || starts_arm(input) || separates_arms(input) {
            self.refuse(head, &message);
            return None;
        }
        let found = input.span();
        self.refuse(found, &format!("`=>` is missing here: write `{form}`"));
        let is_other_sign = take_sign(input);
        if is_other_sign || input.peek(token::Brace) {
            return Some(found);
        }
        self.skip_head(input);
        take_fat_arrow(input)
    }

    /// Refuses attributes on an arm.
    pub fn refuse_attributes(&mut self, input: ParseStream<'_>) {
        let ahead = input.fork();
        let Ok(attributes) = ahead.call(Attribute::parse_outer) else {
            return;
        };
        input.advance_to(&ahead);
        for attribute in attributes {
            let message = "an arm takes no attributes: put them into its body, or write two \
                           selects";
            self.refuse(attribute.span(), message);
        }
    }
}

fn take_fat_arrow(input: ParseStream<'_>) -> Option<Span> {
    let arrow: Result<Token![=>]> = input.parse();
    arrow.ok().map(|arrow| arrow.span())
}

/// Takes what may have been meant as a `=>`.
fn take_sign(input: ParseStream<'_>) -> bool {
    input.parse::<Token![->]>().is_ok()
        || input.parse::<Token![=]>().is_ok()
        || input.parse::<Token![:]>().is_ok()
}

/// A mistake in tokens that end too early, at the place where they end.
fn placed(error: Error, end: Span) -> Error {
    let message = error.to_string();
    match message.strip_prefix("unexpected end of input, ") {
        Some(expected) => Error::new(end, expected),
        None => error,
    }
}

/// Whether the next tokens are the beginning of an arm, told by more than its first word, which may
/// also be the name of a function.
pub fn starts_arm(input: ParseStream<'_>) -> bool {
    let Some((word, _)) = input.cursor().ident() else {
        return false;
    };
    let is_arrow_third =
        input.peek2(token::Paren) && (input.peek3(Token![=>]) || input.peek3(Token![->]));
    match word.to_string().as_str() {
        "recv" | "send" => is_arrow_third,
        "default" => is_arrow_third || input.peek2(Token![=>]),
        _ => false,
    }
}

/// Whether the next token is a comma behind which an arm begins, or nothing.
pub fn separates_arms(input: ParseStream<'_>) -> bool {
    let ahead = input.fork();
    ahead.parse::<Token![,]>().is_ok() && (ahead.is_empty() || starts_arm(&ahead))
}
