//! A thread of one's own: `lock_os_thread`. Go's `LockOSThread`.
//!
//! A locked goroutine names its M, and whoever finds it runnable gives its P to that M (locked.rs). The
//! M runs nothing else meanwhile. While a goroutine unwinds, a park locks it in the same way (park.rs).

use super::park::enter;
use crate::sys::atomic::Ordering;
use std::marker::PhantomData;

/// Keeps the goroutine on its thread until dropped; made by [`lock_os_thread`].
///
/// If it is leaked, the thread ends with the goroutine.
#[derive(Debug)]
#[must_use = "the goroutine is locked to its thread only as long as this lives"]
pub struct OsThreadGuard {
    /// It belongs to the goroutine that made it.
    not_send: PhantomData<*mut ()>,
}

/// Keeps the calling goroutine on the thread it runs on, and all others off it, until the guard is
/// dropped.
///
/// For what belongs to a thread: libraries that keep state in thread-locals, graphics contexts, `setns`,
/// a scheduling priority; and a `std::thread::scope` within which the goroutine blocks, for in the end that
/// waits on the parker of the thread on which it began. Blocking calls still let other goroutines run, on
/// other threads; each of them that parks costs two switches of threads. Guards nest: the goroutine is free
/// when the last of them is dropped. If it ends before, as when a guard is leaked, its thread ends with it and
/// is not used again. On a plain thread this does nothing. Never blocks.
///
/// [`Builder::pinned`](crate::Builder::pinned) locks a goroutine from its first run to its end.
///
/// # Panics
/// If 65,535 guards of one goroutine are alive.
///
/// # Examples
/// ```
/// use std::{thread, time::Duration};
///
/// sudog::run(|| {
///     let guard = sudog::runtime::lock_os_thread();
///     let thread = thread::current().id();
///     sudog::time::sleep(Duration::from_millis(1));
///     assert_eq!(thread::current().id(), thread);
///     drop(guard); // may move to another thread again
/// });
/// ```
#[track_caller]
pub fn lock_os_thread() -> OsThreadGuard {
    assert!(lock_thread(), "too many guards of lock_os_thread");
    OsThreadGuard {
        not_send: PhantomData,
    }
}

impl Drop for OsThreadGuard {
    fn drop(&mut self) {
        unlock_thread();
    }
}

/// Locks the goroutine that calls, if one does, to its M once more; false if that is too often.
pub(crate) fn lock_thread() -> bool {
    let token = enter();
    let Some((m, g)) = token.goroutine() else {
        return true;
    };
    let Some(locks) = g.thread_locks.get().checked_add(1) else {
        return false;
    };
    g.thread_locks.set(locks);
    g.locked_m.set(m.id);
    m.is_locked.store(true, Ordering::Relaxed);
    true
}

/// Takes one lock of [`lock_thread`] back.
fn unlock_thread() {
    let token = enter();
    let Some((m, g)) = token.goroutine() else {
        return;
    };
    g.thread_locks.set(g.thread_locks.get() - 1);
    if g.thread_locks.get() == 0 {
        g.locked_m.set(0);
        m.is_locked.store(false, Ordering::Relaxed);
    }
}
