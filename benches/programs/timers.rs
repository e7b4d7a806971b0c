//! Rows about time: timers that never fire, and very many that do.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sudog::spawn;
use sudog::sync::WaitGroup;
use sudog::time::{Timer, after_func, sleep};

/// A timer of a second, made and stopped before anybody waited for it. A turn is one.
pub fn new_stop(turns: u64) -> Duration {
    sudog::run(|| {
        let start = Instant::now();
        for _ in 0..turns {
            assert!(Timer::new(Duration::from_secs(1)).stop());
        }
        start.elapsed()
    })
}

/// A call in an hour, stopped at once. A turn is one.
pub fn func_stop(turns: u64) -> Duration {
    sudog::run(|| {
        let start = Instant::now();
        for _ in 0..turns {
            assert!(after_func(Duration::from_secs(3600), || unreachable!()).stop());
        }
        start.elapsed()
    })
}

pub const SLEEPERS: u64 = 100_000;

/// A hundred thousand goroutines are spawned without a pause, and each sleeps once, up to a second: how
/// late the last but a hundredth of them woke. The times, the same on both sides, are spread evenly.
pub fn sleepers(turns: u64) -> Duration {
    (0..turns).map(|_| sleepers_once().0).sum()
}

/// The same program: the processor time that it took.
pub fn sleepers_cpu(turns: u64) -> Duration {
    (0..turns).map(|_| sleepers_once().1).sum()
}

/// The lateness that one in a hundred exceeded, and the processor time.
fn sleepers_once() -> (Duration, Duration) {
    let late: Arc<[AtomicU64]> = (0..SLEEPERS).map(|_| AtomicU64::new(0)).collect();
    let begin = super::memory::cpu_time();
    sudog::run({
        let late = late.clone();
        move || {
            let wg = WaitGroup::new();
            wg.add(SLEEPERS as usize);
            for number in 0..SLEEPERS {
                let (wg, late) = (wg.clone(), late.clone());
                spawn(move || {
                    let length = Duration::from_micros(number * 2_654_435_761 % 1_000_003);
                    let start = Instant::now();
                    sleep(length);
                    let lateness = (start.elapsed() - length).as_nanos() as u64;
                    late[number as usize].store(lateness, Ordering::Relaxed);
                    wg.done();
                });
            }
            wg.wait();
        }
    });
    let cpu = super::memory::cpu_time() - begin;
    let mut late: Vec<u64> = late.iter().map(|l| l.load(Ordering::Relaxed)).collect();
    late.sort_unstable();
    (Duration::from_nanos(late[late.len() * 99 / 100]), cpu)
}
