//! The values of `goroutine_local!`: a table a goroutine, or a thread, made when the first is used.
//!
//! ```text
//!   G -> Locals: slots, by the number of the key     values, each in a box of its own
//!        [ empty | alive | gone | .. ]  ---------->  Header: drop, key, earlier --> the one made before
//!        last  ------------------------------------> T
//! ```
//!
//! 1. A slot goes from empty to alive to gone, and no further; so the end of a goroutine comes to an
//!    end, whatever the destructors make. It is gone before its value is dropped.
//! 2. A value stays where it is until it is dropped, and that is at the end of its owner, when nobody
//!    looks at it any more; so references into it may live across parks.
//! 3. A table is used by its owner only. No reference into it lives while the user's code runs, which
//!    may come back for another value.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;

/// What stands before a value; see [`Local`].
pub(crate) struct Header {
    drop: unsafe fn(NonNull<Header>),
    key: usize,
    /// The value that was made before this one.
    earlier: Cell<Option<NonNull<Header>>>,
}

/// A value in its box.
#[repr(C)]
pub(crate) struct Local<T> {
    header: Header,
    value: T,
}

impl<T> Local<T> {
    pub(crate) fn new(key: usize, value: T) -> Box<Local<T>> {
        let header = Header {
            drop: Local::<T>::drop,
            key,
            earlier: Cell::new(None),
        };
        Box::new(Local { header, value })
    }

    /// Where the value of a header is.
    ///
    /// # Safety
    /// The header is in the slot of a key for values of type `T`.
    pub(crate) unsafe fn value(header: NonNull<Header>) -> NonNull<T> {
        let local = header.cast::<Local<T>>().as_ptr();
        // SAFETY: the box is alive while its header is in a slot; no reference is made.
        unsafe { NonNull::new_unchecked(&raw mut (*local).value) }
    }

    /// # Safety
    /// The header is that of a boxed `Local<T>`, which nobody uses any more.
    unsafe fn drop(header: NonNull<Header>) {
        // SAFETY: the header is the first field of the box, by our caller's word.
        drop(unsafe { Box::from_raw(header.cast::<Local<T>>().as_ptr()) });
    }
}

/// What is in the slot of a key.
#[derive(Clone, Copy)]
pub(crate) enum Slot {
    /// No value yet.
    Empty,
    Alive(NonNull<Header>),
    /// The value was dropped, or is being dropped.
    Gone,
}

/// A table, by its address. Whoever it belongs to may use it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Locals(NonNull<Table>);

struct Table {
    slots: Vec<Slot>,
    /// The value made last.
    last: Option<NonNull<Header>>,
}

impl Locals {
    pub(crate) fn new() -> Locals {
        let table = Box::new(Table {
            slots: Vec::new(),
            last: None,
        });
        Locals(NonNull::from(Box::leak(table)))
    }

    /// Looks at the slot of a key.
    pub(crate) fn get(self, key: usize) -> Slot {
        // SAFETY: the table is alive and its owner's, and nobody holds a reference (invariant 3).
        let table = unsafe { self.0.as_ref() };
        table.slots.get(key).copied().unwrap_or(Slot::Empty)
    }

    /// Puts the first value of its key in.
    pub(crate) fn put<T>(self, local: Box<Local<T>>) {
        // SAFETY: as in `get`.
        let table = unsafe { &mut *self.0.as_ptr() };
        let key = local.header.key;
        if table.slots.len() <= key {
            table.slots.resize(key + 1, Slot::Empty);
        }
        local.header.earlier.set(table.last);
        let header = NonNull::from(Box::leak(local)).cast();
        table.slots[key] = Slot::Alive(header);
        table.last = Some(header);
    }

    /// Takes out the value that was made last.
    fn take_last(self) -> Option<NonNull<Header>> {
        // SAFETY: as in `get`.
        let table = unsafe { &mut *self.0.as_ptr() };
        let header = table.last?;
        // SAFETY: values live until they were taken out here.
        let Header { key, earlier, .. } = unsafe { header.as_ref() };
        table.last = earlier.get();
        table.slots[*key] = Slot::Gone;
        Some(header)
    }

    /// Drops all values, the last one first, with those that are made meanwhile. A panic in one is
    /// told by the hook, and stops none of the others.
    ///
    /// # Safety
    /// Nobody looks at a value.
    pub(crate) unsafe fn drop_all(self) {
        while let Some(header) = self.take_last() {
            // SAFETY: it was taken out, and nobody looks at it.
            let drop = AssertUnwindSafe(|| unsafe { (header.as_ref().drop)(header) });
            if let Err(payload) = catch_unwind(drop) {
                // Dropping this one could panic again.
                std::mem::forget(payload);
            }
        }
    }

    /// Frees the table.
    ///
    /// # Safety
    /// Its owner has forgotten it, after `drop_all`.
    pub(crate) unsafe fn free(self) {
        // SAFETY: of a box, by `new`; nobody else has it.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}
