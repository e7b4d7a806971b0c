//! Channels between goroutines.

use std::cell::Cell;
use std::fmt::Debug;
use std::iter::FusedIterator;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, LazyLock};

use sudog::chan::{
    IntoIter, Iter, Receiver, RecvError, Sender, TryIter, TryRecvError, TrySendError, bounded,
    never, unbounded,
};
use sudog::{spawn, yield_now};

use crate::support::{goroutine, mostly, rounds, settle, stress, wait_until};
use crate::traffic::{Kind, channel, exchange};

const CAPS: [Option<usize>; 6] = [Some(0), Some(1), Some(2), Some(7), Some(128), None];

#[test]
fn values_arrive_in_the_order_sent() {
    goroutine(|| {
        for cap in CAPS {
            let (tx, rx) = channel(cap);
            let sender = spawn(move || (0..500).for_each(|n| tx.send(n).unwrap()));
            for n in 0..500 {
                assert_eq!(rx.recv(), Ok(n), "capacity {cap:?}");
            }
            sender.join().unwrap();
            assert_eq!(rx.recv(), Err(RecvError), "capacity {cap:?}");
        }
    });
}

#[test]
fn recv_waits_for_a_value() {
    goroutine(|| {
        for cap in CAPS {
            let (tx, rx) = channel(cap);
            let received = Arc::new(AtomicBool::new(false));
            let flag = received.clone();
            let receiver = spawn(move || {
                let value = rx.recv();
                flag.store(true, SeqCst);
                value
            });
            settle();
            assert!(!received.load(SeqCst), "capacity {cap:?}");
            tx.send(7).unwrap();
            assert_eq!(receiver.join().unwrap(), Ok(7), "capacity {cap:?}");
        }
    });
}

#[test]
fn send_waits_for_room() {
    goroutine(|| {
        for cap in [1, 2, 7] {
            let (tx, rx) = bounded(cap);
            (0..cap).for_each(|n| tx.send(n).unwrap());
            let sent = Arc::new(AtomicBool::new(false));
            let flag = sent.clone();
            let sender = spawn(move || {
                tx.send(cap).unwrap();
                flag.store(true, SeqCst);
            });
            settle();
            assert!(!sent.load(SeqCst), "capacity {cap}");
            assert_eq!(rx.recv(), Ok(0));
            sender.join().unwrap();
            assert_eq!(rx.iter().collect::<Vec<_>>(), (1..=cap).collect::<Vec<_>>());
        }
    });
}

#[test]
fn a_rendezvous_send_returns_only_when_the_value_is_taken() {
    goroutine(|| {
        let (tx, rx) = bounded(0);
        let taken = Arc::new(AtomicBool::new(false));
        let flag = taken.clone();
        let sender = spawn(move || {
            tx.send(()).unwrap();
            assert!(flag.load(SeqCst));
        });
        settle();
        taken.store(true, SeqCst);
        assert_eq!(rx.recv(), Ok(()));
        sender.join().unwrap();
    });
}

#[test]
fn try_send_to_a_full_channel_hands_the_value_back() {
    goroutine(|| {
        let (tx, rx) = bounded(2);
        assert_eq!(tx.try_send(String::from("a")), Ok(()));
        assert_eq!(tx.try_send(String::from("b")), Ok(()));
        assert_eq!(
            tx.try_send(String::from("c")),
            Err(TrySendError::Full("c".into()))
        );
        assert_eq!(rx.try_recv(), Ok("a".into()));
        assert_eq!(tx.try_send(String::from("d")), Ok(()));
        assert_eq!(rx.try_iter().collect::<String>(), "bd");
    });
}

#[test]
fn try_recv_on_an_empty_channel_returns_at_once() {
    goroutine(|| {
        for cap in CAPS {
            let (tx, rx) = channel::<i32>(cap);
            assert_eq!(rx.try_recv(), Err(TryRecvError::Empty), "capacity {cap:?}");
            drop(tx);
            assert_eq!(
                rx.try_recv(),
                Err(TryRecvError::Disconnected),
                "capacity {cap:?}"
            );
        }
    });
}

#[test]
fn try_operations_on_a_rendezvous_need_a_waiting_partner() {
    goroutine(|| {
        let (tx, rx) = bounded(0);
        assert_eq!(tx.try_send(1), Err(TrySendError::Full(1)));
        assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));

        let rx2 = rx.clone();
        let receiver = spawn(move || rx2.recv());
        wait_until(|| tx.try_send(7).is_ok());
        assert_eq!(receiver.join().unwrap(), Ok(7));

        let sender = spawn(move || tx.send(8));
        wait_until(|| rx.try_recv() == Ok(8));
        assert_eq!(sender.join().unwrap(), Ok(()));
    });
}

