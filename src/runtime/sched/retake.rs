//! Taking Ps from Ms that do not come back. Go's `retake` and `preemptone`.
//!
//! A goroutine may call anything: `std::fs`, a lock of std's, a C library, a long loop. sysmon takes the
//! P away from its M and hands it to another; the goroutine goes on, on its thread, without a P, and
//! waits for one at its next blocking operation. Nobody has to say beforehand what blocks.
//!
//! **When.** Only where somebody waits for a P and none is free: a lone loop keeps its own.
//!
//! - A goroutine that has run for a slice is asked to yield (`P::preempt`); blocking operations look.
//! - One that has been away for a slice has its P taken, whatever it does; but not where the system has
//!   given its thread no CPU, for up to 100 ms: another thread would not get one either, and a loop it need
//!   not be. What waits at such a P is stolen by those who have a CPU (find.rs).
//! - One whose thread *sleeps* has its P taken as soon as that is certain: its CPU clock stood still from
//!   one look to the next, and the kernel names the system call it is in. (A clock that stands says
//!   little on a loaded machine: the thread may wait for a CPU.) Such a P is taken also where nobody is
//!   runnable, but timers or descriptors are waited for: somebody must look out for them.
//!
//! **How.** The word of a P (pword.rs) is the owner's to keep as long as it is inside the gate:
//!
//! ```text
//!   M in the gate                        sysmon
//!   1. inside = 1       (no fence)       a. OWN(m,e) -> TRY(m,e)
//!   2. word == OWN(m,e)? it is in        b. membarrier
//!      else: reenter                     c. reads m.inside
//!   3. uses the P                        d. 0: TRY(m,e) -> OWN(m2,e+1)
//!   4. inside = 0       (release)           1: TRY(m,e) -> OWN(m,e)
//! ```
//!
//! The barrier b stands between a store and a load of the M's as well: if c reads 0, then 1 comes after
//! b, so 2 reads TRY or later, and the M must swap it back before d does. Without membarrier there is a
//! fence between 1 and 2, and one at b. tests/model/handover.rs searches all of it.
//!
//! A goroutine that makes short calls into the gate all the time, of the kind that never switches, would
//! mostly be met inside, or swap TRY back before d. So who finds TRY at 2, and has had its slice while
//! others wait ([`is_due`]), hands the P over itself and makes the call without.
//!
//! **Busy threads.** A loop that lost its P competes with those who have one: the kernel knows nothing of
//! Ps. So its thread is *lowered* to a tenth of the CPU, and since that cannot be undone, ends when the
//! goroutine leaves it. Each such loop makes the slice longer, lest a thousand long computations become a
//! thousand threads at once. A thread that its goroutine has locked is not lowered.

use super::{debt, dump, find, idle, poll, sched, spawn, sysmon};
use crate::runtime::m::{self, M};
use crate::runtime::p::P;
use crate::runtime::pword::{State, Word};
use crate::sys;
use crate::sys::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
use crate::sys::os::{self, Standing};
use clock::Clock;
use std::fmt::Write;

mod clock;

pub(super) const SLICE_NS: u64 = 10_000_000;

/// How long until the next look at a goroutine that has just begun to be away, at a busy one, and at one whose
/// thread waits for a CPU, which our looks take from it.
const LOOK_FRESH_NS: u64 = 20_000;
const LOOK_BUSY_NS: u64 = 1_000_000;
const LOOK_STARVED_NS: u64 = 3_000_000;

/// Threads that were lowered, and have not ended.
pub(crate) struct Lowered(AtomicUsize);

impl Lowered {
    pub(crate) const fn new() -> Lowered {
        Lowered(AtomicUsize::new(0))
    }

    /// How long a goroutine may be away while others wait.
    fn slice_ns(&self) -> u64 {
        let lowered = self.0.load(Ordering::Relaxed) as u64;
        SLICE_NS * (1 + lowered / (2 * sched().ps().len() as u64))
    }

