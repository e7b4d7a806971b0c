//! Sends and receives that do not wait for ever, from goroutines and from plain threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::{Duration, Instant};

use sudog::chan::{
    Receiver, RecvTimeoutError, SendTimeoutError, Sender, TryRecvError, TrySendError, bounded,
    never,
};
use sudog::{blocking, spawn, yield_now};

use crate::support::{LIMIT, alone_on, goroutine, mostly, quiet_panic, settle, stress, thread};
use crate::traffic::{Hand, Kind, channel};

const CAPS: [Option<usize>; 4] = [Some(0), Some(1), Some(16), None];
const KINDS: [Kind; 2] = [Kind::Goroutine, Kind::Thread];
const SHORT: Duration = Duration::from_millis(1);

/// Runs `body` in a goroutine, and then on a plain thread.
#[track_caller]
fn in_both(body: fn()) {
    goroutine(body);
    thread(body);
}

/// A deadline that has passed.
fn past() -> Instant {
    let now = Instant::now();
    now.checked_sub(Duration::from_secs(1)).unwrap_or(now)
}

#[test]
fn a_wait_that_times_out_is_never_too_short() {
    in_both(|| {
        let (tx, rx) = bounded(0);
        for micros in [1, 50, 999, 1_000, 3_456, 20_000] {
            let limit = Duration::from_micros(micros);
            let mut start = Instant::now();
            assert_eq!(rx.recv_timeout(limit), Err(RecvTimeoutError::Timeout));
            assert!(start.elapsed() >= limit, "{:?}", start.elapsed());

            start = Instant::now();
            let end = start + limit;
            assert_eq!(rx.recv_deadline(end), Err(RecvTimeoutError::Timeout));
            assert!(Instant::now() >= end);

            start = Instant::now();
            assert!(tx.send_timeout(7, limit).is_err_and(|e| e.is_timeout()));
            assert!(start.elapsed() >= limit, "{:?}", start.elapsed());

            let end = Instant::now() + limit;
            assert!(tx.send_deadline(7, end).is_err_and(|e| e.is_timeout()));
            assert!(Instant::now() >= end);
        }
    });
}

#[test]
fn many_waits_at_once_end_each_at_its_own_time() {
    stress(|mut rng| {
        let (_tx, rx) = bounded::<u8>(0);
        let hands: Vec<_> = (0..200)
            .map(|n| {
                let kind = KINDS[usize::from(n % 20 == 0)];
                let (rx, limit) = (rx.clone(), Duration::from_micros(rng.next() % 30_000));
                kind.spawn(move || {
                    let start = Instant::now();
                    assert_eq!(rx.recv_timeout(limit), Err(RecvTimeoutError::Timeout));
                    let waited = start.elapsed();
                    assert!(waited >= limit, "{waited:?} of {limit:?}");
                    assert!(waited < limit + LIMIT / 4, "{waited:?} of {limit:?}");
                })
            })
            .collect();
        hands.into_iter().for_each(Hand::join);
    });
}

#[test]
fn a_send_that_timed_out_hands_its_value_back() {
    in_both(|| {
        for cap in [0, 1, 2] {
            let (tx, rx) = bounded(cap);
            (0..cap).for_each(|n| tx.send(n.to_string()).unwrap());
            let mine = String::from("mine");
            let place = mine.as_ptr();
            match tx.send_timeout(mine, SHORT) {
                Err(SendTimeoutError::Timeout(back)) => assert_eq!(back.as_ptr(), place),
                other => panic!("{other:?} with capacity {cap}"),
            }
            let late = tx.send_deadline(String::from("late"), past());
            assert_eq!(late, Err(SendTimeoutError::Timeout("late".into())));
            assert_eq!(rx.try_iter().count(), cap);
        }
    });
}

