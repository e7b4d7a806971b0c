//! One channel: senders, receivers, deadlines, a close and the drop of ends, against each other.
//!
//! All of it is real, down to the sleep on a note; those who wait are threads. Values are parcels,
//! so the checker sees whether a receiver knows of what the sender did before. A wait that is never
//! ended is a deadlock to the checker.

use crate::chan::broken;
use crate::chan::door::{Ends, Parcel, Point, channel, dropped_channel};
use crate::check;
use loom::thread;
use std::time::{Duration, Instant};

/// A deadline that no look at the clock finds passed; a sleep until then ends at the first chance.
fn soon() -> Instant {
    Instant::now() + Duration::from_secs(10_000)
}

/// Opens what is left in the channel.
fn drain(ends: &Ends<Parcel>) -> Vec<u32> {
    ends.rx.try_iter().map(Parcel::open).collect()
}

fn a_send_and_a_receive(capacity: usize, recv: fn(&'static Ends<Parcel>) -> Option<u32>) {
    let ends = channel(capacity);
    let sender = thread::spawn(|| assert!(ends.tx.send(Parcel::new(1)).is_ok()));
    assert_eq!(recv(ends), Some(1));
    sender.join().unwrap();
    assert!(drain(ends).is_empty());
}

fn recv(ends: &'static Ends<Parcel>) -> Option<u32> {
    ends.rx.recv().ok().map(Parcel::open)
}

#[test]
fn a_send_meets_a_receive() {
    check(None, || a_send_and_a_receive(0, recv));
    check(None, || a_send_and_a_receive(1, recv));
}

#[test]
#[should_panic(expected = "deadlock")]
fn a_receive_that_looks_and_then_queues_may_wait_for_ever() {
    check(None, || {
        a_send_and_a_receive(0, |ends| {
            broken::recv_in_two_steps(&ends.rx).map(Parcel::open)
        });
    });
}

fn two_sends_and_two_receives(capacity: usize) {
    let ends = channel(capacity);
    let senders: Vec<_> = (1..=2)
        .map(|n| thread::spawn(move || assert!(ends.tx.send(Parcel::new(n)).is_ok())))
        .collect();
    let first = recv(ends).expect("open");
    assert_eq!(recv(ends), Some(3 - first));
    senders.into_iter().for_each(|s| s.join().unwrap());
    assert!(drain(ends).is_empty());
}

#[test]
fn two_senders_are_both_served() {
    check(Some(3), || two_sends_and_two_receives(0));
    check(Some(3), || two_sends_and_two_receives(1));
}

#[test]
fn values_of_one_sender_come_in_order() {
    for capacity in 0..3 {
        check(Some(3), move || {
            let ends = channel(capacity);
            let sender = thread::spawn(move || {
                (1..=3).for_each(|n| assert!(ends.tx.send(Parcel::new(n)).is_ok()));
            });
            (1..=3).for_each(|n| assert_eq!(recv(ends), Some(n)));
            sender.join().unwrap();
        });
    }
}

#[test]
fn one_of_two_receivers_gets_the_value() {
    for capacity in 0..2 {
        check(Some(3), move || {
            let ends = channel(capacity);
            let receivers: Vec<_> = (0..2).map(|_| thread::spawn(|| recv(ends))).collect();
            assert!(ends.tx.send(Parcel::new(1)).is_ok());
            ends.tx.close();
            let got = receivers.into_iter().map(|r| r.join().unwrap());
            assert_eq!(got.flatten().collect::<Vec<_>>(), [1]);
        });
    }
}

/// A close against a send: the value is either sent and there, or it comes back.
fn a_send_and_a_close(capacity: usize, send: fn(&Ends<Parcel>, Parcel) -> Result<(), Parcel>) {
    let ends = channel(capacity);
    let sender = thread::spawn(move || send(ends, Parcel::new(1)).err().map(Parcel::open));
    close(ends);
    let left = match sender.join().unwrap() {
        Some(number) => {
            assert_eq!(number, 1);
            vec![]
        }
        None => vec![1],
    };
    assert_eq!(drain(ends), left);
    assert!(ends.rx.try_recv().is_err_and(|e| e.is_disconnected()));
}

fn send(ends: &Ends<Parcel>, parcel: Parcel) -> Result<(), Parcel> {
    ends.tx.send(parcel).map_err(|unsent| unsent.into_inner())
}

fn close(ends: &Ends<Parcel>) {
    assert!(ends.tx.close());
}

#[test]
fn a_close_ends_a_blocked_send() {
    check(None, || a_send_and_a_close(0, send));
    check(None, || a_send_and_a_close(1, send));
}

#[test]
#[should_panic(expected = "deadlock")]
fn a_send_that_asks_for_a_close_before_the_lock_may_wait_for_ever() {
    check(None, || {
        a_send_and_a_close(0, |ends, parcel| {
            broken::send_that_asks_too_early(&ends.tx, parcel)
        });
    });
}

#[test]
fn a_close_ends_blocked_receives() {
    check(Some(3), || {
        let ends = channel::<Parcel>(0);
        let receivers: Vec<_> = (0..2).map(|_| thread::spawn(|| recv(ends))).collect();
        assert!(ends.rx.close());
        assert!(receivers.into_iter().all(|r| r.join().unwrap().is_none()));
    });
}

#[test]
fn a_value_sent_before_a_close_arrives() {
    for capacity in 0..2 {
        check(Some(3), move || {
            let ends = channel(capacity);
            let sender = thread::spawn(|| ends.tx.send(Parcel::new(1)).is_ok());
            let receiver = thread::spawn(|| recv(ends).is_some());
            close(ends);
            let (sent, received) = (sender.join().unwrap(), receiver.join().unwrap());
            // What was received before the close, or is still there.
            let left = drain(ends).len();
            assert_eq!(usize::from(sent), usize::from(received) + left);
            assert!(left == 0 || capacity > 0);
        });
    }
}

#[test]
fn the_last_sender_closes() {
    for capacity in 0..2 {
        check(Some(3), move || {
            let (tx, rx) = dropped_channel(capacity);
            let other = tx.clone();
            let first = thread::spawn(move || drop(tx));
            let second = thread::spawn(move || {
                assert!(other.send(Parcel::new(1)).is_ok());
            });
            assert_eq!(rx.recv().map(Parcel::open), Ok(1));
            assert!(rx.recv().is_err());
            first.join().unwrap();
            second.join().unwrap();
        });
    }
}

#[test]
#[should_panic(expected = "deadlock")]
fn two_last_senders_that_count_in_two_steps_do_not_close() {
    check(None, || {
        let ends = channel::<Parcel>(0);
        let other = thread::spawn(|| broken::drop_in_two_steps(&ends.tx));
        // There are two: the other's and ours.
        broken::count_one_more(&ends.tx);
        let receiver = thread::spawn(|| recv(ends));
        broken::drop_in_two_steps(&ends.tx);
        other.join().unwrap();
        assert_eq!(receiver.join().unwrap(), None);
    });
}

#[test]
fn the_last_receiver_ends_a_blocked_send() {
    for capacity in 0..2 {
        check(Some(3), move || {
            let (tx, rx) = dropped_channel(capacity);
            let other = rx.clone();
            let receivers = [rx, other].map(|rx| thread::spawn(move || drop(rx)));
            for n in 1..=2 {
                if let Err(unsent) = tx.send(Parcel::new(n)) {
                    assert_eq!(unsent.into_inner().open(), n);
                }
            }
            receivers.into_iter().for_each(|r| r.join().unwrap());
            assert!(tx.is_closed() && tx.is_empty());
        });
    }
}

type RecvSoon = fn(&'static Ends<Parcel>) -> Option<Parcel>;

/// A receive that gives up, against a send: the value comes now or is there later, once.
fn a_send_and_a_receive_with_a_deadline(capacity: usize, recv_soon: RecvSoon) {
    let ends = channel(capacity);
    let sender = thread::spawn(|| assert!(ends.tx.send(Parcel::new(1)).is_ok()));
    let got = match recv_soon(ends) {
        Some(parcel) => Some(parcel.open()),
        None => recv(ends),
    };
    assert_eq!(got, Some(1));
    sender.join().unwrap();
    assert!(drain(ends).is_empty());
}

#[test]
fn a_receive_with_a_deadline_takes_the_value_or_leaves_it() {
    for capacity in 0..2 {
        check(None, move || {
            a_send_and_a_receive_with_a_deadline(capacity, |ends| {
                ends.rx.recv_deadline(soon()).ok()
            });
        });
    }
}

#[test]
#[should_panic(expected = "left: None")]
fn a_receive_that_gives_up_without_a_claim_loses_the_value() {
    check(None, || {
        a_send_and_a_receive_with_a_deadline(0, |ends| broken::recv_soon_without_claim(&ends.rx));
    });
}

#[test]
fn a_send_with_a_deadline_is_received_or_comes_back() {
    for capacity in 0..2 {
        check(None, move || {
            let ends = channel(capacity);
            let receiver = thread::spawn(|| recv(ends));
            // With a buffer the first goes there, and the second may have to wait.
            let mut sent = 0;
            for n in 1..=1 + capacity as u32 {
                match ends.tx.send_deadline(Parcel::new(n), soon()) {
                    Ok(()) => sent += n,
                    Err(unsent) => assert_eq!(unsent.into_inner().open(), n),
                }
            }
            close(ends);
            let received = receiver.join().unwrap().unwrap_or(0);
            assert_eq!(received + drain(ends).into_iter().sum::<u32>(), sent);
        });
    }
}

#[test]
fn a_send_and_a_receive_that_both_give_up_agree() {
    for capacity in 0..2 {
        check(None, move || {
            let ends = channel(capacity);
            let sender = thread::spawn(|| ends.tx.send_deadline(Parcel::new(1), soon()).is_ok());
            let received = ends.rx.recv_deadline(soon()).map(Parcel::open).is_ok();
            let sent = sender.join().unwrap();
            assert_eq!(usize::from(sent), usize::from(received) + drain(ends).len());
        });
    }
}

#[test]
fn a_deadline_and_a_close_end_a_receive_once() {
    check(None, || {
        let ends = channel::<Parcel>(0);
        let closer = thread::spawn(|| close(ends));
        let Err(error) = ends.rx.recv_deadline(soon()).map(Parcel::open) else {
            panic!("nobody sends")
        };
        closer.join().unwrap();
        // A wake that was left over would end this wait before its time; and it says why it ended.
        assert!(error.is_timeout() || error.is_disconnected());
        assert_eq!(recv(ends), None);
    });
}

#[test]
fn what_is_known_to_be_sent_is_seen_without_the_lock() {
    check(None, || {
        let (ends, known) = (channel(1), Point::new());
        let sender = thread::spawn(|| {
            assert!(ends.tx.try_send(Parcel::new(1)).is_ok());
            known.reach();
        });
        let is_known = known.is_reached();
        let early = ends.rx.try_recv().ok();
        assert!(early.is_some() || !is_known);
        sender.join().unwrap();
        let parcel = early.or_else(|| ends.rx.try_recv().ok());
        assert_eq!(parcel.map(Parcel::open), Some(1));
        assert!(ends.tx.try_send(Parcel::new(2)).is_ok());
    });
}
