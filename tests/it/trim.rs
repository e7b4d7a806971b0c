//! Memory that goes back: of goroutines that once went deep and then wait, and of stacks nobody uses.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use sudog::chan::{Receiver, bounded};
use sudog::sync::WaitGroup;
use sudog::{blocking, spawn};

use crate::stacks::{descend, memory};
use crate::support::{alone, alone_here, goroutine, wait_until};

const MIB: usize = 1 << 20;
/// How deep the goroutines here go: twenty pages and more, which is a hundred MiB of all.
const DEEP: usize = 100 << 10;
const COUNT: usize = 1_000;

/// Waits for memory to become less than this, and no longer than anybody would.
#[track_caller]
fn wait_for_less(bytes: usize) {
    let limit = Instant::now() + Duration::from_secs(45);
    while memory("VmRSS") >= bytes {
        let rss = memory("VmRSS") / MIB;
        assert!(Instant::now() < limit, "still {rss} MiB");
        blocking(|| std::thread::sleep(Duration::from_millis(20)));
    }
}

/// Goroutines that went deep and wait for `released`, then go deep again.
fn deep_ones(released: &Receiver<()>) -> WaitGroup {
    let (group, waiting) = (WaitGroup::new(), Arc::new(AtomicUsize::new(0)));
    for _ in 0..COUNT {
        let (released, waiting) = (released.clone(), waiting.clone());
        group.go(move || {
            let mark = std::hint::black_box([7_u8; 3_000]);
            descend(DEEP, || ());
            waiting.fetch_add(1, SeqCst);
            assert!(released.recv().is_err());
            descend(DEEP, || ());
            assert!(std::hint::black_box(mark).iter().all(|byte| *byte == 7));
        });
    }
    wait_until(|| waiting.load(SeqCst) == COUNT);
    group
}

fn waiters_are_trimmed() {
    goroutine(|| {
        let before = memory("VmRSS");
        let (release, released) = bounded::<()>(0);
        let group = deep_ones(&released);
        wait_for_less(before + COUNT * DEEP / 2);
        release.close();
        group.wait();
    });
}

#[test]
fn goroutines_that_were_deep_and_wait_for_long_give_memory_back() {
    alone_here(|| {
        waiters_are_trimmed();
    });
}

#[test]
fn it_goes_back_where_guards_are_of_mprotect_too() {
    alone(&[("SUDOG_DEBUG", "guard=mprotect")], || {
        waiters_are_trimmed();
    });
}

#[test]
fn goroutines_that_wait_deep_down_keep_what_they_have() {
    alone_here(|| {
        goroutine(|| {
            let before = memory("VmRSS");
            let (release, released) = bounded::<()>(0);
            let (group, waiting) = (WaitGroup::new(), Arc::new(AtomicUsize::new(0)));
            for _ in 0..COUNT {
                let (released, waiting) = (released.clone(), waiting.clone());
                group.go(move || {
                    // Deeper first, so that there is something to trim.
                    descend(DEEP, || ());
                    descend(DEEP / 2, || {
                        waiting.fetch_add(1, SeqCst);
                        assert!(released.recv().is_err());
                    });
                });
            }
            wait_until(|| waiting.load(SeqCst) == COUNT);
            wait_for_less(before + COUNT * DEEP / 4 * 3);
            release.close();
            group.wait();
        });
    });
}

#[test]
fn a_wait_that_ends_while_it_is_trimmed_goes_on() {
    alone_here(|| {
        goroutine(|| {
            // Each waits just about as long as makes a wait long.
            let group = WaitGroup::new();
            for n in 0..COUNT as u64 {
                group.go(move || {
                    for _ in 0..2 {
                        descend(DEEP, || ());
                        sudog::time::sleep(Duration::from_millis(2_000 + n % 100 * 20));
                    }
                });
            }
            group.wait();
        });
    });
}

#[test]
fn stacks_that_nobody_uses_give_memory_back() {
    alone_here(|| {
        goroutine(|| {
            let before = memory("VmRSS");
            let (release, released) = bounded::<()>(0);
            let group = deep_ones(&released);
            release.close();
            group.wait();
            wait_for_less(before + COUNT * DEEP / 2);
            // They serve again.
            let handles: Vec<_> = (0..COUNT).map(|_| spawn(|| descend(DEEP, || ()))).collect();
            handles.into_iter().for_each(|h| h.join().unwrap());
        });
    });
}
