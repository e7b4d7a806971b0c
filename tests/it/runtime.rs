//! The runtime itself: counts, configuration, environment. Each has a process of its own.

use std::error::Error;
use std::panic::catch_unwind;
use std::thread;
use std::time::Duration;

use sudog::chan::bounded;
use sudog::runtime::{AlreadyStarted, Config, OnPanic, max_procs, num_goroutines, wait_idle};
use sudog::{blocking, run, spawn, yield_now};

use crate::child::Output;
use crate::stacks::descend;
use crate::support::{LIMIT, alone, alone_here, quiet_panic, text, wait_until};

#[test]
fn num_goroutines_counts_those_that_live() {
    alone_here(|| {
        assert_eq!(num_goroutines(), 0);
        run(|| {
            assert_eq!(num_goroutines(), 1);
            let (tx, rx) = bounded::<()>(0);
            let handles: Vec<_> = (0..10)
                .map(|_| {
                    let rx = rx.clone();
                    spawn(move || rx.recv().is_err())
                })
                .collect();
            assert_eq!(num_goroutines(), 11);
            for _ in 0..100 {
                yield_now();
            }
            assert_eq!(num_goroutines(), 11);
            tx.close();
            assert!(handles.into_iter().all(|h| h.join().unwrap()));
            wait_until(|| num_goroutines() == 1);
        });
        wait_until(|| num_goroutines() == 0);
    });
}

#[test]
fn num_goroutines_forgets_those_that_panicked() {
    alone_here(|| {
        run(|| {
            for _ in 0..20 {
                drop(spawn(|| quiet_panic("forgotten")));
                assert!(spawn(|| quiet_panic("joined")).join().is_err());
            }
            wait_until(|| num_goroutines() == 1);
        });
    });
}

#[test]
fn wait_idle_waits_until_no_goroutine_is_left() {
    alone_here(|| {
        assert!(wait_idle(Duration::ZERO));
        let (tx, rx) = bounded::<()>(0);
        for _ in 0..10 {
            let rx = rx.clone();
            drop(spawn(move || rx.recv()));
        }
        assert!(!wait_idle(Duration::ZERO));
        assert!(!wait_idle(Duration::from_millis(20)));
        assert_eq!(num_goroutines(), 10);
        thread::spawn(move || {
            thread::sleep(Duration::from_millis(20));
            tx.close();
        });
        assert!(wait_idle(LIMIT));
        assert_eq!(num_goroutines(), 0);
    });
}

#[test]
fn wait_idle_in_a_goroutine_does_not_count_the_caller() {
    alone_here(|| {
        run(|| {
            assert!(wait_idle(LIMIT));
            let (tx, rx) = bounded::<()>(0);
            drop(spawn(move || rx.recv()));
            assert!(!wait_idle(Duration::from_millis(20)));
            tx.close();
            assert!(wait_idle(Duration::MAX));
        });
    });
}

#[test]
fn the_runtime_starts_by_itself_from_any_thread() {
    alone_here(|| {
        let threads: Vec<_> = (0..8)
            .map(|n| thread::spawn(move || spawn(move || n)))
            .collect();
        let handles = threads.into_iter().map(|t| t.join().unwrap());
        assert_eq!(
            handles.map(|h| h.join().unwrap()).sum::<i32>(),
            (0..8).sum()
        );
    });
}

/// Reads the number of Ps that a child printed.
fn procs_in(output: &Output) -> usize {
    let (_, rest) = output
        .stdout
        .split_once("max_procs=")
        .expect("it was printed");
    rest.split_once('.')
        .expect("with a full stop")
        .0
        .parse()
        .expect("a number")
}

#[test]
fn sudog_maxprocs_sets_the_number_of_ps() {
    for procs in [1, 2, 3, 17] {
        let vars = [("SUDOG_MAXPROCS", &*procs.to_string())];
        if let Some(output) = alone(&vars, || println!("max_procs={}.", run(max_procs))) {
            assert_eq!(procs_in(&output), procs);
            output.assert_no_stderr("SUDOG");
        }
    }
}

#[test]
fn gomaxprocs_counts_where_sudog_maxprocs_is_not_set() {
    for (vars, procs) in [
        (&[("GOMAXPROCS", "3")][..], 3),
        (&[("GOMAXPROCS", "3"), ("SUDOG_MAXPROCS", "4")], 4),
    ] {
        if let Some(output) = alone(vars, || println!("max_procs={}.", run(max_procs))) {
            assert_eq!(procs_in(&output), procs);
        }
    }
}

#[test]
fn the_default_is_what_the_machine_has() {
    if let Some(output) = alone(&[], || println!("max_procs={}.", run(max_procs))) {
        let procs = procs_in(&output);
        let cores = thread::available_parallelism().unwrap().get();
        assert!(
            (1..=cores.max(2)).contains(&procs),
            "{procs} Ps on {cores} cores"
        );
    }
}

