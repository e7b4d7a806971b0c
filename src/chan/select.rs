//! Select: one of several operations, whichever can be done first. Go's `selectgo`.
//!
//! 1. *Look.* Without a lock: of the cases that look ready one is picked at random and tried under
//!    its own lock. Most selects end here.
//! 2. *Try all*, with all locks held, taken in the order of their addresses. As they are taken the marks
//!    say whether there is anything to try. If nothing was done, at that instant no case is ready, so
//!    `default` may be taken.
//! 3. *Enqueue* a sudog for each case, all with the same ticket, and park; the commit unlocks all.
//! 4. *Leave.* Whoever took the ticket has ended the wait for one case; the sudogs of the others are
//!    taken out of their queues. No other case had any effect.
//!
//! A case that met a late offer, see `offer.rs`, is chosen and waits for the value; if the offer is
//! withdrawn all begins again, with the old places in the queues.

use super::case::{Case, CaseRef};
use super::locks::{Locked, for_each_locked, lock_all, unlock_all, unlock_but};
use super::tries::{Found, Late, look, try_all};
use crate::runtime::{self, Commit, Parked, Place, Ticket, Token, WaitReason, Waiter, Woken};
use std::mem::MaybeUninit;
use std::panic::Location;
use std::ptr::NonNull;
use std::time::{Duration, Instant};

/// What a blocked select keeps in its caller's frame.
struct Wait {
    token: Token,
    waiter: Waiter,
    is_early: bool,
    kind: WaitKind,
}

#[derive(Clone, Copy)]
enum WaitKind {
    /// In all queues.
    Queued(Ticket),
    /// For the value of the late offer that this case has claimed.
    Bound(usize),
}

/// How far a select got without a switch.
enum Begun {
    /// It is over, with this result.
    Over(usize),
    /// It goes on with the switch.
    Parked(Parked),
}

/// The result of a select that must begin again.
const AGAIN: usize = usize::MAX;

/// Waits until a case can be done, does it, and returns its index.
///
/// With no case it waits for ever.
#[doc(hidden)]
#[track_caller]
#[inline(always)]
pub fn wait<const BIASED: bool>(cases: &mut [CaseRef<'_, '_>]) -> usize {
    wait_at(CaseRef::all(cases), BIASED, None, Location::caller())
}

/// As `wait`, but not past `limit`: then it returns the number of cases.
#[doc(hidden)]
#[track_caller]
pub fn wait_timeout<const BIASED: bool>(cases: &mut [CaseRef<'_, '_>], limit: Duration) -> usize {
    let deadline = Instant::now().checked_add(limit);
    wait_at(CaseRef::all(cases), BIASED, deadline, Location::caller())
}

/// Waits with all that can be said. Inlined, so that no frame is left after the switch (coro.rs).
#[inline(always)]
pub(super) fn wait_at(
    cases: &mut [&mut Case<'_>],
    biased: bool,
    deadline: Option<Instant>,
    at: &'static Location<'static>,
) -> usize {
    let mut wait = MaybeUninit::uninit();
    loop {
        // SAFETY: the cases and the wait stay where they are.
        let chosen = match unsafe { begin(cases, biased, deadline, &mut wait, at) } {
            Begun::Over(chosen) => chosen,
            Begun::Parked(parked) => {
                // SAFETY: it has begun.
                let wait = unsafe { wait.assume_init_mut() };
                parked.switch_park(&mut wait.token);
                end(wait, cases)
            }
        };
        if chosen != AGAIN {
            return chosen;
        }
    }
}

/// Does a case that can be done at once and returns its index, or the number of cases if none can.
#[doc(hidden)]
pub fn try_wait<const BIASED: bool>(cases: &mut [CaseRef<'_, '_>]) -> usize {
    try_now(CaseRef::all(cases), BIASED)
}

pub(super) fn try_now(cases: &mut [&mut Case<'_>], biased: bool) -> usize {
    loop {
        let late = match try_once(cases, biased) {
            Found::Chosen(chosen) => return chosen,
            Found::None(_) => return cases.len(),
            Found::Late(late) => late,
        };
        let chosen = wait_in_place(late, cases);
        if chosen != AGAIN {
            return chosen;
        }
    }
}

/// Waits for ever: a select without cases.
#[doc(hidden)]
#[track_caller]
pub fn forever() -> ! {
    loop {
        wait::<true>(&mut []);
    }
}

/// Does what a select does before the switch.
///
/// # Safety
/// The cases and the wait stay where they are until the select is over. Who gets `Parked` goes on
/// with the switch and `end`.
#[inline(never)]
unsafe fn begin(
    cases: &mut [&mut Case<'_>],
    biased: bool,
    deadline: Option<Instant>,
    wait: &mut MaybeUninit<Wait>,
    at: &'static Location<'static>,
) -> Begun {
    let found = match look(runtime::enter_blocking(), cases, biased) {
        Found::None(token) => {
            let locked = lock_all(cases);
            match try_all(token, cases, biased, locked) {
                Found::None(token) if deadline.is_some_and(|end| Instant::now() >= end) => {
                    unlock_but(locked.first, None);
                    drop(token);
                    return Begun::Over(cases.len());
                }
                Found::None(token) if runtime::is_park_forbidden() => {
                    unlock_but(locked.first, None);
                    drop(token);
                    runtime::refuse_park(Place {
                        reason: reason_of(locked.first),
                        at,
                    });
                }
                // SAFETY: our caller's promise; all locks are held.
                Found::None(token) => unsafe {
                    return enqueue(token, cases, locked, (biased, deadline), wait, at);
                },
                found => found,
            }
        }
        found => found,
    };
    match found {
        Found::Chosen(chosen) => Begun::Over(chosen),
        // SAFETY: our caller's promise.
        Found::Late(late) => unsafe { begin_bound(late, cases, wait, at) },
        Found::None(_) => crate::sys::fatal!("a select was tried in vain and not enqueued"),
    }
}

/// Tries all cases without waiting.
fn try_once<'a>(cases: &mut [&mut Case<'a>], biased: bool) -> Found<'a> {
    match look(runtime::enter(), cases, biased) {
        Found::None(token) => {
            let locked = lock_all(cases);
            let found = try_all(token, cases, biased, locked);
            if matches!(found, Found::None(_)) {
                unlock_but(locked.first, None);
            }
            found
        }
        found => found,
    }
}

