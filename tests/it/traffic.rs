//! Many hands on one channel: nothing lost, nothing doubled, each sender's values in their order.

use sudog::chan::{Receiver, Sender, bounded, unbounded};

use crate::support::Rng;

/// Who holds an end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    Goroutine,
    Thread,
}

impl Kind {
    pub fn any(rng: &mut Rng) -> Kind {
        if rng.one_in(2) {
            Kind::Goroutine
        } else {
            Kind::Thread
        }
    }

    pub fn spawn<T: Send + 'static>(self, f: impl FnOnce() -> T + Send + 'static) -> Hand<T> {
        match self {
            Kind::Goroutine => Hand::Goroutine(sudog::spawn(f)),
            Kind::Thread => Hand::Thread(std::thread::spawn(f)),
        }
    }
}

/// A goroutine or a thread at work.
pub enum Hand<T> {
    Goroutine(sudog::JoinHandle<T>),
    Thread(std::thread::JoinHandle<T>),
}

impl<T: Send + 'static> Hand<T> {
    /// Waits for the result, in a goroutine too without holding up the others.
    #[track_caller]
    pub fn join(self) -> T {
        let result = match self {
            Hand::Goroutine(handle) => handle.join(),
            Hand::Thread(handle) => sudog::blocking(|| handle.join()),
        };
        result.unwrap_or_else(|payload| std::panic::resume_unwind(payload))
    }
}

/// A bounded channel, or an unbounded one.
pub fn channel<T>(cap: Option<usize>) -> (Sender<T>, Receiver<T>) {
    match cap {
        Some(cap) => bounded(cap),
        None => unbounded(),
    }
}

/// Sends `each` values from every producer to whichever consumer takes them, and checks the lot.
pub fn exchange(cap: Option<usize>, producers: &[Kind], consumers: &[Kind], each: usize) {
    let (tx, rx) = channel(cap);
    let producers: Vec<_> = (producers.iter().enumerate())
        .map(|(producer, kind)| {
            let tx = tx.clone();
            kind.spawn(move || (0..each).for_each(|n| tx.send((producer, n)).unwrap()))
        })
        .collect();
    let consumers: Vec<_> = (consumers.iter())
        .map(|kind| {
            let rx = rx.clone();
            kind.spawn(move || rx.iter().collect::<Vec<_>>())
        })
        .collect();
    drop((tx, rx));

    let count = producers.len();
    producers.into_iter().for_each(Hand::join);
    assert_all_arrived(count, each, consumers.into_iter().map(Hand::join));
}

/// Checks what the consumers have received: of each producer all values once, and each consumer has
/// them in their order.
#[track_caller]
pub fn assert_all_arrived(
    producers: usize,
    each: usize,
    received: impl Iterator<Item = Vec<(usize, usize)>>,
) {
    let mut seen = vec![vec![0; each]; producers];
    for values in received {
        let mut last = vec![None; producers];
        for (producer, n) in values {
            assert!(
                last[producer] < Some(n),
                "{n} of {producer} after {:?}",
                last[producer]
            );
            last[producer] = Some(n);
            seen[producer][n] += 1;
        }
    }
    for (producer, counts) in seen.iter().enumerate() {
        for (n, count) in counts.iter().enumerate() {
            assert_eq!(*count, 1, "value {n} of {producer}");
        }
    }
}
