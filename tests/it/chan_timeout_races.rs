//! Time-outs by the million: what they leave behind, and values that race with them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use sudog::chan::{Receiver, RecvTimeoutError, SendError, SendTimeoutError, Sender, bounded};
use sudog::{spawn, yield_now};

use crate::support::{Rng, alone_here, goroutine, in_time, rounds, stress, stress_threads, thread};
use crate::traffic::{Hand, Kind, assert_all_arrived, channel};

const CAPS: [Option<usize>; 4] = [Some(0), Some(1), Some(16), None];

/// What this process has in memory, in bytes.
#[cfg(target_os = "linux")]
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

/// Does `work` many times, and fails if it leaves anything behind.
#[cfg(target_os = "linux")]
fn assert_flat(mut work: impl FnMut()) {
    (0..4).for_each(|_| work());
    let before = resident();
    (0..16).for_each(|_| work());
    let grown = resident().saturating_sub(before);
    assert!(grown < 6 << 20, "{} KiB more", grown >> 10);
}

#[test]
#[cfg(target_os = "linux")]
fn a_million_time_outs_leave_nothing_behind() {
    alone_here(|| {
        // Long enough that goroutines and threads do wait, short enough for so many of them.
        let each = rounds(6);
        goroutine(move || {
            let (full_tx, _full_rx) = bounded(0);
            let (_empty_tx, empty_rx) = bounded::<usize>(0);
            assert_flat(|| {
                let hands: Vec<_> = (0..1024)
                    .map(|n| {
                        let (tx, rx) = (full_tx.clone(), empty_rx.clone());
                        spawn(move || {
                            let limit = Duration::from_micros(200);
                            for _ in 0..each {
                                assert!(tx.send_timeout(n, limit).is_err());
                                assert!(rx.recv_timeout(limit).is_err());
                            }
                        })
                    })
                    .collect();
                hands.into_iter().for_each(|hand| hand.join().unwrap());
            });
        });
        thread(|| {
            let (tx, _rx) = bounded(0);
            assert_flat(|| {
                for _ in 0..100 {
                    assert!(
                        tx.send_timeout([0u64; 512], Duration::from_micros(5))
                            .is_err()
                    );
                }
            });
        });
    });
}

#[test]
#[cfg(target_os = "linux")]
fn deadlines_that_were_not_needed_leave_nothing_behind() {
    alone_here(|| {
        let each = rounds(10_000);
        goroutine(move || {
            let (tx, rx) = bounded(0);
            let (back_tx, back_rx) = bounded(0);
            let hour = Duration::from_secs(3600);
            let echo = spawn(move || {
                while let Ok(n) = rx.recv_timeout(hour) {
                    back_tx.send_timeout(n, hour).unwrap();
                }
            });
            assert_flat(|| {
                for n in 0..each {
                    tx.send_timeout(n, hour).unwrap();
                    assert_eq!(back_rx.recv_timeout(hour), Ok(n));
                }
            });
            drop(tx);
            echo.join().unwrap();
        });
    });
}

/// Keeps the others waiting now and then, about as long as they are willing to.
fn dawdle(rng: &mut Rng) {
    if rng.one_in(16) {
        let end = Instant::now() + Duration::from_micros(rng.next() % 80);
        while Instant::now() < end {
            yield_now();
        }
    }
}

/// Sends all values, each as often as it takes; how often in vain.
fn insist(tx: &Sender<(usize, usize)>, producer: usize, each: usize, rng: &mut Rng) -> usize {
    let mut late = 0;
    for n in 0..each {
        let mut value = (producer, n);
        loop {
            dawdle(rng);
            let limit = Duration::from_micros(rng.next() % 60);
            let sent = match rng.below(8) {
                0 => tx
                    .send(value)
                    .map_err(|SendError(v)| SendTimeoutError::Disconnected(v)),
                1..4 => tx.send_deadline(value, Instant::now() + limit),
                _ => tx.send_timeout(value, limit),
            };
            match sent {
                Ok(()) => break,
                Err(SendTimeoutError::Timeout(back)) => value = back,
                Err(SendTimeoutError::Disconnected(_)) => panic!("closed"),
            }
            assert_eq!(value, (producer, n), "another's value came back");
            late += 1;
        }
    }
    late
}

