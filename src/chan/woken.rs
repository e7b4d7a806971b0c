//! Those whose wait an operation has ended, on the way from the lock to where they are woken.

use crate::runtime::{self, Kind, Outcome, Task, Token, WaitQ, Waiter};
use std::panic::Location;

/// Those whose wait an operation has ended.
#[derive(Default)]
pub(super) struct Woken {
    /// In the order in which they waited.
    others: Vec<Waiter>,
    tasks: Tasks,
}

impl Woken {
    /// Takes everybody out of a queue whose lock the caller holds, with this outcome.
    pub(super) fn take_all(&mut self, queue: &mut WaitQ, outcome: Outcome) {
        // SAFETY: our caller holds the lock; a popped sudog is ours until its waiter is readied.
        while let Some(mut sudog) = unsafe { queue.pop() } {
            // SAFETY: as above.
            let sudog = unsafe { sudog.as_mut() };
            sudog.outcome = outcome;
            self.others.push(sudog.waiter);
        }
    }

    pub(super) fn ready(&mut self, token: &Token, waiter: Waiter) {
        match waiter.kind() {
            Kind::Task(task) => self.tasks.push(task),
            _ => token.ready(waiter),
        }
    }

    /// Readies all, so that the first runs first: each newcomer to `runnext` sends the one before it
    /// to the queue, so the first must come last.
    pub(super) fn ready_others(mut self, token: &Token) -> Tasks {
        if !self.others.is_empty() {
            let others = std::mem::take(&mut self.others);
            let (first, rest) = others.split_at(1);
            rest.iter()
                .chain(first)
                .for_each(|&waiter| self.ready(token, waiter));
        }
        self.tasks
    }
}

/// Futures to be woken, outside locks and brackets. One word, since most operations wake none.
#[derive(Default)]
#[allow(clippy::box_collection, reason = "it crosses in a register")]
#[must_use]
pub(super) struct Tasks(Option<Box<Vec<&'static Task>>>);

impl Tasks {
    pub(super) const NONE: Tasks = Tasks(None);

    #[cold]
    fn push(&mut self, task: &'static Task) {
        self.0.get_or_insert_default().push(task);
    }

    /// Has the futures woken for one who has begun a wait, and must run nothing of the user's before it
    /// parks: a waker may itself send and receive, and a goroutine has one latch and one claim. So
    /// another goroutine does it. A thread waits on a parker that it has borrowed for this wait.
    #[inline]
    pub(super) fn wake_aside(self, token: &Token) {
        if self.0.is_none() {
            return;
        }
        if token.goroutine().is_some() {
            runtime::spawn_task(token, Location::caller(), move || self.wake());
        } else {
            self.wake();
        }
    }

    #[inline]
    pub(super) fn wake(self) {
        if self.0.is_some() {
            self.wake_all();
        }
    }

    #[cold]
    fn wake_all(self) {
        let tasks = self.0.into_iter().flat_map(|tasks| *tasks);
        tasks.for_each(Task::wake);
    }
}
