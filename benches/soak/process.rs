//! What the process holds when nothing goes on: descriptors, threads, goroutines, memory.
//!
//! Each is waited for: threads that are not needed end after some seconds, and stacks that lie idle are given
//! back after some more. A system without /proc tells neither descriptors, threads nor memory; there they
//! are not compared.

use std::collections::BTreeMap;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use super::heap;
use sudog::runtime;

/// How long the process may take to get quiet.
const LIMIT: Duration = Duration::from_secs(60);
/// How long memory must have stayed as it is to be taken for what is left.
const STEADY: Duration = Duration::from_secs(3);
/// How many threads more than there are processors the runtime keeps, however long they sleep.
const SPARE_THREADS: usize = 2;
/// What may be more in memory after the last third than after the first: what allocators and tables keep of
/// the worst moment, which may come late.
const RESIDENT_SLACK: usize = 24 << 20;
const HEAP_SLACK: usize = 128 << 10;

/// A process at rest.
pub struct Rest {
    /// What each descriptor is open on.
    descriptors: BTreeMap<u32, String>,
    /// Threads that are not the runtime's for goroutines.
    others: usize,
    pub threads: usize,
    pub resident: usize,
    pub heap: usize,
}

impl Rest {
    /// The process before its work, when everything that is made once has been made.
    pub fn first() -> Rest {
        runtime::wait_idle(LIMIT);
        // A thread that was joined may be listed for a moment yet.
        thread::sleep(Duration::from_millis(200));
        let threads = threads();
        Rest {
            descriptors: descriptors(),
            others: threads.saturating_sub(runtime::stats().threads),
            threads,
            resident: resident(),
            heap: heap::in_use(),
        }
    }

    /// Waits until the process holds no more than it did then, and says what it still does if it is in vain.
    pub fn again(&self) -> Result<Rest, String> {
        let limit = Instant::now() + LIMIT;
        while let Some(left) = self.left() {
            if Instant::now() > limit {
                return Err(format!("{left}, {LIMIT:?} after the end"));
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(Rest {
            descriptors: descriptors(),
            others: self.others,
            threads: threads(),
            resident: steady_resident(limit),
            heap: heap::in_use(),
        })
    }

    /// What there is more than there was, if there is.
    fn left(&self) -> Option<String> {
        let goroutines = runtime::num_goroutines();
        if goroutines > 0 {
            return Some(format!("{goroutines} goroutines are left"));
        }
        let now = descriptors();
        if now.len() > self.descriptors.len() {
            let is_new = |n: &u32| self.descriptors.get(n) != now.get(n);
            let more = now.iter().filter(|(n, _)| is_new(n));
            let more: Vec<_> = more.map(|(n, what)| format!("{n} {what}")).collect();
            let (count, before) = (now.len(), self.descriptors.len());
            return Some(format!(
                "{count} descriptors are open, and there were {before}; of these are new: {}",
                more.join(", ")
            ));
        }
        let ours = runtime::stats().threads;
        let kept = runtime::max_procs() + SPARE_THREADS;
        let others = threads().saturating_sub(ours);
        if others > self.others {
            let before = self.others;
            return Some(format!(
                "{others} threads run that are not for goroutines, and there were {before}"
            ));
        }
        (ours > kept).then(|| format!("{ours} threads are left, where {kept} are kept"))
    }

    /// Whether memory has stayed flat since.
    pub fn check_memory(&self, later: &Rest) -> Result<(), String> {
        let (first, last) = (self.heap, later.heap);
        if last > first + HEAP_SLACK {
            return Err(format!(
                "{last} bytes of the heap are in use after the last third, and {first} were after the first"
            ));
        }
        let (first, last) = (self.resident, later.resident);
        if last > first + first / 4 + RESIDENT_SLACK {
            let (first, last) = (first >> 20, last >> 20);
            return Err(format!(
                "{last} MiB are resident after the last third, and {first} MiB were after the first"
            ));
        }
        Ok(())
    }
}

/// What is resident once it gets no less.
fn steady_resident(limit: Instant) -> usize {
    let (mut least, mut since) = (resident(), Instant::now());
    while since.elapsed() < STEADY && Instant::now() < limit {
        thread::sleep(Duration::from_millis(100));
        trim();
        let now = resident();
        // Less by some pages is nothing to wait for.
        if now + (256 << 10) < least {
            since = Instant::now();
        }
        least = least.min(now);
    }
    least
}

/// Has malloc give back what it can.
fn trim() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: it takes malloc's own locks, and may be called at any time.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// What the process has open. The directory that is read is open as well, each time.
fn descriptors() -> BTreeMap<u32, String> {
    let Ok(listing) = fs::read_dir("/proc/self/fd") else {
        return BTreeMap::new();
    };
    let number = |entry: fs::DirEntry| {
        let number = entry.file_name().to_str()?.parse().ok()?;
        let on = fs::read_link(entry.path()).unwrap_or_default();
        Some((number, on.display().to_string()))
    };
    listing.flatten().filter_map(number).collect()
}

pub fn resident() -> usize {
    status("VmRSS") << 10
}

pub fn threads() -> usize {
    status("Threads")
}

/// A number of /proc/self/status; 0 where there is none.
fn status(name: &str) -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mut lines = status.lines().filter_map(|line| line.split_once(':'));
    let found = lines.find(|(key, _)| *key == name);
    found.map_or(0, |(_, value)| {
        let value = value.trim().trim_end_matches(" kB");
        value.parse().unwrap_or(0)
    })
}
