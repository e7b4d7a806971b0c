//! Models of single steps: a park against the wake that ends it, a wait's claim, going idle against
//! making work, a note.

use crate::claim::Claim;
use crate::counters::Counters;
use crate::status::{State, Status};
use crate::sys::atomic::{self, Ordering};
use crate::sys::note::Note;
use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicBool, AtomicUsize};
use loom::sync::{Arc, Mutex};
use loom::{model, thread};

/// A goroutine that parks in a queue under a lock, and a waker that takes it out.
struct Parking {
    status: Status,
    queue: Mutex<bool>,
    /// The goroutine's stack: its context, written by the M, read by whoever runs it next.
    stack: UnsafeCell<u32>,
    runs: AtomicUsize,
}

fn park_against_ready(waiting_before_commit: bool) {
    let shared = Arc::new(Parking {
        status: Status::new(),
        queue: Mutex::new(false),
        stack: UnsafeCell::new(0),
        runs: AtomicUsize::new(0),
    });
    shared.status.set(State::Running);
    let waker = shared.clone();
    let waker = thread::spawn(move || {
        if !std::mem::take(&mut *waker.queue.lock().unwrap()) {
            return;
        }
        assert!(
            waker.status.make_ready(),
            "readied while it was not waiting"
        );
        waker.stack.with(|stack| {
            // SAFETY: the goroutine is ours to run; the checker sees to it that nobody else is there.
            assert_eq!(unsafe { *stack }, 1, "run before its context was saved");
        });
        waker.runs.fetch_add(1, Ordering::Relaxed);
    });
    // The M: the lock is held since the goroutine queued itself; the commit releases it.
    let mut queue = shared.queue.lock().unwrap();
    *queue = true;
    // SAFETY: as above.
    shared.stack.with_mut(|stack| unsafe { *stack = 1 });
    if waiting_before_commit {
        shared.status.set(State::Waiting);
        drop(queue);
    } else {
        drop(queue);
        shared.status.set(State::Waiting);
    }
    waker.join().unwrap();
    let left = *shared.queue.lock().unwrap();
    assert_eq!(shared.runs.load(Ordering::Relaxed) + usize::from(left), 1);
}

#[test]
fn a_parked_goroutine_runs_once_and_whole() {
    model(|| park_against_ready(true));
}

#[test]
#[should_panic(expected = "readied while it was not waiting")]
fn waiting_must_be_said_before_the_commit() {
    model(|| park_against_ready(false));
}

#[test]
fn one_of_two_wins_a_wait_and_sees_what_was_prepared() {
    model(|| {
        let claim = Arc::new(Claim::new());
        let prepared = Arc::new(UnsafeCell::new(0));
        let stale = claim.open();
        let ticket = claim.open();
        // SAFETY: nobody else knows of it yet; the checker watches.
        prepared.with_mut(|slot| unsafe { *slot = 7 });
        let wins = Arc::new(AtomicUsize::new(0));
        let claimants: Vec<_> = (0..2)
            .map(|case| {
                let (claim, prepared, wins) = (claim.clone(), prepared.clone(), wins.clone());
                thread::spawn(move || {
                    assert!(!claim.take(stale, case), "a ticket of an earlier wait won");
                    if claim.take(ticket, case) {
                        // SAFETY: only the winner comes here; the checker watches.
                        prepared.with(|slot| assert_eq!(unsafe { *slot }, 7));
                        wins.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        claimants
            .into_iter()
            .for_each(|claimant| claimant.join().unwrap());
        assert_eq!(wins.load(Ordering::Relaxed), 1);
        assert!(!claim.is_open(ticket));
    });
}

/// One maker and one M that goes idle, as `wake_p` and `go_idle` do it.
fn idle_against_make(with_fences: bool) {
    atomic::set_without_fences_of((!with_fences).then_some("counters.rs"));
    let counters = Arc::new(Counters::new());
    let work = Arc::new(AtomicBool::new(false));
    // Made here, before it is shared; and the M spins.
    counters.start_spinning();
    let maker = {
        let (counters, work) = (counters.clone(), work.clone());
        thread::spawn(move || {
            work.store(true, Ordering::Release);
            let counts = counters.read_after_publishing();
            counts.spinning() == 0 && counts.idle() > 0 && counters.start_only_spinner()
        })
    };
    counters.add_idle();
    counters.stop_spinning();
    let found = work.load(Ordering::Acquire);
    let woken = maker.join().unwrap();
    assert!(
        found || woken,
        "work is left with a P idle and nobody awake"
    );
}

#[test]
fn work_is_found_or_an_m_is_woken() {
    model(|| idle_against_make(true));
}

#[test]
#[should_panic(expected = "work is left with a P idle and nobody awake")]
fn without_the_fences_work_is_left() {
    model(|| idle_against_make(false));
}

/// Two makers, and an M without work that was not spinning: at most one wakes, at least one if the M
/// sleeps.
#[test]
fn two_makers_wake_one_m() {
    model(|| {
        atomic::set_without_fences_of(None);
        let counters = Arc::new(Counters::new());
        let work = Arc::new(AtomicUsize::new(0));
        counters.start_spinning();
        counters.stop_spinning();
        let makers: Vec<_> = (0..2)
            .map(|_| {
                let (counters, work) = (counters.clone(), work.clone());
                thread::spawn(move || {
                    work.fetch_add(1, Ordering::Release);
                    let counts = counters.read_after_publishing();
                    counts.spinning() == 0 && counts.idle() > 0 && counters.start_only_spinner()
                })
            })
            .collect();
        counters.add_idle();
        let found = work.load(Ordering::Acquire);
        let woken = makers
            .into_iter()
            .filter(|_| true)
            .map(|m| m.join().unwrap());
        let woken = woken.filter(|&is_woken| is_woken).count();
        assert!(woken <= 1, "two were woken for one P");
        assert!(
            found == 2 || woken == 1,
            "work is left with a P idle and nobody awake"
        );
    });
}

#[test]
fn a_note_keeps_a_wake_that_comes_first_and_loses_none() {
    model(|| {
        let note = Arc::new(Note::new());
        let told = Arc::new(UnsafeCell::new(0));
        // Made before it is shared.
        assert!(!note.sleep_for(Some(std::time::Duration::ZERO)));
        let waker = {
            let (note, told) = (note.clone(), told.clone());
            thread::spawn(move || {
                // SAFETY: the sleeper looks after the wake only; the checker watches.
                told.with_mut(|word| unsafe { *word = 1 });
                note.wake();
            })
        };
        note.sleep();
        // SAFETY: as above.
        told.with(|word| assert_eq!(unsafe { *word }, 1));
        waker.join().unwrap();
    });
}
