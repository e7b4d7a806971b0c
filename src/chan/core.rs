//! What a channel is whatever it carries: a lock, two queues of waiters, and what can be seen without
//! the lock.
//!
//! 1. Under the lock nothing of the user's is dropped, cloned or compared, no waker is called and
//!    nobody is readied: an operation that ends somebody's wait leaves the lock by [`Core::release`] or
//!    [`Core::finish`], which do these after it.
//! 2. The marks and `len` mirror the state for those who look without the lock. They are written under
//!    it (Release), so whoever knows that an operation was done sees it (Acquire); the marks first, so
//!    that what is seen in `len` can be had. Nobody leaves the lock before they are up to date, so who
//!    has just taken it may go by them.
//! 3. Watchers only want to know that an operation could succeed; they are told, and look for
//!    themselves. All of them are told each time, so one who does not come keeps nobody waiting.
//! 4. What nearly every operation needs is in one cache line; the rest is behind it.

use super::clock::Clock;
use super::marks::{CAN_RECV, CAN_SEND, CLOSED, FED, NEVER, Side, TIMER, WATCHED};
use crate::runtime::{self, Outcome, Sudog, Tasks, Token, Turn, WaitQ, Waiter, Woken};
use crate::sys::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};
use crate::sys::spin::{self, SpinLock};
use std::cell::UnsafeCell;
use std::mem::offset_of;
use std::ptr::NonNull;
use std::time::Instant;

/// Where a channel comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Flavor {
    /// Made by the user.
    Ordinary,
    /// Never has a value and cannot be closed.
    Never,
    /// Has values when they are due, and cannot be closed.
    Timer,
    /// Has what the library sends, and only the library closes it.
    Fed,
}

#[repr(C)]
pub(super) struct Core {
    pub(super) state: SpinLock<State, Beside>,
    /// `State::len`, for those who look without the lock; [`MANY`] if it is that or more.
    len: AtomicU32,
    /// The number of the last turn; under the lock.
    turns: AtomicU32,
    /// How many values may be buffered; [`UNBOUNDED`] for as many as there is memory.
    capacity: usize,
    /// Under the lock.
    watch: UnsafeCell<Option<Box<Watch>>>,
    pub(super) clock: Option<Box<Clock>>,
    /// How many ends there are (share.rs).
    pub(super) sender_count: AtomicU32,
    pub(super) receiver_count: AtomicU32,
}

// SAFETY: `watch` is used under the lock, and its sudogs are those of waiters as in the queues.
unsafe impl Sync for Core {}

const UNBOUNDED: usize = usize::MAX;

const MANY: u32 = u32::MAX;

/// What the lock protects, besides the buffer, which is the typed channel's, and who watches.
pub(super) struct State {
    pub(super) receivers: WaitQ,
    pub(super) senders: WaitQ,
    /// How many values are buffered.
    pub(super) len: usize,
    /// For how many more there is room. Less than none where a value was put back or a place is kept
    /// that is one too many.
    pub(super) room: isize,
}

/// What stands beside the lock.
pub(super) struct Beside {
    marks: AtomicU8,
    /// Whether one of both sides has no ends any more, or never had (share.rs).
    is_side_gone: AtomicBool,
}

pub(super) type Guard<'a> = spin::Guard<'a, State, Beside>;

struct Watch {
    for_value: WaitQ,
    for_room: WaitQ,
}

impl Core {
    /// How much of it is in use by nearly every operation.
    pub(super) const HOT: usize = offset_of!(Core, capacity);

    pub(super) fn new(capacity: Option<usize>, flavor: Flavor) -> Core {
        let capacity = capacity.unwrap_or(UNBOUNDED);
        let state = State {
            receivers: WaitQ::new(),
            senders: WaitQ::new(),
            len: 0,
            room: isize::try_from(capacity).unwrap_or(isize::MAX),
        };
        let can_send = if capacity > 0 { CAN_SEND } else { 0 };
        let origin = match flavor {
            Flavor::Ordinary => 0,
            Flavor::Timer => TIMER,
            Flavor::Never => NEVER,
            Flavor::Fed => FED,
        };
        let beside = Beside {
            marks: AtomicU8::new(can_send | origin),
            is_side_gone: AtomicBool::new(false),
        };
        Core {
            state: SpinLock::new(state, beside),
            len: AtomicU32::new(0),
            turns: AtomicU32::new(0),
            capacity,
            watch: UnsafeCell::new(None),
            clock: None,
            sender_count: AtomicU32::new(1),
            receiver_count: AtomicU32::new(1),
        }
    }

