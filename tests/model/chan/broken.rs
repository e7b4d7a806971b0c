//! Copies of single steps of the channel with something taken out.
//!
//! Each says what it is a copy of, and what is missing.

use super::case::{Case, CaseRef};
use super::door::{Ends, Parcel};
use super::ends::{Receiver, Sender};
use super::marks::Side;
use super::offer::Hold;
use super::raw::{Tried, sends};
use super::select;
use super::wait::Begun;
use crate::runtime::{self, Commit, Outcome, Sudog};
use crate::sys::atomic::Ordering;
use crate::sys::spin::SpinLock;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::panic::Location;
use std::ptr::{self, NonNull};

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
    let how = (Side::Recv, slot.as_mut_ptr().cast(), &mut None);
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
        let how = (Side::Send, (&raw const slot).cast_mut().cast(), &mut None);
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

/// `Share::leave`, but it looks whether the other side is gone and says that its own is in two steps. Whether
/// it would free the channel.
pub(crate) fn leave_in_two_steps<T>(ends: &Ends<T>) -> bool {
    let is_side_gone = ends.tx.chan.core.is_side_gone();
    let is_last = is_side_gone.load(Ordering::Acquire);
    is_side_gone.store(true, Ordering::Release);
    is_last
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

/// What a [`recv_either_by`] does otherwise than a select.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Rule {
    None,
    /// Each queue may end the wait, also after the other.
    NoContest,
    /// The locks are released between the tries and the queues.
    UnlocksBetween,
    /// The locks are taken in the order of the cases.
    LocksInOrderOfCases,
}

/// `select::wait` in small: two receives, on a thread. Which, and the number in the parcel.
pub(crate) fn recv_either_by(
    rule: Rule,
    a: &Receiver<Parcel>,
    b: &Receiver<Parcel>,
) -> (usize, Option<u32>) {
    let cores = [&a.chan.core, &b.chan.core];
    let is_swapped = rule != Rule::LocksInOrderOfCases && ptr::from_ref(cores[0]) > cores[1];
    let lock_both = || {
        let order = if is_swapped { [1, 0] } else { [0, 1] };
        for i in order {
            SpinLock::leave_locked(cores[i].state.lock());
        }
    };
    let unlock_both = || {
        for core in cores {
            // SAFETY: locked by us.
            let state = unsafe { core.state.adopt() };
            core.mirror(&state);
        }
    };
    let open = |slot: MaybeUninit<Parcel>| {
        // SAFETY: our callers have seen that it was written.
        Some(unsafe { slot.assume_init() }.open())
    };

    lock_both();
    let mut slots = [const { MaybeUninit::<Parcel>::uninit() }; 2];
    for (i, chan) in [&a.chan, &b.chan].into_iter().enumerate() {
        // SAFETY: locked by us; our own slot.
        let tried = unsafe { chan.recv_under(chan.core.state.held(), slots[i].as_mut_ptr()) };
        if let Tried::Done(wake) = tried {
            unlock_both();
            wake.into_iter()
                .for_each(|waiter| runtime::enter().ready(waiter));
            return (i, open(slots[i]));
        }
    }
    if rule == Rule::UnlocksBetween {
        unlock_both();
        lock_both();
    }
    let (waiter, parker) = runtime::enter().begin_sleep();
    let ticket = waiter.claim().open();
    let sudogs = [0, 1].map(|i| {
        let slot = slots[i].as_mut_ptr().cast();
        let sudog = match rule {
            Rule::NoContest => Sudog::new(waiter, slot),
            _ => Sudog::contested(waiter, slot, ticket, i as u32),
        };
        // Not this frame's, for a variant may leave it in its queue.
        let sudog = NonNull::from(Box::leak(Box::new(sudog)));
        // SAFETY: locked by us; the sudog stays.
        unsafe { cores[i].state.held().receivers.push(sudog) };
        sudog
    });
    unlock_both();
    parker.note.sleep();
    let mut chosen = None;
    for (i, core) in cores.into_iter().enumerate() {
        let mut state = core.state.lock();
        // SAFETY: under the lock; our own sudog.
        unsafe {
            state.receivers.remove(sudogs[i]);
            if sudogs[i].as_ref().outcome == Outcome::Done {
                chosen = chosen.or(Some(i));
            }
        }
        core.mirror(&state);
    }
    let chosen = chosen.expect("somebody has woken us");
    (chosen, open(slots[chosen]))
}

/// Has a receiver hold still for a late offer.
fn hold_receiver<T>(tx: &Sender<T>) -> NonNull<Sudog> {
    let mut case = Case::offer(Some(tx));
    select::wait::<false>(&mut [CaseRef(&mut case)]);
    match case.hold {
        Hold::Receiver(receiver) => receiver,
        _ => panic!("there is no buffer, and nobody closes"),
    }
}

/// A drop of `Offer`, but the receiver is not told.
pub(crate) fn withdraw_in_silence<T>(tx: &Sender<T>) {
    hold_receiver(tx);
}

/// `Chan::let_go`, but the receiver is readied first. It would be told why afterwards, where it may be
/// gone: so that is left out here.
pub(crate) fn withdraw_untold<T>(tx: &Sender<T>) {
    // SAFETY: it is ours, and waits.
    let waiter = unsafe { hold_receiver(tx).as_ref() }.waiter;
    runtime::enter().ready(waiter);
}

/// `ready::wait` of a receive, but whether there is something is asked before the lock only.
pub(crate) fn watch_without_a_look<T>(rx: &Receiver<T>) {
    let core = &rx.chan.core;
    if core.looks_ready(Side::Recv) {
        return;
    }
    let (waiter, parker) = runtime::enter().begin_sleep();
    let sudog = NonNull::from(Box::leak(Box::new(Sudog::new(waiter, ptr::null_mut()))));
    // SAFETY: under the lock; the sudog stays.
    unsafe {
        core.watchers(&mut core.state.lock(), Side::Recv)
            .push(sudog)
    };
    parker.note.sleep();
}

/// `park_early` of a receive, but without the latch.
pub(crate) fn recv_found_before_it_parks<T>(rx: &Receiver<T>) -> Option<T> {
    let (core, slot) = (
        &rx.chan.core,
        Box::leak(Box::new(MaybeUninit::<T>::uninit())),
    );
    let mut token = runtime::enter_blocking();
    let waiter = token.waiter();
    let sudog = Box::leak(Box::new(Sudog::new(waiter, slot.as_mut_ptr().cast())));
    // SAFETY: under the lock; the sudog stays.
    unsafe { core.state.lock().receivers.push(NonNull::from(&mut *sudog)) };
    let commit = Commit {
        run: |_| true,
        arg: ptr::null_mut(),
    };
    // SAFETY: our own waiter; not that it parks in time, which is what is broken.
    unsafe { token.park(waiter, rx.chan.receives(Location::caller()), commit) };
    // SAFETY: done: it was written.
    (sudog.outcome == Outcome::Done).then(|| unsafe { slot.assume_init_read() })
}
