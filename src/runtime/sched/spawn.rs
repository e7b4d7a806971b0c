//! Birth and death of goroutines; their numbers, records and stacks. Go's `newproc`, `goexit0`.
//!
//! 1. A goroutine gets its stack when it first runs, from the P's list, last in first out: one that
//!    ends without parking runs on a stack that is still in the cache, and a million that wait for
//!    their first run have none.
//! 2. When there are no stacks left the goroutine waits for one in the pool, and is served before
//!    anybody else when a stack comes back. From then on (`is_short`) no P keeps stacks for itself,
//!    so that none idles in a P that nobody runs.
//! 3. Stacks that a P has too many of go to the pool, half at a time; records and cells are kept in
//!    magazines.

use super::park::{self, Token};
use super::{idle, sched};
use crate::runtime::cells::{CELL, CellList, new_cells};
use crate::runtime::coro::{Stack, StackList};
use crate::runtime::g::{self, DeadList, Entry, GList, GRef, Identity};
use crate::runtime::m::M;
use crate::runtime::p::{Owned, P};
use crate::runtime::stack::{self, CLASSES, Exhausted};
use crate::runtime::status::State;
use crate::sys;
use crate::sys::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sys::lock::Lock;
use crate::util::magazine::Depot;
use std::panic::Location;
use std::ptr::NonNull;

/// How many stacks of a class a P keeps.
const STACKS_MAX: usize = 64;
const IDS_PER_BATCH: u64 = 16;

/// What all Ps share.
pub(crate) struct Pool {
    dead: Depot<DeadList>,
    cells: Depot<CellList>,
    stacks: Lock<[Shelf; CLASSES.len()]>,
    /// Set for good when a goroutine first had to wait for a stack.
    is_short: AtomicBool,
    /// Of what there was too little when one last had to.
    shortage: Lock<Option<Exhausted>>,
    next_id: AtomicU64,
    /// Goroutines spawned by foreign threads, and ended on Ms without a P.
    spawned: AtomicU64,
    ended: AtomicU64,
}

/// Stacks of one class that belong to no P, or else goroutines that wait for one. There may be very many:
/// were they linked, each would be a miss, of the cache and of the TLB, and all one after the other.
struct Shelf {
    stacks: Vec<Stack>,
    /// Those whose memory was given back; taken when there are no others.
    trimmed: Vec<Stack>,
    /// The least length of `stacks` since [`watch_idle_stacks`], and how many of them nobody had needed
    /// by then.
    least: usize,
    idle: usize,
    waiting: GList,
}

impl Shelf {
    const fn new() -> Shelf {
        Shelf {
            stacks: Vec::new(),
            trimmed: Vec::new(),
            least: 0,
            idle: 0,
            waiting: GList::new(),
        }
    }

    fn pop(&mut self) -> Option<Stack> {
        let stack = self.stacks.pop().or_else(|| self.trimmed.pop());
        self.least = self.least.min(self.stacks.len());
        self.idle = self.idle.min(self.stacks.len());
        stack
    }

    /// Fetches what will be read of the next `count`, all at a time.
    fn prefetch(&self, count: usize) {
        let next = self.stacks.iter().rev().take(count);
        next.for_each(|stack| stack.prefetch());
    }
}

/// The main goroutine's number; others begin behind it.
const MAIN_ID: u64 = 1;

impl Pool {
    pub(crate) const fn new() -> Pool {
        Pool {
            dead: Depot::new(),
            cells: Depot::new(),
            stacks: Lock::new([const { Shelf::new() }; CLASSES.len()]),
            is_short: AtomicBool::new(false),
            shortage: Lock::new(None),
            next_id: AtomicU64::new(MAIN_ID + 1),
            spawned: AtomicU64::new(0),
            ended: AtomicU64::new(0),
        }
    }
}

/// What only the owner of a P uses.
#[allow(clippy::mut_from_ref, reason = "owning a P is not a matter of borrows")]
fn owned(p: &P) -> &mut Owned {
    // SAFETY: callers are inside the gate with this P, or on its M's stack, so they own it (p.rs,
    // invariant 1), and none of the functions here calls another while it holds this reference.
    unsafe { &mut *p.owned.get() }
}

