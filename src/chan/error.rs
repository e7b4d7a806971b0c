//! What can go wrong with a channel operation: one small type each, the value handed back.
//!
//! Names, variants and texts are those of crossbeam-channel 0.5, so that code written for it reads
//! and prints the same.
#![forbid(unsafe_code)]

use std::error::Error;
use std::fmt;

/// The channel is closed; here is the value back.
#[derive(PartialEq, Eq, Clone, Copy)]
pub struct SendError<T>(pub T);

/// Why [`try_send`](super::Sender::try_send) did not send, with the value.
#[derive(PartialEq, Eq, Clone, Copy)]
pub enum TrySendError<T> {
    /// There is no room, or on a channel without a buffer nobody waits to receive.
    Full(T),
    /// The channel is closed.
    Disconnected(T),
}

/// Why a send with a time limit did not send, with the value.
#[derive(PartialEq, Eq, Clone, Copy)]
pub enum SendTimeoutError<T> {
    /// The time was over before there was room or a receiver.
    Timeout(T),
    /// The channel is closed.
    Disconnected(T),
}

/// The channel is closed, and empty.
#[derive(PartialEq, Eq, Clone, Copy, Debug)]
pub struct RecvError;

/// Why [`try_recv`](super::Receiver::try_recv) received nothing.
#[derive(PartialEq, Eq, Clone, Copy, Debug)]
pub enum TryRecvError {
    /// There is no value now, but one may come.
    Empty,
    /// The channel is closed, and empty.
    Disconnected,
}

/// Why a receive with a time limit received nothing.
#[derive(PartialEq, Eq, Clone, Copy, Debug)]
pub enum RecvTimeoutError {
    /// The time was over before a value came.
    Timeout,
    /// The channel is closed, and empty.
    Disconnected,
}

/// No operation of a select could be done at once.
#[derive(PartialEq, Eq, Clone, Copy, Debug)]
pub struct TrySelectError;

/// The time was over before an operation of a select could be done.
#[derive(PartialEq, Eq, Clone, Copy, Debug)]
pub struct SelectTimeoutError;

/// No operation of a select is ready.
#[derive(PartialEq, Eq, Clone, Copy, Debug)]
pub struct TryReadyError;

/// The time was over before an operation of a select was ready.
#[derive(PartialEq, Eq, Clone, Copy, Debug)]
pub struct ReadyTimeoutError;

/// Gives a fieldless error its text.
macro_rules! text {
    ($($name:ty: $text:expr;)*) => { $(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let text: fn(&$name) -> &'static str = $text;
                text(self).fmt(f)
            }
        }

        impl Error for $name {}
    )* };
}

text! {
    RecvError: |_| "receiving on an empty and disconnected channel";
    TryRecvError: |error| match error {
        TryRecvError::Empty => "receiving on an empty channel",
        TryRecvError::Disconnected => "receiving on an empty and disconnected channel",
    };
    RecvTimeoutError: |error| match error {
        RecvTimeoutError::Timeout => "timed out waiting on receive operation",
        RecvTimeoutError::Disconnected => "channel is empty and disconnected",
    };
    TrySelectError: |_| "all operations in select would block";
    SelectTimeoutError: |_| "timed out waiting on select";
    TryReadyError: |_| "all operations in select would block";
    ReadyTimeoutError: |_| "timed out waiting on select";
}

/// Gives an error that hands a value back its texts, without asking the value for its own.
macro_rules! text_beside_value {
    ($($name:ident: $debug:expr, $display:expr;)*) => { $(
        impl<T> fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let text: fn(&$name<T>) -> &'static str = $debug;
                text(self).fmt(f)
            }
        }

        impl<T> fmt::Display for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let text: fn(&$name<T>) -> &'static str = $display;
                text(self).fmt(f)
            }
        }

        impl<T: Send> Error for $name<T> {}
    )* };
}

text_beside_value! {
    SendError: |_| "SendError(..)", |_| "sending on a disconnected channel";
    TrySendError: |error| match error {
        TrySendError::Full(_) => "Full(..)",
        TrySendError::Disconnected(_) => "Disconnected(..)",
    }, |error| match error {
        TrySendError::Full(_) => "sending on a full channel",
        TrySendError::Disconnected(_) => "sending on a disconnected channel",
    };
    SendTimeoutError: |_| "SendTimeoutError(..)", |error| match error {
        SendTimeoutError::Timeout(_) => "timed out waiting on send operation",
        SendTimeoutError::Disconnected(_) => "sending on a disconnected channel",
    };
}

impl<T> SendError<T> {
    /// Returns the value that was not sent.
    ///
    /// # Examples
    /// ```
    /// let (tx, rx) = sudog::chan::bounded(1);
    /// drop(rx);
    /// assert_eq!(tx.send("lost?").unwrap_err().into_inner(), "lost?");
    /// ```
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> TrySendError<T> {
    /// Returns the value that was not sent.
    pub fn into_inner(self) -> T {
        match self {
            TrySendError::Full(value) | TrySendError::Disconnected(value) => value,
        }
    }

    /// Returns whether there was no room.
    pub fn is_full(&self) -> bool {
        matches!(self, TrySendError::Full(_))
    }

    /// Returns whether the channel is closed.
    pub fn is_disconnected(&self) -> bool {
        matches!(self, TrySendError::Disconnected(_))
    }
}

impl<T> From<SendError<T>> for TrySendError<T> {
    fn from(SendError(value): SendError<T>) -> TrySendError<T> {
        TrySendError::Disconnected(value)
    }
}

impl<T> SendTimeoutError<T> {
    /// Returns the value that was not sent.
    pub fn into_inner(self) -> T {
        match self {
            SendTimeoutError::Timeout(value) | SendTimeoutError::Disconnected(value) => value,
        }
    }

    /// Returns whether the time was over.
    pub fn is_timeout(&self) -> bool {
        matches!(self, SendTimeoutError::Timeout(_))
    }

    /// Returns whether the channel is closed.
    pub fn is_disconnected(&self) -> bool {
        matches!(self, SendTimeoutError::Disconnected(_))
    }
}

impl<T> From<SendError<T>> for SendTimeoutError<T> {
    fn from(SendError(value): SendError<T>) -> SendTimeoutError<T> {
        SendTimeoutError::Disconnected(value)
    }
}

impl TryRecvError {
    /// Returns whether there was no value yet.
    pub fn is_empty(&self) -> bool {
        *self == TryRecvError::Empty
    }

    /// Returns whether the channel is closed and empty.
    pub fn is_disconnected(&self) -> bool {
        *self == TryRecvError::Disconnected
    }
}

impl From<RecvError> for TryRecvError {
    fn from(_: RecvError) -> TryRecvError {
        TryRecvError::Disconnected
    }
}

impl RecvTimeoutError {
    /// Returns whether the time was over.
    pub fn is_timeout(&self) -> bool {
        *self == RecvTimeoutError::Timeout
    }

    /// Returns whether the channel is closed and empty.
    pub fn is_disconnected(&self) -> bool {
        *self == RecvTimeoutError::Disconnected
    }
}

impl From<RecvError> for RecvTimeoutError {
    fn from(_: RecvError) -> RecvTimeoutError {
        RecvTimeoutError::Disconnected
    }
}
