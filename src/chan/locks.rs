//! The locks of all channels of a select.
//!
//! The commit links through the cases, which are the parked frame's. It reads the next before it
//! unlocks one, for after the last unlock the frame may be gone: not before, because whoever was
//! readied must take all the other locks to leave.

use super::case::Case;
use super::core::Core;
use super::marks::Marks;
use crate::sys::spin::SpinLock;
use std::ptr;

/// Up to so many cases are sorted in place.
const FEW: usize = 16;

/// What a select learns as it takes the locks of all its channels.
#[derive(Clone, Copy)]
pub(super) struct Locked<'a> {
    /// The first case of the chain through [`Case::next`]; null if there are none.
    pub(super) first: *const Case<'a>,
    /// Whether several cases are on one channel.
    pub(super) has_twins: bool,
    pub(super) marks: Marks,
}

/// Takes the locks of all channels, each once, in the order of their addresses.
#[inline(always)]
pub(super) fn lock_all<'a>(cases: &mut [&mut Case<'a>]) -> Locked<'a> {
    if cases.len() > FEW {
        return lock_many(cases);
    }
    let (mut order, mut count) = ([ptr::null_mut(); FEW], 0);
    for case in cases {
        let Some(core) = case.core() else { continue };
        let mut place = count;
        // SAFETY: the cases are ours.
        while place > 0 && unsafe { address(order[place - 1]) } > ptr::from_ref(core) {
            order[place] = order[place - 1];
            place -= 1;
        }
        order[place] = ptr::from_mut::<Case<'a>>(case);
        count += 1;
    }
    // SAFETY: the cases are ours, and sorted.
    unsafe { lock_in_order(&order[..count]) }
}

#[cold]
#[inline(never)]
fn lock_many<'a>(cases: &mut [&mut Case<'a>]) -> Locked<'a> {
    let live = cases.iter_mut().filter(|case| case.core().is_some());
    let mut order: Vec<_> = live.map(|case| ptr::from_mut::<Case<'a>>(case)).collect();
    // SAFETY: the cases are ours, and then they are sorted.
    unsafe {
        order.sort_unstable_by_key(|&case| address(case));
        lock_in_order(&order)
    }
}

/// # Safety
/// The case is there.
#[inline]
unsafe fn address(case: *const Case<'_>) -> *const Core {
    // SAFETY: our caller's promise.
    unsafe { &*case }.core().map_or(ptr::null(), ptr::from_ref)
}

/// # Safety
/// The cases are the caller's, have channels, and are in the order of their addresses.
#[inline(always)]
unsafe fn lock_in_order<'a>(order: &[*mut Case<'a>]) -> Locked<'a> {
    let mut locked = Locked {
        first: ptr::null(),
        has_twins: false,
        marks: Marks::NONE,
    };
    let (mut last, mut had) = (ptr::null_mut::<Case<'a>>(), ptr::null());
    for &place in order {
        // SAFETY: our caller's promise.
        let case = unsafe { &mut *place };
        let Some(core) = case.core() else { continue };
        if ptr::eq(core, had) {
            locked.has_twins = true;
        } else {
            let state = core.state.lock();
            debug_assert!(core.is_mirrored(&state), "marks {:?}", locked.marks);
            SpinLock::leave_locked(state);
            case.next = ptr::null();
            // SAFETY: it is another case than this.
            match unsafe { last.as_mut() } {
                Some(last) => last.next = place,
                None => locked.first = place,
            }
            (last, had) = (place, core);
        }
        locked.marks.add(core, case.side);
    }
    locked
}

/// Goes over the chain of locked cases, each read before it is passed to `act`.
///
/// # Safety
/// The chain is one of `lock_all`; a case and those behind it are there until `act` had it.
pub(super) unsafe fn for_each_locked<'a>(mut case: *const Case<'a>, mut act: impl FnMut(&'a Core)) {
    while !case.is_null() {
        // SAFETY: our caller's promise. The fields only, since others write the sudog.
        let (core, next) = unsafe { (Case::core_of(case), (*case).next) };
        if let Some(core) = core {
            act(core);
        }
        case = next;
    }
}

/// Releases all locks but one. Nothing was changed under them.
pub(super) fn unlock_but<'a>(first: *const Case<'a>, kept: Option<&Core>) {
    let unlock = |core: &'a Core| {
        if !kept.is_some_and(|kept| ptr::eq(kept, core)) {
            // SAFETY: it is held by us.
            drop(unsafe { core.state.adopt() });
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
