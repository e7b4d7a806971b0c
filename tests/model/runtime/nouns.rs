//! Doubles of G, M, P, parkers and stacks, with the fields that the protocols touch.
//!
//! 1. Nothing is freed while a model runs, as in the runtime: records are kept in [`keep`]'s list
//!    and dropped when the next run of the model begins ([`forget_all`]).
//! 2. Cells are the checker's: it reports two threads at one cell of which neither is known to be
//!    later, so a P with two owners or a wake that publishes nothing fails a model by itself.
//! 3. A goroutine here has no stack. Running it is to call [`G::run`], which counts, in such a cell.
//! 4. Each goroutine weighs [`WEIGHT`], so a local queue of 256 is full with four of them.

use std::any::Any;
use std::cell::RefCell;
use std::mem::ManuallyDrop;
use std::ptr::{self, NonNull};

mod goroutine;
mod machine;
mod waiting;

pub(crate) use goroutine::{
    Commit, G, GList, GRef, Place, Stack, StackList, Switch, WaitReason, as_goroutine,
};
pub(crate) use machine::{Handed, M, P, current, set_current, until_the_end};
pub(crate) use waiting::{Parker, Task, fresh_note, kept_parker, parker};

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

thread_local! {
    /// Never dropped: what is kept is dropped at the thread's end, and looks here.
    static PLACES: RefCell<ManuallyDrop<Vec<usize>>> =
        const { RefCell::new(ManuallyDrop::new(Vec::new())) };
}

/// Puts a value into a place of its own.
pub(crate) fn place<T>(value: T) -> NonNull<T> {
    let place = NonNull::from(Box::leak(Box::new(value)));
    PLACES.with_borrow_mut(|places| places.push(place.addr().get()));
    place
}

/// Takes a value out of its place, once.
///
/// # Safety
/// It is one of [`place`].
pub(crate) unsafe fn take_out<T>(place: NonNull<T>) -> T {
    PLACES.with_borrow_mut(|places| {
        let index = places.iter().position(|&at| at == place.addr().get());
        places.swap_remove(index.expect("taken out once"));
    });
    // SAFETY: our caller's promise, and it is taken out once.
    *unsafe { Box::from_raw(place.as_ptr()) }
}

/// How many values are in their places.
pub(crate) fn places() -> usize {
    PLACES.with_borrow(|places| places.len())
}

/// Begins a new run: all threads of the one before have ended.
pub(crate) fn forget_all() {
    let old = KEPT.take();
    drop(old);
    // Of a run that failed.
    PLACES.with_borrow_mut(|places| places.clear());
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
