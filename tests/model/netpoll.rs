//! Waiting for descriptors: no event, close or deadline is missed, and somebody always polls.
//!
//! The first models run the real `PollDesc` with the threads that would call its functions; the others
//! the real `poll` and `idle` on a double of the system's poller. What is missed shows as a deadlock.

use crate::check;
use crate::idle::{Life, Ran, finish, live, make_runnable, spawn_m};
use crate::net::drained::Drained;
use crate::runtime::g::{G, Place, WaitReason};
use crate::runtime::interrupt::Interrupt;
use crate::runtime::netpoll::{Direction, PollDesc};
use crate::runtime::nouns::{as_goroutine, keep};
use crate::runtime::sched::interrupt::{interruptible, interruption};
use crate::runtime::sched::{deadlines, descriptor, idle, poll, start};
use crate::sys::atomic::set_without_fences_of;
use crate::sys::poller::kernel;
use loom::sync::Mutex;
use loom::thread;
use std::cell::Cell;
use std::io;
use std::panic::Location;
use std::time::{Duration, Instant};

/// A descriptor from which units can be taken, in the state the kernel and a `close` leave it in.
struct Socket {
    desc: &'static PollDesc,
    units: Mutex<u32>,
    is_closed: Mutex<bool>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Took {
    Unit,
    Closed,
    TooLate,
    Interrupted,
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(10_000)
}

impl Socket {
    fn new() -> &'static Socket {
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
    fn arrive(&self, count: u32) {
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
    fn take(&self, deadline: Option<Instant>) -> Took {
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
fn here() -> Place {
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

/// A connection over which units come, and then its end.
struct Stream {
    socket: &'static Socket,
    is_ended: Mutex<bool>,
    drained: Drained,
}

/// More than ever comes: every read is short.
const ROOM: usize = 10;

impl Stream {
    fn new() -> &'static Stream {
        let drained = Drained::new();
        drained.distrust();
        drained.trust();
        let socket = Socket::new();
        drop(drained.read(socket.desc, ROOM, || Ok(0)));
        keep(Stream {
            socket,
            is_ended: Mutex::new(false),
            drained,
        })
    }

    fn end(&self, is_told_for_good: bool) {
        *self.is_ended.lock().unwrap() = true;
        match is_told_for_good {
            true => kernel().happen_for_good(),
            false => kernel().happen(),
        }
    }

    /// What the system would do.
    fn try_read(&self) -> io::Result<usize> {
        let is_ended = *self.is_ended.lock().unwrap();
        let count = std::mem::take(&mut *self.socket.units.lock().unwrap());
        thread::yield_now();
        if count == 0 && !is_ended {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(count as usize)
    }

    /// A read, as in net/fd.rs.
    fn read(&self) -> usize {
        let desc = self.socket.desc;
        let count = loop {
            let tick = desc.tick(Direction::Read);
            match self.drained.read(desc, ROOM, || self.try_read()) {
                Ok(count) => break count,
                Err(_) => desc.wait(Direction::Read, tick, None, here()),
            };
        };
        desc.leave(Direction::Read);
        count
    }

    /// Reads to the end; how much that was.
    fn read_all(&self) -> usize {
        let counts = std::iter::repeat_with(|| self.read());
        counts.take_while(|count| *count > 0).sum()
    }
}

/// A unit and the end come, one after the other, while a thread reads.
fn a_reader_and_an_end(is_told_for_good: bool) {
    let (sched, ran) = (start(1, 1), Ran::new());
    let stream = Stream::new();
    let m = spawn_m(sched.ms[0], ran);
    let reader = thread::spawn(|| stream.read_all());
    stream.socket.arrive(1);
    stream.end(is_told_for_good);
    assert_eq!(reader.join().unwrap(), 1);
    finish(vec![m], ran, &[]);
}

#[test]
fn a_short_read_hides_neither_what_comes_nor_the_end() {
    check(Some(2), || a_reader_and_an_end(true));
}

#[test]
#[should_panic(expected = "deadlock")]
fn an_end_that_is_not_told_for_good_is_missed_after_a_short_read() {
    check(Some(2), || a_reader_and_an_end(false));
}

#[test]
fn the_system_is_asked_unless_a_short_read_has_told_that_it_need_not() {
    check(None, || {
        start(1, 1);
        let (stream, asked) = (Stream::new(), Cell::new(0));
        let read = |count| {
            let ask = || {
                asked.set(asked.get() + 1);
                Ok(count)
            };
            let result = stream.drained.read(stream.socket.desc, ROOM, ask);
            result.is_ok_and(|read| read == count)
        };
        assert!(read(ROOM) && read(1));
        assert!(!read(1), "the one before was short");
        stream.socket.arrive(1);
        poll::look_from_outside();
        assert!(read(1) && !read(1));
        stream.end(true);
        poll::look_from_outside();
        assert!(read(1) && read(1), "the end may follow");
        let fresh = Drained::new();
        let read = || fresh.read(stream.socket.desc, ROOM, || Ok(1)).is_ok();
        assert!(read() && read(), "nobody has said that it is one of TCP's");
        assert_eq!(asked.get(), 5);
    });
}

/// Two threads read from one connection; each takes what it meets, and both see the end.
#[test]
fn a_short_read_of_one_reader_hides_nothing_from_another() {
    check(Some(1), || {
        let (sched, ran) = (start(1, 1), Ran::new());
        let stream = Stream::new();
        let m = spawn_m(sched.ms[0], ran);
        let readers = [(); 2].map(|()| thread::spawn(|| stream.read_all()));
        stream.socket.arrive(1);
        stream.end(true);
        let counts = readers.map(|reader| reader.join().unwrap());
        assert_eq!(counts.iter().sum::<usize>(), 1);
        finish(vec![m], ran, &[]);
    });
}

/// The only M sleeps in the poller, or is on the way there, when a thread makes work for it.
fn a_poller_and_a_maker(is_deaf: bool) {
    let (sched, ran) = (start(1, 1), Ran::new());
    Socket::new();
    if is_deaf {
        kernel().deafen();
    }
    let m = spawn_m(sched.ms[0], ran);
    let g = G::with_id(1);
    make_runnable(g);
    finish(vec![m], ran, &[g]);
}

#[test]
fn an_m_that_is_needed_is_fetched_from_the_poller() {
    check(Some(3), || a_poller_and_a_maker(false));
}

#[test]
#[should_panic(expected = "deadlock")]
fn without_the_interrupt_the_m_stays_in_the_poller() {
    check(Some(3), || a_poller_and_a_maker(true));
}

#[test]
fn work_and_an_event_come_at_once() {
    check(Some(2), || {
        let (sched, ran) = (start(1, 1), Ran::new());
        let socket = Socket::new();
        let m = spawn_m(sched.ms[0], ran);
        let g = G::with_id(1);
        let other = thread::spawn(move || make_runnable(g));
        socket.arrive(1);
        assert_eq!(socket.take(None), Took::Unit);
        other.join().unwrap();
        finish(vec![m], ran, &[g]);
    });
}

/// One of two Ms idles as the poller, the other looks for work; a thread makes some.
#[test]
fn the_poller_is_taken_last() {
    check(Some(1), || {
        let (sched, ran) = (start(2, 2), Ran::new());
        Socket::new();
        let ms: Vec<Life> = sched.ms.iter().map(|&m| spawn_m(m, ran)).collect();
        let g = G::with_id(1);
        make_runnable(g);
        finish(ms, ran, &[g]);
    });
}

/// The only P idles with the poller, another M on its note; a thread makes work. With the P goes the poller.
#[test]
fn the_poller_is_taken_with_the_last_p() {
    check(Some(2), || {
        let (sched, ran) = (start(1, 2), Ran::new());
        Socket::new();
        let [poller, other] = sched.ms[..] else {
            unreachable!("there are two")
        };
        idle::release_p(poller);
        let ms = vec![
            Life::spawn(poller, move || {
                poll::sleep(poller);
                live(poller, ran);
            }),
            Life::spawn(other, move || {
                idle::await_handed(other);
                panic!("it was woken in place of the poller");
            }),
        ];
        let g = G::with_id(1);
        make_runnable(g);
        finish(ms, ran, &[g]);
    });
}

/// Two Ms on the idle list, of whom the first is the poller, are needed one after the other, while the
/// first is still on its way out.
#[test]
fn the_next_poller_gets_an_interrupt_of_its_own() {
    check(Some(1), || {
        let (sched, ran) = (start(2, 2), Ran::new());
        Socket::new();
        idle::release_p(sched.ms[0]);
        let poller = Life::spawn(sched.ms[0], move || {
            poll::sleep(sched.ms[0]);
            live(sched.ms[0], ran);
        });
        let g = G::with_id(1);
        let other = spawn_m(sched.ms[1], ran);
        make_runnable(g);
        ran.wait_for(1);
        let second = G::with_id(2);
        make_runnable(second);
        finish(vec![poller, other], ran, &[g, second]);
    });
}

/// The poller goes to sleep while a thread arms a timer that is the first.
fn a_poller_and_a_timer() {
    let (sched, ran) = (start(1, 1), Ran::new());
    Socket::new();
    let g = G::with_id(1);
    sched.timers.use_one(g);
    let m = spawn_m(sched.ms[0], ran);
    deadlines::arm_due();
    finish(vec![m], ran, &[g]);
}

#[test]
fn an_earlier_timer_interrupts_the_poller() {
    check(Some(3), a_poller_and_a_timer);
}

#[test]
#[should_panic(expected = "deadlock")]
fn without_the_fences_of_poll_the_poller_sleeps_past_the_timer() {
    set_without_fences_of(Some("poll.rs"));
    check(None, a_poller_and_a_timer);
}
