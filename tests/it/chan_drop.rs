//! What becomes of values: each is dropped exactly once, and never in the way of others.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use sudog::chan::{Receiver, SendError, Sender, TryRecvError, TrySendError, bounded};
use sudog::{spawn, yield_now};

use crate::support::{goroutine, quiet_panic, rounds, settle, stress};
use crate::traffic::channel;

/// Counts values made and values dropped.
#[derive(Clone, Default)]
struct Tally(Arc<(AtomicUsize, AtomicUsize)>);

impl Tally {
    fn make(&self) -> Counted {
        self.0.0.fetch_add(1, SeqCst);
        Counted {
            tally: self.clone(),
            dropped: false,
        }
    }

    fn made(&self) -> usize {
        self.0.0.load(SeqCst)
    }

    fn dropped(&self) -> usize {
        self.0.1.load(SeqCst)
    }

    #[track_caller]
    fn assert_even(&self) {
        assert_eq!(
            self.dropped(),
            self.made(),
            "dropped (left) of those made (right)"
        );
    }
}

struct Counted {
    tally: Tally,
    dropped: bool,
}

impl Drop for Counted {
    fn drop(&mut self) {
        assert!(!self.dropped, "dropped twice");
        self.dropped = true;
        self.tally.0.1.fetch_add(1, SeqCst);
    }
}

const CAPS: [Option<usize>; 4] = [Some(0), Some(1), Some(8), None];

#[test]
fn a_received_value_is_the_receivers_to_drop() {
    goroutine(|| {
        for cap in CAPS {
            let tally = Tally::default();
            let (tx, rx) = channel(cap);
            let made = tally.clone();
            let sender = spawn(move || (0..50).for_each(|_| tx.send(made.make()).unwrap()));
            for n in 0..50 {
                let value = rx.recv();
                assert_eq!(tally.dropped(), n, "capacity {cap:?}");
                drop(value);
            }
            sender.join().unwrap();
            drop(rx);
            tally.assert_even();
        }
    });
}

#[test]
fn what_is_left_in_the_buffer_goes_with_the_last_receiver() {
    for cap in [Some(8), None] {
        let tally = Tally::default();
        let (tx, rx) = channel(cap);
        (0..8).for_each(|_| tx.send(tally.make()).unwrap_or_else(|_| panic!("open")));
        let rx2 = rx.clone();
        drop(rx);
        assert_eq!(tally.dropped(), 0);
        drop(rx2);
        assert_eq!(tally.dropped(), 8, "the sender is still there");
        assert!(tx.send(tally.make()).is_err());
        tally.assert_even();
    }
}

#[test]
fn what_is_left_in_the_buffer_outlives_the_senders() {
    for cap in [Some(8), None] {
        let tally = Tally::default();
        let (tx, rx) = channel(cap);
        (0..8).for_each(|_| tx.send(tally.make()).unwrap_or_else(|_| panic!("open")));
        drop(tx);
        assert_eq!(tally.dropped(), 0);
        drop(rx.recv());
        assert_eq!(tally.dropped(), 1);
        drop(rx);
        tally.assert_even();
    }
}

#[test]
fn close_drops_nothing() {
    let tally = Tally::default();
    let (tx, rx) = bounded(4);
    (0..4).for_each(|_| tx.send(tally.make()).unwrap_or_else(|_| panic!("open")));
    tx.close();
    assert_eq!(tally.dropped(), 0);
    assert_eq!(rx.try_iter().count(), 4);
    tally.assert_even();
}

#[test]
fn a_value_handed_back_is_the_senders_to_drop() {
    goroutine(|| {
        let tally = Tally::default();
        let (tx, rx) = bounded(1);
        tx.send(tally.make()).unwrap();
        let full = tx.try_send(tally.make());
        assert_eq!(tally.dropped(), 0);
        assert!(full.as_ref().is_err_and(TrySendError::is_full));
        drop(full);
        assert_eq!(tally.dropped(), 1);

        let (tx2, made) = (tx.clone(), tally.clone());
        let waiting = spawn(move || tx2.send(made.make()));
        settle();
        tx.close();
        let SendError(value) = waiting.join().unwrap().unwrap_err();
        assert_eq!(tally.dropped(), 1);
        drop(value);
        assert_eq!(tally.dropped(), 2);
        drop(rx);
        tally.assert_even();
    });
}

