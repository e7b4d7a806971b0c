//! Scopes, groups and error groups: those who are started within one have ended after it, whatever happens.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::{Round, context, dawdle};
use crate::dice::Dice;
use crate::faults;
use crate::ledger::Account;
use sudog::Builder;
use sudog::context::Context;
use sudog::sync::ErrGroup;

pub fn play(round: &mut Round) {
    let dice = &mut round.dice;
    for _ in 0..1 + dice.below(6) {
        match dice.below(3) {
            0 => scope(&round.values, dice),
            1 => group(dice),
            _ => err_group(dice),
        }
    }
}

fn scope(values: &Arc<Account>, dice: &mut Dice) {
    let count = dice.below(8);
    let (ended, panics) = (AtomicUsize::new(0), dice.one_in(4));
    let whole = catch_unwind(AssertUnwindSafe(|| {
        sudog::scope(|scope| {
            for at in 0..count {
                let (mut own, ended, token) = (dice.split(), &ended, values.make(at));
                let work = move || {
                    dawdle(&mut own);
                    token.arrive();
                    ended.fetch_add(1, Relaxed);
                    if panics && own.one_in(4) {
                        faults::panic();
                    }
                };
                match at % 3 {
                    0 => drop(faults::caught(scope.spawn(work).join())),
                    1 => drop(scope.spawn(work)),
                    _ => {
                        let named = Builder::new().name("scoped");
                        drop(named.spawn_scoped(scope, work).expect("a goroutine"));
                    }
                }
            }
        });
    }));
    faults::caught(whole);
    assert_eq!(
        ended.into_inner(),
        count,
        "a scope has ended before its goroutines"
    );
}

/// An error is how a member ends that was cancelled too.
fn group(dice: &mut Dice) {
    let (ctx, _cancel) = context(dice);
    let (begun, ended) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let fails_at = dice.below(12);
    let result = sudog::group(&ctx, |group| {
        for at in 0..6 {
            let (mut own, begun, ended) = (dice.split(), &begun, &ended);
            let ctx = group.context().clone();
            group.go(move || {
                begun.fetch_add(1, Relaxed);
                dawdle(&mut own);
                let result = if at == fails_at {
                    Err("failed")
                } else {
                    ctx.sleep(own.micros(500)).map_err(|_| "cancelled")
                };
                ended.fetch_add(1, Relaxed);
                result
            });
        }
        Ok(())
    });
    assert_eq!(
        (begun.into_inner(), ended.into_inner()),
        (6, 6),
        "members of a group"
    );
    if fails_at < 6 {
        assert!(result.is_err(), "an error is lost");
    }
}

fn err_group(dice: &mut Dice) {
    let (group, ctx) = ErrGroup::with_context(&Context::background());
    let limit = 1 + dice.below(4);
    group.set_limit(limit);
    let running = Arc::new(AtomicUsize::new(0));
    let ended = Arc::new(AtomicUsize::new(0));
    let (panics, mut begun) = (dice.one_in(5), 0);
    for _ in 0..dice.below(12) {
        let (mut own, ctx) = (dice.split(), ctx.clone());
        let (running, ended) = (Arc::clone(&running), Arc::clone(&ended));
        let work = move || {
            let now = running.fetch_add(1, Relaxed) + 1;
            assert!(now <= limit, "{now} run in a group of {limit}");
            let slept = ctx.sleep(own.micros(300));
            running.fetch_sub(1, Relaxed);
            ended.fetch_add(1, Relaxed);
            if panics && own.one_in(6) {
                faults::panic();
            }
            if own.one_in(8) {
                return Err("failed");
            }
            slept.map_err(|_| "cancelled")
        };
        if dice.one_in(3) {
            begun += usize::from(group.try_go(work));
        } else {
            group.go(work);
            begun += 1;
        }
    }
    let waited = catch_unwind(AssertUnwindSafe(|| group.wait()));
    let result = faults::caught(waited);
    assert_eq!(
        ended.load(Relaxed),
        begun,
        "a group has ended before its goroutines"
    );
    assert!(
        ctx.err().is_some(),
        "a group has ended, and its context has not"
    );
    assert!(panics || result.is_some(), "a panic from nowhere");
}
