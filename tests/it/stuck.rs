//! Goroutines that do not come back: in calls that block the thread and say nothing, and in loops. None
//! of the tests ends unless others run meanwhile.

use std::fs;
use std::hint::spin_loop;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier, Condvar, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use sudog::chan::{TryRecvError, bounded, unbounded};
use sudog::runtime::{Config, max_procs};
use sudog::sync::WaitGroup;
use sudog::{JoinHandle, blocking, go, run, spawn, time, yield_now};

use crate::support::{
    alone, alone_here, alone_in_each, alone_on, goroutine, in_time, rounds, stress, wait_until,
};

/// One P, two, and fences instead of barriers.
const FEW: [&[(&str, &str)]; 3] = [
    &[("SUDOG_MAXPROCS", "1")],
    &[("SUDOG_MAXPROCS", "2")],
    &[("SUDOG_MAXPROCS", "1"), ("SUDOG_DEBUG", "barrier=fence")],
];

/// Goroutines that do nothing but look for `stop`.
fn hogs(count: usize, stop: &Arc<AtomicBool>) -> Vec<JoinHandle<()>> {
    let begin = |_| {
        let stop = stop.clone();
        spawn(move || {
            while !stop.load(SeqCst) {
                spin_loop();
            }
        })
    };
    (0..count).map(begin).collect()
}

#[test]
fn others_run_while_threads_block() {
    alone_in_each(&FEW, || {
        goroutine(|| {
            let (tx, rx) = mpsc::channel();
            let blocked: Vec<_> = (0..2 * max_procs())
                .map(|_| {
                    let (own_tx, own_rx) = mpsc::channel();
                    tx.send(own_tx).unwrap();
                    spawn(move || own_rx.recv().unwrap())
                })
                .collect();
            let other = spawn(move || {
                drop(tx);
                yield_now();
                rx.iter().for_each(|tx| tx.send(7).unwrap());
            });
            other.join().unwrap();
            blocked
                .into_iter()
                .for_each(|handle| assert_eq!(handle.join().unwrap(), 7));
        });
    });
}

#[test]
fn others_run_beside_endless_loops() {
    alone_in_each(&FEW, || {
        goroutine(|| {
            let stop = Arc::new(AtomicBool::new(false));
            let hogs = hogs(4, &stop);
            let (tx, rx) = bounded(0);
            spawn(move || (0..100).for_each(|n| tx.send(n).unwrap()));
            assert!(rx.iter().eq(0..100));
            stop.store(true, SeqCst);
            hogs.into_iter().for_each(|hog| hog.join().unwrap());
        });
    });
}

/// One of them does not end its turn until the other has come, and neither makes a call into the runtime.
#[test]
fn those_whom_timers_wake_together_run_beside_each_other() {
    alone_on(2, || {
        goroutine(|| {
            // Most come too soon after the pair before for an M to be woken at once.
            for _ in in_time(rounds(500)) {
                let due = Instant::now() + Duration::from_micros(200);
                let come = Arc::new(AtomicUsize::new(0));
                let pair = [(); 2].map(|()| {
                    let come = come.clone();
                    spawn(move || {
                        time::sleep_until(due);
                        come.fetch_add(1, SeqCst);
                        while come.load(SeqCst) < 2 {
                            spin_loop();
                        }
                    })
                });
                pair.into_iter().for_each(|handle| handle.join().unwrap());
            }
        });
    });
}

#[test]
fn any_number_of_threads_block_at_once() {
    alone_in_each(&FEW, || {
        goroutine(|| {
            let barrier = Arc::new(Barrier::new(64));
            let leaders: Vec<_> = (0..64)
                .map(|_| {
                    let barrier = barrier.clone();
                    spawn(move || barrier.wait().is_leader())
                })
                .collect();
            let leaders = leaders.into_iter().filter_map(|h| h.join().ok());
            assert_eq!(leaders.filter(|l| *l).count(), 1);
        });
    });
}

#[test]
fn timers_and_sockets_go_on_while_the_last_p_is_asleep() {
    alone_in_each(&FEW, || {
        goroutine(|| {
            let (tx, rx) = mpsc::channel();
            let asleep: Vec<_> = (0..max_procs())
                .map(|_| {
                    let (own_tx, own_rx) = mpsc::channel();
                    tx.send(own_tx).unwrap();
                    spawn(move || own_rx.recv().unwrap())
                })
                .collect();
            drop(tx);
            // Nobody is runnable once this sleeps, and all Ps are with threads that are blocked.
            time::sleep(Duration::from_millis(20));
            rx.iter().for_each(|tx| tx.send(()).unwrap());
            asleep.into_iter().for_each(|handle| handle.join().unwrap());
        });
    });
}

