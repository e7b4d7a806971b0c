//! How an operation on one channel waits.
//!
//! ```text
//!   receiver                               sender
//!   1. lock; nothing there
//!   2. sudog with its slot into `receivers`
//!   3. parks; the commit unlocks  ----->   4. lock; finds the sudog, takes it out
//!                                          5. writes the value into the slot
//!   7. runs on, reads the slot    <-----   6. unlock; ready(receiver)
//! ```
//!
//! Who finds somebody watching at step 3, or has claimed a late offer whose owner must be readied,
//! cannot leave that to the commit: it unlocks, does it, and parks on its latch.

use super::core::{Core, Guard};
use super::marks::Side;
use crate::runtime::{self, Commit, Outcome, Parked, Place, Sudog, Tasks, Token, Turn, Woken};
use crate::sys::spin::SpinLock;
use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};
use std::time::Instant;

/// What a blocked operation keeps in its caller's frame.
#[repr(C)]
pub(super) struct Wait {
    sudog: Sudog,
    token: Token,
}

/// How far an operation got without a switch.
pub(super) enum Begun {
    Over(Outcome),
    /// It goes on with the switch.
    Parked(Parked),
}

/// What follows [`Begun::Parked`]: the switch, and after it, out of line, the rest. The outcome, and
/// for one who waits again its turn.
///
/// # Safety
/// `wait` was written by the function that gave us `parked`.
#[inline(always)]
pub(super) unsafe fn end_wait(
    parked: Parked,
    wait: &mut MaybeUninit<Wait>,
    turn: &mut Option<Turn>,
) -> Outcome {
    // SAFETY: our caller's promise.
    let wait = unsafe { wait.assume_init_mut() };
    parked.switch_park(&mut wait.token);
    runtime::leave(&mut wait.token);
    wait.end(turn)
}

impl Wait {
    #[inline]
    fn end(&self, turn: &mut Option<Turn>) -> Outcome {
        let outcome = self.sudog.outcome;
        if outcome == Outcome::Withdrawn {
            *turn = self.sudog.turn;
        }
        outcome
    }
}

impl Core {
    /// Gives up an operation that must not wait.
    #[cold]
    pub(super) fn refuse(&self, state: Guard<'_>, token: Token, place: Place) -> ! {
        self.mirror(&state);
        drop(state);
        drop(token);
        runtime::refuse_park(place)
    }

    /// Queues a sudog and parks; a thread returns when its wait is over.
    ///
    /// # Safety
    /// `slot` (null for a late offer) and `wait` stay where they are until the wait is over. Who gets
    /// `Parked` goes on with [`end_wait`].
    ///
    /// Inlined: each of the two operations has one place where it begins to wait.
    #[inline(always)]
    pub(super) unsafe fn begin_wait(
        &self,
        token: Token,
        mut state: Guard<'_>,
        (side, slot, turn): (Side, *mut (), &mut Option<Turn>),
        wait: &mut MaybeUninit<Wait>,
        place: Place,
    ) -> Begun {
        if self.is_watched(&state) {
            // SAFETY: our caller's promise.
            return unsafe { self.begin_watched(token, state, (side, slot, turn), wait, place) };
        }
        let waiter = token.waiter();
        let sudog = Sudog::new(waiter, slot).in_turn(*turn);
        let wait = wait.write(Wait { token, sudog });
        // SAFETY: under the lock; the sudog stays in our caller's frame until it was dequeued, and
        // only who dequeues it readies us.
        unsafe { self.enqueue(&mut state, side, NonNull::from(&mut wait.sudog)) };
        self.mirror(&state);
        SpinLock::leave_locked(state);
        let commit = Commit {
            run: unlock,
            arg: ptr::from_ref(self).cast_mut().cast(),
        };
        // SAFETY: the commit releases the lock we hold.
        match unsafe { wait.token.begin_park(waiter, place, commit) } {
            Some(parked) => Begun::Parked(parked),
            None => Begun::Over(wait.end(turn)),
        }
    }

    /// The same where somebody watches, and is to be told.
    ///
    /// # Safety
    /// As for `begin_wait`.
    #[cold]
    #[inline(never)]
    unsafe fn begin_watched(
        &self,
        token: Token,
        mut state: Guard<'_>,
        (side, slot, turn): (Side, *mut (), &mut Option<Turn>),
        wait: &mut MaybeUninit<Wait>,
        place: Place,
    ) -> Begun {
        let sudog = Sudog::new(token.early_waiter(true), slot).in_turn(*turn);
        let wait = wait.write(Wait { token, sudog });
        // SAFETY: as in `begin_wait`.
        unsafe { self.enqueue(&mut state, side, NonNull::from(&mut wait.sudog)) };
        self.mirror(&state);
        let mut woken = Woken::default();
        self.take_watchers(&mut state, &mut woken);
        drop(state);
        park_early(wait, turn, |token| woken.ready(token), place)
    }

