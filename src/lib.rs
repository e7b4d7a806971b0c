//! Go's way of working, in Rust: goroutines, channels, and blocking calls that only park the goroutine.
//!
//! [`go!`] starts a goroutine; [channels](chan) connect goroutines, and plain threads, with each other;
//! a [`WaitGroup`](sync::WaitGroup), a [`JoinHandle`] or a [`scope`] waits for their end. Beneath it is
//! a scheduler of Go's kind: goroutines on stacks of their own, run by as many processors (Go's word: a *P* is
//! what a thread must hold to run goroutines) as there are CPUs, which take work from each other. You write
//! plain sequential code; there is no `async` and nothing to colour.
//!
//! ```
//! use sudog::{chan, go};
//!
//! fn main() {
//!     sudog::run(|| {
//!         let (tx, rx) = chan::bounded(8);
//!         for worker in 1..=3 {
//!             let tx = tx.clone();
//!             go!(move || tx.send(worker * worker).unwrap());
//!         }
//!         drop(tx);
//!         assert_eq!(rx.iter().sum::<i32>(), 14);
//!     });
//! }
//! ```
//!
//! `#[sudog::main]` on `main` does what `run` does here, and adds what belongs to a whole program:
//! when `main` returns the process ends, as in Go, and when all goroutines wait for each other it says
//! so and ends.
//!
//! Where several goroutines do one thing, start them in a [`group`]: they may borrow, it waits for them all,
//! and the first error cancels the context of the rest and comes out:
//!
//! ```
//! use std::{fs, io};
//! use sudog::context::Context;
//! use sudog::signal::{self, Signal};
//!
//! #[sudog::main]
//! fn main() -> io::Result<()> {
//!     // Ctrl-C ends `ctx`, and with it what waits under it.
//!     let (ctx, _stop) = signal::notify_context(&Context::background(), &[Signal::SIGINT])?;
//!     let paths = ["Cargo.toml", "Cargo.lock"];
//!     let mut sizes = [0; 2];
//!     sudog::group(&ctx, |g| {
//!         for (path, size) in paths.iter().zip(&mut sizes) {
//!             g.go(move || {
//!                 *size = sudog::blocking(|| fs::read(path))?.len();
//!                 io::Result::Ok(())
//!             });
//!         }
//!         Ok(())
//!     })?;
//!     println!("{} bytes", sizes.iter().sum::<usize>());
//!     Ok(())
//! }
//! ```
//!
//! A wait that should end with the others takes the group's context: [`g.context()`](Group::context).
//!
//! The [`guide`] has the [patterns](guide::patterns) of Go programs, whole, and says what is called how for those
//! who come from [Go](guide::from_go), from [tokio](guide::from_tokio) or from
//! [crossbeam-channel](guide::from_crossbeam_channel).
//!
//! # Platforms, and how to get it
//!
//! It runs on Linux on x86-64, where it is tested, and needs Rust 1.95 or later. For aarch64 and for kqueue there
//! is some code under `cfg`, never run there; on systems other than Linux the crate does not compile.
//!
//! It is not on crates.io yet. A program names a checkout or a repository in its `Cargo.toml`:
//!
//! ```toml
//! [dependencies]
//! sudog = { path = "../sudog" } # or { git = ".." }, with the address that you cloned it from
//! ```
//!
//! # The contract
//!
//! A goroutine may go on **on another thread** after every blocking call of this crate. Rust cannot see
//! that, so it is yours to keep in mind: **no reference into a thread-local, and no guard that belongs
//! to a thread, may live across a blocking call.** Such guards are `std::sync::MutexGuard`, the
//! `StdoutLock` of `stdout().lock()`, tokio's `EnterGuard`, tracing's `Entered`, a `ThreadRng` that is kept.
//! The sign is a guard that is not `Send`. Take them, use them, and drop them before you block; `println!` is
//! fine. The same goes for a callback of yours that a library calls while it holds such a guard, and for the
//! closure of a `std::thread::scope`, which in the end waits on the parker of the thread on which it began: take
//! [`scope()`], or hold the guard of [`runtime::lock_os_thread`] from before it until after it.
//!
//! What a thread-local is for a thread, a [`goroutine_local!`] is for a goroutine: it goes where the
//! goroutine goes, and may be held across blocking calls. [`sync`] has locks that may be. [`no_park`] guards
//! a stretch of code that must stay on its thread: in debug builds a call that has to wait panics there.
//!
//! Which calls block:
//!
//! - [`send`](chan::Sender::send) and [`recv`](chan::Receiver::recv) and their forms with a time limit,
//!   [`select!`] and [`select_biased!`](crate::select_biased) without a plain `default`, and iterating a receiver;
//! - [`lock`](sync::Mutex::lock), [`read`](sync::RwLock::read), [`write`](sync::RwLock::write), a mutex's
//!   [`unlocked`](sync::MutexGuard::unlocked) and [`bump`](sync::MutexGuard::bump),
//!   [`acquire`](sync::Semaphore::acquire), waiting on a [`Condvar`](sync::Condvar) or a
//!   [`Barrier`](sync::Barrier), receiving from a [`Broadcast`](sync::Broadcast), and their forms with a limit;
//! - the same under a [`Context`](context::Context), and its `sleep`, and the end of a [`group`];
//! - [`join`](JoinHandle::join) and [`join_timeout`](JoinHandle::join_timeout),
//!   [`wait`](sync::WaitGroup::wait) and [`wait_timeout`](sync::WaitGroup::wait_timeout), the end of a
//!   [`scope`], [`run`], [`block_on`], [`runtime::wait_idle`];
//! - [`sleep`](time::sleep) and [`sleep_until`](time::sleep_until);
//! - [`Once`](sync::Once)'s `call_once` and `wait`, [`OnceLock`](sync::OnceLock)'s `set`, `get_or_init` and
//!   `wait`, the first use of a [`LazyLock`](sync::LazyLock) (a plain dereference too),
//!   [`SingleFlight::run`](sync::SingleFlight::run), and [`ErrGroup`](sync::ErrGroup)'s `go` at its limit and
//!   `wait`;
//! - the dynamic [`Select`](chan::Select)'s `select` and `ready`;
//! - what reads, writes, accepts, connects or looks names up in `net` and `io`, also where it need not wait;
//! - [`blocking`] and [`yield_now`].
//!
//! Every method that blocks says so in its documentation. All of them may give up their turn, when the time
//! slice is over, even if they need not wait. Everything else never does: `try_send`, `try_recv`, `spawn`,
//! `go!`, `close`, `done`, a timer's `stop` and `reset`, observers, and every drop.
//!
//! # What else to know
//!
//! - **What blocks outside this crate** (files, `std::thread::sleep`, a C library) or computes for long does
//!   not hold up the others: the runtime takes the P from a goroutine that does not come back when one is
//!   needed. Its watcher looks every 20 us to 10 ms, and takes the P of a thread that sleeps as soon as it is
//!   sure, and a busy one's after 10 ms, or later the more such loops there are: 10 ms more for each
//!   2 * [`max_procs`](runtime::max_procs) of them. The goroutine goes on on its thread and waits for a P at its
//!   next blocking call. [`blocking`] hands the P over at once.
//! - **Panics** end their goroutine only (with `panic = "abort"`, the process); `join` gives them out, and
//!   [`runtime::OnPanic`] can say otherwise. One of `main` ends the process, with code 101. The goroutine's
//!   number and name are printed by a hook that is put before std's when the runtime starts; one that you set
//!   afterwards takes its place. While a goroutine unwinds it keeps its thread.
//! - **Stacks** are 256 KiB (1 MiB in debug builds, 8 MiB for `main`, `run` and tests), and do not grow.
//!   Running over the end is a message that names the goroutine, and an abort. [`Builder::stack_size`]
//!   gives a larger one, and [`on_system_stack`] the 8 MiB of the thread for one call; memory is used as it is
//!   touched. On kernels before 6.13 there are about 13,800 at the default `vm.max_map_count`; goroutines beyond
//!   wait for one.
//! - **A goroutine that waits for ever** is leaked with what it owns, as in Go.
//! - **Nothing stops a goroutine from outside**: give it a [`Context`](context::Context), or close what it
//!   waits for.
//! - **Not promised:** fairness between goroutines beyond first come, first served at a channel and what
//!   [`Mutex`](sync::Mutex) promises; an order in which goroutines run; anything in a child after `fork`; use in
//!   signal handlers.
//!
//! # Features
//!
//! All three are on by default. What is not named here is always there.
//!
//! | feature | what is there with it only |
//! |---|---|
//! | `macros` | [`go!`], [`select!`] and [`select_biased!`](crate::select_biased), [`#[sudog::main]`](macro@main), [`#[sudog::test]`](macro@test) |
//! | `net` | [`net`] and [`io`] |
//! | `signal` | [`signal`] |
//!
//! Without `macros` the same takes more words: [`spawn`], the dynamic [`Select`](chan::Select), [`run`].
#![cfg_attr(
    not(all(feature = "macros", feature = "net", feature = "signal")),
    allow(
        rustdoc::broken_intra_doc_links,
        rustdoc::private_intra_doc_links,
        reason = "some of what is linked to is left out"
    )
)]