#[test]
fn receiving_from_a_full_channel_lets_the_waiting_sender_in() {
    goroutine(|| {
        let (tx, rx) = bounded(2);
        tx.send(1).unwrap();
        tx.send(2).unwrap();
        let tx2 = tx.clone();
        let sender = spawn(move || tx2.send(3));
        settle();
        assert_eq!(rx.try_recv(), Ok(1));
        sender.join().unwrap().unwrap();
        assert_eq!(rx.len(), 2);
        assert_eq!(tx.try_send(4), Err(TrySendError::Full(4)));
        assert_eq!(rx.try_iter().collect::<Vec<_>>(), [2, 3]);
    });
}

#[test]
fn an_unbounded_send_never_waits() {
    goroutine(|| {
        let (tx, rx) = unbounded();
        (0..10_000).for_each(|n| tx.send(n).unwrap());
        assert_eq!(tx.len(), 10_000);
        drop(tx);
        assert!(rx.iter().eq(0..10_000));
    });
}

#[test]
fn observers_tell_what_is_in_the_buffer() {
    goroutine(|| {
        for cap in CAPS {
            let (tx, rx) = channel(cap);
            let room = cap.unwrap_or(300);
            for len in 0..=room {
                let full = cap == Some(len);
                assert_eq!([tx.len(), rx.len()], [len; 2], "capacity {cap:?}");
                assert_eq!(
                    [tx.is_empty(), rx.is_empty()],
                    [len == 0; 2],
                    "capacity {cap:?}"
                );
                assert_eq!([tx.is_full(), rx.is_full()], [full; 2], "capacity {cap:?}");
                assert_eq!([tx.capacity(), rx.capacity()], [cap; 2]);
                if len < room {
                    tx.send(len).unwrap();
                }
            }
        }
    });
}

#[test]
fn a_waiting_sender_is_not_counted_by_len() {
    goroutine(|| {
        for cap in [0, 1, 3] {
            let (tx, rx) = bounded(cap);
            (0..cap).for_each(|n| tx.send(n).unwrap());
            let tx2 = tx.clone();
            let sender = spawn(move || tx2.send(cap));
            settle();
            assert_eq!([tx.len(), rx.len()], [cap; 2]);
            assert_eq!([tx.is_empty(), rx.is_empty()], [cap == 0; 2]);
            assert!(tx.is_full() && rx.is_full());
            assert_eq!(rx.recv(), Ok(0));
            sender.join().unwrap().unwrap();
        }
    });
}

#[test]
fn len_stays_within_the_capacity_under_traffic() {
    goroutine(|| {
        let (tx, rx) = bounded(3);
        let done = Arc::new(AtomicBool::new(false));
        let (watched, stop) = (rx.clone(), done.clone());
        let watcher = spawn(move || {
            while !stop.load(SeqCst) {
                assert!(watched.len() <= 3);
                assert_eq!(watched.capacity(), Some(3));
                yield_now();
            }
        });
        let count = rounds(2_000);
        let sender = spawn(move || (0..count).for_each(|n| tx.send(n).unwrap()));
        assert!(rx.iter().eq(0..count));
        done.store(true, SeqCst);
        sender.join().unwrap();
        watcher.join().unwrap();
    });
}

#[test]
fn never_is_always_empty_and_cannot_be_closed() {
    goroutine(|| {
        let rx = never::<i32>();
        assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
        assert!(!rx.close());
        assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
        assert_eq!((rx.len(), rx.capacity()), (0, Some(0)));
        assert!(rx.is_empty() && rx.is_full());
        assert_eq!(rx.try_iter().count(), 0);
        assert!(rx.same_channel(&rx.clone()));
        assert!(rx.same_channel(&never()));
        assert!(!rx.same_channel(&bounded(0).1));
    });
}

#[test]
fn same_channel_tells_clones_from_strangers() {
    for cap in CAPS {
        let (tx, rx) = channel::<i32>(cap);
        assert!(tx.same_channel(&tx.clone()) && rx.same_channel(&rx.clone()));
        for other in CAPS {
            let (tx2, rx2) = channel(other);
            assert!(
                !tx.same_channel(&tx2) && !rx.same_channel(&rx2),
                "{cap:?} {other:?}"
            );
        }
    }
}

