//! `recv(channel) -> pattern` and `send(channel, value) -> pattern`, with or without a guard.

#![forbid(unsafe_code)]

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote};
use syn::parse::ParseStream;
use syn::parse::discouraged::Speculative;
use syn::{Expr, Pat, Token, Type, token};

use super::arm::{Arm, Operation};
use super::body;
use super::piece::Piece;
use super::reader::{Reader, starts_arm};
use super::value::{Timing, find_await};

/// How the two are written.
const RECV: &str = "recv(channel) -> message => ..";
const SEND: &str = "send(channel, value) -> result => ..";

/// Reads an arm that begins with this word.
pub fn read(reader: &mut Reader, input: ParseStream<'_>, keyword: Ident) -> Arm {
    let is_send = keyword == "send";
    let form = if is_send { SEND } else { RECV };
    let (channel, operation) = if is_send {
        let [channel, value] = read_operands(reader, input, &keyword, form);
        refuse_await(reader, &value);
        let timing = Timing::of(&value);
        (channel, Operation::Send(value, timing))
    } else {
        let [channel] = read_operands(reader, input, &keyword, form);
        (channel, Operation::Recv)
    };
    refuse_method(reader, input);
    let mut guard = None;
    let pattern = read_pattern(reader, input, &keyword, &mut guard);
    read_guard(reader, input, &mut guard);
    let body = match reader.fat_arrow(input, keyword.span(), form) {
        Some(arrow) => body::read(reader, input, arrow),
        None => Piece::skip_comma(input),
    };
    Arm {
        keyword,
        operation,
        channel,
        pattern,
        guard,
        body,
    }
}

/// Reads what stands in the parentheses: exactly `N` operands.
fn read_operands<const N: usize>(
    reader: &mut Reader,
    input: ParseStream<'_>,
    keyword: &Ident,
    form: &str,
) -> [Piece; N] {
    let Some(group) = reader.parentheses(input) else {
        let message = format!("`{keyword}` needs parentheses: write `{form}`");
        reader.refuse(keyword.span(), &message);
        reader.skip_until(input, |input| {
            input.peek(Token![->]) || input.peek(Token![=>]) || starts_arm(input)
        });
        return [const { Piece::Missing }; N];
    };
    let (operands, is_sure) = reader.operands(&group);
    let mut operands = operands.into_iter();
    let wanted = std::array::from_fn(|_| operands.next().unwrap_or(Piece::Missing));
    let excess = operands.next();
    if is_sure {
        let missing = wanted.iter().filter(|piece| piece.is_missing()).count();
        refuse_number(reader, &group, keyword, (missing, excess), form);
    }
    wanted
}

/// Refuses a wrong number of operands.
fn refuse_number(
    reader: &mut Reader,
    group: &proc_macro2::Group,
    keyword: &Ident,
    (missing, excess): (usize, Option<Piece>),
    form: &str,
) {
    if let Some(excess) = excess {
        let message = if keyword == "send" {
            "`send` takes a channel and one value: put several into a tuple"
        } else {
            "`recv` takes a channel and nothing else: what it receives goes behind the `->`"
        };
        reader.refuse_all(excess.to_token_stream(), message);
    } else if missing > 0 {
        let what = match (keyword == "send", missing) {
            (true, 1) => "`send` needs a value",
            (true, _) => "`send` needs a channel and a value",
            (false, _) => "`recv` needs a channel",
        };
        let message = format!("{what}: write `{form}`");
        reader.refuse_all(group.to_token_stream(), &message);
    }
}

/// Refuses a value that is awaited for: its arm is chosen already, so that a receiver would wait
/// for a future which may wait for that receiver.
fn refuse_await(reader: &mut Reader, value: &Piece) {
    if let Some(place) = find_await(value.to_token_stream()) {
        let message = "the value of a `send` cannot be awaited, its receiver already waits: await \
                       it before the select and send the variable";
        reader.refuse(place, message);
    }
}

/// Refuses `recv(rx).await`, `recv(rx)?` and the like.
fn refuse_method(reader: &mut Reader, input: ParseStream<'_>) {
    let place = input.span();
    if input.peek(Token![.]) || input.peek(Token![?]) {
        let is_await = input.peek2(Token![await]);
        let message = if is_await {
            "a select waits by itself, and blocks: remove the `.await`"
        } else {
            "the result of the operation goes to the pattern behind `->`: use it in the body"
        };
        reader.refuse(place, message);
        reader.skip_until(input, |input| {
            input.peek(Token![->]) || input.peek(Token![=>]) || starts_arm(input)
        });
    }
}

