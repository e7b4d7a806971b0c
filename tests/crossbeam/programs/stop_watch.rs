//! A watch that ticks until its time is over, or until somebody stops it.

use super::crossbeam_channel;

use crossbeam_channel::{Receiver, after, at, bounded, never, select, select_biased, tick};
use std::thread;
use std::time::{Duration, Instant};

const STEP: Duration = Duration::from_millis(5);

enum End {
    Over(Instant),
    Stopped,
}

/// The instants at which it ticked, and how it ended.
fn watch(limit: Option<Duration>, stop: &Receiver<()>) -> (Vec<Instant>, End) {
    let ticks = tick(STEP);
    let over = limit.map_or(never(), after);
    let mut times = Vec::new();
    loop {
        select! {
            recv(ticks) -> time => times.push(time.unwrap()),
            recv(over) -> time => return (times, End::Over(time.unwrap())),
            recv(stop) -> _ => return (times, End::Stopped),
        }
    }
}

pub fn run() -> String {
    let mut said = String::new();

    let (_stop_tx, stop) = bounded::<()>(0);
    let start = Instant::now();
    let (times, end) = watch(Some(STEP * 10), &stop);
    let apart = times.windows(2).all(|pair| pair[1] - pair[0] >= STEP);
    said += &format!(
        "at most ten: {}, apart: {apart}, over in time: {}\n",
        times.len() <= 11,
        matches!(end, End::Over(time) if time - start >= STEP * 10),
    );

    let (stop_tx, stop) = bounded::<()>(0);
    let watcher = thread::spawn(move || watch(None, &stop));
    thread::sleep(STEP * 3);
    stop_tx.send(()).unwrap();
    let (_, end) = watcher.join().unwrap();
    said += &format!("stopped: {}\n", matches!(end, End::Stopped));

    // A time that has come is there for all who look, once.
    let when = Instant::now();
    let alarm = at(when);
    let other = alarm.clone();
    said += &format!(
        "{:?}, same {}\n",
        alarm.capacity(),
        alarm.same_channel(&other)
    );
    said += &format!("rung: {}\n", other.recv() == Ok(when));
    said += &format!("again: {:?}\n", alarm.try_recv());
    said += &format!("later: {:?}\n", alarm.recv_timeout(STEP));

    // Urgent things first, then a limit.
    let (urgent_tx, urgent) = bounded(1);
    let passed = at(Instant::now());
    urgent_tx.send("urgent").unwrap();
    for _ in 0..2 {
        select_biased! {
            recv(urgent) -> text => said += &format!("{text:?}\n"),
            recv(passed) -> time => said += &format!("time: {}\n", time.is_ok()),
            default => said += "nothing\n",
        }
    }
    select! {
        recv(urgent) -> text => said += &format!("{text:?}\n"),
        default(STEP) => said += "nothing in time\n",
    }
    said
}
