//! The channel beneath the ends: a lock, a buffer, two queues of waiters. Go's `hchan`.
//!
//! 1. While values are buffered no receiver waits; while there is room no sender waits. So at most
//!    one of the queues is not empty.
//! 2. A value goes straight into the slot of the first waiting receiver, and is taken straight from
//!    that of the first waiting sender; the buffer is for those who come when nobody waits.
//! 3. Closing is for ever. Afterwards no sender waits, and receivers get what is buffered.
//! 4. Under the lock nothing is dropped, cloned or compared, and nobody is woken.
//! 5. `len`, `has_receiver` and `has_sender` mirror the state for those who look without the lock. They
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

use crate::runtime::{self, Commit, Parked, Place, Sudog, Token, WaitQ, WaitReason, Waiter};
use crate::sys::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::sys::lock::{Guard, Lock};
use std::collections::VecDeque;
use std::mem::{self, ManuallyDrop, MaybeUninit};
use std::panic::Location;
use std::ptr::{self, NonNull};

/// Where a channel comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Flavor {
    /// Made by the user.
    Ordinary,
    /// Never has a value and cannot be closed.
    Never,
}

/// In this order what an operation needs is together.
#[repr(C)]
pub(super) struct Chan<T> {
    state: Lock<State<T>>,
    /// How many values may be buffered; [`UNBOUNDED`] for as many as there is memory.
    capacity: usize,
    len: AtomicUsize,
    is_closed: AtomicBool,
    /// On a channel without a buffer: whether a receiver waits, and whether a sender does.
    has_receiver: AtomicBool,
    has_sender: AtomicBool,
    pub(super) flavor: Flavor,
    /// How many ends there are.
    pub(super) sender_count: AtomicUsize,
    pub(super) receiver_count: AtomicUsize,
}

const _: () = assert!(
    size_of::<Chan<u8>>() <= 128,
    "a channel outgrew two cache lines"
);

const UNBOUNDED: usize = usize::MAX;

struct State<T> {
    buffer: VecDeque<T>,
    receivers: WaitQ,
    senders: WaitQ,
}

/// Why a value was not sent.
pub(super) enum Unsent<T> {
    Full(T),
    Closed(T),
}

