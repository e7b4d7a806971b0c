//! `Context`: Go's tests (context/x_test.go, afterfunc_test.go) in our words, and what is ours.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use sudog::chan::{TryRecvError, bounded};
use sudog::context::{CancelFunc, Context, ContextError};
use sudog::spawn;

use crate::support::{self, Rng, alone_on, goroutine, in_time, rounds, settle, stress, wait_until};
use crate::traffic::Kind;

const CANCELED: Option<ContextError> = Some(ContextError::Canceled);
const EXCEEDED: Option<ContextError> = Some(ContextError::DeadlineExceeded);

/// Long enough that nobody sees it pass.
const LONG: Duration = Duration::from_secs(3600);

fn is_done(ctx: &Context) -> bool {
    match ctx.done().try_recv() {
        Ok(()) => panic!("done carries a value"),
        Err(TryRecvError::Empty) => false,
        Err(TryRecvError::Disconnected) => true,
    }
}

#[track_caller]
fn assert_ended(ctx: &Context, error: Option<ContextError>) {
    assert_eq!((is_done(ctx), ctx.err()), (true, error));
}

#[track_caller]
fn assert_goes_on(ctx: &Context) {
    assert_eq!((is_done(ctx), ctx.err()), (false, None));
    assert!(ctx.cause().is_none());
}

fn cause_of(ctx: &Context) -> String {
    ctx.cause().expect("it has ended").to_string()
}

#[test]
fn the_root_never_ends_and_has_nothing() {
    for root in [Context::background(), Context::default()] {
        assert_goes_on(&root);
        assert_eq!((root.deadline(), root.value::<u8>()), (None, None));
        assert!(!root.done().close());
        assert_eq!(
            format!("{root:?}"),
            "Context { deadline: None, err: None, .. }"
        );
    }
}

#[test]
fn a_cancel_ends_all_within_and_nothing_around() {
    goroutine(|| {
        let (parent, cancel_parent) = Context::background().with_cancel();
        let (child, cancel_child) = parent.with_value(1_u8).with_cancel();
        let (grandchild, _keep) = child.with_cancel();
        let (other, _keep_other) = parent.with_cancel();
        for ctx in [&parent, &child, &grandchild, &other] {
            assert_goes_on(ctx);
            assert!(!ctx.done().close(), "only a cancel closes it");
        }
        cancel_child.cancel();
        cancel_child.cancel();
        assert_ended(&child, CANCELED);
        assert_ended(&grandchild, CANCELED);
        assert_goes_on(&parent);
        cancel_parent.cancel();
        assert_ended(&parent, CANCELED);
        assert_ended(&other, CANCELED);
        // Made of one that has ended.
        let (late, _keep) = parent.with_timeout(LONG);
        assert_ended(&late, CANCELED);
    });
}

#[test]
fn the_last_handle_cancels_unless_it_is_detached() {
    let (ctx, cancel) = Context::background().with_cancel();
    let other = cancel.clone();
    drop(cancel);
    assert_goes_on(&ctx);
    drop(other);
    assert_ended(&ctx, CANCELED);

    let (parent, cancel_parent) = Context::background().with_cancel();
    let (ctx, cancel) = parent.with_cancel();
    let other = cancel.clone();
    cancel.detach();
    drop(other);
    assert_goes_on(&ctx);
    let done = ctx.done().clone();
    drop(ctx);
    assert_eq!(done.try_recv(), Err(TryRecvError::Empty));
    cancel_parent.cancel();
    assert_eq!(done.try_recv(), Err(TryRecvError::Disconnected));
}

