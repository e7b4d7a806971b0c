//! The dynamic `Select`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use sudog::chan::{Select, bounded, never, unbounded};
use sudog::{JoinHandle, runtime};

use crate::support::{goroutine, stress, text, thread, wait_until};

#[test]
fn select_does_the_one_operation_that_is_ready() {
    goroutine(|| {
        let (tx1, rx1) = unbounded();
        let (_tx2, rx2) = unbounded::<i32>();
        tx1.send(5).unwrap();
        let mut select = Select::new();
        let first = select.recv(&rx1);
        let _second = select.recv(&rx2);
        let operation = select.select();
        assert_eq!(operation.index(), first);
        assert_eq!(operation.recv(&rx1), Ok(5));
        assert!(rx1.is_empty());
    });
}

#[test]
fn try_select_gives_an_error_if_nothing_is_ready() {
    goroutine(|| {
        let (tx, rx) = bounded::<i32>(1);
        let mut select = Select::new();
        select.recv(&rx);
        assert!(select.try_select().is_err());
        tx.send(1).unwrap();
        assert_eq!(select.try_select().unwrap().recv(&rx), Ok(1));
        assert!(Select::new().try_select().is_err());
    });
}

#[test]
fn select_timeout_waits_its_time_and_never_less() {
    for body in [goroutine, thread] as [fn(fn()); 2] {
        body(|| {
            let rx = never::<i32>();
            let mut select = Select::new();
            select.recv(&rx);
            let (start, limit) = (Instant::now(), Duration::from_millis(20));
            assert!(select.select_timeout(limit).is_err());
            assert!(start.elapsed() >= limit);
            assert!(Select::new().select_timeout(limit).is_err());
            assert!(start.elapsed() >= 2 * limit);
        });
    }
}

#[test]
fn a_send_is_completed_after_it_was_selected() {
    goroutine(|| {
        for capacity in [0, 1] {
            let (tx, rx) = bounded(capacity);
            let receiver = sudog::spawn(move || rx.recv());
            let mut select = Select::new();
            let send = select.send(&tx);
            let operation = select.select();
            assert_eq!(operation.index(), send);
            sudog::yield_now();
            operation.send(&tx, "late").unwrap();
            assert_eq!(receiver.join().unwrap(), Ok("late"));
        }
    });
}

#[test]
fn a_parked_select_is_chosen_by_a_receiver_which_waits_for_the_value() {
    goroutine(|| {
        let (tx, rx) = bounded(0);
        let sender = sudog::spawn(move || {
            let mut select = Select::new();
            select.send(&tx);
            let operation = select.select();
            for _ in 0..10 {
                sudog::yield_now();
            }
            operation.send(&tx, 7)
        });
        sudog::yield_now();
        assert_eq!(rx.recv(), Ok(7));
        sender.join().unwrap().unwrap();
    });
}

#[test]
fn try_recv_waits_for_the_value_of_a_late_offer() {
    goroutine(|| {
        let (tx, rx) = bounded(0);
        let sender = sudog::spawn(move || {
            let mut select = Select::new();
            select.send(&tx);
            let operation = select.select();
            operation.send(&tx, 7)
        });
        let received = loop {
            match rx.try_recv() {
                Ok(value) => break value,
                Err(error) => assert!(error.is_empty()),
            }
            sudog::yield_now();
        };
        assert_eq!(received, 7);
        sender.join().unwrap().unwrap();
    });
}

