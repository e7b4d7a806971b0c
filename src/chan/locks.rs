//! The locks of all channels of a select.
//!
//! The commit links through the cases, which are the parked frame's. It reads the next before it
//! unlocks one, for after the last unlock the frame may be gone: not before, because whoever was
//! readied must take all the other locks to leave.

use super::case::Case;
use super::core::Core;
use crate::sys::spin::SpinLock;
use std::ptr;

/// Up to so many cases are sorted in place.
const FEW: usize = 16;

/// Takes the locks of all channels, each once, in the order of their addresses. The first case of the
/// chain through [`Case::next`].
pub(super) fn lock_all<'a>(cases: &mut [&mut Case<'a>]) -> *const Case<'a> {
    let (mut few, mut many) = ([ptr::null_mut(); FEW], Vec::new());
    let order = if cases.len() <= FEW {
        &mut few[..cases.len()]
    } else {
        many.resize(cases.len(), ptr::null_mut());
        &mut many[..]
    };
    for (place, case) in order.iter_mut().zip(cases) {
        *place = ptr::from_mut::<Case<'a>>(case);
    }
    // SAFETY: the cases are ours.
    let core_of = |case: *mut Case<'a>| unsafe { (*case).core };
    order.sort_unstable_by_key(|&case| core_of(case).map(ptr::from_ref));
    let mut first = ptr::null();
    let mut last: *mut Case<'a> = ptr::null_mut();
    for &mut case in order {
        let Some(core) = core_of(case) else { continue };
        let is_had = !last.is_null() && core_of(last).is_some_and(|had| ptr::eq(had, core));
        if is_had {
            continue;
        }
        SpinLock::leave_locked(core.state.lock());
        // SAFETY: as above.
        unsafe {
            (*case).next = ptr::null();
            match last.as_mut() {
                Some(last) => last.next = case,
                None => first = case,
            }
        }
        last = case;
    }
    first
}

/// Goes over the chain of locked cases, each read before it is passed to `act`.
///
/// # Safety
/// The chain is one of `lock_all`; a case and those behind it are there until `act` had it.
pub(super) unsafe fn for_each_locked<'a>(mut case: *const Case<'a>, mut act: impl FnMut(&'a Core)) {
    while !case.is_null() {
        // SAFETY: our caller's promise. The fields only, since others write the sudog.
        let (core, next) = unsafe { ((&raw const (*case).core).read(), (*case).next) };
        if let Some(core) = core {
            act(core);
        }
        case = next;
    }
}

/// Releases all locks but one.
pub(super) fn unlock_but<'a>(first: *const Case<'a>, kept: Option<&Core>) {
    let unlock = |core: &'a Core| {
        if !kept.is_some_and(|kept| ptr::eq(kept, core)) {
            // SAFETY: it is held by us.
            let state = unsafe { core.state.adopt() };
            core.mirror(&state);
        }
    };
    // SAFETY: the cases are our caller's.
    unsafe { for_each_locked(first, unlock) };
}

/// The commit of a select.
pub(super) unsafe fn unlock_all(first: *mut ()) -> bool {
    // SAFETY: `enqueue` passes the chain of the parked select, which has all locks; the frame stays
    // until the last of them is released.
    unsafe {
        for_each_locked(first.cast_const().cast::<Case<'_>>(), |core| {
            drop(core.state.adopt());
        });
    }
    true
}
