//! What is done when a signal comes: by the system itself, and by a handler beside those of others.

use signal_hook::SigId;
use signal_hook::low_level::{register, unregister};
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

/// What the handler of a signal does, besides what others have it do.
pub(crate) struct Action(SigId);

impl Action {
    /// Has this done whenever the signal comes.
    ///
    /// # Safety
    /// `act` is safe in a handler: it neither allocates, nor frees, nor takes a lock.
    pub(crate) unsafe fn new(
        signal: i32,
        act: impl Fn() + Send + Sync + 'static,
    ) -> io::Result<Action> {
        // SAFETY: as our caller says.
        unsafe { register(signal, act) }.map(Action)
    }

    /// Does it no more, and drops it once no handler runs it.
    pub(crate) fn end(self) {
        unregister(self.0);
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