#[test]
fn a_number_of_ps_that_is_none_warns_and_leaves_the_default() {
    let mut default = None;
    for vars in [
        &[][..],
        &[("SUDOG_MAXPROCS", "bogus")],
        &[("SUDOG_MAXPROCS", "0")],
        &[("SUDOG_MAXPROCS", "-1")],
        &[("SUDOG_MAXPROCS", "2x")],
        &[("GOMAXPROCS", "bogus")],
    ] {
        let Some(output) = alone(vars, || println!("max_procs={}.", run(max_procs))) else {
            continue;
        };
        let procs = procs_in(&output);
        assert_eq!(*default.get_or_insert(procs), procs, "with {vars:?}");
        for (name, _) in vars {
            output.assert_stderr(name);
        }
    }
}

#[test]
fn a_thousand_ps_are_not_too_many() {
    alone(&[("SUDOG_MAXPROCS", "1024")], || {
        run(|| {
            assert_eq!(max_procs(), 1024);
            let handles: Vec<_> = (0..2_000)
                .map(|n| {
                    spawn(move || {
                        yield_now();
                        n
                    })
                })
                .collect();
            assert!(handles.into_iter().map(|h| h.join().unwrap()).eq(0..2_000));
        });
    });
}

#[test]
fn config_sets_the_number_of_ps() {
    alone(&[], || {
        Config::new().max_procs(3).install().unwrap();
        assert_eq!(max_procs(), 3);
        assert_eq!(run(max_procs), 3);
    });
}

#[test]
fn the_environment_goes_before_config() {
    alone(&[("SUDOG_MAXPROCS", "2")], || {
        Config::new().max_procs(3).install().unwrap();
        assert_eq!(max_procs(), 2);
    });
}

#[test]
fn config_is_refused_the_second_time() {
    alone(&[], || {
        assert!(Config::new().max_procs(2).install().is_ok());
        let again: Result<(), AlreadyStarted> = Config::new().max_procs(2).install();
        let error: Box<dyn Error> = Box::new(again.unwrap_err());
        let message = error.to_string();
        assert!(message.ends_with("install its `Config` before its first use"));
        assert_eq!(max_procs(), 2);
    });
}

#[test]
fn config_is_refused_once_the_runtime_runs() {
    alone(&[], || {
        spawn(|| ()).join().unwrap();
        assert!(
            Config::new()
                .on_panic(OnPanic::Isolate)
                .max_threads(100)
                .install()
                .is_err()
        );
    });
}

#[test]
fn other_settings_than_those_that_run_are_refused_by_name() {
    alone(&[("SUDOG_STACK", "")], || {
        Config::new().stack_size(1 << 20).install().unwrap();
        let start = |config| sudog::__private::test(config, None, || ());
        start(Config::new().stack_size(1 << 20));
        let other = Config::new().max_procs(2).stack_size(4 << 20);
        let message = text(catch_unwind(|| start(other)).unwrap_err());
        assert!(message.contains("another stack_size"), "{message}");
        assert!(message.contains("say the same in each"), "{message}");
    });
}

#[test]
fn with_few_threads_blocking_calls_wait_for_each_other() {
    alone(&[("SUDOG_MAXPROCS", "2")], || {
        Config::new().max_threads(3).install().unwrap();
        run(|| {
            let handles: Vec<_> = (0..20)
                .map(|n| {
                    spawn(move || {
                        blocking(|| thread::sleep(Duration::from_millis(1)));
                        yield_now();
                        n
                    })
                })
                .collect();
            assert!(handles.into_iter().map(|h| h.join().unwrap()).eq(0..20));
        });
    });
}

#[test]
fn config_sets_the_stack_size() {
    alone(&[], || {
        Config::new().stack_size(4 << 20).install().unwrap();
        assert!(spawn(|| descend(3 << 20, || ())).join().is_ok());
    });
}

#[test]
fn sudog_stack_sets_the_stack_size_in_bytes_or_with_a_unit() {
    for size in ["4M", "4096K", "4194304"] {
        let output = alone(&[("SUDOG_STACK", size)], || {
            assert!(spawn(|| descend(3 << 20, || ())).join().is_ok());
        });
        if let Some(output) = output {
            output.assert_no_stderr("SUDOG_STACK");
        }
    }
}

#[test]
fn other_bad_values_warn_and_leave_the_default() {
    for (name, value) in [
        ("SUDOG_STACK", "bogus"),
        ("SUDOG_STACK", "12Q"),
        ("SUDOG_PANIC", "bogus"),
    ] {
        let output = alone(&[(name, value)], || {
            run(|| {
                drop(spawn(|| quiet_panic("isolated")));
                assert!(wait_idle(LIMIT));
            });
        });
        if let Some(output) = output {
            output.assert_stderr(name);
        }
    }
}
