//! Unix stream sockets.
#![forbid(unsafe_code)]

use super::fd::Fd;
use super::unix_address::unix;
use crate::runtime::blocking;
use std::fmt;
use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::{self, SocketAddr};
use std::path::Path;
use std::sync::Arc;

/// A connection between two processes of one machine: std's
/// [`UnixStream`](std::os::unix::net::UnixStream) for goroutines.
///
/// See the [module](super) for what holds of all sockets. Closed when the last clone is dropped.
///
/// # Examples
/// ```
/// use std::io::{Read, Write};
/// use sudog::{go, net::UnixStream};
///
/// # fn main() -> std::io::Result<()> {
/// let (mut a, mut b) = UnixStream::pair()?;
/// go!(move || b.write_all(b"hello").unwrap());
/// let mut text = String::new();
/// a.read_to_string(&mut text)?;
/// assert_eq!(text, "hello");
/// # Ok(())
/// # }
/// ```
pub struct UnixStream {
    pub(super) fd: Arc<Fd>,
}

socket!(
    UnixStream,
    std::os::unix::net::UnixStream,
    "let (socket, _peer) = sudog::net::UnixStream::pair()?;"
);
timeouts!(
    UnixStream,
    "let (socket, _peer) = sudog::net::UnixStream::pair()?;"
);
stream!(UnixStream);

impl UnixStream {
    /// Connects to the socket at `path`.
    ///
    /// Blocks the goroutine, or the thread on a plain thread, while the listener's queue is full.
    ///
    /// # Errors
    /// `NotFound`, `ConnectionRefused`, and others of the system.
    ///
    /// # Examples
    /// ```
    /// use sudog::net::{UnixListener, UnixStream};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let path = std::env::temp_dir().join(format!("sudog-connect-{}", std::process::id()));
    /// let listener = UnixListener::bind(&path)?;
    /// let stream = UnixStream::connect(&path)?;
    /// assert_eq!(stream.peer_addr()?.as_pathname(), Some(&*path));
    /// std::fs::remove_file(&path)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn connect(path: impl AsRef<Path>) -> io::Result<UnixStream> {
        // The system tells nobody when a queue that was full has room again, so the thread waits.
        blocking(|| net::UnixStream::connect(path))?.try_into()
    }

    /// Connects to the socket at `address`, which may be one without a path.
    ///
    /// Blocks as [`connect`](Self::connect) does.
    ///
    /// # Errors
    /// As of `connect`.
    ///
    /// # Examples
    /// ```
    /// use std::os::unix::net::SocketAddr;
    /// use sudog::net::{UnixListener, UnixStream};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let path = std::env::temp_dir().join(format!("sudog-addr-{}", std::process::id()));
    /// let address = SocketAddr::from_pathname(&path)?;
    /// let listener = UnixListener::bind_addr(&address)?;
    /// UnixStream::connect_addr(&address)?;
    /// std::fs::remove_file(&path)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn connect_addr(address: &SocketAddr) -> io::Result<UnixStream> {
        blocking(|| net::UnixStream::connect_addr(address))?.try_into()
    }

    /// Makes two streams that are connected with each other.
    ///
    /// # Errors
    /// Those of the system.
    ///
    /// # Examples
    /// ```
    /// use std::io::{Read, Write};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let (mut left, mut right) = sudog::net::UnixStream::pair()?;
    /// left.write_all(b"hello")?;
    /// let mut bytes = [0; 5];
    /// right.read_exact(&mut bytes)?;
    /// assert_eq!(&bytes, b"hello");
    /// # Ok(())
    /// # }
    /// ```
    pub fn pair() -> io::Result<(UnixStream, UnixStream)> {
        let (a, b) = net::UnixStream::pair()?;
        Ok((a.try_into()?, b.try_into()?))
    }

    pub(crate) fn fd(&self) -> &Fd {
        &self.fd
    }

    /// Returns the address of this end.
    ///
    /// # Errors
    /// If the stream is closed.
    ///
    /// # Examples
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let (stream, _) = sudog::net::UnixStream::pair()?;
    /// assert!(stream.local_addr()?.is_unnamed());
    /// # Ok(())
    /// # }
    /// ```
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.fd.at_once(|socket| socket.local_addr()).and_then(unix)
    }

    /// Returns the address of the other end.
    ///
    /// # Errors
    /// Those of the system; or if the stream is closed.
    ///
    /// # Examples
    /// See [`connect`](Self::connect).
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.fd.at_once(|socket| socket.peer_addr()).and_then(unix)
    }

    /// Ends one direction, or both, for all clones and for the other end.
    ///
    /// See [`TcpStream::shutdown`](super::TcpStream::shutdown).
    ///
    /// # Errors
    /// `NotConnected` if the connection is gone; or if the stream is closed.
    ///
    /// # Examples
    /// ```
    /// use std::io::Read;
    /// use std::net::Shutdown;
    /// use sudog::net::UnixStream;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let (a, mut b) = UnixStream::pair()?;
    /// a.shutdown(Shutdown::Write)?;
    /// assert_eq!(b.read(&mut [0; 8])?, 0);
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

impl fmt::Debug for UnixStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut output = f.debug_struct("UnixStream");
        if let Ok(address) = self.local_addr() {
            output.field("local", &address);
        }
        if let Ok(address) = self.peer_addr() {
            output.field("peer", &address);
        }
        output.field("fd", &self.fd.as_fd().as_raw_fd()).finish()
    }
}
