//! SIGQUIT: the handler notes it and wakes sysmon, which writes the goroutines down and ends the process.
//! Go's `sighandler`.
//!
//! Nothing is listed in the handler, which may stand in the midst of anything, `malloc` too. sysmon's
//! thread stands in nothing and needs no P, so this works while every goroutine is in an endless loop.
//!
//! A program may receive SIGQUIT itself (signal/hub.rs). Then the handler does nothing, and whoever hands signals
//! out there says so when nobody wants this one.

use super::{dump, sched};
use crate::runtime::config::Traceback;
use crate::sys::atomic::{AtomicBool, Ordering};
use crate::sys::lock::Lock;
use crate::sys::{self, Stderr, os};

/// Whether SIGQUIT is answered at all.
static IS_INSTALLED: AtomicBool = AtomicBool::new(false);

/// Whether the program receives SIGQUIT itself, and says when it does so no more.
static IS_PROGRAMS: AtomicBool = AtomicBool::new(false);

/// Held by who settles whose SIGQUIT is.
static SETTLING: Lock<()> = Lock::new(());

static IS_ASKED: AtomicBool = AtomicBool::new(false);

/// Has SIGQUIT answered, if the settings ask for it. Once, before sysmon starts.
pub(super) fn install(traceback: Traceback) {
    let _settling = SETTLING.lock();
    // If the program was first, its handler stays the only one.
    if traceback != Traceback::None && !IS_PROGRAMS.load(Ordering::Relaxed) {
        let is_installed = os::on_quit(|| {
            if !IS_PROGRAMS.load(Ordering::Relaxed) {
                ask();
            }
        });
        IS_INSTALLED.store(is_installed, Ordering::Relaxed);
    }
}

/// Leaves SIGQUIT to the program from now on, which calls [`answer_quit`] when nobody there wants one.
#[cfg(feature = "signal")]
pub(crate) fn leave_quit_to_program() {
    let _settling = SETTLING.lock();
    IS_PROGRAMS.store(true, Ordering::Relaxed);
}

/// Takes it back, as the program cannot receive it.
#[cfg(feature = "signal")]
pub(crate) fn take_quit_back() {
    IS_PROGRAMS.store(false, Ordering::Relaxed);
}

/// Does what would have been done about a SIGQUIT had the program not received it.
#[cfg(feature = "signal")]
pub(crate) fn answer_quit() {
    if IS_INSTALLED.load(Ordering::Relaxed) {
        ask();
    }
}

fn ask() {
    // Relaxed: the wake comes after it, and orders.
    IS_ASKED.store(true, Ordering::Relaxed);
    sched().sysmon.wake();
}

/// Answers a SIGQUIT. For sysmon, each round.
pub(super) fn look() {
    if IS_ASKED.load(Ordering::Relaxed) {
        answer();
    }
}

#[cold]
fn answer() -> ! {
    sys::write_stderr("SIGQUIT: quit\n\n");
    let _ = match sched().settings().traceback {
        Traceback::Single => dump::write_running(&mut Stderr),
        _ => dump::write_all(&mut Stderr),
    };
    os::exit_at_once(2);
}
