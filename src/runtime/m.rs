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
//!    before it reads.
//! 2. Ms are never freed: a P's word and a goroutine name them by number.

use super::g::GRef;
use super::p::P;
use super::parker::Parker;
use super::pword::Word;
use crate::sys::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering, compiler_fence};
use crate::sys::lock::Lock;
use crate::sys::note::Note;
use std::cell::Cell;
use std::ptr;

#[repr(align(128))]
pub(crate) struct M {
    /// Whether the M is inside the gate or in the scheduler, where its P cannot be taken.
    /// Goroutine code counts as outside.
    pub(crate) inside: AtomicBool,
    pub(crate) id: u32,
    /// The tenure under which it owns `p`.
    pub(crate) word: Cell<Word>,
    p: Cell<Option<&'static P>>,
    /// The goroutine it runs; none on the scheduler's behalf.
    pub(crate) current: Cell<Option<GRef>>,
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

/// All Ms, by number less one.
static MS: Lock<Vec<&'static M>> = Lock::new(Vec::new());
static COUNT: AtomicU32 = AtomicU32::new(0);

impl M {
    /// Makes the record of a thread that is about to be started.
    pub(crate) fn new() -> &'static M {
        let mut all = MS.lock();
        let id = all.len() as u32 + 1;
        let m = Box::leak(Box::new(M {
            inside: AtomicBool::new(true),
            id,
            word: Cell::new(Word::DEAD),
            p: Cell::new(None),
            current: Cell::new(None),
            spinning: Cell::new(false),
            note: Note::new(),
            handed: Cell::new(None),
            handed_g: Cell::new(None),
            is_poller: Cell::new(false),
            random: Cell::new(0x9E37_79B9_7F4A_7C15 ^ u64::from(id) << 32 | 1),
        }));
        all.push(m);
        COUNT.store(id, Ordering::Relaxed);
        m
    }

    /// How many Ms there are.
    pub(crate) fn count() -> usize {
        COUNT.load(Ordering::Relaxed) as usize
    }

    pub(crate) fn by_id(id: u32) -> &'static M {
        MS.lock()[id as usize - 1]
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
    }

    /// Forgets the P; whoever it goes to was settled in its word.
    pub(crate) fn drop_p(&self) {
        self.p.set(None);
        self.word.set(Word::DEAD);
    }

    /// Opens the bracket: from here to `set_inside(false)` the P cannot be taken.
    ///
    /// The compiler must not move the read of the word before it. The processor may, and a taker
    /// makes up for that with a barrier on our behalf.
    #[inline]
    pub(crate) fn set_inside(&self, inside: bool) {
        if inside {
            self.inside.store(true, Ordering::Relaxed);
            compiler_fence(Ordering::SeqCst);
        } else {
            // Release: a taker that reads false sees what we did to the P.
            self.inside.store(false, Ordering::Release);
        }
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

/// Makes `m` the M of this thread.
pub(crate) fn set_current(m: &'static M) {
    CURRENT.set(m);
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

/// Whether this thread is unwinding: then its goroutine must not leave it, since panic counts belong
/// to threads.
#[inline(never)]
pub(crate) fn is_unwinding() -> bool {
    // SAFETY: as in `current`.
    unsafe { std::arch::asm!("", options(nostack, preserves_flags)) };
    std::thread::panicking()
}
