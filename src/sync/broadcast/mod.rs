//! `Broadcast`: every receiver gets every value, and nobody waits for the slow ones.
//!
//! A ring of the last values, numbered from 0. A receiver knows the number of the value it gets next; if
//! that was overwritten it is told how many it has missed, and goes on with the oldest there is.
//!
//! 1. All is under one lock. Values are behind an `Arc`: copied, and dropped, outside it.
//! 2. Each value counts the receivers that have yet to get it, and goes when there is none.

mod error;
mod future;

pub use error::{BroadcastRecvError, BroadcastRecvTimeoutError, BroadcastTryRecvError};
pub use future::BroadcastRecvFuture;

use crate::runtime::{self, Outcome, WaitQ, WaitReason, Woken};
use crate::sync::sema::{Wait, Waited};
use crate::sys::lock::Lock;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Sends each value to all who have subscribed.
///
/// A handle: clones send to the same receivers, and when the last is dropped the receivers are told,
/// once they have got all that was sent. Sending never waits: a receiver that is more than the capacity
/// behind misses values, and is told how many.
///
/// # Examples
/// ```
/// use sudog::sync::{Broadcast, BroadcastRecvError};
///
/// let news = Broadcast::new(16);
/// let (mut first, mut second) = (news.subscribe(), news.subscribe());
/// assert_eq!(news.send("hello"), 2);
/// assert_eq!((first.recv(), second.recv()), (Ok("hello"), Ok("hello")));
/// drop(news);
/// assert_eq!(first.recv(), Err(BroadcastRecvError::Closed));
/// ```
pub struct Broadcast<T> {
    shared: Arc<Shared<T>>,
}

/// Gets all values that are sent from its subscription on; of [`Broadcast::subscribe`].
pub struct BroadcastReceiver<T> {
    shared: Arc<Shared<T>>,
    /// The number of the value it gets next.
    next: u64,
}

struct Shared<T> {
    state: Lock<State<T>>,
}

struct State<T> {
    ring: Box<[Option<Slot<T>>]>,
    /// How many values were sent, ever.
    sent: u64,
    receivers: usize,
    senders: usize,
    queue: WaitQ,
}

struct Slot<T> {
    value: Arc<T>,
    /// Receivers that have yet to get it.
    wanted_by: usize,
}

/// What a receiver finds.
enum Found<T> {
    Value(Arc<T>),
    Nothing,
    Lagged(u64),
    Closed,
}

impl<T> State<T> {
    fn slot(&mut self, number: u64) -> &mut Option<Slot<T>> {
        let len = self.ring.len() as u64;
        &mut self.ring[(number % len) as usize]
    }

    /// The number of the oldest value that is still there.
    fn oldest(&self) -> u64 {
        self.sent.saturating_sub(self.ring.len() as u64)
    }

    fn is_over(&self, next: u64) -> bool {
        next < self.sent || self.senders == 0
    }

    /// Looks for the value of one receiver, and moves it on.
    fn find(&mut self, next: &mut u64) -> Found<T> {
        let oldest = self.oldest();
        if *next < oldest {
            let missed = oldest - *next;
            *next = oldest;
            return Found::Lagged(missed);
        }
        if *next == self.sent {
            return match self.senders {
                0 => Found::Closed,
                _ => Found::Nothing,
            };
        }
        let number = *next;
        *next += 1;
        match self.pass(number) {
            Some(value) => Found::Value(value),
            None => crate::sys::fatal!("broadcast: value {number} is gone"),
        }
    }

    /// One receiver less wants this value; it, to be used or dropped outside the lock.
    fn pass(&mut self, number: u64) -> Option<Arc<T>> {
        let place = self.slot(number);
        let slot = place.as_mut()?;
        slot.wanted_by -= 1;
        if slot.wanted_by > 0 {
            return Some(Arc::clone(&slot.value));
        }
        place.take().map(|slot| slot.value)
    }
}

