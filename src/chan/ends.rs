//! The two ends of a channel.
#![forbid(unsafe_code)]

use super::error::{RecvError, SendError, TryRecvError, TrySendError};
use super::iter::{Iter, TryIter};
use super::raw::{Chan, Flavor, Missing, Unsent};
use crate::sys::atomic::{AtomicUsize, Ordering};
use std::fmt;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

/// Makes a channel that buffers at most `capacity` values.
///
/// With 0 there is no buffer: a send returns when a receiver has taken the value. Memory for the
/// buffer is used as it fills.
///
/// # Examples
/// ```
/// let (tx, rx) = sudog::chan::bounded(2);
/// tx.send(1).unwrap();
/// tx.send(2).unwrap();
/// assert!(tx.try_send(3).unwrap_err().is_full());
/// assert_eq!(rx.recv(), Ok(1));
/// ```
pub fn bounded<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    ends(Chan::new(Some(capacity), Flavor::Ordinary))
}

/// Makes a channel that buffers as many values as there is memory, so that a send never waits.
///
/// # Examples
/// ```
/// let (tx, rx) = sudog::chan::unbounded();
/// (0..1000).for_each(|n| tx.send(n).unwrap());
/// assert_eq!(rx.len(), 1000);
/// ```
pub fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    ends(Chan::new(None, Flavor::Ordinary))
}

/// Makes a receiver on which no value ever arrives: Go's nil channel.
///
/// Receiving from it blocks for ever.
///
/// # Examples
/// ```
/// let rx = sudog::chan::never::<u32>();
/// assert!(rx.try_recv().unwrap_err().is_empty());
/// assert!(!rx.close());
/// ```
pub fn never<T>() -> Receiver<T> {
    // Counted as having a sender, so that it is never closed by a drop.
    Receiver {
        chan: Arc::new(Chan::new(Some(0), Flavor::Never)),
    }
}

fn ends<T>(chan: Chan<T>) -> (Sender<T>, Receiver<T>) {
    let chan = Arc::new(chan);
    (
        Sender {
            chan: Arc::clone(&chan),
        },
        Receiver { chan },
    )
}

/// The sending end of a channel. Cloning it makes another one of the same channel.
pub struct Sender<T> {
    chan: Arc<Chan<T>>,
}

/// The receiving end of a channel. Cloning it makes another one of the same channel; each value
/// goes to one of them.
pub struct Receiver<T> {
    pub(super) chan: Arc<Chan<T>>,
}

impl<T> UnwindSafe for Sender<T> {}
impl<T> RefUnwindSafe for Sender<T> {}
impl<T> UnwindSafe for Receiver<T> {}
impl<T> RefUnwindSafe for Receiver<T> {}

impl<T> Sender<T> {
    /// Sends a value, waiting for room, or without a buffer for a receiver.
    ///
    /// Blocks the goroutine, or the thread on a plain thread.
    ///
    /// # Errors
    /// [`SendError`] with the value if the channel is closed, or is closed while this waits.
    ///
    /// # Examples
    /// ```
    /// let (tx, rx) = sudog::chan::bounded(0);
    /// sudog::go!(move || tx.send("hello").unwrap());
    /// assert_eq!(rx.recv(), Ok("hello"));
    /// ```
    #[track_caller]
    #[inline(always)]
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        self.chan.send(value, Location::caller()).map_err(SendError)
    }

    /// Sends a value if that can be done at once. Never blocks.
    ///
    /// On a channel without a buffer that is so while a receiver waits.
    ///
    /// # Errors
    /// [`TrySendError`] with the value: `Full`, or `Disconnected` if the channel is closed.
    ///
    /// # Examples
    /// ```
    /// let (tx, _rx) = sudog::chan::bounded(1);
    /// assert!(tx.try_send(1).is_ok());
    /// assert_eq!(tx.try_send(2).unwrap_err().into_inner(), 2);
    /// ```
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        self.chan.try_send(value).map_err(|unsent| match unsent {
            Unsent::Full(value) => TrySendError::Full(value),
            Unsent::Closed(value) => TrySendError::Disconnected(value),
        })
    }
}

impl<T> Receiver<T> {
    /// Receives a value, waiting for one.
    ///
    /// Blocks the goroutine, or the thread on a plain thread.
    ///
    /// # Errors
    /// [`RecvError`] once the channel is closed and empty.
    ///
    /// # Examples
    /// ```
    /// let (tx, rx) = sudog::chan::unbounded();
    /// tx.send(1).unwrap();
    /// drop(tx);
    /// assert_eq!(rx.recv(), Ok(1));
    /// assert!(rx.recv().is_err());
    /// ```
    #[track_caller]
    #[inline(always)]
    pub fn recv(&self) -> Result<T, RecvError> {
        self.chan.recv(Location::caller()).ok_or(RecvError)
    }

