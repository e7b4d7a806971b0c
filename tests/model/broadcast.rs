//! `Broadcast`: everybody gets everything, or is told how much was missed; and nobody waits for ever.

use crate::check;
use crate::sync::{Broadcast, BroadcastReceiver, BroadcastRecvError};
use loom::thread;

/// All that comes until the last sender has gone: how many, and the values in order.
fn listen(mut news: BroadcastReceiver<u64>) -> (u64, Vec<u64>) {
    let (mut count, mut heard) = (0, Vec::new());
    loop {
        match news.recv() {
            Ok(value) => {
                heard.push(value);
                count += 1;
            }
            Err(BroadcastRecvError::Lagged(missed)) => count += missed,
            Err(BroadcastRecvError::Closed) => return (count, heard),
        }
    }
}

#[test]
fn a_value_reaches_all_who_wait() {
    check(Some(2), || {
        let news = Broadcast::new(1);
        let listeners = [(); 2].map(|()| {
            let mut receiver = news.subscribe();
            thread::spawn(move || receiver.recv())
        });
        assert_eq!(news.send(1), 2);
        for listener in listeners {
            assert_eq!(listener.join().unwrap(), Ok(1));
        }
    });
}

#[test]
fn the_last_sender_s_end_wakes_who_waits() {
    check(Some(3), || {
        let news = Broadcast::<u64>::new(1);
        let receiver = news.subscribe();
        let listener = thread::spawn(move || listen(receiver));
        let other = news.clone();
        let other = thread::spawn(move || drop(other));
        drop(news);
        other.join().unwrap();
        assert_eq!(listener.join().unwrap(), (0, vec![]));
    });
}

#[test]
fn what_is_not_heard_is_counted_as_missed() {
    check(Some(3), || {
        let news = Broadcast::new(2);
        let receiver = news.subscribe();
        let listener = thread::spawn(move || listen(receiver));
        for value in 1..=3 {
            news.send(value);
        }
        drop(news);
        let (count, heard) = listener.join().unwrap();
        assert_eq!(count, 3);
        assert!(heard.is_sorted() && heard.last() == Some(&3), "{heard:?}");
    });
}

#[test]
#[should_panic(expected = "nothing was missed")]
fn a_slow_receiver_may_miss_something() {
    check(Some(3), || {
        let news = Broadcast::new(1);
        let receiver = news.subscribe();
        let listener = thread::spawn(move || listen(receiver));
        for value in 1..=2 {
            news.send(value);
        }
        drop(news);
        let (_, heard) = listener.join().unwrap();
        assert_eq!(heard.len(), 2, "nothing was missed");
    });
}
