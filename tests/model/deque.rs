//! Double of the work-stealing deque beneath `runq.rs`, first in, first out.
//!
//! The real one is not written with the checker's atomics. This one has a ring of fixed size and
//! otherwise the same accesses with the same orders, since the fences of counters.rs must do
//! together with exactly these: `push` publishes with a relaxed store after a release fence, and
//! `is_empty` reads the front, fences, and reads the back.
//!
//! Lengths and limits count each goroutine [`WEIGHT`] times, as in nouns.rs. main.rs makes this
//! crate go by the deque's name, so that `runq.rs` finds it here.

use crate::runtime::g::GRef;
use crate::runtime::nouns::WEIGHT;
use loom::sync::atomic::{AtomicPtr, AtomicUsize, Ordering, fence};
use std::marker::PhantomData;
use std::ptr;
use std::sync::Arc;

const RING: usize = 8;

struct Inner {
    front: AtomicUsize,
    back: AtomicUsize,
    ring: [AtomicPtr<crate::runtime::g::G>; RING],
}

impl Inner {
    fn write(&self, index: usize, g: GRef) {
        self.ring[index % RING].store(g.as_ptr(), Ordering::Relaxed);
    }

    fn read(&self, index: usize) -> GRef {
        let g = self.ring[index % RING].load(Ordering::Relaxed);
        assert!(
            !g.is_null(),
            "the ring's place {index} is read before it is written"
        );
        // SAFETY: `write` puts pointers of `as_ptr` there.
        unsafe { GRef::from_ptr(g) }
    }
}

pub(crate) struct Worker<T> {
    inner: Arc<Inner>,
    of: PhantomData<T>,
}

pub(crate) struct Stealer<T> {
    inner: Arc<Inner>,
    of: PhantomData<T>,
}

pub(crate) enum Steal<T> {
    Empty,
    Success(T),
    Retry,
}

/// How many lie between two indices; the front may be ahead for a moment.
fn between(front: usize, back: usize) -> usize {
    (back.wrapping_sub(front) as isize).max(0) as usize
}

impl Worker<GRef> {
    pub(crate) fn new_fifo() -> Worker<GRef> {
        let inner = Arc::new(Inner {
            front: AtomicUsize::new(0),
            back: AtomicUsize::new(0),
            ring: std::array::from_fn(|_| AtomicPtr::new(ptr::null_mut())),
        });
        Worker {
            inner,
            of: PhantomData,
        }
    }

    pub(crate) fn stealer(&self) -> Stealer<GRef> {
        Stealer {
            inner: self.inner.clone(),
            of: PhantomData,
        }
    }

    pub(crate) fn len(&self) -> usize {
        let back = self.inner.back.load(Ordering::Relaxed);
        let front = self.inner.front.load(Ordering::SeqCst);
        between(front, back) * WEIGHT
    }

    pub(crate) fn push(&self, g: GRef) {
        let back = self.inner.back.load(Ordering::Relaxed);
        let front = self.inner.front.load(Ordering::Acquire);
        assert!(between(front, back) < RING, "the ring is too small");
        self.inner.write(back, g);
        fence(Ordering::Release);
        self.inner.back.store(back + 1, Ordering::Relaxed);
    }

    pub(crate) fn pop(&self) -> Option<GRef> {
        let back = self.inner.back.load(Ordering::Relaxed);
        if between(self.inner.front.load(Ordering::Relaxed), back) == 0 {
            return None;
        }
        let front = self.inner.front.fetch_add(1, Ordering::SeqCst);
        if between(front, back) == 0 {
            self.inner.front.store(front, Ordering::Relaxed);
            return None;
        }
        Some(self.inner.read(front))
    }
}

impl Stealer<GRef> {
    /// For statistics, which no model gathers.
    pub(crate) fn len(&self) -> usize {
        unimplemented!("no model counts")
    }

    pub(crate) fn is_empty(&self) -> bool {
        let front = self.inner.front.load(Ordering::Acquire);
        fence(Ordering::SeqCst);
        let back = self.inner.back.load(Ordering::Acquire);
        between(front, back) == 0
    }

    pub(crate) fn steal_batch_with_limit_and_pop(
        &self,
        thief: &Worker<GRef>,
        limit: usize,
    ) -> Steal<GRef> {
        let front = self.inner.front.load(Ordering::Acquire);
        fence(Ordering::SeqCst);
        let back = self.inner.back.load(Ordering::Acquire);
        let len = between(front, back);
        if len == 0 {
            return Steal::Empty;
        }
        let batch = ((len - 1) / 2).min(limit / WEIGHT - 1);
        let end = thief.inner.back.load(Ordering::Relaxed);
        let first = self.inner.read(front);
        for i in 0..batch {
            thief.inner.write(end + i, self.inner.read(front + 1 + i));
        }
        let (after, orders) = (front + 1 + batch, (Ordering::SeqCst, Ordering::Relaxed));
        let taken = self
            .inner
            .front
            .compare_exchange(front, after, orders.0, orders.1);
        if taken.is_err() {
            return Steal::Retry;
        }
        fence(Ordering::Release);
        thief.inner.back.store(end + batch, Ordering::Relaxed);
        Steal::Success(first)
    }
}
