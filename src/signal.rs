//! Signals as values on channels. Go's `os/signal`.
//!
//! A process that has once asked for signals is never reported as deadlocked: one may still come.

// signal-hook's handler notes the signal and wakes a thread of ours, which hands copies to the channels.
// The thread is made with the first `notify` and stays.
//
// 1. When the last receiver of a signal has gone, the thread does what the system would have done, if
//    the process had left it to the system before; and about SIGQUIT what the runtime would have.
// 2. Nothing is sent, no context ended, and none of them dropped, under the hub's lock.
#![forbid(unsafe_code)]

use crate::chan::{Receiver, Sender, fed};
use crate::context::{CancelFunc, Context};
use crate::runtime;
use crate::sys::lock::Lock;
use crate::sys::signal::{is_default, numbers};
use signal_hook::consts::FORBIDDEN;
use signal_hook::iterator::{Handle, Signals};
use signal_hook::low_level::emulate_default_handler;
use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind};
use std::sync::Arc;

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

/// Who gets what.
static HUB: Lock<Hub> = Lock::new(Hub {
    handle: None,
    sinks: Vec::new(),
    caught: Vec::new(),
});

struct Hub {
    /// Of the thread that hands out, once it was made.
    handle: Option<Handle>,
    sinks: Vec<(i32, Sink)>,
    /// The signals that have our handler, and whether the system's own action stood there before.
    caught: Vec<(i32, bool)>,
}

#[derive(Clone)]
enum Sink {
    Named(Sender<Signal>),
    Bare(Sender<()>),
    /// Ends with the first.
    Context(Context),
}

impl Sink {
    /// Hands one out; one too many for a full receiver is left out.
    fn send(&self, signal: i32) {
        match self {
            Sink::Named(sender) => drop(sender.try_send(Signal(signal))),
            Sink::Bare(sender) => drop(sender.try_send(())),
            Sink::Context(ctx) => ctx.end(Arc::new(Received(Signal(signal)))),
        }
    }

    /// Whether nobody wants any more.
    fn is_over(&self) -> bool {
        match self {
            Sink::Named(sender) => sender.is_closed(),
            Sink::Bare(sender) => sender.is_closed(),
            Sink::Context(ctx) => ctx.err().is_some(),
        }
    }
}

/// Has these signals come as values, instead of what the system does with them.
///
/// Each call gets its own copy of each signal, from now on. The receiver holds 16; what comes to a full one
/// is left out. When the last receiver of a signal is dropped, the signal does again what it did before.
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

fn add(signals: &[Signal], sink: &Sink) -> io::Result<()> {
    let handle = handle()?;
    for Signal(signal) in signals {
        catch(*signal, &handle)?;
    }
    let over = {
        let mut hub = HUB.lock();
        let over = hub.take_over(|_| true);
        let new = signals.iter().map(|signal| (signal.0, sink.clone()));
        hub.sinks.extend(new);
        over
    };
    drop(over);
    Ok(())
}

/// Has our handler take a signal, if it does not yet.
fn catch(signal: i32, handle: &Handle) -> io::Result<()> {
    if signal <= 0 || FORBIDDEN.contains(&signal) {
        let text = format!("signal {signal} cannot be caught");
        return Err(io::Error::new(ErrorKind::InvalidInput, text));
    }
    if HUB.lock().is_caught(signal) {
        return Ok(());
    }
    let was_default = is_default(signal)?;
    if signal == Signal::SIGQUIT.0 {
        runtime::leave_quit_to_program();
    }
    if let Err(error) = handle.add_signal(signal) {
        if signal == Signal::SIGQUIT.0 {
            runtime::take_quit_back();
        }
        return Err(error);
    }
    let mut hub = HUB.lock();
    // Another may have been faster: what it saw is what stood there before.
    if !hub.is_caught(signal) {
        hub.caught.push((signal, was_default));
    }
    Ok(())
}

/// The handle of the thread that hands out; makes it at first.
fn handle() -> io::Result<Handle> {
    if let Some(handle) = HUB.lock().handle.clone() {
        return Ok(handle);
    }
    let mut signals = Signals::new(std::iter::empty::<i32>())?;
    let new = signals.handle();
    let thread = std::thread::Builder::new().name("sudog-signals".into());
    thread.spawn(move || signals.forever().for_each(hand_out))?;
    let mut hub = HUB.lock();
    match hub.handle.clone() {
        None => hub.handle = Some(new.clone()),
        Some(first) => {
            // Another was faster; our thread has nothing to do.
            drop(hub);
            new.close();
            return Ok(first);
        }
    }
    Ok(new)
}

/// Hands a signal out to those who want it, or does what the system would do.
fn hand_out(signal: i32) {
    let (over, sinks, was_default) = {
        let mut hub = HUB.lock();
        let over = hub.take_over(|other| other == signal);
        let mut sinks = hub.sinks.clone();
        sinks.retain(|(other, _)| *other == signal);
        (over, sinks, hub.caught.contains(&(signal, true)))
    };
    drop(over);
    sinks.iter().for_each(|(_, sink)| sink.send(signal));
    if !sinks.is_empty() {
        return;
    }
    if signal == Signal::SIGQUIT.0 {
        runtime::answer_quit();
    }
    if was_default {
        // Fails for numbers that nobody has; then there is nothing the system would do.
        let _ = emulate_default_handler(signal);
    }
}

impl Hub {
    fn is_caught(&self, signal: i32) -> bool {
        self.caught.iter().any(|(caught, _)| *caught == signal)
    }

    /// Takes those out, of these signals, whose receivers have gone.
    fn take_over(&mut self, is_asked: impl Fn(i32) -> bool) -> Vec<(i32, Sink)> {
        let is_over = |(signal, sink): &mut (i32, Sink)| is_asked(*signal) && sink.is_over();
        self.sinks.extract_if(.., is_over).collect()
    }
}
