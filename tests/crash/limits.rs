//! At the limits of the system: goroutines wait where something comes free, and where nothing can, the
//! end names the limit. Nothing is lost.

use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use sudog::chan::bounded;
use sudog::sync::WaitGroup;
use sudog::{blocking, run, runtime, spawn, time};

use super::child::Output;
use super::{Case, assert_fine, start};

const GIB: u64 = 1 << 30;

/// More than there can be stacks, wherever they are limited here.
const MANY: u64 = 40_000;

fn limit(resource: libc::__rlimit_resource_t, most: u64) {
    let limit = libc::rlimit {
        rlim_cur: most,
        rlim_max: most,
    };
    // SAFETY: the limit is a live struct, which the call reads.
    let status = unsafe { libc::setrlimit(resource, &limit) };
    assert_eq!(status, 0, "a limit can be lowered");
}

/// Waits until the caller alone can run: all others wait, if only for a stack.
fn wait_for_the_others() {
    loop {
        let stats = runtime::stats();
        let queued = stats.global_queue + stats.local_queues.iter().sum::<usize>();
        if queued == 0 && stats.idle_procs + 1 == stats.procs {
            return;
        }
        time::sleep(Duration::from_millis(1));
    }
}

/// Goroutines that each hold a stack until their value was taken, which is after the last stack was given.
fn wait_in_turn() -> ExitCode {
    start(|| {
        let (tx, rx) = bounded(0);
        for n in 0..MANY {
            let tx = tx.clone();
            spawn(move || tx.send(n));
        }
        drop(tx);
        wait_for_the_others();
        assert_eq!(rx.iter().sum::<u64>(), (0..MANY).sum());
        // The process is as sound as before: it starts goroutines, threads, and uses memory.
        assert_eq!(run(|| vec![1_u8; 16 << 20].len()), 16 << 20);
        thread::spawn(|| ()).join().unwrap();
        println!("done");
    })
}

fn spawn_a_few() -> ExitCode {
    start(|| {
        let (tx, rx) = bounded(0);
        for n in 0..10 {
            let tx = tx.clone();
            spawn(move || tx.send(n));
        }
        drop(tx);
        assert_eq!(rx.iter().sum::<u64>(), (0..10).sum());
        println!("done");
    })
}

/// Goroutines of which none ends before all have begun.
fn wait_for_all() -> ExitCode {
    start(|| {
        let group = WaitGroup::new();
        group.add(MANY as usize);
        for _ in 0..MANY {
            let group = group.clone();
            spawn(move || {
                group.done();
                group.wait();
            });
        }
        group.wait();
    })
}

/// Fails unless a shortage of stacks was a warning with this limit in it, and then a delay.
#[track_caller]
fn assert_delay(output: &Output, limit: &str) {
    assert_fine(output);
    assert_eq!(output.stderr.matches("sudog:").count(), 1, "{output}");
    output.assert_stderr("sudog: no more stacks: ");
    output.assert_stderr(limit);
}

/// Fails unless a shortage of stacks was the end, which names the limit and how many there are.
#[track_caller]
fn assert_end(output: &Output, limit: &str) {
    output.assert_code(2);
    let fatal = output
        .stderr
        .lines()
        .find(|line| line.starts_with("fatal error: "));
    let fatal = fatal.unwrap_or_else(|| panic!("no fatal error on stderr of {output}"));
    assert!(fatal.contains(limit), "{fatal}");
    let numbers = fatal
        .split_whitespace()
        .filter_map(|word| word.parse::<u64>().ok());
    let total: u64 = numbers.sum();
    assert_eq!(
        total,
        MANY + 1,
        "those who wait and those who have one: {fatal}"
    );
    output.assert_stderr("\ngoroutine 1 'main' [sync.WaitGroup.Wait]:\n");
}

/// Becomes a user who may have this many threads, and has none yet; false if that is not allowed.
fn become_user_with_threads(most: u64) -> bool {
    // SAFETY: asks for a number.
    if unsafe { libc::geteuid() } != 0 {
        return false;
    }
    limit(libc::RLIMIT_NPROC, most);
    // An odd number, which is nobody's, and a different one for each process.
    let user = 1_000_000_007 + std::process::id();
    // SAFETY: changes who this process is, which has one thread so far.
    let status = unsafe { libc::setuid(user) };
    assert_eq!(status, 0, "root may become anybody");
    true
}

