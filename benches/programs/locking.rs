//! Rows of `sync`: what it costs to lock, alone and against others.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sudog::spawn;
use sudog::sync::{Mutex, Once, RwLock, Semaphore, WaitGroup};

use super::share;

/// One goroutine locks and unlocks. A turn is a lock and an unlock.
pub fn mutex_alone(turns: u64) -> Duration {
    sudog::run(move || {
        let count = Mutex::new(0_u64);
        let start = Instant::now();
        for _ in 0..turns {
            *count.lock() += 1;
        }
        let elapsed = start.elapsed();
        assert_eq!(*count.lock(), turns);
        elapsed
    })
}

/// Runs `turn` so often in all, in `workers` goroutines.
fn together(turns: u64, workers: u64, turn: impl Fn(u64) + Send + Sync + 'static) -> Duration {
    let turn = Arc::new(turn);
    let wg = WaitGroup::new();
    let start = Instant::now();
    for number in 0..workers {
        let turn = Arc::clone(&turn);
        wg.go(move || (0..share(turns, workers, number)).for_each(|n| turn(n)));
    }
    wg.wait();
    start.elapsed()
}

/// Eight goroutines lock and unlock one mutex. A turn is a lock and an unlock of any.
pub fn mutex_eight(turns: u64) -> Duration {
    sudog::run(move || {
        let count = Arc::new(Mutex::new(0_u64));
        let theirs = Arc::clone(&count);
        let elapsed = together(turns, 8, move |_| *theirs.lock() += 1);
        assert_eq!(*count.lock(), turns);
        elapsed
    })
}

/// Eight goroutines read, and each writes once in a hundred times. A turn is either of any.
pub fn rwlock_read_mostly(turns: u64) -> Duration {
    sudog::run(move || {
        let count = Arc::new(RwLock::new(0_u64));
        let theirs = Arc::clone(&count);
        let elapsed = together(turns, 8, move |n| {
            if n % 100 == 0 {
                *theirs.write() += 1;
            } else {
                assert!(*theirs.read() <= turns);
            }
        });
        let writes = (0..8).map(|number| share(turns, 8, number).div_ceil(100));
        assert_eq!(*count.read(), writes.sum::<u64>());
        elapsed
    })
}

/// Eight goroutines pass a semaphore of two permits. A turn is a permit taken and given back.
pub fn semaphore_eight(turns: u64) -> Duration {
    sudog::run(move || {
        let semaphore = Semaphore::new(2);
        let theirs = semaphore.clone();
        let elapsed = together(turns, 8, move |_| drop(theirs.acquire(1).unwrap()));
        assert_eq!(semaphore.available_permits(), 2);
        elapsed
    })
}

/// A turn is a goroutine that counts a group down, and a wait for it.
pub fn waitgroup(turns: u64) -> Duration {
    sudog::run(move || {
        let wg = WaitGroup::new();
        let start = Instant::now();
        for _ in 0..turns {
            wg.add(1);
            let theirs = wg.clone();
            spawn(move || theirs.done());
            wg.wait();
        }
        start.elapsed()
    })
}

/// A turn is a look at something that is done.
pub fn once(turns: u64) -> Duration {
    sudog::run(move || {
        let (once, mut calls) = (Once::new(), 0);
        let start = Instant::now();
        for _ in 0..turns {
            std::hint::black_box(&once).call_once(|| calls += 1);
        }
        let elapsed = start.elapsed();
        assert_eq!(calls, 1);
        elapsed
    })
}
