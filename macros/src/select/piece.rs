//! A piece of a select that the user wrote: a channel, a value, a guard, a body.

#![forbid(unsafe_code)]

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::parse::ParseStream;
use syn::spanned::Spanned;
use syn::{Expr, Result, Token};

/// The tokens of one piece, and how far they make sense.
pub enum Piece {
    /// An expression.
    Whole(Expr),
    /// A block, into which nobody has looked.
    Block(TokenStream),
    /// Tokens that do not parse, and the place where they end.
    Unfinished(TokenStream, Span),
    /// Nothing, which has been reported.
    Missing,
}

impl Piece {
    /// Takes the comma behind an arm that has no body.
    pub fn skip_comma(input: ParseStream<'_>) -> Self {
        // A failed parse takes nothing.
        let _: Result<Option<Token![,]>> = input.parse();
        Self::Missing
    }

    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Missing)
    }

    /// Where it stands.
    pub fn span(&self) -> Span {
        match self {
            Self::Unfinished(_, end) => *end,
            _ => self.to_token_stream().span(),
        }
    }
}

impl ToTokens for Piece {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Self::Whole(expr) => expr.to_tokens(tokens),
            Self::Block(block) => block.to_tokens(tokens),
            Self::Unfinished(piece, _) => piece.to_tokens(tokens),
            Self::Missing => {}
        }
    }
}
