//! Numbers about the scheduler: what is counted, and what can be derived.
//!
//! Counters stand in the P, or in the pool for those without one, and only the owner writes them: a load
//! and a store, never a read-modify-write. The rest is derived: a goroutine that was made to run has
//! since ended, given up its turn, begun to wait, or it runs on; so nobody counts the waits. What seldom
//! happens is counted here.

use super::{idle_list, sched, spawn};
use crate::runtime::g;
use crate::runtime::m::M;
use crate::runtime::p::P;
use crate::runtime::stack;
use crate::runtime::stats::Stats;
use crate::runtime::status::State;
use crate::sys::atomic::{AtomicU64, Ordering};

/// Counts in a word that only the owner of the P writes, hence no read-modify-write.
#[inline]
pub(crate) fn count_one_more(count: &AtomicU64) {
    count.store(count.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
}

static HAND_OVERS: AtomicU64 = AtomicU64::new(0);

/// Counts a P that goes from an M to another, which has to be woken for it.
pub(crate) fn count_hand_over() {
    HAND_OVERS.fetch_add(1, Ordering::Relaxed);
}

/// How many Ps and Ms idle.
pub(super) struct Idlers {
    pub(super) ps: usize,
    pub(super) ms: usize,
    pub(super) spinning: usize,
}

pub(super) fn idlers() -> Idlers {
    let idle: &idle_list::Idle = &sched().idle.lock();
    Idlers {
        ps: idle.ps.len(),
        ms: idle.ms.len(),
        spinning: sched().counters.read().spinning(),
    }
}

fn sum(of: fn(&P) -> &AtomicU64) -> u64 {
    // Those no longer in use too: what they have counted stays.
    let ps = sched().procs().all().iter();
    ps.map(|p| of(p).load(Ordering::Relaxed)).sum()
}

/// Gathers all there are. Looks at every goroutine's record.
pub(crate) fn gather() -> Stats {
    let sched = sched();
    let [mut runnable, mut running, mut waiting] = [0; 3];
    for g in (0..).map_while(g::slab).flatten() {
        match g.status.get() {
            State::Dead => {}
            State::Runnable => runnable += 1,
            State::Running => running += 1,
            State::Waiting => waiting += 1,
        }
    }
    let (spawned, ended) = spawn::totals();
    let (switches, yields) = (sum(|p| &p.switches), sum(|p| &p.yields));
    let idlers = idlers();
    Stats {
        goroutines: (spawned - ended) as usize,
        runnable,
        running,
        waiting,
        spawned,
        procs: sched.ps().len(),
        idle_procs: idlers.ps,
        threads: M::count(),
        idle_threads: idlers.ms,
        spinning_threads: idlers.spinning,
        global_queue: sched.global.len(),
        local_queues: sched.ps().iter().map(|p| p.runq.len()).collect(),
        ticks: ticks(),
        switches,
        // Goroutines are counted as running where they would not be; so it is never too high.
        parks: switches.saturating_sub(yields + ended + running as u64),
        yields,
        steals: sum(|p| &p.steals),
        hand_overs: HAND_OVERS.load(Ordering::Relaxed),
        stacks: stack::made(),
        stack_bytes: stack::reserved(),
        timers: sched.procs().all().iter().map(|p| p.timers.len()).sum(),
        net_waiters: sched.netpoll.count_waits(),
    }
}

/// Time slices begun on each P.
pub(super) fn ticks() -> Vec<u64> {
    let ps = sched().ps().iter();
    ps.map(|p| p.tick.load(Ordering::Relaxed)).collect()
}
