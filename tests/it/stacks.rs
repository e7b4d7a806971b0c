//! Stacks: deep enough, many enough, used again.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use sudog::chan::bounded;
use sudog::runtime::num_goroutines;
use sudog::sync::WaitGroup;
use sudog::{Builder, run, spawn, yield_now};

use crate::support::{alone, alone_here, goroutine, rounds, wait_until};

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// What fits on a stack of the default size, whichever build this is.
const DEEP: usize = if cfg!(debug_assertions) {
    800 * KIB
} else {
    180 * KIB
};

/// Calls itself until the stack is `bytes` deep, calls `bottom` there, and checks on its way back
/// that every frame is as it left it.
pub fn descend(bytes: usize, mut bottom: impl FnMut()) {
    fn step(top: usize, bytes: usize, depth: u8, bottom: &mut dyn FnMut()) {
        let frame = black_box([depth; 256]);
        if top - (&raw const frame as usize) < bytes {
            step(top, bytes, depth.wrapping_add(1), bottom);
        } else {
            bottom();
        }
        assert!(black_box(&frame).iter().all(|byte| *byte == depth));
    }
    let top = 0_u8;
    step(&raw const top as usize, bytes, 0, &mut bottom);
}

#[test]
fn the_default_stack_is_deep() {
    goroutine(|| {
        let handles: Vec<_> = (0..10).map(|_| spawn(|| descend(DEEP, || ()))).collect();
        handles.into_iter().for_each(|h| h.join().unwrap());
    });
}

#[test]
fn deep_frames_survive_parking() {
    goroutine(|| {
        let (tx, rx) = bounded::<()>(0);
        let handles: Vec<_> = (0..20)
            .map(|_| {
                let rx = rx.clone();
                spawn(move || {
                    for _ in 0..3 {
                        descend(DEEP, || {
                            rx.recv().unwrap();
                            yield_now();
                        });
                    }
                })
            })
            .collect();
        (0..60).for_each(|_| tx.send(()).unwrap());
        handles.into_iter().for_each(|h| h.join().unwrap());
    });
}

#[test]
fn a_stack_can_be_as_large_as_asked_for() {
    goroutine(|| {
        for size in [2 * MIB, 8 * MIB] {
            let builder = Builder::new().stack_size(size);
            builder
                .spawn(move || descend(size - 256 * KIB, yield_now))
                .unwrap()
                .join()
                .unwrap();
        }
    });
}

#[test]
fn run_has_a_large_stack() {
    crate::support::thread(|| run(|| descend(7 * MIB, yield_now)));
    goroutine(|| run(|| descend(7 * MIB, yield_now)));
}

/// Lets this many goroutines wait at once, then ends them all.
fn wait_at_once(count: usize) {
    let (tx, rx) = bounded::<()>(0);
    let (arrived, gone) = (Arc::new(AtomicUsize::new(0)), WaitGroup::new());
    for _ in 0..count {
        let (rx, arrived) = (rx.clone(), arrived.clone());
        gone.go(move || {
            arrived.fetch_add(1, SeqCst);
            rx.recv().is_err()
        });
    }
    wait_until(|| arrived.load(SeqCst) == count);
    assert_eq!(num_goroutines(), count + 1);
    assert!(tx.close());
    gone.wait();
    wait_until(|| num_goroutines() == 1);
}

/// Whether stacks are guarded with `mprotect`: then there can be some ten thousand of them.
fn has_costly_guards() -> bool {
    std::env::var("SUDOG_DEBUG").is_ok_and(|value| value.contains("mprotect"))
}

#[test]
fn a_hundred_thousand_goroutines_wait_at_once() {
    let few = cfg!(sudog_chaos) || has_costly_guards();
    let count = if few { 10_000 } else { 100_000 };
    alone_here(|| goroutine(move || (0..2).for_each(|_| wait_at_once(count))));
}

#[test]
fn stacks_guarded_by_mprotect_serve_as_well() {
    alone(&[("SUDOG_DEBUG", "guard=mprotect")], || {
        goroutine(|| {
            wait_at_once(10_000);
            let handles: Vec<_> = (0..10)
                .map(|_| spawn(|| descend(DEEP, yield_now)))
                .collect();
            handles.into_iter().for_each(|h| h.join().unwrap());
        });
    });
}

#[test]
fn goroutines_end_in_any_order_and_their_stacks_serve_others() {
    goroutine(|| {
        for round in 0..rounds(20) {
            let (tx, rx) = bounded::<()>(0);
            let waiting: Vec<_> = (0..100)
                .map(|n| {
                    let rx = rx.clone();
                    spawn(move || {
                        descend(1_000 * (1 + (n * 7 + round) % 60), || {
                            if n % 3 > 0 {
                                assert!(rx.recv().is_err());
                            }
                        });
                    })
                })
                .collect();
            tx.close();
            waiting.into_iter().for_each(|w| w.join().unwrap());
        }
    });
}

/// A line of /proc/self/status, in bytes.
#[cfg(target_os = "linux")]
pub fn memory(line: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|l| l.starts_with(line))
        .expect("the kernel tells");
    line.split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<usize>()
        .unwrap()
        * KIB
}

#[test]
#[cfg(target_os = "linux")]
fn stacks_are_used_again() {
    alone_here(|| {
        goroutine(|| {
            let some = || {
                let handles: Vec<_> = (0..100).map(|_| spawn(yield_now)).collect();
                handles.into_iter().for_each(|h| h.join().unwrap());
            };
            (0..10).for_each(|_| some());
            let before = memory("VmRSS");
            (0..rounds(500)).for_each(|_| some());
            // Fifty thousand fresh stacks would be two hundred MiB and more.
            let grown = memory("VmRSS").saturating_sub(before);
            assert!(grown < 40 * MIB, "grown by {} MiB", grown / MIB);
        });
    });
}

#[test]
#[cfg(target_os = "linux")]
fn a_goroutine_that_has_not_begun_has_no_stack() {
    alone_here(|| {
        goroutine(|| {
            let before = memory("VmHWM");
            let group = WaitGroup::new();
            for _ in 0..200_000 {
                drop(group.go(|| ()));
            }
            group.wait();
            // A page of stack for each would be eight hundred MiB.
            let grown = memory("VmHWM").saturating_sub(before);
            assert!(grown < 300 * MIB, "grown by {} MiB", grown / MIB);
        });
    });
}
