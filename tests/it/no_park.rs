//! `no_park`: who holds a guard stays on its thread, and hears of a call that would have waited.

use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use sudog::chan::{Select, bounded, never, unbounded};
use sudog::sync::{Barrier, Condvar, Mutex, Once, RwLock, Semaphore, WaitGroup};
use sudog::{block_on, blocking, no_park, run, runtime, scope, select, spawn, time, yield_now};

use crate::support::{alone_on, goroutine, quiet_panic, rounds, text, wait_until};

const LONG: Duration = Duration::from_secs(50);

/// Has `f`, which would wait, refused; its message names `what`.
#[track_caller]
fn refused<T>(what: &str, f: impl FnOnce() -> T) {
    let _guard = no_park();
    let message = text(catch_unwind(AssertUnwindSafe(f)).err().expect(what));
    assert!(
        message.contains(&format!("a blocking call ({what}")),
        "{message}"
    );
    assert!(
        what == "yield_now" || message.contains("no_park.rs:"),
        "{message}"
    );
    assert!(message.contains("drop the guard"), "{message}");
}

#[test]
fn in_debug_builds_a_call_that_has_to_wait_panics_and_leaves_nothing_behind() {
    if !cfg!(debug_assertions) {
        return;
    }
    goroutine(|| {
        let (tx, rx) = bounded::<u32>(0);
        refused("chan receive", || rx.recv());
        refused("chan receive", || rx.recv_timeout(LONG));
        refused("chan receive", || rx.iter().next());
        refused("chan send", || tx.send(1));
        refused("chan send", || tx.send_timeout(1, LONG));
        refused("chan receive (nil chan)", || never::<()>().recv());
        refused("select", || {
            select! {
                recv(rx) -> _ => {}
                send(tx, 1) -> _ => {}
            }
        });
        refused("select", || {
            let mut select = Select::new();
            select.recv(&rx);
            select.ready();
        });
        // Whoever was queued is so no more.
        assert_eq!(
            (tx.try_send(1).is_err(), rx.try_recv().is_err()),
            (true, true)
        );
        let sender = spawn(move || tx.send(2));
        assert_eq!(rx.recv(), Ok(2));
        sender.join().unwrap().unwrap();

        refused("sleep", || time::sleep(Duration::from_millis(1)));
        refused("yield_now", yield_now);
        refused("join", || run(|| ()));
        refused("scope", || scope(|_| ()));
        refused("block_on", || block_on(pending::<()>()));
        refused("wait_idle", || {
            let (_tx, rx) = bounded::<()>(0);
            let _waits = spawn(move || rx.recv());
            runtime::wait_idle(LONG);
        });
        let (hold, held) = bounded::<()>(0);
        let waits = spawn(move || held.recv());
        refused("join", || waits.join());
        drop(hold);

        let group = WaitGroup::new();
        group.add(1);
        refused("sync.WaitGroup.Wait", || group.wait());
        refused("sync.WaitGroup.Wait", || group.wait_timeout(LONG));
        group.done();
        group.wait();
        let permits = Semaphore::new(1);
        let permit = permits.try_acquire(1).unwrap();
        refused("semacquire", || permits.acquire(1));
        drop(permit);
        drop(permits.acquire(1).unwrap());
        let barrier = Arc::new(Barrier::new(2));
        refused("barrier", || barrier.wait());
        let other = barrier.clone();
        let second = spawn(move || other.wait().is_leader());
        assert_ne!(barrier.wait().is_leader(), second.join().unwrap());
    });
}

#[test]
fn in_debug_builds_locks_that_are_held_are_refused() {
    if !cfg!(debug_assertions) {
        return;
    }
    goroutine(|| {
        let (lock, both) = (Mutex::new(0), RwLock::new(0));
        let (guard, reader) = (lock.lock(), both.read());
        refused("sync.Mutex.Lock", || lock.lock());
        refused("sync.Mutex.Lock", || lock.try_lock_for(LONG));
        refused("sync.RWMutex.Lock", || both.write());
        refused("sync.RWMutex.Lock", || both.try_write_for(LONG));
        drop((guard, reader));
        let (guard, writer) = (lock.lock(), both.write());
        refused("sync.RWMutex.RLock", || both.read());
        drop((guard, writer));
        *lock.lock() += 1;
        *both.write() += 1;
        assert_eq!(*lock.lock() + *both.read(), 2);

        let condition = Condvar::new();
        refused("sync.Cond.Wait", || condition.wait(&mut lock.lock()));
        assert!(!condition.notify_one());

        let once = Arc::new(Once::new());
        let (hold, held) = bounded::<()>(0);
        let theirs = once.clone();
        let began = Arc::new(AtomicUsize::new(0));
        let tell = began.clone();
        let running = spawn(move || {
            theirs.call_once(|| {
                tell.store(1, SeqCst);
                assert!(held.recv().is_err());
            })
        });
        wait_until(|| began.load(SeqCst) == 1);
        refused("once", || once.call_once(|| ()));
        drop(hold);
        running.join().unwrap();
        let _guard = no_park();
        once.call_once(|| unreachable!("done"));
    });
}

