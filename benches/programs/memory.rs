//! Programs measured by their peak memory: what very many goroutines cost while they are alive.
//!
//! `spawned` is the batch of the row `spawn_wait`: goroutines that end without ever parking. How
//! many of them exist at once is the scheduler's affair, and so the figure is too. `parked` has all
//! of them blocked at the same moment, each holding whatever a blocked goroutine must hold.

use std::time::Duration;

use sudog::chan::bounded;
use sudog::spawn;
use sudog::sync::WaitGroup;

/// Spawns that many goroutines at once, each ending without parking, and waits for all.
pub fn spawned(goroutines: u64) {
    sudog::run(|| {
        let wg = WaitGroup::new();
        wg.add(goroutines as usize);
        for _ in 0..goroutines {
            let wg = wg.clone();
            spawn(move || wg.done());
        }
        wg.wait();
    });
}

/// Has that many goroutines wait for one channel to be closed, then closes it.
///
/// A goroutine counts itself in just before it parks, so the last few may not have parked when the
/// channel closes; of a million that does not show.
pub fn parked(goroutines: u64) {
    sudog::run(|| {
        let started = WaitGroup::new();
        let ended = WaitGroup::new();
        started.add(goroutines as usize);
        ended.add(goroutines as usize);
        let (release, released) = bounded::<()>(0);
        for _ in 0..goroutines {
            let (started, ended, released) = (started.clone(), ended.clone(), released.clone());
            spawn(move || {
                started.done();
                assert!(released.recv().is_err());
                ended.done();
            });
        }
        started.wait();
        drop(release);
        ended.wait();
    });
}

/// The most memory this process ever had resident.
///
/// Linux carries the figure over an `exec`, so it is never below the peak of the process that
/// started us; `versus` is a few MiB, which is noise beside a million goroutines.
pub fn peak_rss_bytes() -> u64 {
    // macOS counts bytes, everybody else KiB.
    let unit = if cfg!(target_os = "macos") { 1 } else { 1024 };
    usage().ru_maxrss as u64 * unit
}

/// The processor time that this process has used so far.
pub fn cpu_time() -> Duration {
    let usage = usage();
    [usage.ru_utime, usage.ru_stime]
        .iter()
        .map(|time| Duration::new(time.tv_sec as u64, time.tv_usec as u32 * 1_000))
        .sum()
}

fn usage() -> libc::rusage {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::uninit();
    // SAFETY: the pointer is to a writable rusage of ours, which is all getrusage asks for.
    let status = unsafe { libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr()) };
    assert_eq!(status, 0, "getrusage failed");
    // SAFETY: getrusage returned 0 and has therefore filled the struct in.
    unsafe { usage.assume_init() }
}