#[test]
fn an_operation_that_is_not_completed_panics_and_loses_nothing() {
    goroutine(|| {
        for capacity in [0, 1] {
            let (tx, rx) = bounded(capacity);
            let sender = {
                let tx = tx.clone();
                sudog::spawn(move || tx.send(3))
            };
            let dropped = catch_unwind(AssertUnwindSafe(|| {
                let mut select = Select::new();
                select.recv(&rx);
                drop(select.select());
            }));
            let message = text(dropped.unwrap_err());
            assert!(message.contains("without completing"), "{message}");
            assert!(message.contains("chan_select.rs:"), "{message}");
            assert_eq!(rx.recv(), Ok(3));
            sender.join().unwrap().unwrap();

            let receiver = sudog::spawn(move || rx.recv());
            let dropped = catch_unwind(AssertUnwindSafe(|| {
                let mut select = Select::new();
                select.send(&tx);
                drop(select.select());
            }));
            assert!(dropped.is_err());
            tx.send(4).unwrap();
            assert_eq!(receiver.join().unwrap(), Ok(4));
        }
    });
}

/// Waits until this goroutine waits in a receive.
fn wait_until_it_receives<T>(handle: &JoinHandle<T>) {
    let line = format!("goroutine {} [chan receive", handle.goroutine().id());
    wait_until(|| {
        let mut all = Vec::new();
        runtime::dump(&mut all).unwrap();
        String::from_utf8(all).unwrap().contains(&line)
    });
}

#[test]
fn a_withdrawn_choice_leaves_the_receiver_its_turn() {
    goroutine(|| {
        let (tx, rx) = bounded::<i32>(0);
        let receivers: Vec<_> = (0..3)
            .map(|_| {
                let rx = rx.clone();
                let receiver = sudog::spawn(move || rx.recv());
                // In the queue one after the other.
                wait_until_it_receives(&receiver);
                receiver
            })
            .collect();
        let dropped = catch_unwind(AssertUnwindSafe(|| {
            let mut select = Select::new();
            select.send(&tx);
            drop(select.select());
        }));
        assert!(dropped.is_err());
        wait_until_it_receives(&receivers[0]);
        for value in 0..3 {
            tx.send(value).unwrap();
        }
        let received: Vec<_> = receivers.into_iter().map(|r| r.join().unwrap()).collect();
        assert_eq!(received, [Ok(0), Ok(1), Ok(2)]);
    });
}

#[test]
fn the_wrong_end_is_refused() {
    goroutine(|| {
        let ((tx, rx), (_other_tx, other_rx)) = (bounded(1), bounded::<i32>(1));
        tx.send(1).unwrap();
        let refused = catch_unwind(AssertUnwindSafe(|| {
            let mut select = Select::new();
            select.recv(&rx);
            let _ = select.select().recv(&other_rx);
        }));
        let message = *refused.unwrap_err().downcast::<&str>().unwrap();
        assert_eq!(message, "passed a receiver that wasn't selected");
        assert_eq!(rx.recv(), Ok(1));
    });
}

#[test]
fn a_removed_operation_is_not_selected() {
    goroutine(|| {
        let ((tx1, rx1), (tx2, rx2)) = (unbounded(), unbounded());
        tx1.send(1).unwrap();
        tx2.send(2).unwrap();
        let mut select = Select::new();
        let first = select.recv(&rx1);
        let second = select.recv(&rx2);
        select.remove(first);
        let operation = select.select();
        assert_eq!(operation.index(), second);
        assert_eq!(operation.recv(&rx2), Ok(2));
        assert!(select.try_select().is_err());
    });
}

#[test]
fn a_biased_select_takes_the_first_that_is_ready() {
    goroutine(|| {
        let ((tx1, rx1), (tx2, rx2)) = (unbounded(), unbounded());
        for n in 0..100 {
            tx1.send(n).unwrap();
            tx2.send(n).unwrap();
        }
        let mut select = Select::new_biased();
        let first = select.recv(&rx1);
        select.recv(&rx2);
        for n in 0..100 {
            let operation = select.select();
            assert_eq!(operation.index(), first);
            assert_eq!(operation.recv(&rx1), Ok(n));
        }
    });
}

