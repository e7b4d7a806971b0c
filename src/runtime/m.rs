//! M: a thread of the runtime. Go's `m`. And the only file with thread-locals.
//!
//! LLVM takes the address of a thread-local for a constant of the running function, and keeps it in
//! a register over a park, after which the function may be on another thread. An `inline(never)`
//! accessor is not enough: the optimiser sees that it reads no memory and merges two calls of it.
//! So each accessor here is `inline(never)` *and* holds an empty `asm!`, which it cannot look into.
//! A goroutine asks afresh after every park and keeps nothing.
//!
//! 1. Cells are touched by the M's own thread, on either stack; a waker that hands the M something
//!    writes `handed` after taking it off the idle list, before it wakes the note, on which the M waits
//!    before it reads. Likewise `is_ending`, where somebody else ends it.
//! 2. Records are never freed: a P's word and a goroutine name an M by number. One whose thread has
//!    ended is *vacant* and serves the next thread; by then no P and no goroutine names it any more.

use super::g::{G, GRef};
use super::locals::Locals;
use super::p::P;
use super::parker::Parker;
use super::pword::Word;
use crate::sys::atomic::{
    AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering, compiler_fence, fence,
};
use crate::sys::lock::Lock;
use crate::sys::note::Note;
use std::cell::Cell;
use std::ptr::{self, NonNull};

#[repr(align(128))]
pub(crate) struct M {
    /// Whether the M is inside the gate or in the scheduler, where its P cannot be taken.
    /// Goroutine code counts as outside.
    inside: AtomicBool,
    /// Whether each entry needs a fence, because takers have no barrier on our behalf.
    is_fenced: bool,
    pub(crate) id: u32,
    /// The tenure under which it owns `p`.
    pub(crate) word: Cell<Word>,
    p: Cell<Option<&'static P>>,
    /// The goroutine it runs; none on the scheduler's behalf.
    pub(crate) current: Current,
    /// Counts the goroutines it has begun to run or to run on; written by its own thread.
    runs: AtomicU32,
    /// The run in which its goroutine last entered `blocking`, and so means to keep the thread; another
    /// when it has left. Likewise.
    blocking_run: AtomicU32,
    /// Whether it looks for work without having any, and is counted as such.
    pub(crate) spinning: Cell<bool>,
    pub(crate) note: Note,
    /// What a waker left for it.
    pub(crate) handed: Cell<Option<Handed>>,
    /// The goroutine that came with its P, to be run before any other.
    pub(crate) handed_g: Cell<Option<GRef>>,
    /// Whether it was to sleep in the poller when it idled.
    pub(crate) is_poller: Cell<bool>,
    pub(crate) random: Cell<u64>,
    /// Whether the thread is to end once no goroutine needs it.
    pub(crate) is_ending: Cell<bool>,
    /// Whether the goroutine it runs asked for this thread.
    pub(crate) is_locked: AtomicBool,
    /// Whether the kernel was told to leave it little of the CPU. Written under the idle lock.
    pub(crate) is_lowered: AtomicBool,
    /// Since when (ms, as in `sysmon::now_ms`) the goroutine has been away that runs here without a P; 0
    /// if there is a P.
    pub(crate) parted_ms: AtomicU32,
    /// The thread's number; 0 before it has begun and once it is about to end.
    pub(crate) thread: AtomicU32,
    /// Where its signal handlers run; stays with the record.
    pub(crate) signal_stack: Cell<Option<NonNull<u8>>>,
    /// The addresses of the guard below its thread's stack: the first, and the one behind them.
    pub(crate) stack_guard: Cell<(usize, usize)>,
}

/// The goroutine an M runs. Others may look, to name it; by then it may be another.
pub(crate) struct Current(AtomicPtr<G>);

impl Current {
    #[inline]
    pub(crate) fn get(&self) -> Option<GRef> {
        let g = self.0.load(Ordering::Relaxed);
        // SAFETY: `set` stored a pointer of a `GRef`.
        (!g.is_null()).then(|| unsafe { GRef::from_ptr(g) })
    }

    #[inline]
    pub(crate) fn set(&self, g: Option<GRef>) {
        let g = g.map_or(ptr::null_mut(), GRef::as_ptr);
        self.0.store(g, Ordering::Relaxed);
    }
}

