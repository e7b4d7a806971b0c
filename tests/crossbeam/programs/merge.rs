//! As many sources as come, in one list of operations: the dynamic `Select`.

use super::crossbeam_channel;

use crossbeam_channel::{Receiver, RecvError, Select, Sender, bounded, unbounded};
use std::thread;
use std::time::Duration;

/// Receives from all until all have ended, with a new list for each value.
fn merge(sources: &[Receiver<u32>]) -> Vec<(usize, u32)> {
    let mut open: Vec<(usize, &Receiver<u32>)> = sources.iter().enumerate().collect();
    let mut all = Vec::new();
    while !open.is_empty() {
        let mut select = Select::new();
        for (_, source) in &open {
            select.recv(source);
        }
        let operation = select.select();
        let place = operation.index();
        match operation.recv(open[place].1) {
            Ok(value) => all.push((open[place].0, value)),
            Err(RecvError) => drop(open.remove(place)),
        }
    }
    all
}

/// The same with one list, from which those that have ended are taken.
fn merge_with_one_list(sources: &[Receiver<u32>]) -> Vec<(usize, u32)> {
    let mut select = Select::new();
    let indices: Vec<usize> = sources.iter().map(|source| select.recv(source)).collect();
    assert!(indices.iter().copied().eq(0..sources.len()));
    let mut open = sources.len();
    let mut all = Vec::new();
    while open > 0 {
        let operation = select.select();
        let index = operation.index();
        match operation.recv(&sources[index]) {
            Ok(value) => all.push((index, value)),
            Err(_) => {
                select.remove(index);
                open -= 1;
            }
        }
    }
    all
}

fn sources(count: u32, each: u32) -> Vec<Receiver<u32>> {
    (0..count)
        .map(|number| {
            let (tx, rx) = bounded(number as usize % 3);
            thread::spawn(move || {
                for n in 0..each {
                    tx.send(number * 1000 + n).unwrap();
                }
            });
            rx
        })
        .collect()
}

/// Gives a value to whichever of the sinks takes it.
fn deal(values: std::ops::Range<u32>, sinks: &[Sender<u32>]) -> usize {
    let mut dealt = 0;
    for value in values {
        let mut select = Select::default();
        for sink in sinks {
            select.send(sink);
        }
        match select.select_timeout(Duration::from_secs(60)) {
            Ok(operation) => {
                let index = operation.index();
                operation.send(&sinks[index], value).unwrap();
                dealt += 1;
            }
            Err(timeout) => panic!("{timeout}"),
        }
    }
    dealt
}

pub fn run() -> String {
    let mut said = String::new();

    for merge in [merge, merge_with_one_list] {
        let mut all = merge(&sources(7, 20));
        let in_order = (0..7).all(|source| {
            let values = all.iter().filter(|(from, _)| *from == source);
            values.is_sorted()
        });
        all.sort_unstable();
        said += &format!("in order: {in_order}, {all:?}\n");
    }

    let (sinks, ends): (Vec<_>, Vec<_>) = (0..3).map(|_| bounded(0)).unzip();
    let readers: Vec<_> = ends
        .into_iter()
        .map(|end| thread::spawn(move || end.iter().collect::<Vec<u32>>()))
        .collect();
    said += &format!("{} dealt: ", deal(0..60, &sinks));
    drop(sinks);
    let mut dealt: Vec<_> = readers
        .into_iter()
        .flat_map(|r| r.join().unwrap())
        .collect();
    dealt.sort_unstable();
    said += &format!("{dealt:?}\n");

    // What can be done at once, and what not.
    let (tx, rx) = unbounded::<u32>();
    let (full, _kept) = bounded::<u32>(0);
    let mut select = Select::new_biased();
    let (of_rx, of_full) = (select.recv(&rx), select.send(&full));
    said += &format!("{of_rx} {of_full} {:?}\n", select.try_select().is_err());
    said += &format!("{}\n", select.try_select().unwrap_err());
    let timed_out = select.select_timeout(Duration::from_millis(2)).unwrap_err();
    said += &format!("{timed_out} {timed_out:?}\n");
    tx.send(5).unwrap();
    let operation = select.try_select().unwrap();
    said += &format!("{} {:?}\n", operation.index(), operation.recv(&rx));
    said
}
