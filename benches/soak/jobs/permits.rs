//! Semaphores, barriers and wait groups: never more inside than may be, never past before all are there.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::Poll;
use std::time::Instant;

use super::{Round, context, dawdle, poll_once};
use crate::dice::Dice;
use crate::faults::{self, Fault};
use crate::hands::Hand;
use crate::ledger::Account;
use sudog::sync::{Barrier, Permit, Semaphore, WaitGroup};

pub fn play(round: &mut Round) {
    let dice = &mut round.dice;
    match dice.below(3) {
        0 => semaphore(dice),
        1 => barrier(dice),
        _ => wait_group(&round.values, dice),
    }
}

fn semaphore(dice: &mut Dice) {
    let size = 1 + dice.below(4);
    let (semaphore, inside) = (Semaphore::new(size), Arc::new(AtomicUsize::new(0)));
    let hands: Vec<_> = (0..2 + dice.below(4))
        .map(|_| {
            let (semaphore, inside) = (semaphore.clone(), Arc::clone(&inside));
            let (mut own, turns) = (dice.split(), dice.below(100));
            Hand::start(dice, move || {
                for _ in 0..turns {
                    let n = 1 + own.below(size);
                    if let Some(permit) = acquire(&semaphore, n, &mut own) {
                        let now = inside.fetch_add(n, Relaxed) + n;
                        assert!(now <= size, "{now} inside, where {size} may be");
                        dawdle(&mut own);
                        inside.fetch_sub(n, Relaxed);
                        if own.one_in(100) {
                            faults::panic();
                        }
                        drop(permit);
                    }
                }
            })
        })
        .collect();
    let closes = dice.one_in(4);
    if closes {
        sudog::time::sleep(dice.micros(2_000));
        faults::strike(Fault::Close);
        assert!(semaphore.close());
    }
    for hand in hands {
        faults::caught(hand.join());
    }
    assert_eq!(
        semaphore.available_permits(),
        size,
        "permits are lost or doubled"
    );
    assert_eq!(semaphore.acquire(1).is_err(), closes);
}

/// Acquires in one of all the ways there are; `None` if that was not to be, or not in time.
fn acquire(semaphore: &Semaphore, n: usize, dice: &mut Dice) -> Option<Permit> {
    let limit = dice.micros(100);
    match dice.below(7) {
        0 => semaphore.try_acquire(n).ok(),
        1 => semaphore.acquire_timeout(n, limit).ok(),
        2 => semaphore.acquire_deadline(n, Instant::now() + limit).ok(),
        3 => sudog::block_on(semaphore.acquire_async(n)).ok(),
        4 => {
            let mut acquiring = pin!(semaphore.acquire_async(n));
            match poll_once(acquiring.as_mut()) {
                Poll::Ready(permit) => permit.ok(),
                Poll::Pending => {
                    faults::strike(Fault::Dropped);
                    dawdle(dice);
                    None
                }
            }
        }
        5 => {
            let (ctx, _cancel) = context(dice);
            ctx.acquire(semaphore, n).ok()
        }
        _ => semaphore.acquire(n).ok(),
    }
}

fn barrier(dice: &mut Dice) {
    let (count, laps) = (2 + dice.below(5), dice.below(20));
    let shared = Arc::new((
        Barrier::new(count),
        AtomicUsize::new(0),
        AtomicUsize::new(0),
    ));
    let hands: Vec<_> = (0..count)
        .map(|_| {
            let (shared, mut own) = (Arc::clone(&shared), dice.split());
            Hand::start(dice, move || {
                let (barrier, arrived, leaders) = &*shared;
                for lap in 1..=laps {
                    arrived.fetch_add(1, Relaxed);
                    let is_leader = barrier.wait().is_leader();
                    leaders.fetch_add(usize::from(is_leader), Relaxed);
                    let there = arrived.load(Relaxed);
                    assert!(there >= lap * count, "past a barrier before all are there");
                    dawdle(&mut own);
                }
            })
        })
        .collect();
    hands.into_iter().for_each(Hand::finish);
    assert_eq!(shared.2.load(Relaxed), laps, "one leader in each lap");
}

fn wait_group(values: &Arc<Account>, dice: &mut Dice) {
    let group = WaitGroup::new();
    let ended = Arc::new(AtomicUsize::new(0));
    let count = dice.below(12);
    for _ in 0..count {
        let (ended, token) = (Arc::clone(&ended), values.make(0));
        let mut own = dice.split();
        // Counts down although it may panic; nobody joins it.
        group.go(move || {
            dawdle(&mut own);
            token.arrive();
            ended.fetch_add(1, Relaxed);
            if own.one_in(5) {
                faults::panic();
            }
        });
    }
    let waiting: Vec<_> = (0..dice.below(4))
        .map(|_| {
            let (group, ended, mut own) = (group.clone(), Arc::clone(&ended), dice.split());
            Hand::start(dice, move || {
                match own.below(3) {
                    0 => group.wait(),
                    1 => while !group.wait_timeout(own.micros(200)) {},
                    _ => sudog::block_on(group.wait_async()),
                }
                assert_eq!(ended.load(Relaxed), count, "waited not long enough");
            })
        })
        .collect();
    group.wait();
    waiting.into_iter().for_each(Hand::finish);
}