#[test]
fn what_can_be_done_at_once_is_done_though_the_deadline_has_passed() {
    in_both(|| {
        let (tx, rx) = bounded(1);
        assert_eq!(tx.send_deadline(1, past()), Ok(()));
        assert_eq!(rx.recv_deadline(past()), Ok(1));
        assert_eq!(tx.send_timeout(2, Duration::ZERO), Ok(()));
        assert_eq!(rx.recv_timeout(Duration::ZERO), Ok(2));
    });
    goroutine(|| {
        for kind in KINDS {
            mostly(|| {
                let (tx, rx) = bounded(0);
                let receiver = kind.spawn(move || rx.recv_timeout(LIMIT));
                settle();
                settle();
                let sent = tx.send_deadline(1, past()).is_ok();
                drop(tx);
                receiver.join().is_ok() == sent && sent
            });
            mostly(|| {
                let (tx, rx) = bounded(0);
                let sender = kind.spawn(move || tx.send_timeout(1, LIMIT));
                settle();
                settle();
                let received = rx.recv_deadline(past()).is_ok();
                drop(rx);
                sender.join().is_ok() == received && received
            });
        }
    });
}

#[test]
fn a_passed_deadline_is_not_waited_for() {
    in_both(|| {
        let (tx, rx) = bounded(0);
        for _ in 0..1_000 {
            assert_eq!(rx.recv_deadline(past()), Err(RecvTimeoutError::Timeout));
            assert_eq!(
                rx.recv_timeout(Duration::ZERO),
                Err(RecvTimeoutError::Timeout)
            );
            assert!(tx.send_deadline((), past()).unwrap_err().is_timeout());
            assert!(
                tx.send_timeout((), Duration::ZERO)
                    .unwrap_err()
                    .is_timeout()
            );
        }
    });
}

#[test]
fn durations_too_long_to_be_told_have_no_end() {
    let long = [
        Duration::MAX,
        Duration::from_secs(u64::MAX / 2),
        Duration::from_secs(u64::from(u32::MAX)),
        Duration::from_secs(i64::MAX as u64 / 1_000_000_000),
        Duration::from_nanos(u64::MAX),
    ];
    goroutine(move || {
        for limit in long {
            for kind in KINDS {
                let (tx, rx) = bounded(0);
                let receiver = kind.spawn(move || rx.recv_timeout(limit));
                settle();
                tx.send_timeout(9, limit).unwrap();
                assert_eq!(receiver.join(), Ok(9), "{limit:?}");

                let (tx, rx) = bounded(0);
                let sender = kind.spawn(move || tx.send_timeout(8, limit));
                settle();
                assert_eq!(rx.recv_timeout(limit), Ok(8), "{limit:?}");
                assert_eq!(sender.join(), Ok(()), "{limit:?}");
            }
        }
    });
}

#[test]
fn a_value_that_comes_in_time_ends_the_wait() {
    goroutine(|| {
        for cap in CAPS {
            for kind in KINDS {
                let (tx, rx) = channel(cap);
                let receiver = kind.spawn(move || rx.recv_timeout(LIMIT));
                settle();
                tx.send(5).unwrap();
                assert_eq!(receiver.join(), Ok(5), "capacity {cap:?}");
            }
        }
        for cap in [0, 1] {
            for kind in KINDS {
                let (tx, rx) = bounded(cap);
                (0..cap).for_each(|n| tx.send(n).unwrap());
                let sender = kind.spawn(move || tx.send_timeout(cap, LIMIT));
                settle();
                assert!(rx.iter().take(cap + 1).eq(0..=cap));
                assert_eq!(sender.join(), Ok(()), "capacity {cap}");
            }
        }
    });
}

