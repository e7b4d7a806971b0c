//! The end of a goroutine as a channel.
//!
//! The packet of a goroutine knows one waiter. Once the end is watched this is it, for good: a waker that
//! closes the channel, and calls the waker of whoever polls the handle.
//!
//! 1. The watch is made while nobody waits in `join`, which takes the handle; the waker of an earlier poll
//!    goes over to it.
//! 2. The goroutine wakes after it has stored its result: who finds the channel closed finds that.
#![forbid(unsafe_code)]

use super::task::Header;
use crate::chan::{Receiver, Sender, fed};
use crate::runtime;
use crate::sys::lock::Lock;
use std::sync::Arc;
use std::task::{Wake, Waker};

pub(super) struct Watch {
    pub(super) receiver: Receiver<()>,
    state: Lock<State>,
}

struct State {
    /// Closes the channel when it is dropped.
    closer: Option<Sender<()>>,
    /// Of the one who polls the handle.
    waker: Option<Waker>,
}

impl Watch {
    pub(super) fn new(header: &Header) -> Arc<Watch> {
        let (sender, receiver) = fed(0);
        let watch = Arc::new(Watch {
            receiver,
            state: Lock::new(State {
                closer: Some(sender),
                waker: None,
            }),
        });
        match header.set_waker(Waker::from(Arc::clone(&watch))) {
            Ok(None) => {}
            Ok(Some(earlier)) => {
                watch.set_waker(&earlier);
                // The end may have come in between, and has not seen it.
                if header.is_done() {
                    watch.end();
                }
            }
            Err(_ended) => watch.end(),
        }
        watch
    }

    /// Says whom to wake at the end. Who sets it looks afterwards whether that has come.
    pub(super) fn set_waker(&self, waker: &Waker) {
        let waker = waker.clone();
        let old = self.with(|state| state.waker.replace(waker));
        drop(old);
    }

    pub(super) fn unset_waker(&self) {
        let old = self.with(|state| state.waker.take());
        drop(old);
    }

    fn end(&self) {
        let (closer, waker) = self.with(|state| (state.closer.take(), state.waker.take()));
        drop(closer);
        waker.into_iter().for_each(Waker::wake);
    }

    fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        let _token = runtime::enter();
        f(&mut self.state.lock())
    }
}

impl Wake for Watch {
    fn wake(self: Arc<Watch>) {
        self.end();
    }
}
