//! `Broadcast`: every receiver gets every value, or is told how many it has missed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sudog::spawn;
use sudog::sync::{
    Broadcast, BroadcastRecvError, BroadcastRecvTimeoutError, BroadcastTryRecvError,
};

use crate::support::{self, goroutine, rounds, settle, stress};
use crate::worlds::World;

#[test]
fn every_receiver_gets_what_was_sent_since_it_subscribed() {
    let news = Broadcast::new(4);
    assert_eq!(news.send(0), 0);
    let mut first = news.subscribe();
    assert_eq!(news.send(1), 1);
    let mut second = news.subscribe();
    assert_eq!(news.clone().send(2), 2);
    assert_eq!((first.try_recv(), first.try_recv()), (Ok(1), Ok(2)));
    assert_eq!(first.try_recv(), Err(BroadcastTryRecvError::Empty));
    assert_eq!(second.recv(), Ok(2));
    drop(news);
    assert_eq!(first.try_recv(), Err(BroadcastTryRecvError::Closed));
    assert_eq!(second.recv(), Err(BroadcastRecvError::Closed));
}

#[test]
fn a_slow_receiver_is_told_once_and_goes_on() {
    let news = Broadcast::new(3);
    let mut slow = news.subscribe();
    (0..10).for_each(|n| assert_eq!(news.send(n), 1));
    assert_eq!(slow.recv(), Err(BroadcastRecvError::Lagged(7)));
    assert_eq!((slow.recv(), slow.recv()), (Ok(7), Ok(8)));
    news.send(10);
    drop(news);
    assert_eq!((slow.recv(), slow.recv()), (Ok(9), Ok(10)));
    assert_eq!(slow.recv(), Err(BroadcastRecvError::Closed));
}

#[test]
fn a_wait_ends_with_a_value_the_deadline_or_the_last_sender() {
    let here = || {
        let news = Broadcast::new(1);
        let mut receiver = news.subscribe();
        let limit = Duration::from_millis(5);
        let start = Instant::now();
        let timeout = Err(BroadcastRecvTimeoutError::Timeout);
        assert_eq!(receiver.recv_timeout(limit), timeout);
        assert!(start.elapsed() >= limit);
        assert_eq!(receiver.recv_deadline(start), timeout);
        let sender = spawn(move || {
            settle();
            news.send(1);
            settle();
        });
        assert_eq!(receiver.recv_timeout(Duration::MAX), Ok(1));
        assert_eq!(
            receiver.recv_timeout(Duration::MAX),
            Err(BroadcastRecvTimeoutError::Closed)
        );
        sender.join().unwrap();
    };
    goroutine(here);
    support::thread(here);
}

#[test]
fn a_value_goes_when_the_last_receiver_has_it() {
    let value = Arc::new(());
    let news = Broadcast::new(8);
    let (mut first, second) = (news.subscribe(), news.subscribe());
    for _ in 0..3 {
        assert_eq!(news.send(value.clone()), 2);
    }
    drop(first.recv());
    assert_eq!(Arc::strong_count(&value), 4);
    drop(second);
    assert_eq!(Arc::strong_count(&value), 3, "the one that both have had");
    drop(first);
    assert_eq!(Arc::strong_count(&value), 1);
    assert_eq!(news.send(value.clone()), 0);
    assert_eq!(Arc::strong_count(&value), 1);
}

#[test]
fn all_receivers_get_all_in_order() {
    stress(|mut rng| {
        for _ in 0..rounds(3) {
            let news = Broadcast::new(1000);
            let hands: Vec<_> = (0..6)
                .map(|_| {
                    let (mut blocking, mut future) = (news.subscribe(), news.subscribe());
                    World::any(&mut rng).spawn(
                        move || {
                            let mut got = Vec::new();
                            while let Ok(n) = blocking.recv() {
                                got.push(n);
                            }
                            got
                        },
                        async move {
                            let mut got = Vec::new();
                            while let Ok(n) = future.recv_async().await {
                                got.push(n);
                            }
                            got
                        },
                    )
                })
                .collect();
            for n in 0..500 {
                assert_eq!(news.send(n), 6);
            }
            drop(news);
            for hand in hands {
                assert_eq!(hand.join(), (0..500).collect::<Vec<_>>());
            }
        }
    });
}

#[test]
fn errors_say_what_is_wrong() {
    let texts = [
        BroadcastRecvError::Lagged(3).to_string(),
        BroadcastRecvError::Closed.to_string(),
        BroadcastTryRecvError::Empty.to_string(),
        BroadcastRecvTimeoutError::Timeout.to_string(),
    ];
    assert_eq!(
        texts,
        [
            "3 values were missed",
            "receiving on a broadcast without senders",
            "receiving on an empty broadcast",
            "timed out waiting on a broadcast",
        ]
    );
    let none = std::panic::catch_unwind(|| Broadcast::<u8>::new(0));
    let message = "Broadcast::new: the capacity is 0, and must be 1 at least";
    assert_eq!(support::text(none.unwrap_err()), message);
}
