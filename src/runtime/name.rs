//! A goroutine's name: a literal, or text that was allocated and is shared.
//!
//! A record keeps its name in one atomic word, so that listings can read it at any time; hence the
//! thin pointer to a [`StaticName`], which a shared name has as its first field.
//!
//! 1. A [`Name`] of a shared text holds one count of its `Arc`.

use std::ptr::{self, NonNull};
use std::sync::Arc;

/// A name that was there at compile time; what `go!` makes of the function it calls.
#[derive(Debug)]
pub struct StaticName {
    text: &'static str,
    is_shared: bool,
}

impl StaticName {
    /// Makes a name of a literal.
    pub const fn new(text: &'static str) -> StaticName {
        StaticName {
            text,
            is_shared: false,
        }
    }
}

/// A name with its text behind it.
#[repr(C)]
struct SharedName {
    name: StaticName,
    _text: Box<str>,
}

/// A counted pointer to either.
pub(crate) struct Name(NonNull<StaticName>);

// SAFETY: both kinds are immutable and counted atomically.
unsafe impl Send for Name {}
// SAFETY: as above.
unsafe impl Sync for Name {}

impl Name {
    pub(crate) fn of_static(name: &'static StaticName) -> Name {
        Name(NonNull::from(name))
    }

    pub(crate) fn of_text(text: &str) -> Name {
        let owned: Box<str> = text.into();
        // SAFETY: the text lives in the same allocation's keeping, is never changed, and is not
        // given out for longer than the `Name` lives.
        let text: &'static str = unsafe { &*ptr::from_ref(&*owned) };
        let shared = SharedName {
            name: StaticName {
                text,
                is_shared: true,
            },
            _text: owned,
        };
        let pointer = Arc::into_raw(Arc::new(shared)).cast_mut().cast();
        Name(NonNull::new(pointer).expect("an Arc is not null"))
    }

    pub(crate) fn text(&self) -> &str {
        self.as_static().text
    }

    pub(crate) fn is_shared(&self) -> bool {
        self.as_static().is_shared
    }

    fn as_static(&self) -> &StaticName {
        // SAFETY: a static, or kept alive by our count (invariant 1).
        unsafe { self.0.as_ref() }
    }

    /// Gives up the count, to be taken back by `from_raw`.
    pub(crate) fn into_raw(self) -> *mut StaticName {
        let raw = self.0.as_ptr();
        std::mem::forget(self);
        raw
    }

    /// # Safety
    /// The pointer is one of `into_raw`, and its count passes to the result.
    pub(crate) unsafe fn from_raw(raw: *mut StaticName) -> Option<Name> {
        NonNull::new(raw).map(Name)
    }
}

impl Clone for Name {
    fn clone(&self) -> Name {
        if self.is_shared() {
            // SAFETY: a shared name is the first field of a `SharedName` in an `Arc` of which we
            // hold a count.
            unsafe { Arc::increment_strong_count(self.0.as_ptr().cast::<SharedName>()) };
        }
        Name(self.0)
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        if self.is_shared() {
            // SAFETY: as in `clone`; this is the count we give up.
            unsafe { Arc::decrement_strong_count(self.0.as_ptr().cast::<SharedName>()) };
        }
    }
}

impl std::fmt::Debug for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.text().fmt(f)
    }
}