/// Reads `-> pattern`; and a guard, if it stands before it.
fn read_pattern(
    reader: &mut Reader,
    input: ParseStream<'_>,
    keyword: &Ident,
    guard: &mut Option<Piece>,
) -> Option<TokenStream> {
    refuse_early_guard(reader, input, guard);
    let Some(arrow) = read_arrow(reader, input) else {
        refuse_no_pattern(reader, input, keyword);
        return None;
    };
    if input.is_empty() || input.peek(Token![=>]) || input.peek(Token![,]) {
        let message = "there is no pattern behind this `->`: write `-> name`, or `-> _` if it does \
                       not matter";
        reader.refuse_all(arrow, message);
        return None;
    }
    let ahead = input.fork();
    match Pat::parse_multi_with_leading_vert(&ahead) {
        Ok(pattern) => {
            input.advance_to(&ahead);
            refuse_half(reader, &pattern);
            refuse_type(reader, input);
            Some(print_pattern(&pattern))
        }
        // Not the pattern of a struct but a name, and the body without its `=>`.
        Err(_) if input.peek2(token::Brace) => reader.word(input).map(|word| quote!(#word)),
        Err(error) => {
            let message = "expected a pattern behind `->`, such as a name or `_`";
            reader.refuse(error.span(), message);
            reader.skip_head(input);
            None
        }
    }
}

/// Takes the `->`; and in its stead a `=>`, if that is followed by a pattern and another `=>`.
fn read_arrow(reader: &mut Reader, input: ParseStream<'_>) -> Option<TokenStream> {
    if let Ok(arrow) = input.parse::<Token![->]>() {
        return Some(arrow.to_token_stream());
    }
    let ahead = input.fork();
    let arrow: Token![=>] = ahead.parse().ok()?;
    if starts_arm(&ahead) {
        return None;
    }
    let behind = ahead.fork();
    Pat::parse_multi_with_leading_vert(&behind).ok()?;
    if !behind.peek(Token![=>]) {
        return None;
    }
    input.advance_to(&ahead);
    let arrow = arrow.to_token_stream();
    let message = "the arrow before the pattern is `->`: write `-> pattern => ..`";
    reader.refuse_all(arrow.clone(), message);
    Some(arrow)
}

/// Refuses a guard before the pattern, with and without its comma, and takes it.
fn refuse_early_guard(reader: &mut Reader, input: ParseStream<'_>, guard: &mut Option<Piece>) {
    if input.peek(Token![if]) || input.peek(Token![,]) && input.peek2(Token![if]) {
        let place = input.span();
        let message = "a guard comes behind the pattern: write `-> pattern, if condition => ..`";
        reader.refuse(place, message);
        let _: syn::Result<Option<Token![,]>> = input.parse();
        reader.word(input);
        read_condition(reader, input, place, guard);
    }
}

/// Refuses an arm without `->`, in whose stead something else may stand.
fn refuse_no_pattern(reader: &mut Reader, input: ParseStream<'_>, keyword: &Ident) {
    let hint = match keyword == "send" {
        true => "`send(..) -> result => ..`",
        false => "`recv(..) -> message => ..`",
    };
    if input.peek(Token![=>]) || input.peek(token::Brace) {
        let message = format!(
            "the result of the operation needs a pattern: write {hint}, or `-> _` if it does not \
             matter"
        );
        reader.refuse(keyword.span(), &message);
        return;
    }
    if input.is_empty() || starts_arm(input) || input.peek(Token![,]) {
        // The missing `=>` is reported next, in a message that shows the whole form.
        return;
    }
    let message = format!("expected `->` and a pattern: write {hint}");
    reader.refuse(input.span(), &message);
    reader.skip_head(input);
}

/// Refuses `-> pattern: Type`.
fn refuse_type(reader: &mut Reader, input: ParseStream<'_>) {
    if input.peek2(token::Brace) {
        return;
    }
    if let Ok(colon) = input.parse::<Token![:]>() {
        let message = "the type is that of the channel: write the pattern without one";
        reader.refuse(colon.spans[0], message);
        let ahead = input.fork();
        if ahead.parse::<Type>().is_ok() {
            input.advance_to(&ahead);
        }
    }
}

/// Refuses `Ok(..)` and `Err(..)`, of which rustc says only that they are not all.
fn refuse_half(reader: &mut Reader, pattern: &Pat) {
    if let Pat::TupleStruct(half) = pattern
        && (half.path.is_ident("Ok") || half.path.is_ident("Err"))
    {
        let message = "the operation may end with `Ok` or `Err`, and this pattern takes only one: \
                       write a name, and tell them apart in the body";
        reader.refuse_all(half.to_token_stream(), message);
    }
}

/// Prints a pattern as a `let` takes it.
fn print_pattern(pattern: &Pat) -> TokenStream {
    match pattern {
        Pat::Or(_) => quote!((#pattern)),
        other => other.to_token_stream(),
    }
}

/// Reads `, if condition`.
fn read_guard(reader: &mut Reader, input: ParseStream<'_>, guard: &mut Option<Piece>) {
    let place: Span = input.span();
    let has_comma = input.peek(Token![,]);
    if has_comma {
        let ahead = input.fork();
        let _: syn::Result<Token![,]> = ahead.parse();
        if ahead.is_empty() || starts_arm(&ahead) {
            // The comma ends an arm without a body.
            return;
        }
        input.advance_to(&ahead);
    }
    if input.parse::<Token![if]>().is_err() {
        if has_comma {
            let found = if input.is_empty() {
                place
            } else {
                input.span()
            };
            reader.refuse(
                found,
                "expected a guard behind the comma: write `, if condition => ..`",
            );
            reader.skip_head(input);
        }
        return;
    }
    if !has_comma {
        reader.refuse(
            place,
            "a guard begins with a comma: write `, if condition => ..`",
        );
    }
    read_condition(reader, input, place, guard);
}

/// Reads what stands behind the `if` of a guard.
fn read_condition(
    reader: &mut Reader,
    input: ParseStream<'_>,
    place: Span,
    guard: &mut Option<Piece>,
) {
    let ends = |input: ParseStream<'_>| {
        input.peek(Token![=>]) || input.peek(Token![->]) || starts_arm(input)
    };
    if input.is_empty() || ends(input) {
        return reader.refuse(place, "there is no condition: write `, if condition => ..`");
    }
    let condition = reader.expr(input, place, ends, ends);
    if let Piece::Whole(Expr::Let(condition)) = &condition {
        let message = "a guard is a `bool` and binds nothing: write `matches!(value, pattern)`";
        reader.refuse_all(condition.to_token_stream(), message);
        return;
    }
    *guard = Some(condition);
}
