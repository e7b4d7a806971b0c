//! PollDesc: who waits for a descriptor; and the table of them. Go's `netpoll.go`.
//!
//! Whoever finds that a call would block waits here, in one of two queues, one per direction. The
//! poller's events end waits; so do those who change what a blocked call must look at: `close`, and
//! the setters of deadlines.
//!
//! ```text
//!   a call                                   an event, a close, a new deadline
//!   1. reads the tick                        a. (data arrives; the new state is written)
//!   2. looks: closed? deadline? the call     b. takes the lock, ticks
//!      itself: it would block                c. takes the first waiter (or all) out of the queue
//!   3. takes the lock; if the tick is        d. readies outside the lock
//!      another now, again from 1
//!   4. queues itself, parks; the lock is
//!      released once it has parked
//! ```
//!
//! 1. Nothing is lost: either b comes before 3, which then sees another tick and looks again, or the
//!    waiter is in the queue when c looks.
//! 2. Nothing is kept: an event only says "look again". So one that comes late, for nothing, or for a
//!    descriptor that was closed since, does no harm; the generation keeps most of the latter away.
//! 3. An event wakes one waiter per direction: a thousand goroutines that accept on one socket are not
//!    woken for each connection. There may be more than one of them can take, and no new event will
//!    say so: whoever leaves a call for good passes the wake on ([`PollDesc::pass_on`]).
//! 4. Records are never freed, only used again, so an event may be looked at whenever it comes.
//! 5. With a thousand connections nothing of one is in the cache when its turn comes, and record, sudog and
//!    goroutine are found one through the other. So events go through the steps a few together, and what
//!    the next step touches is fetched in the meantime.
//!
//! Go has one word per direction (nothing, ready, about to wait, a goroutine), and in front of it a
//! lock per direction, because the word can name one waiter only; beside it a timer with a sequence
//! number for each deadline. With the tick a queue does all three jobs: any number may wait, each with
//! a deadline of its own, and the lock is taken by those who wait and those who wake them only.

use super::sudog::{Sudog, WaitQ};
use super::waiter::Waiter;
use crate::sys::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering};
use crate::sys::lock::{Guard, Lock, RawLock};
use crate::sys::poller::{Event, Events, Poller};
use crate::sys::prefetch;
use std::io;
use std::os::fd::RawFd;
use std::ptr::{self, NonNull};
use std::sync::OnceLock;
use std::time::Duration;

/// What a call waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Direction {
    Read,
    Write,
}

/// How many times there was reason to look again, as of some moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Tick(u64);

impl Tick {
    /// Unlike that of any other tick of the record.
    pub(crate) fn number(self) -> u64 {
        self.0
    }
}

#[repr(align(64))]
pub(crate) struct PollDesc {
    state: Lock<State>,
    ticks: [AtomicU64; 2],
    /// The first of each queue; written under the lock, and read without: is there anybody? Whoever has not
    /// taken it out does not look at it, but may have it fetched.
    firsts: [AtomicPtr<Sudog>; 2],
    /// Whether an event has met what no later one tells of; written under the lock.
    is_lasting: AtomicBool,
    index: u32,
}

struct State {
    queues: [WaitQ; 2],
    /// Which of the descriptors that had this record has it now.
    generation: u32,
}

impl PollDesc {
    pub(crate) fn new(index: u32) -> PollDesc {
        PollDesc {
            state: Lock::new(State {
                queues: [WaitQ::new(), WaitQ::new()],
                generation: 0,
            }),
            ticks: [AtomicU64::new(0), AtomicU64::new(0)],
            firsts: [const { AtomicPtr::new(ptr::null_mut()) }; 2],
            is_lasting: AtomicBool::new(false),
            index,
        }
    }

    /// Step 1.
    #[inline]
    pub(crate) fn tick(&self, direction: Direction) -> Tick {
        // Acquire: pairs with the Release in `count`; who sees the new tick sees why.
        Tick(self.ticks[direction as usize].load(Ordering::Acquire))
    }

    /// Whether reads meet something that no event after `tick` need tell of. Called after `tick`.
    #[inline]
    pub(crate) fn is_lasting(&self) -> bool {
        // Relaxed: it was written before the tick that tells of it, whose Acquire we come after.
        self.is_lasting.load(Ordering::Relaxed)
    }

    /// Steps 3 and 4 up to the park, whose commit is to release the lock that this returns. `None` if
    /// there is reason to look again.
    ///
    /// # Safety
    /// The sudog is in no queue, and stays where it is until it was dequeued.
    pub(crate) unsafe fn enqueue(
        &self,
        direction: Direction,
        tick: Tick,
        sudog: NonNull<Sudog>,
    ) -> Option<&RawLock> {
        let mut state = self.state.lock();
        // Under the lock, hence not older than what its last holder wrote.
        if self.tick(direction) != tick {
            return None;
        }
        // SAFETY: under the lock; our caller's promise.
        unsafe { state.queues[direction as usize].push(sudog) };
        self.mirror(&state, direction);
        Some(Lock::leave_locked(state))
    }

