//! The function under an entry attribute, and all that may be wrong with it.
//!
//! The body is a group of tokens to us and is never parsed: half a statement in it is rustc's
//! business, and an editor's.

#![forbid(unsafe_code)]

use proc_macro2::{Group, TokenStream, TokenTree};
use syn::parse::{ParseStream, Parser};
use syn::spanned::Spanned;
use syn::token::Brace;
use syn::{Attribute, Error, Ident, Result, ReturnType, Signature, Visibility};

use super::Entry;
use crate::mistakes::Mistakes;

/// Attributes that concern the function as others see it: libtest, rustdoc, and lints, which reach
/// inside as well. All others, those of other macros too, are about the body and go where it goes.
const OUTER_ATTRS: [&str; 9] = [
    "allow",
    "deny",
    "deprecated",
    "doc",
    "expect",
    "forbid",
    "ignore",
    "should_panic",
    "warn",
];

/// A function with a body.
pub struct Function {
    /// Attributes for the function that others see.
    pub outer: Vec<Attribute>,
    /// Attributes for the function that holds the user's body.
    pub inner: Vec<Attribute>,
    pub vis: Visibility,
    pub sig: Signature,
    pub body: Group,
}

impl Function {
    /// Reads the item, and refuses what is no function.
    pub fn parse(entry: Entry, item: TokenStream) -> Result<Self> {
        let is_fn = |token| matches!(token, TokenTree::Ident(word) if word == "fn");
        if !item.clone().into_iter().any(is_fn) {
            let message = format!("`#[sudog::{}]` goes on a function", entry.name());
            return Err(Error::new_spanned(item, message));
        }
        Self::parse_any.parse2(item)
    }

    /// Reads any function with a body.
    fn parse_any(input: ParseStream<'_>) -> Result<Self> {
        let attrs = input.call(Attribute::parse_outer)?;
        let (outer, inner) = attrs.into_iter().partition(belongs_outside);
        let (vis, sig) = (input.parse()?, input.parse()?);
        if !input.peek(Brace) {
            return Err(input.error("expected the body of the function"));
        }
        Ok(Self {
            outer,
            inner,
            vis,
            sig,
            body: input.parse()?,
        })
    }

    /// Refuses everything that cannot be an entry.
    pub fn check(&self, entry: Entry) -> Result<()> {
        let mut mistakes = Mistakes::default();
        let sig = &self.sig;
        mistakes.forbid(
            sig.asyncness,
            "a goroutine is not a future: write `fn` and call `sudog::block_on(async { .. })` inside",
        );
        let plain = format!("`#[sudog::{}]` goes on a plain `fn`", entry.name());
        mistakes.forbid(sig.constness, format!("{plain}: remove the `const`"));
        mistakes.forbid(sig.unsafety, format!("{plain}: remove the `unsafe`"));
        mistakes.forbid(sig.abi.as_ref(), format!("{plain}: remove the `extern`"));
        self.forbid_generics(&plain, &mut mistakes);
        self.forbid_inputs(entry, &mut mistakes);
        self.forbid_other_name(entry, &mut mistakes);
        self.forbid_second_entry(entry, &mut mistakes);
        mistakes.into_result()
    }

    fn forbid_generics(&self, plain: &str, mistakes: &mut Mistakes) {
        let generics = &self.sig.generics;
        mistakes.forbid(
            (!generics.params.is_empty()).then_some(generics),
            format!("{plain}: nothing would choose these parameters"),
        );
        mistakes.forbid(
            generics.where_clause.as_ref(),
            format!("{plain}: remove the `where`"),
        );
    }

    fn forbid_inputs(&self, entry: Entry, mistakes: &mut Mistakes) {
        let inputs = &self.sig.inputs;
        mistakes.forbid(
            (!inputs.is_empty()).then_some(inputs),
            match entry {
                Entry::Main => "`main` takes no arguments: the program's are in `std::env::args()`",
                Entry::Test => "a test takes no arguments: make what it needs in its body",
            },
        );
    }

    fn forbid_other_name(&self, entry: Entry, mistakes: &mut Mistakes) {
        let name = &self.sig.ident;
        mistakes.forbid(
            (entry == Entry::Main && name != "main").then_some(name),
            "a program starts in `fn main`: \
             rename this function, or leave it plain and call it inside `sudog::run`",
        );
    }

    /// Forbids the attribute a second time, and its namesakes: each would make an entry of its own.
    fn forbid_second_entry(&self, entry: Entry, mistakes: &mut Mistakes) {
        let is_entry = |attr: &&Attribute| {
            let last = attr.path().segments.last();
            last.is_some_and(|last| last.ident == entry.name())
        };
        mistakes.forbid(
            self.inner.iter().find(is_entry),
            match entry {
                Entry::Main => "`#[sudog::main]` makes this the entry point: remove this attribute",
                Entry::Test => "`#[sudog::test]` makes this a test: remove this attribute",
            },
        );
    }

    /// Whether libtest expects a panic.
    pub fn should_panic(&self) -> bool {
        self.outer
            .iter()
            .any(|attr| attr.path().is_ident("should_panic"))
    }

    /// The function's name as a value, placed on its return type: one that is no `Termination` is
    /// then what rustc points at, and not the attribute.
    pub fn value(&self) -> Ident {
        let mut value = self.sig.ident.clone();
        if let ReturnType::Type(_, ty) = &self.sig.output {
            value.set_span(value.span().located_at(ty.span()));
        }
        value
    }
}

fn belongs_outside(attr: &Attribute) -> bool {
    OUTER_ATTRS.iter().any(|name| attr.path().is_ident(name))
}
