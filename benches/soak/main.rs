//! A soak: everything that the crate can do, all at once and with faults, for as long as one likes. Then the
//! sums.
//!
//! ```text
//! cargo bench --bench soak                                     a minute
//! cargo bench --bench soak -- --seconds 600 --seed 7           as long, with these dice
//! cargo bench --bench soak -- channels streams                 only these jobs
//! cargo bench --bench soak -- list                             which there are
//! ```
//!
//! A *job* is one kind of work: a file in `jobs/`. Drivers play rounds of any job, side by side, in
//! goroutines and on threads, and what the dice say goes wrong in them: panics, contexts that are
//! cancelled, channels and sockets that are closed or reset, futures and handles that are dropped, deadlines.
//! `runtime` changes the number of processors meanwhile, and `hogs` keeps threads from everybody.
//!
//! What must hold:
//!
//! 1. In each round every value that was made ends once (ledger.rs), and what the job itself asserts.
//! 2. Each round ends.
//! 3. After all is over no goroutine is left, and no more descriptors and threads than after a rehearsal of
//!    each job; the same after the first third.
//! 4. After the last third no more of the heap is in use than after the first (heap.rs), and no more memory is
//!    resident, but for a little (process.rs). A run under half a minute has no thirds.
//!
//! If something does not, a line says what, and the exit code is 1. The seed says which choices are made, not
//! who comes first: a failure may need some runs to come again, best with the one job only.
//!
//! Run as a test (`cargo test --benches`) it takes two seconds, only to see that it still works.

mod dice;
mod faults;
mod hands;
mod heap;
mod jobs;
mod ledger;
mod options;
mod process;
mod runner;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use dice::Dice;
use options::{Command, Options};
use process::Rest;
use runner::Run;
use sudog::runtime;
use sudog::signal::Signal;

/// How often there is a line of progress.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// Below this the caches of a run are still filling when it ends, and its thirds say nothing.
const THIRDS_FROM: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    match options::parse(std::env::args().skip(1)) {
        Ok(Command::List) => {
            for job in jobs::JOBS {
                println!("{:12} {}", job.name, job.what);
            }
            ExitCode::SUCCESS
        }
        Ok(Command::Soak(options)) => match soak(options) {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => {
                println!("soak: FAILED: {failure}");
                ExitCode::FAILURE
            }
        },
        Err(error) => {
            eprintln!("soak: {error}");
            ExitCode::from(2)
        }
    }
}

/// Has everything made that the process makes once and keeps: the poller, the thread for signals, the hook
/// for panics. What comes later is a leak.
fn begin_all() {
    sudog::run(|| {
        let _pair = sudog::net::UnixStream::pair().expect("a pair");
        let _signals = sudog::signal::notify(&[Signal::SIGUSR1, Signal::SIGUSR2]);
    });
}

fn soak(options: Options) -> Result<(), String> {
    let Options { time, seed, jobs } = options;
    let procs = runtime::max_procs();
    begin_all();
    println!(
        "soak: --seconds {} --seed {seed}, max_procs {procs}",
        time.as_secs()
    );
    faults::hush();
    let begin = Instant::now();
    let mut dice = Dice::new(seed);
    let run = Run::new(jobs);

    run.rehearse(&mut dice)?;
    runtime::set_max_procs(procs);
    let before = Rest::first();
    let third = |dice: &mut Dice, time| {
        let mut told = Instant::now();
        run.drive(dice, time, |run| {
            if told.elapsed() >= TELL_EVERY {
                told = Instant::now();
                tell(run, begin);
            }
        })?;
        runtime::set_max_procs(procs);
        let rest = before.again()?;
        println!(
            "at rest: {} threads, {} MiB resident, {} bytes of the heap in use",
            rest.threads,
            rest.resident >> 20,
            rest.heap
        );
        Ok::<_, String>(rest)
    };
    if time < THIRDS_FROM {
        third(&mut dice, time)?;
    } else {
        let first = third(&mut dice, time / 3)?;
        let last = third(&mut dice, time - time / 3)?;
        first.check_memory(&last)?;
    }

    run.print();
    println!("faults: {}", faults::summary());
    let sums = run.sums();
    if sums.ended() != sums.made {
        return Err(format!("the sums do not agree: {sums:?}"));
    }
    println!(
        "soak: passed: {} rounds, {} values, each accounted for, in {:.0?}",
        run.rounds(),
        sums.made,
        begin.elapsed()
    );
    Ok(())
}

/// A line of progress.
fn tell(run: &Run, begin: Instant) {
    let stats = runtime::stats();
    println!(
        "{:>5} s: {} rounds, {} values; {} goroutines, {} procs, {} threads, {} MiB",
        begin.elapsed().as_secs(),
        run.rounds(),
        run.sums().made,
        stats.goroutines,
        stats.procs,
        process::threads(),
        process::resident() >> 20
    );
}
