//! Unix listeners.
#![forbid(unsafe_code)]

use super::error::is_closed;
use super::fd::Fd;
use super::tcp_listener::{BACKLOG, accept};
use super::unix_address::unix;
use super::unix_stream::UnixStream;
use std::fmt;
use std::io;
use std::iter::FusedIterator;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::{self, SocketAddr};
use std::panic::Location;
use std::path::Path;
use std::sync::Arc;

/// A Unix socket server, listening for connections: std's
/// [`UnixListener`](std::os::unix::net::UnixListener) for goroutines.
///
/// See the [module](super) for what holds of all sockets. Its read deadline is for `accept`. Closed
/// when the last clone is dropped; the file stays, as with std.
///
/// # Examples
/// ```
/// use std::io::{Read, Write};
/// use sudog::{go, net::{UnixListener, UnixStream}};
///
/// # fn main() -> std::io::Result<()> {
/// let path = std::env::temp_dir().join(format!("sudog-listener-{}", std::process::id()));
/// let listener = UnixListener::bind(&path)?;
/// let server = go!(move || listener.accept().unwrap().0.write_all(b"hello").unwrap());
/// let mut text = String::new();
/// UnixStream::connect(&path)?.read_to_string(&mut text)?;
/// assert_eq!(text, "hello");
/// server.join().unwrap();
/// std::fs::remove_file(&path)?;
/// # Ok(())
/// # }
/// ```
pub struct UnixListener {
    fd: Arc<Fd>,
}

socket!(
    UnixListener,
    std::os::unix::net::UnixListener,
    "let path = std::env::temp_dir().join(format!(\"sudog-{}-{}\", line!(), std::process::id()));
let socket = sudog::net::UnixListener::bind(&path)?;
std::fs::remove_file(&path)?;"
);

impl UnixListener {
    /// Listens at `path`, where there must not be a file yet.
    ///
    /// # Errors
    /// `AddrInUse` if there is one; others of the system.
    ///
    /// # Examples
    /// See [`UnixListener`].
    pub fn bind(path: impl AsRef<Path>) -> io::Result<UnixListener> {
        UnixListener::listen(net::UnixListener::bind(path)?)
    }

    /// Listens at `address`, which may be one without a path.
    ///
    /// # Errors
    /// As of [`bind`](Self::bind).
    ///
    /// # Examples
    /// See [`UnixStream::connect_addr`].
    pub fn bind_addr(address: &SocketAddr) -> io::Result<UnixListener> {
        UnixListener::listen(net::UnixListener::bind_addr(address)?)
    }

    fn listen(listener: net::UnixListener) -> io::Result<UnixListener> {
        let listener = UnixListener::try_from(listener)?;
        listener.fd.at_once(|socket| socket.listen(BACKLOG))?;
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
    /// let path = std::env::temp_dir().join(format!("sudog-local-{}", std::process::id()));
    /// let listener = sudog::net::UnixListener::bind(&path)?;
    /// assert_eq!(listener.local_addr()?.as_pathname(), Some(&*path));
    /// std::fs::remove_file(&path)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.fd.at_once(|socket| socket.local_addr()).and_then(unix)
    }

    /// Waits for a connection, and returns it with the address of its other end.
    ///
    /// Blocks the goroutine, or the thread on a plain thread. Any number may wait at once: each connection
    /// goes to one of them.
    ///
    /// # Errors
    /// As of [`TcpListener::accept`](super::TcpListener::accept).
    ///
    /// # Examples
    /// See [`UnixListener`].
    #[track_caller]
    pub fn accept(&self) -> io::Result<(UnixStream, SocketAddr)> {
        let (owned, address) = accept(&self.fd, Location::caller())?;
        let fd = Arc::new(Fd::new(owned)?);
        Ok((UnixStream { fd }, unix(address)?))
    }

    /// Iterates over the connections, as `accept` gives them, until the listener is closed.
    ///
    /// `next` blocks as [`accept`](Self::accept) does, and gives errors other than that of a close.
    ///
    /// # Examples
    /// ```
    /// use sudog::{go, net::UnixListener};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let path = std::env::temp_dir().join(format!("sudog-incoming-{}", std::process::id()));
    /// let listener = UnixListener::bind(&path)?;
    /// let acceptor = listener.clone();
    /// let server = go!(move || acceptor.incoming().count());
    /// listener.close()?;
    /// assert_eq!(server.join().unwrap(), 0);
    /// std::fs::remove_file(&path)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn incoming(&self) -> UnixIncoming<'_> {
        UnixIncoming { listener: self }
    }
}

/// An iterator over the connections of a [`UnixListener`], made by [`incoming`](UnixListener::incoming).
///
/// # Examples
/// See [`UnixListener::incoming`].
#[derive(Debug)]
pub struct UnixIncoming<'a> {
    listener: &'a UnixListener,
}

impl Iterator for UnixIncoming<'_> {
    type Item = io::Result<UnixStream>;

    #[track_caller]
    fn next(&mut self) -> Option<io::Result<UnixStream>> {
        match self.listener.accept() {
            Err(error) if is_closed(&error) => None,
            result => Some(result.map(|(stream, _)| stream)),
        }
    }
}

impl FusedIterator for UnixIncoming<'_> {}

impl<'a> IntoIterator for &'a UnixListener {
    type Item = io::Result<UnixStream>;
    type IntoIter = UnixIncoming<'a>;

    fn into_iter(self) -> UnixIncoming<'a> {
        self.incoming()
    }
}

impl fmt::Debug for UnixListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut output = f.debug_struct("UnixListener");
        if let Ok(address) = self.local_addr() {
            output.field("local", &address);
        }
        output.field("fd", &self.fd.as_fd().as_raw_fd()).finish()
    }
}