/// Goroutines that block their threads, of which there cannot be as many.
fn block_with_few_threads() -> ExitCode {
    if !become_user_with_threads(3) {
        eprintln!("sudog: a thread cannot be started: not tried, for want of rights");
        println!("done");
        return ExitCode::SUCCESS;
    }
    start(|| {
        let (tx, rx) = bounded(0);
        for n in 0..100_u64 {
            let tx = tx.clone();
            spawn(move || {
                blocking(|| thread::sleep(Duration::from_millis(1)));
                tx.send(n)
            });
        }
        drop(tx);
        assert_eq!(rx.iter().sum::<u64>(), (0..100).sum());
        println!("done");
    })
}

fn start_without_threads() -> ExitCode {
    if !become_user_with_threads(1) {
        eprintln!("the first thread cannot be started: not tried, for want of rights");
        std::process::abort();
    }
    start(|| println!("done"))
}

pub fn cases() -> Vec<Case> {
    vec![
        Case {
            name: "goroutines_wait_for_stacks_at_the_limit_of_mappings",
            vars: &[("SUDOG_DEBUG", "guard=mprotect")],
            program: wait_in_turn,
            check: |output| assert_delay(output, "vm.max_map_count"),
        },
        Case {
            name: "no_stack_can_become_free_at_the_limit_of_mappings",
            vars: &[("SUDOG_DEBUG", "guard=mprotect")],
            program: wait_for_all,
            check: |output| assert_end(output, "vm.max_map_count"),
        },
        Case {
            name: "goroutines_wait_for_stacks_at_the_limit_of_address_space",
            vars: &[],
            program: || {
                limit(libc::RLIMIT_AS, 4 * GIB);
                wait_in_turn()
            },
            check: |output| assert_delay(output, "RLIMIT_AS"),
        },
        Case {
            name: "no_stack_can_become_free_at_the_limit_of_address_space",
            vars: &[],
            program: || {
                limit(libc::RLIMIT_AS, 4 * GIB);
                wait_for_all()
            },
            check: |output| assert_end(output, "RLIMIT_AS"),
        },
        Case {
            name: "a_few_goroutines_need_little_address_space",
            vars: &[("SUDOG_MAXPROCS", "2")],
            program: || {
                // Two arenas of the usual size would fit only if there were nothing else.
                limit(libc::RLIMIT_AS, 250 << 20);
                spawn_a_few()
            },
            check: assert_fine,
        },
        Case {
            name: "goroutines_wait_for_stacks_when_the_system_refuses_memory",
            vars: &[],
            program: || {
                limit(libc::RLIMIT_DATA, GIB + GIB / 4);
                wait_in_turn()
            },
            check: |output| assert_delay(output, "memory the kernel would map"),
        },
        Case {
            name: "no_stack_can_become_free_when_the_system_refuses_memory",
            vars: &[],
            program: || {
                limit(libc::RLIMIT_DATA, GIB + GIB / 4);
                wait_for_all()
            },
            check: |output| assert_end(output, "memory the kernel would map"),
        },
        Case {
            name: "blocking_calls_take_turns_when_the_system_refuses_threads",
            vars: &[("SUDOG_MAXPROCS", "2")],
            program: block_with_few_threads,
            check: |output| {
                assert_fine(output);
                output.assert_stderr("sudog: a thread cannot be started");
            },
        },
        Case {
            name: "the_only_processor_is_not_lost_when_the_system_refuses_threads",
            vars: &[("SUDOG_MAXPROCS", "1")],
            program: block_with_few_threads,
            check: |output| {
                assert_fine(output);
                output.assert_stderr("sudog: a thread cannot be started");
            },
        },
        Case {
            name: "without_any_thread_nothing_starts",
            vars: &[],
            program: start_without_threads,
            check: |output| {
                assert_eq!(output.code, None, "{output}");
                output.assert_stderr("the first thread cannot be started: ");
            },
        },
    ]
}
