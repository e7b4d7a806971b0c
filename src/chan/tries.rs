//! The tries of a select: which of its cases can be done at once.

use super::case::Case;
use super::core::{Core, Guard};
use super::locks::unlock_but;
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
pub(super) fn look<'a>(token: Token, cases: &mut [&mut Case<'a>], biased: bool) -> Found<'a> {
    let Some(index) = pick(cases, biased, Case::looks_ready) else {
        return Found::None(token);
    };
    let case = &mut *cases[index];
    let Some(core) = case.core else {
        return Found::None(token);
    };
    let mut state = core.state.lock();
    // SAFETY: under its lock.
    match unsafe { case.attempt(&mut state) } {
        Tried::Blocked => {
            core.mirror(&state);
            Found::None(token)
        }
        tried => case.conclude(tried, index, token, core, state),
    }
}

/// Tries the cases that are ready, under all locks. They stay locked if none can be done.
pub(super) fn try_all<'a>(
    token: Token,
    cases: &mut [&mut Case<'a>],
    biased: bool,
    first: *const Case<'a>,
) -> Found<'a> {
    loop {
        // SAFETY: all locks are held.
        let Some(index) = pick(cases, biased, |case| unsafe { case.is_ready() }) else {
            return Found::None(token);
        };
        let case = &mut *cases[index];
        let Some(core) = case.core else {
            return Found::None(token);
        };
        // SAFETY: all locks are held; a case that was tried in vain is not ready any more.
        let tried = unsafe { case.attempt(core.state.held()) };
        if !matches!(tried, Tried::Blocked) {
            unlock_but(first, Some(core));
            // SAFETY: this one is held still.
            let state = unsafe { core.state.adopt() };
            return case.conclude(tried, index, token, core, state);
        }
    }
}

/// Picks one of the cases of which `is_ready` holds: the first, or any with equal chances.
#[inline]
fn pick<'a>(
    cases: &[&mut Case<'a>],
    biased: bool,
    is_ready: impl Fn(&Case<'a>) -> bool,
) -> Option<usize> {
    let mut ready = cases.iter().enumerate().filter(|(_, case)| is_ready(case));
    let (first, _) = ready.next()?;
    if biased {
        return Some(first);
    }
    let others = ready.count();
    if others == 0 {
        return Some(first);
    }
    let skipped = runtime::random() as usize % (others + 1);
    let mut ready = cases.iter().enumerate().filter(|(_, case)| is_ready(case));
    // Without the locks one may have ceased to be ready.
    ready.nth(skipped).map(|(index, _)| index).or(Some(first))
}

impl<'a> Case<'a> {
    /// Ends the tries with this case, whose channel is locked.
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
        let case = &mut *cases[self.index];
        let slot = case.slot;
        let sudog = case.renew(Sudog::new(waiter, slot));
        // SAFETY: the offer was popped for this case; the sudog stays until its wait is over.
        let owner = unsafe { self.core.bind(&mut self.state, self.offer, sudog) };
        let tasks = self.core.release(self.state, &self.token, Some(owner));
        (self.token, tasks)
    }
}
