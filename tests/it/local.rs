//! `goroutine_local!`: a value for each goroutine, made at first use, dropped at the end.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;

use sudog::chan::{Sender, bounded, unbounded};
use sudog::sync::WaitGroup;
use sudog::{
    Builder, LocalKey, blocking, current, go, goroutine_local, run, scope, spawn, yield_now,
};

use crate::support::{goroutine, quiet_panic, rounds, stress, text, wait_until};

/// Says that it was dropped, and on which goroutine.
struct Told {
    what: u32,
    to: Sender<(u32, Option<u64>)>,
}

impl Drop for Told {
    fn drop(&mut self) {
        let goroutine = current().map(|g| g.id());
        self.to.send((self.what, goroutine)).unwrap();
    }
}

#[test]
fn every_goroutine_has_a_value_of_its_own() {
    goroutine_local!(static N: Cell<u32> = const { Cell::new(7) });
    goroutine(|| {
        let before = N.replace(1);
        let others: Vec<_> = (0..20)
            .map(|n| {
                spawn(move || {
                    assert_eq!(N.get(), 7);
                    N.set(n);
                    yield_now();
                    N.get()
                })
            })
            .collect();
        let seen: Vec<_> = others.into_iter().map(|o| o.join().unwrap()).collect();
        assert_eq!(seen, (0..20).collect::<Vec<_>>());
        assert_eq!((before, N.get()), (7, 1));
        assert_eq!(run(|| N.get()), 7);
        assert_eq!(scope(|s| s.spawn(|| N.get()).join().unwrap()), 7);
        assert_eq!(blocking(|| N.get()), 1);
    });
}

#[test]
fn a_thread_has_one_too_and_drops_it_at_its_end() {
    goroutine_local!(static TOLD: RefCell<Option<Told>> = const { RefCell::new(None) });
    let (to, rx) = unbounded();
    let told = Told {
        what: 1,
        to: to.clone(),
    };
    thread::spawn(move || {
        TOLD.set(Some(told));
        // A goroutine started here has another.
        run(|| assert!(TOLD.with_borrow(Option::is_none)));
        assert!(TOLD.with_borrow(Option::is_some));
    })
    .join()
    .unwrap();
    assert_eq!(rx.try_recv(), Ok((1, None)));
    assert!(TOLD.with_borrow(Option::is_none));
}

#[test]
fn the_methods_are_those_of_std() {
    goroutine_local! {
        static COUNT: Cell<u32> = Cell::new(5);
        static LIST: RefCell<Vec<u32>> = RefCell::new(vec![1]);
        static TEXT: String = "text".repeat(2);
    }
    std::thread_local! {
        static STD_COUNT: Cell<u32> = const { Cell::new(5) };
        static STD_LIST: RefCell<Vec<u32>> = RefCell::new(vec![1]);
    }
    goroutine(|| {
        assert_eq!(COUNT.take(), STD_COUNT.take());
        assert_eq!(COUNT.get(), STD_COUNT.get());
        assert_eq!(COUNT.replace(2), STD_COUNT.replace(2));
        COUNT.set(3);
        assert_eq!(COUNT.with(Cell::get), 3);
        LIST.with_borrow_mut(|list| list.push(2));
        STD_LIST.with_borrow_mut(|list| list.push(2));
        assert_eq!(LIST.with_borrow(Vec::len), 2);
        assert_eq!(LIST.replace(vec![]), STD_LIST.replace(vec![]));
        LIST.set(vec![9]);
        assert_eq!(LIST.take(), [9]);
        assert_eq!(LIST.take(), []);
        assert_eq!(TEXT.try_with(String::len), Ok(8));
        assert_eq!(format!("{TEXT:?}"), "LocalKey { .. }");
    });
}

#[test]
fn set_does_not_make_the_initial_value() {
    goroutine_local! {
        static CELL: Cell<u32> = panic!("made");
        static LIST: RefCell<Vec<u32>> = panic!("made");
    }
    goroutine(|| {
        CELL.set(4);
        assert_eq!(CELL.get(), 4);
        LIST.set(vec![4]);
        assert_eq!(LIST.take(), [4]);
    });
}

