//! The lock without its value: readers that share it, or one writer. Go's `sync.RWMutex`.
//!
//! ```text
//!   bit 31    WRITER   a writer holds it, or waits for the readers to leave: none may come in
//!   bit 30    QUEUED   readers wait in the queue
//!   bits 0..  readers that hold it, or have just found that they may not
//! ```
//!
//! Writers settle among themselves, on a mutex, who is next; so the fairness between them is that of
//! the mutex. The one who has the mutex sets WRITER, which keeps newcomers out, and waits until the
//! readers inside have left. When it unlocks, all readers that came meanwhile go in, and only then may
//! the next writer set WRITER: writers and readers take turns, and neither waits for more than one turn
//! of the others.
//!
//! 1. A reader counts itself in first and looks then: one step, that cannot fail, while no writer is
//!    about. If it finds WRITER it leaves like any reader, and comes again under the queues' lock: it
//!    goes in if WRITER is gone, else it sets QUEUED and waits.
//! 2. QUEUED changes under that lock only, is set exactly while readers wait, and that only together
//!    with WRITER. A writer's unlock takes the lock unless the word is WRITER and nothing else.
//! 3. A reader that finds as it leaves that it was the last, and WRITER, looks in the queue for the
//!    writer; a writer joins the queue only if readers are inside, which it sees under the lock.
//!    Whichever of the two is second under the lock lets the writer in.
//! 4. Readers that waited are counted in by the writer that lets them in.

use crate::runtime::{self, Outcome, Token, WaitQ, WaitReason, Woken};
use crate::sync::mutex::RawMutex;
use crate::sync::sema::{self, Wait, Waited};
use crate::sys::atomic::{AtomicU32, Ordering};
use crate::sys::lock::{Guard, Lock};
use std::panic::Location;
use std::time::Instant;

pub(in crate::sync) struct RawRwLock {
    word: AtomicU32,
    pub(super) writers: RawMutex,
    pub(super) queues: Lock<Queues>,
}

pub(super) struct Queues {
    pub(super) readers: WaitQ,
    /// The writer that has the mutex, if it waits for readers to leave.
    pub(super) writer: WaitQ,
}

const WRITER: u32 = 1 << 31;
const QUEUED: u32 = 1 << 30;
const READERS: u32 = QUEUED - 1;

/// No more readers than this may hold a lock; the rest is room for those who find that they may not.
const READERS_MAX: u32 = READERS / 2;

pub(super) type At = &'static Location<'static>;

impl RawRwLock {
    pub(super) const fn new() -> RawRwLock {
        RawRwLock {
            word: AtomicU32::new(0),
            writers: RawMutex::new(),
            queues: Lock::new(Queues {
                readers: WaitQ::new(),
                writer: WaitQ::new(),
            }),
        }
    }

    pub(super) fn has_readers(&self) -> bool {
        self.word.load(Ordering::Relaxed) & READERS != 0
    }

    pub(super) fn has_writer(&self) -> bool {
        self.word.load(Ordering::Relaxed) & (WRITER | READERS) == WRITER
    }

    #[inline]
    pub(super) fn read(&self, at: At) {
        if !self.come_in() {
            self.read_queued(Wait::new(WaitReason::RwLockRead, at, None));
        }
    }

    pub(super) fn read_until(&self, limit: Option<Instant>, at: At) -> bool {
        self.come_in() || self.read_queued(Wait::new(WaitReason::RwLockRead, at, limit))
    }

    /// Counts a reader in, if no writer is about.
    #[inline]
    pub(super) fn come_in(&self) -> bool {
        // Acquire: pairs with the Release of the writer that has left.
        let before = self.word.fetch_add(1, Ordering::Acquire);
        before < READERS_MAX || self.go_out(before)
    }

    /// A reader that may not stay leaves; false.
    #[cold]
    #[inline(never)]
    fn go_out(&self, before: u32) -> bool {
        // SAFETY: it has counted itself in.
        unsafe { self.read_unlock() };
        assert!(before & READERS < READERS_MAX, "too many readers");
        false
    }

    #[inline]
    pub(super) fn try_read(&self) -> bool {
        let may_come = |word: u32| word < READERS_MAX;
        let orders = (Ordering::Acquire, Ordering::Relaxed);
        let read = self.word.fetch_update(orders.0, orders.1, |word| {
            may_come(word).then_some(word + 1)
        });
        read.is_ok()
    }

    #[cold]
    #[inline(never)]
    fn read_queued(&self, wait: Wait) -> bool {
        let join = |_: &mut Queues| !self.come_or_join();
        let leave = |_: Token, queues: Guard<'_, Queues>, _: bool| self.reader_left(&queues);
        let waited = wait.wait(&self.queues, |queues| &mut queues.readers, join, leave);
        waited != Waited::Late
    }

    /// Counts a reader in, or marks the word for one that joins the queue; true if in. Under the lock.
    pub(super) fn come_or_join(&self) -> bool {
        let orders = (Ordering::Acquire, Ordering::Relaxed);
        let before = self.word.fetch_update(orders.0, orders.1, |word| {
            Some(if word & WRITER == 0 {
                word + 1
            } else {
                word | QUEUED
            })
        });
        before.is_ok_and(|word| word & WRITER == 0)
    }

