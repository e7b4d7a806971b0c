//! Double of `sys/atomic.rs`: std's names over the model checker's atomics.
//!
//! 1. `new` is const here too, so the sources need no other form for the model. The checked atomic
//!    is made at the first access, and counts as made by that thread at that time; so whoever makes
//!    a thing touches it once before sharing it. One that is forgotten shows: the checker calls it a
//!    causality violation.
//! 2. [`fence`] can be switched off by its place, to see a model fail without it.

pub(crate) use loom::sync::atomic::Ordering;
use std::cell::{Cell, OnceCell};
use std::panic::Location;

/// The compiler moves nothing here: the model runs what is written.
pub(crate) fn compiler_fence(_: Ordering) {}

thread_local! {
    /// Part of the path of the source file whose fences do nothing.
    static WITHOUT_FENCES_OF: Cell<Option<&'static str>> = const { Cell::new(None) };
}

/// Runs the rest of this thread's models without the fences of `file`; `None` brings them back.
pub(crate) fn set_without_fences_of(file: Option<&'static str>) {
    WITHOUT_FENCES_OF.set(file);
}

#[track_caller]
pub(crate) fn fence(order: Ordering) {
    let here = Location::caller().file();
    if WITHOUT_FENCES_OF
        .get()
        .is_none_or(|file| !here.ends_with(file))
    {
        loom::sync::atomic::fence(order);
    }
}

macro_rules! atomics {
    ($($name:ident $(<$generic:ident>)?: $value:ty;)*) => {$(
        pub(crate) struct $name $(<$generic>)? {
            start: Cell<$value>,
            checked: OnceCell<loom::sync::atomic::$name $(<$generic>)?>,
        }

        // SAFETY: all threads of a model take turns on one thread of the system.
        unsafe impl $(<$generic>)? Sync for $name $(<$generic>)? {}
        // SAFETY: as above.
        unsafe impl $(<$generic>)? Send for $name $(<$generic>)? {}

        impl $(<$generic>)? $name $(<$generic>)? {
            pub(crate) const fn new(start: $value) -> Self {
                Self { start: Cell::new(start), checked: OnceCell::new() }
            }

            fn checked(&self) -> &loom::sync::atomic::$name $(<$generic>)? {
                self.checked.get_or_init(|| loom::sync::atomic::$name::new(self.start.get()))
            }

            #[track_caller]
            pub(crate) fn store(&self, value: $value, order: Ordering) {
                self.checked().store(value, order);
            }

            #[track_caller]
            pub(crate) fn swap(&self, value: $value, order: Ordering) -> $value {
                self.checked().swap(value, order)
            }
        }
    )*};
}

atomics! {
    AtomicU32: u32;
    AtomicU64: u64;
}

macro_rules! loads_and_exchanges {
    ($($name:ident $(<$generic:ident>)?: $value:ty;)*) => {$(
        impl $(<$generic>)? $name $(<$generic>)? {
            #[track_caller]
            pub(crate) fn load(&self, order: Ordering) -> $value {
                self.checked().load(order)
            }

            #[track_caller]
            pub(crate) fn compare_exchange(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                self.checked().compare_exchange(current, new, success, failure)
            }
        }
    )*};
}

loads_and_exchanges! {
    AtomicU32: u32;
    AtomicU64: u64;
}

macro_rules! integers {
    ($($name:ident: $value:ty;)*) => {$(
        impl $name {
            #[track_caller]
            pub(crate) fn compare_exchange_weak(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                self.compare_exchange(current, new, success, failure)
            }

            #[track_caller]
            pub(crate) fn fetch_add(&self, value: $value, order: Ordering) -> $value {
                self.checked().fetch_add(value, order)
            }

            #[track_caller]
            pub(crate) fn fetch_sub(&self, value: $value, order: Ordering) -> $value {
                self.checked().fetch_sub(value, order)
            }
        }
    )*};
}

integers! {
    AtomicU64: u64;
}
