//! What is done when a signal comes: by the system itself, and by a handler beside those of others.

use signal_hook::low_level::{emulate_default_handler, register};
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

/// Does what the system does by itself about a signal that has a handler.
pub(crate) fn do_default(signal: i32) {
    if emulate_default_handler(signal).is_ok() {
        return;
    }
    // Those that signal-hook does not know, such as those of real time, end the process on Linux.
    #[cfg(target_os = "linux")]
    // SAFETY: plain data, and a signal to this thread, which has no more handler for it.
    unsafe {
        let mut this: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&mut this);
        libc::sigaddset(&mut this, signal);
        libc::signal(signal, libc::SIG_DFL);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, &this, ptr::null_mut());
        libc::raise(signal);
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
