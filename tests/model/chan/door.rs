//! Channels and values as the models need them.

use super::ends::{Receiver, Sender, bounded};
use super::raw::Chan;
use crate::runtime;
use crate::runtime::nouns::{fresh_note, keep};
use crate::sys::note::Note;
use loom::cell::Cell;
use loom::sync::atomic::{AtomicBool, Ordering};
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

/// The ends of a channel that lives as long as the run, and is not closed at its end: after a failure
/// the checker wants to be asked nothing more.
pub(crate) struct Ends<T> {
    pub(crate) tx: ManuallyDrop<Sender<T>>,
    pub(crate) rx: ManuallyDrop<Receiver<T>>,
}

impl<T> Drop for Ends<T> {
    fn drop(&mut self) {
        let chan: &Chan<T> = &self.tx.chan;
        // SAFETY: these are the last ends, and gone for good, so the channel is ours.
        drop(unsafe { runtime::take_out(NonNull::from(chan)) });
    }
}

/// Makes a channel whose ends close it when they go.
pub(crate) fn dropped_channel<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let (tx, rx) = bounded(capacity);
    // Each atomic is touched before others see it (sys/atomic.rs, invariant 1).
    drop((tx.clone(), rx.clone()));
    assert!(!tx.is_closed() && tx.is_empty() && rx.try_recv().is_err());
    assert!(!rx.chan.core.is_side_gone().load(Ordering::Relaxed));
    (tx, rx)
}

/// Makes a channel for this run of the model.
pub(crate) fn channel<T: 'static>(capacity: usize) -> &'static Ends<T> {
    let (tx, rx) = dropped_channel(capacity);
    keep(Ends {
        tx: ManuallyDrop::new(tx),
        rx: ManuallyDrop::new(rx),
    })
}

/// Makes two, the first at the lower address: a select locks in this order, and the checker wants the
/// same in every run.
pub(crate) fn two_channels<T: 'static>(capacity: usize) -> (&'static Ends<T>, &'static Ends<T>) {
    let (one, other) = (channel(capacity), channel(capacity));
    if ptr::from_ref::<Chan<T>>(&one.tx.chan) < ptr::from_ref(&other.tx.chan) {
        (one, other)
    } else {
        (other, one)
    }
}

/// A value that the checker watches: who opens it must know of whoever packed it, and does so once.
#[derive(Clone, Copy)]
pub(crate) struct Parcel(&'static Cell<u32>);

impl Parcel {
    /// Packs a number, not 0.
    pub(crate) fn new(number: u32) -> Parcel {
        Parcel(keep(Cell::new(number)))
    }

    pub(crate) fn open(self) -> u32 {
        let number = self.0.replace(0);
        assert_ne!(number, 0, "a value was received twice");
        number
    }
}

/// A point in one thread that others may ask about.
///
/// It also makes the checker try both orders where it would prune one: of the accesses to an atomic it
/// remembers only the last, so when a thread reads `Core::ready` and then writes it, what another has
/// read before is forgotten, and that the write might have come first.
pub(crate) struct Point(AtomicBool);

impl Point {
    pub(crate) fn new() -> &'static Point {
        keep(Point(AtomicBool::new(false)))
    }

    pub(crate) fn reach(&self) {
        self.0.store(true, Ordering::Release);
    }

    pub(crate) fn is_reached(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Wakes who sleeps on the note.
struct Ring(&'static Note);

impl Wake for Ring {
    fn wake(self: Arc<Self>) {
        self.0.wake();
    }
}

/// The smallest executor.
pub(crate) fn block_on<F: Future>(mut future: Pin<&mut F>) -> F::Output {
    let note = keep(fresh_note());
    let waker = Waker::from(Arc::new(Ring(note)));
    let mut context = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        note.sleep();
    }
}

/// Polls once.
pub(crate) fn poll_once<F: Future>(future: Pin<&mut F>) -> Option<F::Output> {
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}
