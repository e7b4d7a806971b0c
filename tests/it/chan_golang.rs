//! Behaviours of Go's channel tests (runtime/chan_test.go, runtime/chanbarrier_test.go, test/chan,
//! all under the BSD licence of the Go authors), those without select, told in our own words.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use sudog::chan::{Receiver, RecvError, Sender, TryRecvError, TrySendError, bounded, unbounded};
use sudog::sync::WaitGroup;
use sudog::{spawn, yield_now};

use crate::support::{goroutine, rounds, settle, wait_until};

/// TestChan, over a row of capacities.
fn for_each_cap(body: impl Fn(usize) + Send + 'static) {
    goroutine(move || (0..12).chain([64]).for_each(body));
}

#[test]
fn receiving_from_an_empty_channel_blocks() {
    for_each_cap(|cap| {
        let (tx, rx) = bounded(cap);
        let received = Arc::new(AtomicUsize::new(0));
        let receivers: Vec<_> = (0..2)
            .map(|_| {
                let (rx, received) = (rx.clone(), received.clone());
                spawn(move || {
                    assert_eq!(rx.recv(), Ok(0));
                    received.fetch_add(1, Relaxed);
                })
            })
            .collect();
        settle();
        assert_eq!(received.load(Relaxed), 0, "capacity {cap}");
        assert_eq!(rx.try_recv(), Err(TryRecvError::Empty), "capacity {cap}");
        tx.send(0).unwrap();
        tx.send(0).unwrap();
        receivers.into_iter().for_each(|r| r.join().unwrap());
    });
}

#[test]
fn sending_to_a_full_channel_blocks() {
    for_each_cap(|cap| {
        let (tx, rx) = bounded(cap);
        (0..cap).for_each(|n| tx.send(n).unwrap());
        let sent = Arc::new(AtomicBool::new(false));
        let (tx2, flag) = (tx.clone(), sent.clone());
        let sender = spawn(move || {
            tx2.send(cap).unwrap();
            flag.store(true, Relaxed);
        });
        settle();
        assert!(!sent.load(Relaxed), "capacity {cap}");
        assert_eq!(
            tx.try_send(99),
            Err(TrySendError::Full(99)),
            "capacity {cap}"
        );
        assert_eq!(rx.recv(), Ok(0));
        sender.join().unwrap();
    });
}

#[test]
fn a_closed_channel_gives_its_values_and_then_none() {
    for_each_cap(|cap| {
        let (tx, rx) = bounded(cap);
        (0..cap).for_each(|n| tx.send(n).unwrap());
        tx.close();
        for n in 0..cap {
            assert_eq!(rx.recv(), Ok(n), "capacity {cap}");
        }
        assert_eq!(rx.recv(), Err(RecvError), "capacity {cap}");
        assert_eq!(
            rx.try_recv(),
            Err(TryRecvError::Disconnected),
            "capacity {cap}"
        );
    });
}

#[test]
fn close_unblocks_a_receiver() {
    for_each_cap(|cap| {
        let (tx, rx) = bounded::<i32>(cap);
        let receiver = spawn(move || rx.recv());
        settle();
        tx.close();
        assert_eq!(receiver.join().unwrap(), Err(RecvError), "capacity {cap}");
    });
}

#[test]
fn four_senders_and_four_receivers_exchange_everything() {
    const HANDS: usize = 4;
    for_each_cap(|cap| {
        let each = 200;
        let (tx, rx) = bounded(cap);
        for _ in 0..HANDS {
            let tx = tx.clone();
            spawn(move || (0..each).for_each(|n| tx.send(n).unwrap()));
        }
        let (done, tables) = bounded(0);
        for _ in 0..HANDS {
            let (rx, done) = (rx.clone(), done.clone());
            spawn(move || {
                let mut table = BTreeMap::new();
                rx.iter()
                    .take(each)
                    .for_each(|n| *table.entry(n).or_insert(0) += 1);
                done.send(table).unwrap();
            });
        }
        let mut total = BTreeMap::new();
        for (n, count) in tables.iter().take(HANDS).flatten() {
            *total.entry(n).or_insert(0) += count;
        }
        assert!(total.keys().copied().eq(0..each), "capacity {cap}");
        assert!(
            total.values().all(|count| *count == HANDS),
            "capacity {cap}"
        );
    });
}

#[test]
fn a_ready_channel_is_never_found_empty_by_try_recv() {
    goroutine(|| {
        for _ in 0..rounds(1_000) {
            let (tx, rx) = bounded(1);
            tx.send(1).unwrap();
            let rx2 = rx.clone();
            // Value first, then closed: at no moment is there nothing to say but "empty".
            let trying = spawn(move || rx2.try_recv());
            tx.close();
            let _ = rx.recv();
            assert_ne!(trying.join().unwrap(), Err(TryRecvError::Empty));
        }
    });
}