#[test]
fn a_closed_channel_is_disconnected_rather_than_late() {
    in_both(|| {
        let (tx, rx) = bounded(2);
        tx.send(1).unwrap();
        tx.close();
        let gone = Err(SendTimeoutError::Disconnected(2));
        assert_eq!(tx.send_timeout(2, LIMIT), gone);
        assert_eq!(tx.send_deadline(2, past()), gone);
        assert_eq!(tx.send_timeout(2, Duration::MAX), gone);
        assert_eq!(rx.recv_deadline(past()), Ok(1));
        assert_eq!(
            rx.recv_deadline(past()),
            Err(RecvTimeoutError::Disconnected)
        );
        assert_eq!(rx.recv_timeout(LIMIT), Err(RecvTimeoutError::Disconnected));
        assert_eq!(
            rx.recv_timeout(Duration::MAX),
            Err(RecvTimeoutError::Disconnected)
        );
    });
}

#[test]
fn close_and_the_drop_of_the_other_end_release_those_who_wait() {
    goroutine(|| {
        for (kind, by_drop) in [(0, false), (0, true), (1, false), (1, true)] {
            let kind = KINDS[kind];
            let (tx, rx) = bounded::<u8>(0);
            let waiting = kind.spawn(move || rx.recv_timeout(LIMIT));
            settle();
            if by_drop {
                drop(tx);
            } else {
                assert!(tx.close());
            }
            assert_eq!(waiting.join(), Err(RecvTimeoutError::Disconnected));

            let (tx, rx) = bounded(1);
            tx.send(1).unwrap();
            let waiting = kind.spawn(move || tx.send_timeout(2, LIMIT));
            settle();
            if by_drop {
                drop(rx);
            } else {
                assert!(rx.close());
                assert_eq!(rx.recv(), Ok(1));
            }
            assert_eq!(waiting.join(), Err(SendTimeoutError::Disconnected(2)));
        }
    });
}

#[test]
fn nothing_ever_comes_from_never() {
    in_both(|| {
        let rx = never::<u8>();
        assert_eq!(rx.recv_timeout(SHORT), Err(RecvTimeoutError::Timeout));
        assert_eq!(rx.recv_deadline(past()), Err(RecvTimeoutError::Timeout));
    });
}

#[test]
fn a_receiver_that_timed_out_takes_no_value() {
    in_both(|| {
        for cap in [Some(0), Some(1), None] {
            let (tx, rx) = channel(cap);
            for _ in 0..20 {
                let limit = Duration::from_micros(100);
                assert_eq!(rx.recv_timeout(limit), Err(RecvTimeoutError::Timeout));
            }
            if cap == Some(0) {
                assert_eq!(tx.try_send(1), Err(TrySendError::Full(1)));
            }
            let sender = spawn(move || (0..3).for_each(|n| tx.send(n).unwrap()));
            assert!(rx.iter().eq(0..3), "capacity {cap:?}");
            sender.join().unwrap();
        }
    });
}

#[test]
fn a_sender_that_timed_out_leaves_no_value() {
    in_both(|| {
        let (tx, rx) = bounded(0);
        for n in 0..20 {
            let limit = Duration::from_micros(100);
            assert!(tx.send_timeout(n, limit).is_err_and(|e| e.is_timeout()));
        }
        assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
        let receiver = spawn(move || rx.recv());
        tx.send(99).unwrap();
        assert_eq!(receiver.join().unwrap(), Ok(99));
    });
}

#[test]
fn those_with_a_deadline_wait_in_line_with_the_others() {
    goroutine(|| {
        mostly(|| {
            let (tx, rx) = bounded(0);
            let receivers: Vec<_> = (0..6)
                .map(|n| {
                    let rx = rx.clone();
                    let receiver = KINDS[n / 2 % 2].spawn(move || match n % 2 {
                        0 => rx.recv_timeout(LIMIT).unwrap(),
                        _ => rx.recv().unwrap(),
                    });
                    settle();
                    settle();
                    receiver
                })
                .collect();
            (0..6).for_each(|n| tx.send(n).unwrap());
            receivers.into_iter().map(Hand::join).eq(0..6)
        });
        mostly(|| {
            let (tx, rx) = bounded(0);
            let senders: Vec<_> = (0..6)
                .map(|n| {
                    let tx = tx.clone();
                    let sender = KINDS[n / 2 % 2].spawn(move || match n % 2 {
                        0 => tx.send_timeout(n, LIMIT).is_ok(),
                        _ => tx.send(n).is_ok(),
                    });
                    settle();
                    settle();
                    sender
                })
                .collect();
            let values: Vec<_> = rx.iter().take(6).collect();
            assert!(senders.into_iter().all(Hand::join));
            values == [0, 1, 2, 3, 4, 5]
        });
    });
}

