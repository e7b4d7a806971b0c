//! Stacks that are too deep, other faults, and signals that come while goroutines run.

use std::hint::black_box;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;

use sudog::chan::bounded;
use sudog::{Builder, blocking, on_system_stack, spawn, yield_now};

use super::child::Output;
use super::{Case, assert_fine, start};

pub fn cases() -> Vec<Case> {
    let mut cases = overflows();
    cases.extend(chains());
    cases.extend(signals());
    cases
}

fn overflows() -> Vec<Case> {
    vec![
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
            name: "a_stack_overflow_names_the_size_and_how_to_get_more",
            vars: &[("SUDOG_STACK", "256K")],
            program: || start(overflow),
            check: |output| {
                assert_overflow(output);
                output.assert_stderr("goroutine stack exceeds 262144-byte limit");
                output.assert_stderr("Builder::stack_size or SUDOG_STACK");
            },
        },
        Case {
            name: "a_stack_overflow_of_main_names_goroutine_1",
            vars: &[],
            program: || start(too_deep),
            check: |output| {
                assert_eq!(output.signal, Some(libc::SIGABRT), "{output}");
                output
                    .assert_stderr("fatal error: stack overflow\n\ngoroutine 1 'main' [running]:");
                output.assert_stderr("goroutine stack exceeds 8388608-byte limit");
                output.assert_no_stderr("Builder::stack_size");
            },
        },
        Case {
            name: "a_stack_overflow_by_one_huge_frame_is_caught",
            vars: &[],
            program: || start(|| drop(spawn(huge).join())),
            check: |output| {
                assert_eq!(output.signal, Some(libc::SIGABRT), "{output}");
                output.assert_stderr("fatal error: stack overflow");
            },
        },
        Case {
            name: "a_stack_overflow_while_unwinding_and_after_parks_is_caught",
            vars: &[],
            program: || {
                start(|| {
                    struct Deep;
                    impl Drop for Deep {
                        fn drop(&mut self) {
                            yield_now();
                            too_deep();
                        }
                    }
                    let body = || {
                        let _deep = Deep;
                        yield_now();
                        panic!("unwinding");
                    };
                    let named = Builder::new().name(String::from("deep-one"));
                    named.spawn(body).unwrap().join().unwrap_or(());
                })
            },
            check: assert_overflow,
        },
        Case {
            name: "an_overflow_of_the_system_stack_names_the_goroutine",
            vars: &[],
            program: || {
                start(|| {
                    let named = Builder::new().name(String::from("deep-one"));
                    let body = || on_system_stack(too_deep);
                    named.spawn(body).unwrap().join().unwrap();
                })
            },
            check: |output| {
                assert_overflow(output);
                output.assert_stderr("the stack of its thread");
                output.assert_no_stderr("Builder::stack_size");
            },
        },
        Case {
            name: "an_overflow_of_a_thread_is_told_by_std",
            vars: &[],
            program: || {
                start(|| {
                    // Its handlers come from before ours.
                    let named = thread::Builder::new().name("a-thread".into());
                    let thread = named.spawn(too_deep).unwrap();
                    blocking(|| thread.join()).unwrap();
                })
            },
            check: |output| {
                assert_eq!(output.signal, Some(libc::SIGABRT), "{output}");
                output.assert_stderr("thread 'a-thread'");
                output.assert_stderr("has overflowed its stack");
                output.assert_no_stderr("goroutine");
            },
        },
        Case {
            name: "an_overflow_of_the_main_thread_is_told_by_std",
            vars: &[],
            program: || {
                assert_eq!(sudog::run(|| 1), 1);
                too_deep();
                ExitCode::SUCCESS
            },
            check: |output| {
                assert_eq!(output.signal, Some(libc::SIGABRT), "{output}");
                output.assert_stderr("thread 'main'");
                output.assert_stderr("has overflowed its stack");
                output.assert_no_stderr("goroutine");
            },
        },
    ]
}

