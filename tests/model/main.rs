//! The protocols of the runtime, tried in every order: one module per protocol, and what they need.
//!
//! Each model includes the very source files that hold its protocol, by path, and drives them with
//! as few threads, goroutines and Ps as show the race. What those files name is here under the same
//! path, real or as a double:
//!
//! | module | holds |
//! |---|---|
//! | `sys` | the checker's atomics under std's names, its lock, a futex, a poller, a clock; the real `note` and `published` |
//! | `chan` | the real channels |
//! | `context` | the real tree of contexts |
//! | `net` | the real memory of short reads |
//! | `sync` | the real mutexes and all else one waits with |
//! | `runtime` | the real protocol files, among doubles of G, M, P and the scheduler |
//! | `deque` | a double of the work-stealing deque, with the orders of the real one |
//! | `search` | a search through explicit states, for what the checker does not know |
//! | `trace` | the accesses of a run that fails; set `MODEL_TRACE` to see them |
//!
//! A model that holds proves little if it cannot fail. So beside the protocols stand variants with a
//! fence, a barrier or an atomic swap taken out, and their tests are that the model finds what goes
//! wrong.
//!
//! Where a model is bounded it is by the number of preemptions, that is, of times a thread is put
//! off although it could go on; each test says so by its first argument to [`check`]. Most bugs need
//! two or three, but the checker prunes orders that look alike, and with a bound it may prune the one
//! that counts: a test whose bound is none says more than one whose bound is two.

#![allow(
    dead_code,
    reason = "the sources included here hold more than the models drive"
)]

// `runq.rs` finds the double of the deque under the name of the crate that has the real one.
extern crate self as crossbeam_deque;
use deque::{Steal, Stealer, Worker};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

mod chan;
mod deque;
mod net;
mod runtime;
mod search;
mod sys;
mod trace;
mod util;
mod go {
    //! What `WaitGroup` and contexts name of `go`; no model spawns.

    use std::panic::Location;

    pub(crate) struct JoinHandle<T>(std::marker::PhantomData<T>);

    pub(crate) fn spawn<T>(_: impl FnOnce() -> T) -> JoinHandle<T> {
        unimplemented!("no model spawns")
    }

    /// Runs it at once, for a context that has ended.
    pub(crate) fn spawn_at(_: &'static Location<'static>, f: impl FnOnce()) {
        f();
    }
}
#[allow(unused_imports, reason = "the models do not name all that is public")]
#[path = "../../src/sync/mod.rs"]
mod sync;

mod broadcast;
mod channel;
mod claim;
mod condvar;
mod contest;
#[allow(unused_imports, reason = "the models do not name all that is public")]
mod context;
mod drained;
mod goroutine;
mod handover;
mod hold;
mod idle;
mod latch;
mod locked;
mod mutex;
mod netpoll;
mod note;
mod offer;
mod once;
mod park_ready;
mod poller;
mod procs;
mod published;
mod reap;
mod runq;
mod rwlock;
mod select;
mod semaphore;
mod share;
mod timer;
mod timing;
mod waitgroup;
mod watch;

/// Runs `model` in every order of its threads' accesses, with every value that a read may give;
/// with a bound, in those orders that put off a thread that often at most.
fn check(preemptions_max: Option<usize>, model: impl Fn() + Send + Sync + 'static) {
    let runs = Arc::new(AtomicUsize::new(0));
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = preemptions_max;
    builder.max_branches = 5_000;
    let run = {
        let runs = runs.clone();
        move || {
            runtime::nouns::forget_all();
            sys::os::reset_clock();
            sys::poller::forget();
            trace::clear();
            runs.fetch_add(1, Ordering::Relaxed);
            model();
        }
    };
    let result = catch_unwind(AssertUnwindSafe(|| builder.check(run)));
    println!("{} orders", runs.load(Ordering::Relaxed));
    if let Err(payload) = result {
        trace::print();
        resume_unwind(payload);
    }
}
