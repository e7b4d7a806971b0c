//! A million goroutines that wait at once: what each costs in time and in memory, all told.
//!
//! ```text
//! cargo bench --bench million                a million
//! cargo bench --bench million -- 200000      as many
//! (cd benches/go && go run . million 1000000)   Go's side
//! ```
//!
//! In each of two rounds all are spawned, wait for one channel, and are woken by its end. The first round
//! is on fresh memory, the second on memory that the first has touched. Memory is what the process has
//! resident and in page tables, less what it had before the first goroutine.
//!
//! Then a tenth as many go down 32 KiB each, on stacks of the second round, come back and wait: what the
//! process holds more than just before, then and ten seconds later, when sysmon has trimmed their stacks,
//! and the processor time those seconds took.
//!
//! Run as a test (`cargo test --benches`) it does the same with few, only to see that it still works.

mod programs;

use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use programs::command;
use programs::memory::cpu_time;
use sudog::chan::{Receiver, Sender, bounded};
use sudog::sync::WaitGroup;

fn main() -> ExitCode {
    match measure() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("million: {message}");
            ExitCode::FAILURE
        }
    }
}

fn measure() -> Result<(), String> {
    let (arguments, by_cargo_bench) = command::arguments();
    let (count, rest) = match &arguments[..] {
        [] if by_cargo_bench => (1_000_000, Duration::from_secs(10)),
        [] => (1_000, Duration::from_millis(10)),
        [count] => (
            command::count(count)?.max(10) as usize,
            Duration::from_secs(10),
        ),
        _ => return Err("usage: million [GOROUTINES]".into()),
    };
    println!(
        "{count} goroutines, max_procs {}",
        sudog::runtime::max_procs()
    );
    sudog::run(|| {
        let before = used_bytes();
        round("fresh memory", count, before);
        round("warm memory", count, before);
        deep(count / 10, rest);
    });
    Ok(())
}

/// Goroutines that wait until `release` is dropped.
struct Waiting {
    release: Sender<()>,
    ended: WaitGroup,
}

impl Waiting {
    /// Spawns them; returns once the last has counted itself in, just before it waits.
    fn spawn(count: usize, prelude: fn()) -> Waiting {
        let (started, ended) = (WaitGroup::new(), WaitGroup::new());
        started.add(count);
        ended.add(count);
        let (release, released): (_, Receiver<()>) = bounded(0);
        for _ in 0..count {
            let (started, ended, released) = (started.clone(), ended.clone(), released.clone());
            sudog::spawn(move || {
                prelude();
                started.done();
                assert!(released.recv().is_err());
                ended.done();
            });
        }
        started.wait();
        Waiting { release, ended }
    }

    fn wake(self) {
        drop(self.release);
        self.ended.wait();
    }
}

fn round(name: &str, count: usize, before: usize) {
    let start = Instant::now();
    let waiting = Waiting::spawn(count, || ());
    let spawned = start.elapsed();
    let bytes = (used_bytes() - before) / count;
    let start = Instant::now();
    waiting.wake();
    let woken = start.elapsed();
    let each = |time: Duration| time.as_nanos() / count as u128;
    println!(
        "{name:13} {:>6} ns to spawn and wait, {:>6} ns to wake and end, {bytes:>6} B each",
        each(spawned),
        each(woken),
    );
}

fn deep(count: usize, rest: Duration) {
    let before = used_bytes();
    let more = || used_bytes().saturating_sub(before) / count;
    let waiting = Waiting::spawn(count, || {
        black_box(black_box([1_u8; 32 << 10]));
    });
    let bytes = more();
    let cpu = cpu_time();
    sudog::time::sleep(rest);
    let cpu = cpu_time() - cpu;
    let later = more();
    waiting.wake();
    println!(
        "{count} once 32 KiB deep: {bytes} B more each than before, {later} B after {rest:?}, in \
         which {cpu:?} of processor time were used"
    );
}

/// What the process has resident, and its page tables; 0 where the system does not tell.
fn used_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib = |line: &str| -> usize {
        let (name, value) = line.split_once(':').unwrap_or_default();
        match name {
            "VmRSS" | "VmPTE" => value.trim().trim_end_matches(" kB").parse().unwrap_or(0),
            _ => 0,
        }
    };
    status.lines().map(kib).sum::<usize>() << 10
}
