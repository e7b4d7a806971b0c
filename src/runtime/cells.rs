//! Cells: memory for goroutines' packets and for channels, used again and again.
//!
//! Both are made on one thread and often end on another, which is the case general allocators are
//! slow at: the block goes back to the heap of the thread it came from, under that heap's lock. Cells
//! go to whoever frees them.
//!
//! 1. Cells are never given back to the system: as many stay as were in use at once, in batches.
//! 2. A cell in a list belongs to the list's owner.

use crate::sys::prefetch_to_write;
use crate::util::magazine::{BATCH, Batch, Rack};
use std::alloc::{Layout, alloc, handle_alloc_error};
use std::ptr::NonNull;

/// What a cell holds.
pub(crate) const CELL: Layout = match Layout::from_size_align(128, 64) {
    Ok(layout) => layout,
    Err(_) => panic!("64 is a power of two"),
};

/// Cells that nobody uses.
pub(crate) struct CellList(Rack<NonNull<u8>>);

// SAFETY: free cells are plain memory, owned by the list (invariant 2).
unsafe impl Send for CellList {}

impl Batch for CellList {
    type Item = NonNull<u8>;
    const EMPTY: CellList = CellList(Rack::EMPTY);

    #[inline]
    fn push(&mut self, cell: NonNull<u8>) {
        self.0.push(cell);
    }

    #[inline]
    fn pop(&mut self) -> Option<NonNull<u8>> {
        if let Some(later) = self.0.later() {
            prefetch_to_write(later.as_ptr().cast::<[u8; CELL.size()]>());
        }
        self.0.pop()
    }

    fn len(&self) -> usize {
        self.0.len()
    }
}

/// Makes a batch of new cells.
pub(crate) fn new_cells() -> CellList {
    let mut list = CellList::EMPTY;
    let layout = Layout::from_size_align(CELL.size() * BATCH, CELL.align()).expect("a small block");
    // SAFETY: the layout is not empty.
    let Some(block) = NonNull::new(unsafe { alloc(layout) }) else {
        handle_alloc_error(layout)
    };
    for index in 0..BATCH {
        // SAFETY: inside the block.
        list.push(unsafe { block.add(index * CELL.size()) });
    }
    list
}
