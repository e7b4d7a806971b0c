//! The packet of a goroutine: its closure, then its result, and who waits for it.
//!
//! One allocation, shared by the goroutine and its handle. Which of them may touch what:
//!
//! | | before the end | after it |
//! |---|---|---|
//! | `stage` | the goroutine | the handle |
//! | `end` | both, atomically | both, atomically |
//!
//! `end` holds nothing, the one waiter, or DONE. The goroutine writes its result and then swaps DONE
//! in (Release); whoever reads DONE (Acquire) may read the result, and whom the swap found is woken.
//! A handle is owned by one task or thread at a time (`join` takes it, polling needs `&mut`), so
//! there is never a second waiter.
//!
//! 1. `refs` counts the goroutine and the handle. The last one drops what is in the stage: a detached
//!    goroutine's result goes on its own stack.
//! 2. A waker is boxed, and owned by whoever swaps it out of `end`.

use super::handle::JoinHandle;
use super::{Goroutine, panic};
use crate::runtime::{self, Entry, Identity, Name, Token, Waiter};
use crate::sys::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering, fence};
use std::cell::UnsafeCell;
use std::mem;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::ptr::{self, NonNull};
use std::task::Waker;
use std::thread;

/// Everything there is to say about a goroutine before it starts.
pub(crate) struct Start {
    pub(crate) name: Option<Name>,
    /// The size class of its stack; the default one if none.
    pub(crate) stack_class: Option<u8>,
    pub(crate) is_main: bool,
    /// Whether it has a thread of its own.
    pub(crate) is_pinned: bool,
    pub(crate) at: &'static Location<'static>,
}

impl Start {
    pub(crate) fn here(at: &'static Location<'static>) -> Start {
        Start {
            name: None,
            stack_class: None,
            is_main: false,
            is_pinned: false,
            at,
        }
    }

