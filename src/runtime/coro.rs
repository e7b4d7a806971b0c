//! Switching between an M's stack and a goroutine's: the only file that names corosensei.
//!
//! Every stack holds one coroutine that never ends. It takes a goroutine, runs it, hands control
//! back with [`Switch::Exit`] and waits for the next one; so a goroutine that does not park costs
//! no more than a call on a stack that is still in the cache.
//!
//! ```text
//!   high end of a slot
//!   +--------------------+  <- Slot::limit + Slot::size
//!   | colour             |     0 to 15 cache lines, so that stack tops do not share cache sets
//!   +--------------------+
//!   | Head               |     the coroutine, the yielder, the link of the free list
//!   +--------------------+  <- base
//!   | root, entry, ..    |
//!   v                    v
//! ```
//!
//! 1. A stack is resumed by one M at a time, the one that owns the goroutine bound to it.
//!    The goroutine may call functions on that M's stack, above the frame that resumed it
//!    ([`Stack::call_below`]); it does not switch before they have returned.
//! 2. A goroutine always suspends back to the M that resumed it: there are no switches from
//!    goroutine to goroutine, so scheduler code runs on thread stacks only, where thread-locals
//!    mean what they say.
//! 3. Nothing unwinds through the root: `Entry::run` does not panic.
//! 4. A coroutine is never dropped and never unwound by force; a goroutine that can never wake is
//!    leaked with its stack, whose frames others may still point at.

use super::g::GRef;
use super::locals::Locals;
use super::stack::{self, Exhausted, Slot};
use crate::sys::lock::RawLock;
use crate::sys::prefetch;
use corosensei::stack::StackPointer;
use corosensei::{Coroutine, CoroutineResult, Yielder};
use std::cell::{Cell, UnsafeCell};
use std::mem::ManuallyDrop;
use std::ops::Range;
use std::ptr::{self, NonNull};

/// Why a goroutine hands control back to its M. One byte, so that it crosses in a register.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Switch {
    /// It waits. `G::commit` runs on the M's stack once the context is saved; it makes the goroutine
    /// findable, after which the M touches it no more, or returns false to run it on at once.
    Park,
    /// It goes to the tail of the local queue.
    Yield,
    /// Its time is up: it goes to the tail of the global queue.
    Preempted,
    /// It has ended, and its stack with it.
    Exit,
}

/// The last step of a park: a function and its one word.
#[derive(Clone, Copy)]
pub(crate) struct Commit {
    pub(crate) run: unsafe fn(*mut ()) -> bool,
    pub(crate) arg: *mut (),
}

impl Commit {
    /// The commit of most parks: releases the lock under which the waiter was queued.
    pub(crate) fn unlock(lock: &RawLock) -> Commit {
        Commit {
            run: unlock,
            arg: ptr::from_ref(lock).cast_mut().cast(),
        }
    }
}

unsafe fn unlock(lock: *mut ()) -> bool {
    // SAFETY: the goroutine took the lock before it parked and leaves it to us; what holds the lock
    // (a channel, say) is kept alive by the parked goroutine, and by no more than that once it is
    // released, which is why nothing follows.
    unsafe { (*lock.cast::<RawLock>()).unlock() };
    true
}

/// Who resumes a goroutine: a pointer to its M, which stands above this file and is only passed on.
pub(crate) type Resumer = NonNull<()>;

type Coro = Coroutine<Resumer, Switch, (), Ends>;

/// What corosensei needs to know of a stack.
struct Ends {
    base: StackPointer,
    limit: StackPointer,
}

// SAFETY: the two ends are those of a slot that lives for ever, whose lowest pages are a guard
// (stack.rs, invariants 1 and 2), and the slot is far larger than the least allowed.
unsafe impl corosensei::stack::Stack for Ends {
    fn base(&self) -> StackPointer {
        self.base
    }
    fn limit(&self) -> StackPointer {
        self.limit
    }
}

/// What stands at the top of every stack.
///
/// It begins [`LINK`] bytes into a cache line, so that what a switch needs is in one: the coroutine,
/// the yielder and, below the base, corosensei's link to the M's stack.
#[repr(C)]
struct Head {
    coroutine: UnsafeCell<ManuallyDrop<Coro>>,
    yielder: Cell<*const Yielder<Resumer, Switch>>,
    /// The goroutine that a resume from the root is to begin.
    first: Cell<Option<GRef>>,
    next: Cell<Option<Stack>>,
    limit: usize,
    class: u8,
}

/// A stack, by the address of its head. Whoever took it off a list, or owns the goroutine it is
/// bound to, has the use of it.
#[derive(Clone, Copy)]
pub(crate) struct Stack(NonNull<Head>);

// SAFETY: a stack is used by one M at a time (invariant 1). That its frames may hold values which
// are not `Send` is the contract stated on the crate's first page: no reference into a thread-local
// and no thread-bound guard lives across a blocking call.
unsafe impl Send for Stack {}

const COLOURS: usize = 16;
const LINE: usize = 64;
const LINK: usize = 16;

impl Stack {
    /// Makes a stack of fresh memory.
    pub(crate) fn new(class: u8) -> Result<Stack, Exhausted> {
        let slot = stack::make(class)?;
        Ok(Stack::in_slot(slot, class))
    }

