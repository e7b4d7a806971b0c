//! Contexts: none is forgotten when its parent ends, and whoever sees an end sees all of it.
//!
//! The real tree and its handles, among doubles of what ends a scope at an instant and of what a scope
//! tells sockets.

#[path = "../../src/context/error.rs"]
mod error;
#[path = "../../src/context/func.rs"]
mod func;
#[path = "../../src/context/scope.rs"]
mod scope;

mod io {
    //! No model waits for a socket here; see `netpoll`.

    use super::ContextError;
    use crate::sys::atomic::AtomicUsize;

    pub(super) struct Watch {
        pub(super) place: AtomicUsize,
    }

    impl Watch {
        pub(super) fn end(&self, _: ContextError) {}
    }
}

mod timer {
    //! No deadline comes.

    use super::scope::Scope;
    use std::sync::Arc;
    use std::time::Instant;

    pub(super) struct Timer;

    impl Timer {
        pub(super) fn new(_: &Arc<Scope>, _: Instant) -> Timer {
            Timer
        }

        pub(super) fn arm(&self) {}
    }

    impl Drop for Timer {
        /// Where the real one gives its task back.
        fn drop(&mut self) {}
    }
}

use crate::check;
use crate::sys::atomic::{AtomicUsize, Ordering};
use error::ContextError;
use func::{CancelCauseFunc, CancelFunc, StopFunc};
use loom::thread;
use scope::Scope;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

type Cause = Arc<dyn std::error::Error + Send + Sync>;

/// Makes a scope, and touches what is shared later.
fn scope(parent: Option<&Arc<Scope>>) -> Arc<Scope> {
    let scope = Scope::within(parent, None);
    assert!(scope.err().is_none() && !scope.done().is_closed());
    let _nothing = scope.done().try_recv();
    scope
}

fn cancel(scope: &Arc<Scope>) {
    CancelFunc::new(Arc::clone(scope)).cancel();
}

#[track_caller]
fn assert_ended(scope: &Scope) {
    assert_eq!(scope.err(), Some(ContextError::Canceled));
    assert!(scope.done().is_closed());
}

#[test]
fn who_sees_a_child_ended_by_its_parent_sees_the_parent_ended() {
    let seen: Arc<AtomicBool> = Arc::default();
    let theirs = Arc::clone(&seen);
    check(None, move || {
        // Nobody has asked for its `done`, which would tell as well.
        let parent = Scope::within(None, None);
        let ender = thread::spawn({
            let parent = Arc::clone(&parent);
            move || cancel(&parent)
        });
        let child = Scope::within(Some(&parent), None);
        if child.err().is_some() {
            theirs.store(true, SeqCst);
            assert_eq!(parent.err(), Some(ContextError::Canceled));
        }
        ender.join().unwrap();
        assert_ended(&child);
    });
    assert!(seen.load(SeqCst), "no child came late");
}

#[test]
fn a_child_that_is_made_while_its_parent_ends_ends_too() {
    // Both are seen: a child that joins before the end, and one that finds that it has come.
    let seen: Arc<[AtomicBool; 2]> = Arc::default();
    let theirs = Arc::clone(&seen);
    check(None, move || {
        let parent = scope(None);
        let ender = thread::spawn({
            let parent = Arc::clone(&parent);
            move || cancel(&parent)
        });
        let child = Scope::within(Some(&parent), None);
        theirs[usize::from(child.err().is_some())].store(true, SeqCst);
        ender.join().unwrap();
        assert_ended(&child);
    });
    assert!(seen.iter().all(|seen| seen.load(SeqCst)));
}

#[test]
fn who_sees_the_error_finds_done_closed_and_the_other_way_round() {
    check(None, || {
        let parent = scope(None);
        let child = scope(Some(&parent));
        let ender = thread::spawn({
            let parent = Arc::clone(&parent);
            move || cancel(&parent)
        });
        let watcher = thread::spawn({
            let child = Arc::clone(&child);
            move || {
                if child.done().is_closed() {
                    assert_ended(&child);
                }
            }
        });
        if child.err().is_some() {
            assert_ended(&child);
        }
        ender.join().unwrap();
        watcher.join().unwrap();
        assert_ended(&child);
    });
}

#[test]
fn the_first_ending_wins_and_has_come_when_either_returns() {
    check(None, || {
        let parent = scope(None);
        let enders = ["first", "second"].map(|cause| {
            let parent = Arc::clone(&parent);
            thread::spawn(move || {
                CancelCauseFunc::new(Arc::clone(&parent)).cancel(cause);
                assert_ended(&parent);
                parent.cause().unwrap().to_string()
            })
        });
        let causes = enders.map(|ender| ender.join().unwrap());
        assert_eq!(causes[0], causes[1]);
    });
}

#[test]
fn a_child_leaves_while_its_parent_ends() {
    check(None, || {
        let parent = scope(None);
        let (child, other) = (scope(Some(&parent)), scope(Some(&parent)));
        let ender = thread::spawn({
            let parent = Arc::clone(&parent);
            move || cancel(&parent)
        });
        cancel(&child);
        assert_ended(&child);
        ender.join().unwrap();
        assert_ended(&other);
    });
}

#[test]
fn a_call_is_run_or_taken_back_never_both() {
    check(None, || {
        let parent = scope(None);
        let calls = Arc::new(AtomicUsize::new(0));
        calls.load(Ordering::Relaxed);
        let theirs = Arc::clone(&calls);
        let stop = StopFunc::new(
            Some(&parent),
            Box::new(move || {
                theirs.fetch_add(1, Ordering::Relaxed);
            }),
        );
        let ender = thread::spawn({
            let parent = Arc::clone(&parent);
            move || cancel(&parent)
        });
        let was_stopped = stop.stop();
        ender.join().unwrap();
        assert_eq!(
            calls.load(Ordering::Relaxed) + usize::from(was_stopped),
            1,
            "stopped: {was_stopped}"
        );
    });
}