#[test]
fn a_value_that_cannot_be_made_is_tried_again() {
    goroutine_local! {
        static TRIES: Cell<u32> = const { Cell::new(0) };
        static FRAIL: u32 = {
            TRIES.set(TRIES.get() + 1);
            if TRIES.get() < 3 {
                quiet_panic("not yet");
            }
            TRIES.get()
        };
    }
    goroutine(|| {
        for _ in 0..2 {
            let tried = std::panic::catch_unwind(|| FRAIL.with(|n| *n));
            assert_eq!(text(tried.unwrap_err()), "not yet");
        }
        assert_eq!(FRAIL.with(|n| *n), 3);
    });
}

#[test]
fn an_initial_value_may_ask_for_itself_and_the_outer_one_stays() {
    goroutine_local! {
        static DEPTH: Cell<u32> = const { Cell::new(0) };
        static SELF: Rc<u32> = {
            let depth = DEPTH.replace(DEPTH.get() + 1);
            if depth < 3 {
                assert_eq!(SELF.with(|inner| **inner), depth + 1);
            }
            yield_now();
            Rc::new(depth)
        };
    }
    goroutine(|| {
        let kept = SELF.with(|outer| {
            // Using it within itself is nothing special.
            SELF.with(|same| assert!(Rc::ptr_eq(same, outer)));
            outer.clone()
        });
        assert_eq!((*kept, Rc::strong_count(&kept)), (0, 2));
    });
}

macro_rules! many {
    ($($name:ident)*) => {
        goroutine_local! { $(static $name: Cell<usize> = const { Cell::new(0) };)* }
        /// More keys than a table has room for at first.
        static MANY: &[&LocalKey<Cell<usize>>] = &[$(&$name),*];
    };
}

many! {
    A0 A1 A2 A3 A4 A5 A6 A7 B0 B1 B2 B3 B4 B5 B6 B7 C0 C1 C2 C3 C4 C5 C6 C7 D0 D1 D2 D3 D4 D5 D6 D7
    E0 E1 E2 E3 E4 E5 E6 E7 F0 F1 F2 F3 F4 F5 F6 F7 G0 G1 G2 G3 G4 G5 G6 G7 H0 H1 H2 H3 H4 H5 H6 H7
}

#[test]
fn many_keys_and_goroutines_do_not_mix_values() {
    stress(|mut rng| {
        scope(|s| {
            for me in 1..=16 {
                let mut rng = rng.split();
                s.spawn(move || {
                    let mut expected = [0; 64];
                    for n in 0..rounds(500) {
                        let key = rng.below(MANY.len());
                        assert_eq!(MANY[key].get(), expected[key]);
                        expected[key] = me * 1_000_000 + n;
                        MANY[key].set(expected[key]);
                        if rng.one_in(4) {
                            yield_now();
                        }
                    }
                    let all: Vec<_> = MANY.iter().map(|key| key.get()).collect();
                    assert_eq!(all, expected);
                });
            }
        });
    });
}

#[test]
fn a_value_that_is_not_send_goes_along_from_thread_to_thread() {
    goroutine_local!(static SHARED: RefCell<Vec<Rc<u64>>> = const { RefCell::new(Vec::new()) });
    goroutine(|| {
        let threads = Mutex::new(HashSet::new());
        scope(|s| {
            for me in 0..8 {
                let threads = &threads;
                s.spawn(move || {
                    let own = Rc::new(me);
                    for _ in 0..rounds(200) {
                        SHARED.with_borrow_mut(|shared| {
                            shared.push(own.clone());
                            // The borrow is this goroutine's, wherever it goes on.
                            yield_now();
                            assert!(shared.iter().all(|rc| Rc::ptr_eq(rc, &own)));
                        });
                        threads.lock().unwrap().insert(thread::current().id());
                    }
                    assert_eq!(Rc::strong_count(&own), 1 + rounds(200));
                    drop(SHARED.take());
                    assert_eq!(Rc::strong_count(&own), 1);
                });
            }
        });
        if cfg!(sudog_chaos) && sudog::runtime::max_procs() > 1 {
            assert!(threads.lock().unwrap().len() > 1, "none has moved");
        }
    });
}

