//! What the system does by itself when a signal comes.

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

/// Numbers of signals, as this system has them.
pub(crate) mod numbers {
    pub(crate) use libc::{
        SIGABRT, SIGALRM, SIGCHLD, SIGCONT, SIGHUP, SIGINT, SIGIO, SIGPIPE, SIGPROF, SIGQUIT,
        SIGTERM, SIGTRAP, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGUSR1, SIGUSR2, SIGVTALRM, SIGWINCH,
        SIGXCPU, SIGXFSZ,
    };
}
