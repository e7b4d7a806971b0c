//! Waiting for descriptors: no event, close, interrupt or deadline is missed.
//!
//! These models run the real `PollDesc` with the threads that would call its functions, and the real `poll`
//! and `idle` on a double of the system's poller. What is missed shows as a deadlock.

use crate::check;
use crate::idle::{Ran, finish, spawn_m};
use crate::runtime::g::{Place, WaitReason};
use crate::runtime::interrupt::Interrupt;
use crate::runtime::netpoll::{Direction, PollDesc};
use crate::runtime::nouns::{as_goroutine, keep};
use crate::runtime::sched::interrupt::{interruptible, interruption};
use crate::runtime::sched::{deadlines, descriptor, start};
use crate::sys::poller::kernel;
use loom::sync::Mutex;
use loom::thread;
use std::io;
use std::panic::Location;
use std::time::{Duration, Instant};

/// A descriptor from which units can be taken, in the state the kernel and a `close` leave it in.
pub(crate) struct Socket {
    pub(crate) desc: &'static PollDesc,
    pub(crate) units: Mutex<u32>,
    is_closed: Mutex<bool>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Took {
    Unit,
    Closed,
    TooLate,
    Interrupted,
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(10_000)
}

impl Socket {
    pub(crate) fn new() -> &'static Socket {
        let desc = descriptor::register(0).unwrap();
        for direction in [Direction::Read, Direction::Write] {
            desc.tick(direction);
            desc.leave(direction);
        }
        keep(Socket {
            desc,
            units: Mutex::new(0),
            is_closed: Mutex::new(false),
        })
    }

    /// Units arrive, and the kernel says so.
    pub(crate) fn arrive(&self, count: u32) {
        *self.units.lock().unwrap() += count;
        kernel().happen();
    }

    fn close(&self) {
        *self.is_closed.lock().unwrap() = true;
        self.desc.look_again(Direction::Read);
    }

    fn look(&self) -> Option<Took> {
        if *self.is_closed.lock().unwrap() {
            return Some(Took::Closed);
        }
        let mut units = self.units.lock().unwrap();
        if *units > 0 {
            *units -= 1;
            return Some(Took::Unit);
        }
        drop(units);
        // Much may happen here, and the checker does not think of it by itself.
        thread::yield_now();
        None
    }

    /// A call, as in net/fd.rs.
    pub(crate) fn take(&self, deadline: Option<Instant>) -> Took {
        let took = loop {
            let tick = self.desc.tick(Direction::Read);
            if interruption().is_some() {
                break Took::Interrupted;
            }
            if let Some(took) = self.look() {
                break took;
            }
            if !self.desc.wait(Direction::Read, tick, deadline, here()) {
                break Took::TooLate;
            }
        };
        self.desc.leave(Direction::Read);
        took
    }

    /// A call under an interrupt.
    fn take_within(&self, interrupt: &Interrupt, deadline: Option<Instant>) -> Took {
        let (took, was_met) = interruptible(interrupt, || self.take(deadline));
        assert_eq!(took == Took::Interrupted, was_met);
        took
    }

    /// A call that looks whether it is interrupted, and then does not name its wait.
    fn take_nameless(&self, interrupt: &Interrupt) -> Took {
        let tick = self.desc.tick(Direction::Read);
        if interruptible(interrupt, interruption).1 {
            return Took::Interrupted;
        }
        self.desc.wait(Direction::Read, tick, None, here());
        Took::Unit
    }

    /// A call that reads the tick too late.
    fn take_blindly(&self) -> Took {
        loop {
            if let Some(took) = self.look() {
                return took;
            }
            let tick = self.desc.tick(Direction::Read);
            self.desc.wait(Direction::Read, tick, None, here());
        }
    }
}

#[track_caller]
pub(crate) fn here() -> Place {
    Place {
        reason: WaitReason::IoWait,
        at: Location::caller(),
    }
}

