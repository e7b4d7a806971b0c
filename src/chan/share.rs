//! What an end has of its channel: a share, which keeps it alive and is counted on the end's side.
//!
//! ```text
//!   the last share of a side
//!   1. has the other side gone? then there is nobody to tell: frees the channel
//!   2. closes it, wakes those who wait, and drops what nobody can receive
//!   3. says that it is gone: swaps true into `is_side_gone`, and frees the channel if it was true
//! ```
//!
//! 1. Of both sides one comes second at 3, or finds at 1 that it does. Nobody is in the channel then: who
//!    waits in it, or is just leaving it, does so through an end; and what 2 wakes or drops may have the last
//!    end of the other side, but is done with it before 3.
//! 2. A channel that has no senders is made with that side gone.
//! 3. What the channel itself needs is in two cache lines, most of it in the first: it fills a cell
//!    (runtime/cells.rs).
//!
//! After the `counter` of crossbeam-channel, where each side closes likewise and the second frees.

use super::core::Core;
use super::raw::Chan;
use crate::runtime;
use crate::sys::atomic::{AtomicU32, Ordering};
use std::marker::PhantomData;
use std::ops::Deref;
use std::process;
use std::ptr::NonNull;

/// A side of channels, for which shares are counted.
pub(super) trait Counted {
    fn count(core: &Core) -> &AtomicU32;

    /// Closes the channel because this side goes.
    fn close<T>(chan: &Chan<T>);
}

pub(super) struct Senders;

impl Counted for Senders {
    fn count(core: &Core) -> &AtomicU32 {
        &core.sender_count
    }

    fn close<T>(chan: &Chan<T>) {
        chan.core.close();
    }
}

pub(super) struct Receivers;

impl Counted for Receivers {
    fn count(core: &Core) -> &AtomicU32 {
        &core.receiver_count
    }

    fn close<T>(chan: &Chan<T>) {
        chan.close_and_discard();
    }
}

pub(super) struct Share<T, S: Counted> {
    chan: NonNull<Chan<T>>,
    side: PhantomData<(Chan<T>, S)>,
}

// SAFETY: a channel may be used from many threads, and dropped on any, if its values may change threads.
unsafe impl<T: Send, S: Counted> Send for Share<T, S> {}
// SAFETY: as above.
unsafe impl<T: Send, S: Counted> Sync for Share<T, S> {}

// Moving a share does not move the channel.
impl<T, S: Counted> Unpin for Share<T, S> {}

/// Makes shares of a new channel, one on each side.
#[inline]
pub(super) fn both<T>(chan: Chan<T>) -> (Share<T, Senders>, Share<T, Receivers>) {
    let chan = runtime::place(chan);
    (Share::of(chan), Share::of(chan))
}

/// Makes the share of a new channel that has no senders.
#[inline]
pub(super) fn alone<T>(chan: Chan<T>) -> Share<T, Receivers> {
    // Relaxed: it is nobody else's yet.
    chan.core.is_side_gone().store(true, Ordering::Relaxed);
    Share::of(runtime::place(chan))
}

impl<T, S: Counted> Share<T, S> {
    /// The share that is counted already.
    fn of(chan: NonNull<Chan<T>>) -> Share<T, S> {
        Share {
            chan,
            side: PhantomData,
        }
    }

    #[inline(never)]
    fn leave(&self) {
        // Acquire: pairs with the swap of whoever went first, if any did, and did nothing with the channel after.
        if self.core.is_side_gone().load(Ordering::Acquire) {
            // SAFETY: both sides are gone (invariant 1).
            unsafe { free(self.chan) };
            return;
        }
        // A value may panic as it is dropped. There are none left then, to panic once more.
        let _gone = Gone(self.chan);
        S::close(self);
    }
}

impl<T, S: Counted> Deref for Share<T, S> {
    type Target = Chan<T>;

    #[inline]
    fn deref(&self) -> &Chan<T> {
        // SAFETY: it is not freed before the last share.
        unsafe { self.chan.as_ref() }
    }
}

impl<T, S: Counted> Clone for Share<T, S> {
    fn clone(&self) -> Share<T, S> {
        // Relaxed: made from a share that is alive; whoever drops the last one sees all counts.
        let before = S::count(&self.core).fetch_add(1, Ordering::Relaxed);
        if before > i32::MAX as u32 {
            // Forgotten clones by the billion: as with `Arc`, better to stop than to wrap.
            process::abort();
        }
        Share::of(self.chan)
    }
}

impl<T, S: Counted> Drop for Share<T, S> {
    #[inline]
    fn drop(&mut self) {
        // AcqRel: what was done through other ends of the side comes before the close.
        if S::count(&self.core).fetch_sub(1, Ordering::AcqRel) == 1 {
            self.leave();
        }
    }
}

/// A side that is gone once this is dropped.
struct Gone<T>(NonNull<Chan<T>>);

impl<T> Drop for Gone<T> {
    fn drop(&mut self) {
        // SAFETY: the side has not gone yet.
        let chan = unsafe { self.0.as_ref() };
        // AcqRel: what the first did with the channel comes before what the second does.
        if chan.core.is_side_gone().swap(true, Ordering::AcqRel) {
            // SAFETY: both sides are gone (invariant 1).
            unsafe { free(self.0) };
        }
    }
}

/// Ends a channel, and drops what is buffered.
///
/// # Safety
/// It was made by [`both`] or [`alone`], both sides are gone, and it is ended once.
unsafe fn free<T>(chan: NonNull<Chan<T>>) {
    // SAFETY: our caller's promise.
    unsafe { runtime::take_out(chan) }.discard();
}
