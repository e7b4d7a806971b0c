//! What the tests share: bounded bodies and waits, seeds, and a process for those who need one.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::child::{self, Output};

/// How long a test may take: far longer than any does, also beside others on a busy machine.
pub const LIMIT: Duration = Duration::from_secs(120);

/// Runs `body` as a goroutine and fails if it has not ended in time.
#[track_caller]
pub fn goroutine(body: impl FnOnce() + Send + 'static) {
    thread(|| sudog::run(body));
}

/// Runs `body` on a plain OS thread and fails if it has not ended in time.
#[track_caller]
pub fn thread(body: impl FnOnce() + Send + 'static) {
    let (report, ended) = mpsc::channel();
    thread::spawn(move || report.send(catch_unwind(AssertUnwindSafe(body))));
    match ended.recv_timeout(LIMIT) {
        Ok(Ok(())) => {}
        Ok(Err(payload)) => resume_unwind(payload),
        Err(_) => panic!("still running after {LIMIT:?}"),
    }
}

/// Runs `body` as a goroutine with a random generator, whose seed it prints.
#[track_caller]
pub fn stress(body: impl FnOnce(Rng) + Send + 'static) {
    let rng = Rng::new();
    goroutine(move || body(rng));
}

/// The same on a plain thread.
#[track_caller]
pub fn stress_threads(body: impl FnOnce(Rng) + Send + 'static) {
    let rng = Rng::new();
    thread(move || body(rng));
}

/// Runs rounds on plain threads, each of which must end in time, for SUDOG_STRESS_SECONDS or else a
/// second. Prints a seed for all and how many rounds there were.
#[track_caller]
pub fn endure(round: fn(&mut Rng)) {
    let seconds = std::env::var("SUDOG_STRESS_SECONDS").map_or(1, |n| n.parse().expect("a number"));
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut rng = Rng::new();
    let mut count = 0;
    while count == 0 || Instant::now() < end {
        let mut rng = rng.split();
        thread(move || round(&mut rng));
        count += 1;
    }
    println!("{count} rounds");
}

/// Runs `body` alone in a process of its own, with these environment variables and no other that
/// sets a key of `Config`. In that process it returns none, outside what the process printed.
#[track_caller]
pub fn alone<F: FnOnce()>(vars: &[(&str, &str)], body: F) -> Option<Output> {
    alone_in_each(&[vars], body).pop()
}

/// The same in a process for each of these sets of variables; outside, what they printed.
#[track_caller]
pub fn alone_in_each<F: FnOnce()>(sets: &[&[(&str, &str)]], body: F) -> Vec<Output> {
    let test = name_of(&body);
    if std::env::var(ALONE).is_ok_and(|name| name == test) {
        body();
        println!("\n{DONE}");
        return Vec::new();
    }
    let in_each = |vars: &&[(&str, &str)]| {
        let output = again(&test, vars);
        output.assert_code(0);
        output.assert_stdout(DONE);
        output
    };
    sets.iter().map(in_each).collect()
}

/// Runs `body` in a process of its own with this many Ps.
#[track_caller]
pub fn alone_on(procs: usize, body: impl FnOnce()) -> Option<Output> {
    alone(&[("SUDOG_MAXPROCS", &procs.to_string())], body)
}

/// Runs `body` in a process of its own with as many Ps as this one has.
#[track_caller]
pub fn alone_here(body: impl FnOnce()) -> Option<Output> {
    alone_on(sudog::runtime::max_procs(), body)
}

/// The variable that tells a child which test it is for.
pub const ALONE: &str = "SUDOG_TEST_ALONE";

/// What a child prints when its test has come to its end.
const DONE: &str = "alone: done";

/// Runs the test of this name in a new process, however it ends.
pub fn again(test: &str, vars: &[(&str, &str)]) -> Output {
    let mut command = Command::new(std::env::current_exe().expect("we have a path"));
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]);
    for name in ["SUDOG_MAXPROCS", "GOMAXPROCS", "SUDOG_STACK", "SUDOG_PANIC"] {
        command.env_remove(name);
    }
    command.env(ALONE, test);
    command.envs(vars.iter().copied());
    child::run(&mut command)
}

