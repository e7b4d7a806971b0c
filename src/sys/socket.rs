//! System calls on sockets and other descriptors that std and socket2 do not have.

use socket2::SockAddr;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;
use std::sync::OnceLock;

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

/// A descriptor on which every operation fails, to stand in the place of one that was closed.
static NOTHING: OnceLock<OwnedFd> = OnceLock::new();

/// Sees to it that [`retire`] cannot fail for want of a descriptor.
pub(crate) fn prepare_to_retire() -> io::Result<()> {
    if NOTHING.get().is_some() {
        return Ok(());
    }
    #[cfg(target_os = "linux")]
    let flags = libc::O_PATH | libc::O_CLOEXEC;
    // One that can be read, but nobody does: who sees it knows that the socket is closed.
    #[cfg(not(target_os = "linux"))]
    let flags = libc::O_WRONLY | libc::O_CLOEXEC;
    // SAFETY: a path that ends in 0; the descriptor is new and ours alone.
    let new = unsafe { OwnedFd::from_raw_fd(check(libc::open(c"/dev/null".as_ptr(), flags))?) };
    NOTHING.get_or_init(|| new);
    Ok(())
}

/// Closes what is behind a number and puts a descriptor there that refuses everything, in one step.
pub(crate) fn retire(fd: BorrowedFd<'_>) {
    let Some(nothing) = NOTHING.get() else {
        super::fatal!("a descriptor is closed that was never opened");
    };
    loop {
        // SAFETY: both numbers are open.
        let result = unsafe { duplicate_to(nothing.as_raw_fd(), fd.as_raw_fd()) };
        match check(result) {
            Ok(_) => return,
            // Another thread opens a descriptor at this moment (EBUSY), or a signal came.
            Err(error) if matches!(error.raw_os_error(), Some(libc::EBUSY | libc::EINTR)) => {}
            Err(error) => super::fatal!("a descriptor cannot be closed: {error}"),
        }
    }
}

#[cfg(target_os = "linux")]
unsafe fn duplicate_to(from: libc::c_int, to: libc::c_int) -> libc::c_int {
    // SAFETY: our caller's descriptors.
    unsafe { libc::dup3(from, to, libc::O_CLOEXEC) }
}

#[cfg(not(target_os = "linux"))]
unsafe fn duplicate_to(from: libc::c_int, to: libc::c_int) -> libc::c_int {
    // SAFETY: our caller's descriptors.
    unsafe {
        let result = libc::dup2(from, to);
        libc::fcntl(to, libc::F_SETFD, libc::FD_CLOEXEC);
        result
    }
}

/// A buffer to be written to, as memory that need not have been. socket2 promises to write no uninitialised
/// bytes there.
pub(crate) fn as_uninit(buffer: &mut [u8]) -> &mut [MaybeUninit<u8>] {
    // SAFETY: the same bytes; socket2's receives only write what the system has written.
    unsafe { &mut *(ptr::from_mut(buffer) as *mut [MaybeUninit<u8>]) }
}

/// Has calls on a descriptor fail rather than wait, or wait again; returns whether they failed before.
pub(crate) fn set_nonblocking(fd: BorrowedFd<'_>, nonblocking: bool) -> io::Result<bool> {
    // SAFETY: reads and sets flags of an open descriptor.
    unsafe {
        let before = check(libc::fcntl(fd.as_raw_fd(), libc::F_GETFL))?;
        let after = match nonblocking {
            true => before | libc::O_NONBLOCK,
            false => before & !libc::O_NONBLOCK,
        };
        if before != after {
            check(libc::fcntl(fd.as_raw_fd(), libc::F_SETFL, after))?;
        }
        Ok(before & libc::O_NONBLOCK != 0)
    }
}

/// Takes the first connection off the queue of a listener, in non-blocking mode.
pub(crate) fn accept(listener: BorrowedFd<'_>) -> io::Result<(OwnedFd, SockAddr)> {
    // SAFETY: the closure writes an address and its length as the system does; the descriptor is new
    // and ours alone.
    unsafe {
        let (fd, address) = SockAddr::try_init(|storage, len| {
            check(accept_raw(listener.as_raw_fd(), storage.cast(), len))
        })?;
        Ok((OwnedFd::from_raw_fd(fd), address))
    }
}

#[cfg(target_os = "linux")]
unsafe fn accept_raw(
    fd: libc::c_int,
    address: *mut libc::sockaddr,
    len: *mut libc::socklen_t,
) -> libc::c_int {
    // SAFETY: our caller's buffer.
    unsafe { libc::accept4(fd, address, len, libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC) }
}

#[cfg(not(target_os = "linux"))]
unsafe fn accept_raw(
    fd: libc::c_int,
    address: *mut libc::sockaddr,
    len: *mut libc::socklen_t,
) -> libc::c_int {
    // SAFETY: our caller's buffer; the new descriptor is ours.
    unsafe {
        let fd = libc::accept(fd, address, len);
        if fd >= 0 {
            libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC);
            libc::fcntl(
                fd,
                libc::F_SETFL,
                libc::fcntl(fd, libc::F_GETFL) | libc::O_NONBLOCK,
            );
        }
        fd
    }
}

/// Whether a failed `accept` says no more than that this one connection has gone.
pub(crate) fn is_aborted(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::ECONNABORTED)
}

/// Whether a failed `connect` goes on by itself.
pub(crate) fn is_in_progress(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EINPROGRESS | libc::EINTR | libc::EALREADY)
    )
}

/// The flag of sends that are to give an error and no signal where nobody reads.
pub(crate) const NO_SIGNAL: libc::c_int = libc::MSG_NOSIGNAL;

/// Runs `op` so that writing where nobody reads is an error (`EPIPE`) and no signal.
///
/// For calls that have no flag for it: the signal, which goes to the thread, is blocked, and taken
/// away again if it has come.
pub(crate) fn without_sigpipe<T>(op: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    // SAFETY: the sets are plain data, initialised by the calls that take them first; the mask is put
    // back on the same thread, for `op` is a system call and does not switch.
    unsafe {
        let mut pipe: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&mut pipe);
        libc::sigaddset(&mut pipe, libc::SIGPIPE);
        let mut before: libc::sigset_t = std::mem::zeroed();
        libc::pthread_sigmask(libc::SIG_BLOCK, &pipe, &mut before);
        let result = op();
        let is_broken = matches!(&result, Err(error) if error.raw_os_error() == Some(libc::EPIPE));
        let was_blocked = libc::sigismember(&before, libc::SIGPIPE) == 1;
        if is_broken && !was_blocked {
            take_signal(&pipe);
        }
        libc::pthread_sigmask(libc::SIG_SETMASK, &before, ptr::null_mut());
        result
    }
}

/// Takes a pending signal of this set away, if there is one.
unsafe fn take_signal(set: &libc::sigset_t) {
    // SAFETY: our caller's set; on Linux with a limit of zero, elsewhere after a look.
    unsafe {
        #[cfg(target_os = "linux")]
        {
            let at_once: libc::timespec = std::mem::zeroed();
            libc::sigtimedwait(set, ptr::null_mut(), &at_once);
        }
        #[cfg(not(target_os = "linux"))]
        {
            let mut pending: libc::sigset_t = std::mem::zeroed();
            libc::sigpending(&mut pending);
            if libc::sigismember(&pending, libc::SIGPIPE) == 1 {
                let mut signal = 0;
                libc::sigwait(set, &mut signal);
            }
        }
    }
}
