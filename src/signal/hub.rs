//! Who gets which signals: the handler that notes them, and the thread that hands them out.
//!
//! A handler can wait for no lock. So it has a list of its own of those who want its signal, which each
//! `notify` replaces; it marks the signal as come, and rings for the thread, which sends. The thread is made
//! with the first `notify` and stays.
//!
//! 1. Whether a signal is a value, or does what the system would have done, is settled when it comes,
//!    by whether anybody wants it then. What comes while a receiver lives never ends the process, however
//!    late the thread gets to it; what comes after the last has gone does.
//! 2. The handler reads and writes atomics and writes to a socket that never blocks. It takes no lock and frees
//!    nothing: signal-hook lets go of a list once no handler reads it.
//! 3. Nothing is sent, no context ended, and none of them dropped, under the hub's lock.

use super::Signal;
use crate::chan::Sender;
use crate::context::Context;
use crate::runtime;
use crate::sys::atomic::{AtomicU8, Ordering};
use crate::sys::lock::Lock;
use crate::sys::signal::{Action, is_default};
use signal_hook::consts::FORBIDDEN;
use signal_hook::low_level::emulate_default_handler;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

/// More than any system has signals.
const NUMBERS: usize = 129;

/// The marks of what has come and was not handed out yet.
static CAME: [AtomicU8; NUMBERS] = [const { AtomicU8::new(0) }; NUMBERS];
/// It came while somebody wanted it.
const WANTED: u8 = 1;
/// It came while nobody did.
const UNWANTED: u8 = 2;

static HUB: Lock<Hub> = Lock::new(Hub {
    bell: None,
    caught: Vec::new(),
});

struct Hub {
    /// Wakes the thread that hands out, once it was made.
    bell: Option<Arc<UnixStream>>,
    caught: Vec<Caught>,
}

/// A signal that has our handler.
struct Caught {
    number: i32,
    /// Whether the system's own action stood there before.
    was_default: bool,
    sinks: Sinks,
    action: Action,
}

type Sinks = Arc<[Sink]>;

#[derive(Clone)]
pub(super) enum Sink {
    Named(Sender<Signal>),
    Bare(Sender<()>),
    /// Ends with the first.
    Context(Context),
}

impl Sink {
    /// Hands one out; one too many for a full receiver is left out.
    fn send(&self, signal: Signal) {
        match self {
            Sink::Named(sender) => drop(sender.try_send(signal)),
            Sink::Bare(sender) => drop(sender.try_send(())),
            Sink::Context(ctx) => ctx.end(Arc::new(super::Received(signal))),
        }
    }

    /// Whether nobody wants any more.
    fn is_over(&self) -> bool {
        match self {
            Sink::Named(sender) => sender.is_closed(),
            Sink::Bare(sender) => sender.is_closed(),
            Sink::Context(ctx) => ctx.has_ended(),
        }
    }
}

/// Has these signals come to `sink` from now on, each once however often it is named.
pub(super) fn add(signals: &[Signal], sink: &Sink) -> io::Result<()> {
    let bell = bell()?;
    // Outlives the lock: rule 3.
    let mut replaced = Vec::new();
    let mut hub = HUB.lock();
    for (at, signal) in signals.iter().enumerate() {
        if !signals[..at].contains(signal) {
            replaced.extend(hub.put(signal.0, sink, &bell)?);
        }
    }
    Ok(())
}

impl Hub {
    /// Adds one who wants a signal; those who no longer do go with the list that is returned.
    fn put(
        &mut self,
        number: i32,
        sink: &Sink,
        bell: &Arc<UnixStream>,
    ) -> io::Result<Option<Sinks>> {
        let caught = self.caught.iter_mut().find(|it| it.number == number);
        let Some(caught) = caught else {
            self.caught.push(catch(number, sink, bell)?);
            return Ok(None);
        };
        let going = caught.sinks.iter().filter(|other| !other.is_over());
        let sinks: Sinks = going.chain([sink]).cloned().collect();
        // Before the old one goes, or a signal in between would be lost.
        let action = note(number, &sinks, bell)?;
        std::mem::replace(&mut caught.action, action).end();
        Ok(Some(std::mem::replace(&mut caught.sinks, sinks)))
    }
}

