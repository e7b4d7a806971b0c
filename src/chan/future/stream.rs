//! Receiving in async code, one value after the other.

use super::recv::Receiving;
use crate::chan::ends::Receiver;
use futures_core::{FusedStream, Stream};
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Values as they come, until the channel is closed and empty; of [`Receiver::stream`].
///
/// Dropping it loses no value. `next` and the like come from an extension trait, such as
/// `futures::StreamExt`.
#[must_use = "streams do nothing unless they are polled"]
pub struct RecvStream<'a, T> {
    rx: &'a Receiver<T>,
    receiving: Pin<Box<Receiving<T>>>,
    is_done: bool,
}

/// Values as they come, owning the receiver; of [`Receiver::into_stream`].
///
/// See [`RecvStream`].
#[must_use = "streams do nothing unless they are polled"]
pub struct IntoStream<T> {
    rx: Receiver<T>,
    receiving: Pin<Box<Receiving<T>>>,
    is_done: bool,
}

macro_rules! stream {
    ($name:ident $(<$life:lifetime>)?) => {
        // SAFETY: as for `RecvFuture`.
        unsafe impl<T: Send> Send for $name<$($life,)? T> {}

        impl<T> Stream for $name<$($life,)? T> {
            type Item = T;

            fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
                let this = &mut *self;
                if this.is_done {
                    return Poll::Ready(None);
                }
                // SAFETY: boxed and pinned, and the receiver stays the same.
                let polled = unsafe {
                    let receiving = this.receiving.as_mut().get_unchecked_mut();
                    receiving.poll(&this.rx.chan, cx)
                };
                this.is_done = matches!(polled, Poll::Ready(Err(_)));
                polled.map(Result::ok)
            }
        }

        impl<T> FusedStream for $name<$($life,)? T> {
            fn is_terminated(&self) -> bool {
                self.is_done
            }
        }

        impl<T> Drop for $name<$($life,)? T> {
            fn drop(&mut self) {
                // SAFETY: the receiver it was polled with.
                unsafe {
                    let receiving = self.receiving.as_mut().get_unchecked_mut();
                    receiving.leave(&self.rx.chan);
                }
            }
        }

        impl<T> fmt::Debug for $name<$($life,)? T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(concat!(stringify!($name), " { .. }"))
            }
        }
    };
}

stream!(RecvStream<'_>);
stream!(IntoStream);

impl<T> Receiver<T> {
    /// Streams the values in async code, until the channel is closed and empty.
    ///
    /// # Examples
    /// ```
    /// use futures::StreamExt;
    ///
    /// let (tx, rx) = sudog::chan::unbounded();
    /// (1..=3).for_each(|n| tx.send(n).unwrap());
    /// drop(tx);
    /// let all: Vec<u32> = sudog::block_on(rx.stream().collect());
    /// assert_eq!(all, [1, 2, 3]);
    /// ```
    pub fn stream(&self) -> RecvStream<'_, T> {
        RecvStream {
            rx: self,
            receiving: Box::pin(Receiving::new()),
            is_done: false,
        }
    }

    /// Streams the values as [`stream`](Receiver::stream) does, owning the receiver.
    pub fn into_stream(self) -> IntoStream<T> {
        IntoStream {
            rx: self,
            receiving: Box::pin(Receiving::new()),
            is_done: false,
        }
    }
}
