//! Closing: by `close`, by dropping the last sender, by dropping the last receiver.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc;

use sudog::chan::{RecvError, SendError, TryRecvError, TrySendError, bounded, never, unbounded};
use sudog::spawn;

use crate::support::{alone_on, goroutine, mostly, rounds, settle, stress, wait_until};
use crate::traffic::{Hand, Kind, channel};

const CAPS: [Option<usize>; 5] = [Some(0), Some(1), Some(3), Some(64), None];

#[test]
fn the_first_close_says_true_from_either_end() {
    for cap in CAPS {
        let (tx, rx) = channel::<i32>(cap);
        assert!(tx.close());
        assert!(!tx.close() && !rx.close() && !tx.clone().close());

        let (tx, rx) = channel::<i32>(cap);
        assert!(rx.close());
        assert!(!rx.close() && !tx.close() && !rx.clone().close());
    }
}

#[test]
fn one_of_many_closers_wins() {
    goroutine(|| {
        for _ in 0..rounds(100) {
            let (tx, rx) = bounded::<i32>(0);
            let closers: Vec<_> = (0..8)
                .map(|n| {
                    let (tx, rx) = (tx.clone(), rx.clone());
                    spawn(move || if n % 2 == 0 { tx.close() } else { rx.close() })
                })
                .collect();
            let wins = closers
                .into_iter()
                .filter_map(|c| c.join().ok())
                .filter(|won| *won);
            assert_eq!(wins.count(), 1);
        }
    });
}

#[test]
fn a_send_after_close_hands_its_value_back() {
    for cap in CAPS {
        let (tx, rx) = channel(cap);
        rx.close();
        assert_eq!(tx.send(String::from("a")), Err(SendError("a".into())));
        assert_eq!(
            tx.try_send(String::from("b")),
            Err(TrySendError::Disconnected("b".into()))
        );
        assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
    }
}

#[test]
fn a_full_channel_once_closed_says_disconnected_rather_than_full() {
    let (tx, rx) = bounded(1);
    tx.send(1).unwrap();
    tx.close();
    assert_eq!(tx.try_send(2), Err(TrySendError::Disconnected(2)));
    assert_eq!(rx.recv(), Ok(1));
}

#[test]
fn close_keeps_what_is_in_the_buffer() {
    for cap in [Some(3), Some(64), None] {
        let (tx, rx) = channel(cap);
        (0..3).for_each(|n| tx.send(n).unwrap());
        assert!(tx.close());
        assert_eq!((rx.len(), rx.is_empty(), rx.capacity()), (3, false, cap));
        assert_eq!(rx.recv(), Ok(0));
        assert_eq!(rx.try_recv(), Ok(1));
        drop(tx);
        assert_eq!(rx.recv(), Ok(2));
        assert_eq!(rx.recv(), Err(RecvError));
        assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
        assert!(rx.is_empty());
    }
}

#[test]
fn the_last_senders_drop_keeps_what_is_in_the_buffer() {
    for cap in [Some(3), Some(64), None] {
        let (tx, rx) = channel(cap);
        let tx2 = tx.clone();
        tx.send(0).unwrap();
        tx2.send(1).unwrap();
        drop(tx);
        assert!(!rx.is_closed());
        tx2.send(2).unwrap();
        drop(tx2);
        assert!(rx.is_closed());
        assert!(rx.iter().eq(0..3));
        assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
    }
}

#[test]
fn is_closed_says_that_no_send_can_succeed() {
    for cap in CAPS {
        let (tx, rx) = channel::<i32>(cap);
        assert!(!tx.is_closed() && !rx.is_closed());
        tx.close();
        assert!(tx.is_closed() && rx.is_closed());

        let (tx, rx) = channel::<i32>(cap);
        let rx2 = rx.clone();
        drop(rx);
        assert!(!tx.is_closed());
        drop(rx2);
        assert!(tx.is_closed());
        assert_eq!(tx.send(1), Err(SendError(1)));
        assert_eq!(tx.try_send(1), Err(TrySendError::Disconnected(1)));
    }
}