/// Puts our handler in the place of what the system does.
fn catch(number: i32, sink: &Sink, bell: &Arc<UnixStream>) -> io::Result<Caught> {
    let refused = || {
        let text = format!("signal {number} cannot be caught");
        io::Error::new(ErrorKind::InvalidInput, text)
    };
    if number <= 0 || FORBIDDEN.contains(&number) {
        return Err(refused());
    }
    let was_default = is_default(number).map_err(|_| refused())?;
    let is_quit = number == Signal::SIGQUIT.0;
    if is_quit {
        runtime::leave_quit_to_program();
    }
    let sinks: Sinks = Arc::new([sink.clone()]);
    let action = note(number, &sinks, bell).inspect_err(|_| {
        if is_quit {
            runtime::take_quit_back();
        }
    })?;
    Ok(Caught {
        number,
        was_default,
        sinks,
        action,
    })
}

/// Has the handler note a signal, by who of these wants it.
fn note(number: i32, sinks: &Sinks, bell: &Arc<UnixStream>) -> io::Result<Action> {
    let came = &CAME[number as usize];
    let (sinks, bell) = (Arc::clone(sinks), Arc::clone(bell));
    let note = move || {
        let is_wanted = sinks.iter().any(|sink| !sink.is_over());
        let mark = if is_wanted { WANTED } else { UNWANTED };
        // Release: the thread that takes the mark finds gone who was gone here.
        came.fetch_or(mark, Ordering::Release);
        // If the socket is full, the thread is still to answer earlier rings.
        let _ = (&*bell).write(&[0]);
    };
    // SAFETY: a handler may do all of this: rule 2.
    unsafe { Action::new(number, note) }
}

/// The bell of the thread that hands out; makes both at first.
fn bell() -> io::Result<Arc<UnixStream>> {
    if let Some(bell) = &HUB.lock().bell {
        return Ok(Arc::clone(bell));
    }
    let (ear, bell) = UnixStream::pair()?;
    bell.set_nonblocking(true)?;
    let thread = std::thread::Builder::new().name("sudog-signals".into());
    thread.spawn(move || listen(ear))?;
    // If another was faster, ours is closed, and our thread ends.
    Ok(Arc::clone(HUB.lock().bell.get_or_insert(Arc::new(bell))))
}

fn listen(mut ear: UnixStream) {
    let mut rings = [0; 64];
    let goes_on = |read: io::Result<usize>| match read {
        Ok(count) => count > 0,
        Err(error) => error.kind() == ErrorKind::Interrupted,
    };
    while goes_on(ear.read(&mut rings)) {
        for (number, came) in CAME.iter().enumerate() {
            // Acquire: pairs with the Release of the handler.
            match came.swap(0, Ordering::Acquire) {
                0 => {}
                came => hand_out(Signal(number as i32), came),
            }
        }
    }
}

/// Hands a signal out to those who want it; does what the system would do if it came while nobody did,
/// and about SIGQUIT what the runtime would.
fn hand_out(signal: Signal, came: u8) {
    let caught = {
        let hub = HUB.lock();
        let caught = hub.caught.iter().find(|it| it.number == signal.0);
        caught.map(|it| (Arc::clone(&it.sinks), it.was_default))
    };
    let (sinks, was_default) = caught.expect("what has a handler is caught");
    if came & WANTED != 0 {
        sinks.iter().for_each(|sink| sink.send(signal));
    }
    if came & UNWANTED == 0 {
        return;
    }
    if signal == Signal::SIGQUIT {
        runtime::answer_quit();
    }
    if was_default {
        // Fails for numbers that nobody has; then there is nothing the system would do.
        let _ = emulate_default_handler(signal.0);
    }
}
