//! Copies of single steps of the channel with something taken out.
//!
//! Each says what it is a copy of, and what is missing.

use super::core::Side;
use super::ends::{Receiver, Sender};
use super::raw::{Tried, sends};
use super::wait::Begun;
use crate::runtime::{self, Outcome, Sudog};
use crate::sys::atomic::Ordering;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::panic::Location;
use std::ptr::NonNull;

/// `Chan::recv`, but the lock is released between the look and the queue.
pub(crate) fn recv_in_two_steps<T>(rx: &Receiver<T>) -> Option<T> {
    let (mut slot, mut wait) = (MaybeUninit::<T>::uninit(), MaybeUninit::uninit());
    let chan = &*rx.chan;
    let token = runtime::enter_blocking();
    let mut state = chan.core.state.lock();
    // SAFETY: our own slot.
    match unsafe { chan.recv_under(&mut state, slot.as_mut_ptr()) } {
        Tried::Blocked => {}
        Tried::Done(wake) => {
            chan.core.release(state, &token, wake).wake();
            // SAFETY: done: it was written.
            return Some(unsafe { slot.assume_init() });
        }
        _ => return None,
    }
    drop(state);
    let state = chan.core.state.lock();
    let how = (Side::Recv, slot.as_mut_ptr().cast(), &mut 0);
    let place = chan.receives(Location::caller());
    // SAFETY: slot and wait stay in this frame.
    match unsafe { chan.core.begin_wait(token, state, how, &mut wait, place) } {
        // SAFETY: done: it was written.
        Begun::Over(Outcome::Done) => Some(unsafe { slot.assume_init() }),
        _ => None,
    }
}

/// `Chan::send` on a channel without buffer and receivers, but whether it is closed is asked before
/// the lock. False if it is closed.
pub(crate) fn send_that_asks_too_early<T>(tx: &Sender<T>, value: T) -> Result<(), T> {
    let (slot, mut wait) = (ManuallyDrop::new(value), MaybeUninit::uninit());
    let core = &tx.chan.core;
    if !core.is_closed() {
        let token = runtime::enter_blocking();
        let state = core.state.lock();
        let how = (Side::Send, (&raw const slot).cast_mut().cast(), &mut 0);
        let place = sends(Location::caller());
        // SAFETY: slot and wait stay in this frame.
        let begun = unsafe { core.begin_wait(token, state, how, &mut wait, place) };
        if matches!(begun, Begun::Over(Outcome::Done)) {
            return Ok(());
        }
    }
    Err(ManuallyDrop::into_inner(slot))
}

/// `Sender::clone`, without the clone.
pub(crate) fn count_one_more<T>(tx: &Sender<T>) {
    tx.chan.core.sender_count.fetch_add(1, Ordering::Relaxed);
}

/// `Sender::drop`, but it looks at the count and writes it in two steps.
pub(crate) fn drop_in_two_steps<T>(tx: &Sender<T>) {
    let count = &tx.chan.core.sender_count;
    let before = count.load(Ordering::Acquire);
    count.store(before - 1, Ordering::Release);
    if before == 1 {
        tx.chan.core.close();
    }
}

/// `Core::wait_until` of a receive, but who gives up does not ask whether somebody was faster.
pub(crate) fn recv_soon_without_claim<T>(rx: &Receiver<T>) -> Option<T> {
    let mut slot = MaybeUninit::<T>::uninit();
    let chan = &*rx.chan;
    let token = runtime::enter_blocking();
    let mut state = chan.core.state.lock();
    // SAFETY: our own slot.
    if let Tried::Done(wake) = unsafe { chan.recv_under(&mut state, slot.as_mut_ptr()) } {
        chan.core.release(state, &token, wake).wake();
        // SAFETY: done: it was written.
        return Some(unsafe { slot.assume_init() });
    }
    let (waiter, parker) = token.begin_sleep();
    let sudog: &mut Sudog = Box::leak(Box::new(Sudog::new(waiter, slot.as_mut_ptr().cast())));
    let sudog = NonNull::from(sudog);
    // SAFETY: under the lock; the sudog stays.
    unsafe { state.receivers.push(sudog) };
    chan.core.release(state, &token, None).wake();
    let woken = parker.note.sleep_until(Some(std::time::Instant::now()));
    let mut state = chan.core.state.lock();
    // SAFETY: under the lock; our own sudog.
    unsafe { state.receivers.remove(sudog) };
    // SAFETY: woken: it was written.
    woken.then(|| unsafe { slot.assume_init() })
}
