//! The channel beneath the ends: a lock, a buffer, two queues of waiters. Go's `hchan`.
//!
//! 1. While values are buffered no receiver waits; while there is room no sender waits. So at most
//!    one of the queues is not empty.
//! 2. A value goes straight into the slot of the first waiting receiver, and is taken straight from
//!    that of the first waiting sender; the buffer is for those who come when nobody waits.
//! 3. Closing is for ever. Afterwards no sender waits, and receivers get what is buffered.
//! 4. Under the lock nothing is dropped, cloned or compared, and nobody is woken.
//! 5. `len`, `is_closed` and `has_partner` mirror the state for those who look without the lock. They
//!    are written under it (Release), so whoever knows that an operation was done sees it (Acquire).
//!
//! ```text
//!   receiver                               sender
//!   1. lock; nothing there
//!   2. sudog with its slot into `receivers`
//!   3. parks; the commit unlocks  ----->   4. lock; finds the sudog, takes it out
//!                                          5. writes the value into the slot
//!   7. runs on, reads the slot    <-----   6. unlock; ready(receiver)
//! ```

use crate::runtime::{self, Commit, Place, Sudog, Token, WaitQ, WaitReason, Waiter};
use crate::sys::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::sys::lock::{Guard, Lock};
use std::collections::VecDeque;
use std::mem::{self, ManuallyDrop, MaybeUninit};
use std::panic::Location;
use std::ptr::NonNull;

/// Where a channel comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Flavor {
    /// Made by the user.
    Ordinary,
    /// Never has a value and cannot be closed.
    Never,
}

pub(super) struct Chan<T> {
    state: Lock<State<T>>,
    /// How many values may be buffered; `None` for as many as there is memory.
    pub(super) capacity: Option<usize>,
    pub(super) flavor: Flavor,
    len: AtomicUsize,
    is_closed: AtomicBool,
    /// On a channel without a buffer: whether a receiver waits, and whether a sender does.
    has_receiver: AtomicBool,
    has_sender: AtomicBool,
    /// How many ends there are.
    pub(super) sender_count: AtomicUsize,
    pub(super) receiver_count: AtomicUsize,
}

struct State<T> {
    buffer: VecDeque<T>,
    receivers: WaitQ,
    senders: WaitQ,
    is_closed: bool,
}

/// Why a value was not sent.
pub(super) enum Unsent<T> {
    Full(T),
    Closed(T),
}

/// Why no value was received.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Missing {
    Empty,
    Closed,
}

/// Buffers that have grown beyond this many values are given back when they run empty.
const KEPT_CAPACITY: usize = 1024;

impl<T> Chan<T> {
    pub(super) fn new(capacity: Option<usize>, flavor: Flavor) -> Chan<T> {
        let state = State {
            buffer: VecDeque::new(),
            receivers: WaitQ::new(),
            senders: WaitQ::new(),
            is_closed: false,
        };
        Chan {
            state: Lock::new(state),
            capacity,
            flavor,
            len: AtomicUsize::new(0),
            is_closed: AtomicBool::new(false),
            has_receiver: AtomicBool::new(false),
            has_sender: AtomicBool::new(false),
            sender_count: AtomicUsize::new(1),
            receiver_count: AtomicUsize::new(1),
        }
    }

    /// How many values are buffered; out of date when you read it.
    pub(super) fn len(&self) -> usize {
        self.len.load(Ordering::Acquire)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }

    fn has_room(&self, state: &State<T>) -> bool {
        self.capacity
            .is_none_or(|capacity| state.buffer.len() < capacity)
    }

    /// Brings the mirrors up to date. Before unlocking.
    #[inline]
    fn mirror(&self, state: &State<T>) {
        if self.capacity == Some(0) {
            self.has_receiver
                .store(!state.receivers.is_empty(), Ordering::Release);
            self.has_sender
                .store(!state.senders.is_empty(), Ordering::Release);
        } else {
            self.len.store(state.buffer.len(), Ordering::Release);
        }
    }

    /// Whether a send would have to wait, seen without the lock.
    fn looks_full(&self) -> bool {
        match self.capacity {
            None => false,
            Some(0) => !self.has_receiver.load(Ordering::Acquire),
            Some(capacity) => self.len() >= capacity,
        }
    }

    /// Whether there is nothing to receive, seen without the lock.
    fn looks_empty(&self) -> bool {
        match self.capacity {
            Some(0) => !self.has_sender.load(Ordering::Acquire),
            _ => self.len() == 0,
        }
    }

