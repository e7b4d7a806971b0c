//! `Once`, `OnceLock`, `LazyLock`, `Barrier`: Go's tests (sync/once_test.go) in our words, and what is
//! ours.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use sudog::sync::{Barrier, LazyLock, Once, OnceLock};
use sudog::{scope, spawn};

use crate::support::{goroutine, quiet_panic, rounds, settle, stress, text};
use crate::traffic::Kind;

#[test]
fn only_one_runs_and_all_wait_for_it() {
    stress(|mut rng| {
        for _ in 0..rounds(50) {
            let (once, count) = (Arc::new(Once::new()), Arc::new(AtomicUsize::new(0)));
            let hands: Vec<_> = (0..6)
                .map(|_| {
                    let (once, count) = (once.clone(), count.clone());
                    Kind::any(&mut rng).spawn(move || {
                        once.call_once(|| {
                            sudog::yield_now();
                            count.fetch_add(1, SeqCst);
                        });
                        assert_eq!(count.load(SeqCst), 1);
                    })
                })
                .collect();
            hands.into_iter().for_each(|hand| hand.join());
            assert!(once.is_completed());
        }
    });
}

#[test]
fn a_call_that_panics_leaves_it_undone_for_the_next() {
    goroutine(|| {
        let once = Arc::new(Once::new());
        let (first, second) = (once.clone(), once.clone());
        let panics = spawn(move || {
            first.call_once(|| {
                settle();
                quiet_panic("no")
            });
        });
        let waits = spawn(move || second.wait());
        settle();
        assert!(panics.join().is_err());
        assert!(!once.is_completed() && !waits.is_finished());
        let mut ran = false;
        once.call_once(|| ran = true);
        assert!(ran);
        waits.join().unwrap();
        assert_eq!(format!("{once:?}"), "Once { is_completed: true }");
    });
}

#[test]
fn those_who_wait_for_a_call_that_panics_run_in_its_stead() {
    goroutine(|| {
        for _ in 0..rounds(20) {
            let (once, tries) = (Once::new(), AtomicUsize::new(0));
            scope(|s| {
                for _ in 0..5 {
                    s.spawn(|| {
                        let _ = catch_unwind(AssertUnwindSafe(|| {
                            once.call_once(|| {
                                if tries.fetch_add(1, SeqCst) < 2 {
                                    quiet_panic("not yet");
                                }
                            });
                        }));
                    });
                }
            });
            assert!(once.is_completed());
            assert_eq!(tries.load(SeqCst), 3);
        }
    });
}

#[test]
fn a_value_is_set_once() {
    let lock = OnceLock::new();
    assert_eq!(format!("{lock:?}"), "OnceLock(<uninit>)");
    assert_eq!(lock.set(1), Ok(()));
    assert_eq!(lock.set(2), Err(2));
    assert_eq!(*lock.get_or_init(|| unreachable!()), 1);
    assert_eq!((lock.get(), lock.wait()), (Some(&1), &1));
    assert_eq!(
        (lock.clone(), OnceLock::from(1)),
        (lock.clone(), lock.clone())
    );
    assert_eq!(format!("{lock:?}"), "OnceLock(1)");
    let mut lock = lock;
    *lock.get_mut().unwrap() = 3;
    assert_eq!((lock.take(), lock.take()), (Some(3), None));
    assert_eq!(lock.into_inner(), None);
}

#[test]
fn a_value_is_dropped_once() {
    let value = Arc::new(());
    let lock = OnceLock::new();
    assert!(lock.set(value.clone()).is_ok());
    let copy = lock.clone();
    assert_eq!(Arc::strong_count(&value), 3);
    drop((lock, copy, OnceLock::<Arc<()>>::new()));
    assert_eq!(Arc::strong_count(&value), 1);
}

#[test]
fn a_lazy_value_is_made_at_its_first_use_by_one() {
    static MADE: AtomicUsize = AtomicUsize::new(0);
    static VALUE: LazyLock<String> = LazyLock::new(|| {
        MADE.fetch_add(1, SeqCst);
        String::from("made")
    });
    goroutine(|| {
        assert_eq!(format!("{:?}", &VALUE), "LazyLock(<uninit>)");
        scope(|s| {
            for _ in 0..8 {
                s.spawn(|| assert_eq!(*VALUE, "made"));
            }
        });
        assert_eq!(MADE.load(SeqCst), 1);
        assert_eq!(format!("{:?}", &VALUE), "LazyLock(\"made\")");
        assert_eq!(*LazyLock::<u8>::default(), 0);
    });
}

#[test]
fn a_lazy_value_that_could_not_be_made_never_will() {
    let lazy: LazyLock<u8> = LazyLock::new(|| quiet_panic("no"));
    let force = || catch_unwind(AssertUnwindSafe(|| *LazyLock::force(&lazy)));
    assert_eq!(text(force().unwrap_err()), "no");
    let again = text(force().unwrap_err());
    let message = "this LazyLock has no value: the function that was to make it has panicked";
    assert_eq!(again, message);
}

#[test]
fn nobody_leaves_a_barrier_before_all_have_come() {
    stress(|mut rng| {
        let size = 2 + rng.below(6);
        let met = Arc::new((Barrier::new(size), AtomicUsize::new(0), AtomicUsize::new(0)));
        let hands: Vec<_> = (0..size)
            .map(|_| {
                let met = met.clone();
                Kind::any(&mut rng).spawn(move || {
                    let (barrier, came, led) = &*met;
                    for round in 1..=rounds(50) {
                        came.fetch_add(1, SeqCst);
                        led.fetch_add(usize::from(barrier.wait().is_leader()), SeqCst);
                        assert!(came.load(SeqCst) >= round * size);
                        barrier.wait();
                        assert_eq!(led.load(SeqCst), round);
                        barrier.wait();
                    }
                })
            })
            .collect();
        hands.into_iter().for_each(|hand| hand.join());
    });
    assert!(Barrier::new(0).wait().is_leader());
    assert_eq!(format!("{:?}", Barrier::new(2)), "Barrier { size: 2, .. }");
}
