//! A select whose operations are added at run time.
//!
//! The operation is completed by the caller, [`SelectedOperation::send`] or
//! [`recv`](SelectedOperation::recv). So each send is a late offer (see `offer.rs`), and a receive has
//! its value in a box until it is asked for; one that is never asked for goes back to the front of its
//! channel.

use super::case::{Attempt, Case, attempt_offer, attempt_recv};
use super::core::Core;
use super::ends::{Receiver, Sender};
use super::error::{RecvError, SelectTimeoutError, SendError, TrySelectError};
use super::marks::Side;
use super::offer::{Hold, Offer};
use super::raw::Chan;
use super::{ready, select};
use crate::runtime::Outcome;
use std::fmt;
use std::marker::PhantomData;
use std::mem::{self, ManuallyDrop, MaybeUninit};
use std::panic::Location;
use std::ptr;
use std::time::{Duration, Instant};

/// Selects from operations that are added one by one.
///
/// Several can be added for one channel. Most programs want [`select!`](crate::select), which is
/// quicker and checks more; this is for when the operations are only known at run time.
///
/// # Examples
/// ```
/// use sudog::chan::{Select, bounded};
///
/// let channels: Vec<_> = (0..10).map(|_| bounded(1)).collect();
/// channels[7].0.send("seven").unwrap();
///
/// let mut select = Select::new();
/// for (_, rx) in &channels {
///     select.recv(rx);
/// }
/// let operation = select.select();
/// let index = operation.index();
/// assert_eq!(operation.recv(&channels[index].1), Ok("seven"));
/// ```
#[derive(Clone)]
pub struct Select<'a> {
    pub(super) operations: Vec<Operation<'a>>,
    next_index: usize,
    pub(super) is_biased: bool,
}

/// An operation to select from.
#[derive(Clone, Copy)]
pub(super) struct Operation<'a> {
    pub(super) index: usize,
    pub(super) core: &'a Core,
    chan: *const (),
    pub(super) side: Side,
    vtable: &'static Vtable,
}

impl Operation<'_> {
    /// When its channel will have a value, if that is known.
    pub(super) fn due(&self) -> Option<Instant> {
        (self.side == Side::Recv).then(|| self.core.due())?
    }
}

// SAFETY: it names a channel that is borrowed for `'a`, and is used under its lock. A value it moves is
// only ever dropped by an end of the channel.
unsafe impl Send for Operation<'_> {}
// SAFETY: as above.
unsafe impl Sync for Operation<'_> {}

/// What depends on the type of the values.
struct Vtable {
    attempt: Attempt,
    /// A place for a received value; a send needs none.
    make_slot: Option<fn() -> *mut ()>,
    free_slot: unsafe fn(*mut ()),
    /// Undoes an operation that was chosen.
    undo: unsafe fn(*const (), *mut (), Hold),
}

trait Typed {
    const SEND: Vtable;
    const RECV: Vtable;
}

impl<T> Typed for T {
    const SEND: Vtable = Vtable {
        attempt: attempt_offer::<T>,
        make_slot: None,
        free_slot: |_| {},
        undo: |chan, _, hold| {
            // SAFETY: the channel of the operation, and the hold it was chosen with.
            unsafe { (*chan.cast::<Chan<T>>()).withdraw(hold) };
        },
    };
    const RECV: Vtable = Vtable {
        attempt: attempt_recv::<T>,
        make_slot: Some(|| Box::into_raw(Box::new(MaybeUninit::<T>::uninit())).cast()),
        // SAFETY: a slot of `make_slot`, without a value.
        free_slot: |slot| drop(unsafe { Box::from_raw(slot.cast::<MaybeUninit<T>>()) }),
        undo: |chan, slot, _| {
            // SAFETY: the channel of the operation, and the slot holds what it received.
            unsafe { (*chan.cast::<Chan<T>>()).put_back(slot.cast::<T>().read()) };
        },
    };
}

/// The place for a received value, of the type that the operation knows.
struct Slot {
    place: *mut (),
    vtable: &'static Vtable,
}

