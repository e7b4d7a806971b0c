//! TCP connections.
#![forbid(unsafe_code)]

use super::common::internet;
use super::control::zero_timeout;
use super::fd::Fd;
use super::resolve::first_of;
use crate::runtime::Direction;
use crate::sys::socket;
use socket2::{Domain, Protocol, SockAddr, SockRef, Socket, Type};
use std::fmt;
use std::io;
use std::mem::MaybeUninit;
use std::net::{Shutdown, SocketAddr, ToSocketAddrs};
use std::os::fd::{AsFd, AsRawFd};
use std::panic::Location;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A TCP connection between a local and a remote socket: std's [`TcpStream`](std::net::TcpStream) for
/// goroutines.
///
/// See the [module](super) for what holds of all sockets. Closed when the last clone is dropped.
///
/// # Examples
/// ```
/// use std::io::{Read, Write};
/// use sudog::{go, net::{TcpListener, TcpStream}};
///
/// # fn main() -> std::io::Result<()> {
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let address = listener.local_addr()?;
/// go!(move || {
///     let mut stream = TcpStream::connect(address).unwrap();
///     stream.write_all(b"hello").unwrap();
/// });
/// let (mut stream, _) = listener.accept()?;
/// let mut text = String::new();
/// stream.read_to_string(&mut text)?;
/// assert_eq!(text, "hello");
/// # Ok(())
/// # }
/// ```
pub struct TcpStream {
    pub(super) fd: Arc<Fd>,
}

socket!(
    TcpStream,
    std::net::TcpStream,
    "let listener = std::net::TcpListener::bind(\"127.0.0.1:0\")?;
let socket = sudog::net::TcpStream::connect(listener.local_addr()?)?;"
);
timeouts!(
    TcpStream,
    "let listener = std::net::TcpListener::bind(\"127.0.0.1:0\")?;
let socket = sudog::net::TcpStream::connect(listener.local_addr()?)?;"
);
stream!(TcpStream);

impl TcpStream {
    /// Connects to `address`: to the first that answers, if a name has several.
    ///
    /// Blocks the goroutine, or the thread on a plain thread, also while the name is resolved.
    ///
    /// # Errors
    /// That of the last address that was tried.
    ///
    /// # Examples
    /// ```
    /// use sudog::net::{TcpListener, TcpStream};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let listener = TcpListener::bind("localhost:0")?;
    /// let port = listener.local_addr()?.port();
    /// let stream = TcpStream::connect(("localhost", port))?;
    /// assert_eq!(stream.peer_addr()?, listener.local_addr()?);
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn connect(address: impl ToSocketAddrs) -> io::Result<TcpStream> {
        let at = Location::caller();
        first_of(address, |address| connect_until(address, None, at))
    }

    /// Connects to `address`, but does not wait longer than `limit`.
    ///
    /// Blocks the goroutine, or the thread on a plain thread.
    ///
    /// # Errors
    /// `TimedOut` if it takes longer; `InvalidInput` for a limit of zero.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use sudog::net::{TcpListener, TcpStream};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// TcpStream::connect_timeout(&listener.local_addr()?, Duration::from_secs(5))?;
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn connect_timeout(address: &SocketAddr, limit: Duration) -> io::Result<TcpStream> {
        if limit.is_zero() {
            return Err(zero_timeout());
        }
        connect_until(
            *address,
            Instant::now().checked_add(limit),
            Location::caller(),
        )
    }

    pub(crate) fn fd(&self) -> &Fd {
        &self.fd
    }

