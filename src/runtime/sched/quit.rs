//! SIGQUIT: the handler notes it and wakes sysmon, which writes the goroutines down and ends the process.
//! Go's `sighandler`.
//!
//! Nothing is listed in the handler, which may stand in the midst of anything, `malloc` too. sysmon's
//! thread stands in nothing and needs no P, so this works while every goroutine is in an endless loop.

use super::{dump, sched};
use crate::runtime::config::Traceback;
use crate::sys::atomic::{AtomicBool, Ordering};
use crate::sys::{self, Stderr, os};

static IS_ASKED: AtomicBool = AtomicBool::new(false);

/// Has SIGQUIT answered, if the settings ask for it. Once, before sysmon starts.
pub(super) fn install(traceback: Traceback) {
    if traceback != Traceback::None {
        os::on_quit(|| {
            // Relaxed: the wake comes after it, and orders.
            IS_ASKED.store(true, Ordering::Relaxed);
            sched().sysmon.wake();
        });
    }
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
