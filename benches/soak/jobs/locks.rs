//! Mutexes, read-write locks, condition variables: what is under them stays whole, also where a holder panics.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::Poll;

use super::{Round, context, dawdle, poll_once};
use crate::dice::Dice;
use crate::faults::{self, Fault};
use crate::hands::Hand;
use crate::ledger::{Account, Token};
use sudog::sync::{Condvar, Mutex, MutexGuard, RwLock, RwLockWriteGuard};

pub fn play(round: &mut Round) {
    let dice = &mut round.dice;
    match dice.below(3) {
        0 => mutex(dice),
        1 => rwlock(dice),
        _ => condvar(&round.values, dice),
    }
}

fn mutex(dice: &mut Dice) {
    let shared = Arc::new((Mutex::new(0_u64), AtomicU64::new(0)));
    let hands: Vec<_> = (0..2 + dice.below(4))
        .map(|_| {
            let (shared, mut own) = (Arc::clone(&shared), dice.split());
            let turns = dice.below(100);
            Hand::start(dice, move || {
                let (mutex, counted) = &*shared;
                for _ in 0..turns {
                    let Some(mut count) = lock(mutex, &mut own) else {
                        continue;
                    };
                    let before = *count;
                    dawdle(&mut own);
                    *count = before + 1;
                    counted.fetch_add(1, Relaxed);
                    if own.one_in(300) {
                        faults::panic();
                    }
                    if own.one_in(10) {
                        MutexGuard::unlock_fair(count);
                    }
                }
            })
        })
        .collect();
    for hand in hands {
        faults::caught(hand.join());
    }
    let (mutex, counted) = Arc::into_inner(shared).expect("all have ended");
    assert_eq!(
        mutex.into_inner(),
        counted.into_inner(),
        "counted under the mutex"
    );
}

/// Locks in one of all the ways there are; `None` if that was not to be in time.
fn lock<'a>(mutex: &'a Mutex<u64>, dice: &mut Dice) -> Option<MutexGuard<'a, u64>> {
    match dice.below(6) {
        0 => mutex.try_lock(),
        1 => mutex.try_lock_for(dice.micros(100)),
        2 => Some(sudog::block_on(mutex.lock_async())),
        3 => {
            let mut locking = pin!(mutex.lock_async());
            match poll_once(locking.as_mut()) {
                Poll::Ready(guard) => Some(guard),
                Poll::Pending => {
                    faults::strike(Fault::Dropped);
                    dawdle(dice);
                    None
                }
            }
        }
        4 => {
            let (ctx, _cancel) = context(dice);
            ctx.lock(mutex).ok()
        }
        _ => Some(mutex.lock()),
    }
}

fn rwlock(dice: &mut Dice) {
    let shared = Arc::new((RwLock::new((0_u64, 0_u64)), AtomicU64::new(0)));
    let hands: Vec<_> = (0..2 + dice.below(4))
        .map(|_| {
            let (shared, mut own) = (Arc::clone(&shared), dice.split());
            let turns = dice.below(100);
            Hand::start(dice, move || {
                let (rwlock, counted) = &*shared;
                for _ in 0..turns {
                    if !own.one_in(4) {
                        read(rwlock, &mut own);
                    } else if let Some(mut pair) = write(rwlock, &mut own) {
                        pair.0 += 1;
                        dawdle(&mut own);
                        pair.1 += 1;
                        counted.fetch_add(1, Relaxed);
                        let written = *pair;
                        if own.one_in(100) {
                            faults::panic();
                        }
                        let pair = RwLockWriteGuard::downgrade(pair);
                        dawdle(&mut own);
                        assert_eq!(*pair, written, "written beside a reader");
                    }
                }
            })
        })
        .collect();
    for hand in hands {
        faults::caught(hand.join());
    }
    let (rwlock, counted) = Arc::into_inner(shared).expect("all have ended");
    let counted = counted.into_inner();
    assert_eq!(
        rwlock.into_inner(),
        (counted, counted),
        "counted under the lock"
    );
}

fn read(rwlock: &RwLock<(u64, u64)>, dice: &mut Dice) {
    let pair = match dice.below(4) {
        0 => rwlock.try_read(),
        1 => rwlock.try_read_for(dice.micros(100)),
        2 => Some(sudog::block_on(rwlock.read_async())),
        _ => Some(rwlock.read()),
    };
    let Some(pair) = pair else { return };
    dawdle(dice);
    assert_eq!(pair.0, pair.1, "read beside a writer");
}

fn write<'a>(
    rwlock: &'a RwLock<(u64, u64)>,
    dice: &mut Dice,
) -> Option<RwLockWriteGuard<'a, (u64, u64)>> {
    match dice.below(5) {
        0 => rwlock.try_write(),
        1 => rwlock.try_write_for(dice.micros(100)),
        2 => Some(sudog::block_on(rwlock.write_async())),
        3 => {
            let mut writing = pin!(rwlock.write_async());
            match poll_once(writing.as_mut()) {
                Poll::Ready(guard) => Some(guard),
                Poll::Pending => {
                    faults::strike(Fault::Dropped);
                    None
                }
            }
        }
        _ => Some(rwlock.write()),
    }
}

/// A queue under a mutex: who finds it full or empty waits for a condition.
struct Queue {
    items: Mutex<(VecDeque<Token>, bool)>,
    has_room: Condvar,
    has_items: Condvar,
}

const ROOM: usize = 3;

fn condvar(values: &Arc<Account>, dice: &mut Dice) {
    let queue = Arc::new(Queue {
        items: Mutex::default(),
        has_room: Condvar::new(),
        has_items: Condvar::new(),
    });
    let producers: Vec<_> = (0..1 + dice.below(3))
        .map(|maker| {
            let (queue, values) = (Arc::clone(&queue), Arc::clone(values));
            let (mut own, count) = (dice.split(), dice.below(100));
            Hand::start(dice, move || {
                for _ in 0..count {
                    let mut items = queue.items.lock();
                    queue
                        .has_room
                        .wait_while(&mut items, |(items, _)| items.len() == ROOM);
                    items.0.push_back(values.make(maker));
                    drop(items);
                    queue.has_items.notify_one();
                    dawdle(&mut own);
                }
            })
        })
        .collect();
    let consumers: Vec<_> = (0..1 + dice.below(3))
        .map(|_| {
            let (queue, mut own) = (Arc::clone(&queue), dice.split());
            Hand::start(dice, move || consume(&queue, &mut own))
        })
        .collect();
    producers.into_iter().for_each(Hand::finish);
    queue.items.lock().1 = true;
    queue.has_items.notify_all();
    consumers.into_iter().for_each(Hand::finish);
}

fn consume(queue: &Queue, dice: &mut Dice) {
    let mut items = queue.items.lock();
    loop {
        if let Some(token) = items.0.pop_front() {
            queue.has_room.notify_one();
            MutexGuard::unlocked(&mut items, || {
                token.arrive();
                dawdle(dice);
            });
        } else if items.1 {
            return;
        } else if dice.one_in(3) {
            queue.has_items.wait_for(&mut items, dice.micros(200));
        } else {
            queue.has_items.wait(&mut items);
        }
    }
}
