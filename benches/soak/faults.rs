//! What goes wrong on purpose, and how often it did.

use std::any::Any;
use std::panic;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;

use super::ledger::Token;

#[derive(Clone, Copy, Debug)]
pub enum Fault {
    Panic,
    Cancel,
    Close,
    Reset,
    Dropped,
    Deadline,
}

const ALL: [Fault; 6] = [
    Fault::Panic,
    Fault::Cancel,
    Fault::Close,
    Fault::Reset,
    Fault::Dropped,
    Fault::Deadline,
];

static STRUCK: [AtomicU64; ALL.len()] = [const { AtomicU64::new(0) }; ALL.len()];

/// Counts one.
pub fn strike(fault: Fault) {
    STRUCK[fault as usize].fetch_add(1, Relaxed);
}

/// How often each has struck.
pub fn summary() -> String {
    let count = |fault: &Fault| STRUCK[*fault as usize].load(Relaxed);
    let each = ALL.map(|fault| format!("{fault:?} {}", count(&fault)));
    each.join(", ").to_lowercase()
}

/// What a panic on purpose carries.
struct Wanted;

/// Panics; [`is_wanted`] knows it again.
pub fn panic() -> ! {
    strike(Fault::Panic);
    panic::panic_any(Wanted)
}

/// Panics with a value, which whoever catches it is to let arrive.
pub fn panic_with(token: Token) -> ! {
    strike(Fault::Panic);
    panic::panic_any(token)
}

/// Whether a panic was one on purpose. A value that it carries has arrived.
pub fn is_wanted(payload: Box<dyn Any + Send>) -> bool {
    match payload.downcast::<Token>() {
        Ok(token) => {
            token.arrive();
            true
        }
        Err(payload) => payload.is::<Wanted>(),
    }
}

/// The result, unless a panic on purpose has ended it; any other goes on here.
pub fn caught<T>(result: thread::Result<T>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(payload) if payload.is::<Wanted>() || payload.is::<Token>() => {
            assert!(is_wanted(payload));
            None
        }
        Err(payload) => panic::resume_unwind(payload),
    }
}

/// Keeps quiet about panics on purpose. The others are told of as they were before.
pub fn hush() {
    let tell = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if !info.payload().is::<Wanted>() && !info.payload().is::<Token>() {
            tell(info);
        }
    }));
}

/// What a panic says, for the one who reports it.
pub fn text(payload: &(dyn Any + Send)) -> &str {
    if let Some(text) = payload.downcast_ref::<&str>() {
        text
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text
    } else if payload.is::<Wanted>() {
        "a panic on purpose that nobody caught"
    } else {
        "a panic that carries no text"
    }
}
