//! When somebody may still wake the others: no report.

use std::thread;
use std::time::Duration;

use sudog::chan::{bounded, unbounded};
use sudog::sync::WaitGroup;
use sudog::time::{Timer, after_func, sleep};
use sudog::{blocking, spawn};

use super::{Case, assert_fine, start};

pub fn cases() -> Vec<Case> {
    vec![
        Case {
            name: "a_sleep_is_no_deadlock",
            vars: &[],
            program: || {
                start(|| {
                    let (tx, rx) = bounded(0);
                    spawn(move || {
                        sleep(Duration::from_millis(300));
                        tx.send("done").unwrap();
                    });
                    println!("{}", rx.recv().unwrap());
                })
            },
            check: assert_fine,
        },
        Case {
            name: "a_call_that_is_to_begin_is_no_deadlock",
            vars: &[],
            program: || {
                start(|| {
                    let (tx, rx) = bounded(1);
                    after_func(Duration::from_millis(300), move || tx.send("done").unwrap());
                    println!("{}", rx.recv().unwrap());
                })
            },
            check: assert_fine,
        },
        Case {
            name: "a_receive_from_a_timer_is_no_deadlock",
            vars: &[],
            program: || {
                start(|| {
                    Timer::new(Duration::from_millis(300))
                        .receiver()
                        .recv()
                        .unwrap();
                    println!("done");
                })
            },
            check: assert_fine,
        },
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
