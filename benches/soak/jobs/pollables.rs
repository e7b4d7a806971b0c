//! Descriptors of the system: pipes that are read and written as they are ready, and signals.

use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

use super::{Round, context, dawdle};
use crate::dice::Dice;
use crate::faults::{self, Fault};
use crate::hands::Hand;
use sudog::context::Error;
use sudog::io::Pollable;
use sudog::signal::{self, Signal};

pub fn play(round: &mut Round) {
    let dice = &mut round.dice;
    if dice.one_in(4) {
        return signals();
    }
    let (reader, writer) = io::pipe().expect("a pipe");
    let reader = Pollable::new(reader).expect("a pipe can be polled");
    let writer = Pollable::new(writer).expect("a pipe can be polled");
    let (len, is_closed) = (dice.below(200_000), dice.one_in(4));
    let mut own = dice.split();
    let sender = Hand::start(dice, move || write(&writer, len, &mut own));
    let mut own = dice.split();
    let receiver = Hand::start(dice, move || {
        let read = read(&reader, is_closed, &mut own);
        // Of those who write meanwhile one sees the end.
        drop(reader);
        read
    });
    let (written, read) = (sender.finish(), receiver.finish());
    assert!(
        read <= written && (is_closed || read == len),
        "{read} of {written} bytes read"
    );
}

/// Writes bytes that count up; how many of them, if the other end leaves.
fn write(writer: &Pollable<io::PipeWriter>, len: usize, dice: &mut Dice) -> usize {
    let mut written = 0;
    while written < len {
        let end = (written + 1 + dice.below(9_000)).min(len);
        let bytes: Vec<_> = (written..end).map(|at| at as u8).collect();
        match (&mut &*writer).write(&bytes) {
            Ok(count) => written += count,
            Err(error) => {
                assert_eq!(error.kind(), io::ErrorKind::BrokenPipe, "{error}");
                return len;
            }
        }
        dawdle(dice);
    }
    written
}

/// Reads to the end, or leaves.
fn read(reader: &Pollable<io::PipeReader>, leaves: bool, dice: &mut Dice) -> usize {
    let (mut buffer, mut count) = ([0; 5_000], 0);
    loop {
        let some = 1 + dice.below(buffer.len() - 1);
        let read = match dice.below(3) {
            0 => {
                let (ctx, _cancel) = context(dice);
                let read = ctx.io(reader, |reader| reader.read(&mut buffer[..some]));
                read.map_err(own_error)
            }
            1 => {
                faults::strike(Fault::Deadline);
                let deadline = Instant::now() + dice.micros(200);
                reader
                    .set_read_deadline(Some(deadline))
                    .expect("it is open");
                let read = (&mut &*reader).read(&mut buffer[..some]);
                reader.set_read_deadline(None).expect("it is open");
                read.map_err(Some)
            }
            _ => (&mut &*reader).read(&mut buffer[..some]).map_err(Some),
        };
        match read {
            Ok(0) => return count,
            Ok(some) => {
                let counts_up = |(at, byte): (usize, &u8)| *byte == (count + at) as u8;
                assert!(
                    buffer[..some].iter().enumerate().all(counts_up),
                    "other bytes"
                );
                count += some;
            }
            Err(None) => {}
            Err(Some(error)) => assert_eq!(error.kind(), io::ErrorKind::TimedOut, "{error}"),
        }
        if leaves && dice.one_in(20) {
            faults::strike(Fault::Close);
            reader.close().expect("it is open");
            return count;
        }
    }
}

/// The operation's own error, if it was not the context that ended.
fn own_error(error: Error<io::Error>) -> Option<io::Error> {
    match error {
        Error::Context(_) => None,
        Error::Op(error) => Some(error),
    }
}

/// A signal comes to all who want it.
fn signals() {
    let first = signal::notify(&[Signal::SIGUSR1]).expect("it can be caught");
    let second = signal::notify(&[Signal::SIGUSR1, Signal::SIGUSR2]).expect("it can be caught");
    // SAFETY: the signal has a handler as long as the receivers live.
    let raised = unsafe { libc::raise(libc::SIGUSR1) };
    assert_eq!(raised, 0);
    for receiver in [first, second] {
        let came = receiver.recv_timeout(Duration::from_secs(60));
        assert_eq!(came, Ok(Signal::SIGUSR1), "a signal is lost");
    }
}