    /// Sends without waiting.
    pub(super) fn try_send(&self, value: T) -> Result<(), Unsent<T>> {
        // A closed channel never becomes an open one, so the order of the two looks does not matter.
        if !self.is_closed() && self.looks_full() {
            return Err(Unsent::Full(value));
        }
        let token = runtime::enter();
        self.send_now(&token, self.state.lock(), value)
            .map_err(|(unsent, _)| unsent)
    }

    /// Sends, waiting until somebody takes the value or there is room; gives it back if the channel
    /// is closed.
    pub(super) fn send(&self, value: T, at: &'static Location<'static>) -> Result<(), T> {
        let mut token = runtime::enter_blocking();
        let (value, state) = match self.send_now(&token, self.state.lock(), value) {
            Ok(()) => return Ok(()),
            Err((Unsent::Closed(value), _)) => {
                drop(token);
                return Err(value);
            }
            Err((Unsent::Full(value), state)) => (value, state),
        };
        let mut slot = ManuallyDrop::new(value);
        let mut sudog = Sudog::new(token.waiter(), (&raw mut slot).cast());
        let place = Place {
            reason: WaitReason::ChanSend,
            at,
        };
        self.wait(&mut token, state, Side::Sender, &mut sudog, place);
        drop(token);
        if sudog.success {
            Ok(())
        } else {
            Err(ManuallyDrop::into_inner(slot))
        }
    }

