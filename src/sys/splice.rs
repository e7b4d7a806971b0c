//! Moving bytes from descriptor to descriptor in the kernel.
//!
//! Elsewhere than on Linux every function fails with `Unsupported`, and the bytes go through a buffer.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

/// How much one call moves at most: as much as a pipe holds at first.
const CHUNK: usize = 64 * 1024;

#[cfg(target_os = "linux")]
mod linux {
    use super::CHUNK;
    use std::io;
    use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
    use std::ptr;

    pub(crate) fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
        let mut ends = [-1; 2];
        // SAFETY: room for two descriptors, which are new and ours alone.
        unsafe {
            if libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC | libc::O_NONBLOCK) < 0 {
                return Err(io::Error::last_os_error());
            }
            Ok((OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1])))
        }
    }

    pub(crate) fn splice(
        from: BorrowedFd<'_>,
        to: BorrowedFd<'_>,
        len: usize,
    ) -> io::Result<usize> {
        let flags = libc::SPLICE_F_MOVE | libc::SPLICE_F_NONBLOCK;
        let (from, to) = (from.as_raw_fd(), to.as_raw_fd());
        // SAFETY: open descriptors, at their own positions.
        let count = unsafe { libc::splice(from, ptr::null_mut(), to, ptr::null_mut(), len, flags) };
        usize::try_from(count).map_err(|_| io::Error::last_os_error())
    }

    pub(crate) fn send_file(file: BorrowedFd<'_>, to: BorrowedFd<'_>) -> io::Result<usize> {
        // SAFETY: open descriptors; the file at its own position.
        let count =
            unsafe { libc::sendfile(to.as_raw_fd(), file.as_raw_fd(), ptr::null_mut(), 4 * CHUNK) };
        usize::try_from(count).map_err(|_| io::Error::last_os_error())
    }
}

/// Makes a pipe for bytes on their way: the reading and the writing end, both in non-blocking mode.
pub(crate) fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    #[cfg(target_os = "linux")]
    return linux::pipe();
    #[cfg(not(target_os = "linux"))]
    Err(io::ErrorKind::Unsupported.into())
}

/// Moves up to `len` bytes, of which [`CHUNK`] is enough, between a pipe and something else.
pub(crate) fn splice(
    from: BorrowedFd<'_>,
    to: BorrowedFd<'_>,
    len: Option<usize>,
) -> io::Result<usize> {
    #[cfg(target_os = "linux")]
    return linux::splice(from, to, len.unwrap_or(CHUNK));
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (from, to, len);
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Sends bytes of a file, from where it stands, to a socket.
pub(crate) fn send_file(file: BorrowedFd<'_>, to: BorrowedFd<'_>) -> io::Result<usize> {
    #[cfg(target_os = "linux")]
    return linux::send_file(file, to);
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (file, to);
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Whether an error says that this cannot be done in the kernel, and a buffer can.
pub(crate) fn is_unfit(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Unsupported
        || matches!(
            error.raw_os_error(),
            Some(libc::EINVAL | libc::ENOSYS | libc::EPERM | libc::EOVERFLOW)
        )
}
