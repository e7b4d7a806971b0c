//! Channels between plain OS threads, and between threads and goroutines.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use sudog::chan::{Receiver, RecvError, SendError, Sender, bounded, unbounded};

use crate::support::{
    LIMIT, alone, goroutine, mostly, rounds, settle, stress, stress_threads, wait_until,
};
use crate::traffic::{Hand, Kind, channel, exchange};

const CAPS: [Option<usize>; 4] = [Some(0), Some(1), Some(16), None];

/// Answers every number with the next one.
fn answer(rx: Receiver<usize>, tx: Sender<usize>) {
    for n in rx {
        tx.send(n + 1).unwrap();
    }
}

fn ping_pong(kinds: [Kind; 2], cap: usize, count: usize) {
    let (ping_tx, ping_rx) = bounded(cap);
    let (pong_tx, pong_rx) = bounded(cap);
    let answering = kinds[0].spawn(move || answer(ping_rx, pong_tx));
    let asking = kinds[1].spawn(move || {
        for n in 0..count {
            ping_tx.send(n).unwrap();
            assert_eq!(pong_rx.recv(), Ok(n + 1));
        }
    });
    asking.join();
    answering.join();
}

#[test]
fn two_threads_play_ping_pong() {
    crate::support::thread(|| {
        ping_pong([Kind::Thread; 2], 0, 500);
        ping_pong([Kind::Thread; 2], 1, 500);
    });
}

#[test]
fn a_thread_and_a_goroutine_play_ping_pong() {
    goroutine(|| {
        for cap in [0, 1] {
            ping_pong([Kind::Thread, Kind::Goroutine], cap, rounds(500));
            ping_pong([Kind::Goroutine, Kind::Thread], cap, rounds(500));
        }
    });
}

#[test]
fn nothing_is_lost_or_doubled_among_threads() {
    stress_threads(|mut rng| {
        for _ in 0..10 {
            let cap = CAPS[rng.below(CAPS.len())];
            let producers = vec![Kind::Thread; 1 + rng.below(4)];
            let consumers = vec![Kind::Thread; 1 + rng.below(4)];
            exchange(cap, &producers, &consumers, 1 + rng.below(100));
        }
    });
}

#[test]
fn nothing_is_lost_or_doubled_among_threads_and_goroutines() {
    stress(|mut rng| {
        for _ in 0..rounds(20) {
            let cap = CAPS[rng.below(CAPS.len())];
            let mut hands =
                || -> Vec<Kind> { (0..1 + rng.below(6)).map(|_| Kind::any(&mut rng)).collect() };
            let (producers, consumers) = (hands(), hands());
            exchange(cap, &producers, &consumers, 1 + rng.below(100));
        }
    });
}

#[test]
fn nothing_is_lost_when_the_calling_thread_is_a_partner() {
    crate::support::thread(|| {
        for cap in CAPS {
            let (tx, rx) = channel(cap);
            let (back_tx, back_rx) = channel(cap);
            let echo = sudog::spawn(move || rx.iter().for_each(|n| back_tx.send(n).unwrap()));
            for n in 0..100 {
                tx.send(n).unwrap();
                assert_eq!(back_rx.recv(), Ok(n));
            }
            drop(tx);
            echo.join().unwrap();
            assert_eq!(back_rx.recv(), Err(RecvError));
        }
    });
}

#[test]
fn close_and_drop_release_threads_as_well_as_goroutines() {
    goroutine(|| {
        for kind in [Kind::Thread, Kind::Goroutine] {
            let (tx, rx) = bounded::<u8>(0);
            let waiting = kind.spawn({
                let rx = rx.clone();
                move || rx.recv()
            });
            settle();
            assert!(tx.close());
            assert_eq!(waiting.join(), Err(RecvError));

            let (tx, rx) = bounded(1);
            tx.send(1).unwrap();
            let waiting = kind.spawn(move || tx.send(2));
            settle();
            drop(rx);
            assert_eq!(waiting.join(), Err(SendError(2)));

            let (tx, rx) = bounded::<u8>(0);
            let waiting = kind.spawn(move || rx.recv());
            settle();
            drop(tx);
            assert_eq!(waiting.join(), Err(RecvError));
        }
    });
}

