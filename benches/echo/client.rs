//! The client: one thread, one epoll, and no runtime, so that it favours none.
//!
//! Each connection has one message under way. Who is woken reads it, and writes the next, which the system
//! takes at once, as there is nothing before it in the buffer.

use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

const MESSAGE: [u8; 64] = [7; 64];
const EVENTS: usize = 256;
/// Nothing takes this long; a server that answers no more has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is asked of a server.
#[derive(Clone, Copy)]
pub struct Load {
    pub connections: usize,
    pub trips: usize,
}

/// What came of it, in microseconds for each round trip.
#[derive(Clone, Copy)]
pub struct Measured {
    pub trip_us: f64,
    /// The processor time of the server.
    pub cpu_us: f64,
}

impl Load {
    /// Measures the server at `address`, which is the process `pid`.
    pub fn run(self, address: SocketAddr, pid: u32) -> io::Result<Measured> {
        let streams: io::Result<Vec<_>> = (0..self.connections)
            .map(|_| {
                let stream = TcpStream::connect(address)?;
                stream.set_nodelay(true)?;
                stream.set_nonblocking(true)?;
                Ok(stream)
            })
            .collect();
        let streams = streams?;
        let poll = Poll::of(&streams)?;
        drive(&poll, &streams, (self.trips / 10).max(self.connections))?;
        let (start, cpu) = (Instant::now(), cpu_us(pid)?);
        let trips = drive(&poll, &streams, self.trips)? as f64;
        Ok(Measured {
            trip_us: start.elapsed().as_secs_f64() * 1e6 / trips,
            cpu_us: (cpu_us(pid)? - cpu) / trips,
        })
    }
}

/// Has so many messages come back, or a few more; returns their number. None is under way then.
fn drive(poll: &Poll, streams: &[TcpStream], trips: usize) -> io::Result<usize> {
    for mut stream in streams {
        stream.write_all(&MESSAGE)?;
    }
    let mut missing = vec![MESSAGE.len(); streams.len()];
    let (mut sent, mut done) = (streams.len(), 0);
    let mut buffer = [0; MESSAGE.len()];
    let mut events = [libc::epoll_event { events: 0, u64: 0 }; EVENTS];
    while done < sent {
        for event in poll.wait(&mut events)? {
            let n = event.u64 as usize;
            let mut stream = &streams[n];
            match stream.read(&mut buffer[..missing[n]]) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => missing[n] -= count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
            if missing[n] == 0 {
                done += 1;
                if sent < trips {
                    stream.write_all(&MESSAGE)?;
                    missing[n] = MESSAGE.len();
                    sent += 1;
                }
            }
        }
    }
    Ok(done)
}

/// The readable ones among some streams, by their index.
struct Poll(OwnedFd);

impl Poll {
    fn of(streams: &[TcpStream]) -> io::Result<Poll> {
        // SAFETY: no pointer is passed.
        let fd = check(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
        // SAFETY: the call has just given us the descriptor, and nobody else.
        let poll = Poll(unsafe { OwnedFd::from_raw_fd(fd) });
        for (n, stream) in streams.iter().enumerate() {
            let mut event = libc::epoll_event {
                events: libc::EPOLLIN as u32,
                u64: n as u64,
            };
            let (poll, add, stream) = (fd, libc::EPOLL_CTL_ADD, stream.as_raw_fd());
            // SAFETY: both descriptors are open, and the call reads the event and keeps no pointer.
            check(unsafe { libc::epoll_ctl(poll, add, stream, &mut event) })?;
        }
        Ok(poll)
    }

    fn wait<'a>(&self, events: &'a mut [libc::epoll_event]) -> io::Result<&'a [libc::epoll_event]> {
        let (fd, limit) = (self.0.as_raw_fd(), PATIENCE.as_millis() as i32);
        let length = events.len() as i32;
        // SAFETY: the call writes at most `length` events, and the slice has as many.
        match check(unsafe { libc::epoll_wait(fd, events.as_mut_ptr(), length, limit) }) {
            Ok(0) => Err(ErrorKind::TimedOut.into()),
            Ok(count) => Ok(&events[..count as usize]),
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(&[]),
            Err(error) => Err(error),
        }
    }
}

fn check(result: i32) -> io::Result<i32> {
    match result {
        -1 => Err(io::Error::last_os_error()),
        result => Ok(result),
    }
}

/// The processor time that a process has used, in ticks of 10 ms.
fn cpu_us(pid: u32) -> io::Result<f64> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name, in parentheses, may hold anything. `utime` and `stime` are the 12th and 13th after it.
    let (_, rest) = text.rsplit_once(") ").ok_or(ErrorKind::InvalidData)?;
    let ticks = rest.split(' ').skip(11).take(2);
    let ticks: f64 = ticks.filter_map(|field| field.parse::<f64>().ok()).sum();
    Ok(ticks * 1e4)
}
