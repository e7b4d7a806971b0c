//! `RwLock`: readers together or one writer, nobody forgotten.

use crate::check;
use crate::runtime::nouns::keep;
use crate::sync::{RwLock, RwLockWriteGuard};
use loom::cell::Cell;
use loom::thread;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::time::{Duration, Instant};

/// What the lock holds. Readers read it, which the checker lets many do at a time.
struct Count(Cell<u32>);

// SAFETY: the checker watches the cell.
unsafe impl Sync for Count {}

type Counted = RwLock<Count>;

fn rwlock() -> &'static Counted {
    let lock = keep(RwLock::new(Count(Cell::new(0))));
    drop(lock.try_read_for(Duration::ZERO));
    drop(lock.try_write_for(Duration::ZERO));
    lock
}

fn add(guard: RwLockWriteGuard<'_, Count>) {
    guard.0.set(guard.0.get() + 1);
}

fn assert_rests(lock: &Counted, count: u32) {
    assert_eq!(lock.try_read().expect("nobody writes").0.get(), count);
    assert_eq!(lock.try_write().expect("nobody reads").0.get(), count);
}

#[test]
fn a_writer_is_alone() {
    check(Some(3), || {
        let lock = rwlock();
        let reader = thread::spawn(|| lock.read().0.get());
        let writer = thread::spawn(|| add(lock.write()));
        add(lock.write());
        assert!(reader.join().unwrap() <= 2);
        writer.join().unwrap();
        assert_rests(lock, 2);
    });
}

#[test]
fn two_readers_and_a_writer() {
    check(Some(2), || {
        let lock = rwlock();
        let readers = [0; 2].map(|_| {
            thread::spawn(|| {
                let guard = lock.read();
                let before = guard.0.get();
                thread::yield_now();
                assert_eq!(guard.0.get(), before);
            })
        });
        add(lock.write());
        readers.into_iter().for_each(|r| r.join().unwrap());
        assert_rests(lock, 1);
    });
}

#[test]
fn one_who_gives_up_holds_nobody_back() {
    check(Some(2), || {
        let lock = rwlock();
        let soon = || Instant::now() + Duration::from_secs(1);
        let reader = thread::spawn(move || drop(lock.try_read_until(soon())));
        let writer = thread::spawn(move || lock.try_write_until(soon()).into_iter().for_each(add));
        add(lock.write());
        drop(lock.read());
        reader.join().unwrap();
        writer.join().unwrap();
        let count = lock.read().0.get();
        assert_rests(lock, count);
    });
}

#[test]
fn a_writer_becomes_a_reader() {
    check(Some(3), || {
        let lock = rwlock();
        let writer = thread::spawn(|| add(lock.write()));
        let write = lock.write();
        write.0.set(10);
        let read = RwLockWriteGuard::downgrade(write);
        assert!(read.0.get() == 10);
        drop(read);
        writer.join().unwrap();
        let count = lock.read().0.get();
        assert!(count == 11 || count == 10);
        assert_rests(lock, count);
    });
}

struct Nothing;

impl Wake for Nothing {
    fn wake(self: Arc<Nothing>) {}
}

#[test]
fn futures_that_are_dropped_let_others_in() {
    for writes in [true, false] {
        check(Some(2), move || {
            let lock = rwlock();
            let reader = thread::spawn(|| drop(lock.read()));
            let writer = thread::spawn(|| add(lock.write()));
            let waker = Waker::from(Arc::new(Nothing));
            let cx = &mut Context::from_waker(&waker);
            if writes {
                drop(pin!(lock.write_async()).poll(cx));
            } else {
                drop(pin!(lock.read_async()).poll(cx));
            }
            reader.join().unwrap();
            writer.join().unwrap();
            assert_rests(lock, 1);
        });
    }
}