#[test]
fn what_nobody_can_end_any_more_does_not_end() {
    let (ctx, cancel) = Context::background().with_cancel();
    cancel.detach();
    let done = ctx.done().clone();
    drop(ctx);
    assert_eq!(done.try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn a_deadline_ends_a_context_and_never_early() {
    goroutine(|| {
        let limit = Duration::from_millis(10);
        let start = Instant::now();
        let (ctx, _keep) = Context::background().with_timeout(limit);
        let (child, _keep_child) = ctx.with_cancel();
        let (later, _keep_later) = ctx.with_timeout(LONG);
        assert_eq!(later.deadline(), ctx.deadline());
        assert!(later.done().recv().is_err());
        assert!(start.elapsed() >= limit);
        for ctx in [&ctx, &child, &later] {
            assert!(ctx.done().recv().is_err());
            wait_until(|| ctx.err().is_some());
            assert_ended(ctx, EXCEEDED);
            assert_eq!(cause_of(ctx), "context deadline exceeded");
        }
    });
}

#[test]
fn a_deadline_that_has_passed_ends_it_at_once_and_one_too_far_never() {
    goroutine(|| {
        let (ctx, _keep) = Context::background().with_timeout(Duration::ZERO);
        assert_ended(&ctx, EXCEEDED);
        let (ctx, cancel) = Context::background().with_timeout(Duration::MAX);
        assert_goes_on(&ctx);
        cancel.cancel();
        assert_ended(&ctx, CANCELED);
        let (ctx, cancel) = Context::background().with_timeout(LONG);
        cancel.cancel();
        assert_ended(&ctx, CANCELED);
    });
}

#[test]
fn a_deadline_ends_a_context_that_nobody_has_any_more() {
    goroutine(|| {
        let (ctx, cancel) = Context::background().with_timeout(Duration::from_millis(5));
        cancel.detach();
        let done = ctx.done().clone();
        drop(ctx);
        assert!(done.recv().is_err());
    });
}

#[test]
fn many_deadlines_come_each_at_its_time() {
    stress(|mut rng| {
        let contexts: Vec<_> = (0..rounds(100))
            .map(|_| {
                let limit = Duration::from_micros(rng.below(20_000) as u64);
                let start = Instant::now();
                let (ctx, cancel) = Context::background().with_timeout(limit);
                if rng.one_in(3) {
                    cancel.cancel();
                }
                (ctx, cancel, start + limit)
            })
            .collect();
        for (ctx, _cancel, deadline) in contexts {
            assert!(ctx.done().recv().is_err());
            wait_until(|| ctx.err().is_some());
            if ctx.err() == EXCEEDED {
                assert!(Instant::now() >= deadline);
            }
        }
    });
}

#[test]
fn the_first_cause_stays_and_goes_down() {
    goroutine(|| {
        let (root, cancel) = Context::background().with_cancel_cause();
        let (child, cancel_child) = root.with_cancel_cause();
        let (grandchild, _keep) = child.with_timeout(LONG);
        cancel_child.cancel("the child's");
        cancel.cancel("the root's");
        cancel_child.cancel("too late");
        assert_eq!(cause_of(&root), "the root's");
        assert_eq!(cause_of(&child), "the child's");
        assert_eq!(cause_of(&grandchild), "the child's");
        assert_eq!(grandchild.err(), CANCELED);
        let (plain, cancel) = Context::background().with_cancel();
        cancel.cancel();
        assert_eq!(cause_of(&plain), "context canceled");
        let (dropped, cancel) = Context::background().with_cancel_cause();
        drop(cancel.clone());
        assert_goes_on(&dropped);
        drop(cancel);
        assert_eq!(cause_of(&dropped), "context canceled");
    });
}

#[test]
fn a_cause_is_never_torn_from_its_error() {
    goroutine(|| {
        for _ in 0..rounds(50) {
            let (ctx, cancel) = Context::background().with_cancel_cause();
            let hands: Vec<_> = (0..4)
                .map(|n| {
                    let (ctx, cancel) = (ctx.clone(), cancel.clone());
                    spawn(move || {
                        cancel.cancel(n.to_string());
                        ctx.done().recv().unwrap_err();
                        wait_until(|| ctx.err().is_some());
                        cause_of(&ctx)
                    })
                })
                .collect();
            let causes: Vec<_> = hands.into_iter().map(|hand| hand.join().unwrap()).collect();
            assert!(causes.iter().all(|cause| *cause == causes[0]), "{causes:?}");
        }
    });
}

#[derive(Debug, PartialEq)]
struct User(u32);

#[test]
fn values_are_found_by_type_the_youngest_first() {
    let first = Context::background().with_value(User(1)).with_value("text");
    let (second, _keep) = first.with_cancel();
    let second = second.with_value(User(2));
    assert_eq!(first.value::<User>(), Some(&User(1)));
    assert_eq!(second.value::<User>(), Some(&User(2)));
    assert_eq!(second.value::<&str>(), Some(&"text"));
    assert_eq!(second.value::<u8>(), None);
}

#[test]
fn a_long_list_of_values_is_dropped() {
    goroutine(|| {
        let value = Arc::new(());
        let mut ctx = Context::background();
        for _ in 0..100_000 {
            ctx = ctx.with_value(value.clone());
        }
        drop(ctx);
        assert_eq!(Arc::strong_count(&value), 1);
    });
}

#[test]
fn without_cancel_keeps_the_values_only() {
    let (ctx, cancel) = Context::background().with_value(User(1)).with_cancel();
    let goes_on = ctx.without_cancel();
    let (child, cancel_child) = goes_on.with_cancel();
    cancel.cancel();
    for ctx in [&goes_on, &child] {
        assert_goes_on(ctx);
        assert_eq!(ctx.value::<User>(), Some(&User(1)));
    }
    cancel_child.cancel();
    assert_ended(&child, CANCELED);
    assert_goes_on(&goes_on);
}

#[test]
fn a_call_comes_after_the_end_in_a_goroutine_of_its_own() {
    goroutine(|| {
        for by_deadline in [true, false] {
            let limit = if by_deadline {
                Duration::from_millis(1)
            } else {
                LONG
            };
            let (ctx, cancel) = Context::background().with_timeout(limit);
            let (tx, rx) = bounded(0);
            let theirs = ctx.clone();
            drop(ctx.after_func(move || {
                tx.send((theirs.err(), sudog::current().unwrap().id()))
                    .unwrap();
            }));
            if !by_deadline {
                assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
                cancel.cancel();
            }
            let (error, id) = rx.recv().unwrap();
            assert_eq!(error, if by_deadline { EXCEEDED } else { CANCELED });
            assert_ne!(id, sudog::current().unwrap().id());
        }
    });
}

#[test]
fn a_call_after_the_end_comes_at_once_and_one_taken_back_never() {
    goroutine(|| {
        let (ctx, cancel) = Context::background().with_cancel();
        let (tx, rx) = bounded(4);
        let never = tx.clone();
        let stop = ctx.after_func(move || never.send("taken back").unwrap());
        assert!(stop.stop() && !stop.stop());
        cancel.cancel();
        let stop = ctx.after_func(move || tx.send("at once").unwrap());
        assert_eq!(rx.iter().collect::<Vec<_>>(), ["at once"]);
        assert!(!stop.stop());
        // Nothing ends the root: the call waits until it is taken back.
        let stop = Context::background().after_func(|| unreachable!());
        assert!(stop.stop());
    });
}

#[test]
fn a_call_is_started_or_taken_back_never_both() {
    stress(|mut rng| {
        for _ in 0..rounds(200) {
            let (ctx, cancel) = Context::background().with_cancel();
            let (ran, count) = (Arc::new(AtomicUsize::new(0)), rng.below(4));
            let stops: Vec<_> = (0..count)
                .map(|_| {
                    let ran = ran.clone();
                    ctx.after_func(move || {
                        ran.fetch_add(1, SeqCst);
                    })
                })
                .collect();
            let canceller = Kind::any(&mut rng).spawn(move || cancel.cancel());
            let stopped = stops.iter().filter(|stop| stop.stop()).count();
            canceller.join();
            wait_until(|| ran.load(SeqCst) + stopped == count);
            settle();
            assert_eq!(ran.load(SeqCst) + stopped, count);
        }
    });
}

/// A tree of contexts and who can end each; parents come before their children.
fn tree(rng: &mut Rng, size: usize) -> Vec<(Context, CancelFunc, Option<usize>)> {
    let mut all = Vec::with_capacity(size);
    for number in 0..size {
        let parent = (number > 0).then(|| rng.below(number));
        let around = parent.map_or_else(Context::background, |p: usize| {
            let (ctx, _, _): &(Context, CancelFunc, Option<usize>) = &all[p];
            ctx.clone()
        });
        let around = match rng.below(4) {
            0 => around.with_value(number),
            _ => around,
        };
        let (ctx, cancel) = match rng.below(3) {
            0 => around.with_timeout(LONG),
            _ => around.with_cancel(),
        };
        all.push((ctx, cancel, parent));
    }
    all
}

#[test]
fn random_trees_end_as_they_should_in_any_order() {
    stress(|mut rng| {
        for _ in 0..rounds(300) {
            let size = 1 + rng.below(30);
            let all = tree(&mut rng, size);
            let mut should_end = vec![false; size];
            for _ in 0..rng.below(4) {
                let chosen = rng.below(size);
                all[chosen].1.cancel();
                should_end[chosen] = true;
            }
            for number in 0..size {
                let (ctx, _, parent) = &all[number];
                should_end[number] |= parent.is_some_and(|parent| should_end[parent]);
                assert_eq!(is_done(ctx), should_end[number]);
                assert_eq!(ctx.err().is_some(), should_end[number]);
            }
        }
    });
}

#[test]
fn trees_that_are_ended_from_all_sides_end() {
    stress(|mut rng| {
        for _ in 0..rounds(20) {
            let all = Arc::new(tree(&mut rng, 60));
            let hands: Vec<_> = (0..4)
                .map(|_| {
                    let (all, mut rng) = (all.clone(), rng.split());
                    Kind::any(&mut rng).spawn(move || {
                        for _ in 0..30 {
                            let (ctx, cancel, _) = &all[rng.below(60)];
                            match rng.below(3) {
                                0 => cancel.cancel(),
                                1 => drop(ctx.with_cancel()),
                                _ => drop(ctx.after_func(|| {}).stop()),
                            }
                        }
                    })
                })
                .collect();
            hands.into_iter().for_each(|hand| hand.join());
            all[0].1.cancel();
            for (ctx, _, _) in all.iter() {
                assert!(ctx.done().recv().is_err());
                assert!(ctx.err().is_some());
            }
        }
    });
}

#[test]
fn a_deep_tree_ends_without_a_deep_stack() {
    goroutine(|| {
        let (root, cancel) = Context::background().with_cancel();
        let mut all = vec![(root.clone(), cancel.clone())];
        for _ in 0..50_000 {
            let next = all.last().unwrap().0.with_cancel();
            all.push(next);
        }
        cancel.cancel();
        assert!(all.iter().all(|(ctx, _)| ctx.err() == CANCELED));
        // From the root on, and each keeps the next.
        drop(all);
    });
}

#[test]
fn a_long_line_of_contexts_that_nobody_can_end_is_dropped_on_a_small_stack() {
    goroutine(|| {
        let dropper = sudog::Builder::new().stack_size(64 * 1024).spawn(|| {
            let (root, cancel) = Context::background().with_cancel();
            cancel.detach();
            let mut last = root.clone();
            for n in 0..100_000 {
                let (next, cancel) = last.with_cancel();
                cancel.detach();
                if n % 1000 == 0 {
                    let (_branch, cancel) = last.with_cancel();
                    cancel.detach();
                    next.after_func(|| {});
                }
                last = next;
            }
            drop(last);
            drop(root);
        });
        dropper.unwrap().join().unwrap();
    });
}

#[test]
fn children_that_end_leave_their_parent() {
    alone_on(2, || {
        goroutine(|| {
            let (parent, _keep) = Context::background().with_timeout(LONG);
            let churn = |count: usize| {
                for n in in_time(count) {
                    let (child, cancel) = match n % 8 {
                        0 => parent.with_timeout(LONG / 2),
                        _ => parent.with_cancel(),
                    };
                    if n % 2 == 0 {
                        cancel.cancel();
                    }
                    assert!(child.after_func(|| {}).stop() || child.err().is_some());
                }
            };
            churn(10_000);
            let before = resident_kib();
            churn(rounds(250_000));
            let grown = resident_kib().saturating_sub(before);
            assert!(grown < 8 * 1024, "{grown} KiB for children that are gone");
        });
    });
}

fn resident_kib() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux tells");
    let pages = statm.split(' ').nth(1).expect("the second number");
    pages.parse::<usize>().expect("a number") * 4
}

#[test]
fn contexts_without_deadlines_start_no_runtime() {
    alone_on(2, || {
        support::thread(|| {
            let (ctx, cancel) = Context::background().with_value(1_u8).with_cancel();
            let (child, _keep) = ctx.with_cancel_cause();
            let waiter = std::thread::spawn(move || child.done().recv().is_err());
            cancel.cancel();
            assert!(waiter.join().unwrap());
            let tasks = std::fs::read_dir("/proc/self/task").expect("Linux tells");
            let names = tasks
                .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
            assert_eq!(names.filter(|name| name.starts_with("sudog")).count(), 0);
        });
    });
}

#[test]
fn whoever_sees_done_closed_or_has_cancelled_sees_the_error() {
    goroutine(|| {
        for round in 0..rounds(2_000) {
            let (ctx, cancel) = Context::background().with_cancel();
            let watchers = [0; 4].map(|_| {
                let ctx = ctx.clone();
                spawn(move || {
                    assert!(ctx.done().recv().is_err());
                    assert_eq!(ctx.err(), Some(ContextError::Canceled), "in round {round}");
                })
            });
            let cancellers = [0; 2].map(|_| {
                let (ctx, cancel) = (ctx.clone(), cancel.clone());
                spawn(move || {
                    cancel.cancel();
                    assert_eq!(ctx.err(), Some(ContextError::Canceled), "in round {round}");
                    assert!(is_done(&ctx));
                })
            });
            watchers
                .into_iter()
                .chain(cancellers)
                .for_each(|h| h.join().unwrap());
        }
    });
}
