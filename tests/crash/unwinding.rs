//! Panics in awkward places: in the hook, in a payload's drop, in drops that wait.

use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::thread;

use sudog::chan::{Sender, bounded, unbounded};
use sudog::{Builder, run, scope, spawn, time, yield_now};

use super::child::Output;
use super::{Case, assert_fine, start, start_strict};

const SIGABRT: i32 = 6;

pub fn cases() -> Vec<Case> {
    vec![
        Case {
            name: "a_panic_in_the_hook_aborts_as_on_a_thread",
            vars: &[],
            program: || {
                std::panic::set_hook(Box::new(|info| panic!("the hook fails at {info}")));
                start(|| {
                    spawn(|| panic!("first")).join().unwrap_err();
                    println!("done");
                })
            },
            check: |output| {
                assert_eq!(output.signal, Some(SIGABRT), "{output}");
                output.assert_stderr("panicked while processing panic. aborting.");
            },
        },
        Case {
            name: "a_hook_may_wait_for_a_goroutine",
            vars: &[],
            program: || {
                start(|| {
                    let (tx, rx) = bounded(0);
                    let hook = move |info: &std::panic::PanicHookInfo<'_>| {
                        yield_now();
                        tx.send(info.to_string()).unwrap();
                        time::sleep(std::time::Duration::from_millis(1));
                    };
                    std::panic::set_hook(Box::new(hook));
                    for n in 0..20 {
                        let dying = spawn(move || panic!("number {n}"));
                        let text = rx.recv().unwrap();
                        assert!(text.contains(&format!("number {n}")), "{text}");
                        assert!(!thread::panicking());
                        assert!(dying.join().is_err());
                    }
                    println!("done");
                })
            },
            check: assert_fine,
        },
        Case {
            name: "a_payload_that_panics_when_it_is_dropped_ends_nothing_else",
            vars: &[],
            program: || {
                start(|| {
                    drop_payloads();
                    // Nothing of it is left on any thread.
                    let quiet: Vec<_> = (0..50)
                        .map(|_| spawn(|| assert!(!thread::panicking())))
                        .collect();
                    quiet.into_iter().for_each(|q| q.join().unwrap());
                    println!("done");
                })
            },
            check: |output| {
                assert_fine(output);
                output.assert_stderr("the payload is dropped");
            },
        },
        Case {
            name: "under_exit_a_payload_that_panics_when_it_is_dropped_is_told_first",
            vars: &[],
            program: || {
                start_strict(|| {
                    spawn(|| panic_any(Bad(None)));
                    sudog::chan::never::<()>().recv()
                })
            },
            check: |output| {
                output.assert_code(2);
                output.assert_stderr("exit status 2");
            },
        },
        Case {
            name: "sudog_panic_is_a_warning_if_it_makes_no_sense",
            vars: &[("SUDOG_PANIC", "explode")],
            program: || {
                start(|| {
                    assert!(spawn(|| panic!("isolated")).join().is_err());
                    println!("done");
                })
            },
            check: |output| {
                assert_fine(output);
                output.assert_stderr("SUDOG_PANIC=explode is ignored");
            },
        },
        Case {
            name: "sudog_panic_comes_before_the_program",
            vars: &[("SUDOG_PANIC", "isolate")],
            program: || {
                start_strict(|| {
                    let (tx, rx) = bounded::<()>(0);
                    spawn(move || {
                        let _tx = tx;
                        panic!("as the environment says");
                    });
                    assert!(rx.recv().is_err());
                    println!("done");
                })
            },
            check: assert_fine,
        },
        Case {
            name: "under_exit_a_destructor_of_a_local_that_panics_is_told_only",
            vars: &[("SUDOG_PANIC", "exit")],
            program: || {
                sudog::goroutine_local!(static LOCAL: Bad = const { Bad(None) });
                start(|| {
                    spawn(|| LOCAL.with(|_| ())).join().unwrap();
                    println!("done");
                })
            },
            check: |output| {
                assert_fine(output);
                output.assert_stderr("the payload is dropped");
            },
        },
        Case {
            name: "a_panic_out_of_a_drop_while_unwinding_aborts_and_names_the_goroutine",
            vars: &[],
            program: || {
                start(|| {
                    let body = || {
                        let _bad = Bad(None);
                        panic!("first");
                    };
                    let named = Builder::new().name(String::from("unlucky"));
                    named.spawn(body).unwrap().join().unwrap_or(());
                    println!("done");
                })
            },
            check: |output: &Output| {
                assert_eq!(output.signal, Some(SIGABRT), "{output}");
                output.assert_stderr("'unlucky' panicked:");
                output.assert_stderr("first");
            },
        },
    ]
}

/// Says that it is dropped, if somebody listens, and panics.
struct Bad(Option<Sender<()>>);

impl Drop for Bad {
    fn drop(&mut self) {
        if let Some(to) = &self.0 {
            to.send(()).unwrap();
        }
        panic!("the payload is dropped");
    }
}

/// Drops such payloads wherever one can be dropped.
fn drop_payloads() {
    let (tx, rx) = unbounded();
    let bad = || Bad(Some(tx.clone()));
    let fail = |payload: Bad| move || -> () { panic_any(payload) };

    // By whoever joined: there it is that one's affair.
    let payload = spawn(fail(bad())).join().unwrap_err();
    assert!(catch_unwind(AssertUnwindSafe(|| drop(payload))).is_err());
    // By nobody: the goroutine was let go, before its end or after it.
    let (go_on, wait) = bounded::<()>(0);
    let payload = bad();
    drop(spawn(move || {
        assert!(wait.recv().is_err());
        panic_any(payload);
    }));
    drop(go_on);
    let ended = spawn(fail(bad()));
    while !ended.is_finished() {
        yield_now();
    }
    drop(ended);
    // As a result.
    drop(spawn({
        let result = bad();
        move || result
    }));
    // As what a goroutine has captured and never looks at.
    let captured = bad();
    assert!(spawn(move || drop(captured)).join().is_err());
    // Out of `run`.
    let payload = bad();
    let payload = catch_unwind(AssertUnwindSafe(|| run(fail(payload)))).unwrap_err();
    assert!(catch_unwind(AssertUnwindSafe(|| drop(payload))).is_err());
    // Out of a scope: the first comes out, the others are dropped in it.
    let payloads = [bad(), bad(), bad()];
    let payload = catch_unwind(AssertUnwindSafe(|| {
        scope(|s| payloads.map(|payload| drop(s.spawn(fail(payload)))));
    }))
    .unwrap_err();
    assert!(catch_unwind(AssertUnwindSafe(|| drop(payload))).is_err());
    // All were dropped, each once: nine of them.
    let count = (0..9).filter(|_| rx.recv().is_ok()).count();
    assert_eq!(count, 9);
}