/// Why a select waits whose chain of locked cases begins with `first`.
fn reason_of(first: *const Case<'_>) -> WaitReason {
    if first.is_null() {
        WaitReason::SelectNoCases
    } else {
        WaitReason::Select
    }
}

/// Queues all cases and parks. All locks are held.
///
/// # Safety
/// As for `begin`.
#[inline(always)]
unsafe fn enqueue<'a>(
    token: Token,
    cases: &mut [&mut Case<'a>],
    locked: Locked<'a>,
    (is_biased, deadline): (bool, Option<Instant>),
    wait: &mut MaybeUninit<Wait>,
    at: &'static Location<'static>,
) -> Begun {
    let first = locked.first;
    if locked.marks.is_special() || deadline.is_some() {
        // SAFETY: our caller's promise.
        return unsafe { enqueue_early(token, cases, locked, (is_biased, deadline), wait, at) };
    }
    let waiter = token.waiter();
    // SAFETY: all locks are held.
    let ticket = unsafe { queue_all(cases, locked, is_biased, waiter) };
    let place = Place {
        reason: reason_of(first),
        at,
    };
    let wait = wait.write(Wait {
        token,
        waiter,
        is_early: false,
        kind: WaitKind::Queued(ticket),
    });
    let commit = Commit {
        run: unlock_all,
        arg: first.cast_mut().cast(),
    };
    // SAFETY: the commit releases the locks we hold.
    match unsafe { wait.token.begin_park(waiter, place, commit) } {
        Some(parked) => Begun::Parked(parked),
        None => Begun::Over(end(wait, cases)),
    }
}