/// Gives out a goroutine's number. `is_main` asks for 1.
pub(crate) fn next_id(token: &Token, is_main: bool) -> u64 {
    if is_main {
        return MAIN_ID;
    }
    let Some(p) = token.p() else {
        return sched().pool.next_id.fetch_add(1, Ordering::Relaxed);
    };
    let owned = owned(p);
    if owned.next_id == owned.end_id {
        owned.next_id = sched()
            .pool
            .next_id
            .fetch_add(IDS_PER_BATCH, Ordering::Relaxed);
        owned.end_id = owned.next_id + IDS_PER_BATCH;
    }
    owned.next_id += 1;
    owned.next_id - 1
}

/// Makes a goroutine runnable that begins with `entry`.
#[inline(never)]
pub(crate) fn spawn(token: &Token, entry: Entry, identity: Identity, stack_class: u8) {
    let g = take_dead(token);
    g.set_identity(identity);
    g.stack_class.set(stack_class);
    g.is_new.set(true);
    g.entry.set(Some(entry));
    g.last_m.set(0);
    g.status.set(State::Runnable);
    match token.p() {
        Some(p) => count_one_more(&p.spawned),
        None => {
            sched().pool.spawned.fetch_add(1, Ordering::Release);
        }
    }
    token.start(g);
}

/// Runs a piece of work in a goroutine that nobody waits for; `at` is who asked for it. It must not
/// panic.
#[cold]
pub(crate) fn spawn_task<F: FnOnce() + Send + 'static>(
    token: &Token,
    at: &'static Location<'static>,
    work: F,
) {
    unsafe fn run<F: FnOnce()>(data: *mut ()) {
        // SAFETY: the box made below, taken once.
        let work = unsafe { Box::from_raw(data.cast::<F>()) };
        work();
    }
    let entry = Entry {
        run: run::<F>,
        data: Box::into_raw(Box::new(work)).cast(),
    };
    let identity = Identity {
        id: next_id(token, false),
        name: None,
        spawned_at: at,
    };
    spawn(token, entry, identity, sched().settings().stack_class);
}

fn take_dead(token: &Token) -> GRef {
    let depot = &sched().pool.dead;
    match token.p() {
        Some(p) => owned(p).dead.pop(depot, g::new_slab),
        None => depot.pop(g::new_slab),
    }
}

/// Whether a cell is large enough for a `T`.
const fn fits_cell<T>() -> bool {
    size_of::<T>() <= CELL.size() && align_of::<T>() <= CELL.align()
}

/// Puts a value into a cell, or into a box if it is too large.
#[inline]
pub(crate) fn place<T>(value: T) -> NonNull<T> {
    place_in(&park::enter(), value)
}

/// The same inside the gate.
#[inline]
pub(crate) fn place_in<T>(token: &Token, value: T) -> NonNull<T> {
    if !fits_cell::<T>() {
        return NonNull::from(Box::leak(Box::new(value)));
    }
    let cell = take_cell(token).cast::<T>();
    // SAFETY: the cell is ours, and large and aligned enough.
    unsafe { cell.write(value) };
    cell
}

/// Takes a value out of its place, from any thread.
///
/// # Safety
/// It is one of [`place`] or [`place_in`], and nobody uses the place any more.
pub(crate) unsafe fn take_out<T>(place: NonNull<T>) -> T {
    // SAFETY: our caller's promise; the same condition as in `place_in`.
    unsafe {
        if !fits_cell::<T>() {
            return *Box::from_raw(place.as_ptr());
        }
        let value = place.read();
        give_cell_back(place.cast());
        value
    }
}

#[inline(never)]
fn take_cell(token: &Token) -> NonNull<u8> {
    let depot = &sched().pool.cells;
    match token.p() {
        Some(p) => owned(p).cells.pop(depot, new_cells),
        None => depot.pop(new_cells),
    }
}

/// # Safety
/// It is one of [`take_cell`], and nobody uses it any more.
#[inline(never)]
unsafe fn give_cell_back(cell: NonNull<u8>) {
    let token = park::enter();
    let depot = &sched().pool.cells;
    match token.p() {
        Some(p) => owned(p).cells.push(cell, depot),
        None => depot.push(cell),
    }
}

