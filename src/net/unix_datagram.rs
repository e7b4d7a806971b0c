//! Unix datagram sockets.
#![forbid(unsafe_code)]

use super::fd::Fd;
use super::tcp_stream::fill;
use super::unix_address::{to_system, unix};
use crate::runtime::Direction;
use crate::sys::socket::NO_SIGNAL;
use socket2::{SockAddr, SockRef};
use std::fmt;
use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::{self, SocketAddr};
use std::panic::Location;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A socket for datagrams between processes of one machine: std's
/// [`UnixDatagram`](std::os::unix::net::UnixDatagram) for goroutines.
///
/// See the [module](super) for what holds of all sockets. Closed when the last clone is dropped.
///
/// # Examples
/// ```
/// use sudog::net::UnixDatagram;
///
/// # fn main() -> std::io::Result<()> {
/// let (a, b) = UnixDatagram::pair()?;
/// a.send(b"hello")?;
/// let mut buffer = [0; 100];
/// let count = b.recv(&mut buffer)?;
/// assert_eq!(&buffer[..count], b"hello");
/// # Ok(())
/// # }
/// ```
pub struct UnixDatagram {
    fd: Arc<Fd>,
}

socket!(
    UnixDatagram,
    std::os::unix::net::UnixDatagram,
    "let (socket, _peer) = sudog::net::UnixDatagram::pair()?;"
);
timeouts!(
    UnixDatagram,
    "let (socket, _peer) = sudog::net::UnixDatagram::pair()?;"
);

/// How often a send is tried again to a receiver whose queue is full. The system says only to those who
/// are connected when there is room again.
const TRY_EVERY: Duration = Duration::from_millis(2);