    /// Waits for the value of a late offer that the caller has claimed.
    ///
    /// # Safety
    /// As for `begin_wait`; and `offer` is the popped sudog of a late offer of this channel.
    #[cold]
    pub(super) unsafe fn begin_bound(
        &self,
        token: Token,
        mut state: Guard<'_>,
        offer: NonNull<Sudog>,
        (slot, turn): (*mut (), &mut Option<Turn>),
        wait: &mut MaybeUninit<Wait>,
        place: Place,
    ) -> Begun {
        let sudog = Sudog::new(token.early_waiter(true), slot).in_turn(*turn);
        let wait = wait.write(Wait { token, sudog });
        // SAFETY: our caller's promise.
        let owner = unsafe { self.bind(&mut state, offer, NonNull::from(&mut wait.sudog)) };
        let leave = |token: &Token| self.release(state, token, Some(owner));
        park_early(wait, turn, leave, place)
    }

    /// The same for an operation that never switches: it has the thread sleep.
    ///
    /// # Safety
    /// As for `begin_bound`.
    #[cold]
    pub(super) unsafe fn wait_in_place(
        &self,
        token: Token,
        mut state: Guard<'_>,
        offer: NonNull<Sudog>,
        (slot, turn): (*mut (), &mut Option<Turn>),
    ) -> Outcome {
        let (waiter, parker) = token.begin_sleep();
        let mut sudog = Sudog::new(waiter, slot).in_turn(*turn);
        // SAFETY: our caller's promise.
        let owner = unsafe { self.bind(&mut state, offer, NonNull::from(&mut sudog)) };
        *turn = sudog.turn;
        let tasks = self.release(state, &token, Some(owner));
        tasks.wake_aside(&token);
        runtime::sleep_in_place(token, parker);
        sudog.outcome
    }

    /// Waits in the queue, but not past `deadline`: then there is no outcome.
    ///
    /// # Safety
    /// As for `begin_wait`.
    pub(super) unsafe fn wait_until(
        &self,
        mut token: Token,
        mut state: Guard<'_>,
        (side, slot, turn): (Side, *mut (), &mut Option<Turn>),
        place: Place,
        deadline: Instant,
    ) -> Option<Outcome> {
        let waiter = token.early_waiter(false);
        let ticket = waiter.claim().open();
        let mut sudog = Sudog::contested(waiter, slot, ticket, 0).in_turn(*turn);
        // SAFETY: under the lock; the sudog stays in this frame until it is out of the queue.
        unsafe { self.enqueue(&mut state, side, NonNull::from(&mut sudog)) };
        *turn = sudog.turn;
        let tasks = self.release(state, &token, None);
        tasks.wake_aside(&token);
        // SAFETY: the waiter is this goroutine's.
        unsafe { token.park_early_until(waiter, place, ticket, deadline) };
        let winner = waiter.claim().winner(ticket);
        runtime::end_early(waiter);
        if winner == Some(0) {
            return Some(sudog.outcome);
        }
        let mut state = self.state.lock();
        // SAFETY: under the lock; our own sudog.
        unsafe { state.queue(side).remove(NonNull::from(&mut sudog)) };
        self.finish(state, token, None);
        None
    }
}

/// The commit of a wait.
unsafe fn unlock(core: *mut ()) -> bool {
    // SAFETY: `begin_wait` passes a core whose lock it holds. What keeps the core is the goroutine that
    // has parked, and no more than that once the lock is released, which is why nothing follows.
    drop(unsafe { (*core.cast::<Core>()).state.adopt() });
    true
}

/// Leaves the lock by `leave` and parks, if the wait is not over by then.
#[cold]
fn park_early(
    wait: &mut Wait,
    turn: &mut Option<Turn>,
    leave: impl FnOnce(&Token) -> Tasks,
    place: Place,
) -> Begun {
    let waiter = wait.sudog.waiter;
    let tasks = leave(&wait.token);
    tasks.wake_aside(&wait.token);
    // SAFETY: the waiter is this goroutine's; our caller passes a `Parked` on.
    match unsafe { wait.token.begin_park_early(waiter, place) } {
        Some(parked) => Begun::Parked(parked),
        None => {
            runtime::end_early(waiter);
            Begun::Over(wait.end(turn))
        }
    }
}