    fn in_slot(slot: Slot, class: u8) -> Stack {
        let limit = slot.limit.as_ptr() as usize;
        // The factor spreads neighbours, which are often busy together.
        let colour = slot.index * 5 % COLOURS * LINE;
        let highest = limit + slot.size - colour - size_of::<Head>() - LINK;
        let head_at = (highest & !(LINE - 1)) + LINK;
        let ends = Ends {
            base: StackPointer::new(head_at).expect("slots lie above address 0"),
            limit: StackPointer::new(limit).expect("slots lie above address 0"),
        };
        let head = NonNull::new(head_at as *mut Head).expect("slots lie above address 0");
        let coroutine = Coroutine::with_stack(ends, move |yielder, _| root(head, yielder));
        let coroutine = UnsafeCell::new(ManuallyDrop::new(coroutine));
        // SAFETY: the head's place is inside the slot, aligned, above the coroutine's base, and
        // nobody else has the slot.
        unsafe {
            head.write(Head {
                coroutine,
                yielder: Cell::new(ptr::null()),
                first: Cell::new(None),
                next: Cell::new(None),
                limit,
                class,
            });
        }
        Stack(head)
    }

    fn head(&self) -> &Head {
        // SAFETY: a `Stack` is made of an initialised head, and slots are never unmapped.
        unsafe { self.0.as_ref() }
    }

    /// The addresses of the guard below it.
    pub(crate) fn guard(&self) -> Range<usize> {
        let limit = self.head().limit;
        limit..limit + stack::GUARD
    }

    /// The addresses of what its goroutine may use, down from the head.
    pub(crate) fn room(&self) -> Range<usize> {
        self.head().limit + stack::GUARD..self.0.as_ptr() as usize
    }

    pub(crate) fn class(&self) -> u8 {
        self.head().class
    }

    /// Names the goroutine that the next resume is to begin.
    pub(crate) fn bind(&self, g: GRef) {
        self.head().first.set(Some(g));
    }

    /// Fetches what a resume reads first.
    pub(crate) fn prefetch(self) {
        prefetch(self.0.as_ptr());
    }

    /// Runs the goroutine bound to this stack until it hands control back.
    ///
    /// # Safety
    /// The caller is the M that owns the goroutine bound to this stack, and nobody else resumes it
    /// (invariant 1).
    #[inline]
    pub(crate) unsafe fn resume(self, by: Resumer) -> Switch {
        // SAFETY: the head is initialised; only the owner resumes, so this is the only `&mut` to
        // the coroutine, and code on the stack itself reaches the other fields only.
        let coroutine = unsafe { &mut *self.head().coroutine.get() };
        match coroutine.resume(by) {
            CoroutineResult::Yield(switch) => switch,
            CoroutineResult::Return(()) => crate::sys::fatal!("a stack's root returned"),
        }
    }

    /// Hands control back to the M. Returns when some M resumes the goroutine, and says which.
    ///
    /// Always inlined, as is what calls it on the way to the user: the processor predicts a return by
    /// the calls it has seen, and after a switch it has seen those of another stack. Each frame that is
    /// left after a switch costs two mispredictions, its own and one at the next switch.
    ///
    /// # Safety
    /// Called on this very stack.
    #[inline(always)]
    pub(crate) unsafe fn suspend(self, switch: Switch) -> Resumer {
        // SAFETY: the root set the yielder before it ran anything, and it lives in the root's frame,
        // which never returns.
        let yielder = unsafe { &*self.head().yielder.get() };
        yielder.suspend(switch)
    }
}

/// What to call on another stack.
struct Call {
    run: unsafe fn(*mut ()),
    arg: *mut (),
}

// SAFETY: it is called on the same thread, only on another of its stacks.
unsafe impl Send for Call {}

impl Stack {
    /// Calls a function on the stack of the M that runs this one, which is left where it is meanwhile.
    ///
    /// # Safety
    /// Called on this very stack, and nothing suspends it before `run` returns, which does not unwind
    /// and may be called once with `arg`.
    pub(crate) unsafe fn call_below(self, run: unsafe fn(*mut ()), arg: *mut ()) {
        // SAFETY: as in `suspend`.
        let yielder = unsafe { &*self.head().yielder.get() };
        let call = Call { run, arg };
        yielder.on_parent_stack(move || {
            let Call { run, arg } = { call };
            // SAFETY: our caller's function, called once.
            unsafe { run(arg) }
        });
    }
}

fn root(head: NonNull<Head>, yielder: &Yielder<Resumer, Switch>) {
    // SAFETY: the head was written before the first resume, which is what brought us here.
    let head = unsafe { head.as_ref() };
    head.yielder.set(yielder);
    loop {
        let begin = head.first.take().and_then(|g| Some((g, g.entry.take()?)));
        let Some((g, entry)) = begin else {
            crate::sys::fatal!("a stack was resumed with nothing to run")
        };
        // SAFETY: the entry was given to `spawn` for one run, and we have taken it out.
        unsafe { (entry.run)(entry.data) };
        if let Some(locals) = g.locals.get() {
            end_locals(g, locals);
        }
        yielder.suspend(Switch::Exit);
    }
}

/// Ends the goroutine's own values, with what was made of them since they were first dropped.
#[cold]
fn end_locals(g: GRef, locals: Locals) {
    // SAFETY: the goroutine has come to its end, so nobody looks at a value.
    unsafe { locals.drop_all() };
    g.locals.set(None);
    // SAFETY: dropped and forgotten.
    unsafe { locals.free() };
}

/// A few stacks that nobody uses, last in first out: the one that was touched last is the warmest. Linked
/// through their heads, so that it takes no memory where there may be none left.
pub(crate) struct StackList {
    top: Option<Stack>,
    len: usize,
}

impl StackList {
    pub(crate) const fn new() -> StackList {
        StackList { top: None, len: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(crate) fn push(&mut self, stack: Stack) {
        stack.head().next.set(self.top.take());
        self.top = Some(stack);
        self.len += 1;
    }

    #[inline]
    pub(crate) fn pop(&mut self) -> Option<Stack> {
        let stack = self.top.take()?;
        self.top = stack.head().next.take();
        self.len -= 1;
        Some(stack)
    }
}