/// Takes an ended goroutine apart. On the M's stack; `m` may be without a P.
pub(crate) fn finish(m: &M, g: GRef) {
    if g.locked_m.replace(0) != 0 {
        // In what state the goroutine has left the thread, nobody knows.
        m.is_ending.set(true);
        g.thread_locks.set(0);
    }
    debug_assert!(
        g.locals.get().is_none(),
        "goroutine {} left values of its own behind",
        g.id()
    );
    // Of guards that were forgotten.
    g.no_park.set(0);
    let p = m.has_p().then(|| m.p());
    g.status.set(State::Dead);
    g.forget_name();
    if let Some(stack) = g.stack.take() {
        give_stack_back(p, stack);
    }
    let depot = &sched().pool.dead;
    match p {
        Some(p) => {
            count_one_more(&p.ended);
            owned(p).dead.push(g, depot);
        }
        None => {
            sched().pool.ended.fetch_add(1, Ordering::Release);
            depot.push(g);
        }
    }
}

/// Counts in a word that only the owner of the P writes, hence no read-modify-write.
#[inline]
fn count_one_more(count: &AtomicU64) {
    // Release: pairs with the Acquire in `totals`.
    count.store(count.load(Ordering::Relaxed) + 1, Ordering::Release);
}

/// How many goroutines there are: spawned and not ended. Never too few: those that ended are added up
/// first, so that each of them is among those that were spawned.
pub(crate) fn live() -> usize {
    if !sched().is_started() {
        return 0;
    }
    let (spawned, ended) = totals();
    (spawned - ended) as usize
}

/// How many goroutines were spawned, and how many have ended.
pub(crate) fn totals() -> (u64, u64) {
    let pool = &sched().pool;
    let sum = |pool: &AtomicU64, of_p: fn(&P) -> &AtomicU64| {
        // Acquire: who sees an end sees its beginning.
        let of_ps = sched().procs().all().iter();
        let of_ps = of_ps.map(|p| of_p(p).load(Ordering::Acquire));
        of_ps.fold(pool.load(Ordering::Acquire), u64::wrapping_add)
    };
    let ended = sum(&pool.ended, |p| &p.ended);
    (sum(&pool.spawned, |p| &p.spawned), ended)
}

/// Finds a stack for a goroutine's first run; if there is none, the goroutine waits for one.
pub(crate) fn bind_stack(p: &P, g: GRef) -> Option<Stack> {
    let class = g.stack_class.get();
    let stack = match owned(p).stacks[usize::from(class)].pop() {
        Some(stack) => stack,
        None => take_from_pool(p, g)?,
    };
    stack.bind(g);
    g.stack.set(Some(stack));
    Some(stack)
}

#[cold]
fn take_from_pool(p: &P, g: GRef) -> Option<Stack> {
    let pool = &sched().pool;
    let class = usize::from(g.stack_class.get());
    {
        let mut shelves = pool.stacks.lock();
        let own = &mut owned(p).stacks[class];
        let wanted = if pool.is_short.load(Ordering::Relaxed) {
            1
        } else {
            STACKS_MAX / 2
        };
        shelves[class].prefetch(wanted);
        while own.len() < wanted
            && let Some(stack) = shelves[class].pop()
        {
            own.push(stack);
        }
        if let Some(stack) = own.pop() {
            return Some(stack);
        }
    }
    let exhausted = match Stack::new(g.stack_class.get()) {
        Ok(stack) => return Some(stack),
        Err(exhausted) => exhausted,
    };
    warn_no_stacks(exhausted);
    *pool.shortage.lock() = Some(exhausted);
    pool.is_short.store(true, Ordering::SeqCst);
    let mut spare = StackList::new();
    idle::for_each_idle_p(|p| take_stacks(p, &mut spare));
    take_stacks(p, &mut spare);
    shelve_all(spare);
    let mut shelves = pool.stacks.lock();
    let stack = shelves[class].pop();
    if stack.is_none() {
        shelves[class].waiting.push_back(g);
    }
    stack
}

#[cold]
fn warn_no_stacks(exhausted: Exhausted) {
    static IS_TOLD: AtomicBool = AtomicBool::new(false);
    sys::warn_once(&IS_TOLD, || {
        let text = exhausted.text();
        let count = stack::made();
        format!(
            "sudog: no more stacks: {count} are in use, which is as many as {text} allows; \
             goroutines wait until one is free\n"
        )
    });
}