#[test]
fn ends_and_iterators_print_like_crossbeams() {
    struct Opaque;
    for cap in CAPS {
        let (tx, rx) = channel::<Opaque>(cap);
        assert_eq!(format!("{tx:?}"), "Sender { .. }");
        assert_eq!(format!("{rx:?}"), "Receiver { .. }");
        assert_eq!(format!("{tx:>15?}"), "  Sender { .. }");
        assert_eq!(format!("{:?}", rx.iter()), "Iter { .. }");
        assert_eq!(format!("{:?}", rx.try_iter()), "TryIter { .. }");
        assert_eq!(format!("{:<15?}|", rx.into_iter()), "IntoIter { .. }|");
    }
    assert_eq!(format!("{:?}", never::<Opaque>()), "Receiver { .. }");
}

#[test]
fn iterating_ends_with_the_last_sender() {
    goroutine(|| {
        for cap in CAPS {
            let (tx, rx) = channel(cap);
            let (sum_tx, sum_rx) = unbounded();
            spawn(move || {
                let mut sum = 0;
                for n in &rx {
                    sum += n;
                }
                sum_tx.send(sum).unwrap();
            });
            let tx2 = tx.clone();
            spawn(move || (0..50).for_each(|n| tx2.send(n).unwrap()));
            (50..100).for_each(|n| tx.send(n).unwrap());
            assert_eq!(sum_rx.try_recv(), Err(TryRecvError::Empty));
            drop(tx);
            assert_eq!(sum_rx.recv(), Ok((0..100).sum::<i32>()));
        }
    });
}