    /// Starts a goroutine that runs `f`.
    ///
    /// # Safety
    /// What `f` borrows and what `T` borrows live until the goroutine has ended and the handle is
    /// used up.
    pub(crate) unsafe fn spawn<F, T>(self, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send,
        T: Send,
    {
        panic::install_hook();
        // Asked for in any case: this is what starts the runtime.
        let settings = runtime::settings();
        let stack_class = self.stack_class.unwrap_or(settings.stack_class);
        let token = runtime::enter();
        let id = runtime::next_id(&token, self.is_main);
        let goroutine = Goroutine {
            id,
            name: self.name.clone(),
        };
        let task = Task::allocate(&token, f, goroutine);
        let entry = Entry {
            run: if self.is_pinned {
                Task::<F, T>::run_pinned
            } else {
                Task::<F, T>::run
            },
            data: task.as_ptr().cast(),
        };
        let identity = Identity {
            id,
            name: self.name,
            spawned_at: self.at,
        };
        runtime::spawn(&token, entry, identity, stack_class);
        drop(token);
        // SAFETY: the packet was allocated with a count for the handle, and its result is a `T`.
        unsafe { JoinHandle::new(task) }
    }
}

/// Nobody waits.
const NOBODY: *mut u8 = ptr::null_mut();
/// The goroutine has ended. No waiter's word is 2 (they are aligned to more) and no box lies there.
const DONE: *mut u8 = ptr::without_provenance_mut(2);
/// The tag of a boxed waker; a thread's waiter has 1 there.
const WAKER: usize = 2;

/// The part of a packet that does not depend on types.
pub(super) struct Header {
    refs: AtomicU32,
    /// Whether the message of the panic at the end was printed; part of the result.
    is_told: AtomicBool,
    end: AtomicPtr<u8>,
    pub(super) goroutine: Goroutine,
    vtable: &'static VTable,
}

struct VTable {
    /// Moves the result out, to the place given.
    take: unsafe fn(NonNull<Header>, *mut ()),
    /// Drops what is in the stage and frees the packet.
    free: unsafe fn(NonNull<Header>),
}

/// Where the closure is, and then the result.
enum Stage<F, T> {
    Start(F),
    End(thread::Result<T>),
    Empty,
}

#[repr(C)]
struct Task<F, T> {
    header: Header,
    stage: UnsafeCell<Stage<F, T>>,
}

impl<F, T> Task<F, T>
where
    F: FnOnce() -> T,
{
    const VTABLE: VTable = VTable {
        take: Self::take,
        free: Self::free,
    };

    fn allocate(token: &Token, f: F, goroutine: Goroutine) -> NonNull<Header> {
        let header = Header {
            refs: AtomicU32::new(2),
            is_told: AtomicBool::new(false),
            end: AtomicPtr::new(NOBODY),
            goroutine,
            vtable: &Self::VTABLE,
        };
        let task: Task<F, T> = Task {
            header,
            stage: UnsafeCell::new(Stage::Start(f)),
        };
        runtime::place_in(token, task).cast()
    }

    /// As `run`, of a goroutine that keeps its thread to the end.
    unsafe fn run_pinned(data: *mut ()) {
        runtime::lock_thread();
        // SAFETY: our caller's promise.
        unsafe { Self::run(data) };
    }

    /// The goroutine's life, from its first instruction to its last but the switch.
    unsafe fn run(data: *mut ()) {
        let task = data.cast::<Self>();
        // SAFETY: the packet is alive by the goroutine's count.
        let stage = unsafe { (*task).stage.get() };
        // SAFETY: before the end the stage is the goroutine's.
        let start = unsafe { mem::replace(&mut *stage, Stage::Empty) };
        let Stage::Start(f) = start else {
            crate::sys::fatal!("a goroutine was started twice")
        };
        let result = catch_unwind(AssertUnwindSafe(f));
        runtime::drop_locals();
        if let Err(payload) = &result {
            // SAFETY: the packet is alive by the goroutine's count.
            let header = unsafe { &(*task).header };
            let is_told = panic::was_told(&header.goroutine, &**payload);
            // Relaxed: published with the result.
            header.is_told.store(is_told, Ordering::Relaxed);
        }
        // SAFETY: as above; nothing is dropped by this write, the stage is empty.
        unsafe { ptr::write(stage, Stage::End(result)) };
        // SAFETY: the header is the packet's first field, and the goroutine's count is given up here.
        unsafe { Header::finish(NonNull::new_unchecked(task.cast())) };
    }

    unsafe fn take(header: NonNull<Header>, to: *mut ()) {
        // SAFETY: called by the handle after DONE, when the stage is its own.
        let stage = unsafe { &mut *header.cast::<Self>().as_ref().stage.get() };
        let Stage::End(result) = mem::replace(stage, Stage::Empty) else {
            std::panic!("a JoinHandle was polled after it had given its result");
        };
        // SAFETY: the caller's place is for this type.
        unsafe { to.cast::<thread::Result<T>>().write(result) };
    }

    unsafe fn free(header: NonNull<Header>) {
        let task = header.cast::<Self>();
        // SAFETY: called by whoever gave up the last count; `allocate` placed it.
        let Task { header, stage } = unsafe { runtime::take_out(task) };
        if let Stage::End(result) = stage.into_inner() {
            if let Err(payload) = &result {
                let is_told = header.is_told.into_inner();
                panic::nobody_joined(&header.goroutine, &**payload, is_told);
            }
            panic::drop_quietly(result);
        }
    }
}

impl Header {
    /// The goroutine's last deed: says that the result is there.
    ///
    /// # Safety
    /// The goroutine's count passes to this call.
    unsafe fn finish(this: NonNull<Header>) {
        // SAFETY: alive by the goroutine's count.
        let header = unsafe { this.as_ref() };
        // Release: pairs with the Acquire of whoever reads DONE. Acquire: for the waker's box.
        let waiter = header.end.swap(DONE, Ordering::AcqRel);
        if waiter != NOBODY {
            wake(waiter);
        }
        // SAFETY: our caller's count.
        unsafe { Header::release(this) };
    }

    /// Gives up one count.
    ///
    /// # Safety
    /// The count is the caller's.
    pub(super) unsafe fn release(this: NonNull<Header>) {
        // SAFETY: alive by the caller's count.
        let header = unsafe { this.as_ref() };
        // Release: what we did to the packet comes before its end.
        if header.refs.fetch_sub(1, Ordering::Release) == 1 {
            // Acquire: pairs with the Release of the other count's end.
            fence(Ordering::Acquire);
            // SAFETY: that was the last count.
            unsafe { (header.vtable.free)(this) };
        }
    }