/// Puts a sudog of each case into its queue, all with the ticket that this opens. All locks are held.
///
/// # Safety
/// As for `begin`.
#[inline(always)]
unsafe fn queue_all(
    cases: &mut [&mut Case<'_>],
    locked: Locked<'_>,
    is_biased: bool,
    waiter: Waiter,
) -> Ticket {
    let ticket = waiter.claim().open();
    let count = cases.len();
    // From anywhere in the circle: of several cases on one channel the first in the queue is served.
    let mut index = match locked.has_twins && !is_biased {
        true => runtime::random() as usize % count,
        false => 0,
    };
    for _ in 0..count {
        let case = &mut *cases[index];
        if let Some(core) = case.core() {
            case.need_slot();
            let side = case.side;
            let sudog = case.renew(waiter, Some((ticket, index as u32)));
            // SAFETY: under its lock; the sudog stays in our caller's frame until it is out of the queue.
            unsafe {
                let state = core.state.held();
                core.enqueue(state, side, sudog);
                core.mirror_waiter(state, side);
            }
        }
        index += 1;
        if index == count {
            index = 0;
        }
    }
    ticket
}

/// The same where somebody watches and is to be told, or where time may end the wait.
///
/// # Safety
/// As for `enqueue`.
#[cold]
#[inline(never)]
unsafe fn enqueue_early<'a>(
    token: Token,
    cases: &mut [&mut Case<'a>],
    locked: Locked<'a>,
    (is_biased, deadline): (bool, Option<Instant>),
    wait: &mut MaybeUninit<Wait>,
    at: &'static Location<'static>,
) -> Begun {
    let first = locked.first;
    let place = Place {
        reason: reason_of(first),
        at,
    };
    let due = cases.iter().filter_map(|case| case.due()).min();
    let limit = deadline.into_iter().chain(due).min();
    let waiter = token.early_waiter(limit.is_none());
    // SAFETY: all locks are held.
    let ticket = unsafe { queue_all(cases, locked, is_biased, waiter) };
    let mut woken = Woken::default();
    // SAFETY: the locks are ours; whoever ends the wait now does so by the latch.
    unsafe {
        for_each_locked(first, |core| {
            core.take_watchers(core.state.held(), &mut woken)
        });
        unlock_all(first.cast_mut().cast());
    }
    let tasks = woken.ready(&token);
    tasks.wake_aside(&token);
    let wait = wait.write(Wait {
        token,
        waiter,
        is_early: true,
        kind: WaitKind::Queued(ticket),
    });
    // SAFETY: the waiter is this goroutine's.
    let parked = unsafe {
        match limit {
            None => wait.token.begin_park_early(waiter, place),
            Some(limit) => {
                wait.token.park_early_until(waiter, place, ticket, limit);
                None
            }
        }
    };
    let Some(parked) = parked else {
        let chosen = end(wait, cases);
        // A value that is due is for the next try.
        let is_over = chosen < cases.len() || limit == deadline;
        return Begun::Over(if is_over { chosen } else { AGAIN });
    };
    Begun::Parked(parked)
}

/// Waits for the value of the late offer that a case has claimed.
///
/// # Safety
/// As for `begin`.
#[cold]
unsafe fn begin_bound(
    late: Late<'_>,
    cases: &mut [&mut Case<'_>],
    wait: &mut MaybeUninit<Wait>,
    at: &'static Location<'static>,
) -> Begun {
    let place = Place {
        reason: WaitReason::Select,
        at,
    };
    let waiter = late.token.early_waiter(true);
    let index = late.index;
    let (token, tasks) = late.bind(cases, waiter);
    tasks.wake_aside(&token);
    let wait = wait.write(Wait {
        token,
        waiter,
        is_early: true,
        kind: WaitKind::Bound(index),
    });
    // SAFETY: the waiter is this goroutine's.
    match unsafe { wait.token.begin_park_early(waiter, place) } {
        Some(parked) => Begun::Parked(parked),
        None => Begun::Over(end(wait, cases)),
    }
}

/// The same for a select that never switches: it has the thread sleep.
#[cold]
fn wait_in_place(late: Late<'_>, cases: &mut [&mut Case<'_>]) -> usize {
    let (waiter, parker) = late.token.begin_sleep();
    let index = late.index;
    let (token, tasks) = late.bind(cases, waiter);
    tasks.wake_aside(&token);
    runtime::sleep_in_place(token, parker);
    if cases[index].settle() { index } else { AGAIN }
}

/// Does what a select does after its wait.
#[inline(never)]
fn end(wait: &mut Wait, cases: &mut [&mut Case<'_>]) -> usize {
    let chosen = match wait.kind {
        WaitKind::Bound(index) => index,
        WaitKind::Queued(ticket) => leave_queues(cases, wait.waiter, ticket),
    };
    if wait.is_early {
        runtime::end_early(wait.waiter);
    }
    runtime::leave(&mut wait.token);
    let is_over = cases.get_mut(chosen).is_none_or(|case| case.settle());
    if is_over { chosen } else { AGAIN }
}

/// Takes the sudogs of all cases but the winner's out of their queues. The winner, or the number of
/// cases if it was the deadline.
fn leave_queues(cases: &mut [&mut Case<'_>], waiter: Waiter, ticket: Ticket) -> usize {
    let Some(winner) = waiter.claim().winner(ticket) else {
        crate::sys::fatal!("a select was woken and nobody has ended its wait")
    };
    let winner = (winner as usize).min(cases.len());
    for (index, case) in cases.iter_mut().enumerate() {
        // SAFETY: it is there. Its neighbours in the queue may be writing to its sudog.
        let core = unsafe { Case::core_of(&raw const **case) };
        let Some(core) = core else { continue };
        if index != winner {
            let side = case.side;
            let mut state = core.state.lock();
            let queue = state.queue(side);
            // SAFETY: under its lock; our own sudog, which is in this queue if in any.
            let was_queued = unsafe { queue.remove(NonNull::from(&mut case.sudog)) };
            if was_queued && queue.is_empty() {
                core.mirror(&state);
            }
        }
    }
    winner
}