#[test]
fn leaving_an_iteration_leaves_the_rest() {
    goroutine(|| {
        let (tx, rx) = unbounded();
        (0..10).for_each(|n| tx.send(n).unwrap());
        assert_eq!(rx.iter().take(3).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!((&rx).into_iter().find(|n| *n == 5), Some(5));
        assert_eq!(rx.try_iter().collect::<Vec<_>>(), [6, 7, 8, 9]);
        assert_eq!(rx.try_iter().next(), None);
        tx.send(10).unwrap();
        drop(tx);
        let mut owned = rx.into_iter();
        assert_eq!(
            (owned.next(), owned.next(), owned.next()),
            (Some(10), None, None)
        );
    });
}

#[test]
fn clones_share_one_channel() {
    goroutine(|| {
        let (tx, rx) = bounded(4);
        let (tx2, rx2) = (tx.clone(), rx.clone());
        tx.send(1).unwrap();
        tx2.send(2).unwrap();
        assert_eq!((rx2.recv(), rx.recv()), (Ok(1), Ok(2)));
        drop((tx, rx));
        tx2.send(3).unwrap();
        assert_eq!(rx2.recv(), Ok(3));
    });
}

#[test]
fn a_value_handed_to_a_receiver_survives_a_close_right_after() {
    goroutine(|| {
        for _ in 0..rounds(200) {
            let (tx, rx) = bounded(0);
            let receiver = spawn(move || rx.recv());
            wait_until(|| tx.try_send(7).is_ok());
            tx.close();
            assert_eq!(receiver.join().unwrap(), Ok(7));
        }
    });
}

#[test]
fn waiting_receivers_are_served_first_in_first_out() {
    goroutine(|| {
        for cap in [Some(0), Some(2), None] {
            mostly(|| {
                let (tx, rx) = channel(cap);
                let receivers: Vec<_> = (0..6)
                    .map(|_| {
                        let rx = rx.clone();
                        let receiver = spawn(move || rx.recv().unwrap());
                        settle();
                        receiver
                    })
                    .collect();
                (0..6).for_each(|n| tx.send(n).unwrap());
                receivers.into_iter().map(|r| r.join().unwrap()).eq(0..6)
            });
        }
    });
}

#[test]
fn waiting_senders_are_served_first_in_first_out() {
    goroutine(|| {
        for cap in [0, 2] {
            mostly(|| {
                let (tx, rx) = bounded(cap);
                (0..cap).for_each(|n| tx.send(n).unwrap());
                let senders: Vec<_> = (cap..cap + 6)
                    .map(|n| {
                        let tx = tx.clone();
                        let sender = spawn(move || tx.send(n).unwrap());
                        settle();
                        sender
                    })
                    .collect();
                drop(tx);
                let got: Vec<_> = rx.iter().collect();
                senders.into_iter().for_each(|s| s.join().unwrap());
                got.into_iter().eq(0..cap + 6)
            });
        }
    });
}

#[test]
fn channels_closures_and_boxes_travel_through_channels() {
    goroutine(|| {
        type Job = Box<dyn FnOnce(u32) -> u32 + Send>;
        let (jobs, inbox) = bounded::<(Job, Sender<u32>)>(1);
        let server = spawn(move || {
            for (job, reply) in inbox {
                reply.send(job(20)).unwrap();
            }
        });
        for n in 0..10 {
            let (reply, answer) = bounded(0);
            jobs.send((Box::new(move |x| x + n), reply)).unwrap();
            assert_eq!(answer.recv(), Ok(20 + n));
        }
        drop(jobs);
        server.join().unwrap();
    });
}

#[test]
fn ends_can_live_in_statics() {
    static PIPE: LazyLock<(Sender<u8>, Receiver<u8>)> = LazyLock::new(|| bounded(0));
    goroutine(|| {
        let sender = spawn(|| PIPE.0.send(5));
        assert_eq!(PIPE.1.recv(), Ok(5));
        sender.join().unwrap().unwrap();
    });
}

#[test]
fn a_semaphore_made_of_a_buffer_holds() {
    goroutine(|| {
        let (tx, rx) = bounded(3);
        let inside = Arc::new(AtomicUsize::new(0));
        let most = Arc::new(AtomicUsize::new(0));
        sudog::scope(|s| {
            for _ in 0..20 {
                s.spawn(|| {
                    for _ in 0..rounds(50) {
                        tx.send(()).unwrap();
                        most.fetch_max(inside.fetch_add(1, SeqCst) + 1, SeqCst);
                        yield_now();
                        inside.fetch_sub(1, SeqCst);
                        rx.recv().unwrap();
                    }
                });
            }
        });
        assert!(most.load(SeqCst) <= 3);
    });
}

#[test]
fn nothing_is_lost_or_doubled_among_goroutines() {
    stress(|mut rng| {
        for _ in 0..rounds(30) {
            let cap = CAPS[rng.below(CAPS.len())];
            let producers = vec![Kind::Goroutine; 1 + rng.below(6)];
            let consumers = vec![Kind::Goroutine; 1 + rng.below(6)];
            exchange(cap, &producers, &consumers, 1 + rng.below(200));
        }
    });
}

#[test]
fn nothing_is_lost_when_goroutines_only_try() {
    stress(|mut rng| {
        for _ in 0..rounds(20) {
            let (tx, rx) = channel(CAPS[1 + rng.below(CAPS.len() - 1)]);
            let each = 1 + rng.below(200);
            let senders: Vec<_> = (0..3)
                .map(|_| {
                    let tx = tx.clone();
                    spawn(move || {
                        for n in 0..each {
                            while tx.try_send(n).is_err() {
                                yield_now();
                            }
                        }
                    })
                })
                .collect();
            drop(tx);
            let mut sum = 0;
            loop {
                match rx.try_recv() {
                    Ok(n) => sum += n,
                    Err(TryRecvError::Empty) => yield_now(),
                    Err(TryRecvError::Disconnected) => break,
                }
            }
            assert_eq!(sum, 3 * (0..each).sum::<usize>());
            senders.into_iter().for_each(|s| s.join().unwrap());
        }
    });
}

const fn ends<E: Send + Sync + Clone + Debug + UnwindSafe + RefUnwindSafe>() {}
const fn fused<I: FusedIterator + Send + Debug>() {}
const fn debug<T: Debug>() {}
const _: () = {
    ends::<Sender<Cell<i32>>>();
    ends::<Receiver<Cell<i32>>>();
    ends::<Sender<&'static mut i32>>();
    ends::<Receiver<Box<dyn FnOnce() + Send>>>();
    fused::<Iter<'_, Cell<i32>>>();
    fused::<IntoIter<Cell<i32>>>();
    debug::<TryIter<'_, Rc<i32>>>();
};

/// Compiles only if the type lacks the trait: otherwise two impls of `Which` apply.
macro_rules! lacks {
    ($type:ty: $bound:path) => {
        const _: fn() = || {
            struct Has;
            trait Which<A> {
                fn which() {}
            }
            impl<T: ?Sized> Which<()> for T {}
            impl<T: ?Sized + $bound> Which<Has> for T {}
            <$type as Which<_>>::which()
        };
    };
}
lacks!(Sender<Rc<i32>>: Send);
lacks!(Sender<Rc<i32>>: Sync);
lacks!(Receiver<Rc<i32>>: Send);
lacks!(Receiver<Rc<i32>>: Sync);
lacks!(IntoIter<Rc<i32>>: Send);
