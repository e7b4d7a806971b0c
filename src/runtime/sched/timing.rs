//! Waits that end by themselves: deadlines of goroutines.
//!
//! One heap for all, kept by sysmon and the poller (poll.rs), of whom one sleeps no longer than until the
//! first deadline; an M that looks for work fires what is due in passing. A thread that waits with a deadline needs none of
//! this, it sleeps with a limit.
//!
//! 1. An entry names a wait (waiter and ticket), never a sudog: it may stay in the heap long after
//!    the wait is over, and then its claim fails.
//! 2. Entries whose wait is over are swept when they could be more than half of the heap, so that a
//!    loop of waits with distant deadlines does not grow it.

use super::{park, poll, sched};
use crate::runtime::claim::Ticket;
use crate::runtime::task::Task;
use crate::runtime::waiter::{Kind, Waiter};
use crate::sys::atomic::{AtomicU64, Ordering};
use crate::sys::lock::Lock;
use crate::sys::os;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

/// The case number under which a deadline claims a wait; no queue uses it.
pub(crate) const DEADLINE: u32 = u32::MAX - 1;

const NEVER: u64 = u64::MAX;
const SWEEP_MIN: usize = 64;

pub(crate) struct Timers {
    heap: Lock<Heap>,
    /// The first deadline (ns), or [`NEVER`]; written under the lock, read without.
    first: AtomicU64,
}

struct Heap {
    entries: BinaryHeap<Reverse<Entry>>,
    /// The length at which entries are swept.
    sweep_at: usize,
}

struct Entry {
    when: u64,
    waiter: Waiter,
    ticket: Ticket,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Entry) -> bool {
        self.when == other.when
    }
}
impl Eq for Entry {}
impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Entry) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Entry {
    fn cmp(&self, other: &Entry) -> std::cmp::Ordering {
        self.when.cmp(&other.when)
    }
}

/// Wakes a future at `when`, unless its task's claim has moved on by then. Starts the runtime.
pub(crate) fn wake_at(task: &'static Task, when: Instant) {
    let sched = sched();
    sched.settings();
    let ticket = task.claim.open();
    sched
        .timers
        .arm(monotonic(when), Waiter::task(task), ticket);
}

/// An instant as the time that `os::nanotime` will tell.
pub(crate) fn monotonic(when: Instant) -> u64 {
    let left = when.saturating_duration_since(Instant::now());
    let left = left.as_nanos().min(u128::from(u64::MAX)) as u64;
    os::nanotime().saturating_add(left)
}

impl Timers {
    pub(crate) const fn new() -> Timers {
        let heap = Heap {
            entries: BinaryHeap::new(),
            sweep_at: SWEEP_MIN,
        };
        Timers {
            heap: Lock::new(heap),
            first: AtomicU64::new(NEVER),
        }
    }

    /// Ends the wait at `when` (ns of the monotonic clock), unless something else ended it before.
    pub(crate) fn arm(&self, when: u64, waiter: Waiter, ticket: Ticket) {
        let is_first = {
            let mut heap = self.heap.lock();
            if heap.entries.len() >= heap.sweep_at {
                heap.entries
                    .retain(|Reverse(e)| e.waiter.claim().is_open(e.ticket));
                heap.sweep_at = (heap.entries.len() * 2).max(SWEEP_MIN);
            }
            heap.entries.push(Reverse(Entry {
                when,
                waiter,
                ticket,
            }));
            self.publish_first(&heap) == when
        };
        if is_first {
            poll::expect_timer(when);
        }
    }

    fn publish_first(&self, heap: &Heap) -> u64 {
        let first = heap
            .entries
            .peek()
            .map_or(NEVER, |Reverse(entry)| entry.when);
        self.first.store(first, Ordering::Release);
        first
    }

    /// The first deadline, if there is one.
    pub(crate) fn first(&self) -> Option<u64> {
        let first = self.first.load(Ordering::Acquire);
        (first != NEVER).then_some(first)
    }

    pub(crate) fn is_due(&self) -> bool {
        self.first().is_some_and(|first| first <= os::nanotime())
    }

    /// Ends all waits whose time has come; true if there were any.
    #[inline]
    pub(crate) fn run_due(&self) -> bool {
        self.first().is_some() && self.is_due() && self.run_due_slow()
    }

    #[cold]
    fn run_due_slow(&self) -> bool {
        let now = os::nanotime();
        let mut fired = false;
        while let Some(entry) = self.pop_due(now) {
            if entry.waiter.claim().take(entry.ticket, DEADLINE) {
                match entry.waiter.kind() {
                    Kind::Task(task) => task.wake(),
                    _ => park::enter().ready(entry.waiter),
                }
                fired = true;
            }
        }
        fired
    }

    fn pop_due(&self, now: u64) -> Option<Entry> {
        let mut heap = self.heap.lock();
        let is_due = heap
            .entries
            .peek()
            .is_some_and(|Reverse(entry)| entry.when <= now);
        let entry = if is_due { heap.entries.pop() } else { None };
        self.publish_first(&heap);
        entry.map(|Reverse(entry)| entry)
    }
}
