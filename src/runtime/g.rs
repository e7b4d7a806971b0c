//! G: a goroutine's record. Go's `g`.
//!
//! 1. Records lie in slabs that are never unmapped and are used again, so a [`GRef`] may be kept
//!    and looked at for ever, and all goroutines can be listed without a registry.
//! 2. A record holds no result and no closure, only where to start; a goroutine that has not run
//!    yet has no stack either.
//! 3. Plain cells belong to the present owner (see the table in `status.rs`). What others may read
//!    at any time, to list goroutines, is atomic.
//! 4. G names neither M nor P.

use super::claim::Claim;
use super::coro::{Commit, Stack};
use super::interrupt::Frames;
use super::latch::Latch;
use super::locals::Locals;
use super::name::{Name, StaticName};
use super::status::Status;
use crate::sys::atomic::{AtomicPtr, AtomicU16, AtomicU32, AtomicU64, Ordering};
use crate::sys::lock::Lock;
use crate::sys::{prefetch, prefetch_to_write, stack_pointer};
use crate::util::magazine::{BATCH, Batch, Rack};
use std::cell::Cell;
use std::collections::VecDeque;
use std::panic::Location;
use std::ptr;

/// Where a goroutine begins: a function and the one word it is given.
#[derive(Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) run: unsafe fn(*mut ()),
    pub(crate) data: *mut (),
}

/// Why a goroutine waits, in Go's words where Go has some.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum WaitReason {
    None,
    ChanReceive,
    ChanSend,
    ChanReceiveNever,
    WaitGroup,
    Join,
    Scope,
    WaitIdle,
    BlockOn,
    Select,
    SelectNoCases,
    IoWait,
    Sleep,
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
    const ALL: [WaitReason; 21] = [
        WaitReason::None,
        WaitReason::ChanReceive,
        WaitReason::ChanSend,
        WaitReason::ChanReceiveNever,
        WaitReason::WaitGroup,
        WaitReason::Join,
        WaitReason::Scope,
        WaitReason::WaitIdle,
        WaitReason::BlockOn,
        WaitReason::Select,
        WaitReason::SelectNoCases,
        WaitReason::IoWait,
        WaitReason::Sleep,
        WaitReason::MutexLock,
        WaitReason::RwLockRead,
        WaitReason::RwLockWrite,
        WaitReason::CondWait,
        WaitReason::SemAcquire,
        WaitReason::Once,
        WaitReason::Barrier,
        WaitReason::Broadcast,
    ];

    pub(crate) fn text(self) -> &'static str {
        match self {
            WaitReason::None => "waiting",
            WaitReason::ChanReceive => "chan receive",
            WaitReason::ChanSend => "chan send",
            WaitReason::ChanReceiveNever => "chan receive (nil chan)",
            WaitReason::WaitGroup => "sync.WaitGroup.Wait",
            WaitReason::Join => "join",
            WaitReason::Scope => "scope",
            WaitReason::WaitIdle => "wait_idle",
            WaitReason::BlockOn => "block_on",
            WaitReason::Select => "select",
            WaitReason::SelectNoCases => "select (no cases)",
            WaitReason::IoWait => "IO wait",
            WaitReason::Sleep => "sleep",
            WaitReason::MutexLock => "sync.Mutex.Lock",
            WaitReason::RwLockRead => "sync.RWMutex.RLock",
            WaitReason::RwLockWrite => "sync.RWMutex.Lock",
            WaitReason::CondWait => "sync.Cond.Wait",
            WaitReason::SemAcquire => "semacquire",
            WaitReason::Once => "once",
            WaitReason::Barrier => "barrier",
            WaitReason::Broadcast => "broadcast receive",
        }
    }
}

/// Why and where a goroutine waits.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub(crate) reason: WaitReason,
    pub(crate) at: &'static Location<'static>,
}