/// Handlers before and after ours.
fn chains() -> Vec<Case> {
    vec![
        Case {
            name: "another_fault_of_a_goroutine_ends_the_process_as_without_us",
            vars: &[],
            program: || start(|| drop(spawn(fault).join())),
            check: |output| {
                assert_eq!(output.signal, Some(libc::SIGSEGV), "{output}");
                output.assert_no_stderr("goroutine");
                output.assert_no_stderr("overflow");
            },
        },
        Case {
            name: "a_handler_from_before_gets_what_is_not_ours",
            vars: &[],
            program: || {
                handle(libc::SIGSEGV, exit_7, libc::SA_SIGINFO | libc::SA_ONSTACK);
                start(|| drop(spawn(fault).join()))
            },
            check: |output| output.assert_code(7),
        },
        Case {
            name: "a_handler_from_before_that_takes_the_number_only_gets_it_too",
            vars: &[],
            program: || {
                handle(libc::SIGSEGV, exit_7, libc::SA_ONSTACK);
                start(|| drop(spawn(fault).join()))
            },
            check: |output| output.assert_code(7),
        },
        Case {
            name: "an_overflow_is_ours_whoever_was_there_before",
            vars: &[],
            program: || {
                handle(libc::SIGSEGV, exit_7, libc::SA_SIGINFO | libc::SA_ONSTACK);
                start(overflow)
            },
            check: assert_overflow,
        },
        Case {
            name: "a_handler_from_later_that_passes_on_leaves_overflows_to_us",
            vars: &[],
            program: || {
                start(|| {
                    pass_on();
                    overflow();
                })
            },
            check: |output| {
                assert_overflow(output);
                output.assert_stderr("passed on");
            },
        },
        Case {
            name: "a_handler_from_later_that_passes_on_leaves_threads_to_std",
            vars: &[],
            program: || {
                start(|| {
                    pass_on();
                    let thread = thread::spawn(too_deep);
                    blocking(|| thread.join()).unwrap();
                })
            },
            check: |output| {
                assert_eq!(output.signal, Some(libc::SIGABRT), "{output}");
                output.assert_stderr("passed on");
                output.assert_stderr("has overflowed its stack");
            },
        },
        Case {
            name: "a_handler_that_was_ignored_before_does_not_loop",
            vars: &[],
            program: || {
                // SAFETY: sets what is done about a signal.
                unsafe { libc::signal(libc::SIGSEGV, libc::SIG_IGN) };
                start(|| drop(spawn(fault).join()))
            },
            check: |output| assert_eq!(output.signal, Some(libc::SIGSEGV), "{output}"),
        },
    ]
}

/// Signals in the middle of goroutines.
fn signals() -> Vec<Case> {
    vec![
        Case {
            name: "a_profiler_on_the_alternate_stack_disturbs_nobody",
            vars: &[],
            program: || {
                handle(libc::SIGPROF, count, libc::SA_ONSTACK | libc::SA_RESTART);
                start(|| work_under(libc::ITIMER_PROF))
            },
            check: assert_fine,
        },
        Case {
            name: "a_profiler_on_goroutines_stacks_disturbs_nobody",
            vars: &[],
            program: || {
                handle(libc::SIGPROF, count, libc::SA_SIGINFO | libc::SA_RESTART);
                start(|| work_under(libc::ITIMER_PROF))
            },
            check: assert_fine,
        },
        Case {
            name: "alarms_disturb_nobody",
            vars: &[],
            program: || {
                handle(libc::SIGALRM, count, 0);
                start(|| work_under(libc::ITIMER_REAL))
            },
            check: assert_fine,
        },
        Case {
            name: "every_thread_of_ours_has_an_alternate_stack_of_64_kib",
            vars: &[],
            program: || {
                start(|| {
                    let all: Vec<_> = (0..8)
                        .map(|_| spawn(|| blocking(alternate_stack)))
                        .collect();
                    for size in all {
                        assert!(size.join().unwrap() >= 64 << 10);
                    }
                    println!("done");
                })
            },
            check: assert_fine,
        },
    ]
}

/// Goes deeper than any stack.
#[expect(unconditional_recursion)]
fn endless(n: u64) -> u64 {
    let frame = black_box([n; 64]);
    endless(frame[0] + 1) + frame[1]
}

/// Has one frame that is larger than a stack and its guard.
#[inline(never)]
fn huge() {
    let frame = black_box([1_u8; 16 << 20]);
    assert_eq!(frame[frame.len() / 2], 1);
}

fn too_deep() {
    black_box(endless(0));
}

fn overflow() {
    let body = too_deep;
    Builder::new()
        .name(String::from("deep-one"))
        .spawn(body)
        .unwrap()
        .join()
        .unwrap();
}

