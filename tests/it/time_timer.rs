//! `Timer`: stop, reset, and no stale value.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use sudog::chan::{Receiver, Select};
use sudog::time::{Timer, after, sleep};
use sudog::{chan, select, spawn};

use crate::support::{
    LIMIT, goroutine, quiet_panic, rounds, settle, stress, stress_threads, thread, wait_until,
};

const MS: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);

fn is_empty(rx: &Receiver<Instant>) -> bool {
    rx.is_empty() && rx.try_recv().is_err()
}

#[test]
fn a_timer_gives_its_instant_once_and_never_early() {
    for body in [goroutine, thread] as [fn(fn()); 2] {
        body(|| {
            assert!(is_empty(Timer::new(HOUR).receiver()));
            let start = Instant::now();
            let timer = Timer::new(5 * MS);
            let due = timer.receiver().recv().unwrap();
            assert!(due >= start + 5 * MS && due <= Instant::now());
            assert!(
                timer
                    .receiver()
                    .recv_timeout(2 * MS)
                    .unwrap_err()
                    .is_timeout()
            );
            assert!(!timer.receiver().close());
            assert!(!timer.receiver().is_closed());
        });
    }
}

/// Go's TestZeroTimer.
#[test]
fn zero_is_due_at_once() {
    goroutine(|| {
        for _ in 0..10_000 {
            Timer::new(Duration::ZERO).receiver().recv().unwrap();
        }
        let timer = Timer::new(HOUR);
        for _ in 0..10_000 {
            timer.reset(Duration::ZERO);
            assert!(timer.receiver().try_recv().is_ok());
        }
    });
}

#[test]
fn stop_says_whether_it_was_pending() {
    for body in [goroutine, thread] as [fn(fn()); 2] {
        body(|| {
            let timer = Timer::new(HOUR);
            assert!(timer.stop());
            assert!(!timer.stop());
            let timer = Timer::new(Duration::ZERO);
            timer.receiver().recv().unwrap();
            assert!(!timer.stop());
            // Due but not received.
            let timer = Timer::new(Duration::ZERO);
            assert_eq!(timer.receiver().len(), 1);
            assert!(timer.stop());
            assert!(is_empty(timer.receiver()));
            // It would never fire, and is pending all the same.
            let timer = Timer::new(Duration::MAX);
            assert!(timer.stop());
            assert!(!timer.stop());
        });
    }
}

#[test]
fn reset_says_whether_it_was_pending() {
    goroutine(|| {
        let timer = Timer::new(HOUR);
        assert!(timer.reset(Duration::ZERO));
        assert!(timer.reset(Duration::ZERO), "due, but not received");
        timer.receiver().recv().unwrap();
        assert!(!timer.reset(HOUR), "received");
        assert!(timer.stop());
        assert!(!timer.reset(Duration::ZERO), "stopped");
        timer.receiver().recv().unwrap();
    });
}

/// Go's TestReset.
#[test]
fn a_reset_timer_fires_at_its_new_time_only() {
    goroutine(|| {
        let timer = Timer::new(2 * MS);
        let start = Instant::now();
        assert!(timer.reset(20 * MS));
        let due = timer.receiver().recv().unwrap();
        assert!(due >= start + 20 * MS);
        assert!(start.elapsed() >= 20 * MS);
        assert!(is_empty(timer.receiver()));
    });
}

#[test]
fn no_value_of_before_is_received_after_stop_or_reset() {
    stress(|mut rng| {
        let timer = Timer::new(Duration::ZERO);
        for _ in 0..rounds(5_000) {
            // A timer about to be due, or just due.
            timer.reset(rng.below(3) as u32 * Duration::from_nanos(500));
            if rng.one_in(2) {
                sudog::yield_now();
            }
            if rng.one_in(2) {
                timer.stop();
                assert!(is_empty(timer.receiver()));
            } else {
                timer.reset(HOUR);
                assert!(is_empty(timer.receiver()));
            }
        }
    });
}

/// Each firing is received or stopped, never both and never neither.
#[test]
fn a_stop_and_a_receive_at_once_agree_on_who_was_first() {
    stress_threads(|mut rng| {
        let (tx, rx) = chan::bounded::<Receiver<Instant>>(0);
        let (answer, received) = chan::bounded(0);
        let receiver = spawn(move || {
            for timer in rx.iter() {
                answer.send(timer.try_recv().is_ok()).unwrap();
            }
        });
        for _ in 0..rounds(3_000) {
            let timer = Timer::new(Duration::ZERO);
            tx.send(timer.receiver().clone()).unwrap();
            for _ in 0..rng.below(200) {
                std::hint::spin_loop();
            }
            let was_pending = timer.stop();
            assert_ne!(received.recv().unwrap(), was_pending);
        }
        drop(tx);
        receiver.join().unwrap();
    });
}