    /// Takes a sudog out whose wait was ended by its deadline.
    ///
    /// # Safety
    /// The sudog is the caller's own and was queued here for this direction.
    pub(crate) unsafe fn dequeue(&self, direction: Direction, sudog: NonNull<Sudog>) {
        let mut state = self.state.lock();
        // SAFETY: under the lock; our caller's promise.
        unsafe { state.queues[direction as usize].remove(sudog) };
        self.mirror(&state, direction);
    }

    fn mirror(&self, state: &State, direction: Direction) {
        let first = state.queues[direction as usize].first();
        self.firsts[direction as usize].store(first, Ordering::Relaxed);
    }

    fn pop(&self, state: &mut Guard<'_, State>, direction: Direction) -> Option<Waiter> {
        // SAFETY: under the lock; a popped sudog is ours until its waiter is readied.
        let waiter = unsafe {
            state.queues[direction as usize]
                .pop()
                .map(|s| s.as_ref().waiter)
        };
        self.mirror(state, direction);
        waiter
    }

    /// Step b. Under the lock.
    fn count(&self, direction: Direction) {
        let tick = &self.ticks[direction as usize];
        // Written under the lock only, hence no read-modify-write. Release: pairs with `tick`.
        tick.store(
            tick.load(Ordering::Relaxed).wrapping_add(1),
            Ordering::Release,
        );
    }

    /// Begins the use for a descriptor; gives its generation.
    fn begin(&self) -> u32 {
        let state = self.state.lock();
        self.is_lasting.store(false, Ordering::Relaxed);
        state.generation
    }

    /// An event: ticks, and takes the first waiter of each direction, for the caller to ready.
    fn occur(&self, event: Event) -> [Option<Waiter>; 2] {
        let generation = (event.token >> 32) as u32;
        let mut state = self.state.lock();
        if state.generation != generation {
            return [None, None];
        }
        if event.is_lasting {
            self.is_lasting.store(true, Ordering::Relaxed);
        }
        let mut take = |direction, has_come: bool| {
            has_come.then(|| self.count(direction))?;
            self.pop(&mut state, direction)
        };
        [
            take(Direction::Read, event.readable),
            take(Direction::Write, event.writable),
        ]
    }

    /// Fetches those whom an event would take.
    fn prefetch_waiters(&self) {
        for first in &self.firsts {
            let first = first.load(Ordering::Relaxed);
            if !first.is_null() {
                prefetch(first);
            }
        }
    }

    /// Has every call look again: ticks, and takes all waiters, for the caller to ready. To be called
    /// once the reason is written.
    pub(crate) fn disturb(&self, direction: Direction) -> Vec<Waiter> {
        let mut state = self.state.lock();
        self.count(direction);
        std::iter::from_fn(|| self.pop(&mut state, direction)).collect()
    }

    /// Whether a call that ends has somebody to pass its wake on to (invariant 3).
    ///
    /// Relaxed: whoever owes a wake was taken out of this queue itself, and what was written under the
    /// lock before that it sees.
    #[inline]
    pub(crate) fn has_waiters(&self, direction: Direction) -> bool {
        !self.firsts[direction as usize]
            .load(Ordering::Relaxed)
            .is_null()
    }

    /// Takes the next waiter, for the caller to ready; it may find that there is nothing for it.
    pub(crate) fn pass_on(&self, direction: Direction) -> Option<Waiter> {
        self.pop(&mut self.state.lock(), direction)
    }
}

/// All records, and the system's poller once a descriptor was registered.
pub(crate) struct Netpoll {
    poller: OnceLock<Poller>,
    free: Lock<Free>,
    /// Chunk n has `CHUNK << n` records.
    chunks: [OnceLock<Box<[PollDesc]>>; CHUNKS],
}

/// Records that no descriptor has.
pub(crate) struct Free {
    records: Vec<u32>,
    chunks_made: usize,
}

impl Free {
    pub(crate) const fn new() -> Free {
        Free {
            records: Vec::new(),
            chunks_made: 0,
        }
    }
}

const CHUNK: u32 = 64;
const CHUNKS: usize = 24;

impl Netpoll {
    pub(crate) const fn new(free: Lock<Free>) -> Netpoll {
        Netpoll {
            poller: OnceLock::new(),
            free,
            chunks: [const { OnceLock::new() }; CHUNKS],
        }
    }

