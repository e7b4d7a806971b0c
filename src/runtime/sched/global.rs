//! The global queue: goroutines that belong to no P. They were spilled, preempted, or readied by a
//! thread without one.
//!
//! A list under a lock, with its length beside it: a spill brings 129 goroutines in one step, and a
//! thief never waits for a pusher that lost its CPU, as it does with a lock-free injector.
//!
//! 1. The length is written under the lock and read without: what orders a push before the look of
//!    an M about to sleep are the fences of counters.rs.
#![forbid(unsafe_code)]

use super::sched;
use crate::runtime::g::{GList, GRef};
use crate::runtime::p::P;
use crate::sys::atomic::{AtomicUsize, Ordering};
use crate::sys::lock::Lock;

pub(crate) struct GlobalQueue {
    list: Lock<GList>,
    len: AtomicUsize,
}

impl GlobalQueue {
    /// Makes the queue over its empty list.
    pub(crate) const fn new(list: Lock<GList>) -> GlobalQueue {
        GlobalQueue {
            list,
            len: AtomicUsize::new(0),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    pub(crate) fn push(&self, g: GRef) {
        let mut list = self.list.lock();
        list.push_back(g);
        self.len.store(list.len(), Ordering::Relaxed);
    }

    pub(crate) fn push_all(&self, goroutines: GList) {
        let mut list = self.list.lock();
        list.append(goroutines);
        self.len.store(list.len(), Ordering::Relaxed);
    }

    /// Takes the first `count`, or all there are.
    pub(crate) fn pop(&self, count: usize) -> GList {
        let mut list = self.list.lock();
        let taken = list.take_front(count);
        self.len.store(list.len(), Ordering::Relaxed);
        taken
    }
}

/// Queues a runnable goroutine behind those who wait at `p`, the caller's own. Not inlined: the run queue
/// keeps thread-locals.
#[inline(never)]
pub(crate) fn push_behind(p: &P, g: GRef) {
    if let Some(spill) = p.runq.push_tail(g) {
        sched().global.push_all(spill);
    }
}

/// Moves all that wait at `p`, the caller's own, to the global queue. Not inlined: as above.
#[inline(never)]
pub(crate) fn take_over(p: &P) {
    while let Some((g, _)) = p.runq.pop() {
        sched().global.push(g);
    }
}
