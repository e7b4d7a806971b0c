//! The gate: entering the runtime, parking, readying. Go's `gopark`, `goready`.
//!
//! Every public operation of a goroutine opens a bracket, [`enter`] or [`enter_blocking`], before it
//! takes any runtime lock, and closes it by dropping the [`Token`]. Inside, the P cannot be taken
//! away; outside, in goroutine code, it can, so a goroutine may find at the next entry that it has
//! none.
//!
//! 1. Only `enter_blocking`, `park` and `yield_now` may switch, poll the preempt flag or wait for a
//!    P; and the first only if it is the outermost bracket. `enter` never does: without a P it takes
//!    a free one, else the operation acts like one from a foreign thread.
//! 2. A token is good until its drop, over parks too: after a park it names the new M.
//! 3. Brackets nest (a `Drop`, a hook): closing one restores what was before, not "outside".
//! 4. No user code runs inside: panics are raised and values dropped after the token.

use super::commit::Timed;
use super::{debt, idle, no_park, ready, retake, run, sched, sysmon, timing};
use crate::runtime::claim::Ticket;
use crate::runtime::coro::{Commit, Stack, Switch};
use crate::runtime::g::{GRef, Place};
use crate::runtime::m::{self, M};
use crate::runtime::p::P;
use crate::runtime::parker::Parker;
use crate::runtime::pword::Reentry;
use crate::runtime::timer;
use crate::runtime::waiter::{Kind, Waiter};
use crate::sys;
use crate::sys::atomic::Ordering;
use std::time::Instant;
use std::{mem, ptr};

/// An open bracket. See the invariants above.
pub(crate) struct Token {
    /// `None` on a thread that is not the runtime's.
    m: Option<&'static M>,
    flags: u8,
}

/// This M was inside before: the bracket is an inner one.
const INNER: u8 = 1;
/// The P must be lent again on leaving: the operation stands in a `blocking` call.
const LEND_AGAIN: u8 = 2;
/// The goroutine was locked to its M for a switch.
const LOCKED: u8 = 4;

/// Opens the bracket of an operation that never switches.
#[inline]
pub(crate) fn enter() -> Token {
    let Some((m, g)) = current() else {
        return Token::FOREIGN;
    };
    let flags = u8::from(m.was_inside()) * INNER;
    m.set_inside(true);
    if m.owns_p() {
        return Token { m: Some(m), flags };
    }
    regain(m, g, flags)
}

/// Opens the bracket of an operation that may switch.
///
/// On return a goroutine has a P, unless the bracket is an inner one.
#[inline(always)]
pub(crate) fn enter_blocking() -> Token {
    let mut token = enter();
    if let Some(m) = token.m
        && (!m.has_p() || m.p().preempt.load(Ordering::Relaxed) || is_chaos_due(m))
    {
        token.wait_for_turn();
    }
    token
}

/// In the chaos build blocking operations move the goroutine to another thread also where they do
/// not park: every fourth.
#[inline]
fn is_chaos_due(m: &M) -> bool {
    cfg!(sudog_chaos) && m.random().is_multiple_of(4)
}

#[inline]
fn current() -> Option<(&'static M, GRef)> {
    let m = m::current()?;
    Some((m, m.current.get()?))
}

/// The goroutine that calls, if one does.
pub(crate) fn current_g() -> Option<GRef> {
    current().map(|(_, g)| g)
}

/// The P's word is not ours as we left it.
#[cold]
#[inline(never)]
fn regain(m: &'static M, g: GRef, flags: u8) -> Token {
    if !come_back(m) {
        idle::acquire_p(m);
    } else if flags & INNER == 0 && retake::is_due(m.p()) {
        // Somebody asked for it: had we been here a moment later it would be gone. An operation that does
        // not switch can go on without.
        idle::hand_over(m, false, None);
    }
    let lend_again = u8::from(g.blocking_depth.get() > 0) * LEND_AGAIN;
    Token {
        m: Some(m),
        flags: flags | lend_again,
    }
}