impl<T: Clone> Broadcast<T> {
    /// Makes one that keeps the last `capacity` values for receivers that are behind.
    ///
    /// # Panics
    /// If the capacity is 0.
    #[track_caller]
    pub fn new(capacity: usize) -> Broadcast<T> {
        assert!(
            capacity > 0,
            "Broadcast::new: the capacity is 0, and must be 1 at least"
        );
        let state = State {
            ring: (0..capacity).map(|_| None).collect(),
            sent: 0,
            receivers: 0,
            senders: 1,
            queue: WaitQ::new(),
        };
        Broadcast {
            shared: Arc::new(Shared {
                state: Lock::new(state),
            }),
        }
    }

    /// Sends a value to all receivers; how many there are. Never blocks.
    ///
    /// Without receivers the value is dropped.
    ///
    /// # Examples
    /// ```
    /// let news = sudog::sync::Broadcast::new(1);
    /// assert_eq!(news.send(1), 0);
    /// ```
    pub fn send(&self, value: T) -> usize {
        let mut value = Some(Arc::new(value));
        let mut woken = Woken::default();
        let token = runtime::enter();
        let mut state = self.shared.state.lock();
        let receivers = state.receivers;
        let mut old = None;
        if receivers > 0 {
            let number = state.sent;
            state.sent += 1;
            let slot = value.take().map(|value| Slot {
                value,
                wanted_by: receivers,
            });
            old = std::mem::replace(state.slot(number), slot);
            // SAFETY: under the lock.
            unsafe { woken.take_all(&mut state.queue, Outcome::Woken) };
        }
        drop(state);
        woken.finish(token);
        drop((value, old));
        receivers
    }

    /// Makes a receiver, which gets all that is sent from now on.
    ///
    /// # Examples
    /// ```
    /// let hub = sudog::sync::Broadcast::new(4);
    /// assert_eq!(hub.send("nobody hears this"), 0);
    /// let mut news = hub.subscribe();
    /// assert_eq!(hub.send("you do"), 1);
    /// assert_eq!(news.recv(), Ok("you do"));
    /// ```
    pub fn subscribe(&self) -> BroadcastReceiver<T> {
        let _token = runtime::enter();
        let mut state = self.shared.state.lock();
        state.receivers += 1;
        BroadcastReceiver {
            shared: Arc::clone(&self.shared),
            next: state.sent,
        }
    }
}

impl<T: Clone> BroadcastReceiver<T> {
    /// Receives the next value, waiting for it.
    ///
    /// Blocks the goroutine, or the thread on a plain thread. In async code use
    /// [`recv_async`](BroadcastReceiver::recv_async).
    ///
    /// # Errors
    /// [`BroadcastRecvError`]: values were missed, which it says once, or there are no senders any more.
    ///
    /// # Examples
    /// ```
    /// use sudog::sync::{Broadcast, BroadcastRecvError};
    ///
    /// let news = Broadcast::new(2);
    /// let mut receiver = news.subscribe();
    /// for n in 1..=5 {
    ///     news.send(n);
    /// }
    /// assert_eq!(receiver.recv(), Err(BroadcastRecvError::Lagged(3)));
    /// assert_eq!(receiver.recv(), Ok(4));
    /// ```
    #[track_caller]
    pub fn recv(&mut self) -> Result<T, BroadcastRecvError> {
        match self.wait(None, Location::caller()) {
            Ok(value) => Ok(value),
            Err(BroadcastRecvTimeoutError::Lagged(missed)) => {
                Err(BroadcastRecvError::Lagged(missed))
            }
            Err(_) => Err(BroadcastRecvError::Closed),
        }
    }

    /// Receives the next value if there is one. Never blocks.
    ///
    /// # Errors
    /// [`BroadcastTryRecvError`].
    ///
    /// # Examples
    /// ```
    /// use sudog::sync::{Broadcast, BroadcastTryRecvError};
    ///
    /// let news = Broadcast::<u8>::new(2);
    /// assert_eq!(news.subscribe().try_recv(), Err(BroadcastTryRecvError::Empty));
    /// ```
    pub fn try_recv(&mut self) -> Result<T, BroadcastTryRecvError> {
        match self.find() {
            Found::Value(value) => Ok(Arc::unwrap_or_clone(value)),
            Found::Nothing => Err(BroadcastTryRecvError::Empty),
            Found::Lagged(missed) => Err(BroadcastTryRecvError::Lagged(missed)),
            Found::Closed => Err(BroadcastTryRecvError::Closed),
        }
    }