#[test]
fn values_are_dropped_before_join_returns_on_the_goroutine_and_the_last_first() {
    goroutine_local! {
        static FIRST: RefCell<Option<Told>> = const { RefCell::new(None) };
        static SECOND: RefCell<Option<Told>> = const { RefCell::new(None) };
        static THIRD: RefCell<Option<Told>> = const { RefCell::new(None) };
    }
    goroutine(|| {
        let (to, rx) = unbounded();
        for panics in [false, true] {
            let told = [1, 2, 3].map(|what| Told {
                what,
                to: to.clone(),
            });
            let handle = spawn(move || {
                let [first, second, third] = told;
                SECOND.set(Some(second));
                FIRST.set(Some(first));
                THIRD.set(Some(third));
                if panics {
                    quiet_panic("ending");
                }
            });
            let id = Some(handle.goroutine().id());
            assert_eq!(handle.join().is_err(), panics);
            let order: Vec<_> = rx.try_iter().collect();
            assert_eq!(order, [(3, id), (1, id), (2, id)]);
        }
    });
}

/// Runs a closure when dropped.
struct OnDrop(Option<Box<dyn FnOnce()>>);

impl OnDrop {
    fn new(f: impl FnOnce() + 'static) -> OnDrop {
        OnDrop(Some(Box::new(f)))
    }
}

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.take().into_iter().for_each(|f| f());
    }
}

goroutine_local! {
    static AT_END: RefCell<Vec<OnDrop>> = const { RefCell::new(Vec::new()) };
}

/// Has `f` called at the end of the goroutine.
fn at_end(f: impl FnOnce() + 'static) {
    AT_END.with_borrow_mut(|list| list.push(OnDrop::new(f)));
}

#[test]
fn a_destructor_may_do_what_a_goroutine_may() {
    goroutine(|| {
        let (tx, rx) = bounded(0);
        let handle = spawn(move || {
            at_end(move || {
                let me = current().unwrap().id();
                yield_now();
                let inner = tx.clone();
                spawn(move || inner.send(1).unwrap());
                tx.send(2).unwrap();
                assert_eq!(run(|| 3), 3);
                let group = WaitGroup::new();
                group.go(yield_now);
                group.wait();
                assert_eq!(current().unwrap().id(), me);
                tx.send(4).unwrap();
            });
        });
        let mut got: Vec<i32> = rx.iter().collect();
        got.sort_unstable();
        assert_eq!(got, [1, 2, 4]);
        handle.join().unwrap();
    });
}

#[test]
fn a_value_is_out_of_reach_while_it_is_dropped_and_afterwards() {
    goroutine_local! {
        static LATER: RefCell<Option<OnDrop>> = const { RefCell::new(None) };
        static OWN: RefCell<Option<OnDrop>> = const { RefCell::new(None) };
        static FRESH: Cell<u32> = const { Cell::new(6) };
    }
    for on_thread in [false, true] {
        let (to, rx) = unbounded();
        let body = move || {
            let tell = to.clone();
            // Dropped last, since it was made first.
            LATER.set(Some(OnDrop::new(move || {
                let with = std::panic::catch_unwind(|| OWN.with(|_| ()));
                tell.send((2, OWN.try_with(|_| ()).is_err() && with.is_err()))
                    .unwrap();
            })));
            OWN.set(Some(OnDrop::new(move || {
                let error = OWN.try_with(|_| ()).unwrap_err();
                assert_eq!(error.to_string(), "already destroyed");
                assert_eq!(format!("{error:?}"), "AccessError");
                // What is still there can be had, and what was not there yet.
                assert!(LATER.with_borrow(Option::is_some));
                to.send((1, FRESH.get() == 6)).unwrap();
            })));
        };
        match on_thread {
            true => thread::spawn(body).join().unwrap(),
            false => goroutine(body),
        }
        assert_eq!(rx.iter().collect::<Vec<_>>(), [(1, true), (2, true)]);
    }
}

