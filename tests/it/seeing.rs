//! Seeing what goes on: listings, statistics, traces, reports of stalls.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use sudog::chan::{Receiver, Sender, bounded};
use sudog::runtime::{self, dump, set_stall_report, stats};
use sudog::sync::WaitGroup;
use sudog::{Builder, blocking, spawn, yield_now};

use crate::support::{alone, alone_here, goroutine, rounds, wait_until};

/// All goroutines, each with the lines of its own.
fn dumped() -> Vec<String> {
    let mut text = Vec::new();
    dump(&mut text).unwrap();
    let text = String::from_utf8(text).expect("it is text");
    assert!(text.is_empty() || text.ends_with('\n'), "{text:?}");
    let all: Vec<String> = text.split("\n\n").map(str::to_owned).collect();
    for one in &all {
        assert!(
            one.starts_with("goroutine ") && one.contains("]:"),
            "{one:?}"
        );
    }
    all
}

/// The lines of the goroutine with this name.
fn dumped_as(name: &str) -> Option<String> {
    let name = format!(" '{name}' [");
    dumped().into_iter().find(|one| one.contains(&name))
}

fn named<T: Send + 'static>(
    name: &str,
    f: impl FnOnce() -> T + Send + 'static,
) -> sudog::JoinHandle<T> {
    Builder::new().name(name).spawn(f).unwrap()
}

#[test]
fn a_dump_tells_who_waits_for_what_and_where() {
    alone_here(|| {
        goroutine(|| {
            let (tx, rx) = bounded::<()>(0);
            let here = file!();
            let waits = named("seen-receiver", move || rx.recv());
            let is_there = |state: &str| {
                let seen = dumped_as("seen-receiver");
                seen.is_some_and(|text| text.contains(state))
            };
            wait_until(|| is_there("[chan receive]:"));
            let text = dumped_as("seen-receiver").unwrap();
            assert!(text.contains(&format!("waits at {here}:")), "{text}");
            assert!(text.contains(&format!("spawned at {here}:")), "{text}");
            let own = sudog::current().unwrap().id();
            let own = format!("goroutine {own} [running]:");
            assert!(dumped().iter().any(|one| one.starts_with(&own)));
            drop(tx);
            assert!(waits.join().unwrap().is_err());
            assert_eq!(dumped_as("seen-receiver"), None);
        });
    });
}

#[test]
fn a_dump_is_in_the_order_of_numbers() {
    alone_here(|| {
        goroutine(|| {
            let (tx, rx) = bounded::<()>(0);
            let group = WaitGroup::new();
            for _ in 0..100 {
                let rx = rx.clone();
                group.go(move || rx.recv());
            }
            let numbers: Vec<u64> = dumped()
                .iter()
                .map(|one| one.split([' ', '\n']).nth(1).unwrap().parse().unwrap())
                .collect();
            assert_eq!(numbers.len(), 101);
            assert!(numbers.is_sorted());
            tx.close();
            group.wait();
        });
    });
}

#[test]
fn a_process_without_goroutines_dumps_nothing() {
    alone(&[], || {
        let mut text = Vec::new();
        dump(&mut text).unwrap();
        assert_eq!(text, b"");
    });
}

/// Passes what is written on, a line each.
struct ToChannel(Sender<Vec<u8>>);

