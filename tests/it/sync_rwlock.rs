//! `RwLock`: Go's tests (sync/rwmutex_test.go) in our words, and what is ours.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use sudog::chan::bounded;
use sudog::sync::{
    MappedRwLockReadGuard, MappedRwLockWriteGuard, Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard,
};
use sudog::{scope, spawn, yield_now};

use crate::support::{
    self, alone_on, goroutine, in_time, mostly, rounds, settle, stress, wait_until,
};
use crate::traffic::Kind;
use crate::worlds::World;

#[test]
fn readers_are_inside_together() {
    goroutine(|| {
        let lock = RwLock::new(());
        let (entered, entries) = bounded(0);
        let (leave, leaving) = bounded::<()>(0);
        scope(|s| {
            for _ in 0..4 {
                let (lock, entered, leaving) = (&lock, entered.clone(), leaving.clone());
                s.spawn(move || {
                    let _guard = lock.read();
                    entered.send(()).unwrap();
                    assert!(leaving.recv().is_err());
                });
            }
            // All are in before one leaves.
            (0..4).for_each(|_| entries.recv().unwrap());
            drop(leave);
        });
    });
}

/// Counts who is inside: 1 for a reader, 10000 for a writer.
#[derive(Default)]
struct Activity(AtomicUsize);

impl Activity {
    fn read(&self, yields: usize) {
        let now = self.0.fetch_add(1, SeqCst) + 1;
        assert!((1..10000).contains(&now), "{now}");
        (0..yields).for_each(|_| yield_now());
        self.0.fetch_sub(1, SeqCst);
    }

    fn write(&self, yields: usize) {
        assert_eq!(self.0.fetch_add(10000, SeqCst), 0);
        (0..yields).for_each(|_| yield_now());
        self.0.fetch_sub(10000, SeqCst);
    }
}

#[test]
fn writers_are_alone() {
    stress(|mut rng| {
        let all_rounds = in_time(rounds(100));
        for (readers, writers) in [(1, 1), (3, 1), (10, 1), (4, 4), (10, 5)] {
            let lock = Arc::new((RwLock::new(()), Activity::default()));
            let hands: Vec<_> = (0..readers + writers)
                .map(|number| {
                    let (lock, mut rng) = (lock.clone(), rng.split());
                    let rounds = all_rounds.clone();
                    let kind = Kind::any(&mut rng);
                    kind.spawn(move || {
                        let (lock, activity) = &*lock;
                        for _ in rounds {
                            let limit = Duration::from_micros(rng.below(200) as u64);
                            let (yields, hurry) = (rng.below(3), rng.below(4));
                            if number < readers {
                                let guard = match hurry {
                                    0 => lock.try_read(),
                                    1 => lock.try_read_for(limit),
                                    _ => Some(lock.read()),
                                };
                                guard.inspect(|_| activity.read(yields));
                            } else {
                                let guard = match hurry {
                                    0 => lock.try_write(),
                                    1 => lock.try_write_for(limit),
                                    _ => Some(lock.write()),
                                };
                                if let Some(guard) = guard {
                                    activity.write(yields);
                                    if rng.one_in(4) {
                                        let _guard = RwLockWriteGuard::downgrade(guard);
                                        activity.read(yields);
                                    }
                                }
                            }
                        }
                    })
                })
                .collect();
            hands.into_iter().for_each(|hand| hand.join());
            assert!(!lock.0.is_locked());
        }
    });
}

#[test]
fn goroutines_threads_and_futures_share_a_lock() {
    stress(|mut rng| {
        for _ in 0..rounds(3) {
            let lock = Arc::new(RwLock::new(0_usize));
            let hands: Vec<_> = (0..6)
                .map(|_| {
                    let (blocking, future) = (lock.clone(), lock.clone());
                    World::any(&mut rng).spawn(
                        move || {
                            for _ in 0..100 {
                                *blocking.write() += 1;
                                assert!(*blocking.read() > 0);
                            }
                        },
                        async move {
                            for _ in 0..100 {
                                *future.write_async().await += 1;
                                assert!(*future.read_async().await > 0);
                            }
                        },
                    )
                })
                .collect();
            hands.into_iter().for_each(|hand| hand.join());
            assert_eq!(*lock.read(), 600);
        }
    });
}