/// What an M gets together with a wake.
#[derive(Clone, Copy)]
pub(crate) struct Handed {
    pub(crate) p: &'static P,
    pub(crate) word: Word,
    pub(crate) spinning: bool,
    /// A goroutine to run before anything else.
    pub(crate) g: Option<GRef>,
}

// SAFETY: see invariant 1.
unsafe impl Sync for M {}
// SAFETY: an M's record is made on one thread and used on another; it holds nothing bound to either.
unsafe impl Send for M {}

struct All {
    /// By number less one.
    ms: Vec<&'static M>,
    vacant: Vec<&'static M>,
}

static ALL: Lock<All> = Lock::new(All {
    ms: Vec::new(),
    vacant: Vec::new(),
});
static COUNT: AtomicU32 = AtomicU32::new(0);

/// Whether takers have a barrier on behalf of Ms. Set before the first M.
static HAS_BARRIER: AtomicBool = AtomicBool::new(false);

pub(crate) fn set_has_barrier() {
    HAS_BARRIER.store(true, Ordering::Relaxed);
}

pub(crate) fn has_barrier() -> bool {
    HAS_BARRIER.load(Ordering::Relaxed)
}

impl M {
    /// Makes the record of a thread that is about to be started, or takes a vacant one.
    pub(crate) fn new() -> &'static M {
        let mut all = ALL.lock();
        COUNT.fetch_add(1, Ordering::Relaxed);
        if let Some(m) = all.vacant.pop() {
            return m;
        }
        let id = all.ms.len() as u32 + 1;
        let m = Box::leak(Box::new(M {
            inside: AtomicBool::new(true),
            is_fenced: !has_barrier(),
            id,
            word: Cell::new(Word::DEAD),
            p: Cell::new(None),
            current: Current(AtomicPtr::new(ptr::null_mut())),
            runs: AtomicU32::new(0),
            blocking_run: AtomicU32::new(u32::MAX),
            spinning: Cell::new(false),
            note: Note::new(),
            handed: Cell::new(None),
            handed_g: Cell::new(None),
            is_poller: Cell::new(false),
            random: Cell::new(0x9E37_79B9_7F4A_7C15 ^ u64::from(id) << 32 | 1),
            is_ending: Cell::new(false),
            is_locked: AtomicBool::new(false),
            is_lowered: AtomicBool::new(false),
            parted_ms: AtomicU32::new(0),
            thread: AtomicU32::new(0),
            signal_stack: Cell::new(None),
            stack_guard: Cell::new((0, 0)),
        }));
        all.ms.push(m);
        m
    }

    /// Gives the record back, which has no P and no goroutine. Its thread does not touch it any more.
    pub(crate) fn vacate(&'static self) {
        debug_assert!(!self.has_p() && !self.spinning.get() && self.current.get().is_none());
        self.is_ending.set(false);
        self.is_locked.store(false, Ordering::Relaxed);
        self.is_lowered.store(false, Ordering::Relaxed);
        self.parted_ms.store(0, Ordering::Relaxed);
        self.thread.store(0, Ordering::Relaxed);
        ALL.lock().vacant.push(self);
        COUNT.fetch_sub(1, Ordering::Relaxed);
    }

    /// How many Ms there are that are not vacant.
    pub(crate) fn count() -> usize {
        COUNT.load(Ordering::Relaxed) as usize
    }

    /// Those made after the first `count`.
    pub(crate) fn beyond(count: usize) -> Vec<&'static M> {
        ALL.lock().ms.get(count..).unwrap_or_default().to_vec()
    }

    pub(crate) fn by_id(id: u32) -> &'static M {
        ALL.lock().ms[id as usize - 1]
    }

    /// Whichever M has been without a P for longest because its goroutine does not come back, and since
    /// when (ms).
    pub(crate) fn longest_parted() -> Option<(&'static M, u32)> {
        let all = ALL.lock();
        let parted = all
            .ms
            .iter()
            .map(|m| (*m, m.parted_ms.load(Ordering::Relaxed)));
        parted
            .filter(|&(m, since)| since != 0 && m.current.get().is_some())
            .min_by_key(|&(_, since)| since)
    }

    /// Counts one more run, in a word that only this M writes.
    #[inline]
    pub(crate) fn count_run(&self) {
        let runs = self.runs.load(Ordering::Relaxed);
        self.runs.store(runs.wrapping_add(1), Ordering::Relaxed);
    }

    /// How many runs it has begun: while that stays the same, so does its goroutine.
    pub(crate) fn runs(&self) -> u32 {
        self.runs.load(Ordering::Relaxed)
    }

    /// Notes whether the goroutine means to keep the thread, until it has parked.
    pub(crate) fn set_blocking(&self, is_blocking: bool) {
        let other = u32::from(!is_blocking);
        self.blocking_run
            .store(self.runs().wrapping_sub(other), Ordering::Relaxed);
    }

    pub(crate) fn is_blocking(&self) -> bool {
        self.blocking_run.load(Ordering::Relaxed) == self.runs()
    }

    /// Its P. Only for those who know that there is one.
    #[inline]
    pub(crate) fn p(&self) -> &'static P {
        match self.p.get() {
            Some(p) => p,
            None => crate::sys::fatal!("m{} has no P", self.id),
        }
    }

    /// Whether the M has a P, by its own books; the gate asks the P's word.
    #[inline]
    pub(crate) fn has_p(&self) -> bool {
        self.p.get().is_some()
    }

    /// Whether the P this M believes to own says so too.
    #[inline]
    pub(crate) fn owns_p(&self) -> bool {
        self.p.get().is_some_and(|p| p.word.is(self.word.get()))
    }

    pub(crate) fn set_p(&self, p: &'static P, word: Word) {
        debug_assert_eq!(word.m(), self.id, "P {} given to the wrong M", p.id);
        self.p.set(Some(p));
        self.word.set(word);
        self.parted_ms.store(0, Ordering::Relaxed);
    }

    /// Forgets the P; whoever it goes to was settled in its word.
    pub(crate) fn drop_p(&self) {
        self.p.set(None);
        self.word.set(Word::DEAD);
    }

    /// Notes that the M's P has gone to another while its goroutine has been away since then (ms).
    pub(crate) fn part(&self, since_ms: u32) {
        self.parted_ms.store(since_ms.max(1), Ordering::Relaxed);
    }

    /// Opens the bracket: from here to `set_inside(false)` the P cannot be taken.
    ///
    /// The compiler must not move the read of the word before it. The processor may, and a taker
    /// makes up for that with a barrier on our behalf, where it can.
    #[inline]
    pub(crate) fn set_inside(&self, inside: bool) {
        if inside {
            self.inside.store(true, Ordering::Relaxed);
            if self.is_fenced {
                // SeqCst: pairs with the taker's fence (retake.rs).
                fence(Ordering::SeqCst);
            } else {
                compiler_fence(Ordering::SeqCst);
            }
        } else {
            // Release: a taker that reads false sees what we did to the P.
            self.inside.store(false, Ordering::Release);
        }
    }

    /// For its own thread: whether a bracket is open.
    #[inline]
    pub(crate) fn was_inside(&self) -> bool {
        self.inside.load(Ordering::Relaxed)
    }

    /// For a taker, behind its barrier: whether the P must be left alone.
    pub(crate) fn is_inside(&self) -> bool {
        // Acquire: pairs with the Release in `set_inside`.
        self.inside.load(Ordering::Acquire)
    }

    /// A pseudo-random number (xorshift64*), for orders that must not be the same each time.
    pub(crate) fn random(&self) -> u32 {
        let mut x = self.random.get();
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        self.random.set(x);
        (x.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32) as u32
    }
}

