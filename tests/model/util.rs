//! The plain data that the files included here use: the real one.

#[path = "../../src/util/heap.rs"]
pub(crate) mod heap;
