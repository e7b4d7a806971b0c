//! The value of a `send`, and when it may be evaluated.
//!
//! It is wanted when its arm has been chosen and not before, for it may be in several arms and the
//! user may see it being made. A receiver that waits for it meanwhile has to wait a little longer
//! (a *late offer*). Two kinds of values spare it that:
//!
//! - A plain variable is ready. A pointer to it will do before the choice, and the arm that was
//!   chosen takes it. The name of a constant would do as little as a call would; it is told by its
//!   capital, and where that misleads, `&raw const` refuses what is not a variable.
//! - A constant that is told by its form, such as a literal or `Command::Stop`, has no effect when
//!   it is evaluated and owns nothing when it is forgotten: nobody can see that it was made early.
//!   A single capitalised name is not told so, for a variable may be called `X` too.

#![forbid(unsafe_code)]

use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::{Expr, Ident, UnOp};

use super::piece::Piece;

/// When a value is evaluated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Timing {
    /// Never before the choice; only pointed at.
    Variable,
    /// Before the wait.
    Early,
    /// After the choice.
    Late,
}

impl Timing {
    pub fn of(value: &Piece) -> Self {
        match value {
            Piece::Whole(expr) if variable(expr).is_some() => Self::Variable,
            Piece::Whole(expr) if is_constant(expr) => Self::Early,
            _ => Self::Late,
        }
    }
}

/// The variable that an expression consists of.
pub fn variable(expr: &Expr) -> Option<&Ident> {
    match expr {
        Expr::Group(group) if group.attrs.is_empty() => variable(&group.expr),
        Expr::Paren(paren) if paren.attrs.is_empty() => variable(&paren.expr),
        Expr::Path(path) if path.qself.is_none() && path.attrs.is_empty() => {
            let name = path.path.get_ident()?;
            (name != "self" && is_lower(name)).then_some(name)
        }
        _ => None,
    }
}

/// Whether the name looks like that of a variable.
fn is_lower(name: &Ident) -> bool {
    let name = name.unraw().to_string();
    let first = name.chars().find(|&letter| letter != '_');
    first.is_none_or(|letter| !letter.is_uppercase())
}

/// Whether the expression is made of literals, and of paths that no variable can have.
fn is_constant(expr: &Expr) -> bool {
    match expr {
        Expr::Lit(_) => true,
        Expr::Group(group) => is_constant(&group.expr),
        Expr::Paren(paren) => is_constant(&paren.expr),
        Expr::Unary(unary) => matches!(unary.op, UnOp::Neg(_)) && is_number(&unary.expr),
        Expr::Reference(reference) => reference.mutability.is_none() && is_literal(&reference.expr),
        Expr::Tuple(tuple) => tuple.elems.iter().all(is_constant),
        Expr::Array(array) => array.elems.iter().all(is_constant),
        Expr::Path(path) => path.path.segments.len() > 1 || path.path.is_ident("None"),
        _ => false,
    }
}

/// Whether a reference to it lives for ever: a constant named by a path may be one with a `Drop`.
fn is_literal(expr: &Expr) -> bool {
    match expr {
        Expr::Path(_) => false,
        Expr::Group(group) => is_literal(&group.expr),
        Expr::Paren(paren) => is_literal(&paren.expr),
        Expr::Reference(reference) => reference.mutability.is_none() && is_literal(&reference.expr),
        Expr::Tuple(tuple) => tuple.elems.iter().all(is_literal),
        Expr::Array(array) => array.elems.iter().all(is_literal),
        other => is_constant(other),
    }
}

/// Whether it is a literal number. The negation of anything else may be a user's function.
fn is_number(expr: &Expr) -> bool {
    match expr {
        Expr::Lit(literal) => matches!(literal.lit, syn::Lit::Int(_) | syn::Lit::Float(_)),
        Expr::Group(group) => is_number(&group.expr),
        Expr::Paren(paren) => is_number(&paren.expr),
        _ => false,
    }
}

/// Where a future is awaited in the tokens, unless in a future of its own.
pub fn find_await(tokens: TokenStream) -> Option<Span> {
    let mut is_after_dot = false;
    let mut is_async = false;
    for token in tokens {
        match &token {
            TokenTree::Ident(word) if word == "await" && is_after_dot => return Some(word.span()),
            TokenTree::Ident(word) if word == "async" => is_async = true,
            TokenTree::Group(group) => {
                let is_body = group.delimiter() == Delimiter::Brace;
                if is_async && is_body {
                    is_async = false;
                } else if let Some(place) = find_await(group.stream()) {
                    return Some(place);
                }
            }
            _ => {}
        }
        is_after_dot = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == '.');
    }
    None
}
