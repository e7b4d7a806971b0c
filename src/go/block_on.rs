//! `block_on`: a future, run to its end by whoever waits for it.
//!
//! The waker sets a signal; the waiter parks until it is set. The signal's word is EMPTY, SET, or the
//! waiter; a wake swaps SET in and readies whom it found, the waiter's commit puts itself there unless
//! SET came first.

use crate::runtime::{self, Commit, Place, WaitReason, Waiter};
use crate::sys::atomic::{AtomicPtr, Ordering};
use std::future::Future;
use std::panic::Location;
use std::pin::pin;
use std::ptr;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

const EMPTY: *mut u8 = ptr::null_mut();
/// No waiter's word: they are aligned to more.
const SET: *mut u8 = ptr::without_provenance_mut(2);

struct Signal(AtomicPtr<u8>);

impl Wake for Signal {
    fn wake(self: Arc<Signal>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Signal>) {
        // Release: what the waker did is seen by the poll that follows.
        let found = self.0.swap(SET, Ordering::AcqRel);
        if found != EMPTY && found != SET {
            // SAFETY: what is neither was put there by `publish`, and we have taken it out.
            runtime::enter().ready(unsafe { Waiter::from_ptr(found) });
        }
    }
}

struct Wait<'a> {
    signal: &'a Signal,
    waiter: Waiter,
}

/// Puts the waiter into the signal, unless that is set.
unsafe fn publish(wait: *mut ()) -> bool {
    // SAFETY: `wait` is the one of `block_on`, whose frame is parked; what it points at is alive until
    // we have published, and that is the last thing we do.
    let Wait { signal, waiter } = unsafe { &*wait.cast::<Wait<'_>>() };
    let waiter = waiter.into_ptr();
    signal
        .0
        .compare_exchange(EMPTY, waiter, Ordering::AcqRel, Ordering::Relaxed)
        .is_ok()
}

/// Runs a future to its end and returns its output.
///
/// Between polls it parks the goroutine, or blocks the thread on a plain thread. The future is polled
/// here and nowhere else, so it need be neither `Send` nor `'static`; but as the goroutine may change
/// threads between two polls, the contract holds for what the future keeps, too.
///
/// # Panics
/// If the future does.
///
/// # Examples
/// ```
/// let handle = sudog::spawn(|| 42);
/// assert_eq!(sudog::block_on(handle).unwrap(), 42);
/// ```
#[track_caller]
pub fn block_on<F: Future>(future: F) -> F::Output {
    let place = Place {
        reason: WaitReason::BlockOn,
        at: Location::caller(),
    };
    block_on_as(place, future)
}

/// The same for what is to be listed as another wait.
pub(crate) fn block_on_as<F: Future>(place: Place, future: F) -> F::Output {
    let signal = Arc::new(Signal(AtomicPtr::new(EMPTY)));
    let waker = Waker::from(Arc::clone(&signal));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        runtime::check_park(place);
        let mut token = runtime::enter_blocking();
        let wait = Wait {
            signal: &signal,
            waiter: token.waiter(),
        };
        let commit = Commit {
            run: publish,
            arg: ptr::from_ref(&wait).cast_mut().cast(),
        };
        // SAFETY: the commit gets a `Wait` that outlives the park.
        unsafe { token.park(wait.waiter, place, commit) };
        drop(token);
        // Acquire: pairs with the Release of the wake.
        signal.0.swap(EMPTY, Ordering::Acquire);
    }
}
