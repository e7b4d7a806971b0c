//! The table of jobs, and what their rounds have in common.
//!
//! A round begins with dice and an empty account, does its work with goroutines and threads of its own, and
//! ends when it has joined them, or knows that they will end soon. It panics where something is not as it
//! must be. All jobs may be played on a goroutine and on a plain thread, and any number of rounds at once.

mod broadcasts;
mod channels;
mod contexts;
mod datagrams;

mod goroutines;
mod groups;
mod hogs;
mod locks;
mod once;
mod permits;
mod pollables;
mod procs;
mod selecting;
mod streams;
mod tasks;
mod timers;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Task, Poll, Waker};
use std::time::Duration;

use super::dice::Dice;
use super::faults::{self, Fault};
use super::ledger::Account;
use sudog::context::{CancelFunc, Context};

/// A kind of work.
pub struct Job {
    pub name: &'static str,
    pub what: &'static str,
    pub play: fn(&mut Round),
}

/// What a round is played with.
pub struct Round {
    pub dice: Dice,
    pub values: Arc<Account>,
}

macro_rules! jobs {
    ($($name:ident: $what:literal,)*) => {
        /// All of them.
        pub static JOBS: &[Job] = &[$(Job {
            name: stringify!($name),
            what: $what,
            play: $name::play,
        }),*];
    };
}

jobs! {
    broadcasts: "values that all get, or are told how many they missed",
    channels: "senders and receivers of all sorts on one channel, that leave, panic, or close it",
    contexts: "trees of contexts, cancelled and timed out, and everything that waits under one",
    datagrams: "UDP and Unix datagrams, answered, timed out, closed",
    goroutines: "all ways to start and to end one: results, panics, handles dropped, locals, stacks",
    groups: "scopes, groups and error groups, with errors and panics",
    hogs: "loops, sleeping threads, files and std's locks, beside those who want to run",
    locks: "mutexes, read-write locks and condition variables, with panics under the lock",
    once: "things done once: Once, OnceLock, LazyLock, SingleFlight, and a Pool",
    permits: "semaphores, barriers and wait groups",
    pollables: "pipes of the system, and signals",
    procs: "the number of processors up and down, statistics, dumps",
    selecting: "select over channels, timers and ends, with guards, late values and panics in them",
    streams: "TCP, Unix and in-memory connections, copied through a relay; reset, closed, cancelled",
    tasks: "async faces, many in one task, polled and dropped, on executors of several kinds",
    timers: "sleeps, timers, tickers and functions for later, stopped and set anew",
}

impl Round {
    pub fn new(seed: u64) -> Round {
        Round {
            dice: Dice::new(seed),
            values: Arc::default(),
        }
    }
}

/// A context that ends soon or never, by a deadline or because somebody cancels it.
fn context(dice: &mut Dice) -> (Context, CancelFunc) {
    let limit = dice.micros(3_000);
    match dice.below(3) {
        0 => {
            faults::strike(Fault::Deadline);
            Context::background().with_timeout(limit)
        }
        1 => {
            faults::strike(Fault::Cancel);
            let (ctx, cancel) = Context::background().with_cancel();
            let later = cancel.clone();
            sudog::time::after_func(limit, move || later.cancel());
            (ctx, cancel)
        }
        _ => Context::background().with_cancel(),
    }
}

/// Polls a future once, without a waker.
fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Task::from_waker(Waker::noop()))
}

/// Lets others run, or not.
fn dawdle(dice: &mut Dice) {
    match dice.below(12) {
        0 => sudog::time::sleep(dice.micros(300)),
        1 | 2 => sudog::yield_now(),
        3 => std::thread::yield_now(),
        4 if dice.one_in(20) => std::thread::sleep(Duration::from_millis(1)),
        _ => {}
    }
}
