//! Stages joined by small buffers: who is too quick for the next stage waits for it.

use super::crossbeam_channel;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// How many items are under way, and how many were at most.
#[derive(Default)]
struct Gauge {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Gauge {
    fn enter(&self) {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
    }

    fn leave(&self) {
        self.now.fetch_sub(1, Ordering::SeqCst);
    }
}

fn stage<A: Send + 'static, B: Send + 'static>(
    input: Receiver<A>,
    f: impl Fn(A) -> B + Send + 'static,
) -> Receiver<B> {
    let (tx, output) = bounded(1);
    thread::spawn(move || {
        for item in input {
            if tx.send(f(item)).is_err() {
                break;
            }
        }
    });
    output
}

fn source(gauge: Arc<Gauge>) -> Receiver<u32> {
    let (tx, output) = bounded(0);
    thread::spawn(move || {
        for n in 0.. {
            gauge.enter();
            if tx.send(n).is_err() {
                gauge.leave();
                break;
            }
        }
    });
    output
}

/// Puts as much as there is room for; the first that had none.
fn fill(tx: &Sender<u32>) -> u32 {
    for n in 0.. {
        match tx.try_send(n) {
            Ok(()) => {}
            Err(TrySendError::Full(back)) => return back,
            Err(TrySendError::Disconnected(_)) => unreachable!("the receiver lives"),
        }
    }
    unreachable!("there is an end to everything")
}

pub fn run() -> String {
    let mut said = String::new();

    let gauge = Arc::new(Gauge::default());
    let words = stage(stage(source(gauge.clone()), |n| u64::from(n) * 3), |n| {
        format!("<{n}>")
    });
    let first: Vec<_> = words.iter().take(100).inspect(|_| gauge.leave()).collect();
    said += &first.concat();
    // One at each place: in hand or in the buffer of three stages.
    said += &format!(
        "\nnever more than: {}\n",
        gauge.most.load(Ordering::SeqCst) <= 8
    );
    drop(words);

    for capacity in [1, 3, 10] {
        let (tx, rx) = bounded(capacity);
        said += &format!("{:?} {} {}\n", tx.capacity(), tx.is_empty(), rx.is_full());
        let refused = fill(&tx);
        said += &format!("{refused} {} {} {}\n", tx.len(), tx.is_full(), rx.is_full());
        // A place becomes free, and who waits for it gets it.
        let waiting = thread::spawn({
            let tx = tx.clone();
            move || tx.send(refused)
        });
        drop(tx);
        said += &format!("{:?}", rx.recv());
        said += &format!(" {:?}", waiting.join().unwrap());
        said += &format!(" {:?} {:?}\n", rx.iter().collect::<Vec<_>>(), rx.recv());
    }
    said
}