    /// A reader has left the queue without having been let in. Under the lock.
    pub(super) fn reader_left(&self, queues: &Queues) {
        if queues.readers.is_empty() {
            let orders = (Ordering::Relaxed, Ordering::Relaxed);
            let cleared = self
                .word
                .fetch_update(orders.0, orders.1, |word| Some(word & !QUEUED));
            debug_assert!(cleared.is_ok());
        }
    }

    /// A reader leaves. Never switches.
    ///
    /// # Safety
    /// It was counted in, on behalf of the caller.
    #[inline]
    pub(super) unsafe fn read_unlock(&self) {
        // Release: pairs with the Acquire of the writer that finds no readers.
        let before = self.word.fetch_sub(1, Ordering::Release);
        if before & (WRITER | READERS) == WRITER | 1 {
            self.last_has_left();
        }
        debug_assert!(before & READERS > 0, "sync: RUnlock of unlocked RWMutex");
    }

    /// Lets the writer in that waits for the readers to leave, if one does.
    #[cold]
    #[inline(never)]
    fn last_has_left(&self) {
        let token = runtime::enter();
        let mut queues = self.queues.lock();
        let waiter = if self.is_empty() {
            // SAFETY: under the lock.
            unsafe { sema::pop(&mut queues.writer, Outcome::Done) }
        } else {
            None // who is inside by now will look
        };
        drop(queues);
        sema::ready(token, waiter);
    }

    fn is_empty(&self) -> bool {
        // Acquire: pairs with the Release of readers that have left.
        self.word.load(Ordering::Acquire) & READERS == 0
    }

    #[inline]
    pub(super) fn write(&self, at: At) {
        self.writers.lock(WaitReason::RwLockWrite, at);
        if !self.close() {
            self.drain(Wait::new(WaitReason::RwLockWrite, at, None));
        }
    }

    pub(super) fn write_until(&self, limit: Option<Instant>, at: At) -> bool {
        let reason = WaitReason::RwLockWrite;
        self.writers.lock_until(limit, reason, at)
            && (self.close() || self.drain(Wait::new(reason, at, limit)))
    }

    pub(super) fn try_write(&self) -> bool {
        if !self.writers.try_lock() {
            return false;
        }
        let is_locked = self.take_empty();
        if !is_locked {
            // SAFETY: we have just locked it.
            unsafe { self.writers.unlock() };
        }
        is_locked
    }

    #[inline]
    fn take_empty(&self) -> bool {
        let orders = (Ordering::Acquire, Ordering::Relaxed);
        self.word
            .compare_exchange(0, WRITER, orders.0, orders.1)
            .is_ok()
    }

    /// Keeps readers out from now on; true if none is inside. The caller has the writers' mutex.
    #[inline]
    pub(super) fn close(&self) -> bool {
        if self.take_empty() {
            return true;
        }
        let orders = (Ordering::Acquire, Ordering::Relaxed);
        let before = self
            .word
            .fetch_update(orders.0, orders.1, |word| Some(word | WRITER));
        before.is_ok_and(|word| word & READERS == 0)
    }

    /// Waits until the last reader has left; opens the lock again if the deadline comes first.
    #[cold]
    #[inline(never)]
    fn drain(&self, wait: Wait) -> bool {
        let join = |_: &mut Queues| self.must_drain();
        let leave = |token: Token, queues: Guard<'_, Queues>, _: bool| self.open(queues, token, 0);
        let waited = wait.wait(&self.queues, |queues| &mut queues.writer, join, leave);
        waited != Waited::Late
    }

    /// Whether the writer has to wait for readers. Under the lock.
    pub(super) fn must_drain(&self) -> bool {
        !self.is_empty()
    }

    /// The writer leaves. Never switches.
    ///
    /// # Safety
    /// The lock is held by a writer, on behalf of the caller.
    #[inline]
    pub(super) unsafe fn write_unlock(&self) {
        self.leave_for(0);
    }

    /// The writer becomes a reader. Never switches.
    ///
    /// # Safety
    /// As for `write_unlock`.
    pub(super) unsafe fn downgrade(&self) {
        self.leave_for(1);
    }

    #[inline]
    fn leave_for(&self, readers: u32) {
        let orders = (Ordering::Release, Ordering::Relaxed);
        let left = self
            .word
            .compare_exchange(WRITER, readers, orders.0, orders.1);
        match left {
            // SAFETY: the writer has the mutex.
            Ok(_) => unsafe { self.writers.unlock() },
            Err(_) => self.open_slow(readers),
        }
    }

    #[cold]
    #[inline(never)]
    fn open_slow(&self, readers: u32) {
        let token = runtime::enter();
        self.open(self.queues.lock(), token, readers);
    }

    /// Lets those readers in that wait, and `readers` more, and the next writer come.
    pub(super) fn open(&self, mut queues: Guard<'_, Queues>, token: Token, readers: u32) {
        let mut woken = Woken::default();
        // SAFETY: under the lock.
        let count = unsafe { woken.take_all(&mut queues.readers, Outcome::Done) };
        let readers = readers + count as u32;
        let orders = (Ordering::Release, Ordering::Relaxed);
        let before = self
            .word
            .fetch_update(orders.0, orders.1, |word| Some((word & READERS) + readers));
        debug_assert!(before.is_ok_and(|word| word & WRITER != 0));
        drop(queues);
        let tasks = woken.ready(&token);
        drop(token);
        // SAFETY: the writer has the mutex.
        unsafe { self.writers.unlock() };
        // Only now: a waker is the user's, and may want to write.
        tasks.wake();
    }
}
