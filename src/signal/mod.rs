//! Signals as values on channels. Go's `os/signal`.
//!
//! A process that has once asked for signals is never reported as deadlocked: one may still come.

mod hub;

use crate::chan::{Receiver, fed};
use crate::context::{CancelFunc, Context};
use crate::sys::signal::numbers;
use hub::{Sink, add};
use std::error::Error;
use std::fmt;
use std::io;

/// A signal, by the number that the system gives it.
///
/// # Examples
/// ```
/// use sudog::signal::Signal;
///
/// assert_eq!(Signal::SIGINT.0, 2);
/// assert_eq!(format!("{:?}", Signal::SIGTERM), "SIGTERM");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Signal(pub i32);

macro_rules! signals {
    ($($name:ident: $what:literal,)*) => {
        impl Signal {$(
            #[doc = $what]
            pub const $name: Signal = Signal(numbers::$name);
        )*}

        impl fmt::Debug for Signal {
            /// Writes the name; the number of one without.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match *self {
                    $(Signal::$name => f.write_str(stringify!($name)),)*
                    Signal(number) => write!(f, "Signal({number})"),
                }
            }
        }
    };
}

signals! {
    SIGABRT: "Ends with a dump: `abort` was called.",
    SIGALRM: "Says that the time of `alarm` is over.",
    SIGCHLD: "Says that a child has ended or stopped.",
    SIGCONT: "Has a stopped process go on.",
    SIGHUP: "Says that the terminal has gone; asks many servers to read their settings again.",
    SIGINT: "Asks to end: Ctrl-C at the terminal.",
    SIGIO: "Says that a descriptor is ready.",
    SIGPIPE: "Says that nobody reads what was written.",
    SIGPROF: "Says that the time of a profile is over.",
    SIGQUIT: "Asks to end with a dump: Ctrl-\\ at the terminal.",
    SIGTERM: "Asks to end: what `kill` sends.",
    SIGTRAP: "Says that a debugger's trap was met.",
    SIGTSTP: "Asks to stop: Ctrl-Z at the terminal.",
    SIGTTIN: "Says that a process in the background reads from the terminal.",
    SIGTTOU: "Says that a process in the background writes to the terminal.",
    SIGURG: "Says that there are urgent data on a socket.",
    SIGUSR1: "Says what the program wants it to say.",
    SIGUSR2: "Says what the program wants it to say.",
    SIGVTALRM: "Says that an amount of CPU time is over.",
    SIGWINCH: "Says that the terminal's window has another size.",
    SIGXCPU: "Says that the limit of CPU time is reached.",
    SIGXFSZ: "Says that the limit of a file's size is reached.",
}

/// How many signals a receiver may be behind; more are left out.
const BUFFER: usize = 16;

/// Has these signals come as values, instead of what the system does with them.
///
/// Each call gets its own copy of each signal, from now on; one that came a moment ago may be among them.
/// The receiver holds 16; what comes to a full one is left out. When the last receiver of a signal is dropped, the signal does again what it did before; one
/// that came earlier is dropped with the receiver.
/// Signals of one number that come at once may be one value. Handlers that others have put there are called
/// as well; one put there after the first `notify` does not keep the default action away.
/// Without any signals the channel is closed at once; Go takes that for all of them.
///
/// Does not block.
///
/// # Errors
/// `InvalidInput` for a signal that cannot be caught (`SIGKILL`, `SIGSTOP`, and those that say that this very
/// thread has gone wrong), and for a number that is none; others of the system.
///
/// # Examples
/// ```no_run
/// use sudog::signal::{self, Signal};
///
/// # fn main() -> std::io::Result<()> {
/// let stop = signal::notify(&[Signal::SIGINT, Signal::SIGTERM])?;
/// println!("running until {:?}", stop.recv().unwrap());
/// # Ok(())
/// # }
/// ```
pub fn notify(signals: &[Signal]) -> io::Result<Receiver<Signal>> {
    let (sender, receiver) = fed(BUFFER);
    add(signals, &Sink::Named(sender))?;
    Ok(receiver)
}

/// Has Ctrl-C at the terminal (`SIGINT`) come as a value, instead of ending the process.
///
/// As [`notify`], for `select!` beside other channels. Does not block.
///
/// # Errors
/// Those of the system.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use sudog::{chan::after, select, signal};
///
/// # fn main() -> std::io::Result<()> {
/// let stop = signal::ctrl_c()?;
/// let work = after(Duration::from_millis(5));
/// select! {
///     recv(stop) -> _ => println!("stopping"),
///     recv(work) -> _ => println!("done"),
/// }
/// # Ok(())
/// # }
/// ```
pub fn ctrl_c() -> io::Result<Receiver<()>> {
    let (sender, receiver) = fed(BUFFER);
    add(&[Signal::SIGINT], &Sink::Bare(sender))?;
    Ok(receiver)
}

/// Makes a context that ends with `ctx`, at the first of these signals, or by the [`CancelFunc`]. Go's
/// `signal.NotifyContext`.
///
/// Its [`cause`](Context::cause) is then [`Received`], which says which signal has come. Once the context
/// has ended, however that was, the signals do again what they did before: a second Ctrl-C ends a process
/// that takes long to stop.
///
/// Does not block.
///
/// # Errors
/// As [`notify`].
///
/// # Examples
/// ```no_run
/// use std::time::Duration;
/// use sudog::context::Context;
/// use sudog::signal::{self, Signal};
///
/// # fn main() -> std::io::Result<()> {
/// let signals = [Signal::SIGINT, Signal::SIGTERM];
/// let (ctx, _cancel) = signal::notify_context(&Context::background(), &signals)?;
/// while ctx.sleep(Duration::from_secs(1)).is_ok() {
///     println!("working; stop me with Ctrl-C");
/// }
/// println!("{}", ctx.cause().unwrap()); // SIGINT received
/// # Ok(())
/// # }
/// ```
pub fn notify_context(ctx: &Context, signals: &[Signal]) -> io::Result<(Context, CancelFunc)> {
    let (ctx, cancel) = ctx.with_cancel();
    // Without its values: the hub is not to keep them.
    add(signals, &Sink::Context(ctx.without_values()))?;
    Ok((ctx, cancel))
}

/// Says which signal has ended a context of [`notify_context`].
///
/// # Examples
/// ```
/// use sudog::signal::{Received, Signal};
///
/// assert_eq!(Received(Signal::SIGTERM).to_string(), "SIGTERM received");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Received(pub Signal);

impl fmt::Display for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} received", self.0)
    }
}

impl Error for Received {}
