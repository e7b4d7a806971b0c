//! What keeps a thread: loops, sleep of the system, files, std's locks held over a wait, marked and not.
//!
//! Beside each there is somebody who wants to run, and is to be done however long the others take.

use std::fs;
use std::hint::spin_loop;
use std::io::{Read, Seek, Write};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::Round;
use crate::dice::Dice;
use crate::hands::Hand;
use crate::ledger::Account;
use sudog::{blocking, chan, spawn};

pub fn play(round: &mut Round) {
    let dice = &mut round.dice;
    let is_over = Arc::new(AtomicBool::new(false));
    let hogs: Vec<_> = (0..1 + dice.below(3))
        .map(|_| {
            let (mut own, is_over) = (dice.split(), Arc::clone(&is_over));
            let kind = dice.below(6);
            Hand::start(dice, move || match kind {
                0 => spin(own.micros(25_000), &is_over),
                // Until the others are done, however many processors there are.
                1 => spin(Duration::from_secs(3_600), &is_over),
                2 => thread::sleep(own.micros(15_000)),
                3 => blocking(|| thread::sleep(own.micros(15_000))),
                4 => files(&mut own),
                _ => blocking(|| files(&mut own)),
            })
        })
        .collect();
    pass_values(&round.values, dice);
    if cfg!(target_os = "linux") && dice.one_in(3) {
        take_turns(dice);
    }
    is_over.store(true, Relaxed);
    hogs.into_iter().for_each(Hand::finish);
}

fn spin(time: Duration, is_over: &AtomicBool) {
    let begin = Instant::now();
    while begin.elapsed() < time && !is_over.load(Relaxed) {
        (0..1_000).for_each(|_| spin_loop());
    }
}

/// Writes a file and reads it again.
fn files(dice: &mut Dice) {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let number = NUMBER.fetch_add(1, Relaxed);
    let name = format!("sudog-soak-{}-{number}", std::process::id());
    let path = std::env::temp_dir().join(name);
    let bytes: Vec<_> = (0..dice.below(64 << 10)).map(|at| at as u8).collect();
    let mut options = fs::OpenOptions::new();
    let options = options.read(true).write(true).create_new(true);
    let mut file = options.open(&path).expect("a file");
    fs::remove_file(&path).expect("it is ours");
    file.write_all(&bytes).expect("it takes them");
    file.rewind().expect("it is a file");
    let mut again = Vec::new();
    file.read_to_end(&mut again).expect("it has them");
    assert!(again == bytes, "a file is not as it was written");
}

/// Values from one goroutine to another, which both must run for.
fn pass_values(values: &Arc<Account>, dice: &mut Dice) {
    let (tx, rx) = chan::bounded(0);
    let (values, count) = (Arc::clone(values), dice.below(100));
    let sender = spawn(move || {
        for _ in 0..count {
            tx.send(values.make(0)).expect("they are received");
        }
    });
    let receiver = spawn(move || rx.iter().map(|token| token.arrive()).count());
    sender.join().expect("it does not panic");
    assert_eq!(receiver.join().expect("it does not panic"), count);
}

/// A lock of std's, held while its goroutine waits. Against the contract, but it must not end in a deadlock
/// where its guard may be dropped on another thread.
fn take_turns(dice: &mut Dice) {
    let count = Arc::new(Mutex::new(0));
    let hands: Vec<_> = (0..2)
        .map(|_| {
            let (count, mut own) = (Arc::clone(&count), dice.split());
            spawn(move || {
                for _ in 0..3 {
                    let mut count = count.lock().unwrap_or_else(PoisonError::into_inner);
                    sudog::time::sleep(own.micros(200));
                    *count += 1;
                }
            })
        })
        .collect();
    for hand in hands {
        hand.join().expect("it does not panic");
    }
    let count = count.lock().unwrap_or_else(PoisonError::into_inner);
    assert_eq!(*count, 6, "counted under a lock of std's");
}