#[test]
fn what_a_destructor_makes_is_dropped_too() {
    goroutine_local!(static MADE: RefCell<Option<OnDrop>> = const { RefCell::new(None) });
    goroutine(|| {
        let (tx, rx) = unbounded();
        let handle = spawn(move || {
            at_end(move || MADE.set(Some(OnDrop::new(move || tx.send(8).unwrap()))));
        });
        handle.join().unwrap();
        assert_eq!(rx.try_recv(), Ok(8));
    });
}

#[test]
fn a_result_that_nobody_takes_may_use_values_when_it_is_dropped() {
    goroutine_local! {
        static USED: Cell<u32> = const { Cell::new(0) };
        static FRESH: RefCell<Option<OnDrop>> = const { RefCell::new(None) };
    }
    struct Result(Sender<bool>);
    impl Drop for Result {
        fn drop(&mut self) {
            let is_gone = USED.try_with(|_| ()).is_err();
            let to = self.0.clone();
            // Made after the others were dropped, and not left to the next goroutine.
            FRESH.set(Some(OnDrop::new(move || to.send(is_gone).unwrap())));
        }
    }
    goroutine(|| {
        let (tx, rx) = unbounded();
        let go_on = WaitGroup::new();
        go_on.add(1);
        let wait = go_on.clone();
        drop(spawn(move || {
            USED.set(1);
            wait.wait();
            Result(tx)
        }));
        go_on.done();
        assert_eq!(rx.iter().collect::<Vec<_>>(), [true]);
    });
}

#[test]
fn a_destructor_that_panics_hurts_nobody() {
    goroutine_local!(static OTHER: RefCell<Option<OnDrop>> = const { RefCell::new(None) });
    goroutine(|| {
        for _ in 0..rounds(20) {
            let (tx, rx) = unbounded();
            let handle = spawn(move || {
                OTHER.set(Some(OnDrop::new(move || {
                    tx.send(thread::panicking()).unwrap()
                })));
                at_end(|| quiet_panic("in a destructor"));
                5
            });
            assert_eq!(handle.join().unwrap(), 5);
            assert_eq!(rx.try_recv(), Ok(false));
        }
        spawn(|| assert!(!thread::panicking())).join().unwrap();
    });
}

#[test]
fn nothing_is_left_for_a_later_goroutine() {
    goroutine_local!(static LEFT: Cell<u64> = const { Cell::new(0) });
    static DROPPED: AtomicUsize = AtomicUsize::new(0);
    goroutine_local! {
        static GUARD: OnDrop = OnDrop::new(|| assert!(DROPPED.fetch_add(1, SeqCst) < usize::MAX));
    }
    goroutine(|| {
        let count = rounds(5_000);
        for n in 0..count {
            let body = move || {
                assert_eq!(LEFT.get(), 0);
                LEFT.set(1 + n as u64);
                GUARD.with(|_| ());
            };
            match n % 3 {
                0 => spawn(body).join().unwrap(),
                1 => drop(Builder::new().name("short").spawn(body).unwrap()),
                _ => drop(go!(body)),
            }
        }
        wait_until(|| DROPPED.load(SeqCst) == count);
    });
}

#[test]
fn a_goroutine_of_a_timer_has_values_too() {
    goroutine_local!(static COUNT: Cell<u32> = const { Cell::new(0) });
    goroutine(|| {
        let (tx, rx) = bounded(1);
        for _ in 0..10 {
            let tx = tx.clone();
            let timer = sudog::time::after_func(std::time::Duration::ZERO, move || {
                COUNT.set(COUNT.get() + 1);
                let count = COUNT.get();
                at_end(move || tx.send(count).unwrap());
            });
            assert_eq!(rx.recv(), Ok(1));
            drop(timer);
        }
    });
}
