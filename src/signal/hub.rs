//! Who gets which signals: the handler that notes them, and the thread that hands them out.
//!
//! A handler can wait for no lock. So those who want its signal are in a list that it reads as it is
//! published; it marks the signal as come, and rings for the thread, which sends. The thread is made with the
//! first `notify` and stays.
//!
//! 1. Whether a signal is a value, or does what the system would have done, is settled in the handler,
//!    by whether anybody wants it then, however late the thread gets to it. (A signal that is sent to the whole
//!    process may have its handler run on another thread, some time after `kill` has returned.)
//! 2. The handler reads and writes atomics and writes to a socket that never blocks. It takes no lock and frees
//!    nothing. Each signal has one, for good.
//! 3. Nothing is sent, no context ended, and none of them dropped, under the hub's lock. The last who has a
//!    context may be us: its cause is the user's, and its drop may panic.

use super::Signal;
use crate::chan::Sender;
use crate::context::Context;
use crate::go::drop_quietly;
use crate::runtime;
use crate::sys::atomic::{AtomicU8, Ordering};
use crate::sys::lock::Lock;
use crate::sys::published::Published;
use crate::sys::signal;
use signal_hook::consts::FORBIDDEN;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

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
    signal: Signal,
    /// Whether the system's own action stood there before.
    was_default: bool,
    desk: Arc<Desk>,
}

type Sinks = Arc<[Sink]>;

/// What the handler of a signal reads and writes.
struct Desk {
    sinks: Published<Sinks>,
    /// What has come and was not handed out yet: [`WANTED`], [`UNWANTED`].
    came: AtomicU8,
}

/// It came while somebody wanted it.
const WANTED: u8 = 1;
/// It came while nobody did.
const UNWANTED: u8 = 2;

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
    signals.iter().try_for_each(|signal| check(*signal))?;
    let bell = bell()?;
    // Declared before the lock: if we leave early, it is dropped without it.
    let mut before = Vec::new();
    let mut hub = HUB.lock();
    for (at, signal) in signals.iter().enumerate() {
        if signals[..at].contains(signal) {
            continue;
        }
        match hub.caught.iter().find(|it| it.signal == *signal) {
            Some(caught) => before.push(caught.renew(Some(sink))),
            None => hub.caught.push(catch(*signal, sink, &bell)?),
        }
    }
    drop(hub);
    before.into_iter().for_each(drop_quietly);
    Ok(())
}

/// Refuses what cannot be caught: what the system keeps to itself, and what says that this very thread has
/// gone wrong.
fn check(signal: Signal) -> io::Result<()> {
    let is_kept = FORBIDDEN.contains(&signal.0) || signal.0 == signal::numbers::SIGBUS;
    if signal.0 <= 0 || is_kept || signal::is_default(signal.0).is_err() {
        let text = format!("signal {} cannot be caught", signal.0);
        return Err(io::Error::new(ErrorKind::InvalidInput, text));
    }
    Ok(())
}

/// Puts our handler in the place of what the system does; about SIGQUIT, the runtime.
fn catch(signal: Signal, sink: &Sink, bell: &Arc<UnixStream>) -> io::Result<Caught> {
    if signal != Signal::SIGQUIT {
        return put_handler(signal, sink, bell);
    }
    runtime::leave_quit_to_program();
    put_handler(signal, sink, bell).inspect_err(|_| runtime::take_quit_back())
}

fn put_handler(signal: Signal, sink: &Sink, bell: &Arc<UnixStream>) -> io::Result<Caught> {
    let was_default = signal::is_default(signal.0)?;
    let desk = Arc::new(Desk {
        sinks: Published::new(Arc::new([sink.clone()])),
        came: AtomicU8::new(0),
    });
    let (own, bell) = (Arc::clone(&desk), Arc::clone(bell));
    let note = move || {
        own.note();
        // If the socket is full, the thread is still to answer earlier rings.
        let _ = (&*bell).write(&[0]);
    };
    // SAFETY: a handler may do all of this: rule 2.
    unsafe { signal::on(signal.0, note) }?;
    Ok(Caught {
        signal,
        was_default,
        desk,
    })
}

impl Desk {
    /// Marks that the signal has come.
    fn note(&self) {
        let is_wanted = |sinks: &Sinks| sinks.iter().any(|sink| !sink.is_over());
        let mark = if self.sinks.read(is_wanted) {
            WANTED
        } else {
            UNWANTED
        };
        // Release: the thread that takes the mark finds gone who was gone here.
        self.came.fetch_or(mark, Ordering::Release);
    }
}

impl Caught {
    /// Adds one who wants it; those who no longer do go with the list that is returned.
    fn renew(&self, more: Option<&Sink>) -> Box<Sinks> {
        let sinks = self.desk.sinks.read(Arc::clone);
        let going = sinks.iter().filter(|sink| !sink.is_over());
        self.desk
            .sinks
            .replace(going.chain(more).cloned().collect())
    }

    /// The same without another, if somebody no longer wants it.
    fn weed(&self) -> Option<Box<Sinks>> {
        let is_any_over = |sinks: &Sinks| sinks.iter().any(Sink::is_over);
        let is_any_over = self.desk.sinks.read(is_any_over);
        is_any_over.then(|| self.renew(None))
    }
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
        let errands: Vec<_> = HUB.lock().caught.iter().filter_map(Errand::take).collect();
        errands.iter().for_each(Errand::run);
        errands.into_iter().for_each(drop_quietly);
        let over: Vec<_> = HUB.lock().caught.iter().map(Caught::weed).collect();
        over.into_iter().for_each(drop_quietly);
    }
}

/// A signal that has come, to be handed out.
struct Errand {
    signal: Signal,
    came: u8,
    was_default: bool,
    sinks: Sinks,
}

impl Errand {
    fn take(caught: &Caught) -> Option<Errand> {
        // Acquire: pairs with the Release of the handler.
        let came = caught.desk.came.swap(0, Ordering::Acquire);
        (came != 0).then(|| Errand {
            signal: caught.signal,
            came,
            was_default: caught.was_default,
            sinks: caught.desk.sinks.read(Arc::clone),
        })
    }

    /// Hands it out to those who want it; does what the system would do if it came while nobody did, and about
    /// SIGQUIT what the runtime would.
    fn run(&self) {
        if self.came & WANTED != 0 {
            self.sinks.iter().for_each(|sink| sink.send(self.signal));
        }
        if self.came & UNWANTED == 0 {
            return;
        }
        if self.signal == Signal::SIGQUIT {
            runtime::answer_quit();
        }
        if self.was_default {
            signal::do_default(self.signal.0);
        }
    }
}
