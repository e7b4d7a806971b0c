//! Goroutines that borrow.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use sudog::chan::bounded;
use sudog::{Builder, current, scope, yield_now};

use crate::support::{goroutine, quiet_panic, rounds, settle, text, wait_until};

/// Catches the panic of `body`, whose text it returns.
fn panic_of<T>(body: impl FnOnce() -> T) -> String {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(_) => panic!("it did not panic"),
        Err(payload) => text(payload),
    }
}

/// Runs a test's body in a goroutine and on a plain thread.
fn everywhere(body: impl Fn() + Send + Copy + 'static) {
    goroutine(body);
    crate::support::thread(body);
}

#[test]
fn scoped_goroutines_borrow() {
    everywhere(|| {
        let words = [String::from("a"), String::from("b")];
        let mut count = 0;
        let joined = scope(|s| {
            let first = s.spawn(|| words[0].clone());
            s.spawn(|| count += 1);
            let second = s.spawn(|| words[1].clone());
            first.join().unwrap() + &second.join().unwrap()
        });
        assert_eq!(joined, "ab");
        assert_eq!((count, words.len()), (1, 2));
    });
}

#[test]
fn scope_returns_only_when_all_have_ended() {
    everywhere(|| {
        let ended = AtomicUsize::new(0);
        let (tx, rx) = bounded::<()>(0);
        scope(|s| {
            for _ in 0..20 {
                s.spawn(|| {
                    assert!(rx.recv().is_err());
                    yield_now();
                    ended.fetch_add(1, SeqCst);
                });
            }
            settle();
            assert_eq!(ended.load(SeqCst), 0);
            tx.close();
        });
        assert_eq!(ended.load(SeqCst), 20);
    });
}

#[test]
fn slices_can_be_shared_out() {
    everywhere(|| {
        let mut numbers: Vec<usize> = (0..1_000).collect();
        scope(|s| {
            for chunk in numbers.chunks_mut(7) {
                s.spawn(|| {
                    for n in chunk {
                        *n *= 2;
                    }
                });
            }
        });
        assert!(numbers.into_iter().eq((0..2_000).step_by(2)));
    });
}

#[test]
fn a_scoped_goroutine_may_spawn_into_the_scope() {
    everywhere(|| {
        let count = AtomicUsize::new(0);
        scope(|s| {
            for _ in 0..5 {
                s.spawn(|| {
                    for _ in 0..5 {
                        s.spawn(|| {
                            yield_now();
                            s.spawn(|| count.fetch_add(1, SeqCst));
                        });
                    }
                });
            }
        });
        assert_eq!(count.into_inner(), 25);
    });
}

#[test]
fn scopes_nest() {
    everywhere(|| {
        let mut outer = 0;
        scope(|s| {
            s.spawn(|| {
                let mut inner = [0; 10];
                scope(|s| inner.iter_mut().for_each(|n| drop(s.spawn(|| *n += 1))));
                outer = inner.iter().sum();
            });
        });
        assert_eq!(outer, 10);
    });
}

#[test]
fn a_panic_nobody_joined_is_resumed_with_its_payload() {
    everywhere(|| {
        #[derive(PartialEq, Debug)]
        struct Payload(u8);
        let result = catch_unwind(|| {
            scope(|s| {
                s.spawn(|| resume_unwind(Box::new(Payload(7))));
            });
        });
        assert_eq!(
            *result.unwrap_err().downcast::<Payload>().unwrap(),
            Payload(7)
        );
    });
}

#[test]
fn the_first_panic_is_the_one_resumed() {
    everywhere(|| {
        let panicked = panic_of(|| {
            scope(|s| {
                for name in ["first", "second"] {
                    let handle = s.spawn(move || quiet_panic(name));
                    wait_until(|| handle.is_finished());
                }
            });
        });
        assert_eq!(panicked, "first");
    });
}

#[test]
fn a_joined_panic_is_the_joiners_affair() {
    everywhere(|| {
        let seen = scope(|s| text(s.spawn(|| quiet_panic("seen")).join().unwrap_err()));
        assert_eq!(seen, "seen");

        let panicked = panic_of(|| {
            scope(|s| {
                assert!(s.spawn(|| quiet_panic("joined")).join().is_err());
                s.spawn(|| quiet_panic("not joined"));
            });
        });
        assert_eq!(panicked, "not joined");
    });
}

#[test]
fn a_panic_waits_for_the_others() {
    everywhere(|| {
        let ended = AtomicUsize::new(0);
        let panicked = panic_of(|| {
            scope(|s| {
                s.spawn(|| quiet_panic("early"));
                for _ in 0..10 {
                    s.spawn(|| {
                        settle();
                        ended.fetch_add(1, SeqCst);
                    });
                }
            });
        });
        assert_eq!((panicked.as_str(), ended.into_inner()), ("early", 10));
    });
}

#[test]
fn a_panic_of_the_body_waits_and_goes_first() {
    everywhere(|| {
        let ended = AtomicUsize::new(0);
        let panicked = panic_of(|| {
            scope(|s| {
                s.spawn(|| quiet_panic("child"));
                s.spawn(|| {
                    settle();
                    ended.fetch_add(1, SeqCst);
                });
                quiet_panic("body");
            });
        });
        assert_eq!((panicked.as_str(), ended.into_inner()), ("body", 1));
    });
}

#[test]
fn handles_tell_id_name_and_end() {
    everywhere(|| {
        scope(|s| {
            let (tx, rx) = bounded::<()>(0);
            let handle = Builder::new()
                .name(String::from("borrower"))
                .stack_size(1 << 20)
                .spawn_scoped(s, move || (rx.recv().is_err(), current().unwrap()))
                .unwrap();
            assert!(!handle.is_finished());
            assert_eq!(handle.goroutine().name(), Some("borrower"));
            let id = handle.goroutine().id();
            drop(tx);
            let (closed, inside) = handle.join().unwrap();
            assert!(closed);
            assert_eq!((inside.id(), inside.name()), (id, Some("borrower")));

            let bad = Builder::new().stack_size(usize::MAX).spawn_scoped(s, || ());
            assert_eq!(
                bad.map(|_| ()).unwrap_err().kind(),
                io::ErrorKind::InvalidInput
            );
        });
    });
}

#[test]
fn many_scopes_with_many_goroutines_end() {
    everywhere(|| {
        let total = AtomicUsize::new(0);
        for _ in 0..rounds(50) {
            scope(|s| {
                for n in 0..50 {
                    let total = &total;
                    s.spawn(move || {
                        if n % 3 == 0 {
                            yield_now();
                        }
                        total.fetch_add(n, SeqCst);
                    });
                }
            });
        }
        assert_eq!(total.into_inner(), rounds(50) * (0..50).sum::<usize>());
    });
}
