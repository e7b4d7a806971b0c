//! How many Ps there are, and changing that while goroutines run. Go's `procresize`, without stopping the
//! world.
//!
//! Whoever wants another number writes it down and wakes sysmon, the only one to change it:
//!
//! - *More.* Ps are made, or dead ones revived; they go on the idle list, and the number is published.
//! - *Fewer.* Each surplus P is taken from whoever has it: off the idle list, from a lender by a swap, from
//!   an M in goroutine code by the handshake of retake.rs; an M inside the gate is asked again later.
//!   Then it is owned in the name of nobody ([`NOBODY`]) and drained: goroutines go to the global queue,
//!   timers to other Ps, stacks and records to the pools. It is DEAD now, and the lesser number published.
//!
//! Where nobody has given a number it follows the CPUs and quotas that the system allows, as Go's does.
//!
//! 1. Slots hold the Ps from the first to the last ever made, which are never freed. The first `count` are
//!    in use: nobody looks at others for work. A slot is written before `made` counts it, by the start or
//!    by sysmon.
//! 2. `count` changes under the idle lock, together with the list of idle Ps. A P gets work only after it
//!    was counted, so an M that looks at all of them once more before it sleeps (counters.rs, d) does not
//!    miss any.
//! 3. The timers of a P are closed when it is drained. Who would have armed one there takes another P.

use super::{global, idle, retake, sched, spawn};
use crate::runtime::config::{self, MAX_PROCS};
use crate::runtime::p::P;
use crate::runtime::pword::State;
use crate::sys::atomic::{AtomicU32, AtomicUsize, Ordering};
use crate::sys::os;
use std::slice;

/// In `wanted`: the number follows what the system allows.
const FOLLOWS: usize = 1 << 16;

const _: () = assert!(MAX_PROCS < FOLLOWS);

/// How often (ns) is looked at what the system allows, while there is something to do.
const FOLLOW_EVERY_NS: u64 = 1_000_000_000;

/// Sysmon's memory of when that was.
pub(super) struct Follower {
    looked_at: u64,
}

impl Follower {
    pub(super) fn new(now: u64) -> Follower {
        Follower { looked_at: now }
    }

    pub(super) fn look(&mut self, now: u64) {
        if now - self.looked_at >= FOLLOW_EVERY_NS {
            self.looked_at = now;
            sched().procs().follow(config::default_procs);
        }
    }
}

/// The owner of a P that is being drained: no M has this number.
const NOBODY: u32 = 0;

pub(crate) struct Procs {
    /// Room for [`MAX_PROCS`].
    slots: *mut &'static P,
    made: AtomicUsize,
    count: AtomicUsize,
    /// How many there are to be, and [`FOLLOWS`] where nobody has given a number.
    wanted: AtomicUsize,
    /// How often that was asked for, and how often when it was last so. The second is a futex.
    asked: AtomicU32,
    answered: AtomicU32,
}

// SAFETY: slots are written once, before `made` and `count` reach beyond them (invariant 1).
unsafe impl Send for Procs {}
// SAFETY: as above.
unsafe impl Sync for Procs {}

