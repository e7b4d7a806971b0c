//! The scheduler of the models: the real `blocking`, `commit`, `counters`, `debt`, `descriptor`, `find`,
//! `global`, `hold`, `idle`, `idle_list`, `interrupt`, `no_park`, `park`, `poll`, `procs`, `ready` and `woken`, on a
//! scheduler without stacks and sysmon, whose timers are due when a model says so.

#[path = "../../../src/runtime/sched/blocking.rs"]
pub(crate) mod blocking;
#[path = "../../../src/runtime/sched/commit.rs"]
mod commit;
#[path = "../../../src/runtime/sched/counters.rs"]
pub(crate) mod counters;
#[path = "../../../src/runtime/sched/debt.rs"]
pub(crate) mod debt;
#[path = "../../../src/runtime/sched/descriptor.rs"]
pub(crate) mod descriptor;
#[path = "../../../src/runtime/sched/find.rs"]
pub(crate) mod find;
#[path = "../../../src/runtime/sched/global.rs"]
pub(crate) mod global;
#[path = "../../../src/runtime/sched/hold.rs"]
pub(crate) mod hold;
#[path = "../../../src/runtime/sched/idle.rs"]
pub(crate) mod idle;
#[path = "../../../src/runtime/sched/idle_list.rs"]
pub(crate) mod idle_list;
#[path = "../../../src/runtime/sched/interrupt.rs"]
pub(crate) mod interrupt;
#[path = "../../../src/runtime/sched/no_park.rs"]
pub(crate) mod no_park;
#[path = "../../../src/runtime/sched/park.rs"]
pub(crate) mod park;
#[path = "../../../src/runtime/sched/poll.rs"]
pub(crate) mod poll;
#[path = "../../../src/runtime/sched/procs.rs"]
pub(crate) mod procs;
#[path = "../../../src/runtime/sched/ready.rs"]
pub(crate) mod ready;
#[path = "../../../src/runtime/sched/woken.rs"]
pub(crate) mod woken;

use super::g::GList;
use super::m::M;
use super::netpoll::{Free, Netpoll};
use super::p::P;
use super::pword::Word;
use crate::sys::atomic::{AtomicUsize, Ordering};
use crate::sys::lock::Lock;
use crate::sys::note::Note;
use counters::Counters;
use global::GlobalQueue;
use procs::Procs;
use std::cell::Cell;

pub(crate) struct Sched {
    settings: Settings,
    procs: Procs,
    pub(crate) ms: Vec<&'static M>,
    pub(crate) counters: Counters,
    pub(crate) lent: AtomicUsize,
    pub(crate) idle: Lock<idle_list::Idle>,
    pub(crate) global: GlobalQueue,
    pub(crate) timers: timing::Timers,
    pub(crate) netpoll: Netpoll,
    pub(crate) polling: poll::Polling,
    pub(crate) sysmon: Sysmon,
}

pub(crate) struct Settings {
    pub(crate) max_threads: usize,
}

thread_local! {
    static SCHED: Cell<Option<&'static Sched>> = const { Cell::new(None) };
}

pub(crate) fn sched() -> &'static Sched {
    SCHED.get().expect("the model has started a scheduler")
}

/// Starts a scheduler whose first Ms have a P each; the others are on the idle list. No more Ms can
/// be had.
pub(crate) fn start(p_count: u32, m_count: u32) -> &'static Sched {
    let counters = Counters::new();
    counters.read();
    let sched = super::nouns::keep(Sched {
        settings: Settings {
            max_threads: m_count as usize,
        },
        procs: Procs::new(p_count as usize, true),
        ms: (1..=m_count).map(super::nouns::M::with_id).collect(),
        counters,
        lent: AtomicUsize::new(0),
        idle: Lock::new(idle_list::Idle::new()),
        global: GlobalQueue::new(Lock::new(GList::new())),
        timers: timing::Timers::new(),
        netpoll: Netpoll::new(Lock::new(Free::new())),
        polling: poll::Polling::new(),
        sysmon: Sysmon {
            note: super::nouns::fresh_note(),
        },
    });
    sched.lent.store(0, Ordering::Relaxed);
    assert!(sched.global.is_empty());
    assert!(!sched.procs.resize());
    assert_eq!(sched.procs.wanted(), sched.procs.all().len());
    for (p, m) in sched.ps().iter().zip(&sched.ms) {
        let word = p.word.acquire(Word::idle(0), m.id);
        m.set_p(p, word.expect("a new P is idle"));
    }
    sched.idle.lock().ms.extend(&sched.ms[p_count as usize..]);
    SCHED.set(Some(sched));
    assert!(!poll::look_from_outside());
    sched
}

impl Sched {
    pub(crate) fn ps(&self) -> &[&'static P] {
        self.procs.in_use()
    }

    pub(crate) fn procs(&self) -> &Procs {
        &self.procs
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }
}

/// The watcher as others see it; nobody watches.
pub(crate) struct Sysmon {
    pub(crate) note: Note,
}

impl Sysmon {
    pub(crate) fn wake(&self) {
        self.note.wake();
    }

    /// It sleeps for ever, and does not watch when it is woken.
    pub(crate) fn expect_timer(&self, _: u64) {
        self.wake();
    }