#[test]
#[cfg(feature = "net")]
fn a_peer_is_heard_while_the_last_p_is_asleep() {
    use std::io::{Read, Write};
    use sudog::net::UnixStream;

    alone_in_each(&FEW, || {
        goroutine(|| {
            let (mut ours, mut theirs) = UnixStream::pair().unwrap();
            let (tx, rx) = mpsc::channel::<()>();
            let reader = spawn(move || {
                let mut byte = [0];
                ours.read_exact(&mut byte).unwrap();
                drop(tx);
                byte[0]
            });
            yield_now();
            let writer = thread::spawn(move || {
                thread::sleep(Duration::from_millis(20));
                theirs.write_all(&[9]).unwrap();
            });
            assert!(rx.recv().is_err());
            assert_eq!(reader.join().unwrap(), 9);
            writer.join().unwrap();
        });
    });
}

#[test]
fn turns_on_a_lock_of_stds_that_is_held_over_a_park_are_no_deadlock() {
    alone_in_each(&FEW, || {
        goroutine(|| {
            let lock = Arc::new(Mutex::new(0));
            let goroutines: Vec<_> = (0..2)
                .map(|_| {
                    let lock = lock.clone();
                    spawn(move || {
                        for _ in 0..20 {
                            let mut count = lock.lock().unwrap();
                            yield_now();
                            time::sleep(Duration::from_micros(100));
                            *count += 1;
                        }
                    })
                })
                .collect();
            goroutines
                .into_iter()
                .for_each(|handle| handle.join().unwrap());
            assert_eq!(*lock.lock().unwrap(), 40);
        });
    });
}

#[test]
fn a_condition_of_stds_is_waited_for() {
    alone_in_each(&FEW, || {
        goroutine(|| {
            let pair = Arc::new((Mutex::new(false), Condvar::new()));
            let theirs = pair.clone();
            let waiter = spawn(move || {
                let mut is_set = theirs.0.lock().unwrap();
                while !*is_set {
                    is_set = theirs.1.wait(is_set).unwrap();
                }
            });
            yield_now();
            *pair.0.lock().unwrap() = true;
            pair.1.notify_all();
            waiter.join().unwrap();
        });
    });
}

#[test]
fn who_lost_its_p_may_do_all_that_does_not_block() {
    alone_in_each(&FEW, || {
        goroutine(|| {
            let stop = Arc::new(AtomicBool::new(false));
            let (tx, rx) = unbounded();
            let (full_tx, full_rx) = bounded(1);
            let group = WaitGroup::new();
            let hogs: Vec<_> = (0..4)
                .map(|_| {
                    let (stop, tx, full, group) =
                        (stop.clone(), tx.clone(), full_tx.clone(), group.clone());
                    spawn(move || {
                        let mut sent = 0;
                        while !stop.load(SeqCst) {
                            tx.try_send(1).unwrap();
                            sent += usize::from(full.try_send(()).is_ok());
                            group.add(1);
                            let group = group.clone();
                            go!(move || group.done());
                            let timer = time::Timer::new(Duration::from_secs(100));
                            assert!(timer.stop());
                            let (own_tx, own_rx) = bounded::<()>(0);
                            assert_eq!(own_rx.try_recv(), Err(TryRecvError::Empty));
                            drop(own_tx);
                            (0..2_000).for_each(|_| spin_loop());
                        }
                        sent
                    })
                })
                .collect();
            drop((tx, full_tx));
            // Each of them is to lose its P more than once.
            time::sleep(Duration::from_millis(150));
            let first = full_rx.recv().is_ok();
            stop.store(true, SeqCst);
            let sent: usize = hogs.into_iter().map(|hog| hog.join().unwrap()).sum();
            group.wait();
            assert_eq!(sent, usize::from(first) + full_rx.iter().count());
            assert!(rx.iter().count() > 0);
        });
    });
}

/// Passes on what this process writes on stderr, and says when this was among it.
fn watch_stderr(expected: &'static str) -> Arc<AtomicBool> {
    let (reader, writer) = std::io::pipe().unwrap();
    let mut stderr = fs::File::from(std::io::stderr().as_fd().try_clone_to_owned().unwrap());
    // SAFETY: both are open; what 2 was is kept above.
    assert_eq!(unsafe { libc::dup2(writer.as_raw_fd(), 2) }, 2);
    let seen = Arc::new(AtomicBool::new(false));
    let tell = seen.clone();
    thread::spawn(move || {
        for line in BufReader::new(reader).lines() {
            let line = line.unwrap();
            writeln!(stderr, "{line}").unwrap();
            if line.contains(expected) {
                tell.store(true, SeqCst);
            }
        }
    });
    seen
}

