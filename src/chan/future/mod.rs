//! Channels in async code, on any executor.
//!
//! 1. A receiving future is woken and never handed a value: it watches the channel, and takes a value
//!    when it is polled. All who watch are woken, so one that is never polled again keeps no value from
//!    the others, and one that is dropped takes nothing with it.
//! 2. A sending future that has to wait holds its value out: it stands in the queue like any sender,
//!    and whoever receives takes the value from where it is pinned.
//! 3. A receiving future that meets a late offer (see `offer.rs`) has it made good: the value goes into
//!    the buffer, also of a channel that has none, for whoever is the first to come.

mod recv;
mod send;
mod stream;

pub use recv::RecvFuture;
pub use send::SendFuture;
pub use stream::{IntoStream, RecvStream};

use crate::runtime::{self, OwnTask, Sudog, Waiter};
use std::ptr::NonNull;
use std::task::Context;
use std::time::Instant;

/// The place of a future in a queue.
pub(super) struct Place {
    pub(super) task: OwnTask,
    pub(super) sudog: Sudog,
}

impl Place {
    pub(super) fn new() -> Place {
        Place {
            task: OwnTask::NONE,
            sudog: Sudog::UNUSED,
        }
    }

    /// Says whom to wake. Outside locks and brackets.
    pub(super) fn set_waker(&mut self, cx: &Context<'_>) -> Waiter {
        Waiter::task(self.task.set_waker(cx.waker()))
    }

    /// Has the future woken at an instant too, if there is one.
    fn wake_at(&self, when: Option<Instant>) {
        if let Some((task, when)) = self.task.get().zip(when) {
            runtime::wake_at(task, when);
        }
    }

    /// Makes the sudog of another wait.
    pub(super) fn renew(&mut self, waiter: Waiter, slot: *mut ()) -> NonNull<Sudog> {
        self.sudog = Sudog::new(waiter, slot);
        NonNull::from(&mut self.sudog)
    }
}
