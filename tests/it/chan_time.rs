//! Channels of time: `after`, `at`, `tick`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use sudog::chan::{Select, after, at, bounded, tick};

use crate::support::{alone, goroutine, thread, wait_until};
use crate::worlds::poll_deaf;

const MS: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn after_gives_its_instant_once_and_never_early() {
    for body in [goroutine, thread] as [fn(fn()); 2] {
        body(|| {
            let rx = after(HOUR);
            assert!(rx.is_empty());
            assert!(rx.try_recv().unwrap_err().is_empty());
            let start = Instant::now();
            let rx = after(10 * MS);
            let due = rx.recv().unwrap();
            assert!(start.elapsed() >= 10 * MS);
            assert!(due >= start + 10 * MS && due <= Instant::now());
            assert!(rx.recv_timeout(MS).unwrap_err().is_timeout());
        });
    }
}

#[test]
fn a_value_that_is_due_is_there_for_all_who_look() {
    goroutine(|| {
        let rx = at(Instant::now());
        assert_eq!((rx.len(), rx.is_empty(), rx.is_full()), (1, false, true));
        assert_eq!(rx.capacity(), Some(1));
        assert!(rx.try_recv().is_ok());
        assert_eq!((rx.len(), rx.is_empty(), rx.is_full()), (0, true, false));
    });
}

#[test]
fn ticks_come_one_period_after_the_other_and_missed_ones_are_dropped() {
    goroutine(|| {
        let start = Instant::now();
        let rx = tick(5 * MS);
        for n in 1..=3 {
            rx.recv().unwrap();
            assert!(start.elapsed() >= 5 * n * MS);
        }
        std::thread::sleep(30 * MS);
        let late = Instant::now();
        rx.recv().unwrap();
        rx.recv().unwrap();
        assert!(late.elapsed() >= 4 * MS, "a missed tick was made up for");
    });
}

#[test]
fn a_time_too_long_never_comes() {
    goroutine(|| {
        for rx in [after(Duration::MAX), tick(Duration::MAX)] {
            assert!(rx.recv_timeout(MS).unwrap_err().is_timeout());
            assert!(!rx.close());
        }
    });
}

#[test]
fn one_value_goes_to_one_of_many_who_wait() {
    goroutine(|| {
        let rx = after(5 * MS);
        let (got, is_over) = (
            Arc::new(AtomicUsize::new(0)),
            Arc::new(AtomicBool::new(false)),
        );
        let receivers: Vec<_> = (0..8)
            .map(|_| {
                let (rx, got, is_over) = (rx.clone(), got.clone(), is_over.clone());
                sudog::spawn(move || {
                    while !is_over.load(SeqCst) {
                        got.fetch_add(usize::from(rx.recv_timeout(20 * MS).is_ok()), SeqCst);
                    }
                })
            })
            .collect();
        wait_until(|| got.load(SeqCst) > 0);
        is_over.store(true, SeqCst);
        receivers.into_iter().for_each(|r| r.join().unwrap());
        assert_eq!(got.load(SeqCst), 1);
    });
}

#[test]
fn a_select_ends_with_the_time_that_comes_first() {
    for body in [goroutine, thread] as [fn(fn()); 2] {
        body(|| {
            let (_tx, rx) = bounded::<u8>(0);
            let (soon, later) = (after(5 * MS), after(Duration::from_secs(60)));
            let mut select = Select::new();
            select.recv(&rx);
            let first = select.recv(&soon);
            select.recv(&later);
            assert_eq!(select.ready(), first);
            let operation = select.select();
            assert_eq!(operation.index(), first);
            operation.recv(&soon).unwrap();
            assert!(select.select_timeout(5 * MS).is_err());
        });
    }
}

#[test]
fn async_code_waits_for_times_too() {
    thread(|| {
        let start = Instant::now();
        let rx = tick(5 * MS);
        pollster::block_on(async {
            rx.recv_async().await.unwrap();
            rx.recv_async().await.unwrap();
        });
        assert!(start.elapsed() >= 10 * MS);
    });
}

#[test]
#[cfg(target_os = "linux")]
fn only_a_future_that_has_to_wait_for_a_time_starts_the_runtime() {
    fn threads() -> usize {
        std::fs::read_dir("/proc/self/task").unwrap().count()
    }
    alone(&[], || {
        let before = threads();
        after(MS).recv().unwrap();
        tick(MS).recv().unwrap();
        let (_tx, rx) = bounded::<()>(0);
        let soon = after(MS);
        let mut select = Select::new();
        select.recv(&rx);
        assert!(select.select_timeout(MS).is_err());
        let of_soon = select.recv(&soon);
        assert_eq!(select.ready(), of_soon);
        pollster::block_on(at(Instant::now()).recv_async()).unwrap();
        assert_eq!(threads(), before);
        let far = after(HOUR);
        assert!(poll_deaf(&mut Box::pin(far.recv_async())).is_pending());
        assert!(threads() > before);
        pollster::block_on(after(MS).recv_async()).unwrap();
    });
}