#[test]
fn a_receiver_of_a_stopped_timer_waits_for_the_reset() {
    for body in [goroutine, thread] as [fn(fn()); 2] {
        body(|| {
            let timer = Timer::new(2 * MS);
            assert!(timer.stop());
            let rx = timer.receiver().clone();
            let waiting = spawn(move || rx.recv().unwrap());
            let limited = timer.receiver().recv_timeout(5 * MS);
            assert!(limited.unwrap_err().is_timeout());
            let start = Instant::now();
            assert!(!timer.reset(MS));
            assert!(waiting.join().unwrap() >= start + MS);
        });
    }
}

/// The waiter has armed the old deadline; it must not sleep on to it.
#[test]
fn a_reset_to_an_earlier_time_reaches_those_who_wait() {
    for body in [goroutine, thread] as [fn(fn()); 2] {
        body(|| {
            let timer = Timer::new(HOUR);
            let start = Instant::now();
            let rx = timer.receiver().clone();
            let receiving = spawn(move || rx.recv().is_ok());
            settle();
            assert!(timer.reset(MS));
            assert!(receiving.join().unwrap());

            timer.reset(HOUR);
            let rx = timer.receiver().clone();
            let selecting = spawn(move || {
                select! {
                    recv(rx) -> due => due.is_ok(),
                    recv(chan::never::<()>()) -> _ => false,
                }
            });
            settle();
            timer.reset(MS);
            assert!(selecting.join().unwrap());

            timer.reset(HOUR);
            let rx = timer.receiver().clone();
            let getting_ready = spawn(move || {
                let mut select = Select::new();
                select.recv(&rx);
                select.ready();
                rx.try_recv().is_ok()
            });
            settle();
            timer.reset(MS);
            assert!(getting_ready.join().unwrap());

            timer.reset(HOUR);
            let rx = timer.receiver().clone();
            let polling = spawn(move || sudog::block_on(rx.recv_async()).is_ok());
            settle();
            timer.reset(MS);
            assert!(polling.join().unwrap());

            timer.reset(HOUR);
            let rx = timer.receiver().clone();
            let limited = spawn(move || rx.recv_timeout(HOUR).is_ok());
            let rx = timer.receiver().clone();
            let foreign = std::thread::spawn(move || rx.recv().is_ok());
            settle();
            timer.reset(MS);
            wait_until(|| limited.is_finished() || foreign.is_finished());
            timer.reset(MS);
            assert!(limited.join().unwrap());
            assert!(sudog::blocking(|| foreign.join().unwrap()));
            assert!(start.elapsed() < HOUR);
        });
    }
}

#[test]
fn a_stop_reaches_those_who_wait_and_they_wait_on() {
    goroutine(|| {
        let timer = Timer::new(5 * MS);
        let rx = timer.receiver().clone();
        let waiting = spawn(move || rx.recv().unwrap());
        settle();
        if timer.stop() {
            sleep(10 * MS);
            assert!(!waiting.is_finished());
            timer.reset(Duration::ZERO);
        }
        waiting.join().unwrap();
    });
}

#[test]
fn those_who_wait_keep_their_order_over_a_reset() {
    goroutine(|| {
        let timer = Timer::new(HOUR);
        let (tx, order) = chan::unbounded();
        let waiting: Vec<_> = (0..4)
            .map(|number| {
                let (rx, tx) = (timer.receiver().clone(), tx.clone());
                let handle = spawn(move || {
                    rx.recv().unwrap();
                    tx.send(number).unwrap();
                });
                settle();
                handle
            })
            .collect();
        for _ in 0..5 {
            timer.reset(HOUR);
            settle();
        }
        for _ in 0..4 {
            timer.reset(Duration::ZERO);
            order.recv().unwrap();
        }
        waiting.into_iter().for_each(|w| w.join().unwrap());
    });
}

#[test]
fn a_dropped_timer_is_stopped() {
    goroutine(|| {
        let timer = Timer::new(Duration::ZERO);
        let rx = timer.receiver().clone();
        assert_eq!(rx.len(), 1);
        drop(timer);
        assert!(is_empty(&rx));
        assert!(rx.recv_timeout(3 * MS).unwrap_err().is_timeout());
        assert!(!rx.is_closed());
    });
}