#[test]
fn what_need_not_wait_is_allowed() {
    goroutine(|| {
        let (tx, rx) = bounded(4);
        let done = spawn(|| 5);
        wait_until(|| done.is_finished());
        let _guard = no_park();
        for _ in 0..rounds(1_000) {
            tx.send(1).unwrap();
            assert_eq!(rx.recv(), Ok(1));
            assert!(rx.try_recv().is_err());
            assert!(rx.recv_deadline(Instant::now()).is_err());
            select! {
                recv(rx) -> _ => unreachable!("it is empty"),
                send(tx, 2) -> sent => sent.unwrap(),
            }
            assert_eq!(rx.recv(), Ok(2));
        }
        let (lock, both) = (Mutex::new(1), RwLock::new(1));
        assert_eq!(*lock.lock() + *both.read(), 2);
        *both.write() += 1;
        Once::new().call_once(|| ());
        Barrier::new(1).wait();
        WaitGroup::new().wait();
        drop(Semaphore::new(1).acquire(1).unwrap());
        assert_eq!(block_on(async { 3 }), 3);
        assert_eq!(blocking(|| 4), 4);
        assert_eq!(done.join().unwrap(), 5);
        spawn(|| ());
    });
}

#[test]
fn once_it_is_dropped_it_is_over() {
    goroutine(|| {
        let outer = no_park();
        let inner = no_park();
        drop(outer);
        if cfg!(debug_assertions) {
            assert!(catch_unwind(yield_now).is_err());
        }
        assert!(format!("{inner:?}").contains("NoPark"));
        drop(inner);
        yield_now();
        run(yield_now);
    });
}

#[test]
fn a_forgotten_guard_ends_with_its_goroutine() {
    goroutine(|| {
        for _ in 0..rounds(500) {
            spawn(|| std::mem::forget(no_park())).join().unwrap();
            spawn(yield_now).join().unwrap();
        }
    });
}

#[test]
fn on_a_plain_thread_it_does_nothing() {
    crate::support::thread(|| {
        let _guard = no_park();
        assert_eq!(run(|| 1), 1);
        let (tx, rx) = bounded(0);
        spawn(move || tx.send(2));
        assert_eq!(rx.recv(), Ok(2));
        time::sleep(Duration::from_millis(1));
    });
}

/// Whether a goroutine under a guard may wait at all, and is not refused.
fn waits_with_its_thread() -> bool {
    !cfg!(debug_assertions)
}

/// Waits in many ways, always on the same thread.
fn wait_in_many_ways() {
    let me = thread::current().id();
    let (tx, rx) = bounded(0);
    for n in 0..10 {
        let to = tx.clone();
        spawn(move || to.send(n));
        assert_eq!(rx.recv(), Ok(n));
        assert_eq!(thread::current().id(), me);
        yield_now();
        assert_eq!(thread::current().id(), me);
        time::sleep(Duration::from_micros(100));
        spawn(yield_now).join().unwrap();
        assert_eq!(run(|| n), n);
        assert_eq!(scope(|s| s.spawn(|| n).join().unwrap()), n);
        select! {
            recv(rx) -> _ => unreachable!("nobody sends"),
            default(Duration::from_micros(100)) => {}
        }
        assert_eq!(blocking(|| thread::current().id()), me);
        assert_eq!(thread::current().id(), me);
    }
}

#[test]
fn in_release_builds_and_while_unwinding_it_waits_with_its_thread() {
    goroutine(|| {
        let all: Vec<_> = (0..8)
            .map(|_| {
                spawn(|| {
                    if waits_with_its_thread() {
                        let _guard = no_park();
                        wait_in_many_ways();
                    }
                    struct Waits;
                    impl Drop for Waits {
                        fn drop(&mut self) {
                            let _guard = no_park();
                            wait_in_many_ways();
                        }
                    }
                    let _waits = Waits;
                    quiet_panic("unwinding")
                })
            })
            .collect();
        for one in all {
            let end: Result<(), _> = one.join();
            assert_eq!(text(end.unwrap_err()), "unwinding");
        }
    });
}

#[test]
fn others_run_while_it_waits() {
    alone_on(1, || {
        goroutine(|| {
            let count = Arc::new(AtomicUsize::new(0));
            let (tx, rx) = bounded::<()>(0);
            let theirs = count.clone();
            let waiting = spawn(move || {
                struct Waits<F: FnMut()>(F);
                impl<F: FnMut()> Drop for Waits<F> {
                    fn drop(&mut self) {
                        (self.0)();
                    }
                }
                let _waits = Waits(|| {
                    let _guard = no_park();
                    theirs.fetch_add(1, SeqCst);
                    assert!(rx.recv().is_err());
                });
                quiet_panic("waiting")
            });
            wait_until(|| count.load(SeqCst) == 1);
            (0..100).for_each(|_| spawn(yield_now).join().unwrap());
            drop(tx);
            let end: Result<(), _> = waiting.join();
            assert!(end.is_err());
        });
    });
}

#[test]
fn a_scope_waits_whatever_its_closure_leaves_behind() {
    goroutine(|| {
        let (tx, rx) = unbounded();
        let mut borrowed = 0;
        let guard = scope(|s| {
            s.spawn(|| {
                (0..20).for_each(|_| yield_now());
                borrowed += 1;
            });
            tx.send(1).unwrap();
            no_park()
        });
        drop(guard);
        assert_eq!((borrowed, rx.recv()), (1, Ok(1)));
    });
}
