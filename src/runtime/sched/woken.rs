//! Those whose wait an operation has ended, on the way from the lock to where they are woken.
//!
//! 1. They are taken out of their queues under the lock. Goroutines and threads are readied once it was
//!    released; wakers of futures, which are the user's code, are called after the bracket as well.

use super::park::Token;
use super::spawn::spawn_task;
use crate::runtime::sudog::{Outcome, WaitQ};
use crate::runtime::task::Task;
use crate::runtime::waiter::{Kind, Waiter};
use std::panic::Location;

/// Those whose wait an operation has ended, in the order in which they waited.
#[derive(Default)]
#[must_use]
pub(crate) struct Woken {
    first: Option<Waiter>,
    rest: Vec<Waiter>,
}

impl Woken {
    /// Adds one. A waiter that was taken out before it named itself has nothing to be woken from.
    pub(crate) fn push(&mut self, waiter: Waiter) {
        match self.first {
            _ if waiter == Waiter::NOBODY => {}
            None => self.first = Some(waiter),
            Some(_) => self.rest.push(waiter),
        }
    }

    /// Takes everybody out of a queue, with this outcome; how many there were.
    ///
    /// # Safety
    /// The caller holds the queue's lock.
    pub(crate) unsafe fn take_all(&mut self, queue: &mut WaitQ, outcome: Outcome) -> usize {
        let mut count = 0;
        // SAFETY: our caller holds the lock.
        while let Some(mut sudog) = unsafe { queue.pop() } {
            // SAFETY: a popped sudog is ours until its waiter is readied.
            let sudog = unsafe { sudog.as_mut() };
            sudog.outcome = outcome;
            self.push(sudog.waiter);
            count += 1;
        }
        count
    }

    /// Readies goroutines and threads; the futures are left to the caller. Outside all locks.
    pub(crate) fn ready(self, token: &Token) -> Tasks {
        let mut tasks = Tasks::NONE;
        let Some(first) = self.first else {
            return tasks;
        };
        if let Kind::Task(task) = first.kind() {
            tasks.push(task);
        }
        // Each newcomer to `runnext` sends the one before it to the queue: the first must come last.
        for waiter in self.rest {
            match waiter.kind() {
                Kind::Task(task) => tasks.push(task),
                _ => token.ready(waiter),
            }
        }
        if !first.is_task() {
            token.ready(first);
        }
        tasks
    }

    /// Readies them all and closes the bracket. Outside all locks.
    pub(crate) fn finish(self, token: Token) {
        let tasks = self.ready(&token);
        drop(token);
        tasks.wake();
    }
}

/// Futures to be woken, outside locks and brackets. One word, since most operations wake none.
#[derive(Default)]
#[allow(clippy::box_collection, reason = "it crosses in a register")]
#[must_use]
pub(crate) struct Tasks(Option<Box<Vec<&'static Task>>>);

impl Tasks {
    pub(crate) const NONE: Tasks = Tasks(None);

    #[cold]
    fn push(&mut self, task: &'static Task) {
        self.0.get_or_insert_default().push(task);
    }

    /// Has the futures woken for one who has begun a wait, and must run nothing of the user's before it
    /// parks: a waker may itself send and receive, and a goroutine has one latch and one claim. So
    /// another goroutine does it. A thread waits on a parker that it has borrowed for this wait.
    #[inline]
    pub(crate) fn wake_aside(self, token: &Token) {
        if self.0.is_none() {
            return;
        }
        if token.goroutine().is_some() {
            spawn_task(token, Location::caller(), move || self.wake());
        } else {
            self.wake();
        }
    }

    #[inline]
    pub(crate) fn wake(self) {
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
