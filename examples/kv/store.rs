//! The keys and their values, in shards with a lock each, and the time at which keys end.
//!
//! 1. A key is in the shard that a cheap hash of it names; the map in there has a hash of its own, with
//!    a secret, so nobody can choose keys that collide. Keys that share a shard only share its lock.
//! 2. Who needs several shards locks them in their order, all before the first is used: what one command
//!    does to several keys is seen whole or not at all.
//! 3. A key whose time is over is never seen: who finds it removes it. `sweep` removes those that nobody
//!    looks for. Each shard has the ends of its keys in order, and exactly one for each key that has one.
#![forbid(unsafe_code)]

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use sudog::chan::{Receiver, Sender, bounded};
use sudog::sync::{Mutex, MutexGuard};
use sudog::time::sleep;

use crate::number::{self, Decimal};
use crate::reply;

/// A power of two, at most 64: a set of shards is the bits of a `u64`.
const SHARDS: usize = 64;

/// How often `sweep` looks, and how many keys it removes of a shard in one go.
const SWEEP_PERIOD: Duration = Duration::from_millis(100);
const SWEEP_BATCH: usize = 100;

/// Longer values are copied to a reply when the lock is free again.
const COPY_MAX: usize = 16 << 10;

/// What a key stands for. A number takes no place on the heap, and is written as it came.
#[derive(Clone)]
pub enum Value {
    Number(i64),
    Bytes(Arc<[u8]>),
}

impl Value {
    pub fn new(bytes: &[u8]) -> Value {
        number::parse(bytes).map_or_else(|| Value::Bytes(bytes.into()), Value::Number)
    }

    fn is_short(&self) -> bool {
        match self {
            Value::Number(_) => true,
            Value::Bytes(bytes) => bytes.len() <= COPY_MAX,
        }
    }

    pub fn write_to(&self, out: &mut Vec<u8>) {
        match self {
            Value::Number(number) => reply::bulk(out, Decimal::new(*number).as_bytes()),
            Value::Bytes(bytes) => reply::bulk(out, bytes),
        }
    }
}

pub struct Entry {
    pub value: Value,
    end: Option<i64>,
}

/// The time in milliseconds since 1970, which never goes backwards.
#[derive(Clone, Copy)]
pub struct Clock {
    started: Instant,
    started_ms: i64,
}

impl Clock {
    fn new() -> Clock {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
        Clock {
            started: Instant::now(),
            started_ms: since_1970.map_or(0, |passed| passed.as_millis() as i64),
        }
    }

    pub fn now_ms(&self) -> i64 {
        self.started_ms + self.started.elapsed().as_millis() as i64
    }
}

/// One part of the keys. All its methods leave out keys whose time is over.
pub struct Shard {
    entries: HashMap<Arc<[u8]>, Entry>,
    ends: BTreeSet<(i64, Arc<[u8]>)>,
    clock: Clock,
}

impl Shard {
    pub fn find(&mut self, key: &[u8]) -> Option<&mut Entry> {
        // The clock is asked for keys that have an end only.
        if !self.ends.is_empty() {
            let end = self.entries.get(key)?.end;
            if end.is_some_and(|end| end <= self.clock.now_ms()) {
                self.take(key);
                return None;
            }
        }
        self.entries.get_mut(key)
    }

    /// Puts a value in the place of any other; it has this end, or none. Gives what was there.
    pub fn set(&mut self, key: &[u8], value: Value, end: Option<i64>) -> Option<Value> {
        let Some(entry) = self.entries.get_mut(key) else {
            let key: Arc<[u8]> = key.into();
            self.ends.extend(end.map(|end| (end, Arc::clone(&key))));
            self.entries.insert(key, Entry { value, end });
            return None;
        };
        let old = std::mem::replace(&mut entry.value, value);
        if entry.end != end {
            self.set_end(key, end);
        }
        Some(old)
    }

    /// Gives a key that is there another end, or none.
    pub fn set_end(&mut self, key: &[u8], end: Option<i64>) {
        let Some((name, _)) = self.entries.get_key_value(key) else {
            return;
        };
        let name = Arc::clone(name);
        if let Some(entry) = self.entries.get_mut(key) {
            let old = std::mem::replace(&mut entry.end, end);
            if let Some(old) = old {
                self.ends.remove(&(old, Arc::clone(&name)));
            }
            self.ends.extend(end.map(|end| (end, name)));
        }
    }

    /// The end of a key that is there.
    pub fn end(&mut self, key: &[u8]) -> Option<Option<i64>> {
        self.find(key).map(|entry| entry.end)
    }

    pub fn remove(&mut self, key: &[u8]) -> Option<Entry> {
        self.find(key)?;
        self.take(key)
    }

