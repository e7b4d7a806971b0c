//! When all are asleep: the report, and who is in it.

use std::thread;
use std::time::Duration;

use sudog::chan::{bounded, never};
use sudog::context::Context;
use sudog::sync::{Mutex, Semaphore, WaitGroup};
use sudog::time::{Ticker, Timer, after_func};
use sudog::{Builder, run, scope, spawn, yield_now};

use super::child::Output;
use super::{Case, start};

const HOUR: Duration = Duration::from_secs(3600);
const DEADLOCK: &str = "fatal error: all goroutines are asleep - deadlock!";

/// Fails unless this is Go's report of a deadlock, with a line for each of these goroutines: what
/// it starts with, and what is in it.
#[track_caller]
pub fn assert_deadlock(output: &Output, goroutines: &[[&str; 2]]) {
    output.assert_code(2);
    output.assert_stderr(DEADLOCK);
    let (_, list) = output.stderr.split_once(DEADLOCK).expect("just seen");
    for [start, part] in goroutines {
        let found = list
            .lines()
            .any(|line| line.starts_with(start) && line.contains(part));
        assert!(
            found,
            "no line {start:?} with {part:?} on stderr of {output}"
        );
    }
    output.assert_stderr("tests/crash/");
}

pub fn cases() -> Vec<Case> {
    vec![
        Case {
            name: "a_receive_nobody_answers",
            vars: &[],
            program: || {
                start(|| {
                    let (_tx, rx) = bounded::<()>(0);
                    rx.recv()
                })
            },
            check: |output| assert_deadlock(output, &[["goroutine 1 ", "[chan receive]:"]]),
        },
        Case {
            name: "a_send_nobody_takes",
            vars: &[],
            program: || {
                start(|| {
                    let (tx, _rx) = bounded(1);
                    tx.send(1).and_then(|()| tx.send(2))
                })
            },
            check: |output| assert_deadlock(output, &[["goroutine 1 ", "[chan send]:"]]),
        },
        Case {
            name: "a_receive_from_never",
            vars: &[],
            program: || start(|| never::<()>().recv()),
            check: |output| assert_deadlock(output, &[["goroutine 1 ", "[chan receive"]]),
        },
        Case {
            name: "a_wait_group_that_is_never_done",
            vars: &[],
            program: || {
                start(|| {
                    let group = WaitGroup::new();
                    group.add(1);
                    group.wait();
                })
            },
            check: |output| assert_deadlock(output, &[["goroutine 1 ", "[sync.WaitGroup.Wait]:"]]),
        },
        Case {
            name: "a_mutex_that_is_locked_twice",
            vars: &[],
            program: || {
                start(|| {
                    let mutex = Mutex::new(());
                    let _guard = mutex.lock();
                    drop(mutex.lock());
                })
            },
            check: |output| assert_deadlock(output, &[["goroutine 1 ", "[sync.Mutex.Lock]:"]]),
        },
        Case {
            name: "waits_under_a_context_are_listed_as_what_they_are",
            vars: &[],
            program: || {
                start(|| {
                    let (ctx, _cancel) = Context::background().with_cancel();
                    let (ctx, semaphore) = (&ctx, Semaphore::new(1));
                    let _permit = semaphore.acquire(1);
                    let (mutex, group) = (Mutex::new(()), WaitGroup::new());
                    let _guard = mutex.lock();
                    group.add(1);
                    let asleep = spawn(|| never::<()>().recv());
                    scope(|s| {
                        s.spawn(|| ctx.lock(&mutex).is_ok());
                        s.spawn(|| ctx.acquire(&semaphore, 1).is_ok());
                        s.spawn(|| ctx.wait(&group));
                        s.spawn(|| ctx.join(asleep).is_ok());
                    });
                })
            },
            check: |output| {
                let reasons = [
                    ["goroutine ", "[sync.Mutex.Lock]"],
                    ["goroutine ", "[semacquire]"],
                    ["goroutine ", "[sync.WaitGroup.Wait]"],
                    ["goroutine ", "[join]"],
                    ["goroutine 1 ", "[scope]"],
                ];
                assert_deadlock(output, &reasons);
            },
        },
        Case {
            name: "all_goroutines_are_listed_with_name_and_reason",
            vars: &[],
            program: || {
                start(|| {
                    let (tx, rx) = bounded::<()>(0);
                    let (tx2, rx2) = bounded(0);
                    let _kept = (tx, rx2);
                    let group = WaitGroup::new();
                    let builder = |name: &str| Builder::new().name(String::from(name));
                    builder("the-receiver").spawn(move || rx.recv()).unwrap();
                    builder("the-sender").spawn(move || tx2.send(())).unwrap();
                    group.go(|| ()).join().unwrap();
                    group.add(1);
                    builder("the-waiter")
                        .spawn(move || group.wait())
                        .unwrap()
                        .join()
                        .unwrap();
                })
            },
            check: |output| {
                assert_deadlock(
                    output,
                    &[
                        ["goroutine ", "[chan receive]"],
                        ["goroutine ", "the-receiver"],
                        ["goroutine ", "[chan send]"],
                        ["goroutine ", "the-sender"],
                        ["goroutine ", "[sync.WaitGroup.Wait]"],
                        ["goroutine ", "the-waiter"],
                        ["goroutine 1 ", "["],
                    ],
                );
                let list = output.stderr.split_once(DEADLOCK).expect("just seen").1;
                let count = list
                    .lines()
                    .filter(|line| line.starts_with("goroutine "))
                    .count();
                assert_eq!(count, 4, "goroutines on stderr of {output}");
            },
        },
        Case {
            name: "a_deadlock_after_much_work",
            vars: &[],
            program: || {
                start(|| {
                    let (tx, rx) = bounded(2);
                    for n in 0..10 {
                        let tx = tx.clone();
                        spawn(move || (0..100).for_each(|_| tx.send(n).unwrap()));
                    }
                    // One more than there are, and the sender is kept.
                    assert_eq!(rx.iter().take(1_001).count(), 1_001);
                })
            },
            check: |output| assert_deadlock(output, &[["goroutine 1 ", "[chan receive]:"]]),
        },
        Case {
            name: "a_deadlock_in_run_and_scope",
            vars: &[],
            program: || {
                start(|| {
                    run(|| {
                        scope(|s| {
                            s.spawn(|| never::<()>().recv().is_ok());
                        });
                    });
                })
            },
            check: |output| assert_deadlock(output, &[["goroutine 1 ", "["]]),
        },
        Case {
            name: "a_thread_parked_in_sudog_without_limit_counts_as_asleep",
            vars: &[],
            program: || {
                start(|| {
                    let (tx, rx) = bounded::<()>(0);
                    let (tx2, rx2) = bounded::<()>(0);
                    // Each has what the other waits for.
                    thread::spawn(move || rx.recv().map(|()| tx2.send(())));
                    rx2.recv().map(|()| tx.send(()).unwrap())
                })
            },
            check: |output| assert_deadlock(output, &[["goroutine 1 ", "[chan receive]:"]]),
        },
        Case {
            name: "threads_parked_in_join_and_wait_group_count_as_asleep",
            vars: &[],
            program: || {
                start(|| {
                    let group = WaitGroup::new();
                    group.add(1);
                    let (_tx, rx) = bounded::<()>(0);
                    let handle = spawn(move || rx.recv());
                    thread::spawn(move || handle.join());
                    let group2 = group.clone();
                    thread::spawn(move || group2.wait());
                    group.wait();
                })
            },
            check: |output| assert_deadlock(output, &[["goroutine 1 ", "[sync.WaitGroup.Wait]:"]]),
        },
        Case {
            name: "a_deadlock_is_seen_when_the_last_other_thread_ends",
            vars: &[],
            program: || {
                start(|| {
                    let (_tx, rx) = bounded::<()>(0);
                    thread::spawn(|| thread::sleep(Duration::from_millis(200)));
                    rx.recv()
                })
            },
            check: |output| assert_deadlock(output, &[["goroutine 1 ", "[chan receive]:"]]),
        },
        Case {
            name: "a_receive_from_a_stopped_timer",
            vars: &[],
            program: || {
                start(|| {
                    let timer = Timer::new(HOUR);
                    let rx = timer.receiver().clone();
                    spawn(move || rx.recv());
                    yield_now();
                    timer.stop();
                    timer.receiver().recv().map(drop)
                })
            },
            check: |output| {
                let waiting = ["goroutine ", "[chan receive]:"];
                assert_deadlock(output, &[waiting, waiting]);
            },
        },
        Case {
            // None of these can wake anybody: unread timers, a stopped call, and limits of waits that
            // are over.
            name: "a_deadlock_among_timers_that_nobody_waits_for",
            vars: &[],
            program: || {
                start(|| {
                    let (_timer, _ticker) = (Timer::new(HOUR), Ticker::new(HOUR));
                    after_func(HOUR, || ()).stop();
                    let (tx, rx) = bounded(0);
                    for _ in 0..100 {
                        let tx = tx.clone();
                        spawn(move || tx.send_timeout((), HOUR));
                        rx.recv_timeout(HOUR).unwrap();
                    }
                    rx.recv()
                })
            },
            check: |output| assert_deadlock(output, &[["goroutine 1 ", "[chan receive]:"]]),
        },
    ]
}