#[test]
fn many_consumers_share_the_work_exactly() {
    const WORKERS: usize = 23;
    const PRIMES: [usize; 10] = [2, 3, 7, 11, 13, 17, 19, 23, 27, 31];
    goroutine(|| {
        let count = rounds(10_000);
        let (jobs, queue) = bounded(WORKERS * 3);
        let (results, collected) = bounded(WORKERS * 3);
        let workers = WaitGroup::new();
        for worker in 0..WORKERS {
            let (queue, results) = (queue.clone(), results.clone());
            workers.go(move || {
                for n in queue {
                    if PRIMES[worker % PRIMES.len()] == n {
                        yield_now();
                    }
                    results.send(n).unwrap();
                }
            });
        }
        let feeder = spawn(move || {
            let mut expected = 0;
            for n in PRIMES.iter().cycle().take(count) {
                expected += n;
                jobs.send(*n).unwrap();
            }
            jobs.close();
            workers.wait();
            results.close();
            expected
        });
        let (mut seen, mut sum) = (0, 0);
        for n in &collected {
            seen += 1;
            sum += n;
        }
        assert_eq!((seen, sum), (count, feeder.join().unwrap()));
    });
}

#[test]
fn a_value_handed_over_directly_is_whole() {
    goroutine(|| {
        sudog::scope(|s| {
            for _ in 0..10 {
                s.spawn(|| {
                    for n in 0..rounds(200) {
                        let (tx, rx) = bounded::<Result<Box<usize>, Box<String>>>(0);
                        spawn(move || tx.send(Err(Box::new(n.to_string()))).unwrap());
                        let answer = rx.recv().unwrap();
                        yield_now();
                        assert_eq!(*answer.unwrap_err(), n.to_string());
                        drop(vec![0_u8; 1 << 10]);
                    }
                });
            }
        });
    });
}

#[test]
fn fifo_through_a_buffer() {
    goroutine(|| {
        let (tx, rx) = bounded(10);
        (0..10).for_each(|n| tx.send(n).unwrap());
        assert!(rx.iter().take(10).eq(0..10));
    });
}

#[test]
fn fifo_along_a_chain_of_goroutines_that_start_each_other() {
    fn link(n: usize, rx: &Receiver<usize>, before: Receiver<()>, after: Sender<()>) {
        before.recv().unwrap();
        assert_eq!(rx.recv(), Ok(n));
        after.send(()).unwrap();
    }
    goroutine(|| {
        let (tx, rx) = bounded(0);
        let (first, mut before) = bounded(1);
        first.send(()).unwrap();
        for n in 0..10 {
            let (after, next) = bounded(1);
            let rx = rx.clone();
            spawn(move || link(n, &rx, before, after));
            tx.send(n).unwrap();
            before = next;
        }
        before.recv().unwrap();
    });
}

#[test]
fn a_chain_of_ten_thousand_goroutines_passes_a_value_along() {
    goroutine(|| {
        let (leftmost_tx, leftmost_rx) = bounded(0);
        let mut left = leftmost_tx;
        for _ in 0..10_000 {
            let (tx, rx) = bounded::<u32>(0);
            let to_the_left = std::mem::replace(&mut left, tx);
            spawn(move || to_the_left.send(rx.recv().unwrap() + 1).unwrap());
        }
        left.send(0).unwrap();
        assert_eq!(leftmost_rx.recv(), Ok(10_000));
    });
}

#[test]
fn a_chain_tears_down_when_its_head_is_closed() {
    goroutine(|| {
        let (head, mut right) = bounded::<()>(0);
        for _ in 0..5_000 {
            let (tx, rx) = bounded(0);
            let from = std::mem::replace(&mut right, rx);
            spawn(move || from.iter().for_each(|()| tx.send(()).unwrap()));
        }
        drop(head);
        assert_eq!(right.recv(), Err(RecvError));
    });
}

