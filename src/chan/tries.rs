//! The tries of a select: which of its cases can be done at once.

use super::case::Case;
use super::core::{Core, Guard};
use super::locks::{Locked, unlock_but};
use super::offer::Hold;
use super::raw::Tried;
use crate::runtime::{self, Outcome, Sudog, Tasks, Token, Waiter};
use std::ptr::NonNull;

/// What the tries came to.
pub(super) enum Found<'a> {
    /// This case is done, and the bracket closed.
    Chosen(usize),
    /// This case has claimed a late offer; the lock of its channel is held.
    Late(Late<'a>),
    /// None can be done.
    None(Token),
}

pub(super) struct Late<'a> {
    pub(super) token: Token,
    pub(super) index: usize,
    offer: NonNull<Sudog>,
    core: &'a Core,
    state: Guard<'a>,
}

/// Tries one of the cases that look ready.
#[inline(always)]
pub(super) fn look<'a>(token: Token, cases: &mut [&mut Case<'a>], biased: bool) -> Found<'a> {
    match pick(cases, biased) {
        Some(index) => cases[index].try_alone(index, token),
        None => Found::None(token),
    }
}

/// Tries the cases that are ready, under all locks. They stay locked if none can be done.
#[inline(always)]
pub(super) fn try_all<'a>(
    token: Token,
    cases: &mut [&mut Case<'a>],
    biased: bool,
    locked: Locked<'a>,
) -> Found<'a> {
    if locked.marks.may_be_ready() {
        try_ready(token, cases, biased, locked)
    } else {
        Found::None(token)
    }
}

#[cold]
#[inline(never)]
fn try_ready<'a>(
    token: Token,
    cases: &mut [&mut Case<'a>],
    biased: bool,
    locked: Locked<'a>,
) -> Found<'a> {
    loop {
        let Some(index) = pick(cases, biased) else {
            return Found::None(token);
        };
        let case = &mut *cases[index];
        let Some(core) = case.core() else {
            return Found::None(token);
        };
        // SAFETY: all locks are held.
        let state = unsafe { core.state.held() };
        // SAFETY: under its lock.
        let tried = unsafe { case.attempt(state) };
        if matches!(tried, Tried::Blocked) {
            // It does not look ready any more.
            core.mirror(state);
        } else {
            unlock_but(locked.first, Some(core));
            // SAFETY: this one is held still.
            let state = unsafe { core.state.adopt() };
            return case.conclude(tried, index, token, core, state);
        }
    }
}

/// Picks one of the cases that look ready: the first, or any with equal chances.
#[inline]
fn pick(cases: &[&mut Case<'_>], biased: bool) -> Option<usize> {
    let (mut first, mut count) = (None, 0);
    for (index, case) in cases.iter().enumerate() {
        if case.looks_ready() {
            if first.is_none() {
                first = Some(index);
            }
            count += 1;
        }
    }
    if biased || count < 2 {
        return first;
    }
    pick_of(cases, count).or(first)
}

/// Picks any of the `count` cases that look ready; without the locks they may have become fewer.
#[inline(never)]
fn pick_of(cases: &[&mut Case<'_>], count: usize) -> Option<usize> {
    let skipped = runtime::random() as usize % count;
    let mut ready = cases
        .iter()
        .enumerate()
        .filter(|(_, case)| case.looks_ready());
    ready.nth(skipped).map(|(index, _)| index)
}

impl<'a> Case<'a> {
    /// Tries the operation under the lock of its channel alone.
    #[inline(never)]
    fn try_alone(&mut self, index: usize, token: Token) -> Found<'a> {
        let Some(core) = self.core() else {
            return Found::None(token);
        };
        let mut state = core.state.lock();
        // SAFETY: under its lock.
        match unsafe { self.attempt(&mut state) } {
            Tried::Blocked => {
                core.mirror(&state);
                Found::None(token)
            }
            tried => self.conclude(tried, index, token, core, state),
        }
    }

    /// Ends the tries with this case, whose channel is locked.
    #[inline]
    fn conclude(
        &mut self,
        tried: Tried,
        index: usize,
        token: Token,
        core: &'a Core,
        state: Guard<'a>,
    ) -> Found<'a> {
        let wake = match tried {
            Tried::Late(offer) => {
                return Found::Late(Late {
                    token,
                    index,
                    offer,
                    core,
                    state,
                });
            }
            Tried::Done(wake) => {
                self.outcome = Outcome::Done;
                wake
            }
            Tried::Held(receiver) => {
                self.outcome = Outcome::Wanted;
                self.hold = receiver.map_or(Hold::Room, Hold::Receiver);
                None
            }
            Tried::Closed | Tried::Blocked => {
                self.outcome = Outcome::Closed;
                None
            }
        };
        core.finish(state, token, wake);
        Found::Chosen(index)
    }
}

impl Late<'_> {
    /// Has the case wait for the offer's value, readies the offer's owner and leaves the lock.
    pub(super) fn bind(mut self, cases: &mut [&mut Case<'_>], waiter: Waiter) -> (Token, Tasks) {
        let sudog = cases[self.index].renew(waiter, None);
        // SAFETY: the offer was popped for this case; the sudog stays until its wait is over.
        let owner = unsafe { self.core.bind(&mut self.state, self.offer, sudog) };
        let tasks = self.core.release(self.state, &self.token, Some(owner));
        (self.token, tasks)
    }
}
