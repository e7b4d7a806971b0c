//! What a channel is whatever it carries: a lock, two queues of waiters, and what can be seen without
//! the lock.
//!
//! 1. Under the lock nothing of the user's is dropped, cloned or compared, no waker is called and
//!    nobody is readied: an operation that ends somebody's wait leaves the lock by [`Core::release`] or
//!    [`Core::finish`], which do these after it.
//! 2. `len` and `ready` mirror the state for those who look without the lock. They are written under
//!    it (Release), so whoever knows that an operation was done sees it (Acquire); `ready` first, so
//!    that what is seen in `len` or `is_closed` can be had.
//! 3. Watchers only want to know that an operation could succeed; they are told, and look for
//!    themselves. All of them are told each time, so one who does not come keeps nobody waiting.

use super::clock::Clock;
use crate::runtime::{self, Kind, Outcome, Sudog, Task, Token, WaitQ, Waiter};
use crate::sys::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use crate::sys::lock::{Guard, Lock};
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
}

/// In this order what an operation needs is together.
#[repr(C)]
pub(super) struct Core {
    pub(super) state: Lock<State>,
    /// How many values may be buffered; [`UNBOUNDED`] for as many as there is memory.
    capacity: usize,
    len: AtomicUsize,
    /// The sides whose operations would not have to wait.
    ready: AtomicU8,
    is_closed: AtomicBool,
    pub(super) flavor: Flavor,
    pub(super) clock: Option<Box<Clock>>,
    /// How many ends there are.
    pub(super) sender_count: AtomicUsize,
    pub(super) receiver_count: AtomicUsize,
}

const UNBOUNDED: usize = usize::MAX;

/// What the lock protects, besides the buffer, which is the typed channel's.
pub(super) struct State {
    pub(super) receivers: WaitQ,
    pub(super) senders: WaitQ,
    /// How many values are buffered.
    pub(super) len: usize,
    /// Places in the buffer that are kept for late offers.
    pub(super) reserved: usize,
    watch: Option<Box<Watch>>,
}

struct Watch {
    for_value: WaitQ,
    for_room: WaitQ,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Side {
    Send,
    Recv,
}

impl Side {
    #[inline]
    const fn bit(self) -> u8 {
        match self {
            Side::Send => 1,
            Side::Recv => 2,
        }
    }
}

impl Core {
    pub(super) fn new(capacity: Option<usize>, flavor: Flavor) -> Core {
        let capacity = capacity.unwrap_or(UNBOUNDED);
        let state = State {
            receivers: WaitQ::new(),
            senders: WaitQ::new(),
            len: 0,
            reserved: 0,
            watch: None,
        };
        Core {
            state: Lock::new(state),
            capacity,
            len: AtomicUsize::new(0),
            ready: AtomicU8::new(if capacity > 0 { Side::Send.bit() } else { 0 }),
            is_closed: AtomicBool::new(false),
            flavor,
            clock: None,
            sender_count: AtomicUsize::new(1),
            receiver_count: AtomicUsize::new(1),
        }
    }

    pub(super) fn capacity(&self) -> Option<usize> {
        (self.capacity != UNBOUNDED).then_some(self.capacity)
    }

    /// How many values are buffered; out of date when you read it. One too many, which was put back or
    /// was made for a future, does not show.
    pub(super) fn len(&self) -> usize {
        let is_due = self.clock.as_ref().is_some_and(|clock| clock.is_due());
        let len = self.len.load(Ordering::Acquire);
        len.max(usize::from(is_due)).min(self.capacity)
    }

    /// When there will be a value, on a channel of time.
    #[inline]
    pub(super) fn due(&self) -> Option<Instant> {
        self.clock.as_ref()?.due()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }

    /// Whether an operation would not have to wait, seen without the lock.
    #[inline]
    pub(super) fn looks_ready(&self, side: Side) -> bool {
        self.ready.load(Ordering::Acquire) & side.bit() != 0
            || self.clock.as_ref().is_some_and(|clock| clock.is_due())
    }

    /// The same by one who holds the lock. A queue may hold waiters whose wait is over, so this may
    /// say yes in vain.
    pub(super) fn is_ready(&self, state: &State, side: Side) -> bool {
        let is_due = || self.clock.as_ref().is_some_and(|clock| clock.is_due());
        self.sides(state) & side.bit() != 0 || side == Side::Recv && is_due()
    }

