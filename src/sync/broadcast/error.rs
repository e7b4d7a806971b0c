//! Why a receiver of a broadcast got no value.

use std::error::Error;
use std::fmt;

/// Says why [`recv`](super::BroadcastReceiver::recv) gave no value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BroadcastRecvError {
    /// So many values were overwritten before it came to them; the next call goes on after them.
    Lagged(u64),
    /// There are no senders any more, and it has got all they sent.
    Closed,
}

/// Says why [`try_recv`](super::BroadcastReceiver::try_recv) gave no value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BroadcastTryRecvError {
    /// There is none now.
    Empty,
    /// So many values were overwritten before it came to them; the next call goes on after them.
    Lagged(u64),
    /// There are no senders any more, and it has got all they sent.
    Closed,
}

/// Says why [`recv_timeout`](super::BroadcastReceiver::recv_timeout) gave no value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BroadcastRecvTimeoutError {
    /// The time was over first.
    Timeout,
    /// So many values were overwritten before it came to them; the next call goes on after them.
    Lagged(u64),
    /// There are no senders any more, and it has got all they sent.
    Closed,
}

fn lagged(f: &mut fmt::Formatter<'_>, missed: u64) -> fmt::Result {
    f.pad(&format!("{missed} values were missed"))
}

const CLOSED: &str = "receiving on a broadcast without senders";

impl fmt::Display for BroadcastRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            BroadcastRecvError::Lagged(missed) => lagged(f, missed),
            BroadcastRecvError::Closed => f.pad(CLOSED),
        }
    }
}

impl fmt::Display for BroadcastTryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            BroadcastTryRecvError::Empty => f.pad("receiving on an empty broadcast"),
            BroadcastTryRecvError::Lagged(missed) => lagged(f, missed),
            BroadcastTryRecvError::Closed => f.pad(CLOSED),
        }
    }
}

impl fmt::Display for BroadcastRecvTimeoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            BroadcastRecvTimeoutError::Timeout => f.pad("timed out waiting on a broadcast"),
            BroadcastRecvTimeoutError::Lagged(missed) => lagged(f, missed),
            BroadcastRecvTimeoutError::Closed => f.pad(CLOSED),
        }
    }
}

impl Error for BroadcastRecvError {}
impl Error for BroadcastTryRecvError {}
impl Error for BroadcastRecvTimeoutError {}
