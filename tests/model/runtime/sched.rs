//! The scheduler of the models: the real `blocking`, `commit`, `counters`, `debt`, `descriptor`, `find`,
//! `global`, `hold`, `idle`, `idle_list`, `interrupt`, `locked`, `no_park`, `park`, `poll`, `procs`, `ready`, `reap`,
//! `timing` and `woken`, on a scheduler without stacks and sysmon, whose timers are due when a model says so
//! (deadlines.rs) unless it asks for the real ones.

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
#[path = "../../../src/runtime/sched/locked.rs"]
pub(crate) mod locked;
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
#[path = "../../../src/runtime/sched/reap.rs"]
pub(crate) mod reap;
#[path = "../../../src/runtime/sched/timing.rs"]
pub(crate) mod timing;
#[path = "../../../src/runtime/sched/woken.rs"]
pub(crate) mod woken;

pub(crate) mod deadlines;

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
use std::cell::{Cell, RefCell};

pub(crate) struct Sched {
    settings: Settings,
    procs: Procs,
    pub(crate) ms: Vec<&'static M>,
    /// Those of them that are vacant.
    pub(crate) vacant: Vacant,
    pub(crate) counters: Counters,
    pub(crate) lent: AtomicUsize,
    pub(crate) idle: Lock<idle_list::Idle>,
    pub(crate) global: GlobalQueue,
    pub(crate) timers: deadlines::Timers,
    pub(crate) netpoll: Netpoll,
    pub(crate) polling: poll::Polling,
    pub(crate) sysmon: Sysmon,
    pub(crate) lowered: retake::Lowered,
    pub(crate) room: Room,
}

/// What the idle lock is to guard, as the checker sees.
pub(crate) struct Vacant {
    pub(crate) count: loom::cell::Cell<usize>,
    pub(crate) ms: RefCell<Vec<&'static M>>,
}

// SAFETY: the first cell is watched by the checker, and the other is touched behind it.
unsafe impl Sync for Vacant {}

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
        vacant: Vacant {
            count: loom::cell::Cell::new(0),
            ms: RefCell::new(Vec::new()),
        },
        counters,
        lent: AtomicUsize::new(0),
        idle: Lock::new(idle_list::Idle::new()),
        global: GlobalQueue::new(Lock::new(GList::new())),
        timers: deadlines::Timers::new(),
        netpoll: Netpoll::new(Lock::new(Free::new())),
        polling: poll::Polling::new(),
        sysmon: Sysmon {
            note: super::nouns::fresh_note(),
            maker: Cell::new(None),
        },
        lowered: retake::Lowered,
        room: Room,
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
    /// Makes the thread of an M whose record was vacant, in a model where threads end.
    pub(crate) maker: Cell<Option<fn(&'static M)>>,
}

// SAFETY: the cell is written before the threads of a model are made.
unsafe impl Sync for Sysmon {}

impl Sysmon {
    pub(crate) fn wake(&self) {
        self.note.wake();
    }

    /// It sleeps for ever, and does not watch when it is woken.
    pub(crate) fn wake_by(&self, _: u64) {
        self.wake();
    }

    pub(crate) fn request_thread(&self, m: &'static M) {
        match self.maker.get() {
            Some(make) => make(m),
            None => crate::sys::fatal!("m{} has a thread already", m.id),
        }
    }
}

/// Nobody looks, so there is always some.
pub(crate) struct Room;

impl Room {
    pub(crate) fn is_scarce(&self) -> bool {
        false
    }

    pub(crate) fn ask(&self) {}
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

    /// How many threads were lowered, which nobody asks.
    pub(crate) struct Lowered;

    impl Lowered {
        pub(super) fn remove(&self) {}
    }

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

/// What the statistics would count.
pub(crate) mod stats {
    use crate::sys::atomic::AtomicU64;

    pub(crate) fn count_one_more(_: &AtomicU64) {}

    pub(crate) fn count_hand_over() {}
}

/// No goroutine runs over a stack it has not got.
pub(crate) mod overflow {
    pub(super) fn release_thread(_: &super::M) {}
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
