//! How programs end: each case is a small program, run as a process of its own, and what becomes
//! of it.
//!
//! A program needs the main thread and the exit code for itself, as under `#[sudog::main]`, and so
//! this test has a `main` of its own instead of libtest's. It runs itself again for every case
//! and understands as much of libtest's command line as people use: filters, `--exact`, `--list`.

use std::env;
use std::panic::{catch_unwind, resume_unwind};
use std::process::{Command, ExitCode, Termination};
use std::thread;
use std::time::Duration;

use sudog::chan::{bounded, never, unbounded};
use sudog::runtime::{Config, OnPanic, max_procs};
use sudog::sync::WaitGroup;
use sudog::{Builder, blocking, current, run, scope, spawn, yield_now};

#[path = "it/child.rs"]
mod child;

use child::Output;

/// A program and what is to become of it.
#[derive(Clone)]
struct Case {
    name: &'static str,
    /// Environment variables for it.
    vars: &'static [(&'static str, &'static str)],
    program: fn() -> ExitCode,
    check: fn(&Output),
}

/// Tells a child which program it is.
const PROGRAM: &str = "SUDOG_CRASH_PROGRAM";

fn main() -> ExitCode {
    let cases = [deadlocks(), no_deadlocks(), panics(), ends()].concat();
    match env::var(PROGRAM) {
        Ok(name) => {
            let case = cases
                .iter()
                .find(|case| case.name == name)
                .expect("a case of this name");
            (case.program)()
        }
        Err(_) => test(&cases),
    }
}

/// What `#[sudog::main]` makes of a function.
fn start<T: Termination + 'static>(body: fn() -> T) -> ExitCode {
    sudog::__private::main(Config::new(), body)
}

/// The same with `on_panic = "exit"`.
fn start_strict<T: Termination + 'static>(body: fn() -> T) -> ExitCode {
    sudog::__private::main(Config::new().on_panic(OnPanic::Exit), body)
}

const DEADLOCK: &str = "fatal error: all goroutines are asleep - deadlock!";

/// Fails unless this is Go's report of a deadlock, with a line for each of these goroutines: what
/// it starts with, and what is in it.
#[track_caller]
fn assert_deadlock(output: &Output, goroutines: &[[&str; 2]]) {
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
    output.assert_stderr("crash.rs:");
}

/// Fails unless the program came to its own end.
#[track_caller]
fn assert_fine(output: &Output) {
    output.assert_code(0);
    output.assert_no_stderr("deadlock");
    output.assert_stdout("done");
}

fn deadlocks() -> Vec<Case> {
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
    ]
}

fn no_deadlocks() -> Vec<Case> {
    vec![
        Case {
            name: "a_thread_that_has_yet_to_send_is_no_deadlock",
            vars: &[],
            program: || {
                start(|| {
                    let (tx, rx) = bounded(0);
                    thread::spawn(move || {
                        thread::sleep(Duration::from_millis(300));
                        tx.send("done").unwrap();
                    });
                    println!("{}", rx.recv().unwrap());
                })
            },
            check: assert_fine,
        },
        Case {
            name: "a_thread_that_has_yet_to_count_down_is_no_deadlock",
            vars: &[],
            program: || {
                start(|| {
                    let group = WaitGroup::new();
                    let guard = group.guard();
                    thread::spawn(move || {
                        let _guard = guard;
                        thread::sleep(Duration::from_millis(300));
                    });
                    group.wait();
                    println!("done");
                })
            },
            check: assert_fine,
        },
        Case {
            name: "a_blocking_call_is_no_deadlock",
            vars: &[],
            program: || {
                start(|| {
                    let (tx, rx) = bounded(0);
                    spawn(move || {
                        blocking(|| thread::sleep(Duration::from_millis(300)));
                        tx.send("done").unwrap();
                    });
                    println!("{}", rx.recv().unwrap());
                })
            },
            check: assert_fine,
        },
        Case {
            name: "a_long_computation_is_no_deadlock",
            vars: &[],
            program: || {
                start(|| {
                    let (tx, rx) = bounded(0);
                    spawn(move || {
                        thread::sleep(Duration::from_millis(300));
                        tx.send("done").unwrap();
                    });
                    println!("{}", rx.recv().unwrap());
                })
            },
            check: assert_fine,
        },
        Case {
            name: "a_wait_with_a_limit_is_no_deadlock",
            vars: &[],
            program: || {
                start(|| {
                    let group = WaitGroup::new();
                    group.add(1);
                    assert!(!group.wait_timeout(Duration::from_millis(300)));
                    println!("done");
                })
            },
            check: assert_fine,
        },
        Case {
            name: "a_thread_that_waits_with_a_limit_is_no_deadlock",
            vars: &[],
            program: || {
                start(|| {
                    let (tx, rx) = bounded(0);
                    thread::spawn(move || {
                        let group = WaitGroup::new();
                        group.add(1);
                        assert!(!group.wait_timeout(Duration::from_millis(300)));
                        tx.send("done").unwrap();
                    });
                    println!("{}", rx.recv().unwrap());
                })
            },
            check: assert_fine,
        },
        Case {
            name: "threads_that_come_and_go_are_no_deadlock",
            vars: &[],
            program: || {
                start(|| {
                    let (tx, rx) = unbounded();
                    thread::spawn(move || {
                        for n in 0..50 {
                            let tx = tx.clone();
                            let next = move || {
                                thread::sleep(Duration::from_millis(5));
                                tx.send(n).unwrap();
                            };
                            thread::spawn(next).join().unwrap();
                        }
                    });
                    assert!(rx.iter().eq(0..50));
                    println!("done");
                })
            },
            check: assert_fine,
        },
        Case {
            name: "a_thread_outside_sudog_may_still_end_the_program",
            vars: &[],
            program: || {
                start(|| {
                    let (_tx, rx) = bounded::<()>(0);
                    thread::spawn(|| {
                        thread::sleep(Duration::from_millis(300));
                        std::process::exit(7);
                    });
                    rx.recv()
                })
            },
            check: |output| {
                output.assert_code(7);
                output.assert_no_stderr("deadlock");
            },
        },
    ]
}

