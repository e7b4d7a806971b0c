//! The body of an arm, and where it ends.
//!
//! As in crossbeam's macro a body is a block, or any expression; only behind a block the comma may
//! be left out. Behind what merely ends in one, `if` or `match`, it may be left out as well, where
//! crossbeam wants it. A block is not looked into: that is most of the tokens of most programs, and
//! rustc reads them anyway.

#![forbid(unsafe_code)]

use proc_macro2::{Span, TokenTree};
use quote::ToTokens;
use syn::parse::ParseStream;
use syn::{Expr, Token, token};

use super::piece::Piece;
use super::reader::{Reader, starts_arm};

/// Reads what follows the `=>`, and the separator.
pub fn read(reader: &mut Reader, input: ParseStream<'_>, arrow: Span) -> Piece {
    if input.is_empty() || input.peek(Token![,]) || starts_arm(input) {
        let message = "this arm has no body: write an expression or a block behind the `=>`";
        reader.refuse(arrow, message);
        let _: syn::Result<Option<Token![,]>> = input.parse();
        return Piece::Missing;
    }
    let body = match block(input) {
        Some(block) => Piece::Block(block.into()),
        None => reader.expr(input, arrow, follows_body, |input| {
            input.peek(Token![,]) || starts_arm(input)
        }),
    };
    read_separator(reader, input, &body);
    body
}

/// Takes a block, if it is the whole body.
fn block(input: ParseStream<'_>) -> Option<TokenTree> {
    if !input.peek(token::Brace) {
        return None;
    }
    let is_whole = match input.cursor().token_tree()?.1.token_tree() {
        None => true,
        Some((TokenTree::Ident(word), _)) => word != "as",
        Some((TokenTree::Punct(sign), _)) => matches!(sign.as_char(), ',' | ';' | '#'),
        Some(_) => false,
    };
    is_whole.then(|| input.parse().ok())?
}

/// Whether a body that parses may end here. An expression cannot go on with a word, so a word
/// begins the next arm, right or wrong.
fn follows_body(input: ParseStream<'_>) -> bool {
    input.peek(Token![,]) || input.peek(Token![;]) || input.cursor().ident().is_some()
}

/// Reads what stands between two arms.
fn read_separator(reader: &mut Reader, input: ParseStream<'_>, body: &Piece) {
    if input.is_empty() || input.parse::<Token![,]>().is_ok() {
        return;
    }
    if let Ok(semicolon) = input.parse::<Token![;]>() {
        let message = "arms are separated by commas: write `,` instead of `;`";
        return reader.refuse(semicolon.span, message);
    }
    if let Piece::Whole(expr) = body
        && !is_block_like(expr)
    {
        let message = "a body that is not a block ends in a comma: write `,` behind it";
        reader.refuse_all(expr.to_token_stream(), message);
    }
}

/// Whether an expression ends in its own braces, as a statement does that needs no semicolon.
pub fn is_block_like(expr: &Expr) -> bool {
    matches!(
        expr,
        Expr::Block(_)
            | Expr::Const(_)
            | Expr::ForLoop(_)
            | Expr::If(_)
            | Expr::Loop(_)
            | Expr::Match(_)
            | Expr::Unsafe(_)
            | Expr::While(_)
    )
}
