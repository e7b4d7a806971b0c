//! The atomics the runtime's protocols are written with.
//!
//! One door for all of them, so that a model can put its own in their place: `tests/model` compiles
//! the very files that hold a protocol with this module standing for loom's types.
#![forbid(unsafe_code)]

pub(crate) use std::sync::atomic::{
    AtomicBool, AtomicIsize, AtomicPtr, AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize,
    Ordering, compiler_fence, fence,
};