#[test]
fn a_channel_that_holds_its_own_sender_is_freed_with_its_receiver() {
    struct Knot {
        _sender: Sender<Knot>,
        _counted: Counted,
    }
    let tally = Tally::default();
    let (tx, rx) = bounded(2);
    for _ in 0..2 {
        let value = Knot {
            _sender: tx.clone(),
            _counted: tally.make(),
        };
        assert!(tx.send(value).is_ok());
    }
    drop(tx);
    assert_eq!(tally.dropped(), 0);
    drop(rx);
    tally.assert_even();
}

/// Uses the channel that it sat in while being dropped.
struct Meddler {
    tx: Sender<Option<Meddler>>,
    rx: Option<Receiver<Option<Meddler>>>,
    seen: Tally,
    _counted: Counted,
}

impl Drop for Meddler {
    fn drop(&mut self) {
        let _ = self.tx.try_send(None);
        let _ = (
            self.tx.len(),
            self.tx.is_full(),
            self.tx.is_closed(),
            self.tx.clone(),
        );
        match &self.rx {
            Some(rx) => drop(rx.try_recv()),
            None => drop(self.tx.send(None)),
        }
        self.tx.close();
        drop(self.seen.make());
    }
}

#[test]
fn a_drop_may_use_the_channel_it_came_from() {
    goroutine(|| {
        for cap in [Some(3), None] {
            let tally = Tally::default();
            let (tx, rx) = channel(cap);
            for _ in 0..3 {
                let seen = tally.clone();
                let value = Meddler {
                    tx: tx.clone(),
                    rx: None,
                    seen,
                    _counted: tally.make(),
                };
                assert!(tx.send(Some(value)).is_ok());
            }
            drop(rx);
            tally.assert_even();
            assert_eq!(tally.made(), 6);
            assert!(tx.is_closed());
        }
    });
}

#[test]
fn a_drop_may_receive_from_the_channel_it_came_from() {
    goroutine(|| {
        let tally = Tally::default();
        let (tx, rx) = bounded(3);
        for _ in 0..3 {
            let (seen, rx) = (tally.clone(), Some(rx.clone()));
            let value = Meddler {
                tx: tx.clone(),
                rx,
                seen,
                _counted: tally.make(),
            };
            assert!(tx.send(Some(value)).is_ok());
        }
        // Dropping the first makes room, fills it, takes the second and drops that within itself.
        drop(rx.recv());
        while rx.try_recv().is_ok() {}
        tally.assert_even();
        assert_eq!(tally.made(), 6);
    });
}

/// Does something when dropped.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

#[test]
fn a_drop_may_block_on_another_channel() {
    goroutine(|| {
        let (other_tx, other_rx) = bounded(0);
        let (tx, rx) = bounded(4);
        for n in 0..4 {
            let other = other_tx.clone();
            let value = OnDrop(move || other.send(n).unwrap());
            assert!(tx.send(value).is_ok());
        }
        drop(other_tx);
        let dropping = spawn(move || drop(rx));
        assert!(other_rx.iter().eq(0..4));
        dropping.join().unwrap();
        assert!(tx.is_closed());
    });
}

#[test]
fn a_drop_that_panics_leaves_the_channel_in_order() {
    goroutine(|| {
        let tally = Tally::default();
        let (tx, rx) = bounded(3);
        for n in 0..3 {
            let counted = tally.make();
            let mut bomb = n == 0;
            let value = OnDrop(move || {
                let _whole = &counted;
                if std::mem::take(&mut bomb) {
                    quiet_panic("dropped");
                }
            });
            assert!(tx.send(value).is_ok());
        }
        let result = catch_unwind(AssertUnwindSafe(|| drop(rx)));
        assert_eq!(*result.unwrap_err().downcast::<&str>().unwrap(), "dropped");
        assert!(tx.is_closed());
        assert_eq!(tx.len(), 0);
        drop(tx);
        assert!(tally.dropped() <= tally.made());
    });
}

