//! `ErrGroup`: the tests of x/sync's errgroup in our words, and what is ours.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use sudog::chan::bounded;
use sudog::sync::ErrGroup;

use crate::support::{goroutine, quiet_panic, settle, text, wait_until};

fn has_ended<E>(group: &ErrGroup<E>) -> bool {
    format!("{group:?}") == "ErrGroup { active: 0, .. }"
}

#[test]
fn the_first_error_is_the_one_that_is_given() {
    goroutine(|| {
        for errors in [
            vec![],
            vec![None],
            vec![Some(1)],
            vec![None, Some(1), Some(2)],
        ] {
            let group = ErrGroup::new();
            for error in &errors {
                let error = *error;
                group.go(move || error.map_or(Ok(()), Err));
                wait_until(|| has_ended(&group));
            }
            let first = errors.iter().flatten().next().copied();
            assert_eq!(group.wait().err(), first);
            // Given once.
            assert_eq!(group.wait(), Ok(()));
        }
    });
}

#[test]
fn wait_comes_after_all_have_ended() {
    goroutine(|| {
        let (group, count) = (ErrGroup::new(), Arc::new(AtomicUsize::new(0)));
        for n in 0..10 {
            let count = count.clone();
            group.clone().go(move || {
                settle();
                count.fetch_add(1, SeqCst);
                if n == 0 { Err("first") } else { Ok(()) }
            });
        }
        assert_eq!(group.wait(), Err("first"));
        assert_eq!(count.load(SeqCst), 10);
    });
}

#[test]
fn no_more_run_at_a_time_than_the_limit_allows() {
    goroutine(|| {
        let (group, running) = (ErrGroup::<()>::new(), Arc::new(AtomicUsize::new(0)));
        group.set_limit(3);
        for _ in 0..50 {
            let running = running.clone();
            group.go(move || {
                assert!(running.fetch_add(1, SeqCst) < 3);
                sudog::yield_now();
                running.fetch_sub(1, SeqCst);
                Ok(())
            });
        }
        assert_eq!(group.wait(), Ok(()));
    });
}

#[test]
fn try_go_starts_only_what_the_limit_allows() {
    goroutine(|| {
        let group = ErrGroup::<()>::new();
        assert!(group.try_go(|| Ok(())));
        group.wait().unwrap();
        group.set_limit(2);
        let (go_on, goes_on) = bounded::<()>(0);
        let blocked = || {
            let goes_on = goes_on.clone();
            move || {
                assert!(goes_on.recv().is_err());
                Ok(())
            }
        };
        assert!(group.try_go(blocked()) && group.try_go(blocked()));
        assert!(!group.try_go(blocked()));
        drop(go_on);
        group.wait().unwrap();
        assert!(group.try_go(|| Ok(())));
        group.wait().unwrap();
        group.set_limit(0);
        assert!(!group.try_go(|| Ok(())));
    });
}

#[test]
fn a_limit_that_changes_while_some_run_panics_in_gos_words() {
    goroutine(|| {
        let group = ErrGroup::<()>::new();
        let (go_on, goes_on) = bounded::<()>(0);
        for _ in 0..2 {
            let goes_on = goes_on.clone();
            group.go(move || {
                assert!(goes_on.recv().is_err());
                Ok(())
            });
        }
        let change = catch_unwind(AssertUnwindSafe(|| group.set_limit(1)));
        assert_eq!(
            text(change.unwrap_err()),
            "ErrGroup::set_limit: goroutines of the group are running (2); set the limit before the first, or after `wait`"
        );
        drop(go_on);
        group.wait().unwrap();
        group.set_limit(1);
    });
}

#[test]
fn a_panic_is_resumed_at_wait_when_all_have_ended() {
    goroutine(|| {
        let (group, count) = (ErrGroup::new(), Arc::new(AtomicUsize::new(0)));
        group.go(|| quiet_panic("the payload"));
        settle();
        let theirs = count.clone();
        group.go(move || {
            settle();
            theirs.fetch_add(1, SeqCst);
            Err("too late")
        });
        let waited = catch_unwind(AssertUnwindSafe(|| group.wait()));
        assert_eq!(text(waited.unwrap_err()), "the payload");
        assert_eq!(count.load(SeqCst), 1);
        assert_eq!(format!("{group:?}"), "ErrGroup { active: 0, .. }");
    });
}

#[test]
fn a_group_that_was_waited_for_can_fail_again() {
    goroutine(|| {
        let group = ErrGroup::new();
        for error in [1, 2] {
            group.go(move || Err(error));
            assert_eq!(group.wait(), Err(error));
            assert_eq!(group.wait(), Ok(()));
        }
    });
}