/// Takes a stack off an ended goroutine's hands.
fn give_stack_back(p: Option<&P>, stack: Stack) {
    let class = usize::from(stack.class());
    let pool = &sched().pool;
    let p = match p {
        Some(p) if !pool.is_short.load(Ordering::Relaxed) => p,
        _ => return shelve(stack),
    };
    let own = &mut owned(p).stacks[class];
    own.push(stack);
    if own.len() > STACKS_MAX {
        let mut shelves = pool.stacks.lock();
        while own.len() > STACKS_MAX / 2
            && let Some(stack) = own.pop()
        {
            shelves[class].stacks.push(stack);
        }
    }
}

/// Gives a stack to the first goroutine that waits for one, or to the pool.
fn shelve(stack: Stack) {
    shelve_in(stack, |shelf| &mut shelf.stacks);
}

/// The same for one whose memory was given back.
pub(super) fn shelve_trimmed(stack: Stack) {
    shelve_in(stack, |shelf| &mut shelf.trimmed);
}

fn shelve_in(stack: Stack, list: fn(&mut Shelf) -> &mut Vec<Stack>) {
    let sched = sched();
    let mut shelves = sched.pool.stacks.lock();
    let shelf = &mut shelves[usize::from(stack.class())];
    let Some(g) = shelf.waiting.pop_front() else {
        return list(shelf).push(stack);
    };
    drop(shelves);
    stack.bind(g);
    g.stack.set(Some(stack));
    sched.global.push(g);
    idle::wake_p();
}

/// Takes up to `count` stacks out of the pool that are idle.
pub(super) fn take_idle_stacks(count: usize) -> StackList {
    let mut taken = StackList::new();
    for shelf in sched().pool.stacks.lock().iter_mut() {
        while taken.len() < count
            && shelf.idle > 0
            && let Some(stack) = shelf.stacks.pop()
        {
            shelf.idle -= 1;
            shelf.least = shelf.least.min(shelf.stacks.len());
            taken.push(stack);
        }
    }
    taken
}

/// Those stacks are idle that nobody has needed since the last call.
pub(super) fn watch_idle_stacks() {
    for shelf in sched().pool.stacks.lock().iter_mut() {
        shelf.idle = shelf.least;
        shelf.least = shelf.stacks.len();
    }
}

/// Moves the stacks of Ps that idle to the pool.
pub(super) fn collect_stacks() {
    let mut spare = StackList::new();
    idle::for_each_idle_p(|p| take_stacks(p, &mut spare));
    shelve_all(spare);
}

/// Moves the stacks of a P that its caller owns to `spare`.
fn take_stacks(p: &P, spare: &mut StackList) {
    for stacks in &mut owned(p).stacks {
        while let Some(stack) = stacks.pop() {
            spare.push(stack);
        }
    }
}

/// Gives stacks to whoever waits for one, or to the pool. Without any lock held.
pub(crate) fn shelve_all(mut stacks: StackList) {
    while let Some(stack) = stacks.pop() {
        shelve(stack);
    }
}

/// Gives back all stacks, records and cells of a P that its caller owns.
pub(super) fn give_all_back(p: &P) {
    let mut spare = StackList::new();
    take_stacks(p, &mut spare);
    shelve_all(spare);
    let (pool, owned) = (&sched().pool, owned(p));
    owned.dead.empty(&pool.dead);
    owned.cells.empty(&pool.cells);
}

/// What a P does when it idles, once stacks are short (invariant 2).
pub(crate) fn take_stacks_if_short(p: &P, spare: &mut StackList) {
    if sched().pool.is_short.load(Ordering::SeqCst) {
        take_stacks(p, spare);
    }
}

/// What allows no more stacks.
pub(super) fn what_is_short() -> &'static str {
    let shortage = *sched().pool.shortage.lock();
    shortage.map_or("nothing", Exhausted::text)
}

/// How many goroutines wait for a stack.
pub(crate) fn waiting_for_stacks() -> usize {
    let pool = &sched().pool;
    if !pool.is_short.load(Ordering::Relaxed) {
        return 0;
    }
    pool.stacks
        .lock()
        .iter()
        .map(|shelf| shelf.waiting.len())
        .sum()
}
