//! Sleeping: never early, in all three worlds.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};
use std::time::{Duration, Instant};

use sudog::time::{after, sleep, sleep_async, sleep_until};
use sudog::{chan, select, spawn};

use crate::support::{LIMIT, Rng, alone_on, goroutine, mostly, stress, thread, wait_until};

const MS: Duration = Duration::from_millis(1);
const US: Duration = Duration::from_micros(1);

#[test]
fn a_sleep_is_never_early() {
    for body in [goroutine, thread] as [fn(fn()); 2] {
        body(|| {
            for length in [Duration::from_nanos(1), 7 * US, 150 * US, MS, 20 * MS] {
                let start = Instant::now();
                sleep(length);
                assert!(start.elapsed() >= length, "{length:?}");
                let deadline = Instant::now() + length;
                sleep_until(deadline);
                assert!(Instant::now() >= deadline, "{length:?}");
            }
        });
    }
}

#[test]
fn times_that_have_passed_are_over_at_once() {
    for body in [goroutine, thread] as [fn(fn()); 2] {
        body(|| {
            let past = Instant::now();
            for _ in 0..10_000 {
                sleep(Duration::ZERO);
                sleep_until(past);
            }
        });
    }
}

#[test]
fn sleeps_under_a_millisecond_are_not_rounded_to_one() {
    // On a busy machine one or the other is late, but not each of them.
    goroutine(|| {
        wait_until(|| {
            let start = Instant::now();
            sleep(50 * US);
            start.elapsed() < 900 * US
        });
    });
}

#[test]
fn a_sleep_lets_others_run() {
    alone_on(1, || {
        goroutine(|| {
            let (tx, rx) = chan::bounded(1);
            spawn(move || tx.send(()).unwrap());
            while rx.try_recv().is_err() {
                sleep(MS);
            }
        });
    });
}

#[test]
fn a_thread_sleeps_without_a_runtime() {
    alone_on(1, || {
        let threads = || std::fs::read_dir("/proc/self/task").map_or(0, |all| all.count());
        let before = threads();
        sleep(2 * MS);
        sleep_until(Instant::now() + 2 * MS);
        assert_eq!(threads(), before);
    });
}

/// Go's TestOverflowSleep.
#[test]
fn a_time_too_long_never_ends_and_disturbs_no_other() {
    goroutine(|| {
        for length in [
            Duration::MAX,
            Duration::from_secs(u64::MAX / 1_000_000_000 + 1),
        ] {
            spawn(move || {
                sleep(length);
                unreachable!("{length:?} have passed");
            });
            let _never = sleep_async(length);
            select! {
                recv(after(length)) -> _ => panic!("{length:?} have passed"),
                recv(after(10 * MS)) -> _ => {}
            }
        }
    });
}

#[test]
fn sleepers_wake_in_the_order_of_their_times() {
    goroutine(|| {
        let (tx, rx) = chan::unbounded();
        let start = Instant::now();
        // Go's TestAfterQueuing. Far enough apart that the order holds on a busy machine; it is
        // asserted by the times all the same.
        for slot in [5, 3, 6, 6, 6, 1, 1, 2, 7, 9, 4, 8, 0] {
            let tx = tx.clone();
            spawn(move || {
                sleep_until(start + slot * 5 * MS);
                tx.send((slot, start.elapsed())).unwrap();
            });
        }
        drop(tx);
        let woken: Vec<_> = rx.iter().collect();
        assert_eq!(woken.len(), 13);
        for (slot, at) in woken {
            assert!(at >= slot * 5 * MS, "{slot} woke at {at:?}");
        }
    });
}

#[test]
fn many_sleepers_of_many_lengths_all_wake_and_none_early() {
    stress(|mut rng| {
        let sleepers: Vec<_> = (0..2_000)
            .map(|_| {
                let mut rng = rng.split();
                spawn(move || sleep_a_few_times(&mut rng))
            })
            .collect();
        sleepers.into_iter().for_each(|s| s.join().unwrap());
    });
}

fn sleep_a_few_times(rng: &mut Rng) {
    for _ in 0..5 {
        let length = rng.below(3_000) as u32 * US;
        let start = Instant::now();
        sleep(length);
        assert!(start.elapsed() >= length);
    }
}

/// Go's TestTimerFairness and TestAfterFuncStarvation: the queue is never empty.
#[test]
fn a_sleeper_wakes_though_others_keep_the_queue_busy() {
    for procs in [1, 2] {
        alone_on(procs, || {
            goroutine(|| {
                let (tx, rx) = chan::bounded::<()>(1);
                for _ in 0..2 {
                    let rx = rx.clone();
                    spawn(move || while rx.recv().is_ok() {});
                    let tx = tx.clone();
                    spawn(move || while tx.send(()).is_ok() {});
                }
                for _ in 0..20 {
                    sleep(100 * US);
                }
                tx.close();
            });
        });
    }
}

