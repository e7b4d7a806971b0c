//! Who runs where: the scheduler, told in chapters.
//!
//! | file | chapter |
//! |---|---|
//! | `run` | an M's life: take a goroutine, run it, see why it came back |
//! | `find` | where the next goroutine comes from |
//! | `global` | the queue of goroutines that belong to no P |
//! | `idle` | how Ms and Ps go to sleep and are woken |
//! | `counters` | the rule that no wake-up is lost |
//! | `poll` | who looks for events of descriptors, and when |
//! | `descriptor` | waiting for descriptors |
//! | `interrupt` | ending one caller's waits for descriptors |
//! | `park` | the gate: entering and parking |
//! | `ready` | a goroutine whose wait is over |
//! | `commit` | the last steps of parks |
//! | `locked` | a goroutine that keeps its thread |
//! | `no_park` | parks that must not be, and those that must all the same |
//! | `system_stack` | calls on the M's own stack |
//! | `debt` | the wake-up that is put off |
//! | `hold` | holding a goroutine that waits, to look at it |
//! | `spawn` | birth and death of goroutines; their numbers, records and stacks |
//! | `blocking` | calls that block the thread |
//! | `sysmon` | the watcher: new threads, overdue timers, events nobody looks for |
//! | `retake` | taking Ps from Ms that do not come back; time slices |
//! | `reap` | how threads end |
//! | `threadless` | what becomes of a P whose thread the system refuses |
//! | `procs` | how many Ps there are, and changing that |
//! | `timing` | waits that end by themselves, and calls that begin later |
//! | `os_thread` | a thread of one's own |
//! | `woken` | those whose wait an operation has ended |
//! | `overflow` | a goroutine that runs over its stack |
//! | `deadlock` | saying that no goroutine can go on |
//! | `dump` | listing goroutines |
//! | `stats` | numbers about all this |
//! | `errands` | what sysmon does besides: |
//! | `quit` | answering SIGQUIT |
//! | `trace` | writing a line about the scheduler now and then |
//! | `stall` | naming goroutines that hold a thread for long |
//! | `trim` | giving back what stacks no longer use |
//! | `room` | whether one more thread would find a processor |
//!
//! There is one scheduler a process, made at first use and never taken down: at the end of `main`
//! the process ends under the feet of whatever still runs, as in Go.
//!
//! Locks: under `idle` the list of Ms and sysmon's list of wanted threads may be taken, under a depot
//! none, and under that of the names the slabs, for a listing; no others together. Goroutines are
//! readied outside all of them.

pub(crate) mod blocking;
mod commit;
pub(crate) mod counters;
pub(crate) mod deadlock;
pub(crate) mod debt;
#[cfg_attr(
    not(feature = "net"),
    allow(dead_code, reason = "nobody opens a poller")
)]
pub(crate) mod descriptor;
pub(crate) mod dump;
mod errands;
pub(crate) mod find;
pub(crate) mod global;
pub(crate) mod hold;
pub(crate) mod idle;
pub(crate) mod idle_list;
#[cfg_attr(
    not(feature = "net"),
    allow(dead_code, reason = "nobody waits for a descriptor")
)]
pub(crate) mod interrupt;
mod locked;
pub(crate) mod no_park;
pub(crate) mod os_thread;
mod overflow;
pub(crate) mod park;
pub(crate) mod poll;
pub(crate) mod procs;
#[cfg(test)]
#[path = "procs/tests.rs"]
mod procs_tests;
pub(crate) mod quit;
pub(crate) mod ready;
mod reap;
pub(crate) mod retake;
mod room;
pub(crate) mod run;
pub(crate) mod spawn;
pub(crate) mod stall;
pub(crate) mod stats;
pub(crate) mod sysmon;
pub(crate) mod system_stack;
mod threadless;
pub(crate) mod timing;
mod trace;
mod trim;
pub(crate) mod woken;

use super::config::Settings;
use super::g::GList;
use super::m;
use super::netpoll::{Free, Netpoll};
use super::p::P;
use super::room::Room;
use crate::sys::atomic::AtomicUsize;
use crate::sys::lock::Lock;
use crate::sys::os;
use counters::Counters;
use global::GlobalQueue;
use procs::Procs;
use std::sync::OnceLock;

/// The one scheduler. What is needed all the time is simply there; what depends on settings is made
/// by [`start`].
pub(crate) struct Sched {
    setup: OnceLock<Setup>,
    pub(crate) counters: Counters,
    /// How many Ps are LENT.
    pub(crate) lent: AtomicUsize,
    pub(crate) idle: Lock<idle_list::Idle>,
    pub(crate) global: GlobalQueue,
    pub(crate) pool: spawn::Pool,
    pub(crate) netpoll: Netpoll,
    pub(crate) polling: poll::Polling,
    pub(crate) timers: timing::Timing,
    pub(crate) lowered: retake::Lowered,
    pub(crate) room: Room,
    pub(crate) sysmon: sysmon::Sysmon,
}

struct Setup {
    settings: Settings,
    procs: Procs,
}

static SCHED: Sched = Sched {
    setup: OnceLock::new(),
    counters: Counters::new(),
    lent: AtomicUsize::new(0),
    idle: Lock::new(idle_list::Idle::new()),
    global: GlobalQueue::new(Lock::new(GList::new())),
    pool: spawn::Pool::new(),
    netpoll: Netpoll::new(Lock::new(Free::new())),
    polling: poll::Polling::new(),
    timers: timing::Timing,
    lowered: retake::Lowered::new(),
    room: Room::new(),
    sysmon: sysmon::Sysmon::new(),
};

/// The scheduler, whether it was started or not.
#[inline]
pub(crate) fn sched() -> &'static Sched {
    &SCHED
}

impl Sched {
    pub(crate) fn is_started(&self) -> bool {
        self.setup.get().is_some()
    }

    #[inline]
    fn setup(&self) -> &Setup {
        match self.setup.get() {
            Some(setup) => setup,
            None => start(Settings::default),
        }
    }

    /// The Ps in use; starts the scheduler if need be.
    #[inline]
    pub(crate) fn ps(&self) -> &[&'static P] {
        self.procs().in_use()
    }

    #[inline]
    pub(crate) fn procs(&self) -> &Procs {
        &self.setup().procs
    }

    /// What the scheduler was started with; starts it if need be.
    pub(crate) fn settings(&self) -> &Settings {
        &self.setup().settings
    }
}

/// Starts the scheduler with the given settings, or gives back what runs.
#[cold]
fn start(settings: impl FnOnce() -> Settings) -> &'static Setup {
    SCHED.setup.get_or_init(|| {
        let settings = settings().with_environment();
        if settings.debug.mprotect_guards {
            super::stack::force_protect();
        }
        let procs = Procs::new(settings.max_procs, settings.is_procs_default);
        procs
            .in_use()
            .iter()
            .for_each(|_| SCHED.counters.add_idle());
        // The first P is on top.
        SCHED.idle.lock().ps = procs.in_use().iter().rev().copied().collect();
        overflow::install();
        if !settings.debug.fences && os::membarrier_register() {
            m::set_has_barrier();
        }
        quit::install(settings.traceback);
        stall::set_limit(settings.debug.stall);
        sysmon::start();
        Setup { settings, procs }
    })
}

/// Starts the scheduler unless it runs; `settings` is asked only if it does not.
pub(crate) fn start_with(settings: impl FnOnce() -> Settings) {
    start(settings);
}
