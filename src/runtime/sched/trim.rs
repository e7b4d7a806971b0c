//! Giving memory of stacks back that was touched once and is not needed now.
//!
//! A goroutine that once went deep keeps all pages it has touched; if then it waits for long, they are
//! lost to everybody. Likewise a stack in the pool, whose last user went deep. So sysmon passes over all
//! goroutines now and then, some hundreds at a time: one that has waited for [`LONG_MS`] is held (hold.rs),
//! and if more than a few pages lie below the end of its stack, these are given back.
//!
//! 1. What is given back is whole pages, from the guard to the page below the one that the stack pointer
//!    was in when the park began. From there to the switch less than a page is used, and nobody reads
//!    below a stack's end: what others know of a parked stack (a sudog, the place for a value) lies in
//!    frames above. It is done while the goroutine is held, so its stack does not grow meanwhile.
//! 2. Where a goroutine is locked to its thread the stack pointer may have been another stack's: it is
//!    left alone.
//! 3. A wait is looked at once (`TRIMMED`). So goroutines that wait for good cost a pass over their
//!    records, and if nothing has run since the last pass and all were seen, not even that.
//! 4. A stack in the pool is idle if nobody has needed it for a whole pass; what is below its two topmost
//!    pages goes, and it is taken again only where there are no warm ones.
//!
//! Below [`PAGES_MIN`] it is not worth it: to touch a page again costs twice what giving it back does.

use super::hold::Hold;
use super::{sched, spawn, sysmon};
use crate::runtime::coro::Stack;
use crate::runtime::g::{self, GRef};
use crate::runtime::status::State;
use crate::sys::atomic::Ordering;
use crate::sys::os;

/// How long a goroutine must have waited.
const LONG_MS: u32 = 2_000;
/// How many pages must be in memory that it does not need.
const PAGES_MIN: usize = 4;
/// How much of an idle stack is kept: where the next goroutine begins.
const KEPT: usize = 8 << 10;

/// There is something done every so often: over that many slabs, with at most that many requests to the
/// system for goroutines, and for stacks of the pool, where most find nothing. It takes some hundred
/// microseconds, so sysmon's other duties wait no longer than that.
const STEP_NS: u64 = 5_000_000;
const SLABS_PER_STEP: usize = 64;
const TRIMS_PER_STEP: usize = 128;
const IDLE_PER_STEP: usize = 256;

/// From the end of a pass to the beginning of the next.
const REST_NS: u64 = 1_000_000_000;

pub(super) struct Trim {
    /// When the pass goes on, or the next begins; `u64::MAX` if only when others have run.
    pass_at: u64,
    /// When there is more to do for the pool; `u64::MAX` if not before the end of a pass.
    pool_at: u64,
    /// Which slab comes next, and how many of its records were seen.
    slab: usize,
    record: usize,
    /// Whether this pass has met a goroutine that will have waited for long by the next.
    has_young: bool,
    /// How many goroutines had run when the pass began, and when the one before did.
    switches: u64,
    switches_before: u64,
}

impl Trim {
    pub(super) fn new(now: u64) -> Trim {
        Trim {
            pass_at: now + REST_NS,
            pool_at: u64::MAX,
            slab: 0,
            record: 0,
            has_young: false,
            switches: 0,
            switches_before: 0,
        }
    }

    /// When there is something to do; `u64::MAX` if only when others have run.
    pub(super) fn next_at(&self) -> u64 {
        self.pass_at.min(self.pool_at)
    }

    /// Takes the next steps if they are due. For sysmon, each round.
    pub(super) fn look(&mut self, now: u64) {
        if self.pass_at == u64::MAX && count_switches() != self.switches {
            self.pass_at = now + REST_NS;
        }
        if now >= self.pool_at {
            let is_done = trim_pool();
            self.pool_at = if is_done { u64::MAX } else { now + STEP_NS };
        }
        if now >= self.pass_at {
            if (self.slab, self.record) == (0, 0) {
                self.has_young = false;
                self.switches_before = self.switches;
                self.switches = count_switches();
            }
            let is_done = self.step();
            self.pass_at = if is_done {
                self.end_pass(now)
            } else {
                now + STEP_NS
            };
        }
    }

