//! How a context ends, and what a wait under it gives then.
#![forbid(unsafe_code)]

use crate::chan::SendError;
use std::error::Error as StdError;
use std::fmt;
use std::io;

/// Says how a context has ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ContextError {
    /// It was cancelled.
    Canceled,
    /// Its deadline has come.
    DeadlineExceeded,
}

impl fmt::Display for ContextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            ContextError::Canceled => "context canceled",
            ContextError::DeadlineExceeded => "context deadline exceeded",
        })
    }
}

impl StdError for ContextError {}

impl From<ContextError> for io::Error {
    /// Of the kind `TimedOut` for a deadline; never of a kind that is taken for "try again".
    fn from(error: ContextError) -> io::Error {
        match error {
            ContextError::Canceled => io::Error::other(error),
            ContextError::DeadlineExceeded => io::Error::new(io::ErrorKind::TimedOut, error),
        }
    }
}

/// Tells the end of the context from an error of the operation itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Error<E> {
    /// The context has ended first.
    Context(ContextError),
    /// The operation has failed.
    Op(E),
}

impl<E: fmt::Display> fmt::Display for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Context(error) => error.fmt(f),
            Error::Op(error) => error.fmt(f),
        }
    }
}

impl<E: StdError + 'static> StdError for Error<E> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Error::Context(_) => None,
            Error::Op(error) => error.source(),
        }
    }
}

impl<E> From<ContextError> for Error<E> {
    fn from(error: ContextError) -> Error<E> {
        Error::Context(error)
    }
}

impl From<Error<io::Error>> for io::Error {
    fn from(error: Error<io::Error>) -> io::Error {
        match error {
            Error::Context(error) => error.into(),
            Error::Op(error) => error,
        }
    }
}

/// Gives the value back that [`Context::send`](super::Context::send) could not send.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CtxSendError<T> {
    /// What was to be sent.
    pub value: T,
    /// Why it was not.
    pub error: Error<SendError<()>>,
}

impl<T> CtxSendError<T> {
    /// Gives the value out.
    ///
    /// # Examples
    /// ```
    /// use sudog::{chan, context::Context};
    ///
    /// let (tx, rx) = chan::bounded(0);
    /// drop(rx);
    /// let error = Context::background().send(&tx, "dear").unwrap_err();
    /// assert_eq!(error.into_inner(), "dear");
    /// ```
    pub fn into_inner(self) -> T {
        self.value
    }
}

impl<T> fmt::Debug for CtxSendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CtxSendError")
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Display for CtxSendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<T> StdError for CtxSendError<T> {}
