//! Names to addresses.
//!
//! The system's resolver blocks its thread, so it is asked in [`blocking`](crate::blocking): other
//! goroutines have the P meanwhile.
#![forbid(unsafe_code)]

use crate::runtime::blocking;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};

/// Finds the addresses of a name, such as `example.org:80`.
///
/// Blocks the goroutine, or the thread on a plain thread, and for as long as the system's resolver takes;
/// other goroutines run meanwhile. Every call that takes a name, [`TcpStream::connect`] for one, resolves
/// it like this.
///
/// [`TcpStream::connect`]: super::TcpStream::connect
///
/// # Errors
/// Those of [`ToSocketAddrs`]: `InvalidInput` without a port, what the resolver says for an unknown name.
///
/// # Examples
/// ```
/// # fn main() -> std::io::Result<()> {
/// let addresses = sudog::net::lookup_host("localhost:80")?;
/// assert!(addresses.iter().all(|address| address.ip().is_loopback()));
/// # Ok(())
/// # }
/// ```
pub fn lookup_host(host: &str) -> io::Result<Vec<SocketAddr>> {
    all(host)
}

pub(super) fn all(address: impl ToSocketAddrs) -> io::Result<Vec<SocketAddr>> {
    blocking(|| address.to_socket_addrs().map(Iterator::collect))
}

/// Tries the addresses one by one, and gives the last error.
pub(super) fn first_of<T>(
    address: impl ToSocketAddrs,
    mut attempt: impl FnMut(SocketAddr) -> io::Result<T>,
) -> io::Result<T> {
    let mut last = io::Error::new(
        io::ErrorKind::InvalidInput,
        "could not resolve to any addresses",
    );
    for address in all(address)? {
        match attempt(address) {
            Ok(made) => return Ok(made),
            Err(error) => last = error,
        }
    }
    Err(last)
}
