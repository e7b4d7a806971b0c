//! Doubles of G and of what it runs on: it has no stack.

use super::machine::{M, current, set_current};
use super::{WEIGHT, keep};
use crate::runtime::claim::Claim;
use crate::runtime::interrupt::Frames;
use crate::runtime::latch::Latch;
use crate::runtime::sched;
use crate::runtime::status::{Readied, State, Status};
use crate::sys;
use crate::sys::lock::RawLock;
use loom::cell::Cell;
use std::collections::VecDeque;
use std::panic::Location;
use std::ptr;

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
            let found = sched::find::find_runnable(m);
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