    #[inline]
    pub(super) fn flavor(&self) -> Flavor {
        match self.marks(Ordering::Relaxed) & (TIMER | NEVER | FED) {
            0 => Flavor::Ordinary,
            TIMER => Flavor::Timer,
            NEVER => Flavor::Never,
            _ => Flavor::Fed,
        }
    }

    #[inline]
    pub(super) fn marks(&self, ordering: Ordering) -> u8 {
        self.state.beside.marks.load(ordering)
    }

    /// The clock, on a channel of time. The others are not asked behind their first cache line.
    #[inline]
    pub(super) fn clock(&self) -> Option<&Clock> {
        if self.marks(Ordering::Relaxed) & TIMER == 0 {
            return None;
        }
        self.clock.as_deref()
    }

    pub(super) fn is_side_gone(&self) -> &AtomicBool {
        &self.state.beside.is_side_gone
    }

    pub(super) fn capacity(&self) -> Option<usize> {
        (self.capacity != UNBOUNDED).then_some(self.capacity)
    }

    /// How many values are buffered; out of date when you read it. One too many, which was put back or
    /// was made for a future, does not show.
    pub(super) fn len(&self) -> usize {
        let is_due = self.clock().is_some_and(Clock::is_due);
        let len = match self.len.load(Ordering::Acquire) {
            MANY => self.exact_len(),
            len => len as usize,
        };
        len.max(usize::from(is_due)).min(self.capacity)
    }

    #[cold]
    fn exact_len(&self) -> usize {
        let _token = runtime::enter();
        self.state.lock().len
    }

    /// When there will be a value, on a channel of time.
    #[inline]
    pub(super) fn due(&self) -> Option<Instant> {
        self.clock()?.due()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.marks(Ordering::Acquire) & CLOSED != 0
    }

    /// Whether an operation would not have to wait, seen without the lock.
    #[inline]
    pub(super) fn looks_ready(&self, side: Side) -> bool {
        let marks = self.marks(Ordering::Acquire);
        marks & (side.bit() | TIMER) != 0
            && (marks & side.bit() != 0 || self.clock().is_some_and(Clock::is_due))
    }

    /// The same by one who holds the lock. A queue may hold waiters whose wait is over, so this may
    /// say yes in vain.
    pub(super) fn is_ready(&self, state: &State, side: Side) -> bool {
        let is_due = || self.clock().is_some_and(Clock::is_due);
        self.is_closed_under(state)
            || state.sides() & side.bit() != 0
            || side == Side::Recv && is_due()
    }

    /// Whether it is closed, by one who holds the lock: it is written under it.
    #[inline]
    pub(super) fn is_closed_under(&self, _: &State) -> bool {
        self.marks(Ordering::Relaxed) & CLOSED != 0
    }

    /// Whether the marks are up to date, as one finds them who takes the lock; for assertions.
    pub(super) fn is_mirrored(&self, state: &State) -> bool {
        let marks = self.marks(Ordering::Relaxed);
        marks & CLOSED != 0 || marks & (CAN_SEND | CAN_RECV) == state.sides()
    }

    /// Mirrors that a waiter was queued on this side, which lets the other succeed; nothing else has
    /// changed.
    #[inline]
    pub(super) fn mirror_waiter(&self, _: &State, side: Side) {
        let marks = self.marks(Ordering::Relaxed) | side.other_bit();
        self.state.beside.marks.store(marks, Ordering::Release);
    }

    /// Whether somebody watches.
    #[inline]
    pub(super) fn is_watched(&self, _: &State) -> bool {
        self.marks(Ordering::Relaxed) & WATCHED != 0
    }

    /// Sets one mark or clears it; under the lock.
    fn mark(&self, _: &State, mark: u8, is_set: bool) {
        let others = self.marks(Ordering::Relaxed) & !mark;
        let marks = others | if is_set { mark } else { 0 };
        self.state.beside.marks.store(marks, Ordering::Release);
    }

