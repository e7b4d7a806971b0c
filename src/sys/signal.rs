//! What is done when a signal comes: by a handler beside those of others, and by the system itself.

use signal_hook::low_level::register;
use std::io;
use std::ptr;

/// Whether the process has left a signal to the system, and does not ignore it.
///
/// # Errors
/// `EINVAL` for a number that is no signal's.
pub(crate) fn is_default(signal: i32) -> io::Result<bool> {
    // SAFETY: plain data, written by the call.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        if libc::sigaction(signal, ptr::null(), &mut action) < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(action.sa_sigaction == libc::SIG_DFL)
    }
}

/// Has the handler of a signal do this too, besides what others have it do.
///
/// # Safety
/// `act` is safe in a handler: it neither allocates, nor frees, nor takes a lock.
pub(crate) unsafe fn on(signal: i32, act: impl Fn() + Send + Sync + 'static) -> io::Result<()> {
    // SAFETY: as our caller says.
    unsafe { register(signal, act) }.map(drop)
}

/// Does what the system does by itself about a signal: its handler steps aside for a moment.
pub(crate) fn do_default(signal: i32) {
    // Nothing; and the next of these may be wanted.
    if [libc::SIGCHLD, libc::SIGCONT, libc::SIGURG, libc::SIGWINCH].contains(&signal) {
        return;
    }
    // SAFETY: plain data; the signal is to this thread, which survives it where the system stops the process
    // or leaves it alone.
    unsafe {
        let mut handler: libc::sigaction = std::mem::zeroed();
        let mut default: libc::sigaction = std::mem::zeroed();
        default.sa_sigaction = libc::SIG_DFL;
        libc::sigaction(signal, &default, &mut handler);
        let mut this: libc::sigset_t = std::mem::zeroed();
        libc::sigaddset(&mut this, signal);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, &this, ptr::null_mut());
        libc::raise(signal);
        libc::sigaction(signal, &handler, ptr::null_mut());
    }
}

/// Numbers of signals, as this system has them.
pub(crate) mod numbers {
    pub(crate) use libc::{
        SIGABRT, SIGALRM, SIGBUS, SIGCHLD, SIGCONT, SIGHUP, SIGINT, SIGIO, SIGPIPE, SIGPROF,
        SIGQUIT, SIGTERM, SIGTRAP, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGUSR1, SIGUSR2, SIGVTALRM,
        SIGWINCH, SIGXCPU, SIGXFSZ,
    };
}