    /// Receives the next value, but does not wait longer than `limit`. Blocks as
    /// [`recv`](BroadcastReceiver::recv) does.
    ///
    /// # Errors
    /// [`BroadcastRecvTimeoutError`].
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use sudog::sync::{Broadcast, BroadcastRecvTimeoutError};
    ///
    /// let hub = Broadcast::<u32>::new(4);
    /// let mut news = hub.subscribe();
    /// let error = news.recv_timeout(Duration::from_millis(1)).unwrap_err();
    /// assert_eq!(error, BroadcastRecvTimeoutError::Timeout);
    /// ```
    #[track_caller]
    pub fn recv_timeout(&mut self, limit: Duration) -> Result<T, BroadcastRecvTimeoutError> {
        // A deadline beyond the clock's end never comes.
        self.wait(Instant::now().checked_add(limit), Location::caller())
    }

    /// Receives the next value, but does not wait past `deadline`. Blocks as
    /// [`recv`](BroadcastReceiver::recv) does.
    ///
    /// # Errors
    /// [`BroadcastRecvTimeoutError`].
    #[track_caller]
    pub fn recv_deadline(&mut self, deadline: Instant) -> Result<T, BroadcastRecvTimeoutError> {
        self.wait(Some(deadline), Location::caller())
    }

    fn wait(
        &mut self,
        limit: Option<Instant>,
        at: &'static Location<'static>,
    ) -> Result<T, BroadcastRecvTimeoutError> {
        let wait = Wait::new(WaitReason::Broadcast, at, limit);
        loop {
            match self.find() {
                Found::Value(value) => return Ok(Arc::unwrap_or_clone(value)),
                Found::Lagged(missed) => return Err(BroadcastRecvTimeoutError::Lagged(missed)),
                Found::Closed => return Err(BroadcastRecvTimeoutError::Closed),
                Found::Nothing => {}
            }
            let join = |state: &mut State<T>| !state.is_over(self.next);
            let shared = &self.shared;
            if wait.wait(&shared.state, |state| &mut state.queue, join, |_, _, _| {})
                == Waited::Late
            {
                return Err(BroadcastRecvTimeoutError::Timeout);
            }
        }
    }

    fn find(&mut self) -> Found<T> {
        let _token = runtime::enter();
        let mut state = self.shared.state.lock();
        state.find(&mut self.next)
    }
}

impl<T> Clone for Broadcast<T> {
    fn clone(&self) -> Broadcast<T> {
        let _token = runtime::enter();
        self.shared.state.lock().senders += 1;
        Broadcast {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<T> Drop for Broadcast<T> {
    fn drop(&mut self) {
        let token = runtime::enter();
        let mut woken = Woken::default();
        let mut state = self.shared.state.lock();
        state.senders -= 1;
        if state.senders == 0 {
            // SAFETY: under the lock.
            unsafe { woken.take_all(&mut state.queue, Outcome::Woken) };
        }
        drop(state);
        woken.finish(token);
    }
}

impl<T> Drop for BroadcastReceiver<T> {
    fn drop(&mut self) {
        let passed: Vec<_> = {
            let _token = runtime::enter();
            let mut state = self.shared.state.lock();
            state.receivers -= 1;
            let unseen = self.next.max(state.oldest())..state.sent;
            unseen.map(|number| state.pass(number)).collect()
        };
        drop(passed);
    }
}

impl<T> fmt::Debug for Broadcast<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Broadcast { .. }")
    }
}

impl<T> fmt::Debug for BroadcastReceiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("BroadcastReceiver { .. }")
    }
}