    /// How many places in the buffer are kept for late offers.
    pub(super) fn reserved(&self, state: &State) -> usize {
        let capacity = isize::try_from(self.capacity).unwrap_or(isize::MAX);
        (capacity - state.len as isize - state.room) as usize
    }

    /// Leaves the lock: brings the mirrors up to date, unlocks, readies `wake`, and tells those who
    /// watch. Futures among them are for the caller to wake, after the bracket.
    #[inline(always)]
    pub(super) fn release(&self, state: Guard<'_>, token: &Token, wake: Option<Waiter>) -> Tasks {
        let marks = self.mirror(&state);
        if marks & WATCHED != 0 || wake.is_some_and(Waiter::is_task) {
            return self.release_and_tell(state, token, wake);
        }
        drop(state);
        if let Some(waiter) = wake {
            token.ready(waiter);
        }
        Tasks::NONE
    }

    /// Leaves the lock and the bracket, and wakes whomever the operation has ended the wait of.
    #[inline(always)]
    pub(super) fn finish(&self, state: Guard<'_>, token: Token, wake: Option<Waiter>) {
        let tasks = self.release(state, &token, wake);
        drop(token);
        tasks.wake();
    }

    #[cold]
    #[inline(never)]
    fn release_and_tell(&self, mut state: Guard<'_>, token: &Token, wake: Option<Waiter>) -> Tasks {
        let mut woken = Woken::default();
        wake.into_iter().for_each(|waiter| woken.push(waiter));
        self.take_watchers(&mut state, &mut woken);
        drop(state);
        woken.ready(token)
    }

    /// Brings the mirrors up to date; the marks.
    #[inline]
    pub(super) fn mirror(&self, state: &State) -> u8 {
        let mut marks = self.marks(Ordering::Relaxed);
        if marks & CLOSED == 0 {
            marks = marks & !(CAN_SEND | CAN_RECV) | state.sides();
            self.state.beside.marks.store(marks, Ordering::Release);
        }
        let len = u32::try_from(state.len).unwrap_or(MANY);
        self.len.store(len, Ordering::Release);
        marks
    }

    #[allow(clippy::mut_from_ref, reason = "the state is the proof of the lock")]
    fn watch<'a>(&'a self, _: &'a mut State) -> &'a mut Option<Box<Watch>> {
        // SAFETY: a `State` is reached under the lock only, and `&mut` to it is there once.
        unsafe { &mut *self.watch.get() }
    }

    /// Takes out those who watch for what is the case now.
    pub(super) fn take_watchers(&self, state: &mut State, woken: &mut Woken) {
        let (can_send, can_recv) = (
            self.is_ready(state, Side::Send),
            self.is_ready(state, Side::Recv),
        );
        let kept = self.watch(state);
        let Some(watch) = kept else { return };
        // SAFETY: under the lock, whose proof `state` is.
        unsafe {
            if can_recv {
                woken.take_all(&mut watch.for_value, Outcome::Closed);
            }
            if can_send {
                woken.take_all(&mut watch.for_room, Outcome::Closed);
            }
        }
        if watch.for_value.is_empty() && watch.for_room.is_empty() {
            *kept = None;
            self.mark(state, WATCHED, false);
        }
    }

    /// Has all who wait for a value look again; those in the queue keep their turn.
    pub(super) fn send_back(&self, state: &mut State) -> Woken {
        let mut woken = Woken::default();
        // SAFETY: under the lock, whose proof `state` is.
        unsafe {
            woken.take_all(&mut state.receivers, Outcome::Withdrawn);
            if let Some(watch) = self.watch(state) {
                woken.take_all(&mut watch.for_value, Outcome::Withdrawn);
            }
        }
        woken
    }

    /// Closes; false if it was closed. What is buffered stays.
    pub(super) fn close(&self) -> bool {
        let token = runtime::enter();
        let mut state = self.state.lock();
        if self.is_closed_under(&state) {
            return false;
        }
        // In one step: whoever sees that it is closed finds that both sides can tell so.
        self.mark(&state, CLOSED | CAN_SEND | CAN_RECV, true);
        let mut woken = Woken::default();
        // SAFETY: under the lock.
        unsafe {
            woken.take_all(&mut state.receivers, Outcome::Closed);
            woken.take_all(&mut state.senders, Outcome::Closed);
        }
        self.mirror(&state);
        self.take_watchers(&mut state, &mut woken);
        drop(state);
        woken.finish(token);
        true
    }
}

