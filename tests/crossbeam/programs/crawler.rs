//! A walk through a graph by several threads, which find more work while they work: a queue without
//! limit, a rendezvous for what was found, and an end when nothing is under way any more.

use super::crossbeam_channel;

use crossbeam_channel::{Receiver, RecvError, Sender, bounded, never, select, unbounded};
use std::collections::BTreeSet;
use std::thread;

/// The pages to which a page links.
fn links(page: u32) -> Vec<u32> {
    vec![page * 2 % 97, (page + 40) % 97, page / 3]
}

fn crawl(queue: &Receiver<u32>, found: &Sender<Vec<u32>>, quit: &Receiver<()>) {
    loop {
        select! {
            recv(queue) -> page => {
                let Ok(page) = page else { break };
                select! {
                    send(found, links(page)) -> sent => if sent.is_err() { break },
                    recv(quit) -> _ => break,
                }
            }
            recv(quit) -> _ => break,
        }
    }
}

/// All pages that are reached from the first, or as many as are wanted.
fn reach(first: u32, wanted: usize) -> BTreeSet<u32> {
    let (queue_tx, queue) = unbounded();
    let (found_tx, found) = bounded(0);
    let (quit_tx, quit) = bounded(0);
    let mut seen = BTreeSet::from([first]);
    thread::scope(|scope| {
        for _ in 0..4 {
            let (queue, found, quit) = (queue.clone(), found_tx.clone(), quit.clone());
            scope.spawn(move || crawl(&queue, &found, &quit));
        }
        queue_tx.send(first).unwrap();
        let mut under_way = 1;
        while under_way > 0 && seen.len() < wanted {
            let pages = found.recv().unwrap();
            under_way -= 1;
            for page in pages {
                if seen.len() < wanted && seen.insert(page) {
                    queue_tx.send(page).unwrap();
                    under_way += 1;
                }
            }
        }
        drop(quit_tx);
    });
    seen
}

/// A source that is missing is one that never has anything.
fn next(rx: &Receiver<u32>, other: Option<Receiver<u32>>) -> Result<u32, RecvError> {
    let other = other.unwrap_or_else(never);
    select! {
        recv(rx) -> n => n,
        recv(other) -> n => n,
    }
}

pub fn run() -> String {
    let all = reach(1, usize::MAX);
    let mut said = format!("{} pages: {all:?}\n", all.len());
    let some = reach(1, 10);
    said += &format!(
        "{}, all of them pages: {}\n",
        some.len(),
        some.is_subset(&all)
    );

    let (tx, rx) = bounded(1);
    for late in [None, Some(rx.clone())] {
        tx.send(1).unwrap();
        said += &format!("{:?}\n", next(&rx, late));
    }
    said
}
