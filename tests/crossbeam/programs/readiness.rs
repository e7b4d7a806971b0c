//! An event loop that is told which channel to look at, and looks itself.

use super::crossbeam_channel;

use crossbeam_channel::{
    Receiver, Select, Sender, TryRecvError, TrySendError, bounded, never, unbounded,
};
use std::thread;
use std::time::{Duration, Instant};

/// Takes all it can from whichever source is ready, until all have ended.
fn drain(sources: &[Receiver<u32>]) -> Vec<u32> {
    let mut select = Select::new();
    for source in sources {
        select.recv(source);
    }
    let mut open = sources.len();
    let mut all = Vec::new();
    while open > 0 {
        let index = select.ready();
        loop {
            match sources[index].try_recv() {
                Ok(value) => all.push(value),
                // Another may have been quicker.
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => {
                    select.remove(index);
                    open -= 1;
                    break;
                }
            }
        }
    }
    all
}

/// Sends as soon as there is room, without ever blocking in a send.
fn feed(sink: &Sender<u32>, values: std::ops::Range<u32>) {
    let mut select = Select::new();
    select.send(sink);
    for mut value in values {
        loop {
            assert_eq!(select.ready(), 0);
            match sink.try_send(value) {
                Ok(()) => break,
                Err(TrySendError::Full(back)) => value = back,
                Err(TrySendError::Disconnected(_)) => return,
            }
        }
    }
}

pub fn run() -> String {
    let mut said = String::new();

    let (sinks, sources): (Vec<_>, Vec<_>) = (0..4).map(|_| bounded(2)).unzip();
    let feeders: Vec<_> = sinks
        .into_iter()
        .zip(0_u32..)
        .map(|(sink, n)| thread::spawn(move || feed(&sink, n * 100..n * 100 + 50)))
        .collect();
    let mut all = drain(&sources);
    all.sort_unstable();
    said += &format!("{all:?}\n");
    feeders
        .into_iter()
        .for_each(|feeder| feeder.join().unwrap());

    let ((tx, rx), nothing) = (unbounded(), never::<u32>());
    let mut select = Select::new_biased();
    select.recv(&nothing);
    let of_rx = select.recv(&rx);
    said += &format!("{:?}\n", select.try_ready());
    let start = Instant::now();
    let late = select.ready_timeout(Duration::from_millis(3));
    said += &format!("{late:?} {}\n", start.elapsed() >= Duration::from_millis(3));
    said += &format!("{:?}\n", select.ready_deadline(start));
    tx.send(1).unwrap();
    // It is only told, and again, as long as the value is there.
    said += &format!(
        "{:?} {:?}\n",
        select.try_ready(),
        select.ready_deadline(start)
    );
    said += &format!("{} {:?}\n", select.ready() == of_rx, rx.try_recv());
    drop(tx);
    said += &format!("{:?} {:?}\n", select.try_ready(), rx.try_recv());
    said
}
