//! What can end: one node of the tree of contexts.
//!
//! ```text
//!   who ends it                              who asks
//!   1. lock; notes the ending, if it is
//!      the first; takes the children
//!   2. closes `done`
//!   3. says so in `ended`            ----->  `err`: `done` is closed by then; and where it
//!                                            is and this not yet, 1 is asked
//!   4. the same with the children,
//!      the children's, and so on
//!   5. leaves its parent
//! ```
//!
//! 1. The first ending wins, with its cause; it is handed down as it is.
//! 2. A child joins its parent under the parent's lock, unless that has ended: then it ends at once, and
//!    never joins. So none is forgotten. Nobody sees a child ended by its parent before the parent itself:
//!    a child that comes between 1 and 3 does 2 and 3 as well, before it ends.
//! 3. A parent holds its children, and a child knows its parent weakly: who can end a scope keeps it. It
//!    leaves when it ends, and every handle's drop ends it, so a parent holds only children that can end.
//! 4. Of two locks the parent's comes first. Nothing of the user's is dropped under either, and calls are
//!    started outside them.
#![forbid(unsafe_code)]

use super::func::Call;
use super::io::Watch;
use super::timer::Timer;
use super::{Cause, ContextError};
use crate::chan::{self, Receiver};
use crate::runtime;
use crate::sys::atomic::{AtomicU8, AtomicUsize, Ordering};
use crate::sys::lock::Lock;
use std::mem;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Instant;

pub(super) struct Scope {
    /// [`GOING`], or how it has ended.
    ended: AtomicU8,
    state: Lock<State>,
    /// Made when first asked for.
    done: OnceLock<Receiver<()>>,
    deadline: Option<Instant>,
    parent: Option<Weak<Scope>>,
    /// Where it stands among its parent's children; under the parent's lock.
    place: AtomicUsize,
}

const GOING: u8 = 0;
const CANCELED: u8 = 1;
const DEADLINE_EXCEEDED: u8 = 2;

#[derive(Default)]
struct State {
    ending: Option<Ending>,
    children: Children,
    /// `Scope::done`, from before others can have it.
    done: Option<Receiver<()>>,
    timer: Option<Timer>,
}

/// How a scope ends, and why.
#[derive(Clone)]
pub(super) struct Ending {
    pub(super) error: ContextError,
    pub(super) cause: Option<Cause>,
}

/// What ends with a scope.
#[derive(Clone)]
pub(super) enum Child {
    Scope(Arc<Scope>),
    Call(Arc<Call>),
    Watch(Arc<Watch>),
}

impl Child {
    fn place(&self) -> &AtomicUsize {
        match self {
            Child::Scope(scope) => &scope.place,
            Child::Call(call) => &call.place,
            Child::Watch(watch) => &watch.place,
        }
    }

    /// Its scope has ended.
    fn end(self, ending: &Ending) {
        match self {
            Child::Scope(scope) => scope.end(ending.clone()),
            Child::Call(call) => call.start(),
            Child::Watch(watch) => watch.end(ending.error),
        }
    }
}

/// Children, each in a place that it can leave at once.
#[derive(Default)]
struct Children {
    places: Vec<Option<Child>>,
    free: Vec<usize>,
}

/// More children than that at a time are a crowd.
const CROWD: usize = 16;

impl Children {
    fn add(&mut self, child: Child) {
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            self.places.len() - 1
        });
        // Relaxed: read under the same lock.
        child.place().store(place, Ordering::Relaxed);
        self.places[place] = Some(child);
    }

    fn remove(&mut self, place: usize) -> Option<Child> {
        let child = self.places.get_mut(place)?.take();
        self.free.push(place);
        if self.free.len() == self.places.len() {
            // Nobody is left: the memory of a crowd goes with it, that of a few stays for the next.
            self.places.clear();
            self.free.clear();
            if self.places.capacity() > CROWD {
                *self = Children::default();
            }
        }
        child
    }
}

impl Scope {
    /// Makes a scope that ends with its parent, if it has one.
    pub(super) fn within(parent: Option<&Arc<Scope>>, deadline: Option<Instant>) -> Arc<Scope> {
        let scope = Arc::new(Scope {
            ended: AtomicU8::new(GOING),
            state: Lock::new(State::default()),
            done: OnceLock::new(),
            deadline: deadline.or(parent.and_then(|parent| parent.deadline)),
            parent: parent.map(Arc::downgrade),
            place: AtomicUsize::new(usize::MAX),
        });
        if let Some(parent) = parent {
            parent.adopt(Child::Scope(Arc::clone(&scope)));
        }
        scope
    }

    /// Has `child` end with this scope; at once if that has ended.
    pub(super) fn adopt(&self, child: Child) {
        let ended = {
            let _token = runtime::enter();
            let mut state = self.state.lock();
            if state.ending.is_none() {
                state.children.add(child.clone());
            }
            state
                .ending
                .clone()
                .map(|ending| (ending, state.done.clone()))
        };
        if let Some((ending, done)) = ended {
            // Whoever ends this scope may not have come to say so, and who sees the child's end may ask.
            self.say(ending.error, done);
            child.end(&ending);
        }
    }

