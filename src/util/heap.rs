//! A heap: the entry with the least key first.
//!
//! 1. No entry has a key less than its parent's, and the children of entry `i` are the four from
//!    `4 * i + 1` on. Four to a node is half the levels of a binary heap, and the keys of the four,
//!    which stand in the entries, lie side by side.
//! 2. Entries with equal keys come out in any order.
#![forbid(unsafe_code)]

pub(crate) struct Heap<T> {
    entries: Vec<Entry<T>>,
}

struct Entry<T> {
    key: u64,
    value: T,
}

const CHILDREN: usize = 4;

/// The entries of the upper three levels.
const NEAR_TOP: usize = 1 + CHILDREN + CHILDREN * CHILDREN;

impl<T> Heap<T> {
    pub(crate) const fn new() -> Heap<T> {
        Heap {
            entries: Vec::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The entry with the least key.
    pub(crate) fn first(&self) -> Option<(u64, &T)> {
        let first = self.entries.first()?;
        Some((first.key, &first.value))
    }

    pub(crate) fn push(&mut self, key: u64, value: T) {
        self.entries.push(Entry { key, value });
        self.rise(self.entries.len() - 1);
    }

    /// Takes the entry with the least key.
    pub(crate) fn pop(&mut self) -> Option<T> {
        if self.entries.is_empty() {
            return None;
        }
        let first = self.entries.swap_remove(0);
        self.sink(0);
        Some(first.value)
    }

    /// Takes all entries, in no order.
    pub(crate) fn into_entries(self) -> impl Iterator<Item = (u64, T)> {
        self.entries
            .into_iter()
            .map(|entry| (entry.key, entry.value))
    }

    /// Drops the values of which `keeps` does not hold.
    pub(crate) fn retain(&mut self, keeps: impl Fn(&T) -> bool) {
        self.entries.retain(|entry| keeps(&entry.value));
        for index in (0..self.entries.len().div_ceil(CHILDREN)).rev() {
            self.sink(index);
        }
    }

    /// How many keys are less than `limit`, among those near the top, but at most `enough`.
    pub(crate) fn count_below(&self, limit: u64, enough: usize) -> usize {
        let near = self.entries.iter().take(NEAR_TOP);
        near.filter(|entry| entry.key < limit).take(enough).count()
    }

    fn key(&self, index: usize) -> u64 {
        self.entries[index].key
    }

    /// Brings an entry up to where its parent's key is not greater.
    fn rise(&mut self, mut index: usize) {
        while index > 0 {
            let parent = (index - 1) / CHILDREN;
            if self.key(parent) <= self.key(index) {
                break;
            }
            self.entries.swap(parent, index);
            index = parent;
        }
    }

    /// Brings an entry down to where none of its children's keys is less.
    fn sink(&mut self, mut index: usize) {
        loop {
            let first_child = CHILDREN * index + 1;
            let children = first_child..(first_child + CHILDREN).min(self.entries.len());
            let Some(least) = children.min_by_key(|&child| self.key(child)) else {
                break;
            };
            if self.key(index) <= self.key(least) {
                break;
            }
            self.entries.swap(index, least);
            index = least;
        }
    }
}

// By its path, since the models include this file by theirs.
#[cfg(test)]
#[path = "heap/tests.rs"]
mod tests;