#[test]
fn a_channel_that_lost_an_end_cannot_be_closed_again() {
    for cap in CAPS {
        let (tx, rx) = channel::<i32>(cap);
        drop(rx);
        assert!(!tx.close());

        let (tx, rx) = channel::<i32>(cap);
        drop(tx);
        assert!(!rx.close());
    }
    assert!(!never::<i32>().close());
}

#[test]
fn close_wakes_every_receiver() {
    goroutine(|| {
        for cap in CAPS {
            let (tx, rx) = channel::<i32>(cap);
            let receivers: Vec<_> = (0..20)
                .map(|n| {
                    let rx = rx.clone();
                    let kind = if n % 5 == 0 {
                        Kind::Thread
                    } else {
                        Kind::Goroutine
                    };
                    kind.spawn(move || rx.recv())
                })
                .collect();
            settle();
            assert!(tx.close());
            for receiver in receivers {
                assert_eq!(receiver.join(), Err(RecvError), "capacity {cap:?}");
            }
        }
    });
}

#[test]
fn close_hands_every_waiting_sender_its_value() {
    goroutine(|| {
        for cap in [0, 1, 3] {
            let (tx, rx) = bounded(cap);
            (0..cap).for_each(|n| tx.send(n).unwrap());
            let senders: Vec<Hand<_>> = (100..120)
                .map(|n| {
                    let tx = tx.clone();
                    let kind = if n % 5 == 0 {
                        Kind::Thread
                    } else {
                        Kind::Goroutine
                    };
                    kind.spawn(move || tx.send(n))
                })
                .collect();
            settle();
            assert!(rx.close());
            for (n, sender) in (100..).zip(senders) {
                assert_eq!(sender.join(), Err(SendError(n)), "capacity {cap}");
            }
            assert!(rx.iter().eq(0..cap), "capacity {cap}");
        }
    });
}

#[test]
fn the_last_senders_drop_wakes_every_receiver() {
    goroutine(|| {
        for cap in CAPS {
            let (tx, rx) = channel::<i32>(cap);
            let receivers: Vec<_> = (0..10)
                .map(|_| {
                    let rx = rx.clone();
                    spawn(move || rx.recv())
                })
                .collect();
            settle();
            drop(tx);
            for receiver in receivers {
                assert_eq!(receiver.join().unwrap(), Err(RecvError), "capacity {cap:?}");
            }
        }
    });
}

#[test]
fn the_last_receivers_drop_hands_every_waiting_sender_its_value() {
    goroutine(|| {
        for cap in [0, 1, 3] {
            let (tx, rx) = bounded(cap);
            (0..cap).for_each(|n| tx.send(n).unwrap());
            let senders: Vec<_> = (100..110)
                .map(|n| {
                    let tx = tx.clone();
                    spawn(move || tx.send(n))
                })
                .collect();
            settle();
            drop(rx.clone());
            settle();
            assert!(senders.iter().all(|s| !s.is_finished()));
            drop(rx);
            for (n, sender) in (100..).zip(senders) {
                assert_eq!(sender.join().unwrap(), Err(SendError(n)), "capacity {cap}");
            }
            assert_eq!(tx.len(), 0);
        }
    });
}

#[test]
fn the_last_receivers_drop_releases_senders_before_it_discards_the_buffer() {
    struct Waits(Arc<AtomicBool>);
    impl Drop for Waits {
        fn drop(&mut self) {
            wait_until(|| self.0.load(SeqCst));
        }
    }
    goroutine(|| {
        let released = Arc::new(AtomicBool::new(false));
        let (tx, rx) = bounded(1);
        tx.send(Some(Waits(released.clone()))).unwrap();
        let sender = spawn(move || {
            assert!(tx.send(None).is_err());
            released.store(true, SeqCst);
        });
        settle();
        drop(rx);
        sender.join().unwrap();
    });
}