/// Settles whether the P that `m` left is still its own; true if so.
pub(crate) fn come_back(m: &M) -> bool {
    if m.owns_p() || !m.has_p() {
        return m.has_p();
    }
    match m.p().word.reenter(m.word.get()) {
        Reentry::Kept(word) => m.word.set(word),
        Reentry::Returned => {
            sched().lent.fetch_sub(1, Ordering::Relaxed);
        }
        Reentry::Lost => m.drop_p(),
    }
    m.has_p()
}

impl Token {
    const FOREIGN: Token = Token { m: None, flags: 0 };

    /// The goroutine that opened the bracket and the M it is on now; none on a foreign thread.
    #[inline]
    pub(crate) fn goroutine(&self) -> Option<(&'static M, GRef)> {
        let m = self.m?;
        match m.current.get() {
            Some(g) => Some((m, g)),
            None => sys::fatal!("m{} is in the gate without a goroutine", m.id),
        }
    }

    /// Who waits in this bracket, to be named to whoever ends the wait and to [`Token::park`].
    #[inline]
    pub(crate) fn waiter(&self) -> Waiter {
        match self.goroutine() {
            Some((_, g)) => Waiter::goroutine(g),
            None => Waiter::thread(m::parker()),
        }
    }

    /// As `waiter`, for a wait that may be ended before it begins; see [`Token::begin_park_early`].
    /// To be given to [`end_early`] once the wait is over and its claim was read.
    pub(crate) fn early_waiter(&self, is_for_ever: bool) -> Waiter {
        match self.goroutine() {
            Some((_, g)) => Waiter::early(g),
            None => {
                // One of its own: before it sleeps the thread may run wakers, which wait themselves.
                let parker = Parker::take();
                parker.begin_wait(is_for_ever);
                Waiter::thread(parker)
            }
        }
    }

