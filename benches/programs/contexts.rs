//! Rows of `context`: what it costs to make contexts and to end them.

use std::time::{Duration, Instant};

use sudog::context::Context;

/// Contexts in a tree.
pub const TREE: u64 = 10_000;

/// How many children a context in the tree has.
const CHILDREN: usize = 10;

/// A turn makes a tree of contexts and cancels its root.
pub fn tree(turns: u64) -> Duration {
    sudog::run(move || {
        let start = Instant::now();
        for _ in 0..turns {
            let mut tree = Vec::with_capacity(TREE as usize);
            tree.push(Context::background().with_cancel());
            for n in 1..TREE as usize {
                let (parent, _) = &tree[(n - 1) / CHILDREN];
                tree.push(parent.with_cancel());
            }
            tree[0].1.cancel();
            let (leaf, _) = &tree[TREE as usize - 1];
            assert!(leaf.err().is_some());
        }
        start.elapsed()
    })
}

/// A turn makes a child of a context that goes on, and cancels it.
pub fn churn(turns: u64) -> Duration {
    sudog::run(move || {
        let (parent, cancel) = Context::background().with_cancel();
        let start = Instant::now();
        for _ in 0..turns {
            let (child, cancel) = parent.with_cancel();
            cancel.cancel();
            assert!(child.err().is_some());
        }
        let elapsed = start.elapsed();
        cancel.cancel();
        elapsed
    })
}
