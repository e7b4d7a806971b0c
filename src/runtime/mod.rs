//! The runtime: its settings, and what it can say about itself.
//!
//! It starts by itself at first use, from any thread; a [`Config`] installed before that, the keys of
//! `#[sudog::main]`, and the environment (see [`Config`]) say how. There is one a process.

// Beneath: Go's G, M and P, and the gate through which everything above comes.
//
// **The three nouns.** A *G* is a goroutine: a stack and a place on it. An *M* is a thread. A *P* is
// the right to run goroutines, with the queue and the caches that go with it; there are as many as
// goroutines may run at once. An M that has a P takes Gs from the P's queue and runs them; one
// without a P sleeps, or sits in a call that blocks the thread.
//
// **Why P is apart from M.** With one queue for all, every spawn and every wake takes the same lock.
// With a queue for each thread, a thread that blocks in a system call takes its queue down with it,
// and hands its goroutines over one by one. With P apart, the queue, the warm stacks and the free
// records change threads by one swap of one word.
//
// **A goroutine's life.** Spawned into its P's `runnext`, without a stack. Taken by an M, which binds
// a stack and runs it there. It *parks*: control goes back to the M's stack first, and only there the
// last step of the operation (unlocking the channel) makes it findable; so nobody can run it before
// its context is saved. Whoever ends its wait *readies* it, into `runnext` of its own P: it runs as
// soon as the waker parks, with its value in the cache. It ends; the stack goes back to the P.
//
// **What is rejected.** Goroutine-to-goroutine switches (scheduler code on goroutine stacks would
// meet stale thread-locals); waking a thread for every readied goroutine (that costs a hundred
// times a switch); moving stacks (Rust has pointers into them); stopping goroutines by signals (any
// instruction could then be a park, also those inside `malloc`).
//
// **The gate.** Nothing above this file sees the scheduler: `mod sched` is private. What is here:
// `enter`, `enter_blocking` and the `Token` they give, with `waiter`, `park` and `ready`, and their
// early forms for a wait that may be over before it begins (latch.rs);
// `Sudog`, `WaitQ` and `Commit` to park with; `register` and the `PollDesc` it gives, to wait for a
// descriptor; `spawn`, `blocking`, `yield_now`; `locals`, the table of `goroutine_local!`.

mod cells;
pub(crate) mod claim;
mod config;
mod coro;
pub(crate) mod g;
#[cfg_attr(
    not(feature = "net"),
    allow(dead_code, reason = "nobody is interrupted")
)]
pub(crate) mod interrupt;
mod latch;
pub(crate) mod locals;
mod m;
pub(crate) mod name;
#[cfg_attr(not(feature = "net"), allow(dead_code, reason = "nobody opens it"))]
pub(crate) mod netpoll;
mod own_task;
mod p;
mod pace;
pub(crate) mod parker;
mod pword;
mod room;
mod runq;
mod sched;
pub(crate) mod stack;
mod stats;
mod status;
pub(crate) mod sudog;
pub(crate) mod task;
mod timer;
pub(crate) mod waiter;

pub(crate) use claim::Ticket;
pub(crate) use config::check_stack_size;
pub use config::{AlreadyStarted, Config, OnPanic};
pub(crate) use coro::Commit;
pub(crate) use g::{Entry, GRef, Identity, Place, WaitReason};
pub(crate) use interrupt::Interrupt;
pub(crate) use locals::{Header as LocalHeader, Local, Locals, Slot as LocalSlot};
pub(crate) use m::{drop_locals, locals, random};
pub(crate) use name::Name;
#[doc(hidden)]
pub use name::StaticName;
#[cfg(feature = "net")]
pub(crate) use netpoll::{Direction, PollDesc, Tick};
pub(crate) use own_task::OwnTask;
pub(crate) use sched::blocking::{blocking, sleep_in_place};
pub(crate) use sched::deadlock::REPORT as REPORT_DEADLOCK;
#[cfg(feature = "net")]
pub(crate) use sched::descriptor::{checkpoint, register, unregister};
pub(crate) use sched::interrupt::interruptible;
#[cfg(feature = "net")]
pub(crate) use sched::interrupt::interruption;
pub(crate) use sched::no_park::{
    begin_no_park, check_park, end_no_park, is_park_forbidden, refuse_park, unfailing,
};
pub(crate) use sched::os_thread::lock_thread;
pub use sched::os_thread::{OsThreadGuard, lock_os_thread};
pub(crate) use sched::park::{
    Parked, Token, current_g, end_early, enter, enter_blocking, leave, yield_now,
};
#[cfg(feature = "signal")]
pub(crate) use sched::quit::{answer_quit, leave_quit_to_program, take_quit_back};
pub(crate) use sched::spawn::{next_id, place, place_in, spawn, spawn_task, take_out};
pub(crate) use sched::system_stack::on_system_stack;
pub(crate) use sched::timing::{call_after, far_future, wake_at};
pub(crate) use sched::woken::{Tasks, Woken};
pub use stats::Stats;
pub(crate) use sudog::{Outcome, Sudog, Turn, WaitQ};
pub(crate) use task::Task;
pub(crate) use timer::Deferred;
pub(crate) use waiter::{Kind, Waiter};

