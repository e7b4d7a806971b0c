//! Doubles of G, M, P, parkers and stacks, with the fields that the protocols touch.
//!
//! 1. Nothing is freed while a model runs, as in the runtime: records are kept in [`keep`]'s list
//!    and dropped when the next run of the model begins ([`forget_all`]).
//! 2. Cells are the checker's: it reports two threads at one cell of which neither is known to be
//!    later, so a P with two owners or a wake that publishes nothing fails a model by itself.
//! 3. A goroutine here has no stack. Running it is to call [`G::run`], which counts, in such a cell.
//! 4. Each goroutine weighs [`WEIGHT`], so a local queue of 256 is full with four of them.

use super::claim::Claim;
use super::interrupt::Frames;
use super::latch::Latch;
use super::pword::Word;
use super::runq::RunQ;
use super::sched::sched;
use super::status::{Readied, State, Status};
use super::timer::Timers;
use crate::sys;
use crate::sys::atomic::{AtomicBool, AtomicU64, Ordering, compiler_fence};
use crate::sys::lock::{Lock, RawLock};
use crate::sys::note::Note;
use loom::cell::Cell;
use loom::sync::mpsc::{Receiver, Sender, channel};
use std::any::Any;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::ptr;
use std::task::Waker;
use std::time::{Duration, Instant};

/// How many goroutines one of the model counts for.
pub(crate) const WEIGHT: usize = 64;

thread_local! {
    static KEPT: RefCell<Vec<Box<dyn Any>>> = const { RefCell::new(Vec::new()) };
}

/// Keeps `value` where it is until the next run of the model begins.
pub(crate) fn keep<T: 'static>(value: T) -> &'static T {
    let kept = Box::new(value);
    // SAFETY: the box stays in the list, and what it holds stays in place, until `forget_all`.
    let place = unsafe { &*ptr::from_ref(&*kept) };
    KEPT.with_borrow_mut(|all| all.push(kept));
    place
}

/// Begins a new run: all threads of the one before have ended.
pub(crate) fn forget_all() {
    let old = KEPT.take();
    drop(old);
}

#[derive(Clone, Copy)]
pub(crate) enum WaitReason {
    WaitGroup,
    Scope,
    Join,
    ChanSend,
    ChanReceive,
    ChanReceiveNever,
    IoWait,
    Select,
    SelectNoCases,
    MutexLock,
    RwLockRead,
    RwLockWrite,
    CondWait,
    SemAcquire,
    Once,
    Barrier,
    Broadcast,
}

impl WaitReason {
    pub(crate) fn text(self) -> &'static str {
        "waiting"
    }
}

#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub(crate) reason: WaitReason,
    pub(crate) at: &'static Location<'static>,
}

pub(crate) struct G {
    id: u64,
    pub(crate) status: Status,
    pub(crate) claim: Claim,
    pub(crate) locked_m: Cell<u32>,
    pub(crate) no_park: Cell<u16>,
    pub(crate) is_on_system_stack: Cell<bool>,
    pub(crate) blocking_depth: Cell<u16>,
    pub(crate) thread_locks: Cell<u16>,
    pub(crate) commit: Cell<Option<Commit>>,
    pub(crate) latch: Latch,
    pub(crate) stack: Cell<Option<Stack>>,
    frames: Frames,
    runs: Cell<u32>,
}

#[derive(Clone, Copy)]
pub(crate) struct GRef(&'static G);

impl std::ops::Deref for GRef {
    type Target = G;
    fn deref(&self) -> &G {
        self.0
    }
}

impl PartialEq for GRef {
    fn eq(&self, other: &GRef) -> bool {
        ptr::eq(self.0, other.0)
    }
}

impl GRef {
    pub(crate) fn as_ptr(self) -> *mut G {
        ptr::from_ref(self.0).cast_mut()
    }

    pub(crate) fn frames_ref(self) -> &'static Frames {
        &self.0.frames
    }

    pub(crate) fn claim_ref(self) -> &'static Claim {
        &self.0.claim
    }

    /// Takes a pointer of `as_ptr` back.
    ///
    /// # Safety
    /// `pointer` came from [`GRef::as_ptr`].
    pub(crate) unsafe fn from_ptr(pointer: *mut G) -> GRef {
        // SAFETY: our caller's pointer is one to a record that is kept.
        GRef(unsafe { &*pointer })
    }
}

