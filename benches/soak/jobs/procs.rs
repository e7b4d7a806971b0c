//! The runtime itself: more processors and fewer while others run, its numbers, and dumps.

use std::io;
use std::time::Duration;

use super::{Round, dawdle};
use sudog::runtime;
use sudog::sync::WaitGroup;

pub fn play(round: &mut Round) {
    let dice = &mut round.dice;
    let group = WaitGroup::new();
    for _ in 0..dice.below(20) {
        let (token, mut own) = (round.values.make(0), dice.split());
        group.go(move || {
            (0..10).for_each(|_| dawdle(&mut own));
            token.arrive();
        });
    }
    for _ in 0..1 + dice.below(3) {
        match dice.below(6) {
            0 | 1 => {
                let procs = 1 + dice.below(12);
                assert!(runtime::set_max_procs(procs) >= 1);
            }
            2 => {
                let stats = runtime::stats();
                // Another round may change them meanwhile.
                assert!(stats.procs >= 1 && stats.threads >= 1);
                assert!(stats.spawned >= stats.goroutines as u64);
            }
            3 => {
                let mut text = Vec::new();
                runtime::dump(&mut text).expect("memory takes all");
                let text = String::from_utf8(text).expect("it is text");
                assert!(text.is_empty() || text.contains("goroutine "), "{text}");
            }
            4 => {
                // Whoever is written to may have enough.
                let mut few = [0; 100];
                let _ = runtime::dump(&mut io::Cursor::new(&mut few[..]));
            }
            _ => {
                assert!(runtime::num_goroutines() < 1_000_000);
                runtime::wait_idle(Duration::from_micros(100));
            }
        }
        sudog::time::sleep(dice.micros(500));
    }
    group.wait();
}