    pub(crate) fn request_thread(&self, m: &'static M) {
        crate::sys::fatal!("m{} has a thread already", m.id);
    }
}

/// What the watcher would write down.
pub(crate) mod sysmon {
    pub(super) fn now_ms() -> u32 {
        0
    }

    pub(super) fn set_now(_: u64) {}
}

/// In a model all Ms come back.
pub(crate) mod retake {
    use super::Word;

    pub(super) fn note_thread_limit() {}

    pub(super) fn is_due(_: &crate::runtime::p::P) -> bool {
        false
    }

    /// They are inside, whenever one looks: a P is had when it idles or is lent.
    pub(super) fn take_for(_: &crate::runtime::p::P, _: Word, _: u32) -> Option<Word> {
        None
    }
}

pub(crate) mod run {
    use super::park::Token;
    use crate::runtime::coro::Switch;

    pub(super) fn switch_in_place(_: &Token, _: Switch) {
        unreachable!("the goroutines of models have no M's stack to be on");
    }
}

/// No deadline is due by itself: a model says when, by [`timing::expire`]. Those of threads need none
/// of this. A timer of [`timing::arm_due`] is due at once.
pub(crate) mod timing {
    use super::poll;
    use crate::runtime::claim::Ticket;
    use crate::runtime::enter;
    use crate::runtime::g::GRef;
    use crate::runtime::p::P;
    use crate::runtime::timer::{DEADLINE, Target};
    use crate::runtime::waiter::Waiter;
    use crate::sys::atomic::{AtomicU64, Ordering};
    use crate::sys::lock::Lock;
    use std::cell::Cell;

    pub(crate) fn monotonic(_: std::time::Instant) -> u64 {
        0
    }

    pub(crate) struct Timers {
        armed: Lock<Vec<(Waiter, Ticket)>>,
        /// The one timer of a model that says that it has one; 0 while it is not armed.
        first: AtomicU64,
        is_used: Cell<bool>,
        starts: Cell<Option<GRef>>,
    }

    // SAFETY: the cells are written before the threads of a model are made.
    unsafe impl Sync for Timers {}

    impl Timers {
        pub(super) fn new() -> Timers {
            Timers {
                armed: Lock::new(Vec::new()),
                first: AtomicU64::new(0),
                is_used: Cell::new(false),
                starts: Cell::new(None),
            }
        }

        pub(crate) fn arm(&self, _: u64, waiter: Waiter, ticket: Ticket) {
            self.armed.lock().push((waiter, ticket));
        }

        pub(crate) fn first(&self) -> Option<u64> {
            let first = self
                .is_used
                .get()
                .then(|| self.first.load(Ordering::Relaxed));
            first.filter(|when| *when != 0)
        }

        pub(crate) fn wake_time(&self) -> Option<u64> {
            self.first()
        }

        pub(crate) fn is_due(&self) -> bool {
            self.first().is_some()
        }

        pub(crate) fn look(&self, _: &P) {}

        pub(crate) fn run(&self, _: &P, _: &P) -> bool {
            let is_ours = self.is_due() && self.first.swap(0, Ordering::Relaxed) != 0;
            if let (true, Some(g)) = (is_ours, self.starts.get()) {
                enter().start(g);
            }
            is_ours
        }

        pub(crate) fn run_idle(&self, here: &P) -> bool {
            self.run(here, here)
        }

        /// No P of a model has any, when its use ends.
        pub(super) fn push(&self, _: u64, _: Target) {
            unreachable!("a P without timers");
        }

        /// Says that there will be a timer, and what it starts.
        pub(crate) fn use_one(&self, g: GRef) {
            self.is_used.set(true);
            self.starts.set(Some(g));
            self.first.store(0, Ordering::Relaxed);
        }
    }

    /// Arms the timer, as timing.rs does with the first.
    pub(crate) fn arm_due() {
        super::sched().timers.first.store(1, Ordering::Relaxed);
        poll::expect_timer(1);
    }

    /// Has all deadlines come that are armed.
    pub(crate) fn expire() {
        let armed = std::mem::take(&mut *super::sched().timers.armed.lock());
        for (waiter, ticket) in armed {
            if waiter.claim().take(ticket, DEADLINE) {
                enter().ready(waiter);
            }
        }
    }
}

/// What the statistics would count.
pub(crate) mod stats {
    use crate::sys::atomic::AtomicU64;

    pub(crate) fn count_one_more(_: &AtomicU64) {}

    pub(crate) fn count_hand_over() {}
}

/// Stacks are not short.
pub(crate) mod spawn {
    /// Runs a piece of work of the runtime's, at once: no model has a waker that waits.
    pub(crate) fn spawn_task<F: FnOnce() + Send + 'static>(
        _: &super::park::Token,
        _: &'static std::panic::Location<'static>,
        work: F,
    ) {
        work();
    }

    use crate::runtime::coro::StackList;
    use crate::runtime::p::P;

    pub(crate) fn take_stacks_if_short(_: &P, _: &mut StackList) {}

    pub(crate) fn shelve_all(_: StackList) {}

    pub(super) fn give_all_back(_: &P) {}
}