impl G {
    /// Makes a goroutine that is the caller's to queue or to run.
    pub(crate) fn with_id(id: u64) -> GRef {
        let g = keep(G {
            id,
            status: Status::new(),
            claim: Claim::new(),
            locked_m: Cell::new(0),
            no_park: Cell::new(0),
            is_on_system_stack: Cell::new(false),
            blocking_depth: Cell::new(0),
            thread_locks: Cell::new(0),
            commit: Cell::new(None),
            latch: Latch::new(),
            stack: Cell::new(None),
            frames: Frames::new(),
            runs: Cell::new(0),
        });
        g.status.set(State::Runnable);
        g.claim.open();
        g.latch.open();
        GRef(g)
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Runs it for a while: the checker sees to it that nobody else does.
    pub(crate) fn run(&self) {
        self.runs.set(self.runs.get() + 1);
    }

    /// Looks at what its runs leave behind: the checker sees to it that it does not run meanwhile.
    pub(crate) fn look(&self) -> u32 {
        self.runs.get()
    }

    /// How often it has run. For the last one to look.
    pub(crate) fn runs(&self) -> u32 {
        self.runs.get()
    }

    pub(crate) fn keeps_thread(&self) -> bool {
        false
    }

    pub(crate) fn set_wait(&self, _: Place, _: u32) {}

    pub(crate) fn reason(&self) -> Reason {
        Reason
    }
}

/// Why a goroutine waits; the models do not ask.
pub(crate) struct Reason;

impl Reason {
    pub(crate) fn text(&self) -> &'static str {
        "waiting"
    }
}

pub(crate) struct GList(VecDeque<GRef>);

impl GList {
    pub(crate) fn new() -> GList {
        GList(VecDeque::new())
    }

    pub(crate) fn with_capacity(_: usize) -> GList {
        GList::new()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len() * WEIGHT
    }

    pub(crate) fn push_back(&mut self, g: GRef) {
        self.0.push_back(g);
    }

    pub(crate) fn pop_front(&mut self) -> Option<GRef> {
        self.0.pop_front()
    }

    pub(crate) fn prefetch(&self) {}

    pub(crate) fn append(&mut self, mut other: GList) {
        self.0.append(&mut other.0);
    }

    pub(crate) fn take_front(&mut self, count: usize) -> GList {
        let count = count.div_ceil(WEIGHT).min(self.0.len());
        GList(self.0.drain(..count).collect())
    }
}

/// What is needed to switch: a goroutine of a model has it if it is the only one that its M runs.
#[derive(Clone, Copy)]
pub(crate) struct Stack;

impl Stack {
    pub(crate) fn prefetch(self) {}

    /// Does what the M does on its own stack, on the goroutine's: the last step of the park, and unless
    /// that says no, the search for somebody to run, who can be nobody else.
    ///
    /// # Safety
    /// None.
    pub(crate) unsafe fn suspend(self, switch: Switch) -> ptr::NonNull<()> {
        let m = current().expect("a goroutine runs on an M");
        let g = m.current.replace(None).expect("it runs a goroutine");
        let (Switch::Park, Some(commit)) = (switch, g.commit.take()) else {
            sys::fatal!("a goroutine of a model can only park");
        };
        g.status.set(State::Waiting);
        // SAFETY: the commit of this park, called once.
        let parked = unsafe { (commit.run)(commit.arg) };
        if parked || g.status.take_back() == Readied::Holder {
            let found = super::sched::find::find_runnable(m);
            let (next, _) = found.expect("no M of a model ends by itself");
            assert!(next == g, "another goroutine is to run here");
            assert_eq!(g.status.get(), State::Runnable);
        }
        g.status.set(State::Running);
        g.run();
        m.current.set(Some(g));
        ptr::NonNull::from(m).cast()
    }
}

/// Runs `body` on this thread of the model as the only goroutine of `m`.
pub(crate) fn as_goroutine<T>(m: &'static M, body: impl FnOnce() -> T) -> T {
    let g = G::with_id(1);
    g.stack.set(Some(Stack));
    g.status.set(State::Running);
    g.run();
    set_current(Some(m));
    m.current.set(Some(g));
    m.set_inside(false);
    body()
}

/// The stacks a P keeps: none.
pub(crate) struct StackList;

impl StackList {
    pub(crate) fn new() -> StackList {
        StackList
    }
}

pub(crate) enum Switch {
    Park,
    Yield,
    Preempted,
}

#[derive(Clone, Copy)]
pub(crate) struct Commit {
    pub(crate) run: unsafe fn(*mut ()) -> bool,
    pub(crate) arg: *mut (),
}

impl Commit {
    pub(crate) fn unlock(lock: &RawLock) -> Commit {
        Commit {
            run: unlock,
            arg: ptr::from_ref(lock).cast_mut().cast(),
        }
    }
}

