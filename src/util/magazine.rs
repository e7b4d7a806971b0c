//! Free things, kept in batches: a magazine for each owner, a depot for all.
//!
//! An owner takes from and gives to its magazine without any lock, and exchanges whole batches with
//! the depot: a swap of a few words under the lock, that touches none of the things themselves. After
//! J. Bonwick and J. Adams, "Magazines and Vmem", USENIX 2001.
#![forbid(unsafe_code)]

use crate::sys::lock::Lock;
use std::mem;

/// How many things a batch has.
pub(crate) const BATCH: usize = 64;

/// A list of things.
pub(crate) trait Batch {
    type Item;
    const EMPTY: Self;
    fn push(&mut self, item: Self::Item);
    fn pop(&mut self) -> Option<Self::Item>;
    fn len(&self) -> usize;
}

/// An array of pointers, last in first out. It does not touch what they point at, which may be in
/// another processor's cache; that can be fetched while those before it are used.
pub(crate) struct Rack<T> {
    items: [Option<T>; BATCH],
    len: usize,
}

impl<T: Copy> Rack<T> {
    pub(crate) const EMPTY: Rack<T> = Rack {
        items: [None; BATCH],
        len: 0,
    };

    #[inline]
    pub(crate) fn push(&mut self, item: T) {
        self.items[self.len] = Some(item);
        self.len += 1;
    }

    #[inline]
    pub(crate) fn pop(&mut self) -> Option<T> {
        self.len = self.len.checked_sub(1)?;
        self.items[self.len]
    }

    /// One that will be popped soon.
    #[inline]
    pub(crate) fn later(&self) -> Option<T> {
        const AHEAD: usize = 6;
        *self.items.get(self.len.wrapping_sub(1 + AHEAD))?
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }
}

/// Full batches, for all.
pub(crate) struct Depot<B>(Lock<Vec<B>>);

impl<B: Batch> Depot<B> {
    pub(crate) const fn new() -> Depot<B> {
        Depot(Lock::new(Vec::new()))
    }

    fn take(&self) -> Option<B> {
        self.0.lock().pop()
    }

    fn give(&self, batch: B) {
        self.0.lock().push(batch);
    }

    /// Takes one thing, for those who have no magazine; `make` gives a batch of new ones.
    pub(crate) fn pop(&self, make: impl FnOnce() -> B) -> B::Item {
        if let Some(item) = self.pop_here() {
            return item;
        }
        let mut batch = make();
        let item = batch.pop().expect("a new batch is not empty");
        self.give(batch);
        item
    }

    fn pop_here(&self) -> Option<B::Item> {
        let mut batches = self.0.lock();
        let batch = batches.last_mut()?;
        let item = batch.pop();
        if batch.len() == 0 {
            batches.pop();
        }
        item
    }

    /// Gives one thing, for those who have no magazine.
    pub(crate) fn push(&self, item: B::Item) {
        let mut batches = self.0.lock();
        match batches.last_mut() {
            Some(batch) if batch.len() < BATCH => batch.push(item),
            _ => {
                let mut batch = B::EMPTY;
                batch.push(item);
                batches.push(batch);
            }
        }
    }
}

/// An owner's things: the batch in use, and one in reserve, so that an owner who takes and gives by
/// turns at the edge of a batch does not go to the depot each time.
pub(crate) struct Magazine<B> {
    current: B,
    reserve: B,
}

impl<B: Batch> Magazine<B> {
    pub(crate) const EMPTY: Magazine<B> = Magazine {
        current: B::EMPTY,
        reserve: B::EMPTY,
    };

    /// Takes a thing; `make` gives a batch of new ones where there is none.
    #[inline]
    pub(crate) fn pop(&mut self, depot: &Depot<B>, make: impl FnOnce() -> B) -> B::Item {
        match self.current.pop() {
            Some(item) => item,
            None => self.refill(depot, make),
        }
    }

    #[cold]
    fn refill(&mut self, depot: &Depot<B>, make: impl FnOnce() -> B) -> B::Item {
        mem::swap(&mut self.current, &mut self.reserve);
        if self.current.len() == 0 {
            self.current = depot.take().unwrap_or_else(make);
        }
        self.current.pop().expect("a batch in a depot is not empty")
    }

    /// Gives all of them to the depot.
    pub(crate) fn empty(&mut self, depot: &Depot<B>) {
        for batch in [&mut self.current, &mut self.reserve] {
            if batch.len() > 0 {
                depot.give(mem::replace(batch, B::EMPTY));
            }
        }
    }

    /// Gives a thing.
    #[inline]
    pub(crate) fn push(&mut self, item: B::Item, depot: &Depot<B>) {
        if self.current.len() >= BATCH {
            self.unload(depot);
        }
        self.current.push(item);
    }

    #[cold]
    fn unload(&mut self, depot: &Depot<B>) {
        mem::swap(&mut self.current, &mut self.reserve);
        if self.current.len() > 0 {
            depot.give(mem::replace(&mut self.current, B::EMPTY));
        }
    }
}

#[cfg(test)]
mod tests;