impl Drop for Slot {
    fn drop(&mut self) {
        if !self.place.is_null() {
            // SAFETY: our own slot; a value in it was moved out, or put back.
            unsafe { (self.vtable.free_slot)(self.place) };
        }
    }
}

impl<'a> Select<'a> {
    /// Makes a select without operations, which picks one of the ready ones at random.
    pub fn new() -> Select<'a> {
        Select {
            operations: Vec::new(),
            next_index: 0,
            is_biased: false,
        }
    }

    /// Makes a select that picks the first that is ready, in the order in which they were added.
    pub fn new_biased() -> Select<'a> {
        Select {
            is_biased: true,
            ..Select::new()
        }
    }

    /// Adds a send, and returns its index.
    pub fn send<T>(&mut self, s: &'a Sender<T>) -> usize {
        self.add(&s.chan, Side::Send, &<T as Typed>::SEND)
    }

    /// Adds a receive, and returns its index.
    pub fn recv<T>(&mut self, r: &'a Receiver<T>) -> usize {
        self.add(&r.chan, Side::Recv, &<T as Typed>::RECV)
    }

    fn add<T>(&mut self, chan: &'a Chan<T>, side: Side, vtable: &'static Vtable) -> usize {
        let index = self.next_index;
        self.operations.push(Operation {
            index,
            core: &chan.core,
            chan: ptr::from_ref(chan).cast(),
            side,
            vtable,
        });
        self.next_index += 1;
        index
    }

    /// Removes an operation; the indices of the others stay.
    ///
    /// # Panics
    /// If there is no operation with this index.
    #[track_caller]
    pub fn remove(&mut self, index: usize) {
        assert!(
            index < self.next_index,
            "index out of bounds; {index} >= {}",
            self.next_index
        );
        let place = self.operations.iter().position(|op| op.index == index);
        self.operations
            .remove(place.expect("no operation with this index"));
    }

    /// Selects an operation that can be done at once. Never blocks.
    ///
    /// # Errors
    /// [`TrySelectError`] if none can.
    #[track_caller]
    pub fn try_select(&mut self) -> Result<SelectedOperation<'a>, TrySelectError> {
        let selected = self.select_by(select::try_now, Location::caller());
        selected.ok_or(TrySelectError)
    }

    /// Selects an operation, waiting until one can be done.
    ///
    /// Blocks the goroutine, or the thread on a plain thread.
    ///
    /// # Panics
    /// If no operation was added.
    #[track_caller]
    pub fn select(&mut self) -> SelectedOperation<'a> {
        assert!(
            !self.operations.is_empty(),
            "no operations have been added to `Select`"
        );
        let at = Location::caller();
        let selected = self.select_by(|cases, biased| select::wait_at(cases, biased, None, at), at);
        match selected {
            Some(operation) => operation,
            None => unreachable!("a select without a deadline ends with an operation"),
        }
    }

    /// Selects an operation, waiting at most `timeout` until one can be done.
    ///
    /// Blocks as [`select`](Select::select). Without operations it waits for the whole time.
    ///
    /// # Errors
    /// [`SelectTimeoutError`] if none could.
    #[track_caller]
    pub fn select_timeout(
        &mut self,
        timeout: Duration,
    ) -> Result<SelectedOperation<'a>, SelectTimeoutError> {
        self.select_until(Instant::now().checked_add(timeout), Location::caller())
    }

    /// Selects an operation, waiting until `deadline` until one can be done.
    ///
    /// Blocks as [`select`](Select::select).
    ///
    /// # Errors
    /// [`SelectTimeoutError`] if none could.
    #[track_caller]
    pub fn select_deadline(
        &mut self,
        deadline: Instant,
    ) -> Result<SelectedOperation<'a>, SelectTimeoutError> {
        self.select_until(Some(deadline), Location::caller())
    }

    fn select_until(
        &mut self,
        deadline: Option<Instant>,
        at: &'static Location<'static>,
    ) -> Result<SelectedOperation<'a>, SelectTimeoutError> {
        self.select_by(
            |cases, biased| select::wait_at(cases, biased, deadline, at),
            at,
        )
        .ok_or(SelectTimeoutError)
    }

    fn select_by(
        &mut self,
        wait: impl FnOnce(&mut [&mut Case<'a>], bool) -> usize,
        at: &'static Location<'static>,
    ) -> Option<SelectedOperation<'a>> {
        let case_of = |op: &Operation<'a>| {
            // SAFETY: the channel is borrowed for `'a`, and is of the vtable's type.
            let mut case = unsafe { Case::untyped(op.chan, op.vtable.attempt, op.side) };
            case.make_slot = op.vtable.make_slot;
            case
        };
        let mut cases: Vec<Case<'a>> = self.operations.iter().map(case_of).collect();
        let mut waiting: Vec<&mut Case<'a>> = cases.iter_mut().collect();
        let place = wait(&mut waiting, self.is_biased);
        let mut selected = None;
        for (index, (case, &operation)) in cases.iter().zip(&self.operations).enumerate() {
            // Those that are not kept are freed.
            let slot = Slot {
                place: case.slot,
                vtable: operation.vtable,
            };
            if index == place {
                selected = Some(SelectedOperation {
                    operation,
                    slot,
                    outcome: case.outcome,
                    hold: case.hold,
                    at,
                    _ends: PhantomData,
                });
            }
        }
        selected
    }

    /// Returns the index of an operation that can be done now. Never blocks.
    ///
    /// The operation is not done, and somebody else may be faster to do it.
    ///
    /// # Errors
    /// [`TryReadyError`](super::TryReadyError) if none can.
    pub fn try_ready(&mut self) -> Result<usize, super::TryReadyError> {
        ready::try_ready(self).ok_or(super::TryReadyError)
    }

    /// Waits until an operation could be done, and returns its index.
    ///
    /// Blocks the goroutine, or the thread on a plain thread. The operation is not done, and somebody
    /// else may be faster to do it.
    ///
    /// # Panics
    /// If no operation was added.
    #[track_caller]
    pub fn ready(&mut self) -> usize {
        assert!(
            !self.operations.is_empty(),
            "no operations have been added to `Select`"
        );
        match ready::wait(self, None, Location::caller()) {
            Some(index) => index,
            None => unreachable!("without a deadline there is an operation"),
        }
    }

    /// Waits as [`ready`](Select::ready), but at most `timeout`.
    ///
    /// # Errors
    /// [`ReadyTimeoutError`](super::ReadyTimeoutError) if none could be done.
    #[track_caller]
    pub fn ready_timeout(&mut self, timeout: Duration) -> Result<usize, super::ReadyTimeoutError> {
        let deadline = Instant::now().checked_add(timeout);
        ready::wait(self, deadline, Location::caller()).ok_or(super::ReadyTimeoutError)
    }

    /// Waits as [`ready`](Select::ready), but not past `deadline`.
    ///
    /// # Errors
    /// [`ReadyTimeoutError`](super::ReadyTimeoutError) if none could be done.
    #[track_caller]
    pub fn ready_deadline(&mut self, deadline: Instant) -> Result<usize, super::ReadyTimeoutError> {
        ready::wait(self, Some(deadline), Location::caller()).ok_or(super::ReadyTimeoutError)
    }

    /// Waits in async code until an operation could be done: [`ready`](Select::ready) as a future.
    ///
    /// # Examples
    /// ```
    /// use sudog::chan::{Select, unbounded};
    ///
    /// let (tx, rx) = unbounded();
    /// tx.send(1).unwrap();
    /// sudog::block_on(async {
    ///     let mut select = Select::new();
    ///     let index = select.recv(&rx);
    ///     assert_eq!(select.ready_async().await, index);
    ///     assert_eq!(rx.try_recv(), Ok(1));
    /// });
    /// ```
    pub fn ready_async(&mut self) -> ready::ReadyFuture<'_, 'a> {
        ready::ReadyFuture::new(self)
    }
}