#[track_caller]
fn assert_overflow(output: &Output) {
    assert_eq!(output.signal, Some(libc::SIGABRT), "{output}");
    output.assert_stderr("fatal error: stack overflow\n\ngoroutine ");
    output.assert_stderr(" 'deep-one' [running]:\n\tspawned at tests/crash/overflows.rs:");
}

/// Touches memory that is nobody's.
fn fault() {
    // SAFETY: none; this is a fault, on purpose.
    unsafe { std::ptr::without_provenance::<u8>(64).read_volatile() };
}

type Handler = extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void);

/// Installs a handler, and returns what was there.
fn handle(signal: i32, handler: Handler, flags: i32) -> libc::sigaction {
    // SAFETY: both structs are plain data; the handlers here do only what handlers may.
    unsafe {
        let mut old: libc::sigaction = std::mem::zeroed();
        let mut new: libc::sigaction = std::mem::zeroed();
        new.sa_sigaction = handler as *const () as usize;
        new.sa_flags = flags;
        assert_eq!(libc::sigaction(signal, &new, &mut old), 0);
        old
    }
}

/// Called with one argument where the flags say so, and then it must not look at the others.
extern "C" fn exit_7(_: libc::c_int, _: *mut libc::siginfo_t, _: *mut libc::c_void) {
    // SAFETY: may be called at any time.
    unsafe { libc::_exit(7) };
}

static BEFORE: AtomicUsize = AtomicUsize::new(0);

/// Installs a handler that calls the one from before.
fn pass_on() {
    extern "C" fn pass(
        number: libc::c_int,
        info: *mut libc::siginfo_t,
        context: *mut libc::c_void,
    ) {
        let text = b"passed on\n";
        // SAFETY: what may be called in handlers, and the handler that was there, which takes these.
        unsafe {
            libc::write(2, text.as_ptr().cast(), text.len());
            let before = std::mem::transmute::<usize, Handler>(BEFORE.load(SeqCst));
            before(number, info, context);
        }
    }
    let old = handle(libc::SIGSEGV, pass, libc::SA_SIGINFO | libc::SA_ONSTACK);
    assert!(old.sa_flags & libc::SA_SIGINFO != 0);
    BEFORE.store(old.sa_sigaction, SeqCst);
}

static SIGNALS: AtomicUsize = AtomicUsize::new(0);

extern "C" fn count(_: libc::c_int, _: *mut libc::siginfo_t, _: *mut libc::c_void) {
    // Some stack of its own, as handlers that walk stacks use.
    black_box([1_u8; 2048]);
    SIGNALS.fetch_add(1, SeqCst);
}

/// Has goroutines switch, go deep and compute until a thousand signals came, a thousand a second.
fn work_under(timer: libc::c_int) {
    let every_ms = libc::timeval {
        tv_sec: 0,
        tv_usec: 1_000,
    };
    let interval = libc::itimerval {
        it_interval: every_ms,
        it_value: every_ms,
    };
    // SAFETY: the struct is alive for the call.
    unsafe { libc::setitimer(timer, &interval, std::ptr::null_mut()) };
    let is_over = || SIGNALS.load(SeqCst) >= 300;
    let (tx, rx) = bounded::<u64>(0);
    let workers: Vec<_> = (0..8_u64)
        .map(|n| {
            let (tx, rx) = (tx.clone(), rx.clone());
            spawn(move || {
                let mut sum = 0_u64;
                while !is_over() {
                    match n % 4 {
                        0 => drop(tx.try_send(n)),
                        1 => sum += rx.try_recv().unwrap_or_default(),
                        2 => sum += deep(100),
                        _ => on_system_stack(|| sum += deep(1_000)),
                    }
                    yield_now();
                }
                sum
            })
        })
        .collect();
    workers.into_iter().for_each(|w| assert!(w.join().is_ok()));
    println!("done");
}

/// Goes as deep as this and adds up what it finds on its way back.
fn deep(levels: u64) -> u64 {
    let frame = black_box([levels; 16]);
    let below = if levels == 0 { 0 } else { deep(levels - 1) };
    assert!(frame.iter().all(|n| *n == levels));
    below + frame[3]
}

/// The size of the calling thread's alternate stack.
fn alternate_stack() -> usize {
    // SAFETY: plain data, written by the call.
    unsafe {
        let mut stack: libc::stack_t = std::mem::zeroed();
        assert_eq!(libc::sigaltstack(std::ptr::null(), &mut stack), 0);
        assert_eq!(stack.ss_flags & libc::SS_DISABLE, 0);
        stack.ss_size
    }
}
