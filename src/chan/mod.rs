//! Channels: how goroutines, and threads, hand each other values.
//!
//! A channel has a buffer of a fixed size ([`bounded`]), none at all (`bounded(0)`: a rendezvous, where
//! a send returns when the value was taken), or one without limit ([`unbounded`]). Both ends can be
//! cloned; every value goes to one receiver. Names, types and errors are those of crossbeam-channel
//! 0.5, see [the guide](crate::guide::from_crossbeam_channel). [`after`], [`at`] and [`tick`] make
//! receivers to which time itself sends. [`select!`](crate::select) waits for several channels at once.
//!
//! **Blocking.** `send` and `recv` block the goroutine, or the thread when called from a plain thread;
//! `send_async` and `recv_async` are futures, on any executor. One channel may have all three at its ends
//! at once. `try_send` and `try_recv` never block the goroutine; only while a partner, chosen by a
//! `select!`, is evaluating the very value, `try_recv` has the thread wait for it.
//!
//! **Order.** Values arrive in the order in which they were sent. Goroutines and threads that wait are
//! served first come, first served, and a newcomer does not overtake them. A waiting `recv_async` is
//! only told that there is something, and may find that another was faster. The one exception: where
//! a [`SelectedOperation`] or a future is dropped before it was done, the value it was to receive goes
//! back into the channel, and may arrive behind a later one of the same sender that another receiver
//! took meanwhile.
//!
//! **Closing.** A channel is closed by [`close`](Sender::close) on either end, by the drop of its last
//! sender, or by the drop of its last receiver. After it sends fail and give their value back, those
//! that wait too; what was buffered still arrives, and then `recv` fails. Only the drop of the last
//! receiver discards what is buffered: nobody could ever receive it.
//!
//! **Threads.** Channels, selects and time limits that are used from plain threads or async code start
//! no thread and no runtime. Only a future that waits for [`after`], [`at`] or [`tick`] needs the
//! runtime's clock to wake it, and starts it.
//!
//! **Memory.** A channel takes 128 bytes, and what it buffers; one of time 48 more. When its last end is gone the
//! 128 are kept for the next channels and goroutines, and not given back to the system.
//!
//! # Examples
//! ```
//! use sudog::chan;
//!
//! sudog::run(|| {
//!     let (tx, rx) = chan::bounded(8);
//!     for worker in 0..3 {
//!         let tx = tx.clone();
//!         sudog::go!(move || tx.send(worker * worker).unwrap());
//!     }
//!     drop(tx);
//!     assert_eq!(rx.iter().sum::<i32>(), 5);
//! });
//! ```

mod arms;
mod case;
mod clock;
mod core;
mod dynamic;
mod ends;
mod error;
mod future;
mod iter;
mod locks;
mod marks;
mod offer;
mod raw;
mod ready;
mod select;
mod share;
#[cfg(feature = "macros")]
mod shell;
mod timed;
mod tries;
mod wait;

// Core's invariant 4, and share.rs, invariant 3.
const _: () = assert!(core::Core::HOT <= 64 && size_of::<raw::Chan<u8>>() <= 128);

pub(crate) use clock::{abandon, set, settable};
pub use clock::{after, at, tick};
pub use dynamic::{Select, SelectedOperation};
pub use ends::{Receiver, Sender, bounded, never, unbounded};
pub(crate) use ends::{end, fed, signal};
pub use error::{
    ReadyTimeoutError, RecvError, RecvTimeoutError, SelectTimeoutError, SendError,
    SendTimeoutError, TryReadyError, TryRecvError, TrySelectError, TrySendError,
};
pub use future::{IntoStream, RecvFuture, RecvStream, SendFuture};
pub use iter::{IntoIter, Iter, TryIter};
pub use ready::ReadyFuture;

#[cfg(feature = "macros")]
#[doc(no_inline)]
pub use shell::{select, select_biased};

/// For `select!` only.
#[doc(hidden)]
pub mod __select {
    pub use super::arms::{
        Coerce, LateArm, RecvArm, Sent, ValueArm, VarArm, Variable, late, recv, try_recv, try_send,
        value, variable,
    };
    pub use super::case::CaseRef;
    pub use super::offer::Offer;
    pub use super::select::{forever, try_wait, wait, wait_timeout};
}
