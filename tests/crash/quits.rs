//! SIGQUIT: what is printed when it is asked for, at any moment.

use std::process::{Command, ExitCode};
use std::thread;
use std::time::Duration;

use sudog::chan::bounded;
use sudog::runtime::{self, Stats};
use sudog::{Builder, JoinHandle, yield_now};

use super::{Case, assert_fine, start};

fn named(name: &str, f: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    Builder::new().name(name).spawn(f).expect("a good name")
}

/// Sends this process SIGQUIT.
fn quit() {
    let own = std::process::id().to_string();
    let status = Command::new("kill").args(["-QUIT", &own]).status();
    assert!(status.expect("there is a kill").success());
}

/// Sends this process SIGQUIT in a moment, and not before `is_time` is true of what the runtime does.
///
/// The thread stays: were it to end, the program might be found dead before a thread takes the signal.
fn quit_soon(is_time: fn(Stats) -> bool) {
    thread::spawn(move || {
        while !is_time(runtime::stats()) {
            thread::sleep(Duration::from_millis(1));
        }
        thread::sleep(Duration::from_millis(100));
        quit();
        loop {
            thread::sleep(Duration::from_secs(60));
        }
    });
}

fn all_wait(stats: Stats) -> bool {
    stats.waiting == stats.goroutines
}

fn spin() {
    loop {
        std::hint::spin_loop();
    }
}

/// All Ps are busy for ever, and one goroutine waits.
fn all_busy() -> ExitCode {
    start(|| {
        let (_tx, rx) = bounded::<()>(0);
        drop(named("waiter", move || assert!(rx.recv().is_err())));
        while runtime::stats().waiting == 0 {
            yield_now();
        }
        quit_soon(|stats| stats.running >= stats.procs);
        (0..2 * runtime::max_procs()).for_each(|_| drop(named("hog", spin)));
        spin();
    })
}

/// All goroutines wait; what ends it is the signal.
fn all_asleep() -> ExitCode {
    start(|| {
        let (_tx, rx) = bounded::<()>(0);
        let waiter = named("waiter", move || assert!(rx.recv().is_err()));
        quit_soon(all_wait);
        let _ = waiter.join();
    })
}

fn ignore_quit() {
    // SAFETY: no handler is installed.
    unsafe { libc::signal(libc::SIGQUIT, libc::SIG_IGN) };
}

/// The signal was ignored before the program began.
fn ignored() -> ExitCode {
    ignore_quit();
    all_asleep()
}

/// The same, and nobody asked for an answer: it stays ignored.
fn ignored_for_good() -> ExitCode {
    ignore_quit();
    start(|| {
        quit();
        println!("done");
    })
}

/// The program receives the signal, as long as it wants to.
#[cfg(feature = "signal")]
fn received() -> ExitCode {
    use sudog::signal::{Signal, notify};

    start(|| {
        let quits = notify(&[Signal::SIGQUIT]).unwrap();
        quit_soon(all_wait);
        println!("received {:?}", quits.recv().unwrap());
        // Nobody answers this one before the next comes.
        sudog::time::sleep(Duration::from_millis(50));
        drop(quits);
        let (_tx, rx) = bounded::<()>(0);
        quit_soon(all_wait);
        let _ = rx.recv();
    })
}

pub fn cases() -> Vec<Case> {
    vec![
        Case {
            name: "sigquit_lists_goroutines_while_all_are_in_endless_loops",
            vars: &[("SUDOG_TRACEBACK", "all"), ("SUDOG_MAXPROCS", "2")],
            program: all_busy,
            check: |output| {
                output.assert_code(2);
                output.assert_stderr("SIGQUIT: quit\n\ngoroutine 1 'main' [running]:\n");
                output.assert_stderr(" 'hog' [run");
                output.assert_stderr(" 'waiter' [chan receive]:\n\twaits at tests/crash/");
            },
        },
        Case {
            name: "sigquit_lists_goroutines_while_all_are_asleep",
            vars: &[("SUDOG_TRACEBACK", "all")],
            program: all_asleep,
            check: |output| {
                output.assert_code(2);
                output.assert_stderr("SIGQUIT: quit\n\ngoroutine 1 'main' [join]:");
                output.assert_stderr(" 'waiter' [chan receive]:");
            },
        },
        Case {
            name: "sigquit_lists_only_those_that_run_if_asked_to",
            vars: &[("SUDOG_TRACEBACK", "single"), ("SUDOG_MAXPROCS", "1")],
            program: all_busy,
            check: |output| {
                output.assert_code(2);
                output.assert_stderr("SIGQUIT: quit");
                output.assert_stderr(" [running]:");
                output.assert_no_stderr("waiter");
            },
        },
        Case {
            name: "sigquit_is_answered_where_it_was_ignored",
            vars: &[("SUDOG_TRACEBACK", "all")],
            program: ignored,
            check: |output| {
                output.assert_code(2);
                output.assert_stderr("SIGQUIT: quit\n\ngoroutine 1 'main' [join]:");
            },
        },
        Case {
            name: "sigquit_stays_ignored_unless_asked_for",
            vars: &[("SUDOG_TRACEBACK", "none")],
            program: ignored_for_good,
            check: assert_fine,
        },
        #[cfg(feature = "signal")]
        Case {
            name: "sigquit_is_the_programs_while_it_receives_it",
            vars: &[("SUDOG_TRACEBACK", "all")],
            program: received,
            check: |output| {
                output.assert_code(2);
                output.assert_stdout("received SIGQUIT");
                output.assert_stderr("SIGQUIT: quit\n\ngoroutine 1 'main' [chan receive]:");
            },
        },
        Case {
            name: "sigquit_is_left_to_the_system_unless_asked_for",
            vars: &[("SUDOG_TRACEBACK", "none")],
            program: all_asleep,
            check: |output| {
                assert_eq!(output.code, None, "a signal ends {output}");
                output.assert_no_stderr("goroutine 1");
            },
        },
    ]
}