    /// Receives a value if there is one. Never blocks.
    ///
    /// # Errors
    /// [`TryRecvError`]: `Empty`, or `Disconnected` once the channel is closed and empty.
    ///
    /// # Examples
    /// ```
    /// let (tx, rx) = sudog::chan::bounded(1);
    /// assert!(rx.try_recv().unwrap_err().is_empty());
    /// tx.send(1).unwrap();
    /// assert_eq!(rx.try_recv(), Ok(1));
    /// ```
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.chan.try_recv().map_err(|missing| match missing {
            Missing::Empty => TryRecvError::Empty,
            Missing::Closed => TryRecvError::Disconnected,
        })
    }

    /// Iterates over the values, waiting for each, until the channel is closed and empty.
    ///
    /// Go's `range`. A loop over `&rx` does the same.
    ///
    /// # Examples
    /// ```
    /// let (tx, rx) = sudog::chan::bounded(3);
    /// (1..=3).for_each(|n| tx.send(n).unwrap());
    /// tx.close();
    /// assert_eq!(rx.iter().collect::<Vec<_>>(), [1, 2, 3]);
    /// ```
    pub fn iter(&self) -> Iter<'_, T> {
        Iter::new(self)
    }

    /// Iterates over the values that are there, without waiting for more.
    ///
    /// # Examples
    /// ```
    /// let (tx, rx) = sudog::chan::bounded(3);
    /// tx.send(1).unwrap();
    /// assert_eq!(rx.try_iter().count(), 1);
    /// ```
    pub fn try_iter(&self) -> TryIter<'_, T> {
        TryIter::new(self)
    }
}

/// What both ends can say about the channel.
macro_rules! observers {
    ($end:ident, $make:literal) => {
        impl<T> $end<T> {
            /// Closes the channel; false if it was closed.
            ///
            /// Sends fail from now on, those that wait too, and give their value back. Values in
            /// the buffer still arrive. A channel that lost its last sender or receiver is closed
            /// already, and one that the library made cannot be closed. Never blocks.
            ///
            /// # Examples
            /// ```
            #[doc = $make]
            /// assert!(end.close());
            /// assert!(!end.close());
            /// ```
            pub fn close(&self) -> bool {
                self.chan.flavor == Flavor::Ordinary && self.chan.close()
            }

            /// Returns whether the channel is closed: no later send can succeed.
            ///
            /// # Examples
            /// ```
            #[doc = $make]
            /// assert!(!end.is_closed());
            /// end.close();
            /// assert!(end.is_closed());
            /// ```
            pub fn is_closed(&self) -> bool {
                self.chan.is_closed()
            }

            /// Returns whether nothing is buffered; always true without a buffer.
            pub fn is_empty(&self) -> bool {
                self.chan.len() == 0
            }

            /// Returns whether the buffer is full; always true without a buffer.
            pub fn is_full(&self) -> bool {
                self.chan
                    .capacity()
                    .is_some_and(|capacity| self.chan.len() >= capacity)
            }

            /// Returns how many values are buffered.
            pub fn len(&self) -> usize {
                self.chan.len()
            }

            /// Returns how many values can be buffered, or `None` without a limit.
            pub fn capacity(&self) -> Option<usize> {
                self.chan.capacity()
            }

            /// Returns whether both are ends of the same channel.
            pub fn same_channel(&self, other: &$end<T>) -> bool {
                let both_never =
                    self.chan.flavor == Flavor::Never && other.chan.flavor == Flavor::Never;
                both_never || Arc::ptr_eq(&self.chan, &other.chan)
            }
        }

        impl<T> fmt::Debug for $end<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(concat!(stringify!($end), " { .. }"))
            }
        }
    };
}

observers!(Sender, "let (end, _rx) = sudog::chan::bounded::<u8>(1);");
observers!(Receiver, "let (_tx, end) = sudog::chan::bounded::<u8>(1);");

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Sender<T> {
        count_one_more(&self.chan.sender_count);
        Sender {
            chan: Arc::clone(&self.chan),
        }
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Receiver<T> {
        count_one_more(&self.chan.receiver_count);
        Receiver {
            chan: Arc::clone(&self.chan),
        }
    }
}

fn count_one_more(count: &AtomicUsize) {
    // Relaxed: made from an end that is alive; whoever drops the last one sees all counts.
    let before = count.fetch_add(1, Ordering::Relaxed);
    if before > isize::MAX as usize {
        // Forgotten clones by the billion billions: as with `Arc`, better to stop than to wrap.
        std::process::abort();
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        // AcqRel: what was done through other ends comes before the close.
        if self.chan.sender_count.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.chan.close();
        }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        // AcqRel: what was done through other ends comes before the close.
        if self.chan.receiver_count.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.chan.close_and_discard();
        }
    }
}