    pub(super) fn remove(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What sysmon remembers of the Ps from round to round.
pub(super) struct Watch {
    seen: Vec<Seen>,
    /// When to look again, in how many ns, for the sake of somebody who is away.
    pub(super) look_in: u64,
    /// Whether somebody stood in the `runnext` of a P that has run nothing else since the last look.
    pub(super) is_debt_open: bool,
    /// Whether goroutines waited in the queue of a P.
    pub(super) is_queue_seen: bool,
}

/// A P as it was at an earlier look.
#[derive(Clone, Copy)]
struct Seen {
    word: Word,
    tick: u64,
    switches: u64,
    /// Since when the slice and the run of its goroutine have been the same.
    slice_since: u64,
    run_since: u64,
    /// What stood in `runnext`.
    next: usize,
    /// Those who wait in its queue since an earlier look, or since this one.
    queued: Option<Queued>,
    /// The CPU clock of its M's thread in this run, if somebody waited.
    clock: Clock,
}

impl Seen {
    const NOTHING: Seen = Seen {
        word: Word::DEAD,
        tick: 0,
        switches: 0,
        slice_since: 0,
        run_since: 0,
        next: 0,
        queued: None,
        clock: Clock::UNSEEN,
    };
}

/// Goroutines that were seen in a queue.
#[derive(Clone, Copy)]
struct Queued {
    since: u64,
    /// The P's `tick` when the last of them will have had its turn, at the latest.
    until: u64,
}

/// What a goroutine that is away does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Away {
    Asleep,
    Busy,
}

impl Watch {
    pub(super) fn new() -> Watch {
        Watch {
            seen: Vec::new(),
            look_in: u64::MAX,
            is_debt_open: false,
            is_queue_seen: false,
        }
    }

    /// Looks after all Ps; true if something had to be done.
    pub(super) fn look(&mut self, now: u64) -> bool {
        self.look_in = u64::MAX;
        self.is_debt_open = false;
        self.is_queue_seen = false;
        let ps = sched().ps();
        self.seen.resize(ps.len(), Seen::NOTHING);
        let mut did_something = false;
        for (index, p) in ps.iter().enumerate() {
            did_something |= self.look_at(index, p, now);
        }
        did_something
    }

    fn look_at(&mut self, index: usize, p: &'static P, now: u64) -> bool {
        let before = self.seen[index];
        let mut seen = Seen {
            word: p.word.read(),
            tick: p.tick.load(Ordering::Relaxed),
            switches: p.switches.load(Ordering::Relaxed),
            slice_since: now,
            run_since: now,
            next: p.runq.peek_next().addr(),
            queued: look_at_queue(p, before.queued, now),
            ..Seen::NOTHING
        };
        let is_same_slice = seen.word == before.word && seen.tick == before.tick;
        let is_same_run = seen.word == before.word && seen.switches == before.switches;
        let is_same_next = is_same_run && seen.next != 0 && seen.next == before.next;
        self.is_debt_open |= is_same_run && seen.next != 0;
        self.is_queue_seen |= seen.queued.is_some();
        if is_same_slice {
            seen.slice_since = before.slice_since;
        }
        if is_same_run {
            seen.run_since = before.run_since;
            seen.clock = before.clock;
        }
        let did_something = match seen.word.state() {
            State::Lent => is_same_slice && is_lent_p_wanted(p) && idle::retake_lent(p),
            // Nobody else asks, so it is not TRY.
            State::Own => {
                if is_same_slice && now - seen.slice_since >= SLICE_NS {
                    p.preempt.store(true, Ordering::Relaxed);
                }
                // Where somebody was woken for those in the queue, and a P is free, they do not stay (debt.rs).
                let is_queue_old = seen
                    .queued
                    .is_some_and(|queued| now - queued.since >= debt::queue_wait());
                let owes = is_same_next || is_queue_old;
                let paid = owes && idle::wake_p();
                // That is no reason to look again soon.
                !paid && is_same_run && self.look_for(p, &mut seen, now)
            }
            State::Try | State::Idle | State::Dead => false,
        };
        self.seen[index] = seen;
        did_something
    }

