//! What the tests of sockets share: bodies that run in goroutines and on threads, pairs of streams, and
//! a count of descriptors.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc;
use std::thread;

use sudog::net::{TcpListener, TcpStream};

use crate::support::{self, LIMIT};

/// Who calls.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Side {
    Goroutine,
    Thread,
}

pub const SIDES: [Side; 2] = [Side::Goroutine, Side::Thread];

/// The result of something that a [`Side`] does.
pub struct Task<T>(mpsc::Receiver<T>);

impl<T> Task<T> {
    #[track_caller]
    pub fn join(self) -> T {
        let get = || self.0.recv_timeout(LIMIT).expect("it has ended in time");
        sudog::blocking(get)
    }
}

impl Side {
    pub fn spawn<T: Send + 'static>(self, f: impl FnOnce() -> T + Send + 'static) -> Task<T> {
        let (sender, receiver) = mpsc::sync_channel(1);
        let run = move || drop(sender.send(f()));
        match self {
            Side::Goroutine => drop(sudog::spawn(run)),
            Side::Thread => drop(thread::spawn(run)),
        }
        Task(receiver)
    }
}

/// Runs `body` as a goroutine and then on a thread, bounded in time.
#[track_caller]
pub fn on_both_sides(body: fn()) {
    support::goroutine(body);
    support::thread(body);
}

/// Runs `body` on both sides, with others on both.
#[track_caller]
pub fn with_both_sides(body: fn(Side)) {
    for other in SIDES {
        support::goroutine(move || body(other));
        support::thread(move || body(other));
    }
}

/// Two ends of a connection.
#[track_caller]
pub fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it is open");
    let client = TcpStream::connect(address).expect("it listens");
    let (server, peer) = listener.accept().expect("one has come");
    assert_eq!(peer, client.local_addr().expect("it is open"));
    (client, server)
}

/// An address where nobody listens, and nobody will as long as the socket lives: nobody else gets its port.
pub fn nobody() -> (socket2::Socket, SocketAddr) {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
    let socket = socket.expect("a socket");
    let any: SocketAddr = (Ipv4Addr::LOCALHOST, 0).into();
    socket.bind(&any.into()).expect("a port is free");
    let address = socket.local_addr().expect("it is bound").as_socket();
    (socket, address.expect("one of IPv4"))
}

/// Fails unless the error is that of a closed socket.
#[track_caller]
pub fn assert_closed<T: std::fmt::Debug>(result: io::Result<T>) {
    let error = result.expect_err("it was closed");
    assert!(sudog::net::is_closed(&error), "{error:?}");
    assert_eq!(error.to_string(), "use of closed network connection");
}

/// Fails unless the error is that of a deadline.
#[track_caller]
pub fn assert_timed_out<T: std::fmt::Debug>(result: io::Result<T>) {
    let error = result.expect_err("its deadline has passed");
    assert_eq!(error.kind(), io::ErrorKind::TimedOut, "{error:?}");
    assert_eq!(error.to_string(), "i/o timeout");
}

/// How many descriptors this process has open.
pub fn descriptors() -> usize {
    let all = std::fs::read_dir("/proc/self/fd").expect("the kernel tells");
    all.count() - 1
}
