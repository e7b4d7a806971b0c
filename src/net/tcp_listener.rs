//! TCP listeners.
#![forbid(unsafe_code)]

use super::common::internet;
use super::error::is_closed;
use super::fd::Fd;
use super::resolve::all;
use super::tcp_stream::TcpStream;
use crate::runtime::Direction;
use crate::sys::socket;
use std::fmt;
use std::io;
use std::iter::FusedIterator;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::panic::Location;
use std::sync::Arc;

/// How many connections may wait to be accepted, as far as the system lets us.
pub(super) const BACKLOG: i32 = 4096;

/// A TCP socket server, listening for connections: std's [`TcpListener`](std::net::TcpListener) for
/// goroutines.
///
/// See the [module](super) for what holds of all sockets. Its read deadline is for `accept`. Closed
/// when the last clone is dropped.
///
/// # Examples
/// See the [module](super).
pub struct TcpListener {
    fd: Arc<Fd>,
}

socket!(
    TcpListener,
    std::net::TcpListener,
    "let socket = sudog::net::TcpListener::bind(\"127.0.0.1:0\")?;"
);

impl TcpListener {
    /// Listens at `address`: at the first that can be had, if a name has several.
    ///
    /// Port 0 has the system choose one; see [`local_addr`](Self::local_addr). As with std, an address
    /// can be used again right after a server's end (`SO_REUSEADDR`). Blocks while a name is resolved.
    ///
    /// # Errors
    /// `AddrInUse`, `PermissionDenied`, and others of the system.
    ///
    /// # Examples
    /// ```
    /// use std::io::ErrorKind;
    /// use sudog::net::TcpListener;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let error = TcpListener::bind(listener.local_addr()?).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::AddrInUse);
    /// # Ok(())
    /// # }
    /// ```
    pub fn bind(address: impl ToSocketAddrs) -> io::Result<TcpListener> {
        let addresses = all(address)?;
        let listener = TcpListener::try_from(std::net::TcpListener::bind(&*addresses)?)?;
        // std asks for 128, which a storm of connections fills at once.
        listener.fd.at_once(|socket| socket.listen(BACKLOG))?;
        listener.fd.trust_short_reads();
        Ok(listener)
    }

    /// Returns the address it listens at.
    ///
    /// # Errors
    /// If the listener is closed.
    ///
    /// # Examples
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let listener = sudog::net::TcpListener::bind("127.0.0.1:0")?;
    /// assert_ne!(listener.local_addr()?.port(), 0);
    /// # Ok(())
    /// # }
    /// ```
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.fd
            .at_once(|socket| socket.local_addr())
            .and_then(internet)
    }

    /// Waits for a connection, and returns it with the address of its other end.
    ///
    /// Blocks the goroutine, or the thread on a plain thread. Any number may wait at once: each connection
    /// goes to one of them. A connection that its other end gave up before it was accepted is passed over.
    ///
    /// # Errors
    /// If the listener is closed, see [`is_closed`](super::is_closed). Where the process has too many
    /// descriptors (`EMFILE`) the connection stays queued, and a later `accept` gets it: close some, or
    /// wait a little, before the next.
    ///
    /// # Examples
    /// ```
    /// use sudog::net::{TcpListener, TcpStream};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let client = TcpStream::connect(listener.local_addr()?)?;
    /// let (stream, address) = listener.accept()?;
    /// assert_eq!(address, client.local_addr()?);
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (owned, address) = accept(&self.fd, Location::caller())?;
        let fd = Fd::new(owned)?;
        if self.fd.trusts_short_reads() {
            fd.trust_short_reads();
        }
        Ok((TcpStream { fd: Arc::new(fd) }, internet(address)?))
    }

    /// Iterates over the connections, as `accept` gives them, until the listener is closed.
    ///
    /// `next` blocks as [`accept`](Self::accept) does, and gives errors other than that of a close. A server
    /// should outlive them, and pause: with too many open files `next` fails at once, until one is closed.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use sudog::{go, net::{TcpListener, TcpStream}, time};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let acceptor = listener.clone();
    /// let server = go!(move || {
    ///     for stream in acceptor.incoming() {
    ///         match stream {
    ///             Ok(stream) => println!("{stream:?} has come"),
    ///             Err(error) => {
    ///                 eprintln!("accept: {error}");
    ///                 time::sleep(Duration::from_millis(10));
    ///             }
    ///         }
    ///     }
    /// });
    /// TcpStream::connect(listener.local_addr()?)?;
    /// listener.close()?;
    /// server.join().unwrap();
    /// # Ok(())
    /// # }
    /// ```
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming { listener: self }
    }

    /// Sets how many routers the packets of accepted connections may pass (`IP_TTL`).
    ///
    /// # Errors
    /// Those of the system; or if the listener is closed.
    ///
    /// # Examples
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let listener = sudog::net::TcpListener::bind("127.0.0.1:0")?;
    /// listener.set_ttl(100)?;
    /// assert_eq!(listener.ttl()?, 100);
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.fd.at_once(|socket| socket.set_ttl_v4(ttl))
    }

    /// Returns how many routers the packets of accepted connections may pass.
    ///
    /// # Errors
    /// Those of the system; or if the listener is closed.
    ///
    /// # Examples
    /// See [`set_ttl`](Self::set_ttl).
    pub fn ttl(&self) -> io::Result<u32> {
        self.fd.at_once(|socket| socket.ttl_v4())
    }
}

/// Waits for a connection at any listener.
pub(super) fn accept(
    listener: &Fd,
    at: &'static Location<'static>,
) -> io::Result<(OwnedFd, socket2::SockAddr)> {
    listener.call(Direction::Read, at, |_| {
        pass_aborted(|| socket::accept(listener.as_fd()))
    })
}

/// Takes the first connection that has not gone again while it was queued.
fn pass_aborted<T>(mut accept: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match accept() {
            Err(error) if socket::is_aborted(&error) => {}
            result => return result,
        }
    }
}

/// An iterator over the connections of a [`TcpListener`], made by [`incoming`](TcpListener::incoming).
///
/// # Examples
/// See [`TcpListener::incoming`].
#[derive(Debug)]
pub struct Incoming<'a> {
    listener: &'a TcpListener,
}

impl Iterator for Incoming<'_> {
    type Item = io::Result<TcpStream>;

    #[track_caller]
    fn next(&mut self) -> Option<io::Result<TcpStream>> {
        match self.listener.accept() {
            Err(error) if is_closed(&error) => None,
            result => Some(result.map(|(stream, _)| stream)),
        }
    }
}

impl FusedIterator for Incoming<'_> {}

impl<'a> IntoIterator for &'a TcpListener {
    type Item = io::Result<TcpStream>;
    type IntoIter = Incoming<'a>;

    fn into_iter(self) -> Incoming<'a> {
        self.incoming()
    }
}

impl fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut output = f.debug_struct("TcpListener");
        if let Ok(address) = self.local_addr() {
            output.field("addr", &address);
        }
        output.field("fd", &self.fd.as_fd().as_raw_fd()).finish()
    }
}

#[cfg(test)]
mod tests;
