//! Doubles of M and P, and of the thread that an M is.

use super::goroutine::GRef;
use super::keep;
use crate::runtime::pace::Pace;
use crate::runtime::pword::{PWord, Word};
use crate::runtime::runq::RunQ;
use crate::runtime::sched::sched;
use crate::runtime::timer::Timers;
use crate::sys;
use crate::sys::atomic::{AtomicBool, AtomicU64, Ordering, compiler_fence};
use loom::cell::Cell;
use loom::sync::mpsc::{Receiver, Sender, channel};
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

pub(crate) struct P {
    pub(crate) id: u32,
    pub(crate) word: PWord,
    pub(crate) preempt: AtomicBool,
    pub(crate) debt: Cell<u32>,
    pub(crate) debt_since: Cell<u64>,
    pub(crate) pace: Cell<Pace>,
    /// Always equal, so whoever looks for a stalled P steals from it. Not loom's: they are hints.
    pub(crate) switches: std::sync::atomic::AtomicU64,
    pub(crate) switches_seen: std::sync::atomic::AtomicU64,
    pub(crate) tick: AtomicU64,
    pub(crate) steals: AtomicU64,
    pub(crate) runq: RunQ,
    pub(crate) timers: Timers,
}

// SAFETY: the cells are watched by the checker.
unsafe impl Sync for P {}

impl P {
    pub(crate) fn new(id: u32) -> &'static P {
        let p = keep(P {
            id,
            word: PWord::new(Word::idle(0)),
            preempt: AtomicBool::new(false),
            debt: Cell::new(0),
            debt_since: Cell::new(0),
            pace: Cell::new(Pace::UNKNOWN),
            switches: Default::default(),
            switches_seen: Default::default(),
            tick: AtomicU64::new(1),
            steals: AtomicU64::new(0),
            runq: RunQ::new(),
            timers: Timers::new(),
        });
        let _ = (p.word.read(), p.runq.peek_next());
        p.preempt.load(Ordering::Relaxed);
        p.tick.load(Ordering::Relaxed);
        p.steals.load(Ordering::Relaxed);
        p
    }
}

pub(crate) struct M {
    inside: AtomicBool,
    pub(crate) id: u32,
    pub(crate) word: Cell<Word>,
    p: Cell<Option<&'static P>>,
    pub(crate) current: Cell<Option<GRef>>,
    pub(crate) spinning: Cell<bool>,
    pub(crate) note: Bell,
    pub(crate) handed: Cell<Option<Handed>>,
    pub(crate) handed_g: Cell<Option<GRef>>,
    pub(crate) is_poller: Cell<bool>,
    pub(crate) is_ending: Cell<bool>,
    pub(crate) is_locked: AtomicBool,
    pub(crate) is_lowered: AtomicBool,
}

#[derive(Clone, Copy)]
pub(crate) struct Handed {
    pub(crate) p: &'static P,
    pub(crate) word: Word,
    pub(crate) spinning: bool,
    pub(crate) g: Option<GRef>,
}

// SAFETY: the cells are watched by the checker.
unsafe impl Sync for M {}