#[test]
fn at_the_limit_of_threads_the_longest_blocked_is_named_and_all_end() {
    let output = alone(&[("SUDOG_MAXPROCS", "2")], || {
        Config::new().max_threads(4).install().unwrap();
        let has_warned = watch_stderr(" has blocked its thread for ");
        run(move || {
            let (tx, rx) = mpsc::channel::<()>();
            let (begin, begun) = bounded(1);
            let first = sudog::Builder::new().name("first").spawn(move || {
                begin.send(()).unwrap();
                rx.recv().is_err()
            });
            let first = first.unwrap();
            begun.recv().unwrap();
            // These two run at once only when its P was taken from it, and so before others lose theirs.
            let met = Arc::new(AtomicUsize::new(0));
            let pair = [(); 2].map(|()| {
                let met = met.clone();
                spawn(move || {
                    met.fetch_add(1, SeqCst);
                    while met.load(SeqCst) < 2 {
                        spin_loop();
                    }
                })
            });
            pair.into_iter().for_each(|handle| handle.join().unwrap());
            time::sleep(Duration::from_millis(30));
            let others: Vec<_> = (0..8)
                .map(|_| {
                    let has_warned = has_warned.clone();
                    spawn(move || {
                        while !has_warned.load(SeqCst) {
                            thread::sleep(Duration::from_millis(20));
                        }
                    })
                })
                .collect();
            // With all four threads in calls that block, the last of these wait for the first.
            others.into_iter().for_each(|h| h.join().unwrap());
            drop(tx);
            assert!(first.join().unwrap());
        });
    });
    if let Some(output) = output {
        output.assert_stderr("sudog: 4 threads are in use, the limit; goroutines wait until");
        output.assert_stderr("'first', spawned at tests/it/stuck.rs:");
        assert_eq!(output.stderr.matches("sudog: ").count(), 2, "{output}");
    }
}

/// The threads of the runtime, sysmon left out, and the nice value of each.
#[cfg(target_os = "linux")]
fn niceness() -> Vec<i64> {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    let stats = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("stat")).ok());
    stats
        .filter(|stat| stat.contains("(sudog-") && !stat.contains("(sudog-sysmon"))
        .map(|stat| {
            let (_, rest) = stat.rsplit_once(')').unwrap();
            rest.split_whitespace().nth(16).unwrap().parse().unwrap()
        })
        .collect()
}

#[test]
#[cfg(target_os = "linux")]
fn threads_that_were_not_needed_for_a_while_end() {
    alone_here(|| {
        let barrier = Arc::new(Barrier::new(100));
        let handles: Vec<_> = (0..100)
            .map(|_| {
                let barrier = barrier.clone();
                spawn(move || blocking(|| barrier.wait()))
            })
            .collect();
        handles.into_iter().for_each(|handle| drop(handle.join()));
        assert!(niceness().len() >= 100, "{}", niceness().len());
        wait_until(|| niceness().len() <= max_procs() + 3);
        // Those that are needed after all are made anew.
        goroutine(|| {
            let handles: Vec<_> = (0..10).map(|n| spawn(move || blocking(|| n))).collect();
            assert!(handles.into_iter().map(|h| h.join().unwrap()).eq(0..10));
        });
    });
}

#[test]
#[cfg(target_os = "linux")]
fn a_lone_loop_keeps_its_p_and_one_of_many_is_lowered_until_it_ends() {
    alone_on(1, || {
        goroutine(|| {
            let before = niceness();
            let start = std::time::Instant::now();
            while start.elapsed() < Duration::from_millis(100) {
                spin_loop();
            }
            let are_as_before = || niceness().iter().all(|nice| *nice == before[0]);
            assert!(are_as_before(), "a lone loop is nobody's concern");
            if before[0] > 10 {
                println!(
                    "not tried: there is nothing below a nice value of {}",
                    before[0]
                );
                return;
            }
            let stop = Arc::new(AtomicBool::new(false));
            let hogs = hogs(3, &stop);
            wait_until(|| {
                niceness()
                    .iter()
                    .filter(|nice| **nice >= before[0] + 9)
                    .count()
                    == 3
            });
            stop.store(true, SeqCst);
            hogs.into_iter().for_each(|hog| hog.join().unwrap());
            wait_until(are_as_before);
        });
    });
}

#[test]
fn all_kinds_of_absence_mixed() {
    stress(|mut rng| {
        for _ in in_time(rounds(3)) {
            let (tx, rx) = bounded(rng.below(4));
            let lock = Arc::new(sudog::sync::Mutex::new(0));
            let running = Arc::new(AtomicUsize::new(0));
            let goroutines = 40;
            for _ in 0..goroutines {
                let (mut rng, tx, lock, running) =
                    (rng.split(), tx.clone(), lock.clone(), running.clone());
                spawn(move || {
                    running.fetch_add(1, SeqCst);
                    for _ in 0..10 {
                        match rng.below(8) {
                            0 => (0..rng.below(200_000)).for_each(|_| spin_loop()),
                            1 => thread::sleep(Duration::from_micros(rng.below(3_000) as u64)),
                            2 => blocking(|| thread::sleep(Duration::from_micros(200))),
                            3 => time::sleep(Duration::from_micros(rng.below(2_000) as u64)),
                            4 => *lock.lock() += 1,
                            5 => yield_now(),
                            6 => {
                                let inner = spawn(yield_now);
                                thread::sleep(Duration::from_micros(50));
                                inner.join().unwrap();
                            }
                            _ => tx.send(1).unwrap(),
                        }
                    }
                    let _ = tx.try_send(0);
                    running.fetch_sub(1, SeqCst);
                });
            }
            drop(tx);
            rx.iter().for_each(drop);
            wait_until(|| running.load(SeqCst) == 0);
        }
    });
}
