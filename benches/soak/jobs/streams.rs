//! Connections: from a source through a relay, which copies, to a sink, and an answer back.
//!
//! ```text
//!   source  --- here | there ---  relay  --- near | far ---  sink
//! ```
//!
//! Each connection is TCP's, a Unix socket's or one in memory. Bytes are what their place in the stream says,
//! so the sink knows what comes, and the answer is how many have come. Where something goes wrong on purpose
//! only what has come must be right, and everybody must learn of it.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use super::{Round, context, dawdle};
use crate::dice::Dice;
use crate::faults::{self, Fault};
use crate::hands::Hand;
use sudog::chan;
use sudog::context::{Context, Error};
use sudog::net::{self, PipeStream, TcpListener, TcpStream, UnixListener, UnixStream};

pub fn play(round: &mut Round) {
    let dice = &mut round.dice;
    match dice.below(4) {
        0 | 1 => relay_one::<TcpStream>(dice),
        2 => relay_one::<UnixStream>(dice),
        _ => relay_one::<PipeStream>(dice),
    }
}

/// What the three kinds of connections have in common.
trait Socket: Clone + Send + Sync + 'static {
    fn pair(dice: &mut Dice) -> (Self, Self);
    fn read(&self, bytes: &mut [u8]) -> io::Result<usize>;
    fn write(&self, bytes: &[u8]) -> io::Result<usize>;
    fn copy(from: &Self, to: &Self) -> io::Result<u64>;
    /// Ends one direction; false if that cannot be done, and both have ended.
    fn end_writing(&self) -> bool;
    fn close(&self) -> io::Result<()>;
    /// Ends with what the peer takes for an error, where there is such a thing.
    fn reset(self);
    fn set_read_deadline(&self, deadline: Option<Instant>) -> io::Result<()>;
}

macro_rules! common {
    () => {
        fn read(&self, bytes: &mut [u8]) -> io::Result<usize> {
            Read::read(&mut &*self, bytes)
        }

        fn write(&self, bytes: &[u8]) -> io::Result<usize> {
            Write::write(&mut &*self, bytes)
        }

        fn copy(from: &Self, to: &Self) -> io::Result<u64> {
            sudog::io::copy(&mut &*from, &mut &*to)
        }

        fn close(&self) -> io::Result<()> {
            self.close()
        }

        fn set_read_deadline(&self, deadline: Option<Instant>) -> io::Result<()> {
            self.set_read_deadline(deadline)
        }
    };
}

impl Socket for TcpStream {
    fn pair(dice: &mut Dice) -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("it is bound");
        let (accepting, (tx, accepted)) = (listener.clone(), chan::bounded(0));
        let acceptor = Hand::start(dice, move || {
            loop {
                match accepting.accept() {
                    Ok((stream, _)) => tx.send(stream).expect("it is awaited"),
                    Err(error) => return error,
                }
            }
        });
        let stream = if dice.one_in(2) {
            TcpStream::connect(address)
        } else {
            TcpStream::connect_timeout(&address, Duration::from_secs(60))
        };
        let stream = stream.expect("it listens");
        let peer = accepted.recv().expect("it accepts");
        faults::strike(Fault::Close);
        listener.close().expect("it is open");
        let end = acceptor.finish();
        assert!(net::is_closed(&end), "a listener has ended with: {end}");
        (stream, peer)
    }

    fn end_writing(&self) -> bool {
        // Somebody may have closed it, on purpose.
        let _ = self.shutdown(Shutdown::Write);
        true
    }

    fn reset(self) {
        let linger = socket2::SockRef::from(&self).set_linger(Some(Duration::ZERO));
        linger.expect("a TCP socket");
        drop(self);
    }

    common!();
}

impl Socket for UnixStream {
    fn pair(dice: &mut Dice) -> (UnixStream, UnixStream) {
        if dice.one_in(2) {
            return UnixStream::pair().expect("a pair");
        }
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Relaxed);
        let name = format!("sudog-soak-{}-{number}.sock", std::process::id());
        let path = std::env::temp_dir().join(name);
        let listener = UnixListener::bind(&path).expect("a path");
        let (accepting, stream) = (listener.clone(), path.clone());
        let acceptor = Hand::start(dice, move || accepting.accept().expect("one comes").0);
        let stream = UnixStream::connect(stream).expect("it listens");
        let peer = acceptor.finish();
        std::fs::remove_file(path).expect("it is ours");
        (stream, peer)
    }

    fn end_writing(&self) -> bool {
        let _ = self.shutdown(Shutdown::Write);
        true
    }

    fn reset(self) {
        // Bytes that nobody has read are what makes it one.
        drop(self);
    }

    common!();
}

impl Socket for PipeStream {
    fn pair(_: &mut Dice) -> (PipeStream, PipeStream) {
        net::pipe()
    }

    fn end_writing(&self) -> bool {
        let _ = PipeStream::close(self);
        false
    }

    fn reset(self) {
        drop(self);
    }

    common!();
}

/// What goes wrong.
#[derive(Clone, Copy, PartialEq)]
enum Trouble {
    None,
    /// The sink resets its connection after some bytes.
    Reset,
    /// Somebody closes a connection that the relay copies from, or to.
    Close,
    /// The source has a context, which is cancelled.
    Cancel,
}

