//! The errors that sockets add to those of the system.
#![forbid(unsafe_code)]

use std::fmt;
use std::io::{Error, ErrorKind};

/// What a call on a closed socket gets; also one that was under way.
#[derive(Debug)]
struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("use of closed network connection")
    }
}

impl std::error::Error for Closed {}

#[cold]
pub(crate) fn closed() -> Error {
    Error::other(Closed)
}

/// For every time-out and every deadline.
#[cold]
pub(crate) fn timed_out() -> Error {
    Error::new(ErrorKind::TimedOut, "i/o timeout")
}

/// Returns whether an error says that the socket was closed, by this side's [`close`](super::TcpStream::close),
/// before the call or while it was blocked.
///
/// Such an error reads `use of closed network connection`. It is how a server that was told to stop
/// tells the end of `accept` from a failure.
///
/// # Examples
/// ```
/// use sudog::{go, net};
///
/// # fn main() -> std::io::Result<()> {
/// let listener = net::TcpListener::bind("127.0.0.1:0")?;
/// let acceptor = listener.clone();
/// let server = go!(move || acceptor.accept().unwrap_err());
/// listener.close()?;
/// assert!(net::is_closed(&server.join().unwrap()));
/// # Ok(())
/// # }
/// ```
pub fn is_closed(error: &Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<Closed>())
}
