//! Addresses of Unix sockets: a path, a name in the abstract namespace of Linux, or none.
#![forbid(unsafe_code)]

use socket2::SockAddr;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::SocketAddr;

/// The address of a Unix socket, out of what the system gave.
pub(super) fn unix(address: SockAddr) -> io::Result<SocketAddr> {
    if let Some(path) = address.as_pathname() {
        return SocketAddr::from_pathname(path);
    }
    #[cfg(target_os = "linux")]
    if let Some(name) = address.as_abstract_namespace() {
        return <SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(name);
    }
    // std's address of an unnamed socket.
    SocketAddr::from_pathname("")
}

/// The other way.
///
/// # Errors
/// `InvalidInput` for the address of an unnamed socket.
pub(super) fn to_system(address: &SocketAddr) -> io::Result<SockAddr> {
    if let Some(path) = address.as_pathname() {
        return SockAddr::unix(path);
    }
    #[cfg(target_os = "linux")]
    if let Some(name) = std::os::linux::net::SocketAddrExt::as_abstract_name(address) {
        // socket2 writes such a name as a path that begins with a zero.
        let path = [&[0], name].concat();
        return SockAddr::unix(OsStr::from_bytes(&path));
    }
    let kind = io::ErrorKind::InvalidInput;
    Err(io::Error::new(
        kind,
        "the address is that of an unnamed socket",
    ))
}