mod sys;

pub mod chan;
pub mod context;
mod go;
mod group;
pub mod guide;
#[cfg(feature = "net")]
pub mod io;
mod local;
#[cfg(feature = "net")]
pub mod net;
pub mod runtime;
mod scope;
#[cfg(feature = "signal")]
pub mod signal;
pub mod sync;
pub mod time;
mod util;

pub use go::entry::run;
pub use go::{
    Builder, Goroutine, JoinHandle, NoPark, block_on, blocking, current, no_park, on_system_stack,
    spawn, yield_now,
};
pub use group::{Group, group};
pub use local::{AccessError, LocalKey};
pub use scope::{Scope, ScopedJoinHandle, scope};

#[cfg(feature = "macros")]
pub use sudog_macros::{main, test};

/// Starts a goroutine, in Go's form.
///
/// Gives the [`JoinHandle`]. Only the tokens matter, not the brackets:
///
/// - **a closure or a path** is spawned as it is;
/// - **one call** without a `;` behind it: what it is called on and its arguments are evaluated here
///   and moved in, the call itself runs in the goroutine, which is named after the callee. In
///   `go!(a(x).b(y))` only `.b` is deferred, and so `go!(tx.send(1).unwrap())` sends here: write
///   `go! { tx.send(1).unwrap(); }`;
/// - **anything else** is the body of a `move` closure, in which `return` and `?` end the goroutine.
///
/// In the middle of a block `go! { .. }` needs a `;` behind it, since it has a value.
///
/// # Examples
/// ```
/// use sudog::{chan, go};
///
/// fn square(n: u64, out: chan::Sender<u64>) {
///     out.send(n * n).unwrap();
/// }
///
/// let (tx, rx) = chan::bounded(0);
/// go!(square(3, tx.clone()));
/// assert_eq!(rx.recv(), Ok(9));
/// go! {
///     tx.send(1).unwrap();
///     tx.send(2).unwrap();
/// };
/// assert_eq!(rx.iter().sum::<u64>(), 3);
/// assert_eq!(go!(|| "done").join().unwrap(), "done");
/// ```
#[cfg(feature = "macros")]
#[macro_export]
macro_rules! go {
    ($($tokens:tt)*) => { $crate::__private::go! { ($crate) $($tokens)* } };
}

/// The programs of README.md, for the doc tests.
#[cfg(all(doctest, feature = "macros", feature = "signal"))]
#[doc = include_str!("../README.md")]
struct Readme;

/// For the macros only.
#[doc(hidden)]
pub mod __private {
    pub use crate::chan::__select as select;
    pub use crate::go::entry::{main, test};
    pub use crate::go::spawn_named;
    pub use crate::local::local_key;
    pub use crate::runtime::StaticName;
    #[cfg(feature = "macros")]
    pub use sudog_macros::{go, select, select_biased};
}
