//! The two ends of a channel.
#![forbid(unsafe_code)]

use super::core::Flavor;
use super::error::{
    RecvError, RecvTimeoutError, SendError, SendTimeoutError, TryRecvError, TrySendError,
};
use super::iter::{Iter, TryIter};
use super::raw::{Chan, Missing, Unsent};
use super::share::{Receivers, Senders, Share, alone, both};
use crate::runtime::Place;
use std::fmt;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::ptr;
use std::time::{Duration, Instant};

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

/// Makes a receiver that the library closes with [`end`], and nothing else does.
pub(crate) fn signal() -> Receiver<()> {
    Receiver {
        chan: alone(Chan::new(Some(0), Flavor::Fed)),
    }
}

/// Closes a [`signal`], unless it is closed.
pub(crate) fn end(signal: &Receiver<()>) {
    signal.chan.core.close();
}

/// Makes a channel for the library to send on: its receivers cannot close it.
pub(crate) fn fed<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    ends(Chan::new(Some(capacity), Flavor::Fed))
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
    Receiver {
        chan: alone(Chan::new(Some(0), Flavor::Never)),
    }
}

fn ends<T>(chan: Chan<T>) -> (Sender<T>, Receiver<T>) {
    let (senders, receivers) = both(chan);
    (Sender { chan: senders }, Receiver { chan: receivers })
}

/// The sending end of a channel. Cloning it makes another one of the same channel.
///
/// # Examples
/// ```
/// use sudog::chan::bounded;
///
/// let (tx, rx) = bounded(2);
/// let other = tx.clone();
/// tx.send("one").unwrap();
/// other.send("two").unwrap();
/// drop((tx, other)); // the last sender: the channel is closed
/// assert_eq!(rx.iter().collect::<Vec<_>>(), ["one", "two"]);
/// ```
pub struct Sender<T> {
    pub(super) chan: Share<T, Senders>,
}

/// The receiving end of a channel. Cloning it makes another one of the same channel; each value
/// goes to one of them.
///
/// # Examples
/// ```
/// use sudog::chan::{RecvError, bounded};
///
/// let (tx, rx) = bounded(2);
/// tx.send(1).unwrap();
/// tx.send(2).unwrap();
/// drop(tx);
/// let other = rx.clone();
/// assert_eq!((rx.recv(), other.recv()), (Ok(1), Ok(2)));
/// assert_eq!(rx.recv(), Err(RecvError));
/// ```
pub struct Receiver<T> {
    pub(super) chan: Share<T, Receivers>,
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

    /// Sends a value, waiting at most `timeout` for room or for a receiver.
    ///
    /// Blocks the goroutine, or the thread on a plain thread. A time too long to be told has no end.
    ///
    /// # Errors
    /// [`SendTimeoutError`] with the value: `Timeout`, or `Disconnected` if the channel is closed, or is
    /// closed while this waits.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    ///
    /// let (tx, _rx) = sudog::chan::bounded(0);
    /// let unsent = tx.send_timeout("anyone?", Duration::from_millis(1)).unwrap_err();
    /// assert!(unsent.is_timeout());
    /// assert_eq!(unsent.into_inner(), "anyone?");
    /// ```
    #[track_caller]
    pub fn send_timeout(&self, value: T, timeout: Duration) -> Result<(), SendTimeoutError<T>> {
        match Instant::now().checked_add(timeout) {
            Some(deadline) => self.send_deadline(value, deadline),
            None => Ok(self.send(value)?),
        }
    }