/// Receives until the channel is closed and empty; also how often in vain.
fn drain(rx: &Receiver<(usize, usize)>, rng: &mut Rng) -> (Vec<(usize, usize)>, usize) {
    let (mut all, mut late) = (Vec::new(), 0);
    loop {
        dawdle(rng);
        let limit = Duration::from_micros(rng.next() % 60);
        let received = match rng.below(8) {
            0 => rx.recv().map_err(|_| RecvTimeoutError::Disconnected),
            1..4 => rx.recv_deadline(Instant::now() + limit),
            _ => rx.recv_timeout(limit),
        };
        match received {
            Ok(value) => all.push(value),
            Err(RecvTimeoutError::Timeout) => late += 1,
            Err(RecvTimeoutError::Disconnected) => return (all, late),
        }
    }
}

/// Values race with deadlines on both sides.
fn race(rng: &mut Rng, any: fn(&mut Rng) -> Kind, each: usize) -> usize {
    let (tx, rx) = channel(CAPS[rng.below(CAPS.len())]);
    let late = Arc::new(AtomicUsize::new(0));
    let producers: Vec<_> = (0..1 + rng.below(5))
        .map(|producer| {
            let (tx, late, mut rng) = (tx.clone(), late.clone(), rng.split());
            any(&mut rng.clone()).spawn(move || {
                late.fetch_add(insist(&tx, producer, each, &mut rng), SeqCst);
            })
        })
        .collect();
    let consumers: Vec<_> = (0..1 + rng.below(5))
        .map(|_| {
            let (rx, late, mut rng) = (rx.clone(), late.clone(), rng.split());
            any(&mut rng.clone()).spawn(move || {
                let (all, waited) = drain(&rx, &mut rng);
                late.fetch_add(waited, SeqCst);
                all
            })
        })
        .collect();
    drop((tx, rx));
    let count = producers.len();
    producers.into_iter().for_each(Hand::join);
    assert_all_arrived(count, each, consumers.into_iter().map(Hand::join));
    late.load(SeqCst)
}

#[test]
fn values_that_race_with_deadlines_are_neither_lost_nor_doubled() {
    stress(|mut rng| {
        let late: usize = in_time(rounds(20))
            .map(|_| race(&mut rng, |_| Kind::Goroutine, 200))
            .sum();
        assert!(late > 0, "no deadline passed");
    });
}

#[test]
fn values_that_race_with_deadlines_among_threads_are_neither_lost_nor_doubled() {
    stress_threads(|mut rng| {
        let late: usize = in_time(rounds(5))
            .map(|_| race(&mut rng, |_| Kind::Thread, 100))
            .sum();
        assert!(late > 0, "no deadline passed");
    });
}

#[test]
fn values_that_race_with_deadlines_among_both_are_neither_lost_nor_doubled() {
    stress(|mut rng| {
        let late: usize = in_time(rounds(10))
            .map(|_| race(&mut rng, Kind::any, 100))
            .sum();
        assert!(late > 0, "no deadline passed");
    });
}

#[test]
fn a_close_that_races_with_deadlines_releases_everyone_once() {
    stress(|mut rng| {
        for _ in in_time(rounds(200)) {
            let (tx, rx) = bounded::<usize>(rng.below(2));
            let limit = Duration::from_micros(rng.next() % 100);
            let hands: Vec<_> = (0..8)
                .map(|n| {
                    let (tx, rx) = (tx.clone(), rx.clone());
                    Kind::any(&mut rng).spawn(move || match n % 2 {
                        0 => (tx.send_timeout(n, limit).is_ok(), false),
                        _ => (false, rx.recv_timeout(limit).is_ok()),
                    })
                })
                .collect();
            let wait = Instant::now() + Duration::from_micros(rng.next() % 100);
            while Instant::now() < wait {
                yield_now();
            }
            tx.close();
            let ended: Vec<_> = hands.into_iter().map(Hand::join).collect();
            let sent = ended.iter().filter(|(sent, _)| *sent).count();
            let received = ended.iter().filter(|(_, received)| *received).count();
            assert_eq!(sent, received + rx.try_iter().count());
        }
    });
}
