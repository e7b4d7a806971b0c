//! What is done once, however many ask for it, and again if it has panicked.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::{Round, dawdle};
use crate::dice::Dice;
use crate::faults;
use crate::hands::Hand;
use sudog::sync::{Barrier, LazyLock, Once, OnceLock, Pool, SingleFlight};

/// What all who ask share.
struct Shared {
    once: Once,
    value: OnceLock<usize>,
    lazy: LazyLock<usize>,
    flights: SingleFlight<u8, usize>,
    pool: Pool<Vec<u8>>,
    begin: Barrier,
    done: AtomicUsize,
    made: AtomicUsize,
    flying: [AtomicUsize; KEYS],
}

const KEYS: usize = 3;

pub fn play(round: &mut Round) {
    let dice = &mut round.dice;
    let count = 2 + dice.below(6);
    let shared = Arc::new(Shared {
        once: Once::new(),
        value: OnceLock::new(),
        lazy: LazyLock::new(|| {
            sudog::time::sleep(std::time::Duration::from_micros(100));
            7
        }),
        flights: SingleFlight::new(),
        pool: Pool::new(Vec::new),
        begin: Barrier::new(count),
        done: AtomicUsize::new(0),
        made: AtomicUsize::new(0),
        flying: Default::default(),
    });
    let hands: Vec<_> = (0..count)
        .map(|_| {
            let (shared, mut own) = (Arc::clone(&shared), dice.split());
            Hand::start(dice, move || {
                shared.begin.wait();
                (0..4).for_each(|_| ask(&shared, &mut own));
            })
        })
        .collect();
    hands.into_iter().for_each(Hand::finish);
    // Whose first call has panicked in all hands has not been done at all.
    assert_eq!(
        shared.done.load(Relaxed),
        usize::from(shared.once.is_completed())
    );
    assert_eq!(
        shared.made.load(Relaxed),
        usize::from(shared.value.get().is_some())
    );
}

fn ask(shared: &Shared, dice: &mut Dice) {
    match dice.below(5) {
        0 => {
            let call = || {
                shared.once.call_once(|| {
                    dawdle(dice);
                    perhaps_panic(dice);
                    shared.done.fetch_add(1, Relaxed);
                });
            };
            let called = catch_unwind(AssertUnwindSafe(call));
            if faults::caught(called).is_some() {
                assert_eq!(shared.done.load(Relaxed), 1, "done once");
            }
        }
        1 => {
            let call = || {
                *shared.value.get_or_init(|| {
                    dawdle(dice);
                    perhaps_panic(dice);
                    shared.made.fetch_add(1, Relaxed) + 1
                })
            };
            let called = catch_unwind(AssertUnwindSafe(call));
            assert!(faults::caught(called).is_none_or(|value| value == 1));
        }
        2 => assert_eq!(*shared.lazy, 7),
        3 => fly(shared, dice),
        _ => {
            let mut buffer = shared.pool.get();
            buffer.clear();
            buffer.extend([7; 64]);
            dawdle(dice);
            assert!(buffer.iter().all(|byte| *byte == 7) && buffer.len() == 64);
        }
    }
}

fn fly(shared: &Shared, dice: &mut Dice) {
    let key = dice.below(KEYS);
    let flying = &shared.flying[key];
    let call = || {
        shared.flights.run(key as u8, || {
            assert_eq!(flying.fetch_add(1, Relaxed), 0, "two at a time for one key");
            dawdle(dice);
            flying.fetch_sub(1, Relaxed);
            perhaps_panic(dice);
            key
        })
    };
    let called = catch_unwind(AssertUnwindSafe(call));
    assert!(faults::caught(called).is_none_or(|(value, _)| value == key));
}

fn perhaps_panic(dice: &mut Dice) {
    if dice.one_in(4) {
        faults::panic();
    }
}
