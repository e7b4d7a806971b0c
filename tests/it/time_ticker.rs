//! `Ticker`: the beat, missed values, stop and reset.

use std::time::{Duration, Instant};

use sudog::chan::Receiver;
use sudog::time::Ticker;
use sudog::{select, spawn};

use crate::support::{goroutine, settle, text, thread};

const MS: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);

fn is_empty(rx: &Receiver<Instant>) -> bool {
    rx.is_empty() && rx.try_recv().is_err()
}

/// Go's TestTicker.
#[test]
fn values_come_on_the_beat_and_never_early() {
    for body in [goroutine, thread] as [fn(fn()); 2] {
        body(|| {
            let start = Instant::now();
            let ticker = Ticker::new(2 * MS);
            let made = Instant::now();
            let mut last = None;
            for n in 1..=10 {
                let beat = ticker.receiver().recv().unwrap();
                assert!(beat >= start + n * 2 * MS && beat <= Instant::now());
                if let Some(last) = last {
                    // A multiple of the period, to the nanosecond, however late we were.
                    let apart = beat.duration_since(last).as_nanos();
                    assert!(apart > 0 && apart.is_multiple_of(2_000_000), "{apart}");
                } else {
                    assert!(beat <= made + 2 * MS);
                }
                last = Some(beat);
            }
        });
    }
}

#[test]
fn missed_values_are_dropped_and_the_beat_is_kept() {
    goroutine(|| {
        let ticker = Ticker::new(5 * MS);
        let first = ticker.receiver().recv().unwrap();
        std::thread::sleep(23 * MS);
        // The first that was missed waits; of the others there is nothing.
        assert_eq!(ticker.receiver().len(), 1);
        let late = Instant::now();
        let missed = ticker.receiver().recv().unwrap();
        assert!(missed > first && missed <= late - 15 * MS);
        let next = ticker.receiver().recv().unwrap();
        assert!(next >= late, "a missed value was made up for");
        for beat in [missed, next] {
            assert!((beat - first).as_nanos().is_multiple_of(5_000_000));
        }
    });
}

#[test]
fn a_stopped_ticker_is_silent_until_it_is_reset() {
    for body in [goroutine, thread] as [fn(fn()); 2] {
        body(|| {
            let ticker = Ticker::new(Duration::from_micros(100));
            ticker.receiver().recv().unwrap();
            std::thread::sleep(MS);
            ticker.stop();
            assert!(is_empty(ticker.receiver()), "a stale value");
            assert!(ticker.receiver().recv_timeout(3 * MS).is_err());
            ticker.stop();
            let start = Instant::now();
            ticker.reset(MS);
            assert!(ticker.receiver().recv().unwrap() >= start + MS);
            assert!(ticker.receiver().recv().unwrap() >= start + 2 * MS);
        });
    }
}

/// Go's TestTeardown and TestTickerReset.
#[test]
fn a_reset_takes_the_new_period_and_reaches_those_who_wait() {
    goroutine(|| {
        let ticker = Ticker::new(HOUR);
        let rx = ticker.receiver().clone();
        let waiting = spawn(move || rx.iter().take(3).collect::<Vec<_>>());
        settle();
        let start = Instant::now();
        ticker.reset(MS);
        let beats = waiting.join().unwrap();
        assert!(beats[0] >= start + MS);
        assert!(beats.is_sorted());
        // Due but not received: gone with the reset.
        std::thread::sleep(2 * MS);
        ticker.reset(HOUR);
        assert!(is_empty(ticker.receiver()));
    });
}

#[test]
fn a_period_of_zero_panics() {
    thread(|| {
        let made = std::panic::catch_unwind(|| Ticker::new(Duration::ZERO));
        assert_eq!(text(made.unwrap_err()), "Ticker::new: the period is zero");
        let ticker = Ticker::new(MS);
        let reset = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            ticker.reset(Duration::ZERO);
        }));
        assert_eq!(
            text(reset.unwrap_err()),
            "Ticker::reset: the period is zero"
        );
        ticker.receiver().recv().unwrap();
    });
}

/// Go's TestTickerStress and TestTickerConcurrentStress.
#[test]
fn a_ticker_of_a_nanosecond_serves_many() {
    goroutine(|| {
        let ticker = Ticker::new(Duration::from_nanos(1));
        let receivers: Vec<_> = (0..10)
            .map(|_| {
                let rx = ticker.receiver().clone();
                spawn(move || rx.iter().take(100).count())
            })
            .collect();
        for receiver in receivers {
            assert_eq!(receiver.join().unwrap(), 100);
        }
    });
}

/// Go's TestLongAdjustTimers, in spirit: resets among others that wait.
#[test]
fn a_period_too_long_never_comes() {
    goroutine(|| {
        let ticker = Ticker::new(Duration::MAX);
        assert!(ticker.receiver().recv_timeout(2 * MS).is_err());
        ticker.reset(MS);
        ticker.receiver().recv().unwrap();
        ticker.reset(Duration::MAX);
        assert!(ticker.receiver().recv_timeout(3 * MS).is_err());
    });
}

#[test]
fn a_dropped_ticker_is_stopped() {
    goroutine(|| {
        let ticker = Ticker::new(MS);
        let rx = ticker.receiver().clone();
        std::thread::sleep(2 * MS);
        assert_eq!(rx.len(), 1);
        drop(ticker);
        assert!(is_empty(&rx));
        assert!(rx.recv_timeout(5 * MS).unwrap_err().is_timeout());
        assert!(!rx.is_closed() && !rx.close());
    });
}

#[test]
fn tickers_work_in_select_and_as_streams() {
    use futures::StreamExt;

    goroutine(|| {
        let (fast, slow) = (Ticker::new(MS), Ticker::new(HOUR));
        for _ in 0..3 {
            select! {
                recv(fast.receiver()) -> beat => assert!(beat.is_ok()),
                recv(slow.receiver()) -> _ => panic!("an hour has passed"),
            }
        }
    });
    thread(|| {
        let start = Instant::now();
        let ticker = Ticker::new(MS);
        let beats = ticker.receiver().stream().take(5).collect::<Vec<_>>();
        let beats = pollster::block_on(beats);
        assert!(beats.is_sorted() && start.elapsed() >= 5 * MS);
    });
}