/// A goroutine's record: two cache lines, the first of which is all that a park needs.
#[repr(C, align(128))]
pub(crate) struct G {
    pub(crate) status: Status,
    /// Why it waits, and [`TRIMMED`].
    reason: AtomicU16,
    /// The size class of the stack it asks for.
    pub(crate) stack_class: Cell<u8>,
    /// Whether it has yet to run for the first time.
    pub(crate) is_new: Cell<bool>,
    /// Whether it is on its M's stack (`on_system_stack`), which it cannot leave.
    pub(crate) is_on_system_stack: Cell<bool>,
    /// Levels of `no_park` it is in; see no_park.rs.
    pub(crate) no_park: Cell<u16>,
    /// The number of the M that must run it, or 0: no other thread will do (`lock_os_thread`, or a park
    /// while unwinding).
    pub(crate) locked_m: Cell<u32>,
    pub(crate) last_m: LastM,
    waits_since_ms: AtomicU32,
    /// The page that its stack ended in when it last parked, by the low bits of its number.
    stack_page: Cell<u32>,
    waits_at: AtomicPtr<Location<'static>>,
    /// What the M is to do once the goroutine has parked.
    pub(crate) commit: Cell<Option<Commit>>,
    /// Bound at first run, given back at the end.
    pub(crate) stack: Cell<Option<Stack>>,
    /// Taken at first run.
    pub(crate) entry: Cell<Option<Entry>>,
    pub(crate) claim: Claim,
    id: AtomicU64,
    name: AtomicPtr<StaticName>,
    spawned_at: AtomicPtr<Location<'static>>,
    pub(crate) latch: Latch,
    /// Levels of `blocking` it is in.
    pub(crate) blocking_depth: Cell<u16>,
    /// How often it is locked to its M, but for the lock of a park.
    pub(crate) thread_locks: Cell<u16>,
    /// What interrupts its calls on descriptors.
    pub(crate) frames: Frames,
    /// The values of `goroutine_local!`, once it has some.
    pub(crate) locals: Cell<Option<Locals>>,
}

const _: () = assert!(
    cfg!(sudog_chaos) || size_of::<G>() <= 128,
    "a G outgrew its two cache lines"
);

/// The number of the M that ran it last, which only the chaos build wants to know.
#[derive(Default)]
pub(crate) struct LastM(#[cfg(sudog_chaos)] Cell<u32>);

#[cfg(sudog_chaos)]
impl LastM {
    pub(crate) fn get(&self) -> u32 {
        self.0.get()
    }

    pub(crate) fn set(&self, m: u32) {
        self.0.set(m);
    }
}

#[cfg(not(sudog_chaos))]
impl LastM {
    #[inline]
    pub(crate) fn get(&self) -> u32 {
        0
    }

    #[inline]
    pub(crate) fn set(&self, _: u32) {}
}

/// A pointer to a G; see invariant 1.
#[derive(Clone, Copy)]
pub(crate) struct GRef(&'static G);

// SAFETY: the cells of a G are touched by its present owner only, and ownership passes through
// queues and commits, which release and acquire; what any thread may read is atomic (invariant 3).
unsafe impl Sync for G {}

impl std::ops::Deref for GRef {
    type Target = G;
    #[inline]
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
    #[inline]
    pub(crate) fn as_ptr(self) -> *mut G {
        ptr::from_ref(self.0).cast_mut()
    }

    /// The word that says who ends this goroutine's wait.
    pub(crate) fn claim_ref(self) -> &'static Claim {
        &self.0.claim
    }

    /// What interrupts this goroutine's calls. Its own, like the cells.
    #[inline]
    pub(crate) fn frames_ref(self) -> &'static Frames {
        &self.0.frames
    }

    /// Takes a pointer of `as_ptr` back.
    ///
    /// # Safety
    /// `pointer` came from [`GRef::as_ptr`].
    #[inline]
    pub(crate) unsafe fn from_ptr(pointer: *mut G) -> GRef {
        // SAFETY: our caller's pointer is one to a record, and records live for ever.
        GRef(unsafe { &*pointer })
    }
}

/// Who a goroutine is, as `spawn` hands it in.
pub(crate) struct Identity {
    pub(crate) id: u64,
    pub(crate) name: Option<Name>,
    pub(crate) spawned_at: &'static Location<'static>,
}

/// Beside the reason: nobody need look at the stack again in this wait.
const TRIMMED: u16 = 1 << 15;

const PAGE_SHIFT: u32 = 12;