#[test]
fn a_select_with_a_timer_loses_nothing_to_the_other_arm() {
    goroutine(|| {
        let (tx, rx) = chan::bounded(1);
        let timer = Timer::new(Duration::ZERO);
        tx.send(1).unwrap();
        let mut seen = (0, 0);
        for _ in 0..2 {
            select! {
                recv(rx) -> _ => seen.0 += 1,
                recv(timer.receiver()) -> _ => seen.1 += 1,
            }
        }
        assert_eq!(seen, (1, 1));
    });
}

#[test]
fn one_firing_goes_to_one_of_all_worlds() {
    goroutine(|| {
        let timer = Timer::new(3 * MS);
        let (a, b, c) = (
            timer.receiver().clone(),
            timer.receiver().clone(),
            timer.receiver().clone(),
        );
        // Each looks until one has got it, and then once more to its end.
        let (got, is_over) = (
            Arc::new(AtomicUsize::new(0)),
            Arc::new(AtomicBool::new(false)),
        );
        let until_over = |mut receive: Box<dyn FnMut() -> bool + Send>| {
            let (got, is_over) = (got.clone(), is_over.clone());
            move || {
                while !is_over.load(SeqCst) {
                    got.fetch_add(usize::from(receive()), SeqCst);
                }
            }
        };
        let by_goroutine = until_over(Box::new(move || a.recv_timeout(20 * MS).is_ok()));
        let by_thread = until_over(Box::new(move || b.recv_timeout(20 * MS).is_ok()));
        let by_future = until_over(Box::new(move || {
            let limit = after(20 * MS);
            pollster::block_on(async {
                let (value, limit) = (c.recv_async(), limit.recv_async());
                futures::pin_mut!(value, limit);
                matches!(
                    futures::future::select(value, limit).await,
                    futures::future::Either::Left(_)
                )
            })
        }));
        let goroutine = spawn(by_goroutine);
        let threads = [std::thread::spawn(by_thread), std::thread::spawn(by_future)];
        wait_until(|| got.load(SeqCst) > 0);
        is_over.store(true, SeqCst);
        // The future's waker is called in a goroutine, which wants the P.
        sudog::blocking(|| threads.map(|thread| thread.join().unwrap()));
        goroutine.join().unwrap();
        assert_eq!(got.load(SeqCst), 1);
    });
}

/// An operation that was chosen and is given up while unwinding puts the value back; not so into a
/// timer that was set anew meanwhile.
#[test]
fn a_value_comes_back_only_to_the_setting_it_is_from() {
    goroutine(|| {
        let timer = Timer::new(Duration::ZERO);
        let give_up = |between: &dyn Fn()| {
            let _ = catch_unwind(AssertUnwindSafe(|| {
                let mut select = Select::new();
                select.recv(timer.receiver());
                let _operation = select.select();
                between();
                quiet_panic("given up");
            }));
        };
        give_up(&|| ());
        assert!(timer.stop(), "it is there again");
        timer.reset(Duration::ZERO);
        give_up(&|| assert!(!timer.stop()));
        assert!(is_empty(timer.receiver()));
        timer.reset(Duration::ZERO);
        give_up(&|| assert!(!timer.reset(HOUR)));
        assert!(is_empty(timer.receiver()));
    });
}

#[test]
fn timers_can_be_shared() {
    fn check<T: Send + Sync + std::fmt::Debug>(_: &T) {}
    check(&Timer::new(MS));
    stress(|_| {
        let timer = std::sync::Arc::new(Timer::new(HOUR));
        let hands: Vec<_> = (0..4)
            .map(|_| {
                let timer = timer.clone();
                spawn(move || {
                    for _ in 0..1_000 {
                        timer.reset(Duration::from_nanos(100));
                        let _ = timer.receiver().try_recv();
                        timer.stop();
                    }
                })
            })
            .collect();
        hands.into_iter().for_each(|hand| hand.join().unwrap());
        assert!(!timer.stop());
        assert!(is_empty(timer.receiver()));
    });
}

#[test]
fn who_waits_until_one_is_ready_learns_of_a_timer_that_is_set_meanwhile() {
    goroutine(|| {
        for round in 0..rounds(200) {
            let timer = Arc::new(Timer::new(LIMIT * 10));
            timer.stop();
            let setter = Arc::clone(&timer);
            let handle = spawn(move || {
                (0..round % 50).for_each(|_| std::hint::spin_loop());
                setter.reset(Duration::from_micros(20));
            });
            let mut select = Select::new();
            let index = select.recv(timer.receiver());
            assert_eq!(select.ready_timeout(LIMIT), Ok(index), "in round {round}");
            handle.join().unwrap();
        }
    });
}
