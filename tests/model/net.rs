//! The real memory of short reads.

#[path = "../../src/net/drained.rs"]
pub(crate) mod drained;