#[test]
fn a_drop_that_panics_while_senders_wait_still_releases_them() {
    goroutine(|| {
        let (tx, rx) = bounded(1);
        let first =
            OnDrop(Box::new(|| -> () { quiet_panic("dropped") }) as Box<dyn FnMut() + Send>);
        assert!(tx.send(first).is_ok());
        let senders: Vec<_> = (0..4)
            .map(|_| {
                let tx = tx.clone();
                spawn(move || tx.send(OnDrop(Box::new(|| ()))).is_err())
            })
            .collect();
        settle();
        assert!(catch_unwind(AssertUnwindSafe(|| drop(rx))).is_err());
        assert!(senders.into_iter().all(|s| s.join().unwrap()));
    });
}

/// Sends values through every kind of channel and checks them on arrival.
fn through<T: Send + 'static>(make: fn(u8) -> T, check: fn(u8, &T)) {
    for cap in CAPS {
        let (tx, rx) = channel(cap);
        let sender = spawn(move || {
            for n in 0..40 {
                tx.send(make(n)).unwrap_or_else(|_| panic!("open"));
            }
        });
        for (n, value) in (0..40).zip(&rx) {
            assert_eq!(&raw const value as usize % align_of::<T>(), 0);
            check(n, &value);
        }
        sender.join().unwrap();
        assert!(matches!(rx.try_recv(), Err(TryRecvError::Disconnected)));
    }
}

#[test]
fn large_values_arrive_whole() {
    goroutine(|| {
        through(
            |n| [n; 4096],
            |n, value| assert!(value.iter().all(|byte| *byte == n)),
        );
        through(|n| [n; 257], |n, value| assert_eq!(*value, [n; 257]));
    });
}

#[test]
fn over_aligned_values_arrive_whole_and_aligned() {
    #[repr(align(128))]
    struct Line(u8);
    #[repr(align(1024))]
    struct Wide([u8; 3]);
    goroutine(|| {
        through(Line, |n, value| assert_eq!(value.0, n));
        through(|n| Wide([n; 3]), |n, value| assert_eq!(value.0, [n; 3]));
    });
}

#[test]
fn values_without_size_are_dropped_as_often_as_made() {
    static DROPPED: AtomicUsize = AtomicUsize::new(0);
    struct Nothing;
    impl Drop for Nothing {
        fn drop(&mut self) {
            DROPPED.fetch_add(1, SeqCst);
        }
    }
    goroutine(|| {
        for cap in CAPS {
            DROPPED.store(0, SeqCst);
            let (tx, rx) = channel(cap);
            let sender = spawn(move || {
                (0..)
                    .take_while(|_| tx.send(Nothing).is_ok())
                    .take(100)
                    .count()
            });
            assert_eq!(rx.iter().take(60).count(), 60);
            drop(rx);
            let sent = sender.join().unwrap();
            let failed = usize::from(sent < 100);
            assert_eq!(DROPPED.load(SeqCst), sent + failed, "capacity {cap:?}");
        }
    });
}

#[test]
fn whatever_happens_each_value_is_dropped_once() {
    stress(|mut rng| {
        for _ in 0..rounds(100) {
            let tally = Tally::default();
            let (tx, rx) = channel(CAPS[rng.below(CAPS.len())]);
            let mut hands = Vec::new();
            for _ in 0..1 + rng.below(4) {
                let (tx, tally, mut rng) = (tx.clone(), tally.clone(), rng.split());
                hands.push(spawn(move || {
                    for _ in 0..rng.below(60) {
                        match rng.below(8) {
                            0 => yield_now(),
                            1..5 => drop(tx.send(tally.make())),
                            _ => drop(tx.try_send(tally.make())),
                        }
                    }
                }));
            }
            for _ in 0..1 + rng.below(4) {
                let (rx, mut rng) = (rx.clone(), rng.split());
                hands.push(spawn(move || {
                    for _ in 0..rng.below(60) {
                        match rng.below(32) {
                            0 => drop(rx.close()),
                            1..8 => yield_now(),
                            8..20 => drop(rx.recv()),
                            _ => drop(rx.try_recv()),
                        }
                    }
                }));
            }
            drop((tx, rx));
            hands.into_iter().for_each(|h| h.join().unwrap());
            tally.assert_even();
        }
    });
}