/// nonblock.go for one type: its zero is not its value.
fn try_both_ways<T: Send + Clone + Debug + PartialEq + 'static>(value: T) {
    let (tx, rx) = bounded(0);
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(
        tx.try_send(value.clone()),
        Err(TrySendError::Full(value.clone()))
    );

    let (tx2, sent) = (tx.clone(), value.clone());
    let sender = spawn(move || tx2.send(sent));
    let mut got = None;
    wait_until(|| {
        got = rx.try_recv().ok();
        got.is_some()
    });
    assert_eq!(got, Some(value.clone()));
    sender.join().unwrap().unwrap();

    let receiver = spawn(move || rx.recv());
    wait_until(|| tx.try_send(value.clone()).is_ok());
    assert_eq!(receiver.join().unwrap(), Ok(value.clone()));

    let (tx, rx) = bounded(1);
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(tx.try_send(value.clone()), Ok(()));
    assert_eq!(
        tx.try_send(value.clone()),
        Err(TrySendError::Full(value.clone()))
    );
    assert_eq!(rx.try_recv(), Ok(value));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn try_operations_work_for_values_of_every_shape() {
    #[derive(Clone, Debug, PartialEq)]
    struct Wide([u64; 16], bool);
    goroutine(|| {
        for _ in 0..rounds(20) {
            try_both_ways(123_456_789_i32);
            try_both_ways(-1_i64);
            try_both_ways(true);
            try_both_ways('\u{1f980}');
            try_both_ways(String::from("hello"));
            try_both_ways(vec![1_u8, 2, 3]);
            try_both_ways(Some(Box::new(5)));
            try_both_ways(Wide([7; 16], true));
            try_both_ways(());
        }
    });
}

#[test]
fn values_without_size_are_counted() {
    goroutine(|| {
        for cap in [0, 1, 5] {
            let (tx, rx) = bounded::<[u64; 0]>(cap);
            let sender = spawn(move || (0..100).for_each(|_| tx.send([]).unwrap()));
            assert_eq!(rx.iter().count(), 100);
            sender.join().unwrap();
        }
        let (tx, rx) = bounded(3);
        (0..3).for_each(|_| tx.send(()).unwrap());
        assert_eq!(tx.try_send(()), Err(TrySendError::Full(())));
        assert_eq!(rx.len(), 3);
        let (tx, rx) = unbounded();
        (0..1_000).for_each(|_| tx.send(()).unwrap());
        assert_eq!(rx.len(), 1_000);
        assert_eq!(rx.try_iter().count(), 1_000);
    });
}

/// One stage of the sieve: what its prime does not divide goes on.
fn filter(prime: u32, rx: Receiver<u32>, tx: Sender<u32>) {
    for n in rx {
        if n % prime != 0 && tx.send(n).is_err() {
            return;
        }
    }
}

#[test]
fn the_sieve_finds_the_primes() {
    goroutine(|| {
        for cap in [0, 4] {
            let (tx, mut numbers) = bounded(cap);
            spawn(move || (2..).take_while(|n| tx.send(*n).is_ok()).count());
            let mut primes = Vec::new();
            for _ in 0..100 {
                let prime = numbers.recv().unwrap();
                primes.push(prime);
                let (tx, rx) = bounded(cap);
                let from = std::mem::replace(&mut numbers, rx);
                spawn(move || filter(prime, from, tx));
            }
            let by_hand = (2..).filter(|n| (2..*n).all(|d| n % d != 0));
            assert!(by_hand.take(primes.len()).eq(primes));
        }
    });
}

#[test]
fn what_is_written_before_a_send_is_seen_after_its_receive() {
    goroutine(|| {
        for cap in [0, 1, 10] {
            let memory = Arc::new(AtomicUsize::new(0));
            let (tx, rx) = bounded(cap);
            let seen = memory.clone();
            let reader = spawn(move || rx.iter().all(|n| seen.load(Relaxed) >= n));
            for n in 1..=rounds(500) {
                memory.store(n, Relaxed);
                tx.send(n).unwrap();
            }
            drop(tx);
            assert!(reader.join().unwrap(), "capacity {cap}");
        }
    });
}

#[test]
fn what_is_written_before_a_receive_is_seen_after_the_send_it_makes_room_for() {
    goroutine(|| {
        for cap in [0, 1, 10] {
            let memory = Arc::new(AtomicUsize::new(0));
            let (tx, rx) = bounded(cap);
            let written = memory.clone();
            let count = rounds(500);
            let receiver = spawn(move || {
                for n in 1..=count {
                    written.store(n, Relaxed);
                    rx.recv().unwrap();
                }
            });
            for n in 1..=count {
                tx.send(()).unwrap();
                assert!(memory.load(Relaxed) + cap >= n, "capacity {cap}");
            }
            receiver.join().unwrap();
        }
    });
}

#[test]
fn what_is_written_before_a_close_is_seen_after_it() {
    goroutine(|| {
        for _ in 0..rounds(200) {
            let memory = Arc::new(AtomicUsize::new(0));
            let (tx, rx) = bounded::<()>(0);
            let written = memory.clone();
            spawn(move || {
                written.store(1, Relaxed);
                tx.close();
            });
            assert_eq!(rx.recv(), Err(RecvError));
            assert_eq!(memory.load(Relaxed), 1);
        }
    });
}
