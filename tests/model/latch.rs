//! A wait that may be ended before it has begun: the latch, on its own.
//!
//! The waiter opens it, makes itself known, and parks; whoever ends the wait says so. Exactly one of
//! the two has the waiter go on: the waiter, whose park is refused, or the other, who readies it. What
//! each has written before the other must know of: the cells see to that.

use crate::check;
use crate::runtime::latch::Latch;
use crate::runtime::nouns::{fresh_note, keep};
use crate::sys::atomic::{AtomicU32, Ordering};
use crate::sys::lock::Lock;
use crate::sys::note::Note;
use loom::cell::Cell;
use loom::thread;

trait Protocol: 'static {
    fn new() -> Self;
    fn open(&self);
    fn park(&self) -> bool;
    fn ready(&self) -> bool;
}

impl Protocol for Latch {
    fn new() -> Latch {
        Latch::new()
    }
    fn open(&self) {
        Latch::open(self);
    }
    fn park(&self) -> bool {
        Latch::park(self)
    }
    fn ready(&self) -> bool {
        Latch::ready(self)
    }
}

/// A latch that the waker looks at and sets in two steps.
struct LatchSetInTwoSteps(AtomicU32);

impl Protocol for LatchSetInTwoSteps {
    fn new() -> Self {
        Self(AtomicU32::new(0))
    }
    fn open(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
    fn park(&self) -> bool {
        let parked = self
            .0
            .compare_exchange(0, 1, Ordering::AcqRel, Ordering::Acquire);
        parked.is_ok()
    }
    fn ready(&self) -> bool {
        let was_parked = self.0.load(Ordering::Acquire) == 1;
        self.0.store(2, Ordering::Release);
        was_parked
    }
}

/// A latch whose refusal tells the waiter nothing of what was done for it.
struct LatchWithoutAcquire(AtomicU32);

impl Protocol for LatchWithoutAcquire {
    fn new() -> Self {
        Self(AtomicU32::new(0))
    }
    fn open(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
    fn park(&self) -> bool {
        let parked = self
            .0
            .compare_exchange(0, 1, Ordering::AcqRel, Ordering::Relaxed);
        parked.is_ok()
    }
    fn ready(&self) -> bool {
        self.0.swap(2, Ordering::AcqRel) == 1
    }
}

/// A waiter, and what it and the others leave for one another.
struct World<L> {
    latch: L,
    note: Note,
    /// The wait that can be ended; taken by who ends it.
    wait: Lock<u32>,
    /// What the waiter leaves when it parks.
    context: Cell<u32>,
    /// What is done for it.
    value: Cell<u32>,
}

// SAFETY: the checker watches the cells.
unsafe impl<L> Sync for World<L> {}

impl<L: Protocol> World<L> {
    fn new() -> &'static World<L> {
        let world = keep(World {
            latch: L::new(),
            note: fresh_note(),
            wait: Lock::new(0),
            context: Cell::new(0),
            value: Cell::new(0),
        });
        world.latch.open();
        world
    }

    /// Waits once; `number` is not 0.
    fn wait(&self, number: u32) {
        self.latch.open();
        *self.wait.lock() = number;
        self.context.set(number);
        if self.latch.park() {
            self.note.sleep();
        }
        assert_eq!(self.value.get(), number);
    }

    /// Ends the present wait if there is one and nobody else does.
    fn end(&self) -> bool {
        let number = std::mem::take(&mut *self.wait.lock());
        if number == 0 {
            return false;
        }
        self.value.set(number);
        if self.latch.ready() {
            assert_eq!(self.context.get(), number);
            self.note.wake();
        }
        true
    }
}

/// So many waits, and as many who end one each, as soon as there is one.
fn waits<L: Protocol>(count: u32) {
    let world = World::<L>::new();
    let waiter = thread::spawn(move || (1..=count).for_each(|number| world.wait(number)));
    for _ in 0..count {
        while !world.end() {
            thread::yield_now();
        }
    }
    waiter.join().unwrap();
}

#[test]
fn a_wait_goes_on_once() {
    check(None, || waits::<Latch>(1));
}

#[test]
fn a_late_ready_never_meets_the_next_wait() {
    check(None, || waits::<Latch>(2));
}

#[test]
fn of_two_who_come_one_ends_the_wait() {
    check(Some(3), || {
        let world = World::<Latch>::new();
        let others = [0; 2].map(|_| thread::spawn(|| world.end()));
        let waiter = thread::spawn(|| world.wait(1));
        let ended = others.map(|other| other.join().unwrap());
        assert!(ended != [true, true]);
        if ended == [false, false] {
            while !world.end() {
                thread::yield_now();
            }
        }
        waiter.join().unwrap();
    });
}

#[test]
#[should_panic(expected = "deadlock")]
fn a_latch_that_is_set_in_two_steps_loses_the_wake() {
    check(None, || waits::<LatchSetInTwoSteps>(1));
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_latch_without_acquire_hides_what_was_done() {
    check(None, || waits::<LatchWithoutAcquire>(1));
}

#[test]
#[should_panic(expected = "left: 1")]
fn a_waiter_that_leaves_before_it_was_readied_meets_a_late_ready() {
    check(None, || {
        let world = World::<Latch>::new();
        world.latch.open();
        *world.wait.lock() = 1;
        let other = thread::spawn(|| world.end());
        // It thinks better of it, though somebody may have its wait.
        let is_taken = std::mem::take(&mut *world.wait.lock()) == 0;
        world.latch.open();
        let is_refused = !world.latch.park();
        let was_ended = other.join().unwrap();
        assert_eq!(is_taken, was_ended);
        assert_eq!(u32::from(is_refused), 0, "refused by the wait before");
    });
}