    /// Sends a value, waiting until `deadline` for room or for a receiver.
    ///
    /// Blocks the goroutine, or the thread on a plain thread. If the value can be sent at once it is,
    /// also when the deadline has passed.
    ///
    /// # Errors
    /// As [`send_timeout`](Sender::send_timeout).
    ///
    /// # Examples
    /// ```
    /// use std::time::{Duration, Instant};
    ///
    /// let (tx, rx) = sudog::chan::bounded(1);
    /// assert!(tx.send_deadline(1, Instant::now()).is_ok());
    /// assert!(tx.send_deadline(2, Instant::now() + Duration::from_millis(1)).is_err());
    /// assert_eq!(rx.recv(), Ok(1));
    /// ```
    #[track_caller]
    pub fn send_deadline(&self, value: T, deadline: Instant) -> Result<(), SendTimeoutError<T>> {
        let sent = self.chan.send_until(value, deadline, Location::caller());
        sent.map_err(|unsent| match unsent {
            Unsent::Full(value) => SendTimeoutError::Timeout(value),
            Unsent::Closed(value) => SendTimeoutError::Disconnected(value),
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

    /// Receives a value, waiting at most `timeout` for one.
    ///
    /// Blocks the goroutine, or the thread on a plain thread. A time too long to be told has no end.
    ///
    /// # Errors
    /// [`RecvTimeoutError`]: `Timeout`, or `Disconnected` once the channel is closed and empty.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    ///
    /// let (_tx, rx) = sudog::chan::bounded::<u8>(1);
    /// assert!(rx.recv_timeout(Duration::from_millis(1)).unwrap_err().is_timeout());
    /// ```
    #[track_caller]
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        match Instant::now().checked_add(timeout) {
            Some(deadline) => self.recv_deadline(deadline),
            None => Ok(self.recv()?),
        }
    }

    /// Receives a value, waiting until `deadline` for one.
    ///
    /// Blocks the goroutine, or the thread on a plain thread. If there is a value it is received, also
    /// when the deadline has passed. When it passes just as a partner makes a value for us (a `select!`
    /// whose send was chosen), that is waited for.
    ///
    /// # Errors
    /// As [`recv_timeout`](Receiver::recv_timeout).
    ///
    /// # Examples
    /// ```
    /// use std::time::Instant;
    ///
    /// let (tx, rx) = sudog::chan::bounded(1);
    /// tx.send(1).unwrap();
    /// assert_eq!(rx.recv_deadline(Instant::now()), Ok(1));
    /// assert!(rx.recv_deadline(Instant::now()).is_err());
    /// ```
    #[track_caller]
    pub fn recv_deadline(&self, deadline: Instant) -> Result<T, RecvTimeoutError> {
        self.recv_as(self.chan.receives(Location::caller()), deadline)
    }

    /// The same for what is to be listed as another wait than a receive.
    pub(crate) fn recv_as(&self, place: Place, deadline: Instant) -> Result<T, RecvTimeoutError> {
        let received = self.chan.recv_until(deadline, place);
        received.map_err(|missing| match missing {
            Missing::Empty => RecvTimeoutError::Timeout,
            Missing::Closed => RecvTimeoutError::Disconnected,
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
                self.chan.core.flavor() == Flavor::Ordinary && self.chan.core.close()
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
                self.chan.core.is_closed()
            }

            /// Returns whether nothing is buffered; always true without a buffer.
            ///
            /// # Examples
            /// ```
            #[doc = $make]
            /// assert!(end.is_empty());
            /// ```
            pub fn is_empty(&self) -> bool {
                self.chan.core.len() == 0
            }

            /// Returns whether the buffer is full; always true without a buffer.
            ///
            /// # Examples
            /// ```
            #[doc = $make]
            /// assert!(!end.is_full());
            /// ```
            pub fn is_full(&self) -> bool {
                self.chan
                    .core
                    .capacity()
                    .is_some_and(|capacity| self.chan.core.len() >= capacity)
            }

            /// Returns how many values are buffered.
            ///
            /// # Examples
            /// ```
            #[doc = $make]
            /// assert_eq!(end.len(), 0);
            /// ```
            pub fn len(&self) -> usize {
                self.chan.core.len()
            }

            /// Returns how many values can be buffered, or `None` without a limit.
            ///
            /// # Examples
            /// ```
            #[doc = $make]
            /// assert_eq!(end.capacity(), Some(1));
            /// ```
            pub fn capacity(&self) -> Option<usize> {
                self.chan.core.capacity()
            }

            /// Returns whether both are ends of the same channel.
            ///
            /// # Examples
            /// ```
            #[doc = $make]
            /// assert!(end.same_channel(&end.clone()));
            /// ```
            pub fn same_channel(&self, other: &$end<T>) -> bool {
                let both_never = self.chan.core.flavor() == Flavor::Never
                    && other.chan.core.flavor() == Flavor::Never;
                both_never || ptr::eq(&*self.chan, &*other.chan)
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
        Sender {
            chan: self.chan.clone(),
        }
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Receiver<T> {
        Receiver {
            chan: self.chan.clone(),
        }
    }
}
