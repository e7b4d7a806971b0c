//! Double of `sys/atomic.rs`: std's names over the model checker's atomics.
//!
//! 1. `new` is const here too, so the sources need no other form for the model. The checked atomic
//!    is made at the first access, and counts as made by that thread at that time; so whoever makes
//!    a thing touches it once before sharing it. One that is forgotten shows: the checker calls it a
//!    causality violation.
//! 2. In a search (search.rs) there is no checker: atomics are plain cells then, and each access to
//!    one of 64 bits is a step of the search.
//! 3. [`fence`] can be switched off by its place, to see a model fail without it.

use crate::{search, trace};
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
        trace::add("fence", ());
        loom::sync::atomic::fence(order);
    }
}

/// An atomic behind its first access: the checker's, or none in a search.
type Checked<A> = OnceCell<Option<A>>;

macro_rules! atomics {
    ($($name:ident $(<$generic:ident>)?: $value:ty;)*) => {$(
        pub(crate) struct $name $(<$generic>)? {
            start: Cell<$value>,
            checked: Checked<loom::sync::atomic::$name $(<$generic>)?>,
        }

        // SAFETY: all threads of a model take turns on one thread of the system.
        unsafe impl $(<$generic>)? Sync for $name $(<$generic>)? {}
        // SAFETY: as above.
        unsafe impl $(<$generic>)? Send for $name $(<$generic>)? {}

        impl $(<$generic>)? $name $(<$generic>)? {
            pub(crate) const fn new(start: $value) -> Self {
                Self { start: Cell::new(start), checked: OnceCell::new() }
            }

            fn checked(&self) -> Option<&loom::sync::atomic::$name $(<$generic>)?> {
                let make = || loom::sync::atomic::$name::new(self.start.get());
                self.checked.get_or_init(|| (!search::is_on()).then(make)).as_ref()
            }

            #[track_caller]
            pub(crate) fn load(&self, order: Ordering) -> $value {
                match self.checked() {
                    Some(checked) => trace::add("load", checked.load(order)),
                    None => Plain::load(&self.start),
                }
            }

            #[track_caller]
            pub(crate) fn store(&self, value: $value, order: Ordering) {
                match self.checked() {
                    Some(checked) => {
                        trace::add("store", value);
                        checked.store(value, order);
                    }
                    None => self.start.set(value),
                }
            }

            #[track_caller]
            pub(crate) fn swap(&self, value: $value, order: Ordering) -> $value {
                match self.checked() {
                    Some(checked) => trace::add("swap", checked.swap(value, order)),
                    None => self.start.replace(value),
                }
            }

            #[track_caller]
            pub(crate) fn compare_exchange(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                match self.checked() {
                    Some(checked) => {
                        let result = checked.compare_exchange(current, new, success, failure);
                        trace::add("compare_exchange", result)
                    }
                    None => Plain::compare_exchange(&self.start, current, new),
                }
            }
        }
    )*};
}

atomics! {
    AtomicBool: bool;
    AtomicU8: u8;
    AtomicU32: u32;
    AtomicU64: u64;
    AtomicUsize: usize;
    AtomicPtr<T>: *mut T;
}

/// A value in a plain cell; in a search its accesses are steps.
trait Plain: Copy + PartialEq {
    fn load(cell: &Cell<Self>) -> Self {
        cell.get()
    }

    fn compare_exchange(cell: &Cell<Self>, current: Self, new: Self) -> Result<Self, Self> {
        if cell.get() != current {
            return Err(cell.get());
        }
        Ok(cell.replace(new))
    }
}

impl Plain for bool {}
impl Plain for u8 {}
impl Plain for u32 {}
impl Plain for usize {}
impl<T> Plain for *mut T {}
impl Plain for u64 {
    fn load(cell: &Cell<u64>) -> u64 {
        search::load(cell)
    }

    fn compare_exchange(cell: &Cell<u64>, current: u64, new: u64) -> Result<u64, u64> {
        search::compare_exchange(cell, current, new)
    }
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
                match self.checked() {
                    Some(checked) => trace::add("fetch_add", checked.fetch_add(value, order)),
                    None => self.start.replace(self.start.get().wrapping_add(value)),
                }
            }

            #[track_caller]
            pub(crate) fn fetch_sub(&self, value: $value, order: Ordering) -> $value {
                self.fetch_add(value.wrapping_neg(), order)
            }

            #[track_caller]
            pub(crate) fn fetch_update(
                &self,
                set_order: Ordering,
                fetch_order: Ordering,
                mut change: impl FnMut($value) -> Option<$value>,
            ) -> Result<$value, $value> {
                let mut seen = self.load(fetch_order);
                while let Some(next) = change(seen) {
                    match self.compare_exchange_weak(seen, next, set_order, fetch_order) {
                        Ok(before) => return Ok(before),
                        Err(now) => seen = now,
                    }
                }
                Err(seen)
            }
        }
    )*};
}

integers! {
    AtomicU32: u32;
    AtomicU64: u64;
    AtomicUsize: usize;
}