#[test]
fn who_gives_up_leaves_the_order_of_the_others_as_it_was() {
    goroutine(|| {
        mostly(|| {
            let (tx, rx) = bounded(0);
            let receivers: Vec<_> = (0..6)
                .map(|n| {
                    let rx = rx.clone();
                    let receiver = KINDS[n / 2 % 2].spawn(move || match n % 2 {
                        0 => rx.recv_timeout(SHORT).ok(),
                        _ => rx.recv_timeout(LIMIT).ok(),
                    });
                    settle();
                    settle();
                    receiver
                })
                .collect();
            blocking(|| std::thread::sleep(2 * SHORT));
            (0..3).for_each(|n| tx.send(n).unwrap());
            drop(tx);
            let got: Vec<_> = receivers.into_iter().map(Hand::join).collect();
            got == [None, Some(0), None, Some(1), None, Some(2)]
        });
    });
}

#[test]
fn a_wait_with_a_deadline_leaves_the_p_to_others() {
    alone_on(1, || {
        goroutine(|| {
            let (tx, rx) = bounded::<u8>(0);
            let waits = Arc::new(AtomicBool::new(false));
            let waiting = {
                let waits = waits.clone();
                spawn(move || {
                    waits.store(true, SeqCst);
                    rx.recv_timeout(LIMIT / 2)
                })
            };
            // If the wait kept the only P, these would come after it.
            while !waits.load(SeqCst) {
                yield_now();
            }
            (0..10).for_each(|_| yield_now());
            drop(tx);
            let ended = waiting.join().unwrap();
            assert_eq!(ended, Err(RecvTimeoutError::Disconnected));
        });
    });
}

#[test]
fn a_deadline_passes_also_while_every_p_is_at_work() {
    alone_on(1, || {
        goroutine(|| {
            let (_tx, rx) = bounded::<u8>(0);
            let waiting = spawn(move || rx.recv_timeout(SHORT));
            while !waiting.is_finished() {
                yield_now();
                let busy = Instant::now() + SHORT / 4;
                while Instant::now() < busy {
                    std::hint::spin_loop();
                }
            }
            assert_eq!(waiting.join().unwrap(), Err(RecvTimeoutError::Timeout));
        });
    });
}

#[test]
fn it_works_inside_blocking_and_while_unwinding() {
    struct Last(Receiver<u8>, Sender<u8>);
    impl Drop for Last {
        fn drop(&mut self) {
            assert_eq!(self.0.recv_timeout(SHORT), Err(RecvTimeoutError::Timeout));
            assert!(self.1.send_timeout(1, SHORT).is_err());
            let tx = self.1.clone();
            let sender = spawn(move || tx.send_timeout(2, LIMIT));
            assert_eq!(self.0.recv_timeout(LIMIT), Ok(2));
            sender.join().unwrap().unwrap();
        }
    }
    in_both(|| {
        let (tx, rx) = bounded(0);
        blocking(|| {
            assert_eq!(rx.recv_timeout(SHORT), Err(RecvTimeoutError::Timeout));
            drop(Last(rx.clone(), tx.clone()));
        });
        let unwinding = spawn(move || {
            let _last = Last(rx, tx);
            quiet_panic("unwind")
        });
        assert_eq!(
            *unwinding
                .join()
                .unwrap_err()
                .downcast_ref::<&str>()
                .unwrap(),
            "unwind"
        );
    });
}
