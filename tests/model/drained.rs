//! The memory of short reads: it hides neither what comes nor the end.
//!
//! These models run the real `Drained` on what the models of descriptors run (netpoll.rs).

use crate::check;
use crate::idle::{Ran, finish, spawn_m};
use crate::net::drained::Drained;
use crate::netpoll::{Socket, here};
use crate::runtime::netpoll::Direction;
use crate::runtime::nouns::keep;
use crate::runtime::sched::{poll, start};
use crate::sys::poller::kernel;
use loom::sync::Mutex;
use loom::thread;
use std::cell::Cell;
use std::io;

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
