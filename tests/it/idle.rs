//! A program with nothing to do does nothing. This is measured: see what the bound leaves out.

#![cfg(target_os = "linux")]

use std::fs;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use sudog::chan::bounded;
use sudog::{blocking, spawn, yield_now};

use crate::support::{alone_here, goroutine};

/// CPU time of all threads of this process, also of those that have ended.
fn cpu_time() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the pointer is to a local of the right type, which the call fills.
    let told = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    assert_eq!(told, 0);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Fails if this process does anything to speak of. One spinning thread would use all of the
/// 300 ms, a thread that looks around every 20 us about 60; 30 is a tenth.
#[track_caller]
pub fn assert_idle() {
    // What has just ended needs a moment to go to sleep for good.
    thread::sleep(Duration::from_millis(150));
    let before = cpu_time();
    thread::sleep(Duration::from_millis(300));
    let spent = cpu_time() - before;
    assert!(
        spent < Duration::from_millis(30),
        "{spent:?} of CPU time in 300 ms of nothing"
    );
}

#[test]
fn a_runtime_without_goroutines_uses_no_cpu() {
    alone_here(|| {
        goroutine(|| {
            let handles: Vec<_> = (0..1_000).map(|_| spawn(yield_now)).collect();
            handles.into_iter().for_each(|h| h.join().unwrap());
        });
        assert_idle();
    });
}

#[test]
fn goroutines_that_wait_use_no_cpu() {
    alone_here(|| {
        let (tx, rx) = bounded::<()>(0);
        let waiting: Vec<_> = (0..100)
            .map(|_| {
                let rx = rx.clone();
                spawn(move || rx.recv().is_err())
            })
            .collect();
        assert_idle();
        tx.close();
        waiting.into_iter().for_each(|w| assert!(w.join().unwrap()));
        assert_idle();
    });
}

#[test]
fn goroutines_in_blocking_calls_use_no_cpu() {
    alone_here(|| {
        let (tx, rx) = mpsc::channel::<()>();
        let blocked = spawn(move || blocking(|| rx.recv().is_err()));
        let (tx2, rx2) = bounded::<()>(0);
        let waiting = spawn(move || rx2.recv().is_err());
        assert_idle();
        drop((tx, tx2));
        assert!(blocked.join().unwrap() && waiting.join().unwrap());
    });
}

/// How often threads of this process have gone to sleep, all but the calling one.
fn sleeps() -> u64 {
    let ours = fs::read_link("/proc/thread-self").expect("the kernel tells");
    let threads = fs::read_dir("/proc/self/task").expect("the kernel tells");
    let others = threads.filter_map(|thread| {
        let thread = thread.ok()?;
        if Some(&*thread.file_name()) == ours.file_name() {
            return None;
        }
        let status = fs::read_to_string(thread.path().join("status")).ok()?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?;
        line.trim().parse::<u64>().ok()
    });
    others.sum()
}

#[test]
fn a_timer_an_hour_away_wakes_nobody_before() {
    alone_here(|| {
        let hour = Duration::from_secs(3600);
        let sleeper = spawn(move || sudog::time::sleep(hour));
        let calls = [
            sudog::time::after_func(hour, || ()),
            sudog::time::after_func(2 * hour, || ()),
        ];
        spawn(|| sudog::time::sleep(Duration::from_millis(1)))
            .join()
            .unwrap();
        assert_idle();
        // On a busy machine the last ones need a while to go to sleep; then there is a second in which
        // nobody wakes. Who looks around every 100 ms does so ten times in each.
        let quiet_second = || {
            let before = sleeps();
            thread::sleep(Duration::from_secs(1));
            // Fewer than before are they where a thread has ended.
            sleeps().abs_diff(before) <= 3
        };
        assert!(
            (0..20).any(|_| quiet_second()),
            "threads wake again and again"
        );
        assert!(!sleeper.is_finished());
        assert!(calls.iter().all(|call| call.stop()));
    });
}

#[test]
fn threads_that_wait_use_no_cpu() {
    alone_here(|| {
        let (tx, rx) = bounded::<()>(0);
        let waiting = thread::spawn(move || rx.recv().is_err());
        spawn(|| ()).join().unwrap();
        assert_idle();
        drop(tx);
        assert!(waiting.join().unwrap());
    });
}