#[test]
fn ready_operations_are_chosen_alike_often() {
    goroutine(|| {
        const ROUNDS: usize = 10_000;
        let channels: Vec<_> = (0..5).map(|_| unbounded()).collect();
        for (tx, _) in &channels {
            (0..ROUNDS).for_each(|n| tx.send(n).unwrap());
        }
        let mut counts = [0_usize; 5];
        let mut select = Select::new();
        channels.iter().for_each(|(_, rx)| {
            select.recv(rx);
        });
        for _ in 0..ROUNDS {
            let operation = select.select();
            let index = operation.index();
            operation.recv(&channels[index].1).unwrap();
            counts[index] += 1;
        }
        let mean = (ROUNDS / 5) as f64;
        let squares = counts.iter().map(|&n| (n as f64 - mean).powi(2) / mean);
        let chi_squared: f64 = squares.sum();
        // Four degrees of freedom: more than 33 comes once in a million runs.
        assert!(chi_squared < 33.0, "{counts:?}");
    });
}

#[test]
fn ready_tells_of_an_operation_and_does_not_do_it() {
    for body in [goroutine, thread] as [fn(fn()); 2] {
        body(|| {
            let (tx, rx) = bounded(1);
            let mut select = Select::new();
            let index = select.recv(&rx);
            assert!(select.try_ready().is_err());
            assert!(select.ready_timeout(Duration::from_millis(1)).is_err());
            let sender = std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(10));
                tx.send(1).unwrap();
                tx
            });
            assert_eq!(select.ready(), index);
            assert_eq!(select.ready(), index);
            assert_eq!(rx.try_recv(), Ok(1));
            drop(sender.join().unwrap());
            assert_eq!(select.ready(), index, "closed is ready");
        });
    }
}

#[test]
fn ready_async_is_woken() {
    goroutine(|| {
        let (tx, rx) = bounded(0);
        let sender = sudog::spawn(move || tx.send(9));
        sudog::block_on(async {
            let mut select = Select::new();
            let index = select.recv(&rx);
            assert_eq!(select.ready_async().await, index);
        });
        assert_eq!(rx.recv(), Ok(9));
        sender.join().unwrap().unwrap();
    });
}

#[test]
fn selects_of_all_kinds_pass_each_value_once() {
    stress(|mut rng| {
        const VALUES: usize = 2_000;
        let capacity = rng.below(3);
        let channels: Vec<_> = (0..4).map(|_| bounded::<usize>(capacity)).collect();
        let senders: Vec<_> = (0..4)
            .map(|number| {
                let ends: Vec<_> = channels.iter().map(|(tx, _)| tx.clone()).collect();
                sudog::spawn(move || {
                    for value in 0..VALUES {
                        let mut select = Select::new();
                        ends.iter().for_each(|tx| {
                            select.send(tx);
                        });
                        let operation = select.select();
                        let index = operation.index();
                        operation
                            .send(&ends[index], number * VALUES + value)
                            .unwrap();
                    }
                })
            })
            .collect();
        let receivers: Vec<_> = (0..3)
            .map(|_| {
                let ends: Vec<_> = channels.iter().map(|(_, rx)| rx.clone()).collect();
                sudog::spawn(move || {
                    let mut values = Vec::new();
                    let mut select = Select::new();
                    ends.iter().for_each(|rx| {
                        select.recv(rx);
                    });
                    loop {
                        let operation = select.select();
                        let index = operation.index();
                        match operation.recv(&ends[index]) {
                            Ok(value) => values.push(value),
                            Err(_) => select.remove(index),
                        }
                        if select.try_ready().is_err() && ends.iter().all(|rx| rx.is_closed()) {
                            return values;
                        }
                    }
                })
            })
            .collect();
        senders.into_iter().for_each(|s| s.join().unwrap());
        drop(channels);
        let mut values: Vec<_> = receivers
            .into_iter()
            .flat_map(|r| r.join().unwrap())
            .collect();
        values.sort_unstable();
        assert_eq!(values, (0..4 * VALUES).collect::<Vec<_>>());
    });
}
