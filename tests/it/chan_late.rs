//! Futures that meet a send whose value is made only once it was chosen, as in a `select!`.

use std::sync::Arc;
use std::task::Poll;

use sudog::__private::select as hidden;
use sudog::chan::{Sender, TryRecvError, bounded, unbounded};
use sudog::{block_on, spawn};

use crate::support::{goroutine, rounds, settle, wait_until};
use crate::traffic::{Hand, Kind};
use crate::worlds::{Bell, poll, poll_deaf};

const KINDS: [Kind; 2] = [Kind::Goroutine, Kind::Thread];

/// Offers a value, and when the offer was taken asks `decide` for it, or withdraws it and offers anew.
fn offer<T: Send>(tx: &Sender<T>, mut decide: impl FnMut() -> Option<T>) -> bool {
    loop {
        let mut arm = hidden::late(Some(tx));
        hidden::wait::<false>(&mut [arm.case()]);
        // SAFETY: the only case was chosen, and is finished once.
        let taken = unsafe { arm.finish() };
        if let Some(value) = decide() {
            return taken.send(value).is_ok();
        }
    }
}

/// An offer in some world, decided by what is sent through the channel.
fn offering(kind: Kind, tx: Sender<u32>) -> (Sender<Option<u32>>, Hand<bool>) {
    let (decide, decision) = unbounded();
    let offering = kind.spawn(move || offer(&tx, || decision.recv().unwrap()));
    settle();
    (decide, offering)
}

#[test]
fn a_future_that_takes_an_offer_gets_the_value_when_it_was_made() {
    goroutine(|| {
        for (kind, waits_first) in KINDS.into_iter().flat_map(|k| [(k, false), (k, true)]) {
            let (tx, rx) = bounded(0);
            let (bell, waker) = Bell::new();
            let mut receiving = Box::pin(rx.recv_async());
            if waits_first {
                assert!(poll(&mut receiving, &waker).is_pending());
            }
            let (decide, offering) = offering(kind, tx);
            assert!(poll(&mut receiving, &waker).is_pending());
            assert!(poll(&mut receiving, &waker).is_pending());
            settle();
            decide.send(Some(1)).unwrap();
            // Woken for the value; and before that for the offer, if it came after us.
            let mut rings = 0;
            let received = loop {
                wait_until(|| bell.rings() > rings);
                rings = bell.rings();
                if let Poll::Ready(received) = poll(&mut receiving, &waker) {
                    break received;
                }
            };
            assert_eq!(received, Ok(1));
            assert!(offering.join());
        }
    });
}

#[test]
fn a_future_waits_on_when_an_offer_is_withdrawn() {
    goroutine(|| {
        for kind in KINDS {
            let (tx, rx) = bounded(0);
            let (decide, offering) = offering(kind, tx);
            let received = spawn(move || block_on(rx.recv_async()));
            for _ in 0..10 {
                decide.send(None).unwrap();
                settle();
            }
            assert!(!received.is_finished());
            decide.send(Some(2)).unwrap();
            assert_eq!(received.join().unwrap(), Ok(2));
            assert!(offering.join());
        }
    });
}

#[test]
fn an_offer_that_a_dropped_future_has_taken_goes_to_the_next() {
    goroutine(|| {
        for kind in KINDS {
            let (tx, rx) = bounded(0);
            let (decide, offering) = offering(kind, tx);
            let mut receiving = Box::pin(rx.recv_async());
            assert!(poll_deaf(&mut receiving).is_pending());
            settle();
            drop(receiving);
            decide.send(Some(3)).unwrap();
            assert_eq!(rx.recv(), Ok(3));
            assert!(offering.join());
        }
    });
}

#[test]
fn a_value_made_for_a_future_is_not_lost_with_it() {
    goroutine(|| {
        for kind in KINDS {
            let (tx, rx) = bounded(0);
            let (decide, offering) = offering(kind, tx);
            let (bell, waker) = Bell::new();
            let mut receiving = Box::pin(rx.recv_async());
            assert!(poll(&mut receiving, &waker).is_pending());
            decide.send(Some(4)).unwrap();
            wait_until(|| bell.rings() > 0);
            drop(receiving);
            wait_until(|| match rx.try_recv() {
                Ok(value) => value == 4,
                Err(TryRecvError::Empty) => false,
                Err(TryRecvError::Disconnected) => panic!("the value was lost"),
            });
            assert!(offering.join());
        }
    });
}

#[test]
fn a_value_made_for_a_future_that_is_never_polled_again_reaches_others() {
    goroutine(|| {
        for kind in KINDS {
            let (tx, rx) = bounded(0);
            let (decide, offering) = offering(kind, tx);
            let (bell, waker) = Bell::new();
            let mut idle = Box::pin(rx.recv_async());
            assert!(poll(&mut idle, &waker).is_pending());
            decide.send(Some(5)).unwrap();
            wait_until(|| bell.rings() > 0);
            wait_until(|| match rx.try_recv() {
                Ok(value) => value == 5,
                Err(TryRecvError::Empty) => false,
                Err(TryRecvError::Disconnected) => panic!("the value was kept from us"),
            });
            assert!(offering.join());
        }
    });
}

#[test]
fn offers_and_futures_that_come_and_go_leak_nothing() {
    goroutine(|| {
        let alive = Arc::new(());
        for n in 0..rounds(200) {
            let (tx, rx) = bounded(0);
            let mut turn = 0;
            let value = alive.clone();
            let offering = KINDS[n % 2].spawn(move || {
                offer(&tx, || {
                    turn += 1;
                    (turn > n % 4).then(|| value.clone())
                })
            });
            for _ in 0..n % 5 {
                let mut receiving = Box::pin(rx.recv_async());
                for _ in 0..n % 3 {
                    if poll_deaf(&mut receiving).is_ready() {
                        break;
                    }
                    sudog::yield_now();
                }
            }
            drop(rx);
            offering.join();
            assert_eq!(Arc::strong_count(&alive), 1);
        }
    });
}