thread_local! {
    static CURRENT: Cell<*const M> = const { Cell::new(ptr::null()) };
    static PARKER: OwnParker = const { OwnParker(Cell::new(None)) };
    /// Without a destructor, so that those of its values find it.
    static LOCALS: Cell<OwnLocals> = const { Cell::new(OwnLocals::None) };
    static LOCALS_END: LocalsEnd = const { LocalsEnd };
}

/// A plain thread's values of `goroutine_local!`.
#[derive(Clone, Copy)]
enum OwnLocals {
    None,
    Some(Locals),
    /// The thread is being taken down, and they are gone.
    Ended,
}

struct LocalsEnd;

impl Drop for LocalsEnd {
    fn drop(&mut self) {
        if let OwnLocals::Some(locals) = LOCALS.get() {
            // SAFETY: the thread has come to its end, so nobody looks at a value.
            unsafe { locals.drop_all() };
            LOCALS.set(OwnLocals::Ended);
            // SAFETY: dropped and forgotten.
            unsafe { locals.free() };
        }
    }
}

struct OwnParker(Cell<Option<&'static Parker>>);

impl Drop for OwnParker {
    fn drop(&mut self) {
        if let Some(parker) = self.0.take() {
            parker.give_back();
        }
    }
}

/// The M of this thread, or `None` on a thread that is not the runtime's.
#[inline(never)]
pub(crate) fn current() -> Option<&'static M> {
    let m = CURRENT.get();
    // SAFETY: an empty assembly block; it keeps the optimiser from merging calls (see above).
    unsafe { std::arch::asm!("", options(nostack, preserves_flags)) };
    // SAFETY: the pointer is null or one to a leaked M.
    unsafe { m.as_ref() }
}

