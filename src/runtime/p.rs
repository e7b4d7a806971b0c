//! P: a processor, the right to run goroutines. Go's `p`.
//!
//! There are as many as goroutines may run at once. An M needs one to run goroutine code through the
//! scheduler; it carries what such an M wants for itself alone: a run queue, warm stacks, dead
//! records, numbers.
//!
//! 1. The word says who owns the P (pword.rs). Everything marked *owner* is touched by the owning M
//!    only, inside the gate; the word's swaps carry it from owner to owner.
//! 2. Ps are never freed.

use super::cells::CellList;
use super::coro::StackList;
use super::g::DeadList;
use super::pace::Pace;
use super::pword::{PWord, Word};
use super::runq::RunQ;
use super::stack::CLASSES;
use super::timer::Timers;
use crate::sys::atomic::{AtomicBool, AtomicU64};
use crate::util::magazine::Magazine;
use std::cell::{Cell, UnsafeCell};

#[repr(align(128))]
pub(crate) struct P {
    pub(crate) word: PWord,
    /// Set by sysmon when the time slice is over; polled by blocking operations.
    pub(crate) preempt: AtomicBool,
    pub(crate) id: u32,
    /// *Owner.* How many operations have passed since a goroutine came into `runnext` for which no M
    /// was woken, 0 if there is none; and since when it is watched (ns). See `sched/debt.rs`.
    pub(crate) debt: Cell<u32>,
    pub(crate) debt_since: Cell<u64>,
    /// *Owner.* How fast it goes, for those who are readied together here.
    pub(crate) pace: Cell<Pace>,
    /// Counts time slices; written by the owner, watched by sysmon.
    pub(crate) tick: AtomicU64,
    /// Counts goroutines run, those that share a slice too; likewise.
    pub(crate) switches: AtomicU64,
    /// `switches` as it was when another M looked last whether this one's runs; a hint, written by any.
    pub(crate) switches_seen: AtomicU64,
    /// Counts goroutines that gave up their turn, and goroutines or batches taken from other Ps; written
    /// by the owner, added up by all.
    pub(crate) yields: AtomicU64,
    pub(crate) steals: AtomicU64,
    pub(crate) runq: RunQ,
    /// Deadlines of those who waited here last; run by the owner, and by whoever comes by in time.
    pub(crate) timers: Timers,
    /// Goroutines spawned here, and ended here; written by the owner, added up by all.
    pub(crate) spawned: AtomicU64,
    pub(crate) ended: AtomicU64,
    /// *Owner.*
    pub(crate) owned: UnsafeCell<Owned>,
}

/// What only the owner uses.
pub(crate) struct Owned {
    pub(crate) stacks: [StackList; CLASSES.len()],
    pub(crate) dead: Magazine<DeadList>,
    pub(crate) cells: Magazine<CellList>,
    pub(crate) next_id: u64,
    pub(crate) end_id: u64,
}

// SAFETY: the cells are the owner's (invariant 1); the rest is atomic or `Sync`.
unsafe impl Sync for P {}

impl P {
    /// Makes one that idles.
    pub(crate) fn new(id: u32) -> &'static P {
        Box::leak(Box::new(P {
            word: PWord::new(Word::idle(0)),
            preempt: AtomicBool::new(false),
            id,
            debt: Cell::new(0),
            debt_since: Cell::new(0),
            pace: Cell::new(Pace::UNKNOWN),
            tick: AtomicU64::new(0),
            switches: AtomicU64::new(0),
            switches_seen: AtomicU64::new(0),
            yields: AtomicU64::new(0),
            steals: AtomicU64::new(0),
            runq: RunQ::new(),
            timers: Timers::new(),
            spawned: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            owned: UnsafeCell::new(Owned {
                stacks: [const { StackList::new() }; CLASSES.len()],
                dead: Magazine::EMPTY,
                cells: Magazine::EMPTY,
                next_id: 0,
                end_id: 0,
            }),
        }))
    }
}