    /// Sends if that can be done at once; otherwise hands back the value, and the lock if the channel
    /// is full.
    #[inline]
    #[allow(
        clippy::type_complexity,
        reason = "the guard is what the caller goes on with"
    )]
    fn send_now<'a>(
        &'a self,
        token: &Token,
        mut state: Guard<'a, State<T>>,
        value: T,
    ) -> Result<(), (Unsent<T>, Option<Guard<'a, State<T>>>)> {
        if state.is_closed {
            return Err((Unsent::Closed(value), None));
        }
        // SAFETY: we hold the lock of the queue.
        if let Some(mut receiver) = unsafe { state.receivers.pop() } {
            // SAFETY: popped: the sudog is ours until its waiter is readied, and its slot is the
            // place for a `T` in a receiver of this channel (invariant 2).
            let waiter = unsafe {
                let receiver = receiver.as_mut();
                receiver.slot.cast::<T>().write(value);
                receiver.success = true;
                receiver.waiter
            };
            self.mirror(&state);
            drop(state);
            token.ready(waiter);
            return Ok(());
        }
        if self.has_room(&state) {
            state.buffer.push_back(value);
            self.mirror(&state);
            return Ok(());
        }
        Err((Unsent::Full(value), Some(state)))
    }

    /// Receives without waiting.
    pub(super) fn try_recv(&self) -> Result<T, Missing> {
        // Empty, then closed, then empty again: a value may have come between the first two looks,
        // and a closed channel still gives what it holds.
        if self.looks_empty() {
            if !self.is_closed() {
                return Err(Missing::Empty);
            }
            if self.looks_empty() {
                return Err(Missing::Closed);
            }
        }
        let token = runtime::enter();
        self.recv_now(&token, self.state.lock())
            .map_err(|(missing, _)| missing)
    }

    /// Receives, waiting for a value; `None` once the channel is closed and empty.
    pub(super) fn recv(&self, at: &'static Location<'static>) -> Option<T> {
        let mut token = runtime::enter_blocking();
        let state = match self.recv_now(&token, self.state.lock()) {
            Ok(value) => return Some(value),
            Err((Missing::Closed, _)) => return None,
            Err((Missing::Empty, state)) => state,
        };
        let mut slot = MaybeUninit::<T>::uninit();
        let mut sudog = Sudog::new(token.waiter(), (&raw mut slot).cast());
        let reason = match self.flavor {
            Flavor::Ordinary => WaitReason::ChanReceive,
            Flavor::Never => WaitReason::ChanReceiveNever,
        };
        self.wait(
            &mut token,
            state,
            Side::Receiver,
            &mut sudog,
            Place { reason, at },
        );
        // SAFETY: success says that a sender has written the slot.
        sudog.success.then(|| unsafe { slot.assume_init() })
    }

    /// Receives if that can be done at once; otherwise hands back the lock, if the channel may yet
    /// have a value.
    #[inline]
    #[allow(
        clippy::type_complexity,
        reason = "the guard is what the caller goes on with"
    )]
    fn recv_now<'a>(
        &'a self,
        token: &Token,
        mut state: Guard<'a, State<T>>,
    ) -> Result<T, (Missing, Option<Guard<'a, State<T>>>)> {
        let first = state.buffer.pop_front();
        // SAFETY: we hold the lock of the queue.
        let sender = unsafe { state.senders.pop() };
        let Some(mut sender) = sender else {
            return match first {
                Some(value) => {
                    self.mirror(&state);
                    let spare = take_spare(&mut state.buffer);
                    drop(state);
                    drop(spare);
                    Ok(value)
                }
                None if state.is_closed => Err((Missing::Closed, None)),
                None => Err((Missing::Empty, Some(state))),
            };
        };
        // SAFETY: popped: the sudog is ours until its waiter is readied; its slot holds the value,
        // which the sender leaves to us by `success`.
        let (sent, waiter) = unsafe {
            let sender = sender.as_mut();
            sender.success = true;
            (sender.slot.cast::<T>().read(), sender.waiter)
        };
        // The oldest value is ours; the sender's takes the place at the end.
        let value = match first {
            Some(value) => {
                state.buffer.push_back(sent);
                value
            }
            None => sent,
        };
        self.mirror(&state);
        drop(state);
        token.ready(waiter);
        Ok(value)
    }

    /// Queues the sudog, parks, and returns when it was dequeued.
    #[inline(always)]
    fn wait(
        &self,
        token: &mut Token,
        state: Option<Guard<'_, State<T>>>,
        side: Side,
        sudog: &mut Sudog,
        place: Place,
    ) {
        let Some(mut state) = state else {
            crate::sys::fatal!("a wait without the lock")
        };
        let queue = match side {
            Side::Sender => &mut state.senders,
            Side::Receiver => &mut state.receivers,
        };
        let waiter = sudog.waiter;
        // SAFETY: under the lock; the sudog stays in our caller's frame until we were readied, and
        // only who dequeues it readies us.
        unsafe { queue.push(NonNull::from(sudog)) };
        self.mirror(&state);
        // SAFETY: the commit releases the lock we hold.
        unsafe { token.park(waiter, place, Commit::unlock(Lock::leave_locked(state))) };
    }

    /// Closes; false if it was closed. The buffer stays.
    pub(super) fn close(&self) -> bool {
        self.close_and(|_| ()).is_some()
    }

    /// Closes because the last receiver is gone: what is buffered is dropped.
    pub(super) fn close_and_discard(&self) {
        drop(self.close_and(mem::take));
        // Closed before by hand: the buffer is still there.
        let mut state = self.state.lock();
        let buffer = mem::take(&mut state.buffer);
        self.mirror(&state);
        drop(state);
        drop(buffer);
    }

    /// Closes, and does something to the buffer under the lock; `None` if it was closed.
    fn close_and<R>(&self, act: impl FnOnce(&mut VecDeque<T>) -> R) -> Option<R> {
        let token = runtime::enter();
        let mut state = self.state.lock();
        if state.is_closed {
            return None;
        }
        state.is_closed = true;
        let result = act(&mut state.buffer);
        let mut waiters = Vec::new();
        take_all(&mut state.receivers, &mut waiters);
        take_all(&mut state.senders, &mut waiters);
        self.mirror(&state);
        self.is_closed.store(true, Ordering::Release);
        drop(state);
        ready_in_order(&token, &waiters);
        drop(token);
        Some(result)
    }
}

#[derive(Clone, Copy)]
enum Side {
    Sender,
    Receiver,
}

/// Takes everybody out of a queue whose lock the caller holds.
fn take_all(queue: &mut WaitQ, waiters: &mut Vec<Waiter>) {
    // SAFETY: our caller holds the lock; a popped sudog is ours until its waiter is readied.
    while let Some(sudog) = unsafe { queue.pop() } {
        // SAFETY: as above.
        waiters.push(unsafe { sudog.as_ref() }.waiter);
    }
}

/// Readies all, so that the first runs first: each newcomer to `runnext` sends the one before it to
/// the queue, so the first must come last.
fn ready_in_order(token: &Token, waiters: &[Waiter]) {
    if let Some((&first, others)) = waiters.split_first() {
        others.iter().for_each(|&waiter| token.ready(waiter));
        token.ready(first);
    }
}

/// A buffer's memory once it is empty and was large.
fn take_spare<T>(buffer: &mut VecDeque<T>) -> Option<VecDeque<T>> {
    let is_spare = buffer.is_empty() && buffer.capacity() > KEPT_CAPACITY && size_of::<T>() > 0;
    is_spare.then(|| mem::take(buffer))
}