unsafe fn unlock(lock: *mut ()) -> bool {
    // SAFETY: whoever parks with this commit holds the lock and leaves it to us.
    unsafe { (*lock.cast::<RawLock>()).unlock() };
    true
}

pub(crate) struct P {
    pub(crate) id: u32,
    pub(crate) word: super::pword::PWord,
    pub(crate) preempt: AtomicBool,
    pub(crate) debt: Cell<u32>,
    pub(crate) debt_since: Cell<u64>,
    pub(crate) batch_at: Cell<u64>,
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
            word: super::pword::PWord::new(Word::idle(0)),
            preempt: AtomicBool::new(false),
            debt: Cell::new(0),
            debt_since: Cell::new(0),
            batch_at: Cell::new(0),
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

/// What a future waits on.
#[repr(align(8))]
pub(crate) struct Task {
    pub(crate) claim: Claim,
    waker: Lock<Option<Waker>>,
}

impl Task {
    pub(crate) fn take() -> &'static Task {
        keep(Task {
            claim: Claim::new(),
            waker: Lock::new(None),
        })
    }

    pub(crate) fn give_back(&'static self) {
        drop(self.waker.lock().take());
    }

    pub(crate) fn set(&self, waker: &Waker) {
        *self.waker.lock() = Some(waker.clone());
    }

    pub(crate) fn wake(&self) {
        let waker = self.waker.lock().take();
        waker.into_iter().for_each(Waker::wake);
    }
}

#[repr(align(8))]
pub(crate) struct Parker {
    pub(crate) claim: Claim,
    pub(crate) note: ParkerNote,
    pub(crate) frames: Frames,
}

/// A parker's note, whose sleeps with a limit are the shortest there are: the limit is over at the
/// first look at the clock.
pub(crate) struct ParkerNote(Note);

impl ParkerNote {
    pub(crate) fn sleep_until(&self, limit: Option<Instant>) -> bool {
        match limit {
            Some(_) => self.0.sleep_for(Some(Duration::ZERO)),
            None => self.0.sleep_until(None),
        }
    }
}

impl std::ops::Deref for ParkerNote {
    type Target = Note;
    fn deref(&self) -> &Note {
        &self.0
    }
}

impl Parker {
    pub(crate) fn new() -> &'static Parker {
        let parker = keep(Parker {
            claim: Claim::new(),
            note: ParkerNote(fresh_note()),
            frames: Frames::new(),
        });
        parker.claim.open();
        parker
    }

    /// The thread's own: no waker of a model waits, so nobody else needs it meanwhile.
    pub(crate) fn take() -> &'static Parker {
        parker()
    }

    pub(crate) fn borrow() -> &'static Parker {
        parker()
    }

    pub(crate) fn give_back(&'static self) {}

    pub(crate) fn begin_wait(&self, _is_for_ever: bool) {}

    pub(crate) fn sleep(&self) {
        self.note.sleep();
    }

    pub(crate) fn wake(&self) {
        self.note.wake();
    }

    pub(crate) fn end_wait(&'static self) {}
}

/// A note that was touched.
pub(crate) fn fresh_note() -> Note {
    let note = Note::new();
    assert!(!note.sleep_for(Some(Duration::ZERO)));
    note
}

loom::thread_local! {
    static CURRENT: std::cell::Cell<Option<&'static M>> = std::cell::Cell::new(None);
    static PARKER: std::cell::Cell<Option<&'static Parker>> = std::cell::Cell::new(None);
}

pub(crate) fn current() -> Option<&'static M> {
    CURRENT.with(|m| m.get())
}

/// Makes `m` the M of this thread of the model.
pub(crate) fn set_current(m: Option<&'static M>) {
    CURRENT.with(|current| current.set(m));
}

pub(crate) fn parker() -> &'static Parker {
    PARKER.with(|slot| {
        let parker = slot.get().unwrap_or_else(Parker::new);
        slot.set(Some(parker));
        parker
    })
}

pub(crate) fn kept_parker() -> Option<&'static Parker> {
    PARKER.with(|slot| slot.get())
}

thread_local! {
    static RANDOM: std::cell::Cell<u32> = const { std::cell::Cell::new(0) };
}

/// Has every random choice of this thread's models come out as `number` says.
pub(crate) fn set_random(number: u32) {
    RANDOM.set(number);
}

/// The checker wants the same in every run.
pub(crate) fn random() -> u32 {
    RANDOM.get()
}

pub(crate) fn is_unwinding() -> bool {
    false
}