impl UnixDatagram {
    /// Makes a socket at `path`, where there must not be a file yet.
    ///
    /// # Errors
    /// `AddrInUse` if there is one; others of the system.
    ///
    /// # Examples
    /// ```
    /// use sudog::net::UnixDatagram;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let path = std::env::temp_dir().join(format!("sudog-datagram-{}", std::process::id()));
    /// let server = UnixDatagram::bind(&path)?;
    /// let client = UnixDatagram::unbound()?;
    /// client.send_to(b"hello", &path)?;
    /// let (count, from) = server.recv_from(&mut [0; 100])?;
    /// assert!(count == 5 && from.is_unnamed());
    /// std::fs::remove_file(&path)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn bind(path: impl AsRef<Path>) -> io::Result<UnixDatagram> {
        net::UnixDatagram::bind(path)?.try_into()
    }

    /// Makes a socket at `address`, which may be one without a path.
    ///
    /// # Errors
    /// As of [`bind`](Self::bind).
    ///
    /// # Examples
    /// ```
    /// use std::os::unix::net::SocketAddr;
    /// use sudog::net::UnixDatagram;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let path = std::env::temp_dir().join(format!("sudog-bind-addr-{}", std::process::id()));
    /// let address = SocketAddr::from_pathname(&path)?;
    /// let server = UnixDatagram::bind_addr(&address)?;
    /// let client = UnixDatagram::unbound()?;
    /// client.send_to_addr(b"hello", &address)?;
    /// client.connect_addr(&address)?;
    /// client.send(b"again")?;
    /// assert_eq!(server.recv(&mut [0; 100])? + server.recv(&mut [0; 100])?, 10);
    /// std::fs::remove_file(&path)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn bind_addr(address: &SocketAddr) -> io::Result<UnixDatagram> {
        net::UnixDatagram::bind_addr(address)?.try_into()
    }

    /// Makes a socket that has no address: it can send, and receive from where it is connected to.
    ///
    /// # Errors
    /// Those of the system.
    ///
    /// # Examples
    /// See [`bind`](Self::bind).
    pub fn unbound() -> io::Result<UnixDatagram> {
        net::UnixDatagram::unbound()?.try_into()
    }

    /// Makes two sockets that are connected with each other.
    ///
    /// # Errors
    /// Those of the system.
    ///
    /// # Examples
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let (left, right) = sudog::net::UnixDatagram::pair()?;
    /// left.send(b"hello")?;
    /// let mut bytes = [0; 16];
    /// let length = right.recv(&mut bytes)?;
    /// assert_eq!(&bytes[..length], b"hello");
    /// # Ok(())
    /// # }
    /// ```
    pub fn pair() -> io::Result<(UnixDatagram, UnixDatagram)> {
        let (a, b) = net::UnixDatagram::pair()?;
        Ok((a.try_into()?, b.try_into()?))
    }

    /// Sets from whom alone to receive, and where [`send`](Self::send) sends to.
    ///
    /// # Errors
    /// `NotFound`, `ConnectionRefused`, and others of the system; or if the socket is closed.
    ///
    /// # Examples
    /// ```
    /// use sudog::net::UnixDatagram;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let path = std::env::temp_dir().join(format!("sudog-dconnect-{}", std::process::id()));
    /// let server = UnixDatagram::bind(&path)?;
    /// let client = UnixDatagram::unbound()?;
    /// client.connect(&path)?;
    /// assert_eq!(client.peer_addr()?.as_pathname(), server.local_addr()?.as_pathname());
    /// std::fs::remove_file(&path)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn connect(&self, path: impl AsRef<Path>) -> io::Result<()> {
        self.connect_to(&SockAddr::unix(path)?)
    }

    /// Connects as [`connect`](Self::connect), to an address which may be one without a path.
    ///
    /// # Errors
    /// As of `connect`.
    ///
    /// # Examples
    /// See [`bind_addr`](Self::bind_addr).
    pub fn connect_addr(&self, address: &SocketAddr) -> io::Result<()> {
        self.connect_to(&to_system(address)?)
    }

    fn connect_to(&self, address: &SockAddr) -> io::Result<()> {
        self.fd.at_once(|socket| socket.connect(address))
    }

    /// Returns the address of this socket.
    ///
    /// # Errors
    /// If the socket is closed.
    ///
    /// # Examples
    /// See [`connect`](Self::connect).
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.fd.at_once(|socket| socket.local_addr()).and_then(unix)
    }

    /// Returns the address that [`connect`](Self::connect) has set.
    ///
    /// # Errors
    /// `NotConnected` before that; or if the socket is closed.
    ///
    /// # Examples
    /// See [`connect`](Self::connect).
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.fd.at_once(|socket| socket.peer_addr()).and_then(unix)
    }

    /// Waits for a datagram, and returns its length and who sent it. What does not fit into the buffer
    /// is lost.
    ///
    /// Blocks the goroutine, or the thread on a plain thread. Each datagram goes to one of those who wait.
    ///
    /// # Errors
    /// `TimedOut`; if the socket is closed; others of the system.
    ///
    /// # Examples
    /// See [`bind`](Self::bind).
    #[track_caller]
    pub fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let (count, from) = self
            .fd
            .call(Direction::Read, Location::caller(), |socket| {
                fill(buffer, |uninit| socket.recv_from(uninit))
            })?;
        Ok((count, unix(from)?))
    }

    /// Waits for a datagram, and returns its length.
    ///
    /// Blocks the goroutine, or the thread on a plain thread.
    ///
    /// # Errors
    /// As of [`recv_from`](Self::recv_from).
    ///
    /// # Examples
    /// See [`UnixDatagram`].
    #[track_caller]
    pub fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.fd.call(Direction::Read, Location::caller(), |socket| {
            fill(buffer, |uninit| socket.recv(uninit))
        })
    }

    /// Sends a datagram to the socket at `path`. Returns its length.
    ///
    /// Blocks the goroutine, or the thread on a plain thread, while the receiver has no room.
    ///
    /// # Errors
    /// `NotFound`, `ConnectionRefused`; `TimedOut`; if the socket is closed; others of the system.
    ///
    /// # Examples
    /// See [`bind`](Self::bind).
    #[track_caller]
    pub fn send_to(&self, bytes: &[u8], path: impl AsRef<Path>) -> io::Result<usize> {
        self.send_by(Location::caller(), &SockAddr::unix(path)?, bytes)
    }

    /// Sends as [`send_to`](Self::send_to), and blocks as it does, to an address which may be one without a path.
    ///
    /// # Errors
    /// As of `send_to`.
    ///
    /// # Examples
    /// See [`bind_addr`](Self::bind_addr).
    #[track_caller]
    pub fn send_to_addr(&self, bytes: &[u8], address: &SocketAddr) -> io::Result<usize> {
        self.send_by(Location::caller(), &to_system(address)?, bytes)
    }

    fn send_by(
        &self,
        at: &'static Location<'static>,
        address: &SockAddr,
        bytes: &[u8],
    ) -> io::Result<usize> {
        let call = self
            .fd
            .control
            .begin(Direction::Write, at)
            .try_every(TRY_EVERY);
        call.run(|| SockRef::from(&*self.fd).send_to_with_flags(bytes, address, NO_SIGNAL))
    }

    /// Sends a datagram to where [`connect`](Self::connect) said. Returns its length.
    ///
    /// Blocks the goroutine, or the thread on a plain thread, while the receiver has no room.
    ///
    /// # Errors
    /// `NotConnected` before `connect`, `BrokenPipe` or `ConnectionRefused` where nobody receives any more;
    /// `TimedOut`; if the socket is closed; others of the system.
    ///
    /// # Examples
    /// See [`UnixDatagram`].
    #[track_caller]
    pub fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        self.fd
            .call(Direction::Write, Location::caller(), |socket| {
                socket.send_with_flags(bytes, NO_SIGNAL)
            })
    }

    /// Ends one direction, or both.
    ///
    /// # Errors
    /// `NotConnected` before [`connect`](Self::connect); or if the socket is closed.
    ///
    /// # Examples
    /// ```
    /// use std::net::Shutdown;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let (a, b) = sudog::net::UnixDatagram::pair()?;
    /// a.shutdown(Shutdown::Both)?;
    /// assert!(b.send(b"hello").is_err());
    /// # Ok(())
    /// # }
    /// ```
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.fd.at_once(|socket| socket.shutdown(how))?;
        // Not every system says so to those who wait.
        self.fd.control.look_again();
        Ok(())
    }
}

impl fmt::Debug for UnixDatagram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut output = f.debug_struct("UnixDatagram");
        if let Ok(address) = self.local_addr() {
            output.field("local", &address);
        }
        if let Ok(address) = self.peer_addr() {
            output.field("peer", &address);
        }
        output.field("fd", &self.fd.as_fd().as_raw_fd()).finish()
    }
}