    /// Ends the scope and all within it, unless it has ended.
    pub(super) fn end(&self, ending: Ending) {
        // Acquire: as in `err`. A handle's drop comes after its cancel, as a rule.
        if self.ended.load(Ordering::Acquire) != GOING {
            return;
        }
        let (mut scopes, mut others) = (Vec::new(), Vec::new());
        if !self.end_alone(&ending, &mut scopes, &mut others) {
            return;
        }
        // One list rather than calls within calls: the tree may be deeper than a stack.
        while let Some(scope) = scopes.pop() {
            scope.end_alone(&ending, &mut scopes, &mut others);
        }
        if let Some(parent) = self.parent.as_ref().and_then(Weak::upgrade) {
            parent.let_go(&self.place);
        }
        others.into_iter().for_each(|child| child.end(&ending));
    }

    fn end_alone(
        &self,
        ending: &Ending,
        scopes: &mut Vec<Arc<Scope>>,
        others: &mut Vec<Child>,
    ) -> bool {
        let (is_first, error, done, children, timer) = {
            let _token = runtime::enter();
            let mut state = self.state.lock();
            let is_first = state.ending.is_none();
            let error = state.ending.get_or_insert_with(|| ending.clone()).error;
            let children = mem::take(&mut state.children);
            (
                is_first,
                error,
                state.done.clone(),
                children,
                state.timer.take(),
            )
        };
        // Also by one who was not the first: it has ended when `end` returns.
        self.say(error, done);
        drop(timer);
        for child in children.places.into_iter().flatten() {
            match child {
                Child::Scope(scope) => scopes.push(scope),
                other => others.push(other),
            }
        }
        is_first
    }

    /// Steps 2 and 3, for whoever has seen the ending under the lock.
    fn say(&self, error: ContextError, done: Option<Receiver<()>>) {
        done.iter().for_each(chan::end);
        let how = match error {
            ContextError::Canceled => CANCELED,
            ContextError::DeadlineExceeded => DEADLINE_EXCEEDED,
        };
        // Release: pairs with the Acquire in `err`, which comes after the close.
        self.ended.store(how, Ordering::Release);
    }

    /// A child that has ended leaves.
    pub(super) fn let_go(&self, place: &AtomicUsize) {
        let child = {
            let _token = runtime::enter();
            let mut state = self.state.lock();
            let is_here = state.ending.is_none();
            is_here.then(|| state.children.remove(place.load(Ordering::Relaxed)))
        };
        drop(child);
    }

    /// Has the scope end by itself.
    pub(super) fn end_at(self: &Arc<Scope>, deadline: Instant) {
        if deadline <= Instant::now() {
            return self.end(Ending::deadline());
        }
        let timer = Timer::new(self, deadline);
        let late = {
            let _token = runtime::enter();
            let mut state = self.state.lock();
            if state.ending.is_none() {
                timer.arm();
                state.timer.replace(timer)
            } else {
                Some(timer)
            }
        };
        drop(late);
    }

    /// Its timer has woken it, maybe too early, see [`Timer`].
    pub(super) fn expire(&self, deadline: Instant) {
        if Instant::now() >= deadline {
            return self.end(Ending::deadline());
        }
        let _token = runtime::enter();
        if let Some(timer) = &self.state.lock().timer {
            timer.arm();
        }
    }

    pub(super) fn done(&self) -> &Receiver<()> {
        self.done.get_or_init(|| {
            let done = chan::signal();
            let has_ended = {
                let _token = runtime::enter();
                let mut state = self.state.lock();
                state.done = Some(done.clone());
                state.ending.is_some()
            };
            if has_ended {
                chan::end(&done);
            }
            done
        })
    }

    /// Whether it has ended. Reads atomics only, for handlers of signals.
    pub(super) fn has_ended(&self) -> bool {
        // Acquire: pairs with the Release in `say`.
        self.ended.load(Ordering::Acquire) != GOING
            || self.done.get().is_some_and(Receiver::is_closed)
    }

    pub(super) fn err(&self) -> Option<ContextError> {
        // Acquire: pairs with the Release in `say`.
        match self.ended.load(Ordering::Acquire) {
            GOING if self.has_ended() => {
                // In between: it is about to be stored.
                let _token = runtime::enter();
                Some(self.state.lock().ending.as_ref()?.error)
            }
            GOING => None,
            CANCELED => Some(ContextError::Canceled),
            _ => Some(ContextError::DeadlineExceeded),
        }
    }

    pub(super) fn cause(&self) -> Option<Cause> {
        let error = self.err()?;
        let _token = runtime::enter();
        let cause = self.state.lock().ending.as_ref()?.cause.clone();
        Some(cause.unwrap_or_else(|| Arc::new(error)))
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    fn take_children(&mut self) -> Vec<Child> {
        let children = mem::take(&mut self.state.get_mut().children);
        children.places.into_iter().flatten().collect()
    }
}

impl Drop for Scope {
    /// One after the other: a long line of descendants that nobody else has would not fit on the stack.
    fn drop(&mut self) {
        let mut orphans = self.take_children();
        while let Some(child) = orphans.pop() {
            if let Child::Scope(scope) = child
                && let Some(mut scope) = Arc::into_inner(scope)
            {
                orphans.append(&mut scope.take_children());
            }
        }
    }
}

impl Ending {
    pub(super) fn canceled(cause: Option<Cause>) -> Ending {
        Ending {
            error: ContextError::Canceled,
            cause,
        }
    }

    fn deadline() -> Ending {
        Ending {
            error: ContextError::DeadlineExceeded,
            cause: None,
        }
    }
}