#[test]
fn iterating_ends_at_close() {
    goroutine(|| {
        for cap in [Some(0), Some(2), None] {
            let (tx, rx) = channel(cap);
            let rx2 = rx.clone();
            let counting = spawn(move || rx2.iter().count());
            (0..10).for_each(|n| tx.send(n).unwrap());
            tx.close();
            assert_eq!(counting.join().unwrap(), 10);
            assert_eq!(rx.iter().next(), None);
            assert_eq!(rx.into_iter().next(), None);
        }
    });
}

#[test]
#[cfg_attr(
    sudog_chaos,
    ignore = "the chaos build runs goroutines in an order of its own"
)]
fn the_first_to_wait_runs_first_after_a_close() {
    alone_on(1, || {
        goroutine(|| {
            mostly(|| {
                let (tx, rx) = bounded::<()>(0);
                let (log_tx, log) = unbounded();
                for n in 0..5 {
                    let (rx, log) = (rx.clone(), log_tx.clone());
                    spawn(move || {
                        assert_eq!(rx.recv(), Err(RecvError));
                        log.send(n).unwrap();
                    });
                    settle();
                }
                tx.close();
                let order: Vec<_> = log.iter().take(5).collect();
                order[0] == 0
            });
        });
    });
}

#[test]
fn a_send_that_meets_a_close_either_arrives_or_comes_back() {
    stress(|mut rng| {
        for _ in 0..100 {
            let (tx, rx) = channel(CAPS[rng.below(CAPS.len())]);
            let senders: Vec<_> = (0..4)
                .map(|_| {
                    let tx = tx.clone();
                    spawn(move || {
                        (0..)
                            .take_while(|n| tx.send(*n) != Err(SendError(*n)))
                            .count()
                    })
                })
                .collect();
            let receivers: Vec<_> = (0..2)
                .map(|_| {
                    let rx = rx.clone();
                    spawn(move || rx.iter().count())
                })
                .collect();
            for _ in 0..rng.below(3) {
                sudog::yield_now();
            }
            assert!(if rng.one_in(2) {
                tx.close()
            } else {
                rx.close()
            });
            let sent: usize = senders.into_iter().map(|s| s.join().unwrap()).sum();
            let received: usize = receivers.into_iter().map(|r| r.join().unwrap()).sum();
            assert_eq!(sent, received + rx.try_iter().count());
        }
    });
}

#[test]
fn once_closed_is_seen_no_send_succeeds() {
    stress(|mut rng| {
        for _ in 0..100 {
            let (tx, rx) = bounded(1);
            let seen = Arc::new(AtomicUsize::new(0));
            let (tx2, seen2) = (tx.clone(), seen.clone());
            let watcher = spawn(move || {
                wait_until(|| tx2.is_closed());
                seen2.store(1, SeqCst);
            });
            let sender = spawn(move || {
                loop {
                    let before = seen.load(SeqCst);
                    let result = tx.try_send(1);
                    assert!(before == 0 || result.is_err());
                    if before == 1 {
                        return;
                    }
                    sudog::yield_now();
                }
            });
            for _ in 0..rng.below(5) {
                let _ = rx.try_recv();
                sudog::yield_now();
            }
            if rng.one_in(2) {
                rx.close();
            } else {
                drop(rx);
            }
            watcher.join().unwrap();
            sender.join().unwrap();
        }
    });
}

#[test]
fn close_never_waits() {
    // A thread that must not be held up closes a channel on which everyone else is stuck.
    goroutine(|| {
        let (tx, rx) = bounded(0);
        let stuck: Vec<_> = (0..100)
            .map(|n| {
                let tx = tx.clone();
                spawn(move || tx.send(n).is_err())
            })
            .collect();
        settle();
        let (report, closed) = mpsc::channel();
        std::thread::spawn(move || report.send(rx.close()));
        assert_eq!(sudog::blocking(|| closed.recv()), Ok(true));
        assert!(stuck.into_iter().all(|s| s.join().unwrap()));
    });
}