#[test]
fn futures_that_are_dropped_lose_nothing() {
    stress(|mut rng| {
        let lock = Arc::new(RwLock::new(0_usize));
        let hands: Vec<_> = (0..6)
            .map(|_| {
                let (lock, mut rng) = (lock.clone(), rng.split());
                Kind::any(&mut rng).spawn(move || {
                    let mut written = 0;
                    let mut cx = Context::from_waker(Waker::noop());
                    for _ in 0..rounds(200) {
                        match rng.below(4) {
                            0 => drop(lock.read()),
                            1 => {
                                *lock.write() += 1;
                                written += 1;
                            }
                            2 => drop(pin!(lock.read_async()).poll(&mut cx)),
                            _ => {
                                if let Poll::Ready(mut n) = pin!(lock.write_async()).poll(&mut cx) {
                                    *n += 1;
                                    written += 1;
                                }
                            }
                        }
                    }
                    written
                })
            })
            .collect();
        let written: usize = hands.into_iter().map(|hand| hand.join()).sum();
        assert_eq!(*lock.read(), written);
    });
}

#[test]
fn a_writer_that_waits_holds_back_readers_who_then_go_first() {
    goroutine(|| {
        mostly(|| {
            let lock = Arc::new(RwLock::new(Vec::new()));
            let reads = lock.read();
            let writer = |name| {
                let lock = lock.clone();
                spawn(move || lock.write().push(name))
            };
            let first = writer("first writer");
            wait_until(|| lock.try_read().is_none());
            let second = writer("second writer");
            settle();
            let reader = {
                let lock = lock.clone();
                spawn(move || lock.read().clone())
            };
            settle();
            assert!(reads.is_empty() && !reader.is_finished());
            drop(reads);
            // Between the two writers, though it came after both.
            let read = reader.join().unwrap();
            first.join().unwrap();
            second.join().unwrap();
            assert_eq!(lock.read().len(), 2);
            read == ["first writer"]
        });
    });
}

#[test]
fn a_writer_that_gives_up_lets_the_readers_in() {
    let here = || {
        let lock = Arc::new(RwLock::new(()));
        let reads = lock.read();
        let start = Instant::now();
        let limit = Duration::from_millis(20);
        let theirs = lock.clone();
        let writer = spawn(move || theirs.try_write_for(limit).is_some());
        wait_until(|| lock.try_read().is_none() || writer.is_finished());
        // It waits for the writer, which waits for us.
        drop(lock.read());
        assert!(start.elapsed() >= limit);
        assert!(!writer.join().unwrap());
        drop(reads);
        assert!(lock.try_write().is_some());
    };
    goroutine(here);
    support::thread(here);
}

#[test]
fn tries_with_a_limit_are_never_early() {
    let here = || {
        let lock = RwLock::new(());
        let guard = lock.write();
        for limit in [0, 1, 10].map(Duration::from_millis) {
            let start = Instant::now();
            assert!(lock.try_read_for(limit).is_none());
            assert!(lock.try_write_for(limit).is_none());
            assert!(lock.try_read_until(start + limit).is_none());
            assert!(lock.try_write_until(start + limit).is_none());
            assert!(start.elapsed() >= 2 * limit);
        }
        drop(guard);
        assert!(lock.try_read_for(Duration::ZERO).is_some());
        assert!(lock.try_write_for(Duration::MAX).is_some());
    };
    goroutine(here);
    support::thread(here);
}

#[test]
fn no_writer_comes_between_a_downgrade() {
    goroutine(|| {
        let lock = Arc::new(RwLock::new(0));
        let mut write = lock.write();
        let hands: Vec<_> = (0..4)
            .map(|n| {
                let lock = lock.clone();
                let hand = spawn(move || {
                    if n % 2 == 0 {
                        *lock.write() += 1;
                    } else {
                        assert!(*lock.read() >= 10);
                    }
                });
                settle();
                hand
            })
            .collect();
        *write = 10;
        let read = RwLockWriteGuard::downgrade(write);
        assert_eq!(*read, 10);
        settle();
        assert_eq!(*read, 10);
        drop(read);
        hands.into_iter().for_each(|hand| hand.join().unwrap());
        assert_eq!(*lock.read(), 12);
    });
}