impl Default for Select<'_> {
    fn default() -> Self {
        Select::new()
    }
}

impl fmt::Debug for Select<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Select { .. }")
    }
}

/// An operation that was selected, and must be completed by [`send`](SelectedOperation::send) or
/// [`recv`](SelectedOperation::recv).
///
/// Dropping it uncompleted panics; while unwinding it only gives the choice up. A value that was to be
/// received goes back to the front of its channel, where it may come behind a later one of the same
/// sender that another receiver has taken meanwhile.
#[must_use = "the operation has to be completed"]
pub struct SelectedOperation<'a> {
    operation: Operation<'a>,
    slot: Slot,
    outcome: Outcome,
    hold: Hold,
    /// Where it was selected.
    at: &'static Location<'static>,
    _ends: PhantomData<&'a ()>,
}

// SAFETY: as `Operation`; and the slot is its own.
unsafe impl Send for SelectedOperation<'_> {}
// SAFETY: as above; all that `&` gives is the index.
unsafe impl Sync for SelectedOperation<'_> {}

impl SelectedOperation<'_> {
    /// Returns the index of the operation.
    pub fn index(&self) -> usize {
        self.operation.index
    }

    /// Completes a send. Never blocks.
    ///
    /// # Errors
    /// [`SendError`] with the value if the channel is closed.
    ///
    /// # Panics
    /// If the sender is not the one that was selected.
    #[track_caller]
    pub fn send<T>(self, s: &Sender<T>, msg: T) -> Result<(), SendError<T>> {
        assert!(
            self.operation.side == Side::Send
                && ptr::eq(self.operation.chan, ptr::from_ref(&*s.chan).cast()),
            "passed a sender that wasn't selected"
        );
        let this = self.complete();
        // SAFETY: the hold it was chosen with, used once.
        unsafe { Offer::new(s.clone(), this.held()) }.send(msg)
    }

    /// Completes a receive. Never blocks.
    ///
    /// # Errors
    /// [`RecvError`] if the channel is closed and empty.
    ///
    /// # Panics
    /// If the receiver is not the one that was selected.
    #[track_caller]
    pub fn recv<T>(self, r: &Receiver<T>) -> Result<T, RecvError> {
        assert!(
            self.operation.side == Side::Recv
                && ptr::eq(self.operation.chan, ptr::from_ref(&*r.chan).cast()),
            "passed a receiver that wasn't selected"
        );
        let this = self.complete();
        if this.outcome != Outcome::Done {
            return Err(RecvError);
        }
        // SAFETY: the slot was written by the operation on this channel of `T`, and is read once.
        Ok(unsafe { this.slot.place.cast::<T>().read() })
    }

    /// Takes the parts, so that the drop does not undo the operation.
    fn complete(self) -> Completed {
        let this = ManuallyDrop::new(self);
        Completed {
            // SAFETY: `this` is never used again.
            slot: unsafe { ptr::read(&this.slot) },
            outcome: this.outcome,
            hold: this.hold,
        }
    }
}

struct Completed {
    slot: Slot,
    outcome: Outcome,
    hold: Hold,
}

impl Completed {
    fn held(&self) -> Hold {
        match self.outcome {
            Outcome::Wanted => self.hold,
            _ => Hold::Closed,
        }
    }
}

impl Drop for SelectedOperation<'_> {
    fn drop(&mut self) {
        if matches!(self.outcome, Outcome::Done | Outcome::Wanted) {
            let hold = mem::replace(&mut self.hold, Hold::Closed);
            // SAFETY: the operation was chosen with this slot and hold, and is given up once.
            unsafe { (self.operation.vtable.undo)(self.operation.chan, self.slot.place, hold) };
        }
        if !std::thread::panicking() {
            // The caller of a drop is no place of the user's.
            let at = self.at;
            panic!(
                "dropped `SelectedOperation` without completing the operation, selected at {at}"
            );
        }
    }
}

impl fmt::Debug for SelectedOperation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("SelectedOperation { .. }")
    }
}
