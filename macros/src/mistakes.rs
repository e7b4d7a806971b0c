//! What the user did wrong: all of it at once, not one mistake for each build.

#![forbid(unsafe_code)]

use std::fmt::Display;

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{Error, Result};

/// The mistakes found so far, each with its place.
#[derive(Default)]
pub struct Mistakes(Option<Error>);

impl Mistakes {
    /// Adds a mistake.
    pub fn add(&mut self, error: Error) {
        match &mut self.0 {
            Some(errors) => errors.combine(error),
            None => self.0 = Some(error),
        }
    }

    /// Whether there are none so far.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Adds what was not understood, and passes on what was.
    pub fn sift<T>(&mut self, outcome: Result<T>) -> Option<T> {
        outcome.map_err(|error| self.add(error)).ok()
    }

    /// Adds that a part should not be there, if it is.
    pub fn forbid(&mut self, part: Option<impl ToTokens>, message: impl Display) {
        if let Some(part) = part {
            self.add(Error::new_spanned(part, message));
        }
    }

    /// Ends a search for mistakes.
    pub fn into_result(self) -> Result<()> {
        self.0.map_or(Ok(()), Err)
    }

    /// Prints the errors for rustc to report.
    pub fn print(self) -> Option<TokenStream> {
        self.0.map(Error::into_compile_error)
    }
}