    /// Looks whether the goroutine of `p` is away while somebody waits, and takes its P if so.
    fn look_for(&mut self, p: &'static P, seen: &mut Seen, now: u64) -> bool {
        let owner = M::by_id(seen.word.m());
        if owner.is_inside() || poll::is_p_free() || sched().counters.read().spinning() > 0 {
            return false;
        }
        let thread = owner.thread.load(Ordering::Relaxed);
        let is_waited_for = find::is_work_waiting(p);
        if !is_waited_for && !is_looked_out_for() {
            return false;
        }
        let is_first_look = seen.clock.is_unseen();
        let cpu = os::thread_cpu_time(thread);
        let standing = seen.clock.look(cpu, now, || os::thread_standing(thread));
        let is_late = || now - seen.run_since >= sched().lowered.slice_ns();
        let away = if standing == Standing::InCall {
            Some(Away::Asleep)
        } else if is_waited_for && is_late() && seen.clock.is_busy(standing, now) {
            Some(Away::Busy)
        } else {
            None
        };
        if away.is_some_and(|away| take(p, seen, owner, away)) {
            return true;
        }
        let look_in = match (is_first_look, seen.clock.wants_cpu()) {
            (true, _) => LOOK_FRESH_NS,
            (_, false) => LOOK_BUSY_NS,
            (_, true) => LOOK_STARVED_NS,
        };
        self.look_in = self.look_in.min(look_in);
        false
    }
}

/// Who waits in the queue of `p`: those of `before`, if not all have had their turn, or else whoever is there.
fn look_at_queue(p: &P, before: Option<Queued>, now: u64) -> Option<Queued> {
    let count = p.runq.local_len() as u64;
    // After the length: rather too late an end than one too early.
    let tick = p.tick.load(Ordering::Relaxed);
    let fresh = Queued {
        since: now,
        until: tick + count,
    };
    (count > 0).then(|| before.filter(|before| tick < before.until).unwrap_or(fresh))
}

/// Whether goroutines wait for timers or descriptors, for which somebody has to look out.
fn is_looked_out_for() -> bool {
    sched().timers.first().is_some() || sched().netpoll.has_waiters()
}

/// Whether a lent P has work of its own, or there is work and no other P for it.
fn is_lent_p_wanted(p: &P) -> bool {
    let sched = sched();
    // It may keep stacks, and only its owner can give them up.
    let holds_stacks = spawn::waiting_for_stacks() > 0;
    let is_needed = find::is_work_anywhere() && sched.counters.read().idle() == 0;
    !p.runq.is_empty() || holds_stacks || is_needed
}

/// Whether the owner of `p`, who has just been asked for it, has had its slice while others wait.
#[cold]
pub(super) fn is_due(p: &P) -> bool {
    p.preempt.load(Ordering::Relaxed) && find::is_work_waiting(p)
}

/// Takes `p` from `owner`, unless that has come back, and has another M go on with it.
fn take(p: &'static P, seen: &Seen, owner: &M, away: Away) -> bool {
    let taken = ask(p, seen.word, owner, |asked| {
        let is_taken = idle::start_m_on(p, |m| {
            let word = p.word.take(asked, Some(m.id))?;
            // Only now: it may have come back in the meantime, or even ended.
            if away == Away::Busy {
                lower(owner);
            }
            owner.part(sysmon::as_ms(seen.run_since));
            Some(word)
        });
        is_taken.then_some(())
    });
    taken.is_some()
}

/// Takes `p`, owned as `own`, in the name of `m`, unless its owner is inside the gate.
pub(super) fn take_for(p: &P, own: Word, m: u32) -> Option<Word> {
    let owner = M::by_id(own.m());
    ask(p, own, owner, |asked| {
        let word = p.word.take(asked, Some(m))?;
        owner.part(sysmon::now_ms());
        Some(word)
    })
}

/// Steps a to d: `take` swaps the word, if the owner is outside.
fn ask<T>(p: &P, own: Word, owner: &M, take: impl FnOnce(Word) -> Option<T>) -> Option<T> {
    let asked = p.word.ask(own)?;
    barrier();
    let taken = if owner.is_inside() { None } else { take(asked) };
    if taken.is_none() {
        p.word.withdraw(asked);
    }
    taken
}

/// Step b.
fn barrier() {
    if m::has_barrier() {
        os::membarrier();
    } else {
        // SeqCst: pairs with the fence of the entry, in `M::set_inside`.
        fence(Ordering::SeqCst);
    }
}

/// Leaves the thread of `m`, whose P was just taken, little of the CPU until it ends. Under the idle lock:
/// a thread about to end takes its number back under that too, so the number is still its own.
fn lower(m: &M) {
    let thread = m.thread.load(Ordering::Relaxed);
    if thread != 0 && !m.is_locked.load(Ordering::Relaxed) && !m.is_lowered.load(Ordering::Relaxed)
    {
        os::thread_lower(thread);
        m.is_lowered.store(true, Ordering::Relaxed);
        sched().lowered.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Set where a thread was needed beyond the limit.
static IS_SHORT: AtomicBool = AtomicBool::new(false);

/// Has sysmon warn that no more threads may be made.
pub(super) fn note_thread_limit() {
    if !IS_SHORT.swap(true, Ordering::Relaxed) {
        sched().sysmon.wake();
    }
}

/// Warns, once, that all threads are in use, and names who has kept one for longest. For sysmon, each round.
pub(super) fn warn_thread_limit(has_warned: &mut bool) {
    if *has_warned || !IS_SHORT.load(Ordering::Relaxed) {
        return;
    }
    *has_warned = sys::warn(|| {
        let mut text = format!(
            "sudog: {} threads are in use, the limit; goroutines wait until a blocking call ends (raise it \
             with Config::max_threads)\n",
            sched().settings().max_threads
        );
        if let Some((m, since)) = M::longest_parted()
            && let Some(g) = m.current.get()
        {
            let _ = write!(text, "sudog: {}", dump::title(g));
            if let Some(place) = g.spawned_at() {
                let _ = write!(text, ", spawned at {place},");
            }
            let blocked_ms = sysmon::now_ms().wrapping_sub(since);
            let _ = writeln!(text, " has blocked its thread for {blocked_ms} ms");
        }
        text
    });
}

#[cfg(test)]
mod tests;