    /// The sides that are ready, time aside.
    #[inline]
    fn sides(&self, state: &State) -> u8 {
        let is_closed = self.is_closed_under(state);
        let can_send = self.has_room(state) | !state.receivers.is_empty() | is_closed;
        let can_recv = (state.len > 0) | !state.senders.is_empty() | is_closed;
        (u8::from(can_send) * Side::Send.bit()) | (u8::from(can_recv) * Side::Recv.bit())
    }

    /// Whether it is closed, by one who holds the lock: it is written under it.
    #[inline]
    pub(super) fn is_closed_under(&self, _: &State) -> bool {
        self.is_closed.load(Ordering::Relaxed)
    }

    #[inline]
    pub(super) fn has_room(&self, state: &State) -> bool {
        state.len + state.reserved < self.capacity
    }

    /// Leaves the lock: brings the mirrors up to date, unlocks, readies `wake`, and tells those who
    /// watch. Futures among them are for the caller to wake, after the bracket.
    #[inline(always)]
    pub(super) fn release(
        &self,
        state: Guard<'_, State>,
        token: &Token,
        wake: Option<Waiter>,
    ) -> Tasks {
        self.mirror(&state);
        if state.watch.is_some() || wake.is_some_and(Waiter::is_task) {
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
    pub(super) fn finish(&self, state: Guard<'_, State>, token: Token, wake: Option<Waiter>) {
        let tasks = self.release(state, &token, wake);
        drop(token);
        tasks.wake();
    }

    #[cold]
    #[inline(never)]
    fn release_and_tell(
        &self,
        mut state: Guard<'_, State>,
        token: &Token,
        wake: Option<Waiter>,
    ) -> Tasks {
        let mut woken = Woken::default();
        self.take_watchers(&mut state, &mut woken);
        drop(state);
        if let Some(waiter) = wake {
            woken.ready(token, waiter);
        }
        woken.ready_others(token)
    }

    #[inline]
    pub(super) fn mirror(&self, state: &State) {
        // In this order: whoever sees that there is a value, or room, sees that it can be had.
        self.ready.store(self.sides(state), Ordering::Release);
        self.len.store(state.len, Ordering::Release);
    }

    /// Takes out those who watch for what is the case now.
    pub(super) fn take_watchers(&self, state: &mut State, woken: &mut Woken) {
        let (can_send, can_recv) = (
            self.is_ready(state, Side::Send),
            self.is_ready(state, Side::Recv),
        );
        let Some(watch) = &mut state.watch else {
            return;
        };
        if can_recv {
            take_all(&mut watch.for_value, woken);
        }
        if can_send {
            take_all(&mut watch.for_room, woken);
        }
        if watch.for_value.is_empty() && watch.for_room.is_empty() {
            state.watch = None;
        }
    }

    /// Closes; false if it was closed. What is buffered stays.
    pub(super) fn close(&self) -> bool {
        let token = runtime::enter();
        let mut state = self.state.lock();
        if self.is_closed_under(&state) {
            return false;
        }
        // In this order: whoever sees that it is closed finds that both sides can tell so.
        self.ready
            .store(Side::Send.bit() | Side::Recv.bit(), Ordering::Release);
        self.is_closed.store(true, Ordering::Release);
        let mut woken = Woken::default();
        take_all(&mut state.receivers, &mut woken);
        take_all(&mut state.senders, &mut woken);
        self.mirror(&state);
        self.take_watchers(&mut state, &mut woken);
        drop(state);
        let tasks = woken.ready_others(&token);
        drop(token);
        tasks.wake();
        true
    }
}

impl State {
    /// The queue of those who wait to do this.
    #[inline]
    pub(super) fn queue(&mut self, side: Side) -> &mut WaitQ {
        match side {
            Side::Send => &mut self.senders,
            Side::Recv => &mut self.receivers,
        }
    }

    /// Has `receiver` wait for the value of a late offer; gives whom to ready.
    ///
    /// # Safety
    /// `offer` is the popped sudog of a late offer of this channel; both sudogs stay where they are
    /// until the offer was kept or withdrawn.
    pub(super) unsafe fn bind(
        &mut self,
        mut offer: NonNull<Sudog>,
        receiver: NonNull<Sudog>,
    ) -> Waiter {
        // SAFETY: the offer is ours since it was popped, the receiver is our caller's own.
        let offer = unsafe {
            let turn = &raw mut (*receiver.as_ptr()).turn;
            if *turn == 0 {
                *turn = self.receivers.next_turn();
            }
            offer.as_mut()
        };
        offer.partner = receiver.as_ptr();
        offer.outcome = Outcome::Wanted;
        offer.waiter
    }

    #[inline]
    pub(super) fn is_watched(&self) -> bool {
        self.watch.is_some()
    }

    /// Keeps a place in the buffer for the value of a late offer; gives whom to ready.
    ///
    /// # Safety
    /// `offer` is the popped sudog of a late offer of this channel.
    pub(super) unsafe fn reserve(&mut self, mut offer: NonNull<Sudog>) -> Waiter {
        self.reserved += 1;
        // SAFETY: the offer is ours since it was popped.
        let offer = unsafe { offer.as_mut() };
        offer.outcome = Outcome::Wanted;
        offer.waiter
    }

    /// The queue of those who want to know when this can be done.
    pub(super) fn watchers(&mut self, side: Side) -> &mut WaitQ {
        let watch = self.watch.get_or_insert_with(|| {
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
    pub(super) unsafe fn unwatch(&mut self, side: Side, sudog: NonNull<Sudog>) {
        if self.watch.is_some() {
            // SAFETY: under the lock, by our caller's `&mut`; and our caller's promise.
            unsafe { self.watchers(side).remove(sudog) };
        }
    }
}

/// Takes everybody out of a queue whose lock the caller holds.
fn take_all(queue: &mut WaitQ, woken: &mut Woken) {
    // SAFETY: our caller holds the lock; a popped sudog is ours until its waiter is readied.
    while let Some(sudog) = unsafe { queue.pop() } {
        // SAFETY: as above.
        woken.others.push(unsafe { sudog.as_ref() }.waiter);
    }
}

/// Those whose wait an operation has ended.
#[derive(Default)]
pub(super) struct Woken {
    /// In the order in which they waited.
    others: Vec<Waiter>,
    tasks: Tasks,
}

impl Woken {
    fn ready(&mut self, token: &Token, waiter: Waiter) {
        match waiter.kind() {
            Kind::Task(task) => self.tasks.push(task),
            _ => token.ready(waiter),
        }
    }

    /// Readies all, so that the first runs first: each newcomer to `runnext` sends the one before it
    /// to the queue, so the first must come last.
    pub(super) fn ready_others(mut self, token: &Token) -> Tasks {
        if !self.others.is_empty() {
            let others = std::mem::take(&mut self.others);
            let (first, rest) = others.split_at(1);
            rest.iter()
                .chain(first)
                .for_each(|&waiter| self.ready(token, waiter));
        }
        self.tasks
    }
}

/// Futures to be woken, outside locks and brackets. One word, since most operations wake none.
#[derive(Default)]
#[allow(clippy::box_collection, reason = "it crosses in a register")]
#[must_use]
pub(super) struct Tasks(Option<Box<Vec<&'static Task>>>);

impl Tasks {
    pub(super) const NONE: Tasks = Tasks(None);

    #[cold]
    fn push(&mut self, task: &'static Task) {
        self.0.get_or_insert_default().push(task);
    }

    /// Has the futures woken for one who has begun a wait, and must run nothing of the user's before it
    /// parks: a waker may itself send and receive, and a goroutine has one latch and one claim. So
    /// another goroutine does it. A thread waits on a parker that it has borrowed for this wait.
    #[inline]
    pub(super) fn wake_aside(self, token: &Token) {
        if self.0.is_none() {
            return;
        }
        if token.goroutine().is_some() {
            runtime::spawn_task(token, move || self.wake());
        } else {
            self.wake();
        }
    }

    #[inline]
    pub(super) fn wake(self) {
        if self.0.is_some() {
            self.wake_all();
        }
    }

    #[cold]
    fn wake_all(self) {
        let tasks = self.0.into_iter().flat_map(|tasks| *tasks);
        tasks.for_each(Task::wake);
    }
}