use std::io;
use std::time::Duration;

impl Config {
    /// Starts the runtime with these settings.
    ///
    /// # Errors
    /// [`AlreadyStarted`] if the runtime was used before; then nothing changes. [`set_max_procs`] changes the
    /// number of processors later too.
    ///
    /// # Examples
    /// ```
    /// use sudog::runtime::{Config, OnPanic};
    ///
    /// Config::new().on_panic(OnPanic::Exit).install().expect("the first thing that the program does");
    /// ```
    pub fn install(self) -> Result<(), AlreadyStarted> {
        let mut is_first = false;
        sched::start_with(|| {
            is_first = true;
            self.into_settings()
        });
        if is_first {
            Ok(())
        } else {
            Err(AlreadyStarted)
        }
    }

    /// Starts the runtime with these settings, or gives the one that runs their number of Ps and checks
    /// that the others are its own.
    ///
    /// # Panics
    /// If it runs with others.
    #[track_caller]
    pub(crate) fn install_or_check(self) {
        if self.clone().install().is_ok() {
            return;
        }
        if let Some(key) = self.differs_from(settings()) {
            panic!(
                "the runtime was already started with another {key}; one runtime serves the process: say the \
                 same in each `#[sudog::main]`, `#[sudog::test]` and `Config`, or in none"
            );
        }
        self.asked_procs().map(set_max_procs);
    }
}

/// The settings the scheduler was started with; starts it if need be.
pub(crate) fn settings() -> &'static config::Settings {
    sched::sched().settings()
}

/// Writes every goroutine with what it does to `w`, as Go's traceback does.
///
/// They come in the order of their numbers, each with its name if it has one, what it waits for and for
/// how many minutes, where it waits, and where it was spawned. Goroutines that run or could run are listed
/// without a place: only their own stack knows it. There is no backtrace: std can walk no stack but the
/// one that it stands on.
///
/// Works at any moment and on any thread, in a goroutine too, and stops nobody: each goroutine is shown as
/// it was when its turn came. One that ends meanwhile may be missing, and one that starts meanwhile too.
/// Does not block, unless `w` does.
///
/// With `SUDOG_TRACEBACK=all` in the environment SIGQUIT prints the same (see [`Config`]).
///
/// # Errors
/// Those of `w`.
///
/// # Examples
/// ```
/// use sudog::chan::bounded;
/// use sudog::{Builder, runtime, time};
/// use std::time::Duration;
///
/// sudog::run(|| {
///     let (tx, rx) = bounded::<()>(0);
///     let acceptor = Builder::new().name("acceptor").spawn(move || rx.recv()).unwrap();
///     time::sleep(Duration::from_millis(10)); // let it begin
///
///     let mut text = Vec::new();
///     runtime::dump(&mut text).unwrap();
///     let text = String::from_utf8(text).unwrap();
///     // goroutine 2 'acceptor' [chan receive]:
///     //     waits at src/main.rs:7:72
///     //     spawned at src/main.rs:7:53
///     assert!(text.contains(" 'acceptor' ["));
/// #   drop(tx);
/// #   assert!(acceptor.join().unwrap().is_err());
/// });
/// ```
pub fn dump(w: &mut impl io::Write) -> io::Result<()> {
    sched::dump::write_all(w)
}