    pub(super) fn is_done(&self) -> bool {
        // Acquire: pairs with the Release in `finish`.
        self.end.load(Ordering::Acquire) == DONE
    }

    /// Moves the result out.
    ///
    /// # Safety
    /// `is_done` was true for the handle, the result is a `T`, and nobody else takes it meanwhile.
    pub(super) unsafe fn take<T>(this: NonNull<Header>) -> thread::Result<T> {
        let mut result = mem::MaybeUninit::<thread::Result<T>>::uninit();
        // SAFETY: the place is for the result's type, by our caller's word.
        unsafe {
            (this.as_ref().vtable.take)(this, result.as_mut_ptr().cast());
            result.assume_init()
        }
    }

    /// Makes `waiter` the one to wake at the end; false if that has come.
    pub(super) fn set_waiter(&self, waiter: Waiter) -> bool {
        self.replace(waiter.into_ptr()).is_ok()
    }

    /// Takes the waiter back; false if it was or will be woken.
    pub(super) fn unset_waiter(&self, waiter: Waiter) -> bool {
        let waiter = waiter.into_ptr();
        self.end
            .compare_exchange(waiter, NOBODY, Ordering::Relaxed, Ordering::Acquire)
            .is_ok()
    }

    /// Makes `waker` the one to call at the end, and gives the one it was before, if any.
    ///
    /// # Errors
    /// [`Ended`] if the end has come.
    pub(super) fn set_waker(&self, waker: Waker) -> Result<Option<Waker>, Ended> {
        let boxed = Box::into_raw(Box::new(WakerBox(waker))).cast::<u8>();
        let tagged = boxed.map_addr(|address| address | WAKER);
        let set = self.replace(tagged);
        if set.is_err() {
            // SAFETY: nobody else has seen the box.
            drop(unsafe { take_waker(tagged) });
        }
        set
    }

    /// Forgets a waker that was set.
    pub(super) fn unset_waker(&self) {
        // Relaxed: only this handle sets one.
        if self.end.load(Ordering::Relaxed) != NOBODY {
            drop(self.replace(NOBODY));
        }
    }

    /// Puts `new` in place of nobody or of an earlier waker of the same handle, which it gives.
    fn replace(&self, new: *mut u8) -> Result<Option<Waker>, Ended> {
        // Acquire, here and below: DONE gives the right to the result.
        let old = self.end.load(Ordering::Acquire);
        // Release: the waiter sees its own preparations through the goroutine's swap.
        let done = old == DONE
            || self
                .end
                .compare_exchange(old, new, Ordering::AcqRel, Ordering::Acquire)
                .is_err();
        if done {
            return Err(Ended);
        }
        // SAFETY: we have swapped it out; only wakers stay behind in a handle.
        Ok((old != NOBODY).then(|| unsafe { take_waker(old) }))
    }
}

/// The end of the goroutine has come.
#[derive(Debug)]
pub(super) struct Ended;

/// Aligned so that the tag bits of its address are free.
#[repr(align(8))]
struct WakerBox(Waker);

/// # Safety
/// `tagged` was swapped out of `end` by the caller and is a waker's.
unsafe fn take_waker(tagged: *mut u8) -> Waker {
    let boxed = tagged
        .map_addr(|address| address & !WAKER)
        .cast::<WakerBox>();
    // SAFETY: invariant 2.
    unsafe { Box::from_raw(boxed) }.0
}

fn wake(waiter: *mut u8) {
    if waiter.addr() & WAKER != 0 {
        // SAFETY: swapped out of `end` by our caller.
        let waker = unsafe { take_waker(waiter) };
        panic::drop_quietly(catch_unwind(AssertUnwindSafe(|| waker.wake())));
        return;
    }
    // SAFETY: what is not a waker came from `set_waiter`.
    let waiter = unsafe { Waiter::from_ptr(waiter) };
    runtime::enter().ready(waiter);
}