/// A pseudo-random number, on whatever thread.
pub(crate) fn random() -> u32 {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    match current() {
        Some(m) => m.random(),
        None => {
            // Weyl's sequence, mixed (splitmix64): no thread-local for threads that are not ours.
            let step = 0x9E37_79B9_7F4A_7C15;
            let mut x = COUNT.fetch_add(step, Ordering::Relaxed);
            x = (x ^ x >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            x = (x ^ x >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
            ((x ^ x >> 31) >> 32) as u32
        }
    }
}

/// Makes `m` the M of this thread, or makes the thread one that is not the runtime's.
pub(crate) fn set_current(m: Option<&'static M>) {
    CURRENT.set(m.map_or(ptr::null(), ptr::from_ref));
}

/// The parker of this thread. Not for goroutines, which would take it with them.
#[inline(never)]
pub(crate) fn parker() -> &'static Parker {
    // SAFETY: as in `current`.
    unsafe { std::arch::asm!("", options(nostack, preserves_flags)) };
    let own = PARKER.try_with(|slot| {
        let parker = slot.0.get().unwrap_or_else(Parker::take);
        slot.0.set(Some(parker));
        parker
    });
    // A thread that is being taken down has no slot any more.
    own.unwrap_or_else(|_| Parker::borrow())
}

/// The parker that this thread has, if it has needed one.
#[inline(never)]
pub(crate) fn kept_parker() -> Option<&'static Parker> {
    // SAFETY: as in `current`.
    unsafe { std::arch::asm!("", options(nostack, preserves_flags)) };
    PARKER.try_with(|slot| slot.0.get()).ok().flatten()
}

/// Whether this thread is unwinding: then its goroutine must not leave it, since panic counts belong
/// to threads.
#[inline(never)]
pub(crate) fn is_unwinding() -> bool {
    // SAFETY: as in `current`.
    unsafe { std::arch::asm!("", options(nostack, preserves_flags)) };
    std::thread::panicking()
}

/// The goroutine's table of its own values, or the thread's on a plain thread; none if that is being
/// taken down and they are gone.
pub(crate) fn locals() -> Option<Locals> {
    let Some(g) = current().and_then(|m| m.current.get()) else {
        return thread_locals();
    };
    Some(g.locals.get().unwrap_or_else(|| {
        let locals = Locals::new();
        g.locals.set(Some(locals));
        locals
    }))
}

/// Drops the goroutine's own values, at its end. Those made afterwards are dropped with its stack.
#[inline(never)]
pub(crate) fn drop_locals() {
    let g = current().and_then(|m| m.current.get());
    if let Some(locals) = g.and_then(|g| g.locals.get()) {
        // SAFETY: the goroutine's code has come to its end, so nobody looks at a value.
        unsafe { locals.drop_all() };
    }
}

#[inline(never)]
fn thread_locals() -> Option<Locals> {
    // SAFETY: as in `current`.
    unsafe { std::arch::asm!("", options(nostack, preserves_flags)) };
    match LOCALS.get() {
        OwnLocals::Some(locals) => Some(locals),
        OwnLocals::Ended => None,
        OwnLocals::None => {
            LOCALS_END.try_with(|_| ()).ok()?;
            let locals = Locals::new();
            LOCALS.set(OwnLocals::Some(locals));
            Some(locals)
        }
    }
}