impl Procs {
    /// Makes the first Ps, which idle; the caller lists them.
    pub(super) fn new(count: usize, follows: bool) -> Procs {
        let slots = Box::leak(Box::<[&'static P]>::new_uninit_slice(MAX_PROCS));
        let procs = Procs {
            slots: slots.as_mut_ptr().cast(),
            made: AtomicUsize::new(0),
            count: AtomicUsize::new(count),
            wanted: AtomicUsize::new(if follows { count | FOLLOWS } else { count }),
            asked: AtomicU32::new(0),
            answered: AtomicU32::new(0),
        };
        procs.make(count);
        procs
    }

    /// Makes Ps until there are `count`. For the start and for sysmon.
    fn make(&self, count: usize) {
        for index in self.made.load(Ordering::Relaxed)..count {
            // SAFETY: there is room, and nobody looks there yet (invariant 1).
            unsafe { self.slots.add(index).write(P::new(index as u32)) };
            // Release: pairs with the Acquire in `first`.
            self.made.store(index + 1, Ordering::Release);
        }
    }

    fn first(&self, count: &AtomicUsize) -> &[&'static P] {
        // Acquire: what was counted was written before.
        let count = count.load(Ordering::Acquire);
        // SAFETY: neither count reaches beyond the slots that were written.
        unsafe { slice::from_raw_parts(self.slots, count) }
    }

    /// The Ps in use.
    #[inline]
    pub(super) fn in_use(&self) -> &[&'static P] {
        self.first(&self.count)
    }

    /// All Ps that ever were: their counters go on counting.
    pub(super) fn all(&self) -> &[&'static P] {
        self.first(&self.made)
    }

    /// How many there are to be.
    pub(crate) fn wanted(&self) -> usize {
        self.wanted.load(Ordering::Relaxed) & !FOLLOWS
    }

    /// The Ps that are in use and will stay so.
    pub(super) fn staying(&self) -> &[&'static P] {
        let in_use = self.in_use();
        &in_use[..in_use.len().min(self.wanted())]
    }

    /// Changes the number, and returns what it was to be before. Blocks the thread for a moment.
    ///
    /// The caller is in goroutine code, where its own P can be taken too.
    pub(crate) fn set(&self, wanted: usize) -> usize {
        let before = self.wanted.swap(wanted, Ordering::Relaxed) & !FOLLOWS;
        // AcqRel: pairs with the Acquire in `resize`, of us and of those who asked before.
        let asked = self.asked.fetch_add(1, Ordering::AcqRel).wrapping_add(1);
        sched().sysmon.wake();
        loop {
            // Acquire: pairs with the Release in `resize`.
            let answered = self.answered.load(Ordering::Acquire);
            if answered.wrapping_sub(asked) <= u32::MAX / 2 {
                return before;
            }
            os::futex_wait(&self.answered, answered, None);
        }
    }

    /// Asks for as many as the system allows, unless somebody has given a number.
    pub(crate) fn follow(&self, allowed: impl FnOnce() -> usize) {
        let seen = self.wanted.load(Ordering::Relaxed);
        if seen & FOLLOWS == 0 {
            return;
        }
        let wanted = allowed() | FOLLOWS;
        let swap = |to| {
            let order = Ordering::Relaxed;
            self.wanted.compare_exchange(seen, to, order, order)
        };
        if wanted != seen && swap(wanted).is_ok() {
            self.asked.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// Does some of what was asked for, if anything was. For sysmon.
    pub(crate) fn resize(&self) -> bool {
        // First: what was asked for by then is wanted, or something later.
        let asked = self.asked.load(Ordering::Acquire);
        if asked == self.answered.load(Ordering::Relaxed) {
            return false;
        }
        let (count, wanted) = (self.count.load(Ordering::Relaxed), self.wanted());
        if count < wanted {
            self.grow(count, wanted);
        } else {
            self.shrink(count, wanted);
        }
        if self.count.load(Ordering::Relaxed) == wanted {
            self.answered.store(asked, Ordering::Release);
            os::futex_wake(&self.answered, i32::MAX as u32);
        }
        true
    }

    fn grow(&self, count: usize, wanted: usize) {
        self.make(wanted);
        let new = &self.all()[count..wanted];
        for p in new {
            if p.word.read().state() == State::Dead {
                p.timers.open();
                p.word.revive();
            }
        }
        {
            let mut idle = sched().idle.lock();
            for p in new {
                idle.ps.push(p);
                sched().counters.add_idle();
            }
            self.count.store(wanted, Ordering::Release);
        }
        // Step d of counters.rs, for whom we idled them. One M that finds work wakes the next.
        idle::wake_p();
    }

    /// Ends the use of the last Ps, down to one that cannot be had now.
    fn shrink(&self, count: usize, wanted: usize) {
        let surplus = &self.in_use()[wanted..count];
        for p in surplus.iter().rev().take_while(|p| end(p)) {
            let _idle = sched().idle.lock();
            self.count.store(p.id as usize, Ordering::Release);
        }
        // For what was in their queues.
        idle::wake_p();
    }
}

/// Ends the use of a P; false if it could not be had.
fn end(p: &'static P) -> bool {
    let seen = p.word.read();
    let own = match seen.state() {
        // Off the list its word is ours, and may have changed before.
        State::Idle if idle::unlist_p(p) => p.word.acquire(p.word.read(), NOBODY),
        State::Idle | State::Dead => None,
        State::Lent => idle::take_lent(p, NOBODY),
        // Nobody else asks, so it is not TRY.
        State::Own | State::Try => retake::take_for(p, seen, NOBODY),
    };
    let Some(own) = own else {
        return false;
    };
    global::take_over(p);
    p.debt.set(0);
    spawn::give_all_back(p);
    for (when, target) in p.timers.close() {
        sched().timers.push(when, target);
    }
    p.word.bury(own);
    true
}
