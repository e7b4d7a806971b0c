//! How a program ends that comes to its own end.

use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use sudog::chan::{bounded, never};
use sudog::runtime::max_procs;
use sudog::{blocking, current, spawn, yield_now};

use super::{Case, assert_fine, start};

pub fn cases() -> Vec<Case> {
    vec![
        Case {
            name: "main_is_goroutine_one",
            vars: &[],
            program: || start(|| println!("number={}.", current().unwrap().id())),
            check: |output| {
                output.assert_code(0);
                output.assert_stdout("number=1.");
            },
        },
        Case {
            name: "main_does_not_wait_for_others",
            vars: &[],
            program: || {
                start(|| {
                    struct Never;
                    impl Drop for Never {
                        fn drop(&mut self) {
                            println!("unwound");
                        }
                    }
                    for _ in 0..10 {
                        spawn(|| {
                            let _never = Never;
                            never::<()>().recv()
                        });
                        spawn(|| blocking(|| thread::sleep(Duration::from_secs(3_600))));
                    }
                    for _ in 1..max_procs() {
                        spawn(|| while std::hint::black_box(true) {});
                    }
                    (0..100).for_each(|_| yield_now());
                    println!("done");
                })
            },
            check: |output| {
                assert_fine(output);
                assert!(!output.stdout.contains("unwound"), "{output}");
            },
        },
        Case {
            name: "an_error_exits_1_and_is_printed",
            vars: &[],
            program: || {
                // Not Send, so it must be reported inside the goroutine.
                start(|| -> Result<(), Box<dyn std::error::Error>> {
                    yield_now();
                    Err("no such luck")?;
                    Ok(())
                })
            },
            check: |output| {
                output.assert_code(1);
                output.assert_stderr(r#"Error: "no such luck""#);
            },
        },
        Case {
            name: "an_exit_code_is_passed_on",
            vars: &[],
            program: || start(|| ExitCode::from(42)),
            check: |output| output.assert_code(42),
        },
        Case {
            name: "exit_in_a_goroutine_ends_the_program",
            vars: &[],
            program: || {
                start(|| {
                    spawn(|| std::process::exit(9));
                    never::<()>().recv()
                })
            },
            check: |output| output.assert_code(9),
        },
        Case {
            name: "stdout_is_flushed_at_the_end",
            vars: &[],
            program: || {
                start(|| {
                    let (tx, rx) = bounded(0);
                    spawn(move || {
                        print!("first");
                        tx.send(()).unwrap();
                    });
                    rx.recv().unwrap();
                    print!(" and last");
                })
            },
            check: |output| {
                output.assert_code(0);
                assert_eq!(output.stdout, "first and last");
            },
        },
        Case {
            name: "stdout_is_flushed_after_a_panic_in_main",
            vars: &[],
            program: || {
                start(|| {
                    print!("last words");
                    if current().is_some() {
                        panic!("over");
                    }
                })
            },
            check: |output| {
                output.assert_code(101);
                assert_eq!(output.stdout, "last words");
            },
        },
        Case {
            name: "what_main_owns_is_dropped_in_the_goroutine",
            vars: &[],
            program: || {
                start(|| {
                    struct Last;
                    impl Drop for Last {
                        fn drop(&mut self) {
                            yield_now();
                            assert_eq!(current().unwrap().id(), 1);
                            let (tx, rx) = bounded(0);
                            spawn(move || tx.send(()).unwrap());
                            rx.recv().unwrap();
                            println!("done");
                        }
                    }
                    let _last = Last;
                })
            },
            check: assert_fine,
        },
    ]
}