    /// Returns the address of the other end.
    ///
    /// # Errors
    /// Those of the system; or if the stream is closed.
    ///
    /// # Examples
    /// See [`connect`](Self::connect).
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.fd
            .at_once(|socket| socket.peer_addr())
            .and_then(internet)
    }

    /// Returns the address of this end.
    ///
    /// # Errors
    /// Those of the system; or if the stream is closed.
    ///
    /// # Examples
    /// ```
    /// use sudog::net::{TcpListener, TcpStream};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let stream = TcpStream::connect(listener.local_addr()?)?;
    /// assert_eq!(listener.accept()?.1, stream.local_addr()?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.fd
            .at_once(|socket| socket.local_addr())
            .and_then(internet)
    }

    /// Ends one direction, or both, for all clones and for the other end.
    ///
    /// Reads that are blocked give 0 after the read half was shut down, writes fail after the write half
    /// was. The socket stays open until it is closed.
    ///
    /// # Errors
    /// `NotConnected` if the connection is gone; or if the stream is closed.
    ///
    /// # Examples
    /// ```
    /// use std::io::{Read, Write};
    /// use std::net::Shutdown;
    /// use sudog::net::{TcpListener, TcpStream};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let mut client = TcpStream::connect(listener.local_addr()?)?;
    /// let (mut server, _) = listener.accept()?;
    /// client.write_all(b"that is all")?;
    /// client.shutdown(Shutdown::Write)?;
    /// let mut text = String::new();
    /// server.read_to_string(&mut text)?;
    /// server.write_all(b"thanks")?;
    /// drop(server);
    /// client.read_to_string(&mut text)?;
    /// assert_eq!(text, "that is allthanks");
    /// # Ok(())
    /// # }
    /// ```
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.fd.at_once(|socket| socket.shutdown(how))?;
        // Not every system says so to those who wait.
        self.fd.control.look_again();
        Ok(())
    }

    /// Reads without taking: the next read gives the same bytes.
    ///
    /// Blocks the goroutine, or the thread on a plain thread, until there is something.
    ///
    /// # Errors
    /// As of a read.
    ///
    /// # Examples
    /// ```
    /// use std::io::{Read, Write};
    /// use sudog::net::{TcpListener, TcpStream};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// TcpStream::connect(listener.local_addr()?)?.write_all(b"hello")?;
    /// let (mut stream, _) = listener.accept()?;
    /// let mut buffer = [0; 5];
    /// assert!(stream.peek(&mut buffer)? > 0);
    /// stream.read_exact(&mut buffer)?;
    /// assert_eq!(&buffer, b"hello");
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.fd.call(Direction::Read, Location::caller(), |socket| {
            fill(buffer, |uninit| socket.peek(uninit))
        })
    }

    /// Says whether small writes are sent at once (`TCP_NODELAY`).
    ///
    /// # Errors
    /// Those of the system; or if the stream is closed.
    ///
    /// # Examples
    /// ```
    /// use sudog::net::{TcpListener, TcpStream};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let stream = TcpStream::connect(listener.local_addr()?)?;
    /// stream.set_nodelay(true)?;
    /// assert!(stream.nodelay()?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.fd.at_once(|socket| socket.set_tcp_nodelay(nodelay))
    }

    /// Returns what [`set_nodelay`](Self::set_nodelay) has set; false at first, as with std.
    ///
    /// # Errors
    /// Those of the system; or if the stream is closed.
    ///
    /// # Examples
    /// See [`set_nodelay`](Self::set_nodelay).
    pub fn nodelay(&self) -> io::Result<bool> {
        self.fd.at_once(|socket| socket.tcp_nodelay())
    }

    /// Sets how many routers a packet may pass (`IP_TTL`).
    ///
    /// # Errors
    /// Those of the system; or if the stream is closed.
    ///
    /// # Examples
    /// ```
    /// use sudog::net::{TcpListener, TcpStream};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let stream = TcpStream::connect(listener.local_addr()?)?;
    /// stream.set_ttl(100)?;
    /// assert_eq!(stream.ttl()?, 100);
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.fd.at_once(|socket| socket.set_ttl_v4(ttl))
    }

    /// Returns how many routers a packet may pass.
    ///
    /// # Errors
    /// Those of the system; or if the stream is closed.
    ///
    /// # Examples
    /// See [`set_ttl`](Self::set_ttl).
    pub fn ttl(&self) -> io::Result<u32> {
        self.fd.at_once(|socket| socket.ttl_v4())
    }
}

impl fmt::Debug for TcpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut output = f.debug_struct("TcpStream");
        if let Ok(address) = self.local_addr() {
            output.field("addr", &address);
        }
        if let Ok(peer) = self.peer_addr() {
            output.field("peer", &peer);
        }
        output.field("fd", &self.fd.as_fd().as_raw_fd()).finish()
    }
}

fn connect_until(
    address: SocketAddr,
    until: Option<Instant>,
    at: &'static Location<'static>,
) -> io::Result<TcpStream> {
    let new = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    let fd = Fd::adopt(new.into())?;
    let address = SockAddr::from(address);
    let mut is_begun = false;
    let call = fd.control.begin(Direction::Write, at).until(until);
    call.run(|| {
        let socket = SockRef::from(&fd);
        if is_begun {
            return is_connected(&socket);
        }
        is_begun = true;
        match socket.connect(&address) {
            Err(error) if socket::is_in_progress(&error) => Err(io::ErrorKind::WouldBlock.into()),
            result => result,
        }
    })?;
    fd.trust_short_reads();
    Ok(TcpStream { fd: Arc::new(fd) })
}

/// What became of a connect that was begun. There are events before its end, so being writable is not
/// enough; who has a peer is connected.
fn is_connected(socket: &Socket) -> io::Result<()> {
    if let Some(error) = socket.take_error()? {
        return Err(error);
    }
    match socket.peer_addr() {
        Err(error) if error.kind() == io::ErrorKind::NotConnected => {
            Err(io::ErrorKind::WouldBlock.into())
        }
        result => result.map(drop),
    }
}

/// Fills a buffer by a call of socket2's, which take memory that was not written yet.
pub(super) fn fill<T>(
    buffer: &mut [u8],
    read: impl FnOnce(&mut [MaybeUninit<u8>]) -> io::Result<T>,
) -> io::Result<T> {
    read(socket::as_uninit(buffer))
}
