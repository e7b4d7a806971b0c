//! Waiting until an operation could be done, without doing it.
//!
//! The waiter watches all channels, with one ticket, and is told by whoever makes an operation possible
//! (core.rs, invariant 3).

use super::core::Core;
use super::dynamic::{Operation, Select};
use crate::runtime::{self, OwnTask, Place, Sudog, Ticket, Token, WaitReason, Waiter};
use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll};
use std::time::Instant;

/// The ticket's number for one who found an operation ready himself.
const SELF: u32 = u32::MAX - 2;

/// One of the operations that can be done now: the first, or any.
pub(super) fn try_ready(select: &Select<'_>) -> Option<usize> {
    let looks_ready = |op: &&Operation<'_>| op.core.looks_ready(op.side);
    let count = select.operations.iter().filter(looks_ready).count();
    let skipped = match count {
        0 => return None,
        _ if select.is_biased => 0,
        count => runtime::random() as usize % count,
    };
    let mut ready = select.operations.iter().filter(looks_ready);
    ready.nth(skipped).map(|op| op.index)
}

/// Waits until an operation can be done, or for the deadline.
pub(super) fn wait(
    select: &Select<'_>,
    deadline: Option<Instant>,
    at: &'static Location<'static>,
) -> Option<usize> {
    let place = Place {
        reason: WaitReason::Select,
        at,
    };
    loop {
        if let Some(index) = try_ready(select) {
            return Some(index);
        }
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return None;
        }
        wait_once(select, deadline, place);
    }
}

fn first_due(select: &Select<'_>) -> Option<Instant> {
    select.operations.iter().filter_map(Operation::due).min()
}

/// Watches all channels until one of them tells, or a value is due.
fn wait_once(select: &Select<'_>, deadline: Option<Instant>, place: Place) {
    runtime::check_park(place);
    let due = first_due(select);
    let deadline = deadline.into_iter().chain(due).min();
    let mut token = runtime::enter_blocking();
    let waiter = token.early_waiter(deadline.is_none());
    let ticket = waiter.claim().open();
    let contested = || Sudog::contested(waiter, std::ptr::null_mut(), ticket, 0);
    let mut watch = Watch::new(select, contested);
    // A clock that was set before we watched has told nobody; one that is set now tells us.
    let is_over = watch.begin() || first_due(select) != due;
    // If we end it ourselves nobody else will.
    if !is_over || !waiter.claim().take(ticket, SELF) {
        park(&mut token, waiter, ticket, deadline, place);
    }
    watch.end();
    runtime::end_early(waiter);
}

fn park(
    token: &mut Token,
    waiter: Waiter,
    ticket: Ticket,
    deadline: Option<Instant>,
    place: Place,
) {
    // SAFETY: the waiter is this goroutine's, and a `Parked` is switched at once.
    unsafe {
        match deadline {
            Some(deadline) => token.park_early_until(waiter, place, ticket, deadline),
            None => {
                if let Some(parked) = token.begin_park_early(waiter, place) {
                    parked.switch_park(token);
                }
            }
        }
    }
}

/// The sudogs that watch for a select.
struct Watch<'a> {
    operations: Vec<Operation<'a>>,
    sudogs: Box<[Sudog]>,
}

impl<'a> Watch<'a> {
    fn new(select: &Select<'a>, sudog: impl Fn() -> Sudog) -> Watch<'a> {
        Watch {
            operations: select.operations.clone(),
            sudogs: select.operations.iter().map(|_| sudog()).collect(),
        }
    }

    /// Begins to watch; true, and sooner, if an operation can be done already.
    fn begin(&mut self) -> bool {
        let _token = runtime::enter();
        for (op, sudog) in self.operations.iter().zip(&mut self.sudogs) {
            let core: &Core = op.core;
            let mut state = core.state.lock();
            if core.is_ready(&state, op.side) {
                return true;
            }
            // SAFETY: under the lock; the sudogs are on the heap, and `end` takes them out.
            unsafe {
                core.watchers(&mut state, op.side)
                    .push(NonNull::from(sudog))
            };
        }
        false
    }

    /// Watches no more.
    fn end(&mut self) {
        let _token = runtime::enter();
        for (op, sudog) in self.operations.iter().zip(&mut self.sudogs) {
            // SAFETY: under the lock; our own sudog, which watches this channel if any.
            unsafe {
                op.core
                    .unwatch(&mut op.core.state.lock(), op.side, NonNull::from(sudog))
            };
        }
    }
}

/// Waits until an operation could be done; of [`Select::ready_async`].
#[must_use = "futures do nothing unless they are polled"]
pub struct ReadyFuture<'s, 'a> {
    select: &'s Select<'a>,
    task: OwnTask,
    watch: Option<Watch<'a>>,
}

// SAFETY: the sudogs are used under the locks of their channels.
unsafe impl Send for ReadyFuture<'_, '_> {}

impl<'s, 'a> ReadyFuture<'s, 'a> {
    pub(super) fn new(select: &'s Select<'a>) -> ReadyFuture<'s, 'a> {
        ReadyFuture {
            select,
            task: OwnTask::NONE,
            watch: None,
        }
    }

    fn stop_watching(&mut self) {
        if let Some(mut watch) = self.watch.take() {
            watch.end();
        }
    }
}

impl Future for ReadyFuture<'_, '_> {
    type Output = usize;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<usize> {
        let this = &mut *self;
        this.stop_watching();
        let task = this.task.set_waker(cx.waker());
        loop {
            if let Some(index) = try_ready(this.select) {
                return Poll::Ready(index);
            }
            let sudog = || Sudog::new(Waiter::task(task), std::ptr::null_mut());
            let watch = this.watch.insert(Watch::new(this.select, sudog));
            if !watch.begin() {
                let due = this.select.operations.iter().filter_map(Operation::due);
                if let Some(due) = due.min() {
                    runtime::wake_at(task, due);
                }
                return Poll::Pending;
            }
            this.stop_watching();
        }
    }
}

impl Drop for ReadyFuture<'_, '_> {
    fn drop(&mut self) {
        self.stop_watching();
    }
}

impl fmt::Debug for ReadyFuture<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("ReadyFuture { .. }")
    }
}
