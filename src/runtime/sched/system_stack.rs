//! Calls on the M's own stack. Go's `systemstack`, for users.
//!
//! ```text
//!   the M's stack                        the goroutine's stack
//!   m_main
//!   run, resume        ------------->    root
//!                                        the goroutine's code
//!   f                  <-------------    on_system_stack
//! ```
//!
//! While `f` runs the goroutine cannot be suspended: its frames are on both stacks, and those of `run`
//! lie beneath. So where it has to wait the M does: it does there and then what `run` would do
//! (`switch_in_place`), with the goroutine locked to it, and sleeps until somebody brings it back.

use super::park;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;

/// Calls `f` on the M's stack; where it is, if it is there already or on a plain thread.
pub(crate) fn on_system_stack<F: FnOnce() -> T, T>(f: F) -> T {
    let mut call = Call {
        f: Some(f),
        result: None,
    };
    if !switch_and_call(Call::<F, T>::run, (&raw mut call).cast()) {
        let f = call.f.take();
        return f.map_or_else(|| crate::sys::fatal!("called already"), |f| f());
    }
    match call.result {
        Some(Ok(value)) => value,
        Some(Err(payload)) => resume_unwind(payload),
        None => crate::sys::fatal!("not called"),
    }
}

struct Call<F, T> {
    f: Option<F>,
    result: Option<thread::Result<T>>,
}

impl<F: FnOnce() -> T, T> Call<F, T> {
    unsafe fn run(call: *mut ()) {
        // SAFETY: the one of `on_system_stack`, whose frame stays, and nobody else looks at it.
        let call = unsafe { &mut *call.cast::<Self>() };
        // Caught, because it must not unwind from one stack to the other.
        call.result = call.f.take().map(|f| catch_unwind(AssertUnwindSafe(f)));
    }
}

/// False if `run` was not called, because this is the stack to call it on.
#[inline(never)]
fn switch_and_call(run: unsafe fn(*mut ()), arg: *mut ()) -> bool {
    let Some(g) = park::current_g() else {
        return false;
    };
    let Some(stack) = g.stack.get() else {
        return false;
    };
    if g.is_on_system_stack.replace(true) {
        return false;
    }
    // SAFETY: the goroutine runs on its stack, since it was not on the other; while the flag is set it is
    // not switched away from. `run` catches panics.
    unsafe { stack.call_below(run, arg) };
    g.is_on_system_stack.set(false);
    true
}