#[test]
fn a_panic_unlocks_and_poisons_nothing() {
    goroutine(|| {
        let lock = RwLock::new(1);
        for writes in [true, false] {
            let panicked = catch_unwind(AssertUnwindSafe(|| {
                let _guards = if writes {
                    (Some(lock.write()), None)
                } else {
                    (None, Some(lock.read()))
                };
                resume_unwind(Box::new("no message"));
            }));
            assert!(panicked.is_err());
            assert_eq!(*lock.write(), 1);
        }
    });
}

#[test]
fn a_part_of_the_value_keeps_the_whole_locked() {
    let lock = RwLock::new((1, [2, 3]));
    let part = RwLockReadGuard::map(lock.read(), |all| &all.1);
    let part = MappedRwLockReadGuard::try_map(part, |part| part.get(9)).unwrap_err();
    assert!(lock.try_write().is_none() && lock.try_read().is_some());
    let part = MappedRwLockReadGuard::map(part, |part| &part[1]);
    assert_eq!(format!("{part} {part:?}"), "3 3");
    drop(part);
    let part = RwLockWriteGuard::map(lock.write(), |all| &mut all.1);
    let mut part = MappedRwLockWriteGuard::map(part, |part| &mut part[0]);
    *part += 10;
    assert!(lock.try_read().is_none());
    drop(part);
    let whole = RwLockReadGuard::try_map(lock.read(), |_| None::<&()>).unwrap_err();
    assert_eq!(*whole, (1, [12, 3]));
}

#[test]
fn a_lock_is_made_from_a_value_and_shows_it() {
    let lock = RwLock::from(3);
    assert_eq!(format!("{lock:?}"), "RwLock { data: 3 }");
    let guard = lock.write();
    assert_eq!(format!("{lock:?}"), "RwLock { data: <locked> }");
    assert!(lock.is_locked_exclusive());
    drop(guard);
    assert_eq!(RwLock::<u8>::default().into_inner(), 0);
    let unsized_value: &RwLock<[u8]> = &RwLock::new([1, 2]);
    unsized_value.write()[0] = 3;
    assert_eq!(*unsized_value.read(), [3, 2]);
}

#[test]
fn guards_are_send_and_sync_as_far_as_the_value_is() {
    fn both<T: Send + Sync>() {}
    fn send<T: Send>(_: T) {}
    both::<RwLockReadGuard<'_, u8>>();
    both::<RwLockWriteGuard<'_, u8>>();
    both::<MappedRwLockReadGuard<'_, u8>>();
    both::<MappedRwLockWriteGuard<'_, u8>>();
    let lock = RwLock::new(1);
    send(lock.read_async());
    send(lock.write_async());
}

#[test]
fn threads_alone_need_no_runtime() {
    alone_on(2, || {
        let lock = RwLock::new(0);
        std::thread::scope(|s| {
            for _ in 0..4 {
                s.spawn(|| {
                    for _ in 0..1000 {
                        *lock.write() += 1;
                        assert!(*lock.read() > 0);
                    }
                });
            }
        });
        assert_eq!(*lock.read(), 4000);
    });
}

type Reader = Pin<Box<dyn Future<Output = RwLockReadGuard<'static, u32>> + Send>>;

/// What a waker does that polls in place: it takes what was waited for, and more.
struct InPlace {
    lock: &'static RwLock<u32>,
    reader: Mutex<Option<Reader>>,
    has_written: AtomicUsize,
}

impl Wake for InPlace {
    fn wake(self: Arc<InPlace>) {
        let mut reader = self.reader.lock().take().expect("woken once");
        let Poll::Ready(guard) = reader
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        else {
            panic!("its turn has come");
        };
        drop(guard);
        if let Some(mut value) = self.lock.try_write() {
            *value += 1;
            self.has_written.store(1, SeqCst);
        }
    }
}

#[test]
fn a_waker_finds_the_lock_open() {
    let lock: &'static RwLock<u32> = Box::leak(Box::default());
    let writer = lock.write();
    let waker = Arc::new(InPlace {
        lock,
        reader: Mutex::new(Some(Box::pin(lock.read_async()))),
        has_written: AtomicUsize::new(0),
    });
    let mut reader = waker.reader.lock();
    let pinned = reader.as_mut().expect("just made").as_mut();
    let polled = pinned.poll(&mut Context::from_waker(&Waker::from(Arc::clone(&waker))));
    assert!(polled.is_pending());
    drop(reader);
    drop(writer);
    assert_eq!(waker.has_written.load(SeqCst), 1);
    assert_eq!(*lock.read(), 1);
}
