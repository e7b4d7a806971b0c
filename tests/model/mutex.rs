//! `Mutex`: one at a time, no lost wake, and the hand-over to one who has waited long.
//!
//! All of it is real, down to the sleep on a note: the threads of a model wait on parkers, the futures
//! on tasks. What the mutex holds is a cell of the checker's, which tells two at it at once, or one that
//! does not see what the one before has left.

use crate::check;
use crate::runtime::nouns::{as_goroutine, keep};
use crate::runtime::sched;
use crate::sync::{Mutex, MutexGuard};
use crate::sys::os;
use loom::cell::Cell;
use loom::thread;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

type Count = Mutex<Cell<u32>>;

/// A mutex that was touched, see `sys::atomic`.
fn mutex() -> &'static Count {
    let mutex = keep(Mutex::new(Cell::new(0)));
    drop(mutex.try_lock());
    drop(mutex.try_lock_for(Duration::ZERO));
    mutex
}

fn add(guard: MutexGuard<'_, Cell<u32>>) {
    guard.set(guard.get() + 1);
}

fn assert_rests(mutex: &Count, count: u32) {
    let guard = mutex.try_lock().expect("nobody holds it");
    assert_eq!(guard.get(), count);
    drop(guard);
    // Whatever was left over in the word would show at the next one who has to wait.
    assert!(mutex.is_idle());
}

fn spawn(f: impl FnOnce() + 'static) -> thread::JoinHandle<()> {
    thread::spawn(f)
}

fn join_all<const N: usize>(threads: [thread::JoinHandle<()>; N]) {
    threads.into_iter().for_each(|t| t.join().unwrap());
}

#[test]
fn two_threads_take_turns() {
    check(Some(4), || {
        let mutex = mutex();
        let other = spawn(|| (0..2).for_each(|_| add(mutex.lock())));
        (0..2).for_each(|_| add(mutex.lock()));
        other.join().unwrap();
        assert_rests(mutex, 4);
    });
}

#[test]
fn three_threads_take_turns() {
    check(Some(3), || {
        let mutex = mutex();
        let others = [0; 2].map(|_| spawn(|| add(mutex.lock())));
        add(mutex.lock());
        join_all(others);
        assert_rests(mutex, 3);
    });
}

#[test]
fn one_who_has_waited_long_is_handed_the_mutex() {
    check(Some(3), || {
        let mutex = mutex();
        let waiter = spawn(|| add(mutex.lock()));
        let greedy = spawn(|| {
            (0..2).for_each(|_| {
                add(mutex.lock());
                os::pass_time();
            });
        });
        os::pass_time();
        add(mutex.lock());
        join_all([waiter, greedy]);
        assert_rests(mutex, 4);
    });
}

#[test]
fn one_who_gives_up_leaves_the_mutex_to_the_others() {
    check(Some(2), || {
        let mutex = mutex();
        let impatient = spawn(|| {
            let soon = Instant::now() + Duration::from_secs(1);
            mutex.try_lock_until(soon).into_iter().for_each(add);
        });
        let patient = spawn(|| {
            add(mutex.lock());
            os::pass_time();
        });
        add(mutex.lock());
        os::pass_time();
        join_all([impatient, patient]);
        let count = mutex.lock().get();
        assert!(count == 2 || count == 3);
        assert_rests(mutex, count);
    });
}

#[test]
fn a_fair_unlock_hands_over() {
    check(Some(3), || {
        let mutex = mutex();
        let others = [0; 2].map(|_| spawn(|| MutexGuard::unlock_fair(mutex.lock())));
        let mut guard = mutex.lock();
        MutexGuard::bump(&mut guard);
        add(guard);
        join_all(others);
        assert_rests(mutex, 1);
    });
}

/// A waker that does nothing: a future with it is polled when the model says so.
struct Nothing;

impl Wake for Nothing {
    fn wake(self: Arc<Nothing>) {}
}

#[test]
fn a_future_that_is_dropped_passes_its_turn_on() {
    check(Some(3), || {
        let mutex = mutex();
        let guard = mutex.lock();
        let waiter = spawn(|| add(mutex.lock()));
        {
            let mut lock = pin!(mutex.lock_async());
            let waker = Waker::from(Arc::new(Nothing));
            let polled = lock.as_mut().poll(&mut Context::from_waker(&waker));
            assert!(polled.is_pending());
            add(guard);
        }
        waiter.join().unwrap();
        assert_rests(mutex, 2);
    });
}

#[test]
fn a_future_that_starves_is_handed_the_mutex_or_hands_it_on() {
    for is_polled in [true, false] {
        check(Some(3), move || {
            let mutex = mutex();
            let guard = mutex.lock();
            let waiter = spawn(|| add(mutex.lock()));
            {
                let mut lock = pin!(mutex.lock_async());
                let waker = Waker::from(Arc::new(Nothing));
                let cx = &mut Context::from_waker(&waker);
                assert!(lock.as_mut().poll(cx).is_pending());
                os::pass_time();
                drop(guard);
                // Somebody may be faster; then this asks to be handed it.
                match lock.as_mut().poll(cx) {
                    Poll::Ready(guard) => add(guard),
                    Poll::Pending if is_polled => {
                        while !mutex.is_idle() && lock.as_mut().poll(cx).is_pending() {
                            thread::yield_now();
                        }
                    }
                    Poll::Pending => {}
                }
            }
            waiter.join().unwrap();
            let count = mutex.lock().get();
            assert_rests(mutex, count);
        });
    }
}

#[test]
fn a_goroutine_waits_for_a_thread() {
    check(Some(3), || {
        let sched = sched::start(1, 1);
        let mutex = mutex();
        as_goroutine(sched.ms[0], || {
            let other = spawn(|| add(mutex.lock()));
            add(mutex.lock());
            other.join().unwrap();
        });
        assert_rests(mutex, 2);
    });
}
