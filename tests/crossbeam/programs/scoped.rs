//! Threads that borrow: every way to walk through a receiver.

use super::crossbeam_channel;

use crossbeam_channel::{IntoIter, Iter, Receiver, Sender, TryIter, bounded, unbounded};
use std::collections::BTreeMap;
use std::thread;

/// Counts words in parallel; texts, counts and channels are all borrowed.
fn count_words<'a>(texts: &[&'a str]) -> BTreeMap<&'a str, usize> {
    let (texts_tx, queue) = unbounded();
    let (counts_tx, counts) = bounded(1);
    thread::scope(|scope| {
        for _ in 0..3 {
            let (queue, counts_tx) = (queue.clone(), counts_tx.clone());
            scope.spawn(move || {
                for text in &queue {
                    let mut counts = BTreeMap::new();
                    for word in str::split_whitespace(text) {
                        *counts.entry(word).or_insert(0) += 1;
                    }
                    counts_tx.send(counts).unwrap();
                }
            });
        }
        drop(counts_tx);
        texts.iter().for_each(|text| texts_tx.send(*text).unwrap());
        drop(texts_tx);
        let mut all = BTreeMap::new();
        for (word, count) in counts.into_iter().flatten() {
            *all.entry(word).or_insert(0) += count;
        }
        all
    })
}

/// A type that keeps an iterator, by name.
struct Walk<'a, T> {
    waiting: Iter<'a, T>,
    at_once: TryIter<'a, T>,
}

fn owned<T>(rx: Receiver<T>) -> IntoIter<T> {
    rx.into_iter()
}

fn halves(tx: &Sender<u32>, rx: &Receiver<u32>) -> String {
    thread::scope(|scope| {
        let sum = scope.spawn(|| rx.iter().take(100).sum::<u32>());
        for part in [0..50, 50..100] {
            scope.spawn(move || part.for_each(|n| tx.send(n).unwrap()));
        }
        format!("{}\n", sum.join().unwrap())
    })
}

pub fn run() -> String {
    let mut said = format!("{:?}\n", count_words(&["a b a", "b", "", "c a", "b b"]));

    let (tx, rx) = bounded(0);
    said += &halves(&tx, &rx);

    let (tx, rx) = unbounded();
    (0..6).for_each(|n| tx.send(n).unwrap());
    let mut walk = Walk {
        waiting: rx.iter(),
        at_once: rx.try_iter(),
    };
    said += &format!("{:?} {:?}\n", walk.waiting.next(), walk.at_once.next());
    said += &format!("{:?}\n", walk.at_once.by_ref().take(2).collect::<Vec<_>>());
    // It ends when there is nothing, and goes on when there is something again.
    said += &format!(
        "{:?} {:?}\n",
        walk.at_once.by_ref().count(),
        walk.at_once.next()
    );
    tx.send(7).unwrap();
    said += &format!("{:?} {:?}\n", walk.at_once.next(), walk.at_once.next());

    tx.send(8).unwrap();
    let other = tx.clone();
    drop(tx);
    other.send(9).unwrap();
    drop(other);
    said += &format!("{:?} ", walk.waiting.next());
    said += &format!(
        "{:?} {:?}\n",
        owned(rx).collect::<Vec<i32>>(),
        walk_is_over()
    );
    said
}

/// An iterator that owns its receiver ends with the channel, and stays at its end.
fn walk_is_over() -> bool {
    let (tx, rx) = bounded(2);
    tx.send(()).unwrap();
    drop(tx);
    let mut all = rx.into_iter();
    all.next().is_some() && all.next().is_none() && all.next().is_none()
}
