//! `after_func`: calls that begin later.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use sudog::time::{FuncTimer, after_func, sleep};
use sudog::{chan, spawn};

use crate::support::{alone_on, goroutine, quiet_panic, rounds, stress, thread, wait_until};

const MS: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn the_call_runs_in_a_goroutine_of_its_own_and_never_early() {
    for body in [goroutine, thread] as [fn(fn()); 2] {
        body(|| {
            let (tx, rx) = chan::bounded(1);
            let start = Instant::now();
            let caller = sudog::current().map(|g| g.id());
            let call = after_func(3 * MS, move || {
                tx.send((sudog::current().map(|g| g.id()), Instant::now()))
                    .unwrap();
            });
            let (callee, at) = rx.recv().unwrap();
            assert!(callee.is_some() && callee != caller);
            assert!(at >= start + 3 * MS);
            assert!(!call.stop());
        });
    }
}

#[test]
fn the_call_runs_though_the_handle_is_dropped() {
    goroutine(|| {
        let (tx, rx) = chan::bounded(1);
        drop(after_func(2 * MS, move || tx.send(()).unwrap()));
        rx.recv().unwrap();
    });
}

/// Go's TestAfterFunc: each call starts the next.
#[test]
fn calls_can_be_chained_from_calls() {
    fn next(left: u32, done: chan::Sender<()>) {
        after_func(Duration::ZERO, move || match left {
            0 => done.send(()).unwrap(),
            left => next(left - 1, done),
        });
    }
    goroutine(|| {
        let (tx, rx) = chan::bounded(0);
        next(1_000, tx);
        rx.recv().unwrap();
    });
}

#[test]
fn a_stopped_call_does_not_begin() {
    goroutine(|| {
        let ran = Arc::new(AtomicBool::new(false));
        let call = after_func(2 * MS, {
            let ran = ran.clone();
            move || ran.store(true, Ordering::SeqCst)
        });
        if call.stop() {
            assert!(!call.stop());
            sleep(6 * MS);
            assert!(!ran.load(Ordering::SeqCst));
            // As in Go, a stopped one can be set going again.
            assert!(!call.reset(MS));
            wait_until(|| ran.load(Ordering::SeqCst));
        }
        assert!(!call.reset(Duration::ZERO));
    });
}

#[test]
fn a_reset_moves_the_call() {
    goroutine(|| {
        let (tx, rx) = chan::bounded(1);
        let call = after_func(HOUR, move || tx.send(Instant::now()).unwrap());
        assert!(call.reset(HOUR / 2) && call.reset(HOUR));
        assert!(rx.recv_timeout(4 * MS).unwrap_err().is_timeout());
        let start = Instant::now();
        assert!(call.reset(2 * MS));
        assert!(rx.recv().unwrap() >= start + 2 * MS);
        assert!(!call.reset(MS), "it has begun");
        assert!(!call.stop());
    });
}

/// Go's TestTimerModifiedEarlier.
#[test]
fn a_call_moved_back_and_forth_begins_once() {
    goroutine(|| {
        for _ in 0..rounds(200) {
            let (tx, rx) = chan::bounded(2);
            let call = after_func(HOUR, move || tx.send(()).unwrap());
            for _ in 0..10 {
                call.stop();
                call.reset(HOUR);
            }
            assert!(call.reset(Duration::ZERO));
            rx.recv().unwrap();
            assert!(
                rx.recv().is_err(),
                "the function has gone, and its sender with it"
            );
        }
    });
}

#[test]
fn a_call_runs_or_was_stopped_never_both_and_never_neither() {
    stress(|mut rng| {
        let ran = Arc::new(AtomicUsize::new(0));
        let mut stopped = 0;
        let count = rounds(2_000);
        for _ in 0..count {
            let call = after_func(rng.below(40) as u32 * Duration::from_micros(1), {
                let ran = ran.clone();
                move || {
                    ran.fetch_add(1, Ordering::SeqCst);
                }
            });
            for _ in 0..rng.below(3) {
                sudog::yield_now();
            }
            stopped += usize::from(call.stop());
        }
        wait_until(|| ran.load(Ordering::SeqCst) + stopped == count);
        sleep(2 * MS);
        assert_eq!(ran.load(Ordering::SeqCst) + stopped, count);
    });
}

/// The function is dropped with the last that could call it, and not before.
#[test]
fn what_the_function_holds_goes_when_it_cannot_run_any_more() {
    goroutine(|| {
        let held = Arc::new(());
        let make = |delay| {
            let held = held.clone();
            after_func(delay, move || drop(held))
        };
        let call = make(HOUR);
        call.stop();
        assert_eq!(Arc::strong_count(&held), 2, "it can be reset");
        drop(call);
        assert_eq!(Arc::strong_count(&held), 1);

        let call = make(Duration::ZERO);
        wait_until(|| Arc::strong_count(&held) == 1);
        drop(call);

        let call: FuncTimer = make(HOUR);
        drop(call);
        assert_eq!(Arc::strong_count(&held), 2, "it is to run in an hour");
    });
}

#[test]
fn a_panic_ends_the_call_and_nothing_else() {
    goroutine(|| {
        after_func(Duration::ZERO, || quiet_panic("in a call"));
        let (tx, rx) = chan::bounded(1);
        after_func(MS, move || tx.send(()).unwrap());
        rx.recv().unwrap();
    });
}

#[test]
fn a_call_may_block() {
    alone_on(1, || {
        goroutine(|| {
            let (tx, rx) = chan::bounded(0);
            for n in 0..100 {
                let tx = tx.clone();
                after_func(Duration::from_micros(n), move || {
                    sleep(Duration::from_micros(50));
                    tx.send(()).unwrap();
                });
            }
            drop(tx);
            assert_eq!(rx.iter().count(), 100);
        });
    });
}

#[test]
fn a_delay_too_long_never_passes() {
    goroutine(|| {
        let call = after_func(Duration::MAX, || unreachable!());
        sleep(2 * MS);
        assert!(call.stop());
    });
}

#[test]
fn calls_from_plain_threads_start_the_runtime() {
    alone_on(2, || {
        let (tx, rx) = std::sync::mpsc::channel();
        after_func(MS, move || tx.send(sudog::current().is_some()).unwrap());
        assert!(rx.recv().unwrap());
    });
}

/// Go's TestTimerStopStress.
#[test]
fn many_calls_are_stopped_from_many_goroutines() {
    goroutine(|| {
        let hands: Vec<_> = (0..100)
            .map(|_| {
                spawn(|| {
                    let call = after_func(HOUR, || unreachable!());
                    sleep(2 * MS);
                    assert!(call.stop());
                })
            })
            .collect();
        hands.into_iter().for_each(|hand| hand.join().unwrap());
    });
}