impl io::Write for ToChannel {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sent = self.0.send(bytes.to_vec());
        sent.map_err(|_| io::ErrorKind::BrokenPipe)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_dump_may_go_to_a_writer_that_waits_or_fails() {
    alone_here(|| {
        goroutine(|| {
            let (tx, rx) = bounded(0);
            let (release, released) = bounded::<()>(0);
            let group = WaitGroup::new();
            for _ in 0..3_000 {
                let released = released.clone();
                group.go(move || released.recv());
            }
            let dumper = spawn(move || dump(&mut ToChannel(tx)));
            let text: Vec<u8> = rx.iter().flatten().collect();
            dumper.join().unwrap().unwrap();
            let text = String::from_utf8(text).unwrap();
            assert_eq!(text.matches("goroutine ").count(), 3_002);

            let (tx, rx) = bounded(0);
            drop(rx);
            let failed = dump(&mut ToChannel(tx)).unwrap_err();
            assert_eq!(failed.kind(), io::ErrorKind::BrokenPipe);
            release.close();
            group.wait();
        });
    });
}

/// Goroutines that start, meet and end until they are told to stop, and how many ended.
fn bustle(stop: &Arc<AtomicBool>, ended: &Arc<AtomicUsize>) {
    let (stop, ended) = (stop.clone(), ended.clone());
    while !stop.load(SeqCst) {
        let (tx, rx): (Sender<u32>, Receiver<u32>) = bounded(0);
        let ended = ended.clone();
        let partner = named("seen-partner", move || {
            let sum: u32 = rx.iter().sum();
            ended.fetch_add(1, SeqCst);
            sum
        });
        (1..=4).for_each(|n| tx.send(n).unwrap());
        drop(tx);
        assert_eq!(partner.join().unwrap(), 10);
    }
}

#[test]
fn dumps_and_statistics_lose_nobody_while_goroutines_come_and_go() {
    alone_here(|| {
        goroutine(|| {
            let (release, released) = bounded::<()>(0);
            let waits = named("seen-waiter", move || released.recv());
            let (stop, ended) = (Arc::new(AtomicBool::new(false)), Arc::default());
            let group = WaitGroup::new();
            for _ in 0..4 {
                let (stop, ended) = (stop.clone(), Arc::clone(&ended));
                group.go(move || bustle(&stop, &ended));
            }
            // From goroutines and from threads, and several at once.
            let looks = rounds(100);
            let look = move || {
                for _ in 0..looks {
                    assert!(dumped_as("seen-waiter").is_some());
                    let stats = stats();
                    assert!(stats.goroutines >= 1, "{stats:?}");
                }
            };
            let threads: Vec<_> = (0..2).map(|_| thread::spawn(look)).collect();
            let others: Vec<_> = (0..2).map(|_| spawn(look)).collect();
            others.into_iter().for_each(|other| other.join().unwrap());
            blocking(|| threads.into_iter().for_each(|t| t.join().unwrap()));
            let before = ended.load(SeqCst);
            wait_until(|| ended.load(SeqCst) > before);
            stop.store(true, SeqCst);
            group.wait();
            assert!(release.close());
            assert!(waits.join().unwrap().is_err());
        });
    });
}

#[test]
fn statistics_add_up() {
    alone(&[("SUDOG_MAXPROCS", "3")], || {
        goroutine(|| {
            let before = stats();
            assert_eq!((before.procs, before.local_queues.len()), (3, 3));
            let (tx, rx) = bounded::<()>(0);
            let group = WaitGroup::new();
            for _ in 0..500 {
                let rx = rx.clone();
                group.go(move || rx.recv());
            }
            wait_until(|| stats().waiting == 500);
            let now = stats();
            assert_eq!(now.goroutines, 501);
            assert_eq!((now.running, now.runnable), (1, 0));
            assert_eq!(now.spawned - before.spawned, 500);
            assert!(now.parks - before.parks >= 500, "{now:?}");
            assert!(now.switches - before.switches >= 500, "{now:?}");
            assert!(now.stacks >= 501, "{now:?}");
            assert!(now.stack_bytes >= now.stacks * (64 << 10), "{now:?}");
            assert!(
                now.threads >= 1 && now.idle_threads < now.threads,
                "{now:?}"
            );
            assert!(now.ticks.iter().sum::<u64>() <= now.switches, "{now:?}");

            (0..100).for_each(|_| yield_now());
            assert!(stats().yields - now.yields >= 100);
            let sleeper = spawn(|| sudog::time::sleep(Duration::from_secs(3600)));
            wait_until(|| stats().timers == 1);
            drop(sleeper);
            tx.close();
            group.wait();
        });
    });
}

#[test]
#[cfg(feature = "net")]
fn statistics_count_who_waits_for_descriptors() {
    use std::io::Read;
    alone_here(|| {
        goroutine(|| {
            let (a, mut b) = sudog::net::UnixStream::pair().unwrap();
            let reader = spawn(move || b.read(&mut [0]).unwrap());
            wait_until(|| stats().net_waiters == 1);
            drop(a);
            assert_eq!(reader.join().unwrap(), 0);
            assert_eq!(stats().net_waiters, 0);
        });
    });
}

/// Keeps its thread busy.
fn compute(time: Duration) {
    let end = Instant::now() + time;
    while Instant::now() < end {
        std::hint::spin_loop();
    }
}

const STALL: Duration = Duration::from_millis(300);

/// What a program prints in which goroutines hold their threads for longer than that, or do not.
fn stalls() {
    goroutine(|| {
        let busy = named("seen-busy", || compute(3 * STALL));
        let asleep = named("seen-asleep", || thread::sleep(3 * STALL));
        let marked = named("seen-marked", || blocking(|| thread::sleep(3 * STALL)));
        let waits = named("seen-waiter", || sudog::time::sleep(3 * STALL));
        for handle in [busy, asleep, marked, waits] {
            handle.join().unwrap();
        }
    });
}

fn assert_stalls(stderr: &str) {
    let lines = |name: &str| {
        let name = format!("'{name}' has held its thread for ");
        stderr.lines().filter(|line| line.contains(&name)).count()
    };
    assert_eq!(lines("seen-busy"), 1, "{stderr}");
    assert_eq!(lines("seen-asleep"), 1, "{stderr}");
    for name in ["seen-marked", "seen-waiter"] {
        assert_eq!(lines(name), 0, "{name}: {stderr}");
    }
    assert!(stderr.contains(", spawned at tests/it/seeing.rs:"));
}

#[test]
fn a_goroutine_that_holds_its_thread_is_named_once() {
    let vars = [("SUDOG_DEBUG", "stall=300ms"), ("SUDOG_MAXPROCS", "8")];
    if let Some(output) = alone(&vars, || {
        stalls();
    }) {
        assert_stalls(&output.stderr);
    }
}

#[test]
fn reports_of_stalls_are_switched_on_and_off() {
    let output = alone(&[("SUDOG_MAXPROCS", "8")], || {
        set_stall_report(Some(STALL));
        stalls();
        set_stall_report(None);
        goroutine(|| named("seen-later", || compute(2 * STALL)).join().unwrap());
    });
    if let Some(output) = output {
        assert_stalls(&output.stderr);
        output.assert_no_stderr("seen-later");
    }
}

#[test]
fn a_trace_has_lines_as_go_writes_them() {
    let vars = [("SUDOG_DEBUG", "schedtrace=10"), ("SUDOG_MAXPROCS", "2")];
    let output = alone(&vars, || {
        goroutine(|| sudog::time::sleep(Duration::from_millis(500)));
    });
    let Some(output) = output else { return };
    let lines: Vec<_> = output
        .stderr
        .lines()
        .filter(|line| line.starts_with("SCHED "))
        .collect();
    assert!(lines.len() >= 2, "{output}");
    for line in lines {
        for part in [
            "ms: gomaxprocs=2 idleprocs=",
            " threads=",
            " spinningthreads=",
            " needspinning=0 idlethreads=",
            " runqueue=",
            " schedticks=[ ",
        ] {
            assert!(line.contains(part), "no {part:?} in {line}");
        }
    }
}

#[test]
fn bad_settings_for_debugging_are_named() {
    let output = alone(&[("SUDOG_DEBUG", "wat,stall=1h")], || {
        goroutine(|| assert!(runtime::max_procs() > 0));
    });
    if let Some(output) = output {
        output.assert_stderr("sudog: SUDOG_DEBUG=wat is ignored: it must be ");
        output.assert_stderr("sudog: SUDOG_DEBUG=stall=1h is ignored");
    }
}
