//! Sudog: one waiter in one wait queue, and the queue. Go's `sudog` and `waitq`.
//!
//! A goroutine can stand in several queues (a select) and a queue holds many goroutines, so the link
//! between them is a thing of its own. It is a local of the blocked function: stacks do not move.
//!
//! 1. The links and `outcome` belong to whoever holds the lock of the queue it stands in; after it
//!    was dequeued, to the one who dequeued it, until that one readies the waiter. The wake handle is
//!    copied out before the last touch, because a readied waiter's frame may be gone at once.
//! 2. `slot` is where the value goes to or comes from; only the one who dequeued the sudog touches
//!    it, before readying its waiter.
//! 3. A contested sudog (its wait has a deadline or several cases) is dequeued only together with
//!    the wait's claim; one whose claim is lost is skipped and left to its owner.

use super::claim::Ticket;
use super::waiter::Waiter;
use std::marker::PhantomPinned;
use std::num::NonZeroU32;
use std::ptr::{self, NonNull};

/// What a hand-over touches comes first.
#[repr(C)]
pub(crate) struct Sudog {
    next: *mut Sudog,
    prev: *mut Sudog,
    pub(crate) waiter: Waiter,
    /// Null for a late offer: the sender's value is made once it was chosen.
    pub(crate) slot: *mut (),
    pub(crate) outcome: Outcome,
    queued: bool,
    /// The wait to claim, where more than this queue can end it.
    contest: Option<(Ticket, u32)>,
    /// Its place in the order of the queue, for one who comes back.
    pub(crate) turn: Option<Turn>,
    /// A late offer that was taken: the receiver that waits for the value; null for a place in the
    /// buffer.
    pub(crate) partner: *mut Sudog,
    /// Others write it through the queue while its owner holds it: `&mut` does not mean alone.
    _pinned: PhantomPinned,
}

/// A place in the order in which waiters came.
///
/// Only waiters of the same time are compared, so the numbers may begin again.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Turn(NonZeroU32);

impl Turn {
    /// The one after that with this number.
    #[inline]
    pub(crate) fn after(number: u32) -> Turn {
        Turn(NonZeroU32::new(number.wrapping_add(1)).unwrap_or(NonZeroU32::MIN))
    }

    #[inline]
    pub(crate) fn number(self) -> u32 {
        self.0.get()
    }

    fn is_before(self, other: Turn) -> bool {
        (self.number().wrapping_sub(other.number()) as i32) < 0
    }
}

/// How a wait in a queue ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    /// There will never be what it waited for. Also, that the wait has not ended.
    Closed,
    /// With what it waited for.
    Done,
    /// A late offer was taken; the value is wanted now.
    Wanted,
    /// The partner's late offer was withdrawn: it waits again, in its old place.
    Withdrawn,
    /// It was its turn to look whether it can have what it waits for.
    Woken,
}

impl Sudog {
    /// A sudog of a wait that only its queue can end.
    #[inline]
    pub(crate) const fn new(waiter: Waiter, slot: *mut ()) -> Sudog {
        Sudog {
            next: ptr::null_mut(),
            prev: ptr::null_mut(),
            waiter,
            contest: None,
            slot,
            partner: ptr::null_mut(),
            turn: None,
            outcome: Outcome::Closed,
            queued: false,
            _pinned: PhantomPinned,
        }
    }

    /// A sudog that has yet to be given a wait.
    pub(crate) const UNUSED: Sudog = Sudog::new(Waiter::NOBODY, ptr::null_mut());

    /// A sudog of a wait that others can end too.
    pub(crate) fn contested(waiter: Waiter, slot: *mut (), ticket: Ticket, case: u32) -> Sudog {
        Sudog {
            contest: Some((ticket, case)),
            ..Sudog::new(waiter, slot)
        }
    }

    /// The same for one who may have had a place in the queue before.
    #[inline]
    pub(crate) fn in_turn(self, turn: Option<Turn>) -> Sudog {
        Sudog { turn, ..self }
    }

    /// Names the wait of a sudog that was queued before it had one. Under the queue's lock.
    pub(crate) fn begin(&mut self, waiter: Waiter, contest: Option<Ticket>) {
        self.waiter = waiter;
        self.contest = contest.map(|ticket| (ticket, 0));
    }

    /// Gives it another wait; it keeps its turn. It stands in no queue.
    #[inline]
    pub(crate) fn renew(&mut self, waiter: Waiter, slot: *mut (), contest: Option<(Ticket, u32)>) {
        debug_assert!(!self.queued);
        self.waiter = waiter;
        self.slot = slot;
        self.contest = contest;
        self.outcome = Outcome::Closed;
        self.partner = ptr::null_mut();
    }

    /// Whether it stands in a queue. Under the queue's lock.
    pub(crate) fn is_queued(&self) -> bool {
        self.queued
    }

    #[inline]
    fn claim(&self) -> bool {
        match self.contest {
            None => true,
            Some((ticket, case)) => self.waiter.claim().take(ticket, case),
        }
    }
}

/// Waiters, first in first out. Used under the lock of what they wait for.
pub(crate) struct WaitQ {
    head: *mut Sudog,
    tail: *mut Sudog,
}

