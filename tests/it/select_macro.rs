//! `select!` and `select_biased!`: what they accept, when what is evaluated, and what code in the
//! arms may do. What is chosen, and what becomes of the arms that are not, is not for here.

#![deny(unused, unused_results)]

mod channels;
mod flow;
mod forms;
mod futures;
mod names;
mod order;
mod values;

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::Duration;

use sudog::chan::{Receiver, RecvError, SendError, Sender, bounded, never, unbounded};
use sudog::{go, select, select_biased};

use crate::support::{LIMIT, settle};

const MOMENT: Duration = Duration::from_millis(1);

/// A channel that holds these values.
fn filled<T>(values: impl IntoIterator<Item = T>) -> Receiver<T> {
    let (tx, rx) = unbounded();
    for value in values {
        tx.send(value).expect("the receiver lives");
    }
    // Kept open: that it is closed would be one more thing that is ready.
    std::mem::forget(tx);
    rx
}

/// A channel without room.
fn full<T: Default>() -> (Sender<T>, Receiver<T>) {
    let (tx, rx) = bounded(1);
    tx.send(T::default()).expect("there is room");
    (tx, rx)
}

/// What was evaluated, in order.
#[derive(Default)]
struct Log(RefCell<Vec<&'static str>>);

impl Log {
    fn note<T>(&self, what: &'static str, value: T) -> T {
        self.0.borrow_mut().push(what);
        value
    }

    fn take(&self) -> Vec<&'static str> {
        self.0.take()
    }
}