fn panics() -> Vec<Case> {
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
                output.assert_stderr("panicked at tests/crash.rs:");
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
                output.assert_stderr("panicked at tests/crash.rs:");
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
                output.assert_stderr("hooked: panicked at tests/crash.rs:");
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
                output.assert_stderr("panic: as in Go");
                output.assert_stderr("\ngoroutine ");
                output.assert_stderr("[running]:");
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
                output.assert_stderr("panic: seen late");
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
                output.assert_stderr("panic: by environment");
            },
        },
        Case {
            name: "misuse_points_at_the_caller",
            vars: &[],
            program: || start(|| WaitGroup::new().done()),
            check: |output| {
                output.assert_code(101);
                output.assert_stderr("sync: negative WaitGroup counter");
                output.assert_stderr("panicked at tests/crash.rs:");
            },
        },
        Case {
            name: "a_stack_overflow_names_the_goroutine_and_aborts",
            vars: &[],
            program: || start(overflow),
            check: assert_overflow,
        },
        Case {
            name: "a_stack_overflow_into_a_guard_of_mprotect_does_so_too",
            vars: &[("SUDOG_DEBUG", "guard=mprotect")],
            program: || start(overflow),
            check: assert_overflow,
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
                    assert_eq!(rx.iter().sum::<u64>(), (0..60_000).sum());
                    println!("done");
                })
            },
            check: assert_fine,
        },
    ]
}

/// Goes deeper than any stack.
fn overflow() {
    #[expect(unconditional_recursion)]
    fn endless(n: u64) -> u64 {
        let frame = std::hint::black_box([n; 64]);
        endless(frame[0] + 1) + frame[1]
    }
    let body = || std::hint::black_box(endless(0));
    Builder::new()
        .name(String::from("deep-one"))
        .spawn(body)
        .unwrap()
        .join()
        .unwrap();
}

#[track_caller]
fn assert_overflow(output: &Output) {
    assert_eq!(output.code, None, "not by a signal: {output}");
    output.assert_stderr("stack overflow");
    output.assert_stderr("goroutine ");
    output.assert_stderr("deep-one");
}

fn ends() -> Vec<Case> {
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

/// Runs the cases that the command line asks for and tells about them as libtest does.
fn test(cases: &[Case]) -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let has = |flag: &str| args.iter().any(|arg| arg == flag);
    let filters: Vec<&String> = args.iter().filter(|arg| !arg.starts_with('-')).collect();
    let wanted = |case: &&Case| {
        let matches = |filter: &&String| match has("--exact") {
            true => case.name == **filter,
            false => case.name.contains(filter.as_str()),
        };
        !has("--ignored") && (filters.is_empty() || filters.iter().any(matches))
    };
    let chosen: Vec<&Case> = cases.iter().filter(wanted).collect();
    if has("--list") {
        chosen
            .iter()
            .for_each(|case| println!("{}: test", case.name));
        return ExitCode::SUCCESS;
    }
    println!("\nrunning {} tests", chosen.len());
    let failed = chosen.iter().filter(|case| !passes(case)).count();
    let verdict = if failed == 0 { "ok" } else { "FAILED" };
    let (passed, out) = (chosen.len() - failed, cases.len() - chosen.len());
    println!(
        "\ntest result: {verdict}. {passed} passed; {failed} failed; 0 ignored; 0 measured; \
         {out} filtered out\n"
    );
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(101)
    }
}

fn passes(case: &Case) -> bool {
    let Case {
        name, vars, check, ..
    } = *case;
    let result = catch_unwind(|| {
        let program = env::current_exe().unwrap_or_else(|error| resume_unwind(Box::new(error)));
        let mut command = Command::new(program);
        command
            .env_remove("SUDOG_PANIC")
            .envs(vars.iter().copied())
            .env(PROGRAM, name);
        check(&child::run(&mut command));
    });
    println!(
        "test {name} ... {}",
        if result.is_ok() { "ok" } else { "FAILED" }
    );
    result.is_ok()
}
