//! What is no arm of ours but may be one elsewhere: Go's `case`, tokio's `pattern = future`, a
//! method call, and the words that others use for `default`.

#![forbid(unsafe_code)]

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::parse::{ParseStream, Parser};
use syn::spanned::Spanned;
use syn::{Expr, Ident, Pat, Token};

use super::arm::Broken;
use super::body;
use super::piece::Piece;
use super::reader::{Reader, separates_arms, starts_arm};

const RECV: &str = "`recv(channel) -> message => ..`";
const SEND: &str = "`send(channel, value) -> result => ..`";

/// Refuses an arm that begins with anything but `recv`, `send` and `default`, with a hint at what
/// was probably meant.
pub fn read(reader: &mut Reader, input: ParseStream<'_>) -> Option<Broken> {
    if refuse_biased(reader, input) {
        return None;
    }
    if input
        .cursor()
        .ident()
        .is_some_and(|(word, _)| word == "case")
    {
        return Some(read_go(reader, input));
    }
    let head = read_head(reader, input);
    let (pattern, operand) = match tokio_parts(head.clone()) {
        Some((pattern, future)) => {
            let message =
                format!("an arm names its operation instead of a future: write {RECV} or {SEND}");
            reader.refuse_all(head, &message);
            (Some(pattern), Some(Piece::Whole(future)))
        }
        None => {
            reader.refuse(first(&head), &hint(&head));
            (pattern_behind_arrow(head), None)
        }
    };
    let body = match input.parse::<Token![=>]>() {
        Ok(arrow) => body::read(reader, input, arrow.span()),
        Err(_) => Piece::skip_comma(input),
    };
    Some(Broken {
        pattern,
        operand,
        body,
    })
}

/// Takes the tokens up to the `=>`, or up to the next arm.
fn read_head(reader: &mut Reader, input: ParseStream<'_>) -> TokenStream {
    let mut head = TokenStream::new();
    loop {
        head.extend(reader.skip_until(input, |input| {
            input.peek(Token![=>])
                || input.peek(Token![,]) && !input.peek2(Token![if])
                || input.peek(Token![.])
                || starts_arm(input)
        }));
        // What follows a dot is a method, be it called `recv`.
        let Ok(dot) = input.parse::<Token![.]>() else {
            return head;
        };
        dot.to_tokens(&mut head);
        head.extend(reader.word(input).map(Ident::into_token_stream));
    }
}

/// Refuses tokio's `biased;`.
fn refuse_biased(reader: &mut Reader, input: ParseStream<'_>) -> bool {
    let is_biased = input
        .cursor()
        .ident()
        .is_some_and(|(word, _)| word == "biased")
        && (input.peek2(Token![;]) || input.peek2(Token![,]));
    if is_biased {
        let message = "to have the first ready arm chosen write `select_biased! { .. }`";
        reader.refuse(input.span(), message);
        reader.word(input);
        let _: syn::Result<TokenTree> = input.parse();
    }
    is_biased
}

/// Refuses Go's form, in which a `:` may stand for our `=>`.
fn read_go(reader: &mut Reader, input: ParseStream<'_>) -> Broken {
    let head = reader.skip_until(input, |input| {
        let is_colon = input.peek(Token![:]) && !input.peek2(Token![=]);
        is_colon || input.peek(Token![=>]) || starts_arm(input) || separates_arms(input)
    });
    let case = first(&head);
    reader.refuse(case, &go_hint(&head));
    let has_body = input.parse::<Token![=>]>().is_ok() || input.parse::<Token![:]>().is_ok();
    let body = if has_body {
        body::read(reader, input, case)
    } else {
        Piece::skip_comma(input)
    };
    Broken {
        pattern: go_pattern(head),
        operand: None,
        body,
    }
}

/// What to write instead of Go's `case`.
fn go_hint(head: &TokenStream) -> String {
    let text: String = head.to_string().split_whitespace().skip(1).collect();
    let form = match text.split_once("<-") {
        None => format!("{RECV} or {SEND}"),
        Some(("", channel)) => format!("`recv({channel}) -> _ => ..`"),
        Some((left, right)) => match left.strip_suffix('=') {
            Some(names) => {
                let name = names.trim_end_matches(':').split(',').next().unwrap_or("_");
                format!("`recv({right}) -> {name} => ..`")
            }
            None => format!("`send({left}, {right}) -> _ => ..`"),
        },
    };
    format!("this is Go's form of an arm: write {form}")
}

/// The names that Go's `case name, ok := <-channel` binds.
fn go_pattern(head: TokenStream) -> Option<TokenStream> {
    let mut names = Vec::new();
    for token in head.into_iter().skip(1) {
        match token {
            TokenTree::Ident(name) => names.push(name),
            TokenTree::Punct(sign) if sign.as_char() == ',' => {}
            TokenTree::Punct(sign) if sign.as_char() == ':' => {
                return Some(quote::quote!((#(#names),*)));
            }
            _ => return None,
        }
    }
    None
}

/// The two sides of `pattern = future`.
fn tokio_parts(head: TokenStream) -> Option<(TokenStream, Expr)> {
    let parse = |input: ParseStream<'_>| {
        let pattern = Pat::parse_single(input)?;
        input.parse::<Token![=]>()?;
        let future = input.parse()?;
        // A guard of its own.
        input.parse::<TokenStream>()?;
        Ok((pattern.to_token_stream(), future))
    };
    parse.parse2(head).ok()
}

/// The pattern of `anything -> pattern`.
fn pattern_behind_arrow(head: TokenStream) -> Option<TokenStream> {
    let parse = |input: ParseStream<'_>| {
        while !input.peek(Token![->]) {
            input.parse::<TokenTree>()?;
        }
        input.parse::<Token![->]>()?;
        let pattern = Pat::parse_single(input)?;
        input.parse::<TokenStream>()?;
        Ok(pattern.to_token_stream())
    };
    parse.parse2(head).ok()
}

/// What to write instead of an arm that begins with an unknown word, or with no word.
fn hint(head: &TokenStream) -> String {
    let words: Vec<_> = head
        .clone()
        .into_iter()
        .map(|token| token.to_string())
        .collect();
    let has_method = |name| {
        words
            .windows(2)
            .any(|pair| pair[0] == "." && pair[1] == name)
    };
    let word = words.first().map_or("", String::as_str);
    let instead = |form| format!("there is no operation `{word}`: write {form}");
    match word {
        "else" | "complete" | "_" => {
            "the arm for when no other is ready is called `default`: write `default => ..`".into()
        }
        "timeout" | "after" | "sleep" => {
            "the arm for when the time is over is called `default`: write `default(duration) => ..`"
                .into()
        }
        "if" => {
            "a guard comes behind the pattern: write `recv(channel) -> message, if condition => ..`"
                .into()
        }
        "receive" | "read" | "get" => instead(RECV),
        "write" | "put" => instead(SEND),
        _ if has_method("recv") => format!("an arm begins with its operation: write {RECV}"),
        _ if has_method("send") => format!("an arm begins with its operation: write {SEND}"),
        _ => format!(
            "expected `recv`, `send` or `default`, found `{word}`: write {RECV}, {SEND} or \
             `default => ..`"
        ),
    }
}

/// The place of the first token.
fn first(tokens: &TokenStream) -> Span {
    let first = tokens.clone().into_iter().next();
    first.map_or_else(Span::call_site, |token| token.span())
}