/// Returns numbers about the runtime: goroutines by state, queues, time slices, stacks, timers.
///
/// Starts the runtime if it was not used before. It stops nobody, and looks at each goroutine once, so
/// it takes longer the more there are. Does not block.
///
/// # Examples
/// ```
/// sudog::run(|| {
///     let stats = sudog::runtime::stats();
///     assert_eq!((stats.goroutines, stats.running), (1, 1));
///     assert_eq!(stats.local_queues.len(), stats.procs);
/// });
/// ```
pub fn stats() -> Stats {
    sched::stats::gather()
}

/// Sets how long a goroutine may hold its thread before it is named on standard error; `None`, the
/// default, for no limit.
///
/// For finding what keeps others waiting: a call that blocks the thread, a computation that never lets
/// others run. The line says who it is, how long it has been on its thread without waiting or giving up
/// its turn, and where it was spawned:
///
/// ```text
/// sudog: goroutine 7 'indexer' has held its thread for 104 ms, spawned at src/main.rs:12:5
/// ```
///
/// It comes once for each such stretch. A goroutine within [`blocking`](crate::blocking) is not named. The
/// runtime looks about every 10 ms, so the line may come that much later. `SUDOG_DEBUG=stall=100ms` in
/// the environment does the same, until this is called. Starts the runtime if it was not used before.
///
/// # Examples
/// ```
/// use std::time::Duration;
///
/// sudog::runtime::set_stall_report(Some(Duration::from_millis(100)));
/// ```
pub fn set_stall_report(limit: Option<Duration>) {
    sched::sched().settings();
    sched::stall::set_limit(limit);
}

/// Returns how many goroutines can run at once: the number of Ps.
///
/// Starts the runtime if it was not used before. See [`Config`] for where the number comes from; where
/// nobody gave one it follows the CPUs and quotas that the system allows, looked at every second.
///
/// # Examples
/// ```
/// assert!(sudog::runtime::max_procs() >= 1);
/// ```
pub fn max_procs() -> usize {
    sched::sched().procs().wanted()
}

/// Sets how many goroutines can run at once, while they run, and returns how many there were; 0 only reads.
///
/// On return there are that many Ps: surplus ones were taken from the goroutines that had them. Those
/// that compute without a call into this crate go on beside the others until their next blocking call.
/// Starts the runtime if it was not used before. Blocks the thread for a moment, and never switches.
///
/// # Panics
/// If `n` is above 4096.
///
/// # Examples
/// ```
/// use sudog::runtime::{max_procs, set_max_procs};
///
/// let before = set_max_procs(1);
/// assert_eq!(max_procs(), 1);
/// assert_eq!(set_max_procs(before), 1);
/// ```
#[track_caller]
pub fn set_max_procs(n: usize) -> usize {
    assert!(
        n <= config::MAX_PROCS,
        "max_procs must be at most {}, not {n}",
        config::MAX_PROCS
    );
    if n == 0 {
        max_procs()
    } else {
        sched::sched().procs().set(n)
    }
}

/// Returns how many goroutines there are: spawned and not yet ended.
///
/// While goroutines start and end the number is out of date when you read it, and may be off by as
/// many as changed meanwhile.
///
/// # Examples
/// ```
/// sudog::run(|| assert_eq!(sudog::runtime::num_goroutines(), 1));
/// ```
pub fn num_goroutines() -> usize {
    sched::spawn::live()
}

/// Waits until no goroutine is left, but not longer than `timeout`; true if none is.
///
/// Goroutines that themselves wait here do not count. Blocks the goroutine, or the thread on a plain
/// thread. The answer may come up to 10 ms after the last goroutine has ended: this is for tests and
/// for shutting down, not for synchronising; [`WaitGroup`](crate::sync::WaitGroup) is.
///
/// # Examples
/// ```
/// use std::time::Duration;
///
/// sudog::go!(|| println!("done"));
/// assert!(sudog::runtime::wait_idle(Duration::from_secs(10)));
/// ```
#[track_caller]
pub fn wait_idle(timeout: Duration) -> bool {
    let at = std::panic::Location::caller();
    !sched::sched().is_started() || sched::sched().sysmon.wait_idle(timeout, at)
}