    /// The P, if this bracket has one.
    #[inline]
    pub(crate) fn p(&self) -> Option<&'static P> {
        self.m.filter(|m| m.has_p()).map(|m| m.p())
    }

    /// Whether this is an inner bracket.
    pub(crate) fn was_inside(&self) -> bool {
        self.flags & INNER != 0
    }

    /// Has the P lent when the bracket closes.
    pub(crate) fn lend_on_leaving(&mut self) {
        self.flags |= LEND_AGAIN;
    }

    /// Lets others run first: the time slice is over, or there is no P and one must be waited for.
    #[cold]
    #[inline(never)]
    fn wait_for_turn(&mut self) {
        let is_to_stay = || self.goroutine().is_some_and(|(_, g)| g.no_park.get() != 0);
        if !self.was_inside() && !is_to_stay() {
            let parked = self.prepare_switch();
            parked.switch(self, Switch::Preempted);
        }
    }

    /// Readies the goroutine for leaving its M.
    #[inline]
    fn prepare_switch(&mut self) -> Parked {
        let Some((m, g)) = self.goroutine() else {
            sys::fatal!("a foreign thread cannot switch")
        };
        let Some(stack) = g.stack.get() else {
            sys::fatal!("goroutine {} has no stack", g.id())
        };
        // An unwinding goroutine keeps its thread to itself: panic counts belong to threads.
        if g.locked_m.get() == 0 && (m::is_unwinding() || g.keeps_thread()) {
            g.locked_m.set(m.id);
            self.flags |= LOCKED;
        }
        Parked((!g.is_on_system_stack.get()).then_some(stack))
    }

    /// Waits until [`Token::ready`] is called for `waiter`, or not at all if the commit says so.
    ///
    /// `commit` runs once nothing is left to do here; it publishes the waiter, by unlocking the lock
    /// under which it was queued, as a rule.
    ///
    /// # Safety
    /// - `waiter` is [`Token::waiter`]'s.
    /// - `commit` may be called once with its argument, on this thread.
    pub(crate) unsafe fn park(&mut self, waiter: Waiter, place: Place, commit: Commit) {
        // SAFETY: our caller's promise.
        if let Some(parked) = unsafe { self.begin_park(waiter, place, commit) } {
            parked.switch_park(self);
        }
    }

    /// Does the part of [`Token::park`] before the switch: all of it on a thread.
    ///
    /// For operations that must not leave a frame after the switch (coro.rs): they call this in a
    /// function of their own, and [`Parked::switch_park`] inlined into their caller's.
    ///
    /// # Safety
    /// As for `park`; and a goroutine that gets a [`Parked`] switches next.
    #[inline(always)]
    pub(crate) unsafe fn begin_park(
        &mut self,
        waiter: Waiter,
        place: Place,
        commit: Commit,
    ) -> Option<Parked> {
        match waiter.kind() {
            Kind::Goroutine(g) | Kind::Early(g) => {
                g.set_wait(place, sysmon::now_ms());
                let parked = self.prepare_switch();
                g.commit.set(Some(commit));
                Some(parked)
            }
            Kind::Thread(parker) => {
                parker.begin_wait(true);
                // SAFETY: our caller's commit, called once.
                if unsafe { (commit.run)(commit.arg) } {
                    parker.sleep();
                }
                parker.end_wait();
                None
            }
            Kind::Task(_) => sys::fatal!("a future was to park"),
        }
    }

    /// Does the part before the switch of a wait that may be over already.
    ///
    /// # Safety
    /// `waiter` is [`Token::early_waiter`]'s; and a goroutine that gets a [`Parked`] switches next.
    pub(crate) unsafe fn begin_park_early(
        &mut self,
        waiter: Waiter,
        place: Place,
    ) -> Option<Parked> {
        // SAFETY: the commit looks at the waiter's own latch.
        unsafe { self.begin_park(waiter, place, Commit::latch(waiter)) }
    }

    /// As `park`, for a wait that may be over already.
    ///
    /// # Safety
    /// `waiter` is [`Token::early_waiter`]'s.
    pub(crate) unsafe fn park_early(&mut self, waiter: Waiter, place: Place) {
        // SAFETY: the commit looks at the waiter's own latch.
        unsafe { self.park(waiter, place, Commit::latch(waiter)) };
    }

    /// As `park_until`, for a wait that may be over already.
    ///
    /// # Safety
    /// As for `begin_park_early`.
    pub(crate) unsafe fn park_early_until(
        &mut self,
        waiter: Waiter,
        place: Place,
        ticket: Ticket,
        deadline: Instant,
    ) {
        // SAFETY: the commit looks at the waiter's own latch.
        unsafe { self.park_until(waiter, place, Commit::latch(waiter), ticket, deadline) };
    }

    /// Says that this thread is about to sleep on a parker, and as whom; for an operation that must
    /// not switch. See [`sleep_in_place`](super::blocking::sleep_in_place).
    pub(crate) fn begin_sleep(&self) -> (Waiter, &'static Parker) {
        let parker = Parker::borrow();
        parker.begin_wait(self.goroutine().is_none());
        (Waiter::thread(parker), parker)
    }

    /// Waits as [`Token::park`] does, but not past `deadline`.
    ///
    /// The wait's claim says who ended it: whoever readies the waiter must have taken it with this
    /// `ticket`, and the deadline takes it as [`timer::DEADLINE`].
    ///
    /// # Safety
    /// As for `park`.
    pub(crate) unsafe fn park_until(
        &mut self,
        waiter: Waiter,
        place: Place,
        commit: Commit,
        ticket: Ticket,
        deadline: Instant,
    ) {
        match waiter.kind() {
            Kind::Goroutine(_) | Kind::Early(_) => {
                let when = timing::monotonic(deadline);
                let timed = Timed {
                    commit,
                    when,
                    waiter,
                    ticket,
                };
                let commit = Commit {
                    run: Timed::run,
                    arg: ptr::from_ref(&timed).cast_mut().cast(),
                };
                // SAFETY: the wrapped commit, called once; `timed` outlives the park.
                unsafe { self.park(waiter, place, commit) };
            }
            Kind::Thread(parker) => {
                parker.begin_wait(false);
                // SAFETY: our caller's commit, called once.
                unsafe { (commit.run)(commit.arg) };
                let woken = parker.note.sleep_until(Some(deadline));
                if !woken && !parker.claim.take(ticket, timer::DEADLINE) {
                    // Somebody was faster and is about to wake us.
                    parker.note.sleep();
                }
                parker.end_wait();
            }
            Kind::Task(_) => sys::fatal!("a future was to park"),
        }
    }

    /// Makes the waiter whose wait the caller has ended run on. Outside all locks.
    #[inline]
    pub(crate) fn ready(&self, waiter: Waiter) {
        match waiter.kind() {
            Kind::Goroutine(g) => ready::make_ready(self.p(), g),
            Kind::Thread(parker) => parker.wake(),
            Kind::Early(g) => {
                if g.latch.ready() {
                    ready::make_ready(self.p(), g);
                }
            }
            Kind::Task(_) => sys::fatal!("a future was to be woken inside the gate"),
        }
    }

    /// Puts a new goroutine where a readied one would go.
    pub(crate) fn start(&self, g: GRef) {
        ready::enqueue(self.p(), g);
    }
}

