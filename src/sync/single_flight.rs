//! `SingleFlight`: calls that would do the same at the same time do it once. As x/sync's.
//!
//! 1. A call stands in the table while it runs, under its key; who finds one there waits for its end
//!    and takes a copy of what it gave.
//! 2. A call that panics gives nothing. Those who waited for it try again, and the first of them calls.
//! 3. The table is by hash. Keys are hashed and compared, which the user's code does, outside its lock:
//!    whoever looks for a key takes those of its hash along, and what it then does under the lock holds
//!    only if they are still the same.

use super::once_lock::OnceLock;
use crate::runtime;
use crate::sys::lock::Lock;
use std::collections::BTreeMap;
use std::fmt;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Does a thing once for all who ask for it at the same time, by key.
///
/// # Examples
/// ```
/// use std::sync::atomic::{AtomicU32, Ordering};
/// use sudog::sync::SingleFlight;
///
/// let (flights, loads) = (SingleFlight::new(), AtomicU32::new(0));
/// sudog::scope(|s| {
///     for _ in 0..8 {
///         s.spawn(|| {
///             let (page, _is_shared) = flights.run("page", || {
///                 loads.fetch_add(1, Ordering::Relaxed);
///                 String::from("text")
///             });
///             assert_eq!(page, "text");
///         });
///     }
/// });
/// assert!(loads.into_inner() <= 8);
/// ```
pub struct SingleFlight<K, V> {
    calls: Lock<BTreeMap<u64, Vec<Flight<K, V>>>>,
    /// Made at first use.
    hasher: std::sync::OnceLock<RandomState>,
}

/// A call that is running.
struct Flight<K, V> {
    key: Arc<K>,
    call: Arc<Call<V>>,
}

struct Call<V> {
    /// `None` if it has panicked.
    result: OnceLock<Option<V>>,
    is_shared: AtomicBool,
}

impl<K, V> Clone for Flight<K, V> {
    fn clone(&self) -> Flight<K, V> {
        Flight {
            key: Arc::clone(&self.key),
            call: Arc::clone(&self.call),
        }
    }
}

/// The run of a call; ended by its drop, without a result if the call panicked.
struct Run<'a, K, V> {
    flights: &'a SingleFlight<K, V>,
    hash: u64,
    call: Arc<Call<V>>,
    result: Option<V>,
}

impl<K, V> Drop for Run<'_, K, V> {
    fn drop(&mut self) {
        drop(self.flights.remove(self.hash, &self.call));
        // Nobody else sets it.
        let _ = self.call.result.set(self.result.take());
    }
}

impl<K: Eq + Hash, V: Clone> SingleFlight<K, V> {
    /// Makes one without calls.
    pub const fn new() -> SingleFlight<K, V> {
        SingleFlight {
            calls: Lock::new(BTreeMap::new()),
            hasher: std::sync::OnceLock::new(),
        }
    }

    /// Calls `f`, or waits for a call with this key that is running; what it gave, and whether others
    /// got that too.
    ///
    /// Blocks the goroutine, or the thread on a plain thread, while it waits. If `f` itself comes here
    /// with the same key it waits for ever.
    ///
    /// # Panics
    /// If `f` was called and panics; those who waited for it then try again.
    ///
    /// # Examples
    /// ```
    /// let flights = sudog::sync::SingleFlight::new();
    /// assert_eq!(flights.run("key", || 1), (1, false));
    /// assert_eq!(flights.run("key", || 2), (2, false)); // nothing is kept: the first call was over
    /// ```
    #[track_caller]
    pub fn run(&self, key: K, f: impl FnOnce() -> V) -> (V, bool) {
        let (hash, key) = (self.hash(&key), Arc::new(key));
        loop {
            match self.begin(hash, &key) {
                Ok(mut run) => {
                    run.result = Some(f());
                    let call = Arc::clone(&run.call);
                    drop(run);
                    let value = call.result.get().and_then(Clone::clone);
                    let is_shared = call.is_shared.load(Ordering::Relaxed);
                    return (value.expect("it has come to its end"), is_shared);
                }
                Err(call) => {
                    if let Some(value) = call.result.wait() {
                        return (value.clone(), true);
                    }
                }
            }
        }
    }

    /// Begins a call, or gives the one that is running.
    fn begin(&self, hash: u64, key: &Arc<K>) -> Result<Run<'_, K, V>, Arc<Call<V>>> {
        loop {
            let seen = self.flights_of(hash);
            let found = seen.iter().find(|flight| flight.key == *key);
            let _token = runtime::enter();
            let mut calls = self.calls.lock();
            let flights = calls.entry(hash).or_default();
            let is_same = |call| flights.iter().any(|flight| Arc::ptr_eq(&flight.call, call));
            match found {
                Some(Flight { call, .. }) if is_same(call) => {
                    // Relaxed: the one who runs it looks after it has had the lock once more.
                    call.is_shared.store(true, Ordering::Relaxed);
                    return Err(Arc::clone(call));
                }
                None if flights.len() == seen.len()
                    && seen.iter().all(|one| is_same(&one.call)) =>
                {
                    let call = Arc::new(Call {
                        result: OnceLock::new(),
                        is_shared: AtomicBool::new(false),
                    });
                    flights.push(Flight {
                        key: Arc::clone(key),
                        call: Arc::clone(&call),
                    });
                    return Ok(Run {
                        flights: self,
                        hash,
                        call,
                        result: None,
                    });
                }
                // Meanwhile others have begun or ended.
                _ => {}
            }
        }
    }

    /// Has the next call with this key run, also while one is running. Never blocks.
    ///
    /// # Examples
    /// ```
    /// let flights = sudog::sync::SingleFlight::<_, u32>::new();
    /// assert_eq!(flights.run("key", || 1), (1, false));
    /// flights.forget(&"key");
    /// ```
    pub fn forget(&self, key: &K) {
        let hash = self.hash(key);
        let seen = self.flights_of(hash);
        if let Some(flight) = seen.iter().find(|flight| *flight.key == *key) {
            drop(self.remove(hash, &flight.call));
        }
    }
}

impl<K: Hash, V> SingleFlight<K, V> {
    fn hash(&self, key: &K) -> u64 {
        self.hasher.get_or_init(RandomState::new).hash_one(key)
    }
}

impl<K, V> SingleFlight<K, V> {
    /// The calls whose keys have this hash: the one looked for, and hardly ever another.
    fn flights_of(&self, hash: u64) -> Vec<Flight<K, V>> {
        let _token = runtime::enter();
        self.calls.lock().get(&hash).cloned().unwrap_or_default()
    }

    /// Takes a call out of the table, if it is still there.
    fn remove(&self, hash: u64, call: &Arc<Call<V>>) -> Option<Flight<K, V>> {
        let _token = runtime::enter();
        let mut calls = self.calls.lock();
        let flights = calls.get_mut(&hash)?;
        let place = flights
            .iter()
            .position(|flight| Arc::ptr_eq(&flight.call, call))?;
        let removed = flights.swap_remove(place);
        if flights.is_empty() {
            calls.remove(&hash);
        }
        Some(removed)
    }
}

impl<K: Eq + Hash, V: Clone> Default for SingleFlight<K, V> {
    fn default() -> SingleFlight<K, V> {
        SingleFlight::new()
    }
}

impl<K, V> fmt::Debug for SingleFlight<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("SingleFlight { .. }")
    }
}