#[test]
fn threads_and_goroutines_wait_in_one_line() {
    goroutine(|| {
        mostly(|| {
            let (tx, rx) = bounded(0);
            let receivers: Vec<Hand<_>> = [Kind::Thread, Kind::Goroutine]
                .into_iter()
                .cycle()
                .take(6)
                .map(|kind| {
                    let rx = rx.clone();
                    let receiver = kind.spawn(move || rx.recv().unwrap());
                    settle();
                    settle();
                    receiver
                })
                .collect();
            (0..6).for_each(|n| tx.send(n).unwrap());
            receivers.into_iter().map(Hand::join).eq(0..6)
        });
    });
}

#[test]
fn waiting_does_not_swallow_the_threads_park_token() {
    crate::support::thread(|| {
        let (tx, rx) = bounded(0);
        let waiting = thread::spawn(move || {
            thread::current().unpark();
            assert_eq!(rx.recv(), Ok(1));
            let start = Instant::now();
            thread::park_timeout(LIMIT);
            assert!(start.elapsed() < LIMIT / 2, "the token was gone");
        });
        settle();
        tx.send(1).unwrap();
        waiting.join().unwrap();
    });
}

#[test]
fn unpark_does_not_end_a_wait() {
    crate::support::thread(|| {
        let (tx, rx) = bounded(0);
        let received = Arc::new(AtomicBool::new(false));
        let flag = received.clone();
        let waiting = thread::spawn(move || {
            let value = rx.recv();
            flag.store(true, SeqCst);
            value
        });
        for _ in 0..50 {
            waiting.thread().unpark();
            thread::sleep(Duration::from_micros(50));
        }
        assert!(!received.load(SeqCst));
        tx.send(3).unwrap();
        assert_eq!(waiting.join().unwrap(), Ok(3));
    });
}

#[test]
fn channels_and_spawns_work_while_their_thread_ends() {
    struct Last(Sender<u8>, Receiver<u8>);
    impl Drop for Last {
        fn drop(&mut self) {
            assert!(sudog::current().is_none());
            assert_eq!(self.1.recv(), Ok(1));
            assert_eq!(sudog::spawn(|| 2).join().unwrap(), 2);
            self.0.send(2).unwrap();
        }
    }
    thread_local! {
        static LAST: RefCell<Option<Last>> = const { RefCell::new(None) };
    }
    goroutine(|| {
        for cap in [0, 1] {
            let (to_tx, to_rx) = bounded(cap);
            let (from_tx, from_rx) = bounded(cap);
            let ending = thread::spawn(move || {
                LAST.with(|last| *last.borrow_mut() = Some(Last(from_tx, to_rx)));
                // The channel's own thread-locals, if any, are made after ours and go before.
                let (tx, rx) = bounded(0);
                let partner = thread::spawn(move || tx.send(()));
                rx.recv().unwrap();
                partner.join().unwrap().unwrap();
            });
            to_tx.send(1).unwrap();
            assert_eq!(from_rx.recv(), Ok(2));
            sudog::blocking(|| ending.join()).unwrap();
        }
    });
}

#[test]
fn many_threads_wait_on_one_channel() {
    crate::support::thread(|| {
        let (tx, rx) = bounded(0);
        let arrived = Arc::new(AtomicUsize::new(0));
        let threads: Vec<_> = (0..50)
            .map(|_| {
                let (rx, arrived) = (rx.clone(), arrived.clone());
                thread::spawn(move || {
                    arrived.fetch_add(1, SeqCst);
                    rx.recv().unwrap()
                })
            })
            .collect();
        wait_until(|| arrived.load(SeqCst) == 50);
        let sender = sudog::spawn(move || (0..50).for_each(|n| tx.send(n).unwrap()));
        let mut got: Vec<i32> = threads.into_iter().map(|t| t.join().unwrap()).collect();
        got.sort();
        assert!(got.into_iter().eq(0..50));
        sender.join().unwrap();
    });
}

#[test]
#[cfg(target_os = "linux")]
fn channels_among_threads_start_no_other_thread() {
    fn threads() -> usize {
        std::fs::read_dir("/proc/self/task").unwrap().count()
    }
    alone(&[], || {
        let before = threads();
        let (tx, rx) = bounded(0);
        let (back_tx, back_rx) = unbounded();
        let partner = thread::spawn(move || rx.iter().for_each(|n| back_tx.send(n).unwrap()));
        for n in 0..100 {
            tx.send(n).unwrap();
            assert_eq!(back_rx.recv(), Ok(n));
        }
        drop(tx);
        partner.join().unwrap();
        let limit = Instant::now() + LIMIT / 2;
        while threads() > before {
            assert!(
                Instant::now() < limit,
                "{} threads, {before} before",
                threads()
            );
            thread::yield_now();
        }
    });
}