impl Drop for Token {
    #[inline]
    fn drop(&mut self) {
        let Some(m) = self.m else { return };
        if m.has_p() {
            let p = m.p();
            if p.debt.get() != 0 {
                debt::look(p);
            }
        }
        if self.flags != 0 {
            self.leave_otherwise(m);
        } else {
            m.set_inside(false);
        }
    }
}

impl Token {
    /// Closes a bracket that has something to undo.
    #[cold]
    #[inline(never)]
    fn leave_otherwise(&self, m: &'static M) {
        if self.flags & LOCKED != 0
            && let Some(g) = m.current.get()
        {
            g.locked_m.set(0);
        }
        let is_inner = self.was_inside();
        if self.flags & LEND_AGAIN != 0 && !is_inner && m.has_p() {
            super::blocking::lend(m);
        }
        m.set_inside(is_inner);
    }
}

/// A goroutine about to leave its M, by its stack; none if it waits on the M's stack. Dropping it
/// undoes nothing: it must switch.
#[must_use]
pub(crate) struct Parked(Option<Stack>);

impl Parked {
    /// Waits; see [`Token::begin_park`].
    #[inline(always)]
    pub(crate) fn switch_park(self, token: &mut Token) {
        self.switch(token, Switch::Park);
    }

    /// Hands control to the M and gets it back on the same or another one.
    #[inline(always)]
    fn switch(self, token: &mut Token, switch: Switch) {
        let Some(stack) = self.0 else {
            return run::switch_in_place(token, switch);
        };
        // SAFETY: it was made by the goroutine that runs this code, of its own stack; and those who
        // resume are Ms, which are never freed.
        token.m = Some(unsafe { stack.suspend(switch).cast().as_ref() });
    }
}

/// Gives the turn away, or the thread's time slice on a foreign thread.
///
/// Inlined, for the reason given in coro.rs.
#[inline(always)]
pub(crate) fn yield_now() {
    let mut token = Token::FOREIGN;
    if let Some(parked) = begin_yield(&mut token) {
        parked.switch(&mut token, Switch::Yield);
    }
    leave(&mut token);
    mem::forget(token);
}

#[inline(never)]
fn begin_yield(token: &mut Token) -> Option<Parked> {
    no_park::check("yield_now", None);
    mem::forget(mem::replace(token, enter_blocking()));
    if token.m.is_none() {
        std::thread::yield_now();
        return None;
    }
    Some(token.prepare_switch())
}

/// Ends the use of [`Token::early_waiter`]'s.
pub(crate) fn end_early(waiter: Waiter) {
    if let Kind::Thread(parker) = waiter.kind() {
        parker.give_back();
    }
}

/// Closes a bracket out of the way of the user's code.
#[inline(never)]
pub(crate) fn leave(token: &mut Token) {
    drop(mem::replace(token, Token::FOREIGN));
}
