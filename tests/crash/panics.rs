//! What a panic prints and ends, and what becomes of a stack that is missing.

use std::panic::{catch_unwind, resume_unwind};
use std::thread;
use std::time::Duration;

use sudog::chan::{bounded, never};
use sudog::sync::WaitGroup;
use sudog::{Builder, blocking, current, spawn, yield_now};

use super::child::Output;
use super::{Case, assert_fine, start, start_strict};

pub fn cases() -> Vec<Case> {
    vec![
        Case {
            name: "a_panic_in_main_exits_101",
            vars: &[],
            program: || {
                start(|| {
                    if current().is_some() {
                        panic!("main is over");
                    }
                })
            },
            check: |output| {
                output.assert_code(101);
                output.assert_stderr("main is over");
                output.assert_stderr("goroutine 1");
                output.assert_stderr("panicked at tests/crash/panics.rs:");
            },
        },
        Case {
            name: "a_panic_is_printed_with_number_and_name",
            vars: &[],
            program: || {
                start(|| {
                    let body = || {
                        println!("number={}.", current().unwrap().id());
                        panic!("out of luck");
                    };
                    let handle = Builder::new()
                        .name(String::from("gambler"))
                        .spawn(body)
                        .unwrap();
                    assert!(handle.join().is_err());
                    println!("done");
                })
            },
            check: |output| {
                assert_fine(output);
                let (_, number) = output.stdout.split_once("number=").expect("printed");
                let (number, _) = number.split_once('.').expect("with a full stop");
                output.assert_stderr(&format!("goroutine {number}"));
                output.assert_stderr("gambler");
                output.assert_stderr("panicked at tests/crash/panics.rs:");
                output.assert_stderr("out of luck");
            },
        },
        Case {
            name: "a_panic_goes_through_the_hook_that_is_set",
            vars: &[],
            program: || {
                start(|| {
                    std::panic::set_hook(Box::new(|info| eprintln!("hooked: {info}")));
                    assert!(spawn(|| panic!("caught in the hook")).join().is_err());
                    println!("done");
                })
            },
            check: |output| {
                assert_fine(output);
                output.assert_stderr("hooked: panicked at tests/crash/panics.rs:");
                output.assert_stderr("caught in the hook");
            },
        },
        Case {
            name: "a_detached_panic_ends_its_goroutine_only",
            vars: &[],
            program: || {
                start(|| {
                    let (tx, rx) = bounded::<()>(0);
                    spawn(move || {
                        let _tx = tx;
                        panic!("nobody listens");
                    });
                    assert!(rx.recv().is_err());
                    println!("done");
                })
            },
            check: |output| {
                assert_fine(output);
                output.assert_stderr("nobody listens");
            },
        },
        Case {
            name: "under_exit_a_detached_panic_ends_the_program_as_in_go",
            vars: &[],
            program: || {
                start_strict(|| {
                    spawn(|| panic!("as in Go"));
                    never::<()>().recv()
                })
            },
            check: |output| {
                output.assert_code(2);
                output.assert_stderr("panicked at tests/crash/panics.rs:");
                assert_told_once(output, "as in Go");
            },
        },
        Case {
            name: "under_exit_a_message_no_hook_has_seen_is_printed_at_the_end",
            vars: &[],
            program: || {
                start_strict(|| {
                    spawn(|| {
                        // Seen, but another one.
                        assert!(catch_unwind(|| panic!("caught")).is_err());
                        resume_unwind(Box::new("as in Go"));
                    });
                    never::<()>().recv()
                })
            },
            check: |output| {
                output.assert_code(2);
                output.assert_stderr("\npanic: as in Go\n\ngoroutine ");
                assert_told_once(output, "caught");
                assert_told_once(output, "as in Go");
            },
        },
        Case {
            name: "under_exit_a_message_that_went_past_our_hook_is_printed_at_the_end",
            vars: &[],
            program: || {
                start_strict(|| {
                    std::panic::set_hook(Box::new(|_| {}));
                    spawn(|| panic!("as in Go {}", 1.27));
                    never::<()>().recv()
                })
            },
            check: |output| {
                output.assert_code(2);
                output.assert_stderr("panic: as in Go 1.27\n");
            },
        },
        Case {
            name: "under_exit_a_handle_dropped_unjoined_ends_the_program",
            vars: &[],
            program: || {
                start_strict(|| {
                    let handle = spawn(|| panic!("seen late"));
                    while !handle.is_finished() {
                        yield_now();
                    }
                    println!("still here");
                    drop(handle);
                    blocking(|| thread::sleep(Duration::from_secs(30)));
                })
            },
            check: |output| {
                output.assert_code(2);
                output.assert_stdout("still here");
                assert_told_once(output, "seen late");
            },
        },
        Case {
            name: "under_exit_a_joined_panic_is_the_joiners_affair",
            vars: &[],
            program: || {
                start_strict(|| {
                    assert!(spawn(|| panic!("expected")).join().is_err());
                    println!("done");
                })
            },
            check: assert_fine,
        },
        Case {
            name: "sudog_panic_sets_exit_too",
            vars: &[("SUDOG_PANIC", "exit")],
            program: || {
                start(|| {
                    spawn(|| panic!("by environment"));
                    never::<()>().recv()
                })
            },
            check: |output| {
                output.assert_code(2);
                assert_told_once(output, "by environment");
            },
        },
        Case {
            name: "misuse_points_at_the_caller",
            vars: &[],
            program: || start(|| WaitGroup::new().done()),
            check: |output| {
                output.assert_code(101);
                output.assert_stderr("sync: negative WaitGroup counter");
                output.assert_stderr("panicked at tests/crash/panics.rs:");
            },
        },
        Case {
            name: "running_out_of_stacks_for_good_names_the_limit",
            vars: &[("SUDOG_DEBUG", "guard=mprotect")],
            program: || {
                start(|| {
                    let (_tx, rx) = bounded::<()>(0);
                    for _ in 0..60_000 {
                        let rx = rx.clone();
                        spawn(move || rx.recv());
                    }
                    rx.recv()
                })
            },
            check: |output| {
                assert_ne!(output.code, Some(0), "{output}");
                output.assert_stderr("fatal error: ");
                output.assert_stderr("max_map_count");
            },
        },
        Case {
            name: "running_out_of_stacks_for_a_while_is_only_a_delay",
            vars: &[("SUDOG_DEBUG", "guard=mprotect")],
            program: || {
                start(|| {
                    let (tx, rx) = bounded(0);
                    for n in 0..60_000_u64 {
                        let tx = tx.clone();
                        spawn(move || tx.send(n));
                    }
                    drop(tx);
                    assert_eq!(rx.iter().sum::<u64>(), (0..60_000).sum::<u64>());
                    println!("done");
                })
            },
            check: assert_fine,
        },
    ]
}

/// Fails unless the process ended as in Go, of a panic with this message, and the message is there once.
#[track_caller]
fn assert_told_once(output: &Output, message: &str) {
    output.assert_stderr("\npanic: ");
    output.assert_stderr("\n\ngoroutine ");
    output.assert_stderr(" [running]:\nexit status 2\n");
    let count = output.stderr.matches(message).count();
    assert_eq!(count, 1, "{message:?} on stderr of {output}");
}
