//! `SingleFlight`: calls that would do the same at the same time do it once. As x/sync's.
//!
//! 1. A call stands in the table while it runs, under its key; who finds one there waits for its end
//!    and takes a copy of what it gave.
//! 2. A call that panics gives nothing. Those who waited for it try again, and the first of them calls.

use super::mutex::Mutex;
use super::once_lock::OnceLock;
use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
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
    calls: Mutex<Option<Calls<K, V>>>,
}

type Calls<K, V> = HashMap<Arc<K>, Arc<Call<V>>>;

struct Call<V> {
    /// `None` if it has panicked.
    result: OnceLock<Option<V>>,
    is_shared: AtomicBool,
}

/// The run of a call; ended by its drop, without a result if the call panicked.
struct Run<'a, K: Eq + Hash, V> {
    flights: &'a SingleFlight<K, V>,
    key: Arc<K>,
    call: Arc<Call<V>>,
    result: Option<V>,
}

impl<K: Eq + Hash, V> Drop for Run<'_, K, V> {
    fn drop(&mut self) {
        let is_ours = |found: &Arc<Call<V>>| Arc::ptr_eq(found, &self.call);
        self.flights.remove_if(&self.key, is_ours);
        // Nobody else sets it.
        let _ = self.call.result.set(self.result.take());
    }
}

impl<K: Eq + Hash, V: Clone> SingleFlight<K, V> {
    /// Makes one without calls.
    pub const fn new() -> SingleFlight<K, V> {
        SingleFlight {
            calls: Mutex::new(None),
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
    #[track_caller]
    pub fn run(&self, key: K, f: impl FnOnce() -> V) -> (V, bool) {
        let key = Arc::new(key);
        loop {
            match self.begin(&key) {
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
    #[track_caller]
    fn begin(&self, key: &Arc<K>) -> Result<Run<'_, K, V>, Arc<Call<V>>> {
        let mut calls = self.calls.lock();
        let calls = calls.get_or_insert_default();
        if let Some(call) = calls.get(key) {
            // Relaxed: the one who runs it looks after it has had the lock once more.
            call.is_shared.store(true, Ordering::Relaxed);
            return Err(Arc::clone(call));
        }
        let call = Arc::new(Call {
            result: OnceLock::new(),
            is_shared: AtomicBool::new(false),
        });
        calls.insert(Arc::clone(key), Arc::clone(&call));
        Ok(Run {
            flights: self,
            key: Arc::clone(key),
            call,
            result: None,
        })
    }

    /// Has the next call with this key run, also while one is running.
    ///
    /// # Examples
    /// ```
    /// let flights = sudog::sync::SingleFlight::<_, u32>::new();
    /// assert_eq!(flights.run("key", || 1), (1, false));
    /// flights.forget(&"key");
    /// ```
    pub fn forget(&self, key: &K) {
        self.remove_if(key, |_| true);
    }
}

impl<K: Eq + Hash, V> SingleFlight<K, V> {
    fn remove_if(&self, key: &K, may: impl FnOnce(&Arc<Call<V>>) -> bool) {
        let mut calls = self.calls.lock();
        let removed = calls.as_mut().and_then(|calls| {
            let is_there = calls.get(key).is_some_and(may);
            if is_there {
                calls.remove_entry(key)
            } else {
                None
            }
        });
        drop(calls);
        drop(removed);
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