// SAFETY: the queue holds pointers to frames of blocked functions; it is used under a lock, and the
// frames stay while their sudogs are queued (invariant 1).
unsafe impl Send for WaitQ {}

impl WaitQ {
    pub(crate) const fn new() -> WaitQ {
        WaitQ {
            head: ptr::null_mut(),
            tail: ptr::null_mut(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.head.is_null()
    }

    /// The first, or null.
    pub(crate) fn first(&self) -> *mut Sudog {
        self.head
    }

    /// Queues a sudog at the end.
    ///
    /// # Safety
    /// - The caller holds the queue's lock, and the sudog is in no queue.
    /// - The sudog stays where it is until it was dequeued.
    #[inline]
    pub(crate) unsafe fn push(&mut self, sudog: NonNull<Sudog>) {
        // SAFETY: our caller's promise; the last is in the queue.
        unsafe { self.link(sudog, self.tail, ptr::null_mut()) };
    }

    /// Queues a sudog before all others: one that was the first, and comes back.
    ///
    /// # Safety
    /// As for `push`.
    pub(crate) unsafe fn push_front(&mut self, sudog: NonNull<Sudog>) {
        // SAFETY: our caller's promise; the first is in the queue.
        unsafe { self.link(sudog, ptr::null_mut(), self.head) };
    }

    /// Queues a sudog that was here before, in the place of its turn. The others have theirs too.
    ///
    /// # Safety
    /// As for `push`.
    #[cold]
    #[inline(never)]
    pub(crate) unsafe fn push_back_in(&mut self, sudog: NonNull<Sudog>, turn: Turn) {
        let mut prev = self.tail;
        // SAFETY: queued sudogs are alive, and ours under the lock (invariant 1).
        unsafe {
            while prev
                .as_ref()
                .is_some_and(|prev| prev.turn.is_some_and(|other| turn.is_before(other)))
            {
                prev = (*prev).prev;
            }
            let next = match prev.as_ref() {
                Some(prev) => prev.next,
                None => self.head,
            };
            self.link(sudog, prev, next);
        }
    }

    /// # Safety
    /// As for `push`; and the neighbours are such, or null at the ends.
    #[inline]
    unsafe fn link(&mut self, sudog: NonNull<Sudog>, prev: *mut Sudog, next: *mut Sudog) {
        let new = sudog.as_ptr();
        // SAFETY: the caller's sudog is alive, as are all in the queue (invariant 1).
        unsafe {
            debug_assert!(!(*new).queued);
            (*new).queued = true;
            (*new).next = next;
            (*new).prev = prev;
            match prev.as_mut() {
                Some(prev) => prev.next = new,
                None => self.head = new,
            }
            match next.as_mut() {
                Some(next) => next.prev = new,
                None => self.tail = new,
            }
        }
    }

    /// Takes the first waiter whose wait can still be won, and wins it.
    ///
    /// # Safety
    /// The caller holds the queue's lock.
    #[inline]
    pub(crate) unsafe fn pop(&mut self) -> Option<NonNull<Sudog>> {
        while let Some(first) = NonNull::new(self.head) {
            // SAFETY: queued sudogs are alive, and ours under the lock (invariant 1).
            let won = unsafe {
                self.unlink(first);
                first.as_ref().claim()
            };
            if won {
                return Some(first);
            }
        }
        None
    }

    /// As `pop`, but takes nobody if the first that can still be won may not be taken.
    ///
    /// # Safety
    /// The caller holds the queue's lock.
    pub(crate) unsafe fn pop_if(
        &mut self,
        mut may: impl FnMut(&Sudog) -> bool,
    ) -> Option<NonNull<Sudog>> {
        while let Some(first) = NonNull::new(self.head) {
            // SAFETY: queued sudogs are alive, and ours under the lock (invariant 1).
            unsafe {
                if !may(first.as_ref()) {
                    return None;
                }
                self.unlink(first);
                if first.as_ref().claim() {
                    return Some(first);
                }
            }
        }
        None
    }

    /// Takes a sudog out if it still stands in the queue; true if it did.
    ///
    /// # Safety
    /// The caller holds the queue's lock; the sudog is its own and was pushed here.
    pub(crate) unsafe fn remove(&mut self, sudog: NonNull<Sudog>) -> bool {
        // SAFETY: the caller's own sudog is alive.
        unsafe {
            let queued = sudog.as_ref().queued;
            if queued {
                self.unlink(sudog);
            }
            queued
        }
    }

    /// # Safety
    /// The caller holds the queue's lock, and the sudog is in this queue.
    #[inline]
    unsafe fn unlink(&mut self, sudog: NonNull<Sudog>) {
        let sudog = sudog.as_ptr();
        // SAFETY: the sudog and its neighbours are queued, hence alive and ours (invariant 1).
        unsafe {
            let (next, prev) = ((*sudog).next, (*sudog).prev);
            match prev.as_mut() {
                Some(prev) => prev.next = next,
                None => self.head = next,
            }
            match next.as_mut() {
                Some(next) => next.prev = prev,
                None => self.tail = prev,
            }
            (*sudog).queued = false;
        }
    }
}