fn relay_one<S: Socket>(dice: &mut Dice) {
    use Trouble::{Cancel, Close, None, Reset};
    let trouble = dice.pick(&[None, None, Reset, Close, Cancel]);
    let ((here, there), (near, far)) = (S::pair(dice), S::pair(dice));
    let len = dice.pick(&[0, 1, 1_000, 30_000, 400_000]);
    let closed = if dice.one_in(2) { &there } else { &near }.clone();
    let relays = relay(there, near, dice);

    let (ctx, cancel) = Context::background().with_cancel();
    let mut own = dice.split();
    let source = Hand::start(dice, move || send(&here, len, &ctx, &mut own));
    let mut own = dice.split();
    let resets_at = (trouble == Reset).then(|| dice.below(len + 1));
    let sink = Hand::start(dice, move || receive(far, resets_at, &mut own));
    match trouble {
        Close => {
            sudog::time::sleep(dice.micros(1_000));
            faults::strike(Fault::Close);
            // All may be over by now.
            let close = closed.close();
            assert!(close.as_ref().err().is_none_or(net::is_closed), "{close:?}");
        }
        Cancel => {
            sudog::time::sleep(dice.micros(1_000));
            faults::strike(Fault::Cancel);
            cancel.cancel();
        }
        _ => {}
    }
    drop(closed);
    let (answer, received) = (source.finish(), sink.finish());
    relays.into_iter().for_each(Hand::finish);
    assert!(received <= len, "{received} bytes received of {len}");
    if trouble == None {
        assert_eq!(received, len, "bytes received, of those sent");
        assert!(answer.is_none_or(|count| count == len), "another answer");
    }
    drop(cancel);
}

/// Copies both ways. A direction that has ended is ended on the other side as well, however it ended.
fn relay<S: Socket>(a: S, b: S, dice: &mut Dice) -> [Hand<()>; 2] {
    let has_failed = Arc::new(AtomicBool::new(false));
    let mut start = |from: S, to: S| {
        let has_failed = Arc::clone(&has_failed);
        Hand::start(dice, move || {
            if S::copy(&from, &to).is_err() || has_failed.load(Relaxed) {
                has_failed.store(true, Relaxed);
                // Nobody is to wait for bytes that cannot be passed on.
                let _ = (from.close(), to.close());
            } else {
                to.end_writing();
            }
        })
    };
    [start(a.clone(), b.clone()), start(b, a)]
}

/// Sends bytes, and the end; the answer, if one comes.
fn send<S: Socket>(socket: &S, len: usize, ctx: &Context, dice: &mut Dice) -> Option<usize> {
    let mut sent = 0;
    while sent < len {
        let end = (sent + 1 + dice.below(20_000)).min(len);
        let bytes: Vec<_> = (sent..end).map(byte_at).collect();
        // The rest of what was not all taken is made again.
        match ctx.io(socket, |socket| socket.write(&bytes)) {
            Ok(count) => sent += count,
            Err(Error::Context(_)) => {
                let _ = socket.close();
                return None;
            }
            Err(Error::Op(_)) => return None,
        }
        dawdle(dice);
    }
    if !socket.end_writing() {
        return None;
    }
    let (mut answer, mut count) = ([0; 8], 0);
    while count < answer.len() {
        match ctx.io(socket, |socket| socket.read(&mut answer[count..])) {
            Ok(0) | Err(_) => return None,
            Ok(some) => count += some,
        }
    }
    Some(u64::from_be_bytes(answer) as usize)
}

/// Receives to the end, and answers; how much came.
fn receive<S: Socket>(socket: S, resets_at: Option<usize>, dice: &mut Dice) -> usize {
    let (mut buffer, mut count) = (vec![0; 16 << 10], 0);
    loop {
        if resets_at.is_some_and(|at| count >= at) {
            faults::strike(Fault::Reset);
            socket.reset();
            return count;
        }
        let some = 1 + dice.below(buffer.len() - 1);
        let read = match dice.below(4) {
            0 => {
                let (ctx, _cancel) = context(dice);
                match ctx.io(&socket, |socket| socket.read(&mut buffer[..some])) {
                    Ok(some) => Ok(some),
                    Err(Error::Context(_)) => continue,
                    Err(Error::Op(error)) => Err(error),
                }
            }
            1 => read_in_time(&socket, &mut buffer[..some], dice),
            _ => socket.read(&mut buffer[..some]),
        };
        match read {
            Ok(0) => break,
            Ok(some) => {
                let is_right = |(at, byte): (usize, &u8)| *byte == byte_at(count + at);
                assert!(
                    buffer[..some].iter().enumerate().all(is_right),
                    "other bytes"
                );
                count += some;
            }
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {}
            // Where it was on purpose; else the sums say so.
            Err(_) => return count,
        }
        dawdle(dice);
    }
    let answer = (count as u64).to_be_bytes();
    // All eight go into a buffer that has nothing in it.
    let _ = socket.write(&answer);
    socket.end_writing();
    count
}

fn read_in_time<S: Socket>(socket: &S, bytes: &mut [u8], dice: &mut Dice) -> io::Result<usize> {
    faults::strike(Fault::Deadline);
    socket.set_read_deadline(Some(Instant::now() + dice.micros(300)))?;
    let read = socket.read(bytes);
    socket.set_read_deadline(None)?;
    read
}

/// What a place in the stream says.
fn byte_at(at: usize) -> u8 {
    (at ^ (at >> 8)) as u8
}