impl State {
    /// The sides that are ready, unless it is closed; time aside.
    #[inline]
    fn sides(&self) -> u8 {
        let can_send = self.has_room() | !self.receivers.is_empty();
        let can_recv = (self.len > 0) | !self.senders.is_empty();
        (u8::from(can_send) * CAN_SEND) | (u8::from(can_recv) * CAN_RECV)
    }

    #[inline]
    pub(super) fn has_room(&self) -> bool {
        self.room > 0
    }

    /// The queue of those who wait to do this.
    #[inline]
    pub(super) fn queue(&mut self, side: Side) -> &mut WaitQ {
        match side {
            Side::Send => &mut self.senders,
            Side::Recv => &mut self.receivers,
        }
    }

    /// Keeps a place in the buffer for the value of a late offer; gives whom to ready.
    ///
    /// # Safety
    /// `offer` is the popped sudog of a late offer of this channel.
    pub(super) unsafe fn reserve(&mut self, mut offer: NonNull<Sudog>) -> Waiter {
        self.room -= 1;
        // SAFETY: the offer is ours since it was popped.
        let offer = unsafe { offer.as_mut() };
        offer.outcome = Outcome::Wanted;
        offer.waiter
    }
}

/// Waits, in the queues.
impl Core {
    #[inline]
    fn next_turn(&self, _: &State) -> Turn {
        let turn = Turn::after(self.turns.load(Ordering::Relaxed));
        self.turns.store(turn.number(), Ordering::Relaxed);
        turn
    }

    /// Queues a waiter: at the end, or in its old place if it was here before.
    ///
    /// # Safety
    /// As for [`WaitQ::push`].
    #[inline]
    pub(super) unsafe fn enqueue(&self, state: &mut State, side: Side, mut sudog: NonNull<Sudog>) {
        // SAFETY: our caller's promise; the sudog is its own.
        unsafe {
            match sudog.as_ref().turn {
                None => {
                    sudog.as_mut().turn = Some(self.next_turn(state));
                    state.queue(side).push(sudog);
                }
                Some(turn) => state.queue(side).push_back_in(sudog, turn),
            }
        }
    }

    /// Has `receiver` wait for the value of a late offer; gives whom to ready.
    ///
    /// # Safety
    /// `offer` is the popped sudog of a late offer of this channel; both sudogs stay where they are
    /// until the offer was kept or withdrawn.
    pub(super) unsafe fn bind(
        &self,
        state: &mut State,
        mut offer: NonNull<Sudog>,
        receiver: NonNull<Sudog>,
    ) -> Waiter {
        // SAFETY: the offer is ours since it was popped, the receiver is our caller's own.
        let offer = unsafe {
            let turn = &raw mut (*receiver.as_ptr()).turn;
            if (*turn).is_none() {
                *turn = Some(self.next_turn(state));
            }
            offer.as_mut()
        };
        offer.partner = receiver.as_ptr();
        offer.outcome = Outcome::Wanted;
        offer.waiter
    }

    /// The queue of those who want to know when this can be done.
    pub(super) fn watchers<'a>(&'a self, state: &'a mut State, side: Side) -> &'a mut WaitQ {
        self.mark(state, WATCHED, true);
        let watch = self.watch(state).get_or_insert_with(|| {
            Box::new(Watch {
                for_value: WaitQ::new(),
                for_room: WaitQ::new(),
            })
        });
        match side {
            Side::Send => &mut watch.for_room,
            Side::Recv => &mut watch.for_value,
        }
    }

    /// Takes a watcher out, if it is still there.
    ///
    /// # Safety
    /// The sudog is the caller's, and in this queue if in any.
    pub(super) unsafe fn unwatch(&self, state: &mut State, side: Side, sudog: NonNull<Sudog>) {
        if self.is_watched(state) {
            // SAFETY: under the lock, by our caller's `&mut`; and our caller's promise.
            unsafe { self.watchers(state, side).remove(sudog) };
        }
    }
}
