//! Double of the system: a futex of one list, and a clock that goes on at every look.
//!
//! 1. `futex_wait` compares and lines up under one lock, which `futex_wake` takes too: the promise
//!    of the real one. A sleep with a limit ends at once, the shortest there is; a sleep without
//!    ends when it is woken, or for no reason if [`wake_for_no_reason`] was called.
//! 2. The clock is the same in each run of a model, as the checker wants it.

use super::atomic::{AtomicU32, Ordering};
use loom::sync::Mutex;
use loom::thread::{self, Thread};
use std::cell::Cell;
use std::ptr;
use std::time::Duration;

loom::lazy_static! {
    /// Who sleeps, and on the word at what address.
    static ref ASLEEP: Mutex<Vec<(usize, Thread)>> = Mutex::new(Vec::new());
}

fn asleep() -> loom::sync::MutexGuard<'static, Vec<(usize, Thread)>> {
    ASLEEP.lock().expect("no model unwinds under this lock")
}

pub(crate) fn futex_wait(word: &AtomicU32, expected: u32, limit: Option<Duration>) {
    let address = ptr::from_ref(word).addr();
    let me = thread::current();
    {
        let mut asleep = asleep();
        if word.load(Ordering::Relaxed) != expected || limit.is_some() {
            return;
        }
        asleep.push((address, me.clone()));
    }
    loop {
        thread::park();
        if !asleep().iter().any(|(_, thread)| thread.id() == me.id()) {
            return;
        }
    }
}

pub(crate) fn futex_wake(word: &AtomicU32, count: u32) {
    let address = ptr::from_ref(word).addr();
    for _ in 0..count {
        let mut asleep = asleep();
        let position = asleep.iter().position(|(a, _)| *a == address);
        let Some(position) = position else { return };
        let (_, thread) = asleep.remove(position);
        drop(asleep);
        thread.unpark();
    }
}

/// Ends one sleep, if there is one, that nobody has asked to end.
pub(crate) fn wake_for_no_reason() {
    let sleeper = asleep().pop();
    if let Some((_, thread)) = sleeper {
        thread.unpark();
    }
}

thread_local! {
    static NOW: Cell<u64> = const { Cell::new(0) };
}

/// Puts the clock back: the start of a run.
pub(crate) fn reset_clock() {
    NOW.set(0);
}

/// Has a millisecond and more go by.
pub(crate) fn pass_time() {
    NOW.set(NOW.get() + 2_000_000);
}

/// What the clock showed last.
pub(crate) fn last_nanotime() -> u64 {
    NOW.get()
}

/// A look at the clock takes as long as a thief has patience with a `runnext`.
pub(crate) fn nanotime() -> u64 {
    NOW.set(NOW.get() + 3_000);
    NOW.get()
}
