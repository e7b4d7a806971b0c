//! `on_system_stack`: a call on the stack of the thread, which is large, and where waiting keeps it.

use std::cell::Cell;
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use sudog::chan::bounded;
use sudog::sync::{Mutex, WaitGroup};
use sudog::{
    blocking, current, goroutine_local, on_system_stack, run, scope, select, spawn, time, yield_now,
};

use crate::stacks::descend;
use crate::support::{Rng, alone_on, goroutine, quiet_panic, rounds, stress, text, wait_until};

const MIB: usize = 1 << 20;

#[test]
fn it_is_as_deep_as_a_thread() {
    goroutine(|| {
        let deep: Vec<_> = (0..4)
            .map(|_| {
                spawn(|| {
                    for _ in 0..3 {
                        on_system_stack(|| descend(6 * MIB, || ()));
                        yield_now();
                    }
                })
            })
            .collect();
        deep.into_iter().for_each(|d| d.join().unwrap());
    });
}

#[test]
fn it_borrows_and_returns_what_it_likes() {
    goroutine(|| {
        let words = Rc::new(vec!["one", "two"]);
        let mut count = 0;
        let longest = on_system_stack(|| {
            count += words.len();
            (
                words.clone(),
                *words.iter().max_by_key(|word| word.len()).unwrap(),
            )
        });
        assert_eq!((count, longest.1, Rc::strong_count(&words)), (2, "two", 2));
    });
}

/// How far the caller's frame is from a place.
#[inline(never)]
fn distance<T>(place: &T) -> usize {
    let here = black_box(0_u8);
    (std::ptr::from_ref(place) as usize).abs_diff(&raw const here as usize)
}

#[test]
fn it_is_another_stack_and_nested_calls_run_in_place() {
    goroutine(|| {
        let here = 0_u8;
        on_system_stack(|| {
            let there = 0_u8;
            assert!(distance(&here) > MIB);
            assert!(on_system_stack(|| distance(&there)) < MIB);
            // Another goroutine is on its own stack again.
            assert!(run(|| on_system_stack(|| distance(&there))) > 1000);
        });
    });
    crate::support::thread(|| {
        let here = 0_u8;
        assert!(on_system_stack(|| distance(&here)) < MIB);
    });
}

#[test]
fn a_panic_goes_on_in_the_caller() {
    goroutine(|| {
        for _ in 0..rounds(20) {
            let caught =
                catch_unwind(|| on_system_stack(|| on_system_stack(|| quiet_panic("from below"))));
            let end: Result<(), _> = caught;
            assert_eq!(text(end.unwrap_err()), "from below");
            assert!(!thread::panicking());
            yield_now();
            // Inside, too.
            on_system_stack(|| {
                let caught: Result<(), _> = catch_unwind(|| quiet_panic("caught below"));
                assert!(caught.is_err() && !thread::panicking());
            });
        }
        let dying = spawn(|| on_system_stack(|| -> () { resume_unwind(Box::new("to the end")) }));
        assert_eq!(text(dying.join().unwrap_err()), "to the end");
    });
}

/// Waits in all kinds of ways and stays where it is.
fn wait_in_place(rng: &mut Rng) {
    let (goroutine, me) = (current().unwrap().id(), thread::current().id());
    let (tx, rx) = bounded(rng.below(2));
    for n in 0..4 {
        let to = tx.clone();
        match rng.below(9) {
            0 => yield_now(),
            1 => {
                spawn(move || to.send(n));
                assert_eq!(rx.recv(), Ok(n));
            }
            2 => {
                let rx = rx.clone();
                let got = spawn(move || rx.recv());
                tx.send(n).unwrap();
                assert_eq!(got.join().unwrap(), Ok(n));
            }
            3 => time::sleep(Duration::from_micros(50)),
            4 => assert_eq!(blocking(|| thread::current().id()), me),
            5 => assert_eq!(run(|| n), n),
            6 => assert_eq!(scope(|s| s.spawn(|| n).join().unwrap()), n),
            7 => select! {
                recv(rx) -> _ => unreachable!("nobody sends"),
                default(Duration::from_micros(50)) => {}
            },
            _ => {
                let group = WaitGroup::new();
                group.go(yield_now);
                group.wait();
            }
        }
        assert_eq!(thread::current().id(), me);
        assert_eq!(current().unwrap().id(), goroutine);
    }
}

#[test]
fn waiting_keeps_the_thread_and_nobody_else() {
    stress(|mut rng| {
        scope(|s| {
            for _ in 0..12 {
                let mut rng = rng.split();
                s.spawn(move || {
                    for _ in 0..rounds(20) {
                        on_system_stack(|| wait_in_place(&mut rng));
                        yield_now();
                    }
                });
            }
        });
    });
}

#[test]
fn others_run_while_it_waits() {
    alone_on(1, || {
        goroutine(|| {
            let (tx, rx) = bounded::<()>(0);
            let arrived = Arc::new(AtomicUsize::new(0));
            let waiting: Vec<_> = (0..20)
                .map(|_| {
                    let (rx, arrived) = (rx.clone(), arrived.clone());
                    spawn(move || {
                        on_system_stack(|| {
                            arrived.fetch_add(1, SeqCst);
                            assert!(rx.recv().is_err());
                        })
                    })
                })
                .collect();
            wait_until(|| arrived.load(SeqCst) == 20);
            (0..100).for_each(|_| spawn(yield_now).join().unwrap());
            drop(tx);
            waiting.into_iter().for_each(|w| w.join().unwrap());
        });
    });
}

#[test]
fn a_drop_that_sends_works_there_too() {
    goroutine(|| {
        struct Sends(sudog::chan::Sender<bool>);
        impl Drop for Sends {
            fn drop(&mut self) {
                self.0.send(thread::panicking()).unwrap();
            }
        }
        let (tx, rx) = bounded(0);
        let dying = spawn(move || {
            on_system_stack(|| {
                let _sends = Sends(tx);
                quiet_panic("dying");
            })
        });
        assert_eq!(rx.recv(), Ok(true));
        assert_eq!(text(dying.join().unwrap_err()), "dying");
        // And a call from within a drop while the goroutine unwinds.
        struct Calls;
        impl Drop for Calls {
            fn drop(&mut self) {
                on_system_stack(|| descend(4 * MIB, yield_now));
            }
        }
        let dying = spawn(|| {
            let _calls = Calls;
            quiet_panic("dying again");
        });
        assert_eq!(text(dying.join().unwrap_err()), "dying again");
    });
}

#[test]
fn it_is_the_same_goroutine() {
    goroutine_local!(static COUNT: Cell<u32> = const { Cell::new(0) });
    goroutine(|| {
        COUNT.set(1);
        let id = current().unwrap().id();
        on_system_stack(|| {
            assert_eq!(current().unwrap().id(), id);
            COUNT.set(COUNT.get() + 1);
        });
        assert_eq!(COUNT.get(), 2);
        let lock = Mutex::new(0);
        let mut guard = lock.lock();
        blocking(|| on_system_stack(|| *guard += 1));
        let caught = catch_unwind(AssertUnwindSafe(|| on_system_stack(|| *guard += 1)));
        assert!(caught.is_ok());
        assert_eq!(*guard, 2);
    });
}