/// Runs `body` as a goroutine of the only M, with a socket.
fn goroutine(body: impl FnOnce(&'static Socket)) {
    let sched = start(1, 1);
    as_goroutine(sched.ms[0], || body(Socket::new()));
}

#[test]
fn a_goroutine_waits_in_the_poller_for_what_arrives() {
    check(Some(3), || {
        goroutine(|socket| {
            let other = thread::spawn(|| socket.arrive(1));
            assert_eq!(socket.take(None), Took::Unit);
            other.join().unwrap();
        });
    });
}

#[test]
#[should_panic(expected = "deadlock")]
fn a_thread_that_reads_the_tick_after_it_looked_misses_a_close() {
    check(Some(3), || {
        start(1, 1);
        let socket = Socket::new();
        let other = thread::spawn(|| socket.close());
        assert_eq!(socket.take_blindly(), Took::Closed);
        other.join().unwrap();
    });
}

#[test]
fn close_wakes_a_goroutine() {
    check(Some(3), || {
        goroutine(|socket| {
            let other = thread::spawn(|| socket.close());
            assert_eq!(socket.take(None), Took::Closed);
            other.join().unwrap();
        });
    });
}

#[test]
fn an_event_a_close_and_a_deadline_end_one_wait() {
    check(Some(2), || {
        goroutine(|socket| {
            let others = [
                thread::spawn(|| socket.arrive(1)),
                thread::spawn(|| socket.close()),
                thread::spawn(deadlines::expire),
            ];
            socket.take(Some(soon()));
            others.into_iter().for_each(|other| other.join().unwrap());
            assert_eq!(socket.take(None), Took::Closed);
        });
    });
}

#[test]
fn what_arrives_as_a_deadline_passes_is_there_for_the_next_call() {
    check(Some(3), || {
        goroutine(|socket| {
            let timer = thread::spawn(deadlines::expire);
            let other = thread::spawn(|| socket.arrive(1));
            if socket.take(Some(soon())) == Took::TooLate {
                assert_eq!(socket.take(None), Took::Unit);
            }
            timer.join().unwrap();
            other.join().unwrap();
        });
    });
}

fn interrupt() -> &'static Interrupt {
    let interrupt = keep(Interrupt::new());
    interruptible(interrupt, interruption);
    interrupt
}

fn reason() -> io::Error {
    io::ErrorKind::Other.into()
}

#[test]
fn an_interrupt_ends_the_wait_of_a_goroutine() {
    check(Some(3), || {
        goroutine(|socket| {
            let interrupt = interrupt();
            let other = thread::spawn(|| interrupt.raise(reason));
            assert_eq!(socket.take_within(interrupt, None), Took::Interrupted);
            other.join().unwrap();
        });
    });
}

#[test]
fn an_interrupt_ends_the_wait_of_a_thread() {
    check(Some(3), || {
        start(1, 1);
        let socket = Socket::new();
        let interrupt = interrupt();
        let other = thread::spawn(|| interrupt.raise(reason));
        assert_eq!(socket.take_within(interrupt, None), Took::Interrupted);
        other.join().unwrap();
    });
}

#[test]
fn an_event_an_interrupt_and_a_deadline_end_one_wait_and_no_unit_is_lost() {
    check(Some(2), || {
        goroutine(|socket| {
            let interrupt = interrupt();
            let others = [
                thread::spawn(|| socket.arrive(1)),
                thread::spawn(|| interrupt.raise(reason)),
                thread::spawn(deadlines::expire),
            ];
            if socket.take_within(interrupt, Some(soon())) != Took::Unit {
                assert_eq!(socket.take(None), Took::Unit);
            }
            others.into_iter().for_each(|other| other.join().unwrap());
        });
    });
}

/// The inner interrupt, the outer, or the event: the next wait of the goroutine is its own.
#[test]
fn an_interrupt_that_comes_late_does_not_meet_the_next_wait() {
    check(Some(2), || {
        goroutine(|socket| {
            let (outer, inner) = (interrupt(), interrupt());
            let raise = thread::spawn(|| inner.raise(reason));
            let other = thread::spawn(|| socket.arrive(2));
            let (first, was_met) = interruptible(outer, || socket.take_within(inner, None));
            assert!(!was_met);
            assert_eq!(socket.take_within(outer, None), Took::Unit);
            if first == Took::Interrupted {
                assert_eq!(socket.take(None), Took::Unit);
            }
            raise.join().unwrap();
            other.join().unwrap();
        });
    });
}

#[test]
#[should_panic(expected = "deadlock")]
fn a_wait_that_is_not_named_misses_the_interrupt() {
    check(Some(3), || {
        start(1, 1);
        let socket = Socket::new();
        let interrupt = interrupt();
        let other = thread::spawn(|| interrupt.raise(reason));
        assert_eq!(socket.take_nameless(interrupt), Took::Interrupted);
        other.join().unwrap();
    });
}

/// Two threads want a unit each, and one event brings both; the M has nothing to do but to poll.
fn two_takers(leaves: bool) {
    let (sched, ran) = (start(1, 1), Ran::new());
    let socket = Socket::new();
    let m = spawn_m(sched.ms[0], ran);
    let takers = [(); 2].map(|()| {
        thread::spawn(move || match leaves {
            true => socket.take(None),
            false => socket.take_blindly(),
        })
    });
    socket.arrive(2);
    for taker in takers {
        assert_eq!(taker.join().unwrap(), Took::Unit);
    }
    finish(vec![m], ran, &[]);
}

#[test]
fn who_leaves_passes_the_wake_on() {
    check(Some(1), || two_takers(true));
}

#[test]
#[should_panic(expected = "deadlock")]
fn who_leaves_without_passing_the_wake_on_strands_the_next() {
    check(Some(2), || two_takers(false));
}