impl M {
    /// Makes an M; the models make all of theirs before they begin (see `Sched::start`).
    pub(crate) fn with_id(id: u32) -> &'static M {
        let m = keep(M {
            inside: AtomicBool::new(true),
            id,
            word: Cell::new(Word::DEAD),
            p: Cell::new(None),
            current: Cell::new(None),
            spinning: Cell::new(false),
            note: Bell::new(),
            handed: Cell::new(None),
            handed_g: Cell::new(None),
            is_poller: Cell::new(false),
            is_ending: Cell::new(false),
            is_locked: AtomicBool::new(false),
            is_lowered: AtomicBool::new(false),
        });
        m.set_inside(true);
        m.is_locked.store(false, Ordering::Relaxed);
        m.is_lowered.store(false, Ordering::Relaxed);
        m
    }

    /// Nobody looks how long its goroutines keep it.
    pub(crate) fn set_blocking(&self, _: bool) {}

    /// Takes a vacant one: a model makes all its Ms before it begins.
    pub(crate) fn new() -> &'static M {
        let vacant = &sched().vacant;
        vacant.count.set(vacant.count.get() - 1);
        let m = vacant.ms.borrow_mut().pop();
        m.expect("as many as were counted")
    }

    pub(crate) fn vacate(&'static self) {
        assert!(!self.has_p() && !self.spinning.get() && self.current.get().is_none());
        self.is_ending.set(false);
        self.is_locked.store(false, Ordering::Relaxed);
        self.is_lowered.store(false, Ordering::Relaxed);
        let vacant = &sched().vacant;
        vacant.ms.borrow_mut().push(self);
        vacant.count.set(vacant.count.get() + 1);
    }

    /// How many are not vacant, for those who hold the idle lock.
    pub(crate) fn count() -> usize {
        let sched = sched();
        sched.ms.len() - sched.vacant.count.get()
    }

    pub(crate) fn by_id(id: u32) -> &'static M {
        sched().ms[id as usize - 1]
    }

    pub(crate) fn p(&self) -> &'static P {
        match self.p.get() {
            Some(p) => p,
            None => sys::fatal!("m{} has no P", self.id),
        }
    }

    pub(crate) fn has_p(&self) -> bool {
        self.p.get().is_some()
    }

    pub(crate) fn owns_p(&self) -> bool {
        self.p.get().is_some_and(|p| p.word.is(self.word.get()))
    }

    pub(crate) fn set_p(&self, p: &'static P, word: Word) {
        assert_eq!(word.m(), self.id, "P {} given to the wrong M", p.id);
        self.p.set(Some(p));
        self.word.set(word);
    }

    pub(crate) fn drop_p(&self) {
        self.p.set(None);
        self.word.set(Word::DEAD);
    }

    pub(crate) fn set_inside(&self, inside: bool) {
        if inside {
            self.inside.store(true, Ordering::Relaxed);
            compiler_fence(Ordering::SeqCst);
        } else {
            self.inside.store(false, Ordering::Release);
        }
    }

    pub(crate) fn was_inside(&self) -> bool {
        self.inside.load(Ordering::Relaxed)
    }

    pub(crate) fn part(&self, _: u32) {}

    /// Orders in a model need no change from look to look.
    pub(crate) fn random(&self) -> u32 {
        self.id
    }
}

/// An M's note, of which note.rs has shown that it keeps its promise: one object of the checker's
/// instead of a word and a futex.
pub(crate) struct Bell(Sender<Ring>, ManuallyDrop<Receiver<Ring>>);

enum Ring {
    Wake,
    End,
}

/// What unwinds an M at the end of its model.
struct End;

impl Bell {
    fn new() -> Bell {
        let (sender, receiver) = channel();
        // Not dropped: the checker wants to be asked at that, and its run may be over.
        Bell(sender, ManuallyDrop::new(receiver))
    }

    pub(crate) fn wake(&self) {
        self.0.send(Ring::Wake).expect("both ends are here");
    }

    pub(crate) fn sleep(&self) {
        match self.1.recv().expect("both ends are here") {
            Ring::Wake => {}
            Ring::End => resume_unwind(Box::new(End)),
        }
    }

    /// Ends the M, now or when it next sleeps.
    pub(crate) fn end(&self) {
        self.0.send(Ring::End).expect("both ends are here");
    }
}

/// Runs the life of an M until [`Bell::end`]: it has no end of its own.
pub(crate) fn until_the_end(life: impl FnOnce()) {
    let result = catch_unwind(AssertUnwindSafe(life));
    if let Err(payload) = result
        && !payload.is::<End>()
    {
        resume_unwind(payload);
    }
}

loom::thread_local! {
    static CURRENT: std::cell::Cell<Option<&'static M>> = std::cell::Cell::new(None);
}

pub(crate) fn current() -> Option<&'static M> {
    CURRENT.with(|m| m.get())
}

/// Makes `m` the M of this thread of the model.
pub(crate) fn set_current(m: Option<&'static M>) {
    CURRENT.with(|current| current.set(m));
}