impl G {
    fn new() -> G {
        G {
            status: Status::new(),
            reason: AtomicU16::new(WaitReason::None as u16),
            stack_class: Cell::new(0),
            is_new: Cell::new(false),
            is_on_system_stack: Cell::new(false),
            locked_m: Cell::new(0),
            last_m: LastM::default(),
            waits_since_ms: AtomicU32::new(0),
            no_park: Cell::new(0),
            stack_page: Cell::new(0),
            waits_at: AtomicPtr::new(ptr::null_mut()),
            commit: Cell::new(None),
            stack: Cell::new(None),
            entry: Cell::new(None),
            claim: Claim::new(),
            id: AtomicU64::new(0),
            name: AtomicPtr::new(ptr::null_mut()),
            spawned_at: AtomicPtr::new(ptr::null_mut()),
            latch: Latch::new(),
            blocking_depth: Cell::new(0),
            thread_locks: Cell::new(0),
            frames: Frames::new(),
            locals: Cell::new(None),
        }
    }

    /// Whether it must wait where it is, with its thread.
    #[inline]
    pub(crate) fn keeps_thread(&self) -> bool {
        self.no_park.get() != 0 || self.is_on_system_stack.get()
    }

    pub(crate) fn id(&self) -> u64 {
        self.id.load(Ordering::Relaxed)
    }

    pub(crate) fn set_identity(&self, identity: Identity) {
        let Identity {
            id,
            name,
            spawned_at,
        } = identity;
        let name = name.map_or(ptr::null_mut(), Name::into_raw);
        self.id.store(id, Ordering::Relaxed);
        self.name.store(name, Ordering::Release);
        self.spawned_at
            .store(ptr::from_ref(spawned_at).cast_mut(), Ordering::Relaxed);
    }

    /// Drops the name of a goroutine that has ended.
    pub(crate) fn forget_name(&self) {
        // SAFETY: `set_identity` left the count of a name here, and we take the pointer out.
        let Some(name) = (unsafe { Name::from_raw(self.name.load(Ordering::Relaxed)) }) else {
            return;
        };
        // Listings read names under NAMES; a literal they may read for ever.
        let _names = name.is_shared().then(|| NAMES.lock());
        self.name.store(ptr::null_mut(), Ordering::Relaxed);
    }

    /// Notes why and where the goroutine is about to wait, for listings, and how deep its stack is, for
    /// trims.
    #[inline]
    pub(crate) fn set_wait(&self, place: Place, now_ms: u32) {
        self.reason.store(place.reason as u16, Ordering::Relaxed);
        self.waits_at
            .store(ptr::from_ref(place.at).cast_mut(), Ordering::Relaxed);
        self.waits_since_ms.store(now_ms, Ordering::Relaxed);
        // No higher than where the goroutine parks: that is in a function that called this one.
        self.stack_page.set((stack_pointer() >> PAGE_SHIFT) as u32);
    }

    /// The lowest address of the page that its stack ended in when it parked, given that this was less
    /// than [`PAGE_SHIFT`] + 32 bits above `limit`. For who holds it.
    pub(crate) fn noted_depth(&self, limit: usize) -> usize {
        let limit_page = limit >> PAGE_SHIFT;
        let above = self.stack_page.get().wrapping_sub(limit_page as u32);
        (limit_page + above as usize) << PAGE_SHIFT
    }

    pub(crate) fn reason(&self) -> WaitReason {
        let reason = self.reason.load(Ordering::Relaxed) & !TRIMMED;
        WaitReason::ALL[usize::from(reason)]
    }

    /// Whether its stack was looked at in this wait.
    pub(crate) fn is_trimmed(&self) -> bool {
        self.reason.load(Ordering::Relaxed) & TRIMMED != 0
    }

    /// Notes that its stack was looked at in this wait. For who holds it: the next park takes it back.
    pub(crate) fn set_trimmed(&self) {
        let reason = self.reason.load(Ordering::Relaxed);
        self.reason.store(reason | TRIMMED, Ordering::Relaxed);
    }

    pub(crate) fn waits_since_ms(&self) -> u32 {
        self.waits_since_ms.load(Ordering::Relaxed)
    }

    pub(crate) fn waits_at(&self) -> Option<&'static Location<'static>> {
        // SAFETY: the pointer is null or came from a `&'static Location` in `set_wait`.
        unsafe { self.waits_at.load(Ordering::Relaxed).as_ref() }
    }