    /// Whether there is a poller to sleep in: since the first descriptor, or the first timer.
    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        self.poller.get().is_some()
    }

    /// Whether a descriptor was ever registered; before that there are no events.
    #[inline]
    pub(crate) fn has_descriptors(&self) -> bool {
        self.chunks[0].get().is_some()
    }

    /// Has a poller to sleep in until a timer is due, unless the system has no descriptors for it; then
    /// others sleep. True if there is one.
    #[inline]
    pub(crate) fn open_for_timers(&self) -> bool {
        self.is_open() || self.open().is_ok()
    }

    fn open(&self) -> io::Result<&Poller> {
        if let Some(poller) = self.poller.get() {
            return Ok(poller);
        }
        let new = Poller::open()?;
        // Another may have been faster; then ours is closed.
        Ok(self.poller.get_or_init(|| new))
    }

    /// Has events of `fd` end waits at the record that is returned.
    ///
    /// # Errors
    /// Those of the system: `EPERM` for a descriptor that cannot be waited for.
    pub(crate) fn register(&'static self, fd: RawFd) -> io::Result<&'static PollDesc> {
        let poller = self.open()?;
        let desc = self.take();
        let generation = desc.begin();
        let token = u64::from(generation) << 32 | u64::from(desc.index);
        if let Err(error) = poller.add(fd, token) {
            self.free.lock().records.push(desc.index);
            return Err(error);
        }
        Ok(desc)
    }

    /// Ends the events of `fd`, whose record may then be used for another. Nobody waits there.
    pub(crate) fn unregister(&self, fd: RawFd, desc: &PollDesc) {
        if let Some(poller) = self.poller.get() {
            // Fails only if the descriptor was closed behind our back.
            let _ = poller.remove(fd);
        }
        let mut state = desc.state.lock();
        debug_assert!(
            state.queues.iter().all(WaitQ::is_empty),
            "closed under a waiter"
        );
        // The poller's name for its interrupt is not among ours.
        state.generation = (state.generation + 1) % u32::MAX;
        drop(state);
        self.free.lock().records.push(desc.index);
    }

    fn take(&'static self) -> &'static PollDesc {
        let mut free = self.free.lock();
        if free.records.is_empty() {
            let number = free.chunks_made;
            let (start, len) = (CHUNK * ((1 << number) - 1), CHUNK << number);
            self.chunks[number].get_or_init(|| (start..start + len).map(PollDesc::new).collect());
            free.chunks_made += 1;
            free.records.extend((start..start + len).rev());
        }
        let index = free.records.pop().expect("a chunk was added");
        self.record(index).expect("its chunk was made")
    }

    fn record(&self, index: u32) -> Option<&PollDesc> {
        let from_first = index / CHUNK + 1;
        let number = from_first.ilog2();
        let start = CHUNK * ((1 << number) - 1);
        self.chunks
            .get(number as usize)?
            .get()?
            .get((index - start) as usize)
    }

    /// Whether anybody waits for a descriptor. While all Ms sleep the answer stays true.
    pub(crate) fn has_waiters(&self) -> bool {
        self.is_open() && self.waits().next().is_some()
    }

    /// How many directions of descriptors have somebody waiting.
    pub(crate) fn count_waits(&self) -> usize {
        self.waits().count()
    }

    fn waits(&self) -> impl Iterator<Item = Direction> {
        let records = self.chunks.iter().filter_map(OnceLock::get).flatten();
        let directions =
            |desc| [Direction::Read, Direction::Write].map(|direction| (desc, direction));
        let all = records.flat_map(directions);
        all.filter_map(|(desc, direction)| desc.has_waiters(direction).then_some(direction))
    }

    /// Waits for events, at most `limit` long, or until interrupted; with a limit of zero it looks in.
    pub(crate) fn wait(&self, events: &mut Events, limit: Option<Duration>) {
        if let Some(poller) = self.poller.get() {
            poller.wait(events, limit);
        }
    }

    /// Ends the wait under way, or the next one.
    pub(crate) fn interrupt(&self) {
        if let Some(poller) = self.poller.get() {
            poller.interrupt();
        }
    }

    /// Whether somebody interrupts the next wait that would sleep; a hint.
    pub(crate) fn is_interrupted(&self) -> bool {
        self.poller.get().is_some_and(Poller::is_interrupted)
    }

    /// Hands each waiter whose wait these events end to `ready`, outside all locks (invariant 5).
    pub(crate) fn deliver(&self, events: &Events, mut ready: impl FnMut(Waiter)) {
        let mut events = events.iter().peekable();
        while events.peek().is_some() {
            let mut met = [None; TOGETHER];
            for (place, event) in met.iter_mut().zip(&mut events) {
                *place = self.record(event.token as u32).map(|desc| (desc, event));
                place.iter().for_each(|(desc, _)| prefetch(*desc));
            }
            let met = || met.into_iter().flatten();
            met().for_each(|(desc, _)| desc.prefetch_waiters());
            let mut woken = [[None; 2]; TOGETHER];
            for (place, (desc, event)) in woken.iter_mut().zip(met()) {
                *place = desc.occur(event);
                place.iter().flatten().for_each(Waiter::prefetch);
            }
            woken.into_iter().flatten().flatten().for_each(&mut ready);
        }
    }
}

/// How many events go through the steps together.
const TOGETHER: usize = 16;
