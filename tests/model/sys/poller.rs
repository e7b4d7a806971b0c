//! Double of the system's poller: a list of events, and whether there is an interrupt.
//!
//! 1. Events stay until a wait takes them. A sleep with a limit ends at once, the shortest there is.
//! 2. An interrupt ends one sleep, the present or the next; looking in does not see it.

use crate::runtime::nouns;
use loom::sync::{Condvar, Mutex};
use std::cell::RefCell;
use std::io;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::Duration;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Event {
    pub(crate) token: u64,
    pub(crate) readable: bool,
    pub(crate) writable: bool,
    pub(crate) is_lasting: bool,
}

pub(crate) struct Events(Vec<Event>);

impl Events {
    pub(crate) fn new() -> Events {
        Events(Vec::new())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn is_full(&self) -> bool {
        false
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Event> {
        self.0.iter().copied()
    }
}

pub(crate) struct Poller(Arc<Inside>);

/// What the model may touch as well.
pub(crate) struct Inside {
    state: Mutex<State>,
    changed: Condvar,
}

thread_local! {
    static OPEN: RefCell<Option<Arc<Inside>>> = const { RefCell::new(None) };
}

/// The kernel's side of the poller that was opened last in this model.
pub(crate) fn kernel() -> Arc<Inside> {
    OPEN.with_borrow(|open| open.clone().expect("a descriptor was registered"))
}

#[derive(Default)]
struct State {
    events: Vec<Event>,
    /// The name of the only descriptor of a model.
    token: u64,
    is_interrupted: bool,
    is_deaf: bool,
    is_over: bool,
}

impl Poller {
    pub(crate) fn open() -> io::Result<Poller> {
        let inside = Arc::new(Inside {
            state: Mutex::new(State::default()),
            changed: Condvar::new(),
        });
        OPEN.set(Some(inside.clone()));
        Ok(Poller(inside))
    }

    pub(crate) fn add(&self, _: RawFd, token: u64) -> io::Result<()> {
        self.0.state.lock().unwrap().token = token;
        Ok(())
    }

    pub(crate) fn remove(&self, _: RawFd) -> io::Result<()> {
        Ok(())
    }

    pub(crate) fn wait(&self, events: &mut Events, limit: Option<Duration>) {
        let mut state = self.0.state.lock().unwrap();
        while limit.is_none() && state.events.is_empty() && !state.is_interrupted {
            if state.is_over {
                drop(state);
                sleep_until_the_end();
            }
            state = self.0.changed.wait(state).unwrap();
        }
        state.is_interrupted &= limit == Some(Duration::ZERO);
        events.0 = std::mem::take(&mut state.events);
    }

    pub(crate) fn is_interrupted(&self) -> bool {
        self.0.state.lock().unwrap().is_interrupted
    }

    pub(crate) fn interrupt(&self) {
        let mut state = self.0.state.lock().unwrap();
        state.is_interrupted = !state.is_deaf;
        self.0.changed.notify_all();
    }
}

impl Inside {
    /// Something happens to the descriptor, in both directions.
    pub(crate) fn happen(&self) {
        self.tell(false);
    }

    /// Something happens of which no later event tells.
    pub(crate) fn happen_for_good(&self) {
        self.tell(true);
    }

    fn tell(&self, is_lasting: bool) {
        let mut state = self.state.lock().unwrap();
        let token = state.token;
        state.events.push(Event {
            token,
            readable: true,
            writable: true,
            is_lasting,
        });
        self.changed.notify_all();
    }

    /// Loses every interrupt from now on.
    pub(crate) fn deafen(&self) {
        self.state.lock().unwrap().is_deaf = true;
    }
}

/// Forgets the poller of the run before.
pub(crate) fn forget() {
    OPEN.set(None);
}

/// The end comes by the note.
fn sleep_until_the_end() -> ! {
    let m = nouns::current().expect("an M polls");
    loop {
        m.note.sleep();
    }
}

/// Sends the M that sleeps here, or would, to its note, where its end awaits it.
pub(crate) fn end_polling() {
    let open = OPEN.take();
    if let Some(open) = open {
        open.state.lock().unwrap().is_over = true;
        open.changed.notify_all();
    }
}
