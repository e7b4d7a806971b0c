//! Interrupt: fails the calls of one caller on descriptors, whatever the descriptors, for a reason of its own.
//!
//! A socket is shared, and its deadline and its `close` hold for all who use it. What ends with a
//! context is one caller's operation: so the caller, a goroutine or a thread, stands behind a list of
//! *frames*, the innermost first, at which its calls look, and to which they name their waits.
//!
//! ```text
//!   a call                                    who raises the interrupt
//!   1. looks: raised? then it fails           a. under the lock: says so, and takes the wait
//!   2. opens its wait; queues itself at          that is named there
//!      the descriptor                         b. claims that wait
//!   3. under the lock: names the wait; if     c. if it has won, readies the waiter
//!      it is raised by then, does b and c
//!      itself
//!   4. parks on its latch (latch.rs), and
//!      once it was readied takes the name out
//! ```
//!
//! 1. Nothing is lost: either a comes before 3, which finds it raised, or a finds the wait.
//! 2. A wait that was named here may be ended from the descriptor too: each claims it first, and the
//!    one that wins readies. One that was taken in a and is over in b has another ticket.
//! 3. It stays raised: all later calls within the frame fail at their first look.
//! 4. A frame is a local of the caller, like a sudog, and only the caller follows the list. Others have
//!    the interrupt alone.

use super::claim::Ticket;
use super::waiter::Waiter;
use crate::sys::atomic::{AtomicBool, Ordering};
use crate::sys::lock::Lock;
use std::cell::Cell;
use std::io;
use std::ptr;

/// Makes the error with which interrupted calls fail.
pub(crate) type Reason = fn() -> io::Error;

/// The case number under which an interrupt ends a wait.
pub(super) const INTERRUPT: u32 = 1;

pub(crate) struct Interrupt {
    /// Whether `State::reason` is there: written under the lock, and read without.
    is_raised: AtomicBool,
    state: Lock<State>,
}

struct State {
    reason: Option<Reason>,
    wait: Option<(Waiter, Ticket)>,
}

impl Interrupt {
    pub(crate) fn new() -> Interrupt {
        Interrupt {
            is_raised: AtomicBool::new(false),
            state: Lock::new(State {
                reason: None,
                wait: None,
            }),
        }
    }

    /// Steps a and b: returns the waiter whose wait was ended, for the caller to ready. The first reason
    /// stays.
    #[must_use]
    pub(super) fn take(&self, reason: Reason) -> Option<Waiter> {
        let (waiter, ticket) = {
            let mut state = self.state.lock();
            state.reason.get_or_insert(reason);
            // Release: pairs with the Acquire in `reason`.
            self.is_raised.store(true, Ordering::Release);
            state.wait.take()?
        };
        waiter.claim().take(ticket, INTERRUPT).then_some(waiter)
    }

    /// Step 3: names a wait; true if it is raised already.
    pub(super) fn name(&self, waiter: Waiter, ticket: Ticket) -> bool {
        let mut state = self.state.lock();
        debug_assert!(
            state.wait.is_none(),
            "a caller waits for one thing at a time"
        );
        state.wait = Some((waiter, ticket));
        state.reason.is_some()
    }

    /// The end of step 4.
    pub(super) fn unname(&self) {
        self.state.lock().wait = None;
    }

    /// Step 1.
    #[inline]
    fn reason(&self) -> Option<Reason> {
        // Acquire: who sees it raised sees why.
        if self.is_raised.load(Ordering::Acquire) {
            self.state.lock().reason
        } else {
            None
        }
    }
}

/// An interrupt over the calls of whoever has the frame. Links are followed by that one only.
pub(super) struct Frame {
    interrupt: *const Interrupt,
    outer: *const Frame,
    /// Whether a call has failed by it.
    was_met: Cell<bool>,
}

/// The frames of a goroutine or a thread, the innermost first.
pub(crate) struct Frames(Cell<*const Frame>);

// SAFETY: touched by the goroutine or thread whose list it is, and by nobody else (invariant 4).
unsafe impl Sync for Frames {}
// SAFETY: a goroutine takes its list along from thread to thread, with its stack.
unsafe impl Send for Frames {}

impl Frames {
    pub(crate) const fn new() -> Frames {
        Frames(Cell::new(ptr::null()))
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.0.get().is_null()
    }

    /// Runs `f` behind `interrupt`; says whether a call has failed by it.
    ///
    /// # Safety
    /// The list is the caller's own.
    pub(super) unsafe fn within<T>(
        &self,
        interrupt: &Interrupt,
        f: impl FnOnce() -> T,
    ) -> (T, bool) {
        let frame = Frame {
            interrupt,
            outer: self.0.get(),
            was_met: Cell::new(false),
        };
        self.0.set(&raw const frame);
        // Also if `f` unwinds, the frame is out of the list before it goes.
        let leave = Leave(self);
        let value = f();
        drop(leave);
        (value, frame.was_met.get())
    }

    /// # Safety
    /// The list is the caller's own.
    unsafe fn iter(&self) -> impl Iterator<Item = &Frame> {
        // SAFETY: frames are locals beneath the caller on its own stack, which take themselves out of
        // the list before they go (invariant 4).
        let innermost = unsafe { self.0.get().as_ref() };
        // SAFETY: as above, of the ones around.
        std::iter::successors(innermost, |frame| unsafe { frame.outer.as_ref() })
    }

    /// The interrupts of all frames.
    ///
    /// # Safety
    /// The list is the caller's own.
    pub(super) unsafe fn interrupts(&self) -> impl Iterator<Item = &Interrupt> {
        // SAFETY: our caller's promise.
        let frames = unsafe { self.iter() };
        // SAFETY: `within` borrows the interrupt for as long as its frame is in the list.
        frames.map(|frame| unsafe { &*frame.interrupt })
    }

    /// The reason why the next call is to fail, if there is one; the innermost, if several are raised.
    /// All of them have been met.
    ///
    /// # Safety
    /// The list is the caller's own.
    #[cold]
    pub(super) unsafe fn meet(&self) -> Option<Reason> {
        // SAFETY: our caller's promise.
        let (frames, interrupts) = unsafe { (self.iter(), self.interrupts()) };
        let mut first = None;
        for (frame, interrupt) in frames.zip(interrupts) {
            if let Some(reason) = interrupt.reason() {
                frame.was_met.set(true);
                first.get_or_insert(reason);
            }
        }
        first
    }
}

/// Takes the innermost frame out of the list.
struct Leave<'a>(&'a Frames);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        // SAFETY: the frame of the `within` that made this, still in its place: those within it have
        // left before.
        let frame = unsafe { &*self.0.0.get() };
        self.0.0.set(frame.outer);
    }
}
