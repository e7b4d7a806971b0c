//! The same programs built with `-C panic=abort`, where nothing unwinds: see .ci/run.
//! There the first case that fails ends the test.

use std::process::ExitCode;
use std::thread;

use sudog::chan::{bounded, unbounded};
use sudog::sync::{Mutex, WaitGroup};
use sudog::{Builder, blocking, on_system_stack, run, scope, select, spawn, yield_now};

use super::child::Output;
use super::{Case, assert_fine, overflows, start};

pub fn cases() -> Vec<Case> {
    let mut cases = vec![
        Case {
            name: "abort_what_does_not_panic_works",
            vars: &[],
            program: || start(everything),
            check: assert_fine,
        },
        Case {
            name: "abort_a_panic_names_the_goroutine_and_ends_the_process",
            vars: &[],
            program: || {
                start(|| {
                    let named = Builder::new().name(String::from("gambler"));
                    let _ = named.spawn(|| panic!("out of luck")).unwrap().join();
                    println!("done");
                })
            },
            check: |output| assert_aborted(output, "'gambler' panicked:"),
        },
        Case {
            name: "abort_a_panic_of_main_ends_the_process",
            vars: &[],
            program: || start(|| -> () { panic!("out of luck") }),
            check: |output| assert_aborted(output, "goroutine 1 'main' panicked:"),
        },
        Case {
            name: "abort_a_panic_on_the_system_stack_does_so_too",
            vars: &[],
            program: || start(|| on_system_stack(|| -> () { panic!("out of luck") })),
            check: |output| assert_aborted(output, "goroutine 1 'main' panicked:"),
        },
        Case {
            name: "abort_a_panic_of_a_thread_is_none_of_ours",
            vars: &[],
            program: || {
                assert_eq!(run(|| 1), 1);
                let _ = thread::spawn(|| panic!("out of luck")).join();
                ExitCode::SUCCESS
            },
            check: |output| {
                assert_aborted(output, "panicked at tests/crash/aborts.rs");
                output.assert_no_stderr("goroutine");
            },
        },
        Case {
            name: "abort_a_hook_may_wait",
            vars: &[],
            program: || {
                start(|| {
                    let (tx, rx) = bounded(0);
                    std::panic::set_hook(Box::new(move |_| {
                        yield_now();
                        tx.send(()).unwrap();
                    }));
                    spawn(move || {
                        rx.recv().unwrap();
                        eprintln!("out of luck: the hook has sent");
                    });
                    panic!("not printed");
                })
            },
            check: |output| {
                assert_eq!(output.signal, Some(libc::SIGABRT), "{output}");
                output.assert_no_stderr("not printed");
            },
        },
    ];
    let overflows = overflows::cases().into_iter();
    cases.extend(overflows.filter(|case| !case.name.contains("unwinding")));
    cases
}

/// A bit of everything.
fn everything() {
    let (tx, rx) = bounded(2);
    let (lock, group) = (Mutex::new(0), WaitGroup::new());
    scope(|s| {
        for n in 0..10_u64 {
            let (tx, lock, group) = (tx.clone(), &lock, group.clone());
            s.spawn(move || {
                yield_now();
                tx.send(n).unwrap();
                *lock.lock() += 1;
                blocking(thread::yield_now);
                on_system_stack(yield_now);
                group.go(yield_now);
            });
        }
        let (never, none) = (unbounded::<u64>().1, unbounded::<u64>());
        let mut sum = 0;
        for _ in 0..10 {
            select! {
                recv(rx) -> n => sum += n.unwrap(),
                recv(none.1) -> _ => unreachable!("nobody sends"),
            }
        }
        assert_eq!((sum, never.recv().is_err()), (45, true));
    });
    group.wait();
    assert_eq!((*lock.lock(), run(|| spawn(|| 7).join().unwrap())), (10, 7));
    println!("done");
}

#[track_caller]
fn assert_aborted(output: &Output, text: &str) {
    assert_eq!(output.signal, Some(libc::SIGABRT), "{output}");
    output.assert_stderr("out of luck");
    output.assert_stderr(text);
}
