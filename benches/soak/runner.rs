//! The drivers: each plays one round after the other, of whatever job the dice choose, until told to stop.
//!
//! A round is played in a goroutine of its own or on a plain thread. It fails if it panics (other than on
//! purpose, which jobs catch themselves), if its values do not add up, or if it takes longer than
//! [`ROUND_LIMIT`], which on any machine means that something hangs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::dice::Dice;
use super::faults;
use super::jobs::{Job, Round};
use super::ledger::Sums;
use sudog::runtime;

/// Drivers that are goroutines, and threads: as many rounds go on at once.
const GOROUTINES: usize = 12;
const THREADS: usize = 3;

/// How long a round may take: a hundred times what it does where the machine has other things to do.
const ROUND_LIMIT: Duration = Duration::from_secs(180);

/// What the drivers share with the one who watches them.
pub struct Run {
    jobs: Vec<&'static Job>,
    books: Vec<Book>,
    seats: Vec<Mutex<Option<Playing>>>,
    is_over: AtomicBool,
    failure: Mutex<Option<String>>,
}

/// What became of the rounds of one job.
#[derive(Default)]
struct Book {
    rounds: AtomicU64,
    sums: Mutex<Sums>,
}

/// The round that a driver plays.
#[derive(Clone, Copy)]
struct Playing {
    job: usize,
    seed: u64,
    since: Instant,
}

impl Run {
    pub fn new(jobs: Vec<&'static Job>) -> Arc<Run> {
        Arc::new(Run {
            books: jobs.iter().map(|_| Book::default()).collect(),
            seats: (0..GOROUTINES + THREADS)
                .map(|_| Mutex::new(None))
                .collect(),
            jobs,
            is_over: AtomicBool::new(false),
            failure: Mutex::new(None),
        })
    }

    /// Plays each job once in a goroutine and once on a thread, one after the other.
    pub fn rehearse(self: &Arc<Run>, dice: &mut Dice) -> Result<(), String> {
        let seeds: Vec<_> = self.jobs.iter().map(|_| dice.next()).collect();
        let run = Arc::clone(self);
        let end = move |play: fn(&Run, usize, usize, u64)| {
            for (job, seed) in seeds.iter().enumerate() {
                play(&run, 0, job, *seed);
            }
        };
        let in_goroutines = end.clone();
        let goroutine = sudog::spawn(move || in_goroutines(Run::play_in_goroutine));
        self.watch(|| goroutine.is_finished())?;
        let thread = thread::spawn(move || end(Run::play));
        self.watch(|| thread.is_finished())
    }

    /// Has the drivers at it for so long. `tell` is called now and then.
    pub fn drive(
        self: &Arc<Run>,
        dice: &mut Dice,
        time: Duration,
        mut tell: impl FnMut(&Run),
    ) -> Result<(), String> {
        self.is_over.store(false, Relaxed);
        let mut goroutines = Vec::new();
        let mut threads = Vec::new();
        for seat in 0..self.seats.len() {
            let (run, dice) = (Arc::clone(self), dice.split());
            if seat < GOROUTINES {
                let driver = move || run.keep_playing(seat, dice, Run::play_in_goroutine);
                goroutines.push(sudog::spawn(driver));
            } else {
                let driver = move || run.keep_playing(seat, dice, Run::play);
                threads.push(thread::spawn(driver));
            }
        }
        let end = Instant::now() + time;
        let watched = self.watch(|| {
            tell(self);
            Instant::now() >= end
        });
        self.is_over.store(true, Relaxed);
        watched?;
        self.watch(|| {
            goroutines.iter().all(|driver| driver.is_finished())
                && threads.iter().all(|driver| driver.is_finished())
        })
    }

    /// Looks after the drivers until something holds, or one of them has failed.
    fn watch(&self, mut until: impl FnMut() -> bool) -> Result<(), String> {
        loop {
            let is_done = until();
            if let Some(failure) = lock(&self.failure).take() {
                return Err(failure);
            }
            let seats = self.seats.iter().filter_map(|seat| *lock(seat));
            let stuck = seats.filter(|playing| playing.since.elapsed() > ROUND_LIMIT);
            let stuck: Vec<_> = stuck.map(|playing| self.name(playing)).collect();
            if !stuck.is_empty() {
                let stats = runtime::stats();
                eprintln!("{stats:#?}");
                let _ = runtime::dump(&mut std::io::stderr());
                let rounds = stuck.join(", ");
                return Err(format!("still playing after {ROUND_LIMIT:?}: {rounds}"));
            }
            if is_done {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn keep_playing(&self, seat: usize, mut dice: Dice, play: fn(&Run, usize, usize, u64)) {
        while !self.is_over.load(Relaxed) {
            let job = dice.below(self.jobs.len());
            play(self, seat, job, dice.next());
        }
    }

    fn play_in_goroutine(&self, seat: usize, job: usize, seed: u64) {
        // The round has a goroutine of its own: it may leave a thread or a local behind.
        sudog::scope(|scope| {
            scope.spawn(|| self.play(seat, job, seed));
        });
    }

    /// Plays a round, and books what came of it.
    fn play(&self, seat: usize, job: usize, seed: u64) {
        let playing = Playing {
            job,
            seed,
            since: Instant::now(),
        };
        *lock(&self.seats[seat]) = Some(playing);
        let mut round = Round::new(seed);
        let played = catch_unwind(AssertUnwindSafe(|| (self.jobs[job].play)(&mut round)));
        let settled = match played {
            Ok(()) => round.values.settle(),
            Err(payload) => Err(faults::text(&*payload).to_owned()),
        };
        let book = &self.books[job];
        match settled {
            Ok(sums) => {
                book.rounds.fetch_add(1, Relaxed);
                lock(&book.sums).add(sums);
            }
            Err(error) => {
                let name = self.name(playing);
                let mut failure = lock(&self.failure);
                failure.get_or_insert_with(|| format!("{name}: {error}"));
                self.is_over.store(true, Relaxed);
            }
        }
        *lock(&self.seats[seat]) = None;
    }

    fn name(&self, playing: Playing) -> String {
        format!("`{}` (dice {})", self.jobs[playing.job].name, playing.seed)
    }

    /// How many rounds were played.
    pub fn rounds(&self) -> u64 {
        let rounds = self.books.iter().map(|book| book.rounds.load(Relaxed));
        rounds.sum()
    }

    /// All values of all rounds.
    pub fn sums(&self) -> Sums {
        let mut all = Sums::default();
        self.books
            .iter()
            .for_each(|book| all.add(*lock(&book.sums)));
        all
    }

    /// Prints what came of each job.
    pub fn print(&self) {
        for (job, book) in self.jobs.iter().zip(&self.books) {
            let sums = *lock(&book.sums);
            println!(
                "{:12} {:>8} rounds, {:>9} values: {:>9} arrived, {:>8} came back, {:>7} discarded",
                job.name,
                book.rounds.load(Relaxed),
                sums.made,
                sums.arrived,
                sums.came_back,
                sums.discarded
            );
        }
    }
}

/// Nothing that is under one of these locks panics, or parks.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