    fn end_pass(&mut self, now: u64) -> u64 {
        (self.slab, self.record) = (0, 0);
        spawn::collect_stacks();
        spawn::watch_idle_stacks();
        self.pool_at = now;
        // Stacks that have just become idle want one pass more.
        let is_quiet = self.switches == self.switches_before && self.switches == count_switches();
        if is_quiet && !self.has_young {
            u64::MAX
        } else {
            now + REST_NS
        }
    }

    /// Looks at some goroutines; true if those were the last.
    fn step(&mut self) -> bool {
        let now_ms = sysmon::now_ms();
        let mut budget = TRIMS_PER_STEP;
        for _ in 0..SLABS_PER_STEP {
            let Some(slab) = g::slab(self.slab) else {
                return true;
            };
            for g in slab.skip(self.record) {
                if budget == 0 {
                    return false;
                }
                self.record += 1;
                match age(g, now_ms) {
                    Age::Done => {}
                    Age::Young => self.has_young = true,
                    Age::Old => budget -= usize::from(trim(g, now_ms)),
                }
            }
            (self.slab, self.record) = (self.slab + 1, 0);
        }
        false
    }
}

fn count_switches() -> u64 {
    let ps = sched().procs().all().iter();
    ps.map(|p| p.switches.load(Ordering::Relaxed)).sum()
}

/// What is to be done about a goroutine.
#[derive(PartialEq, Eq)]
enum Age {
    /// Nothing: it does not wait, or was seen to.
    Done,
    /// Nothing yet.
    Young,
    Old,
}

fn age(g: GRef, now_ms: u32) -> Age {
    if g.status.get() != State::Waiting || g.is_trimmed() {
        return Age::Done;
    }
    // Signed: the wait may have begun by a clock a moment ahead of ours.
    if now_ms.wrapping_sub(g.waits_since_ms()) as i32 >= LONG_MS as i32 {
        Age::Old
    } else {
        Age::Young
    }
}

/// Trims the stack of a goroutine that waits for long; true if the system was asked.
fn trim(g: GRef, now_ms: u32) -> bool {
    let Some(held) = Hold::take(g) else {
        return false;
    };
    let g = held.goroutine();
    let Some(stack) = g.stack.get() else {
        return false;
    };
    // Only now it is certain which wait this is.
    if age(g, now_ms) != Age::Old {
        return false;
    }
    g.set_trimmed();
    let room = stack.room();
    let depth = g.noted_depth(room.start);
    if g.locked_m.get() != 0 || !room.contains(&depth) {
        return false;
    }
    // Invariant 1: a page less, because the switch goes a little deeper.
    forget_below(&stack, depth.saturating_sub(os::page_size()));
    true
}

/// The whole pages of a stack below `end`.
fn pages_below(stack: &Stack, end: usize) -> (*mut u8, usize) {
    let start = stack.room().start;
    let len = end.saturating_sub(start) / os::page_size() * os::page_size();
    (start as *mut u8, len)
}

/// Gives back what the stack of a held goroutine has in memory below `end`, if that is worth it.
fn forget_below(stack: &Stack, end: usize) {
    let (base, len) = pages_below(stack, end);
    // SAFETY: whole pages of a slot between its guard and what its goroutine needs (invariant 1).
    unsafe {
        if os::resident_pages(base, len) > PAGES_MIN {
            os::forget(base, len);
        }
    }
}

/// Trims some idle stacks of the pool; true if those were the last.
fn trim_pool() -> bool {
    let mut stacks = spawn::take_idle_stacks(IDLE_PER_STEP);
    let is_done = stacks.len() < IDLE_PER_STEP;
    while let Some(stack) = stacks.pop() {
        let (base, len) = pages_below(&stack, stack.room().end - KEPT);
        // Without asking what is there: nobody has needed it for long, and asking costs more.
        // SAFETY: whole pages of a slot that nobody has, for it is on no list; its coroutine waits for
        // the next goroutine in the topmost page or two (invariant 4).
        unsafe { os::forget(base, len) };
        spawn::shelve_trimmed(stack);
    }
    is_done
}
