//! Time: nothing comes early, what was stopped does not come, and what was set anew comes once.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Round, dawdle, poll_once};
use crate::dice::Dice;
use crate::faults::{self, Fault};
use crate::hands::Hand;
use crate::ledger::Account;
use sudog::chan;
use sudog::time::{self, Ticker, Timer, after_func, sleep_async};

pub fn play(round: &mut Round) {
    let dice = &mut round.dice;
    let hands: Vec<_> = (0..1 + dice.below(6))
        .map(|_| {
            let (mut own, values) = (dice.split(), Arc::clone(&round.values));
            Hand::start(dice, move || {
                for _ in 0..4 {
                    match own.below(6) {
                        0 => sleeps(&mut own),
                        1 => timer(&mut own),
                        2 => ticker(&mut own),
                        3 => channels(&mut own),
                        4 => futures(&mut own),
                        _ => functions(&values, &mut own),
                    }
                }
            })
        })
        .collect();
    hands.into_iter().for_each(Hand::finish);
}

fn sleeps(dice: &mut Dice) {
    let (begin, pause) = (Instant::now(), dice.micros(3_000));
    if dice.one_in(2) {
        time::sleep(pause);
    } else {
        time::sleep_until(begin + pause);
    }
    assert!(begin.elapsed() >= pause, "a sleep has ended early");
}

fn timer(dice: &mut Dice) {
    let (mut begin, mut pause) = (Instant::now(), dice.micros(1_500));
    let timer = Timer::new(pause);
    for _ in 0..dice.below(4) {
        dawdle(dice);
        if dice.one_in(2) {
            timer.stop();
            assert!(timer.receiver().try_recv().is_err(), "it was stopped");
            assert!(!timer.stop(), "it is stopped");
        }
        (begin, pause) = (Instant::now(), dice.micros(1_500));
        timer.reset(pause);
    }
    if dice.one_in(2) {
        timer.reset(Duration::MAX);
        let came = timer.receiver().recv_timeout(dice.micros(300));
        assert!(came.is_err(), "it was set to a time that never comes");
        return;
    }
    // It may have been stopped and not set again only where it never was.
    let came = timer.receiver().recv().expect("it is never closed");
    assert!(
        begin.elapsed() >= pause && came >= begin + pause,
        "a timer was early"
    );
    assert!(
        timer.receiver().try_recv().is_err() && !timer.stop(),
        "it comes once"
    );
}

fn ticker(dice: &mut Dice) {
    let (begin, period) = (Instant::now(), Duration::from_micros(50) + dice.micros(300));
    let ticker = Ticker::new(period);
    let count = dice.below(8) as u32;
    let mut last = begin;
    for _ in 0..count {
        let tick = ticker.receiver().recv().expect("it is never closed");
        assert!(tick > last, "ticks in order");
        last = tick;
        dawdle(dice);
    }
    assert!(begin.elapsed() >= period * count, "more ticks than time");
    ticker.stop();
    assert!(ticker.receiver().try_recv().is_err(), "it was stopped");
}

fn channels(dice: &mut Dice) {
    let (begin, pause) = (Instant::now(), dice.micros(1_000));
    let came = match dice.below(3) {
        0 => chan::after(pause).recv(),
        1 => chan::at(begin + pause).recv(),
        _ => chan::tick(pause + Duration::from_nanos(1)).recv(),
    };
    assert!(came.expect("it is never closed") >= begin + pause);
    assert!(begin.elapsed() >= pause, "a channel was early");
    // One that nobody waits for costs nothing, and one that never sends is left again.
    drop(chan::after(Duration::from_secs(3_600)));
    assert!(chan::never::<()>().recv_timeout(dice.micros(100)).is_err());
}

fn futures(dice: &mut Dice) {
    let (begin, pause) = (Instant::now(), dice.micros(1_000));
    let mut sleep = pin!(sleep_async(pause));
    if poll_once(sleep.as_mut()).is_ready() {
        assert!(begin.elapsed() >= pause, "a sleep has ended early");
        return;
    }
    if dice.one_in(3) {
        faults::strike(Fault::Dropped);
        return;
    }
    sudog::block_on(sleep);
    assert!(begin.elapsed() >= pause, "a sleep has ended early");
}

/// A function is called once, or the timer was stopped, and the value has gone with it.
fn functions(values: &Arc<Account>, dice: &mut Dice) {
    values.allow_discards();
    let mut timers = Vec::new();
    for _ in 0..dice.below(10) {
        let token = values.make(0);
        let (done, ended) = chan::bounded::<()>(1);
        let timer = after_func(dice.micros(800), move || {
            token.arrive();
            done.send(()).expect("there is room");
        });
        timers.push((timer, ended));
    }
    for (timer, ended) in timers {
        dawdle(dice);
        match dice.below(3) {
            0 if timer.stop() => {
                drop(timer);
                assert!(ended.recv().is_err(), "it was stopped, and is called");
            }
            1 => {
                timer.reset(dice.micros(500));
                assert!(ended.recv().is_ok(), "it is not called");
            }
            _ => {
                drop(timer);
                assert!(ended.recv().is_ok(), "it is not called");
            }
        }
        assert!(ended.recv().is_err(), "it is called twice");
    }
}