/// Why no value was received.
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
        };
        Chan {
            state: Lock::new(state),
            capacity: capacity.unwrap_or(UNBOUNDED),
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

    pub(super) fn capacity(&self) -> Option<usize> {
        (self.capacity != UNBOUNDED).then_some(self.capacity)
    }

    /// Whether it is closed, by one who holds the lock: it is written under it.
    fn is_closed_under(&self, _: &State<T>) -> bool {
        self.is_closed.load(Ordering::Relaxed)
    }

    fn has_room(&self, state: &State<T>) -> bool {
        state.buffer.len() < self.capacity
    }

    /// Brings the mirrors up to date. Before unlocking.
    #[inline]
    fn mirror(&self, state: &State<T>) {
        if self.capacity == 0 {
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
            0 => !self.has_receiver.load(Ordering::Acquire),
            capacity => self.len() >= capacity,
        }
    }

    /// Whether there is nothing to receive, seen without the lock.
    fn looks_empty(&self) -> bool {
        match self.capacity {
            0 => !self.has_sender.load(Ordering::Acquire),
            _ => self.len() == 0,
        }
    }

    /// Sends without waiting.
    pub(super) fn try_send(&self, value: T) -> Result<(), Unsent<T>> {
        // A closed channel never becomes an open one, so the order of the two looks does not matter.
        if !self.is_closed() && self.looks_full() {
            return Err(Unsent::Full(value));
        }
        let slot = ManuallyDrop::new(value);
        let token = runtime::enter();
        // SAFETY: the slot holds the value.
        let unsent = match unsafe { self.send_now(&token, self.state.lock(), &slot) } {
            Ok(()) => return Ok(()),
            Err(None) => Unsent::Closed,
            Err(Some(_)) => Unsent::Full,
        };
        Err(unsent(ManuallyDrop::into_inner(slot)))
    }

    /// Sends, waiting until somebody takes the value or there is room; gives it back if the channel
    /// is closed.
    ///
    /// This and `recv` are inlined, and what they call is not, so that no frame is left after the
    /// switch (coro.rs).
    #[inline(always)]
    pub(super) fn send(&self, value: T, at: &'static Location<'static>) -> Result<(), T> {
        let slot = ManuallyDrop::new(value);
        let mut wait = MaybeUninit::uninit();
        // SAFETY: the slot holds the value, and both stay in this frame.
        let is_sent = match unsafe { self.begin_send(&slot, &mut wait, at) } {
            Begun::Over(is_sent) => is_sent,
            // SAFETY: it has begun.
            Begun::Parked(parked) => unsafe { end_wait(parked, &mut wait) },
        };
        if is_sent {
            Ok(())
        } else {
            Err(ManuallyDrop::into_inner(slot))
        }
    }

    /// Does what a send does before the switch. `wait` is written if it parks.
    ///
    /// # Safety
    /// As for `send_now`; and slot and wait stay where they are until the wait has ended.
    #[inline(never)]
    unsafe fn begin_send(
        &self,
        slot: &ManuallyDrop<T>,
        wait: &mut MaybeUninit<Wait>,
        at: &'static Location<'static>,
    ) -> Begun {
        let token = runtime::enter_blocking();
        // SAFETY: our caller's promise.
        let state = match unsafe { self.send_now(&token, self.state.lock(), slot) } {
            Ok(()) => return Begun::Over(true),
            Err(None) => return Begun::Over(false),
            Err(Some(state)) => state,
        };
        let place = Place {
            reason: WaitReason::ChanSend,
            at,
        };
        let slot = ptr::from_ref(slot).cast_mut().cast();
        self.begin_wait(token, state, Side::Sender, slot, wait, place)
    }

    /// Sends if that can be done at once; otherwise hands back the lock if the channel is full,
    /// nothing if it is closed.
    ///
    /// # Safety
    /// The slot holds a value. It does not any more if this succeeds.
    #[inline]
    unsafe fn send_now<'a>(
        &'a self,
        token: &Token,
        mut state: Guard<'a, State<T>>,
        slot: &ManuallyDrop<T>,
    ) -> Result<(), Option<Guard<'a, State<T>>>> {
        if self.is_closed_under(&state) {
            return Err(None);
        }
        // SAFETY: we hold the lock of the queue.
        if let Some(mut receiver) = unsafe { state.receivers.pop() } {
            // SAFETY: popped: the sudog is ours until its waiter is readied, and its slot is the
            // place for a `T` in a receiver of this channel (invariant 2). Ours is given up.
            let waiter = unsafe {
                let receiver = receiver.as_mut();
                receiver
                    .slot
                    .cast::<T>()
                    .copy_from_nonoverlapping(&**slot, 1);
                receiver.success = true;
                receiver.waiter
            };
            self.mirror(&state);
            drop(state);
            token.ready(waiter);
            return Ok(());
        }
        if self.has_room(&state) {
            // SAFETY: the slot's value is given up.
            state.buffer.push_back(unsafe { ptr::read(&**slot) });
            self.mirror(&state);
            return Ok(());
        }
        Err(Some(state))
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
        let mut slot = MaybeUninit::uninit();
        match self.recv_now(&token, self.state.lock(), &mut slot) {
            // SAFETY: it has written the slot.
            Ok(()) => Ok(unsafe { slot.assume_init() }),
            Err(None) => Err(Missing::Closed),
            Err(Some(_)) => Err(Missing::Empty),
        }
    }

    /// Receives, waiting for a value; `None` once the channel is closed and empty.
    #[inline(always)]
    pub(super) fn recv(&self, at: &'static Location<'static>) -> Option<T> {
        let mut slot = MaybeUninit::uninit();
        let mut wait = MaybeUninit::uninit();
        // SAFETY: both stay in this frame.
        let is_received = match unsafe { self.begin_recv(&mut slot, &mut wait, at) } {
            Begun::Over(is_received) => is_received,
            // SAFETY: it has begun.
            Begun::Parked(parked) => unsafe { end_wait(parked, &mut wait) },
        };
        // SAFETY: then we, or the sender that ended our wait, have written the slot.
        is_received.then(|| unsafe { slot.assume_init() })
    }

    /// Does what a receive does before the switch. `wait` is written if it parks.
    ///
    /// # Safety
    /// Slot and wait stay where they are until the wait has ended.
    #[inline(never)]
    unsafe fn begin_recv(
        &self,
        slot: &mut MaybeUninit<T>,
        wait: &mut MaybeUninit<Wait>,
        at: &'static Location<'static>,
    ) -> Begun {
        let token = runtime::enter_blocking();
        let state = match self.recv_now(&token, self.state.lock(), slot) {
            Ok(()) => return Begun::Over(true),
            Err(None) => return Begun::Over(false),
            Err(Some(state)) => state,
        };
        let reason = match self.flavor {
            Flavor::Ordinary => WaitReason::ChanReceive,
            Flavor::Never => WaitReason::ChanReceiveNever,
        };
        let place = Place { reason, at };
        let slot = ptr::from_mut(slot).cast();
        self.begin_wait(token, state, Side::Receiver, slot, wait, place)
    }

    /// Receives into the slot if that can be done at once; otherwise hands back the lock if the
    /// channel may yet have a value, nothing if it is closed.
    #[inline]
    fn recv_now<'a>(
        &'a self,
        token: &Token,
        mut state: Guard<'a, State<T>>,
        slot: &mut MaybeUninit<T>,
    ) -> Result<(), Option<Guard<'a, State<T>>>> {
        let first = state.buffer.pop_front();
        // SAFETY: we hold the lock of the queue.
        let sender = unsafe { state.senders.pop() };
        let Some(mut sender) = sender else {
            return match first {
                Some(value) => {
                    slot.write(value);
                    self.mirror(&state);
                    let spare = take_spare(&mut state.buffer);
                    drop(state);
                    drop(spare);
                    Ok(())
                }
                None if self.is_closed_under(&state) => Err(None),
                None => Err(Some(state)),
            };
        };
        // SAFETY: popped: the sudog is ours until its waiter is readied; its slot holds the value,
        // which the sender leaves to us by `success`.
        let (sent, waiter) = unsafe {
            let sender = sender.as_mut();
            sender.success = true;
            (sender.slot.cast::<T>(), sender.waiter)
        };
        // The oldest value is ours; the sender's takes the place at the end.
        // SAFETY: as above; each value moves once, before the sender is readied.
        unsafe {
            match first {
                Some(value) => {
                    slot.write(value);
                    state.buffer.push_back(sent.read());
                }
                None => slot.as_mut_ptr().copy_from_nonoverlapping(sent, 1),
            }
        }
        self.mirror(&state);
        drop(state);
        token.ready(waiter);
        Ok(())
    }

    /// Queues a sudog and parks; a thread returns when it was dequeued.
    #[inline]
    fn begin_wait(
        &self,
        token: Token,
        mut state: Guard<'_, State<T>>,
        side: Side,
        slot: *mut (),
        wait: &mut MaybeUninit<Wait>,
        place: Place,
    ) -> Begun {
        let waiter = token.waiter();
        let sudog = Sudog::new(waiter, slot);
        let wait = wait.write(Wait { token, sudog });
        let queue = match side {
            Side::Sender => &mut state.senders,
            Side::Receiver => &mut state.receivers,
        };
        // SAFETY: under the lock; the sudog stays in our caller's frame until it was dequeued, and
        // only who dequeues it readies us.
        unsafe { queue.push(NonNull::from(&mut wait.sudog)) };
        self.mirror(&state);
        let commit = Commit::unlock(Lock::leave_locked(state));
        // SAFETY: the commit releases the lock we hold; who gets a `Parked` switches.
        match unsafe { wait.token.begin_park(waiter, place, commit) } {
            Some(parked) => Begun::Parked(parked),
            None => Begun::Over(wait.sudog.success),
        }
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
        if self.is_closed_under(&state) {
            return None;
        }
        self.is_closed.store(true, Ordering::Release);
        let result = act(&mut state.buffer);
        let mut waiters = Vec::new();
        take_all(&mut state.receivers, &mut waiters);
        take_all(&mut state.senders, &mut waiters);
        self.mirror(&state);
        drop(state);
        ready_in_order(&token, &waiters);
        drop(token);
        Some(result)
    }
}

/// What a blocked send or receive keeps in its caller's frame.
struct Wait {
    token: Token,
    sudog: Sudog,
}

/// How far an operation got without a switch.
enum Begun {
    /// It is over; whether it succeeded.
    Over(bool),
    /// It goes on with the switch.
    Parked(Parked),
}

/// Does what follows `Begun::Parked`: the switch, and after it, out of line, the rest. Whether the
/// operation succeeded.
///
/// # Safety
/// A `begin_` function has written `wait` and given us `parked`.
#[inline(always)]
unsafe fn end_wait(parked: Parked, wait: &mut MaybeUninit<Wait>) -> bool {
    // SAFETY: our caller's promise.
    let wait = unsafe { wait.assume_init_mut() };
    parked.switch_park(&mut wait.token);
    runtime::leave(&mut wait.token);
    wait.sudog.success
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
