//! `group`: no goroutine outlives it, and no error is lost.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use sudog::context::{Context, ContextError};
use sudog::group;

use crate::support::{self, goroutine, quiet_panic, settle, stress, text};

const LONG: Duration = Duration::from_secs(3600);

#[test]
fn goroutines_borrow_and_all_have_ended() {
    let here = || {
        let mut parts = [0; 8];
        let result: Result<_, ()> = group(&Context::background(), |g| {
            for (n, part) in parts.iter_mut().enumerate() {
                g.go(move || {
                    settle();
                    *part = n;
                    Ok(())
                });
            }
            Ok("value")
        });
        assert_eq!(result, Ok("value"));
        assert_eq!(parts, [0, 1, 2, 3, 4, 5, 6, 7]);
    };
    goroutine(here);
    support::thread(here);
}

#[test]
fn the_first_error_ends_the_others_and_is_returned() {
    goroutine(|| {
        let ended = AtomicUsize::new(0);
        let result = group(&Context::background(), |g| {
            for _ in 0..4 {
                let (ctx, ended) = (g.context().clone(), &ended);
                g.go(move || {
                    assert_eq!(ctx.sleep(LONG), Err(ContextError::Canceled));
                    ended.fetch_add(1, SeqCst);
                    Err("later")
                });
            }
            settle();
            g.go(|| Err("first"));
            Ok(())
        });
        assert_eq!(result, Err("first"));
        assert_eq!(ended.load(SeqCst), 4);
    });
}

#[test]
fn the_body_may_fail_as_well_and_ends_the_others() {
    goroutine(|| {
        let result: Result<(), _> = group(&Context::background(), |g| {
            let ctx = g.context().clone();
            g.go(move || ctx.sleep(LONG).map_err(|_| "later"));
            Err("first")
        });
        assert_eq!(result, Err("first"));
    });
}

#[test]
fn a_panic_ends_the_others_and_is_resumed_when_they_have_ended() {
    goroutine(|| {
        for in_body in [true, false] {
            let ended = AtomicUsize::new(0);
            let panicked = catch_unwind(AssertUnwindSafe(|| {
                group::<(), (), _>(&Context::background(), |g| {
                    let (ctx, ended) = (g.context().clone(), &ended);
                    g.go(move || {
                        assert!(ctx.sleep(LONG).is_err());
                        ended.fetch_add(1, SeqCst);
                        Ok(())
                    });
                    if in_body {
                        quiet_panic("payload");
                    }
                    g.go(|| quiet_panic("payload"));
                    Ok(())
                })
            }));
            assert_eq!(text(panicked.unwrap_err()), "payload");
            assert_eq!(ended.load(SeqCst), 1);
        }
    });
}

#[test]
fn a_group_ends_with_the_context_around_it() {
    goroutine(|| {
        let (ctx, _cancel) = Context::background().with_timeout(Duration::from_millis(5));
        let result = group(&ctx, |g| {
            let ctx = g.context().clone();
            g.go(move || ctx.sleep(LONG));
            Ok(())
        });
        assert_eq!(result, Err(ContextError::DeadlineExceeded));
        // What was handed out ends with the group.
        let (around, _cancel) = Context::background().with_cancel();
        let inner = group(&around, |g| Ok::<_, ()>(g.context().clone())).unwrap();
        assert_eq!(
            (inner.err(), around.err()),
            (Some(ContextError::Canceled), None)
        );
    });
}

#[test]
fn goroutines_of_a_group_start_others() {
    stress(|mut rng| {
        let (count, width) = (AtomicUsize::new(0), 1 + rng.below(3));
        let result: Result<(), ()> = group(&Context::background(), |g| {
            for _ in 0..width {
                let (inner, count) = (g.clone(), &count);
                g.go(move || {
                    for _ in 0..width {
                        inner.go(move || {
                            count.fetch_add(1, SeqCst);
                            Ok(())
                        });
                    }
                    Ok(())
                });
            }
            Ok(())
        });
        assert_eq!(result, Ok(()));
        assert_eq!(count.load(SeqCst), width * width);
    });
}
