//! What a future waits on: the async side of a waiter.
//!
//! 1. Like parkers these are used again and never freed: who ended a wait may still call the waker
//!    after the future is gone. Then it wakes nobody, or a future that has the task now, which looks
//!    and waits on: a waker may always be called in vain.
//! 2. Wakers are the user's code: they are called and dropped outside locks and brackets, and one that
//!    panics is reported by the panic hook and stops nobody.

use super::claim::Claim;
use crate::sys::lock::Lock;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Waker;

#[repr(align(8))]
pub(crate) struct Task {
    /// For a wake at some instant, which must not come when another future has the task.
    pub(crate) claim: Claim,
    waker: Lock<Option<Waker>>,
}

static FREE: Lock<Vec<&'static Task>> = Lock::new(Vec::new());

impl Task {
    /// Takes a task that no future uses.
    pub(crate) fn take() -> &'static Task {
        let free = FREE.lock().pop();
        free.unwrap_or_else(|| {
            Box::leak(Box::new(Task {
                claim: Claim::new(),
                waker: Lock::new(None),
            }))
        })
    }

    /// Gives it back when its future ends.
    pub(crate) fn give_back(&'static self) {
        let old = self.waker.lock().take();
        self.claim.open();
        FREE.lock().push(self);
        drop_quietly(old);
    }

    /// Says whom to wake.
    pub(crate) fn set(&self, waker: &Waker) {
        let is_same = |old: &Option<Waker>| old.as_ref().is_some_and(|old| old.will_wake(waker));
        if !is_same(&self.waker.lock()) {
            let new = waker.clone();
            let old = self.waker.lock().replace(new);
            drop_quietly(old);
        }
    }

    /// Wakes the future's executor. Outside locks and brackets.
    pub(crate) fn wake(&self) {
        let waker = self.waker.lock().take();
        // A panic would leave those behind us unwoken.
        let woken = catch_unwind(AssertUnwindSafe(|| waker.map(Waker::wake)));
        drop_quietly(woken);
    }
}

/// Drops the user's value; a panic in it goes no further.
fn drop_quietly<T>(value: T) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
        // Its own drop may panic as well.
        std::mem::forget(payload);
    }
}
