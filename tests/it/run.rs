//! `run`: a goroutine here and now, and its result.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;

use sudog::chan::bounded;
use sudog::{current, run, spawn, yield_now};

use crate::support::{goroutine, quiet_panic, rounds, text};

#[test]
fn run_makes_a_goroutine_of_a_threads_closure() {
    crate::support::thread(|| {
        assert!(current().is_none());
        let id = run(|| current().unwrap().id());
        assert!(id > 0);
        assert!(current().is_none());
    });
}

#[test]
fn run_borrows_and_returns() {
    crate::support::thread(|| {
        let words = [String::from("a"), String::from("b")];
        let mut count = 0;
        let joined = run(|| {
            yield_now();
            count += 1;
            words.concat()
        });
        assert_eq!((joined.as_str(), count, words.len()), ("ab", 1, 2));
    });
}

#[test]
fn run_nests() {
    goroutine(|| {
        let outer = current().unwrap().id();
        let mut depths = Vec::new();
        let inner = run(|| {
            depths.push(1);
            let inner = current().unwrap().id();
            run(|| depths.push(2));
            assert_eq!(current().unwrap().id(), inner);
            inner
        });
        assert_ne!(inner, outer);
        assert_eq!(current().unwrap().id(), outer);
        assert_eq!(depths, [1, 2]);
    });
}

#[test]
fn run_lets_others_run_meanwhile() {
    goroutine(|| {
        let (tx, rx) = bounded(0);
        let (back_tx, back_rx) = bounded(0);
        let partner = spawn(move || rx.iter().for_each(|n: i32| back_tx.send(n + 1).unwrap()));
        let answer = run(|| {
            tx.send(1).unwrap();
            back_rx.recv().unwrap()
        });
        assert_eq!(answer, 2);
        drop(tx);
        partner.join().unwrap();
    });
}

#[test]
fn run_resumes_a_panic() {
    let here = || {
        let dropped = AtomicUsize::new(0);
        struct Counts<'a>(&'a AtomicUsize);
        impl Drop for Counts<'_> {
            fn drop(&mut self) {
                self.0.fetch_add(1, SeqCst);
            }
        }
        let capture = Counts(&dropped);
        let result = catch_unwind(AssertUnwindSafe(|| {
            run(move || {
                let _capture = capture;
                yield_now();
                quiet_panic("from within")
            })
        }));
        assert_eq!(text(result.unwrap_err()), "from within");
        assert_eq!(dropped.load(SeqCst), 1);
        assert!(!thread::panicking());
    };
    crate::support::thread(here);
    goroutine(here);
}

#[test]
fn many_threads_run_at_once() {
    crate::support::thread(|| {
        let total = AtomicUsize::new(0);
        thread::scope(|s| {
            for n in 0..8 {
                let total = &total;
                s.spawn(move || {
                    for _ in 0..rounds(50) {
                        run(|| {
                            yield_now();
                            total.fetch_add(n, SeqCst);
                        });
                    }
                });
            }
        });
        assert_eq!(total.into_inner(), rounds(50) * (0..8).sum::<usize>());
    });
}
