//! The deadline of a scope.
//!
//! The runtime wakes a task at the instant, as it does for a future; the waker ends the scope, in a
//! goroutine, since whoever fires deadlines must not run wakers and calls of the user's.
//!
//! 1. A task that is used again may be woken for the one who had it before. So who is woken looks at the
//!    clock, and arms the timer again if it is too early.
//! 2. The waker holds the scope until it ends or the deadline comes: a deadline ends a scope of which
//!    nobody has anything but `done`.
#![forbid(unsafe_code)]

use super::scope::Scope;
use crate::runtime::{self, Task};
use std::panic::Location;
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::Instant;

pub(super) struct Timer {
    task: &'static Task,
    waker: Waker,
    deadline: Instant,
}

struct Expiry {
    scope: Arc<Scope>,
    deadline: Instant,
}

impl Wake for Expiry {
    fn wake(self: Arc<Expiry>) {
        let token = runtime::enter();
        let at = Location::caller();
        runtime::spawn_task(&token, at, move || self.scope.expire(self.deadline));
    }
}

impl Timer {
    pub(super) fn new(scope: &Arc<Scope>, deadline: Instant) -> Timer {
        // Started here: `arm` is called under a lock.
        runtime::settings();
        let expiry = Arc::new(Expiry {
            scope: Arc::clone(scope),
            deadline,
        });
        Timer {
            task: Task::take(),
            waker: Waker::from(expiry),
            deadline,
        }
    }

    /// Has the scope woken at the deadline. Under its lock, so that the task is still ours.
    pub(super) fn arm(&self) {
        self.task.set(&self.waker);
        runtime::wake_at(self.task, self.deadline);
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.task.give_back();
    }
}