/// The test that `body` was written in: `it::chan::name::{{closure}}` without its ends.
fn name_of<F>(_body: &F) -> String {
    let path = std::any::type_name::<F>();
    let (_, path) = path.split_once("::").expect("a path starts with its crate");
    path.split("::{{closure}}")
        .next()
        .expect("split gives one part")
        .to_owned()
}

/// Waits for something to become true.
#[track_caller]
pub fn wait_until(mut holds: impl FnMut() -> bool) {
    let limit = Instant::now() + LIMIT / 2;
    while !holds() {
        assert!(Instant::now() < limit, "waited in vain for {:?}", LIMIT / 2);
        pause();
    }
}

/// Lets other goroutines run, and other threads.
fn pause() {
    if sudog::current().is_none() {
        return thread::sleep(Duration::from_micros(100));
    }
    for _ in 0..16 {
        sudog::yield_now();
    }
    sudog::blocking(|| thread::sleep(Duration::from_micros(50)));
}

/// Lets what can run do so for a while. This makes a test sharper; none fails for want of it.
pub fn settle() {
    let end = Instant::now() + Duration::from_millis(1);
    while Instant::now() < end {
        pause();
    }
}

/// Asserts that `round` holds far more often than chance would have it. Who comes first to a queue
/// cannot be forced from outside, only be made likely: a wrong order fails in all rounds but few.
#[track_caller]
pub fn mostly(mut round: impl FnMut() -> bool) {
    let held = (0..100).filter(|_| round()).take(5).count();
    assert_eq!(held, 5, "it held in {held} of 100 rounds");
}

/// How many rounds a stress test makes: more where the code is fast, and SUDOG_TEST_ROUNDS times as
/// many for those who look for a rare bug.
pub fn rounds(count: usize) -> usize {
    let factor = std::env::var("SUDOG_TEST_ROUNDS").map_or(1, |n| n.parse().expect("a number"));
    factor
        * if cfg!(debug_assertions) {
            count
        } else {
            4 * count
        }
}

/// So many rounds, but no new one once a quarter of a test's time is over: where the CPU belongs to
/// others, every switch from thread to thread may take as long as theirs do. Clones have the same time.
pub fn in_time(count: usize) -> impl Iterator<Item = usize> + Clone + Send + 'static {
    let end = Instant::now() + LIMIT / 4;
    (0..count).take_while(move |n| *n == 0 || Instant::now() < end)
}

/// The text that a panic was raised with.
pub fn text(payload: Box<dyn Any + Send>) -> String {
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => match payload.downcast::<&'static str>() {
            Ok(text) => text.to_string(),
            Err(_) => panic!("the payload is not a text"),
        },
    }
}

/// Ends the goroutine as a panic does, without a message on stderr.
pub fn quiet_panic(text: &'static str) -> ! {
    resume_unwind(Box::new(text))
}

/// Marsaglia's xorshift.
#[derive(Clone)]
pub struct Rng(u64);

impl Rng {
    /// Starts with SUDOG_TEST_SEED or at random, and prints which.
    fn new() -> Rng {
        let seed = match std::env::var("SUDOG_TEST_SEED") {
            Ok(seed) => seed.parse().expect("SUDOG_TEST_SEED is a number"),
            Err(_) => {
                use std::hash::{BuildHasher, RandomState};
                RandomState::new().hash_one(0)
            }
        };
        println!("replay with SUDOG_TEST_SEED={seed}");
        Rng(seed | 1)
    }

    /// A generator for another hand, its numbers unlike this one's.
    pub fn split(&mut self) -> Rng {
        Rng(self.next().wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number under `end`.
    pub fn below(&mut self, end: usize) -> usize {
        ((self.next() >> 32) as usize) % end
    }

    /// True in one of `n` cases.
    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}