    pub(crate) fn spawned_at(&self) -> Option<&'static Location<'static>> {
        // SAFETY: the pointer is null or came from a `&'static Location` in `set_identity`.
        unsafe { self.spawned_at.load(Ordering::Relaxed).as_ref() }
    }

    /// The name, if it has one.
    ///
    /// # Safety
    /// The caller is this goroutine itself, or holds [`NAMES`].
    pub(crate) unsafe fn name(&self) -> Option<Name> {
        // SAFETY: the goroutine itself outlives its name, and `forget_name` drops one that is not a
        // literal under NAMES only. The count stays with the record: we drop a clone's.
        let kept = unsafe { Name::from_raw(self.name.load(Ordering::Acquire)) };
        let kept = std::mem::ManuallyDrop::new(kept);
        (*kept).clone()
    }
}

/// Held while the text of a name that was allocated is forgotten, and while names are listed.
pub(crate) static NAMES: Lock<()> = Lock::new(());

/// All slabs ever made; see invariant 1.
static SLABS: Lock<Vec<&'static [G]>> = Lock::new(Vec::new());

/// A slab makes one batch of dead records.
const SLAB_LEN: usize = BATCH;

/// Makes a slab of dead records.
pub(crate) fn new_slab() -> DeadList {
    let slab: &'static [G] = Vec::leak((0..SLAB_LEN).map(|_| G::new()).collect());
    SLABS.lock().push(slab);
    let mut list = DeadList::EMPTY;
    slab.iter().for_each(|g| list.push(GRef(g)));
    list
}

/// The slab made after `index` others, if there is one; dead records are in it too.
pub(crate) fn slab(index: usize) -> Option<impl Iterator<Item = GRef>> {
    let slab = SLABS.lock().get(index).copied();
    slab.map(|slab| slab.iter().map(GRef))
}

/// A queue of goroutines. An array of pointers rather than a chain through the records: whoever
/// queues or takes a hundred of them should not wait for a hundred cold cache lines.
pub(crate) struct GList(VecDeque<GRef>);

/// Memory for more than so many is given back when the queue runs empty.
const KEPT_CAPACITY: usize = 4096;

impl GList {
    pub(crate) const fn new() -> GList {
        GList(VecDeque::new())
    }

    pub(crate) fn with_capacity(capacity: usize) -> GList {
        GList(VecDeque::with_capacity(capacity))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    #[inline]
    pub(crate) fn push_back(&mut self, g: GRef) {
        self.0.push_back(g);
    }

    #[inline]
    pub(crate) fn pop_front(&mut self) -> Option<GRef> {
        self.0.pop_front()
    }

    /// Has the processor fetch what their next run reads first: the records, all at once, and then
    /// what those who have not run yet are given.
    ///
    /// Goroutines that waited in a long queue have left the caches. One by one, each would wait for
    /// its own memory.
    pub(crate) fn prefetch(&self) {
        self.0.iter().for_each(|g| prefetch(g.as_ptr()));
        let entries = self.0.iter().filter_map(|g| g.entry.get());
        entries.for_each(|entry| prefetch(entry.data.cast::<[u8; 128]>()));
    }

    /// Appends all of `other`.
    pub(crate) fn append(&mut self, mut other: GList) {
        self.0.append(&mut other.0);
    }

    /// Takes the first `count` off, or all there are.
    pub(crate) fn take_front(&mut self, count: usize) -> GList {
        let taken = self.0.drain(..count.min(self.0.len())).collect();
        if self.0.is_empty() && self.0.capacity() > KEPT_CAPACITY {
            self.0 = VecDeque::new();
        }
        GList(taken)
    }
}

/// Dead records.
pub(crate) struct DeadList(Rack<GRef>);

impl Batch for DeadList {
    type Item = GRef;
    const EMPTY: DeadList = DeadList(Rack::EMPTY);

    #[inline]
    fn push(&mut self, g: GRef) {
        self.0.push(g);
    }

    #[inline]
    fn pop(&mut self) -> Option<GRef> {
        if let Some(later) = self.0.later() {
            prefetch_to_write(later.as_ptr());
        }
        self.0.pop()
    }

    fn len(&self) -> usize {
        self.0.len()
    }
}