    fn take(&mut self, key: &[u8]) -> Option<Entry> {
        let (name, entry) = self.entries.remove_entry(key)?;
        if let Some(end) = entry.end {
            self.ends.remove(&(end, name));
        }
        Some(entry)
    }

    /// Removes some of those whose time is over; says whether any are left that have an end.
    fn sweep(&mut self) -> bool {
        let now = self.clock.now_ms();
        for _ in 0..SWEEP_BATCH {
            match self.ends.first() {
                Some((end, _)) if *end <= now => {
                    let (_, key) = self.ends.pop_first().expect("it was just seen");
                    self.entries.remove(&key);
                }
                _ => break,
            }
        }
        !self.ends.is_empty()
    }
}

/// All keys.
pub struct Store {
    shards: Box<[Mutex<Shard>]>,
    clock: Clock,
    /// Wakes the sweeper, who sleeps as long as no key has an end.
    sweeper: Sender<()>,
    woken: Receiver<()>,
}

impl Store {
    pub fn new() -> Store {
        let clock = Clock::new();
        let shard = || {
            Mutex::new(Shard {
                entries: HashMap::new(),
                ends: BTreeSet::new(),
                clock,
            })
        };
        let (sweeper, woken) = bounded(1);
        Store {
            shards: (0..SHARDS).map(|_| shard()).collect(),
            clock,
            sweeper,
            woken,
        }
    }

    pub fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// Locks the shard that has this key.
    pub fn lock(&self, key: &[u8]) -> MutexGuard<'_, Shard> {
        self.shards[shard_of(key)].lock()
    }

    /// Locks the shards of all these keys.
    pub fn lock_all<'k>(&self, keys: impl Iterator<Item = &'k [u8]>) -> Locked<'_> {
        let wanted = keys.fold(0u64, |set, key| set | 1 << shard_of(key));
        let mut guards = [const { None }; SHARDS];
        for (at, guard) in guards.iter_mut().enumerate() {
            if wanted >> at & 1 == 1 {
                *guard = Some(self.shards[at].lock());
            }
        }
        Locked { guards }
    }

    /// Writes a key's value as a reply.
    pub fn write_value(&self, key: &[u8], out: &mut Vec<u8>) {
        let mut shard = self.lock(key);
        match shard.find(key) {
            None => out.extend_from_slice(reply::NULL),
            Some(entry) if entry.value.is_short() => entry.value.write_to(out),
            Some(entry) => {
                let value = entry.value.clone();
                drop(shard);
                value.write_to(out);
            }
        }
    }

    /// Calls `f` with each key, one shard after the other: keys may come and go between them.
    pub fn each_key(&self, mut f: impl FnMut(&[u8])) {
        let now = self.now_ms();
        for shard in &self.shards {
            for (key, entry) in &shard.lock().entries {
                if entry.end.is_none_or(|end| end > now) {
                    f(key);
                }
            }
        }
    }

    /// How many keys there are, and how many of them have an end.
    pub fn count(&self) -> (usize, usize) {
        self.shards.iter().fold((0, 0), |(keys, ends), shard| {
            let shard = shard.lock();
            (keys + shard.entries.len(), ends + shard.ends.len())
        })
    }

    /// Removes all keys at one moment.
    pub fn clear(&self) {
        let mut guards: Vec<_> = self.shards.iter().map(Mutex::lock).collect();
        let removed: Vec<_> = guards
            .iter_mut()
            .map(|shard| {
                shard.ends.clear();
                std::mem::take(&mut shard.entries)
            })
            .collect();
        drop(guards);
        drop(removed); // which may take long, so nobody waits for it
    }

    /// Has the sweeper know that a key was given an end.
    pub fn wake_sweeper(&self) {
        let _ = self.sweeper.try_send(()); // full: it is awake, and will look once more
    }

    /// Removes for ever what nobody looks for: the sweeper's goroutine.
    pub fn sweep(&self) {
        while self.woken.recv().is_ok() {
            let mut has_ends = true;
            while has_ends {
                sleep(SWEEP_PERIOD);
                has_ends = self.shards.iter().fold(false, |any, shard| {
                    // Not `any ||`: each shard is to be swept.
                    shard.lock().sweep() | any
                });
            }
        }
    }
}

/// Several shards, locked.
pub struct Locked<'a> {
    guards: [Option<MutexGuard<'a, Shard>>; SHARDS],
}

impl Locked<'_> {
    /// The shard of a key that was among those given to `lock_all`.
    pub fn shard(&mut self, key: &[u8]) -> &mut Shard {
        let guard = self.guards[shard_of(key)].as_mut();
        guard.expect("the shards of all keys are locked")
    }
}

/// FNV-1a, of which the upper bits choose.
fn shard_of(key: &[u8]) -> usize {
    let hash = key.iter().fold(0xcbf2_9ce4_8422_2325u64, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (hash >> 32) as usize % SHARDS
}