#[test]
fn a_sleeper_wakes_though_its_thread_is_blocked() {
    // The timer was armed on the P of the thread that blocks; the others must see to it.
    alone_on(2, || {
        goroutine(|| {
            let (done_tx, done) = std::sync::mpsc::channel();
            let (tx, rx) = chan::bounded(0);
            for _ in 0..8 {
                let tx = tx.clone();
                spawn(move || {
                    sleep(2 * MS);
                    tx.send(()).unwrap();
                });
            }
            sudog::yield_now();
            let blocker = spawn(move || done.recv_timeout(LIMIT / 2).is_ok());
            for _ in 0..8 {
                rx.recv().unwrap();
            }
            done_tx.send(()).unwrap();
            assert!(
                blocker.join().unwrap(),
                "the sleepers waited for the blocked thread"
            );
        });
    });
}

#[test]
fn async_code_sleeps_on_any_executor() {
    thread(|| {
        let start = Instant::now();
        pollster::block_on(async {
            sleep_async(5 * MS).await;
            sleep_async(Duration::ZERO).await;
            futures::join!(sleep_async(2 * MS), sleep_async(MS), sleep_async(3 * MS));
        });
        assert!(start.elapsed() >= 8 * MS);
    });
    goroutine(|| {
        let start = Instant::now();
        sudog::block_on(sleep_async(5 * MS));
        assert!(start.elapsed() >= 5 * MS);
    });
}

#[test]
fn the_time_of_a_future_counts_from_the_call() {
    thread(|| {
        let sleep = sleep_async(5 * MS);
        std::thread::sleep(6 * MS);
        let mut sleep = pin!(sleep);
        let polled = sleep.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_ready());
    });
}

struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        // A waker may use what blocks: it is not called on a thread that must not.
        assert!(sudog::current().is_some(), "called outside a goroutine");
        sleep(10 * US);
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn the_last_waker_is_woken_and_once() {
    /// False if this thread got no CPU until the sleep was over.
    fn is_woken() -> bool {
        let (first, last) = (
            Arc::new(Count(AtomicUsize::new(0))),
            Arc::new(Count(AtomicUsize::new(0))),
        );
        let start = Instant::now();
        let mut sleep = Box::pin(sleep_async(10 * MS));
        for count in [&first, &last] {
            let waker = Waker::from(Arc::clone(count));
            let polled = sleep.as_mut().poll(&mut Context::from_waker(&waker));
            if polled.is_ready() {
                assert!(start.elapsed() >= 10 * MS);
                return false;
            }
        }
        wait_until(|| last.0.load(Ordering::SeqCst) > 0);
        let waker = Waker::noop();
        assert!(
            sleep
                .as_mut()
                .poll(&mut Context::from_waker(waker))
                .is_ready()
        );
        assert_eq!(first.0.load(Ordering::SeqCst), 0);
        assert_eq!(last.0.load(Ordering::SeqCst), 1);
        true
    }
    thread(|| wait_until(is_woken));
}

#[test]
fn a_dropped_future_wakes_nobody() {
    thread(|| {
        let count = Arc::new(Count(AtomicUsize::new(0)));
        let waker = Waker::from(Arc::clone(&count));
        let mut late = 0;
        for _ in 0..100 {
            let start = Instant::now();
            let mut sleep = Box::pin(sleep_async(MS));
            let _ = sleep.as_mut().poll(&mut Context::from_waker(&waker));
            drop(sleep);
            // Where the system let us wait, it may have been dropped after its time.
            late += usize::from(start.elapsed() >= MS);
        }
        drop(waker);
        std::thread::sleep(3 * MS);
        // Those that are late may be at it still; a dropped future keeps no waker.
        wait_until(|| Arc::strong_count(&count) == 1);
        assert!(count.0.load(Ordering::SeqCst) <= late);
    });
}

/// More are due at once than a P's queue holds: those that do not fit stay where they are, since in the global
/// queue they would wait for all others.
#[test]
fn nobody_who_is_due_is_overtaken_by_many() {
    const SLEEPERS: usize = 1_000;
    alone_on(1, || {
        mostly(|| {
            let start = Instant::now() + 30 * MS;
            let woken = Arc::new(AtomicUsize::new(0));
            let sleepers: Vec<_> = (0..SLEEPERS)
                .map(|number| {
                    let woken = woken.clone();
                    spawn(move || {
                        sleep_until(start + Duration::from_nanos(number as u64));
                        woken.fetch_add(1, Ordering::Relaxed).saturating_sub(number)
                    })
                })
                .collect();
            // All fall due while the only P is in use.
            spawn(move || {
                sleep_until(start - MS);
                while Instant::now() < start + MS {}
            });
            let set_back = sleepers.into_iter().map(|sleeper| sleeper.join().unwrap());
            set_back.max() < Some(SLEEPERS / 8)
        });
    });
}
