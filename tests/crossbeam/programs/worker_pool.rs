//! A pool of workers: one queue of jobs, one of results, and a channel whose end stops them all.

use super::crossbeam_channel;

use crossbeam_channel::{Receiver, Sender, bounded, select, unbounded};
use std::thread;

enum Job {
    Square(u64),
    Sum(Vec<u64>),
}

fn work(jobs: Receiver<Job>, results: Sender<(&'static str, u64)>, stop: Receiver<()>) -> usize {
    let mut done = 0;
    loop {
        select! {
            recv(jobs) -> job => {
                let result = match job {
                    Ok(Job::Square(n)) => ("square", n * n),
                    Ok(Job::Sum(numbers)) => ("sum", numbers.iter().sum()),
                    Err(_) => return done,
                };
                if results.send(result).is_err() {
                    return done;
                }
                done += 1;
            }
            recv(stop) -> _ => return done,
        }
    }
}

/// Starts workers on a queue; the queue, what comes of it, and a channel to be dropped to stop them.
#[expect(clippy::type_complexity, reason = "as its user would write it")]
fn start(
    count: usize,
) -> (
    Sender<Job>,
    Receiver<(&'static str, u64)>,
    Sender<()>,
    Vec<thread::JoinHandle<usize>>,
) {
    let (jobs_tx, jobs) = bounded(4);
    let (results_tx, results) = unbounded();
    let (stop_tx, stop) = bounded(0);
    let workers = (0..count)
        .map(|_| {
            let (jobs, results, stop) = (jobs.clone(), results_tx.clone(), stop.clone());
            thread::spawn(move || work(jobs, results, stop))
        })
        .collect();
    (jobs_tx, results, stop_tx, workers)
}

pub fn run() -> String {
    let mut said = String::new();

    // To the end: the queue is closed, and every job was done.
    let (jobs, results, _stop, workers) = start(3);
    for n in 1..=50 {
        jobs.send(Job::Square(n)).unwrap();
        jobs.send(Job::Sum((0..n).collect())).unwrap();
    }
    drop(jobs);
    let mut all: Vec<_> = results.iter().collect();
    all.sort_unstable();
    let done: usize = workers.into_iter().map(|w| w.join().unwrap()).sum();
    said += &format!("{done} done: {all:?}\n");

    // Stopped: they leave the queue, though it is still open.
    let (jobs, results, stop, workers) = start(3);
    let (_, unused) = bounded::<()>(1);
    jobs.send(Job::Square(9)).unwrap();
    let first = results.recv();
    drop(stop);
    let done: usize = workers.into_iter().map(|w| w.join().unwrap()).sum();
    said += &format!("first {first:?}, {done} done, then {:?}\n", results.recv());
    said += &format!("jobs: {:?}\n", jobs.send(Job::Square(1)).is_err());
    said += &format!("{:?}\n", unused.try_recv());
    said
}
