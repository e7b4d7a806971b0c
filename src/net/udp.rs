//! UDP sockets.
#![forbid(unsafe_code)]

use super::common::internet;
use super::fd::Fd;
use super::resolve::{all, first_of};
use super::tcp_stream::fill;
use crate::runtime::Direction;
use crate::sys::socket::NO_SIGNAL;
use socket2::SockAddr;
use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::fd::{AsFd, AsRawFd};
use std::panic::Location;
use std::sync::Arc;

/// A UDP socket: std's [`UdpSocket`](std::net::UdpSocket) for goroutines.
///
/// See the [module](super) for what holds of all sockets. Closed when the last clone is dropped.
///
/// # Examples
/// ```
/// use sudog::net::UdpSocket;
///
/// # fn main() -> std::io::Result<()> {
/// let server = UdpSocket::bind("127.0.0.1:0")?;
/// let client = UdpSocket::bind("127.0.0.1:0")?;
/// client.send_to(b"hello", server.local_addr()?)?;
/// let mut buffer = [0; 100];
/// let (count, from) = server.recv_from(&mut buffer)?;
/// assert_eq!(&buffer[..count], b"hello");
/// assert_eq!(from, client.local_addr()?);
/// # Ok(())
/// # }
/// ```
pub struct UdpSocket {
    pub(super) fd: Arc<Fd>,
}

socket!(
    UdpSocket,
    std::net::UdpSocket,
    "let socket = sudog::net::UdpSocket::bind(\"127.0.0.1:0\")?;"
);
timeouts!(
    UdpSocket,
    "let socket = sudog::net::UdpSocket::bind(\"127.0.0.1:0\")?;"
);

impl UdpSocket {
    /// Makes a socket at `address`: at the first that can be had, if a name has several.
    ///
    /// Port 0 has the system choose one; see [`local_addr`](Self::local_addr). Blocks while a name is
    /// resolved.
    ///
    /// # Errors
    /// `AddrInUse`, `PermissionDenied`, and others of the system.
    ///
    /// # Examples
    /// See [`UdpSocket`].
    pub fn bind(address: impl ToSocketAddrs) -> io::Result<UdpSocket> {
        std::net::UdpSocket::bind(&*all(address)?)?.try_into()
    }

    /// Sets from whom alone to receive, and where [`send`](Self::send) sends to.
    ///
    /// If a name has several addresses it is the first that the system takes. Blocks while a name is
    /// resolved.
    ///
    /// # Errors
    /// Those of the system; or if the socket is closed.
    ///
    /// # Examples
    /// ```
    /// use sudog::net::UdpSocket;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let server = UdpSocket::bind("127.0.0.1:0")?;
    /// let client = UdpSocket::bind("127.0.0.1:0")?;
    /// client.connect(server.local_addr()?)?;
    /// assert_eq!(client.peer_addr()?, server.local_addr()?);
    /// client.send(b"hello")?;
    /// assert_eq!(server.recv(&mut [0; 100])?, 5);
    /// # Ok(())
    /// # }
    /// ```
    pub fn connect(&self, address: impl ToSocketAddrs) -> io::Result<()> {
        first_of(address, |address| {
            self.fd
                .at_once(|socket| socket.connect(&SockAddr::from(address)))
        })
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
    /// See [`UdpSocket`].
    #[track_caller]
    pub fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let (count, from) = self
            .fd
            .call(Direction::Read, Location::caller(), |socket| {
                fill(buffer, |uninit| socket.recv_from(uninit))
            })?;
        Ok((count, internet(from)?))
    }

    /// Receives as [`recv_from`](Self::recv_from), and blocks as it does, but leaves the datagram for the next
    /// who looks.
    ///
    /// # Errors
    /// As of `recv_from`.
    ///
    /// # Examples
    /// ```
    /// use sudog::net::UdpSocket;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let socket = UdpSocket::bind("127.0.0.1:0")?;
    /// socket.send_to(b"to me", socket.local_addr()?)?;
    /// let mut buffer = [0; 100];
    /// assert_eq!(socket.peek_from(&mut buffer)?, socket.recv_from(&mut buffer)?);
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn peek_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let (count, from) = self
            .fd
            .call(Direction::Read, Location::caller(), |socket| {
                fill(buffer, |uninit| socket.peek_from(uninit))
            })?;
        Ok((count, internet(from)?))
    }

    /// Waits for a datagram, and returns its length.
    ///
    /// Blocks the goroutine, or the thread on a plain thread.
    ///
    /// # Errors
    /// As of [`recv_from`](Self::recv_from); `ConnectionRefused` after [`connect`](Self::connect) to where
    /// nobody receives.
    ///
    /// # Examples
    /// See [`connect`](Self::connect).
    #[track_caller]
    pub fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.fd.call(Direction::Read, Location::caller(), |socket| {
            fill(buffer, |uninit| socket.recv(uninit))
        })
    }

    /// Receives as [`recv`](Self::recv), and blocks as it does, but leaves the datagram for the next who looks.
    ///
    /// # Errors
    /// As of `recv`.
    ///
    /// # Examples
    /// ```
    /// use sudog::net::UdpSocket;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let socket = UdpSocket::bind("127.0.0.1:0")?;
    /// socket.send_to(b"to me", socket.local_addr()?)?;
    /// let mut buffer = [0; 100];
    /// assert_eq!(socket.peek(&mut buffer)?, socket.recv(&mut buffer)?);
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.fd.call(Direction::Read, Location::caller(), |socket| {
            fill(buffer, |uninit| socket.peek(uninit))
        })
    }

    /// Sends a datagram to `address`: to the first, if a name has several. Returns its length.
    ///
    /// Blocks the goroutine, or the thread on a plain thread, while the system has no room, and while a
    /// name is resolved.
    ///
    /// # Errors
    /// `InvalidInput` without an address; `TimedOut`; if the socket is closed; others of the system.
    ///
    /// # Examples
    /// See [`UdpSocket`].
    #[track_caller]
    pub fn send_to(&self, bytes: &[u8], address: impl ToSocketAddrs) -> io::Result<usize> {
        let at = Location::caller();
        let Some(address) = all(address)?.into_iter().next() else {
            let kind = io::ErrorKind::InvalidInput;
            return Err(io::Error::new(kind, "no addresses to send data to"));
        };
        let address = SockAddr::from(address);
        self.fd.call(Direction::Write, at, |socket| {
            socket.send_to_with_flags(bytes, &address, NO_SIGNAL)
        })
    }

    /// Sends a datagram to where [`connect`](Self::connect) said. Returns its length.
    ///
    /// Blocks the goroutine, or the thread on a plain thread, while the system has no room.
    ///
    /// # Errors
    /// Before `connect`, `NotConnected` or one without a kind (`EDESTADDRREQ`), as the system has it; `TimedOut`;
    /// if the socket is closed; others of the system.
    ///
    /// # Examples
    /// See [`connect`](Self::connect).
    #[track_caller]
    pub fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        self.fd
            .call(Direction::Write, Location::caller(), |socket| {
                socket.send_with_flags(bytes, NO_SIGNAL)
            })
    }
}

impl fmt::Debug for UdpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut output = f.debug_struct("UdpSocket");
        if let Ok(address) = self.local_addr() {
            output.field("addr", &address);
        }
        output.field("fd", &self.fd.as_fd().as_raw_fd()).finish()
    }
}
