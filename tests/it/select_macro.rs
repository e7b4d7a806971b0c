//! `select!` and `select_biased!`: what they accept, when what is evaluated, and what code in the
//! arms may do. What is chosen, and what becomes of the arms that are not, is not for here.

#![deny(unused, unused_results)]

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::Duration;

use sudog::chan::{Receiver, RecvError, SendError, Sender, bounded, never, unbounded};
use sudog::{go, select, select_biased};

use crate::support::{LIMIT, settle};

const MOMENT: Duration = Duration::from_millis(1);

/// A channel that holds these values.
fn filled<T>(values: impl IntoIterator<Item = T>) -> Receiver<T> {
    let (tx, rx) = unbounded();
    for value in values {
        tx.send(value).expect("the receiver lives");
    }
    // Kept open: that it is closed would be one more thing that is ready.
    std::mem::forget(tx);
    rx
}

/// A channel without room.
fn full<T: Default>() -> (Sender<T>, Receiver<T>) {
    let (tx, rx) = bounded(1);
    tx.send(T::default()).expect("there is room");
    (tx, rx)
}

/// What was evaluated, in order.
#[derive(Default)]
struct Log(RefCell<Vec<&'static str>>);

impl Log {
    fn note<T>(&self, what: &'static str, value: T) -> T {
        self.0.borrow_mut().push(what);
        value
    }

    fn take(&self) -> Vec<&'static str> {
        self.0.take()
    }
}

mod forms {
    use super::*;

    #[sudog::test(timeout = LIMIT)]
    fn select_is_an_expression() {
        let rx = filled([20]);
        let n = select! {
            recv(rx) -> n => n.unwrap() + 1,
            recv(never::<i32>()) -> n => n.unwrap(),
        };
        assert_eq!(n, 21);
        assert_eq!(1 + select! { default => 1 }, 2);
        let boxed: Box<dyn Fn() -> i32> = select! {
            recv(rx) -> n => Box::new(move || n.unwrap()),
            default => Box::new(|| 3),
        };
        assert_eq!(boxed(), 3);
    }

    #[sudog::test(timeout = LIMIT)]
    fn commas_behind_blocks_may_be_left_out() {
        let (tx, rx) = unbounded();
        let wants = true;
        for _ in 0..2 {
            select! {
                recv(rx) -> n => { assert_eq!(n, Ok(1)); }
                send(tx, 1) -> sent, if rx.is_empty() => { sent.unwrap(); }
                recv(never::<()>()) -> _ => if wants { panic!("wanted") } else { panic!() }
                recv(never::<()>()) -> _ => match wants { true => panic!("wanted"), false => panic!() }
                default => { panic!() }
            }
        }
        select! {
            recv(rx) -> _ => {},
            default(MOMENT) => {},
        }
    }

    #[sudog::test(timeout = LIMIT)]
    fn commas_inside_parentheses_may_trail() {
        let (tx, rx) = unbounded();
        select!(send(tx, 1,) -> sent => sent.unwrap(), default(MOMENT,) => panic!(),);
        assert_eq!(select![recv(rx,) -> n => n, default() => panic!()], Ok(1));
    }

    #[sudog::test(timeout = LIMIT)]
    fn bodies_are_any_expressions() {
        let rx = filled(0..9);
        let mut last = 0;
        select! {
            recv(rx) -> n => last += n.unwrap() + 1,
            recv(never()) -> n => last = n.unwrap(),
        }
        assert_eq!(last, 1);
        assert_eq!(
            select!(recv(rx) -> n => { n }.unwrap() + 1, default => 0),
            2
        );
        assert_eq!(select!(recv(rx) -> n => [n][0], default => Ok(0)), Ok(2));
        assert_eq!(select!(recv(rx) -> n => -{ n }.unwrap(), default => 0), -3);
        let f = select!(recv(rx) -> n => move |m: i32| m + n.unwrap());
        assert_eq!(f(1), 5);
        assert_eq!(select!(recv(rx) -> n => (n,).0, default => Ok(0)), Ok(5));
    }

    #[sudog::test(timeout = LIMIT)]
    fn default_may_stand_anywhere() {
        let rx = filled([1]);
        for expected in [1, 0] {
            let n = select! {
                default => 0,
                recv(rx) -> n => n.unwrap(),
                recv(never::<()>()) -> _ => 2,
            };
            assert_eq!(n, expected);
        }
        let n = select! {
            recv(rx) -> n => n.unwrap(),
            default() => 3,
            recv(never::<()>()) -> _ => 2,
        };
        assert_eq!(n, 3);
    }

    #[sudog::test(timeout = LIMIT)]
    fn default_with_a_duration_waits_that_long() {
        let (tx, rx) = bounded::<i32>(0);
        let start = std::time::Instant::now();
        let n = select! {
            recv(rx) -> n => n.unwrap(),
            default(20 * MOMENT) => 0,
        };
        assert_eq!(n, 0);
        assert!(start.elapsed() >= 20 * MOMENT);
        go!(move || tx.send(1).unwrap());
        let n = select! {
            default(LIMIT) => 0,
            recv(rx) -> n => n.unwrap(),
        };
        assert_eq!(n, 1);
    }

    #[sudog::test(timeout = LIMIT)]
    fn default_alone_is_its_body() {
        let mut n = 0;
        select! { default => n += 1 }
        select! { default(MOMENT) => n += 1 }
        select_biased! { default => { n += 1; } }
        assert_eq!(n, 3);
    }

    #[sudog::test(timeout = LIMIT)]
    fn one_arm_waits_for_it() {
        let (tx, rx) = bounded(0);
        let handle = go!(move || rx.iter().collect::<Vec<_>>());
        let (variable, mut text) = (String::from("variable"), String::from("late"));
        select! { send(tx, variable) -> sent => sent.unwrap() }
        select! { send(tx, String::from("call")) -> sent => sent.unwrap() }
        select! { send(tx, { text.push('!'); text }) -> sent => sent.unwrap() }
        drop(tx);
        assert_eq!(handle.join().unwrap(), ["variable", "call", "late!"]);

        let (tx, rx) = bounded(0);
        let handle = go!(move || select! { recv(rx) -> n => n });
        select! { send(tx, 5) -> sent => sent.unwrap() }
        assert_eq!(handle.join().unwrap(), Ok(5));
    }

    #[sudog::test(timeout = LIMIT)]
    fn one_arm_with_default_tries_it() {
        let (tx, rx) = bounded(1);
        let (n, text) = (2, ());
        for expected in [Some(Ok(())), None] {
            assert_eq!(
                select!(send(tx, 1) -> sent => Some(sent), default => None),
                expected
            );
            assert_eq!(
                select!(send(tx, n) -> sent => Some(sent), default => None),
                None
            );
            assert_eq!(
                select!(send(tx, n + 1) -> sent => Some(sent), default => None),
                None
            );
        }
        assert_eq!(
            select!(recv(rx) -> n => Some(n), default => None),
            Some(Ok(1))
        );
        assert_eq!(select!(recv(rx) -> n => Some(n), default => None), None);
        assert_eq!(
            select!(send(tx, n) -> sent => Some(sent), default => None),
            Some(Ok(()))
        );
        assert_eq!(
            select!(recv(rx) -> n => Some(n), default => None),
            Some(Ok(2))
        );
        assert_eq!(
            select!(send(tx, n + 1) -> sent => Some(sent), default => None),
            Some(Ok(()))
        );
        drop(rx);
        assert_eq!(
            select!(send(tx, 1) -> sent => sent, default => Ok(text)),
            Err(SendError(1))
        );
        assert_eq!(
            select!(send(tx, n) -> sent => sent, default => Ok(text)),
            Err(SendError(2))
        );
        assert_eq!(
            select!(send(tx, n + 1) -> sent => sent, default => Ok(())),
            Err(SendError(3))
        );
    }

    #[sudog::test(timeout = LIMIT)]
    fn patterns_are_any_that_cannot_fail() {
        struct Pair {
            left: String,
            right: i32,
        }
        let rx = filled([Ok::<i32, i32>(1), Err(2), Ok(3), Ok(4)]);
        select! { recv(rx) -> mut n => { n = n.map(|n| n.map(|n| n + 1)); assert_eq!(n, Ok(Ok(2))); } }
        select! { recv(rx) -> ref n => assert_eq!(n, &Ok(Err(2))), default => panic!() }
        select! { recv(rx) -> ref mut n => *n = Err(RecvError), default => panic!() }
        select! { recv(rx) -> _ => {}, recv(never::<()>()) -> _ => {} }
        select! { recv(rx) -> Ok(_) | Err(_) => panic!(), default => {} }
        select! { recv(rx) -> _n @ (Ok(_) | Err(RecvError)) => panic!(), default => {} }
        let (tx, rx) = unbounded();
        let left = String::from("left");
        select! { send(tx, Pair { left, right: 1 }) -> (Ok(()) | Err(SendError(Pair { .. }))) => {} }
        let Ok(Pair { left, right }) = rx.recv() else {
            panic!()
        };
        assert_eq!((left.as_str(), right), ("left", 1));
    }

    #[sudog::test(timeout = LIMIT)]
    fn first_ready_arm_is_chosen_by_the_biased_one() {
        let (a, b) = (filled(0..100), filled(0..100));
        for n in 0..100 {
            select_biased! {
                recv(never()) -> m => assert_eq!(m, Ok(())),
                recv(a) -> m => assert_eq!(m, Ok(n)),
                recv(b) -> _ => panic!("the second was chosen"),
            }
        }
    }

    #[sudog::test(timeout = LIMIT)]
    fn every_ready_arm_has_its_chance() {
        let (a, b) = (filled([(); 1000]), filled([(); 1000]));
        let mut hits = [0; 2];
        for _ in 0..1000 {
            select! {
                recv(a) -> _ => hits[0] += 1,
                recv(b) -> _ => hits[1] += 1,
            }
        }
        assert!(hits.iter().all(|&hits| hits > 250), "{hits:?}");
    }

    #[sudog::test(timeout = LIMIT)]
    fn no_arms_wait_for_ever() {
        fn forever() -> ! {
            select! {}
        }
        fn number(known: Option<i32>) -> i32 {
            match known {
                Some(n) => n,
                None => select_biased! {},
            }
        }
        assert_eq!(number(Some(1)), 1);
        let handle = go!(move || forever());
        go!(move || number(None));
        settle();
        assert!(!handle.is_finished());
    }

    #[sudog::test(timeout = LIMIT)]
    fn sixty_four_arms_are_an_ordinary_number() {
        let ends: Vec<_> = (0..64).map(|_| bounded::<usize>(1)).collect();
        let rx: Vec<_> = ends.iter().map(|(_, rx)| rx).collect();
        macro_rules! arms {
            ($($i:literal)*) => { select! { $(recv(rx[$i]) -> n => ($i, n.unwrap()),)* } };
        }
        for i in [0, 1, 31, 32, 62, 63] {
            ends[i].0.send(i * i).unwrap();
            let chosen = arms!(
                0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30
                31 32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58
                59 60 61 62 63
            );
            assert_eq!(chosen, (i, i * i));
        }
    }

    #[sudog::test(timeout = LIMIT)]
    fn sixty_four_arms_of_all_kinds_are_as_well() {
        let ((tx, rx), (full, _rest)) = (bounded::<usize>(1), full::<usize>());
        let value = 9;
        macro_rules! arms {
            ($($i:literal)*) => { select! {
                $(
                    recv(rx) -> n, if $i == 40 => n.unwrap(),
                    send(full, value) -> _ => panic!(),
                    send(full, value + $i) -> _, if $i < 5 => panic!(),
                    send(full, $i) -> _ => panic!(),
                )*
                default => 0,
            } };
        }
        for expected in [7, 0] {
            tx.send(7).unwrap();
            assert_eq!(arms!(0 1 2 3 4 5 6 40 7 8 9 10 11 12 13 14), 7);
            let _ = (expected, tx.try_send(7), rx.try_recv());
        }
        assert_eq!(arms!(0 1 2 3 4 5 6 40 7 8 9 10 11 12 13 14), 0);
    }

    #[sudog::test(timeout = LIMIT)]
    fn selects_nest() {
        let (inner, outer) = (filled([1]), filled([10]));
        let (tx, rx) = unbounded();
        let sum = select! {
            recv(outer) -> n => n.unwrap() + select! {
                recv(inner) -> m => m.unwrap(),
                send(tx, select! { default => 100 }) -> _, if false => 200,
                recv(select! { default => &inner }) -> m => m.unwrap(),
            },
            send(tx, select! { recv(inner) -> n => n, default => Ok(0) }.unwrap()) -> sent, if false
                => sent.map_or(0, |()| 1),
            recv(select! { default => &rx }) -> _, if select! { default => false } => 300,
        };
        assert_eq!(sum, 11);
    }

    #[sudog::test(timeout = LIMIT)]
    fn users_own_macros_pass_arms_and_parts_of_them() {
        macro_rules! first {
            ($($rx:expr => $name:ident $body:expr);*) => {
                select_biased! { $(recv($rx) -> $name => $body),* }
            };
        }
        macro_rules! offer {
            ($tx:expr, $value:expr, $result:pat => $body:block) => {
                select! { send($tx, $value) -> $result => $body default => panic!() }
            };
        }
        macro_rules! pass {
            ($($tokens:tt)*) => { select! { $($tokens)* } };
        }
        let (a, b) = (filled([1]), filled([2]));
        assert_eq!(first!(never() => n n; a => n n; &b => m m), Ok(1));
        let (tx, rx) = unbounded();
        let text = String::from("one");
        offer!(tx, text, sent => { sent.unwrap() });
        offer!(&tx, "t".to_owned() + "wo", Ok(_) | Err(_) => {});
        assert_eq!(rx.try_iter().collect::<Vec<_>>(), ["one", "two"]);
        assert_eq!(pass!(recv(b) -> n, if true => n, default => Ok(0)), Ok(2));
    }
}

mod order {
    use super::*;

    #[sudog::test(timeout = LIMIT)]
    fn guards_come_first_then_channels_then_the_duration() {
        let log = Log::default();
        let rx = filled([1]);
        let (tx, _rest) = full();
        select! {
            recv(log.note("channel 0", never::<()>())) -> _ => panic!(),
            default(log.note("duration", MOMENT)) => panic!(),
            send(log.note("channel 1", &tx), log.note("value", 1)) -> _, if log.note("guard 1", true) => panic!(),
            recv(log.note("channel 2", &rx)) -> n, if log.note("guard 2", true) => {
                let _ = log.note("body", n);
            }
            recv(log.note("channel 3", never::<()>())) -> _ => panic!(),
            recv(log.note("channel 4", never::<()>())) -> _, if log.note("guard 4", false) => panic!(),
        }
        assert_eq!(
            log.take(),
            [
                "guard 1",
                "guard 2",
                "guard 4",
                "channel 0",
                "channel 1",
                "channel 2",
                "channel 3",
                "duration",
                "body"
            ]
        );
    }

    #[sudog::test(timeout = LIMIT)]
    fn false_guard_takes_the_arm_out() {
        let (rx, wants) = (filled([1, 2]), Cell::new(false));
        for expected in [0, 1] {
            let n = select! {
                recv(rx) -> n, if wants.get() => n.unwrap(),
                default => 0,
            };
            assert_eq!(n, expected);
            wants.set(true);
        }
        let (tx, rx) = unbounded();
        let n = 3;
        select! { send(tx, n) -> _, if false => panic!(), default => {} }
        select! { send(tx, 3) -> _, if false => panic!(), default => {} }
        select! { send(tx, n + 1) -> _, if false => panic!(), default => {} }
        select! { send(tx, n) -> _, if false => panic!(), default(MOMENT) => {} }
        assert!(rx.is_empty());
    }

    #[sudog::test(timeout = LIMIT)]
    fn false_guard_evaluates_neither_channel_nor_value() {
        let log = Log::default();
        let (tx, rx) = unbounded::<i32>();
        select! {
            recv(log.note("receiver", &rx)) -> _, if false => panic!(),
            send(log.note("sender", &tx), log.note("value", 1)) -> _, if false => panic!(),
            default => {}
        }
        assert!(log.take().is_empty());
    }

    #[sudog::test(timeout = LIMIT)]
    fn guard_does_not_see_the_pattern() {
        let rx = filled([1]);
        let n = true;
        assert_eq!(select!(recv(rx) -> n, if n => n, default => Ok(0)), Ok(1));
    }

    #[sudog::test(timeout = LIMIT)]
    fn value_is_evaluated_only_for_the_chosen_arm() {
        let log = Log::default();
        let ((full, _rest), (tx, rx)) = (full(), bounded(1));
        select! {
            send(full, log.note("first", 1)) -> _ => panic!(),
            send(tx, log.note("second", 2)) -> sent => { let _ = log.note("body", sent); }
            send(full, log.note("third", 3)) -> _ => panic!(),
        }
        assert_eq!(log.take(), ["second", "body"]);
        assert_eq!(rx.recv(), Ok(2));
    }

    #[sudog::test(timeout = LIMIT)]
    fn value_is_evaluated_on_a_closed_channel_too() {
        let (tx, rx) = bounded(1);
        drop(rx);
        let log = Log::default();
        let sent = select! { send(tx, log.note("value", 1)) -> sent => sent, default => Ok(()) };
        assert_eq!((sent, log.take()), (Err(SendError(1)), vec!["value"]));
    }

    #[sudog::test(timeout = LIMIT)]
    fn constant_that_is_not_chosen_is_not_dropped() {
        struct Loud;
        impl Drop for Loud {
            fn drop(&mut self) {
                panic!("dropped");
            }
        }
        enum Command {
            Stop(Option<Loud>),
        }
        impl Command {
            const STOP: Self = Self::Stop(Some(Loud));
        }
        let (tx, rx) = bounded(1);
        tx.send(Command::Stop(None)).unwrap();
        let closed = never::<()>();
        select! { send(tx, Command::STOP) -> _ => panic!(), default => {} }
        select! {
            send(tx, Command::STOP) -> _ => panic!(),
            send(tx, Command::STOP) -> _, if false => panic!(),
            recv(closed) -> _ => panic!(),
            default(MOMENT) => {}
        }
        let Ok(Command::Stop(None)) = rx.recv() else {
            panic!()
        };
    }
}

mod values {
    use super::*;

    #[sudog::test(timeout = LIMIT)]
    fn one_variable_may_stand_in_several_arms_and_in_default() {
        let ((full, _rest), (tx, rx)) = (full::<String>(), bounded::<String>(1));
        for expected in [None, Some("text")] {
            let text = String::from("text");
            let kept = select! {
                send(full, text) -> sent => sent.err().map(|error| error.0),
                send(tx, text) -> sent => sent.err().map(|error| error.0),
                send(full, text + "!") -> sent => sent.err().map(|error| error.0),
                default => Some(text),
            };
            assert_eq!(kept.as_deref(), expected);
        }
        assert_eq!(rx.recv().as_deref(), Ok("text"));
    }

    #[sudog::test(timeout = LIMIT)]
    fn variable_that_could_not_be_sent_comes_back() {
        let (tx, rx) = bounded(1);
        drop(rx);
        for arms in 0..3 {
            let text = String::from("text");
            let sent = match arms {
                0 => select! { send(tx, text) -> sent => sent },
                1 => select! { send(tx, text) -> sent => sent, default => Ok(()) },
                _ => select! {
                    send(tx, text) -> sent => sent,
                    recv(never::<()>()) -> _ => Ok(()),
                },
            };
            assert_eq!(sent, Err(SendError(String::from("text"))));
        }
    }

    #[sudog::test(timeout = LIMIT)]
    fn variable_moves_only_when_it_is_sent() {
        let (tx, rx) = bounded(1);
        let mut waiting = vec![Box::new(3), Box::new(2), Box::new(1)];
        let mut sum = 0;
        while let Some(next) = waiting.pop() {
            select! {
                send(tx, next) -> sent => sent.unwrap(),
                recv(rx) -> n => {
                    sum += *n.unwrap();
                    waiting.push(next);
                }
            }
        }
        assert_eq!(sum + *rx.recv().unwrap(), 6);
    }

    #[sudog::test(timeout = LIMIT)]
    fn values_are_coerced_as_in_a_call_of_send() {
        fn twice(n: i32) -> i32 {
            2 * n
        }
        let (tx, rx) = bounded::<Box<dyn Fn(i32) -> i32 + Send>>(9);
        let boxed = Box::new(twice);
        select! { send(tx, boxed) -> sent => assert!(sent.is_ok()) }
        let boxed = Box::new(|n| n + 1);
        select! { send(tx, boxed) -> sent => assert!(sent.is_ok()), default => panic!() }
        let boxed = Box::new(|n| n + 2);
        select! { send(tx, boxed) -> sent => assert!(sent.is_ok()), recv(never::<()>()) -> _ => {} }
        select! { send(tx, Box::new(|n| n + 3)) -> sent => assert!(sent.is_ok()) }
        assert_eq!(
            rx.try_iter().map(|f| f(10)).collect::<Vec<_>>(),
            [20, 11, 12, 13]
        );

        let text = String::from("text");
        let (tx, rx) = bounded::<&str>(9);
        let borrowed = &text;
        select! { send(tx, borrowed) -> sent => sent.unwrap() }
        select! { send(tx, &text) -> sent => sent.unwrap() }
        select! { send(tx, "text") -> sent => sent.unwrap(), recv(never::<()>()) -> _ => {} }
        assert_eq!(rx.try_iter().collect::<Vec<_>>(), ["text"; 3]);

        let (tx, rx) = bounded::<fn(i32) -> i32>(9);
        let closure = |n| n + 1;
        select! { send(tx, closure) -> sent => assert!(sent.is_ok()) }
        select! { send(tx, twice as _) -> sent => assert!(sent.is_ok()) }
        select! { send(tx, self::LOUDER) -> sent => assert!(sent.is_ok()), recv(never::<()>()) -> _ => {} }
        assert_eq!(
            rx.try_iter().map(|f| f(10)).collect::<Vec<_>>(),
            [11, 20, 110]
        );
    }

    const LOUDER: fn(i32) -> i32 = |n| n + 100;

    #[sudog::test(timeout = LIMIT)]
    fn type_of_a_channel_may_follow_from_the_select() {
        let (tx, rx) = unbounded();
        let text = String::from("text");
        select! { send(tx, text) -> sent => sent.unwrap(), default => panic!() }
        assert_eq!(select!(recv(rx) -> n => n.unwrap().len(), default => 0), 4);
        let (tx, rx) = unbounded();
        select! { send(tx, 1) -> sent => sent.unwrap(), recv(rx) -> n => { let _: Result<u8, _> = n; } }
        let (tx, rx) = unbounded();
        select! { send(tx, Vec::new()) -> sent => sent.unwrap(), default => panic!() }
        assert_eq!(rx.recv(), Ok(Vec::<String>::new()));
    }

    #[sudog::test(timeout = LIMIT)]
    fn literals_and_constants_are_values_like_others() {
        #[derive(PartialEq, Debug, Clone, Copy)]
        enum Command {
            Stop,
        }
        const LIMIT: i32 = 3;
        #[allow(non_snake_case)]
        fn capital(tx: &Sender<String>) -> String {
            let X = String::from("text");
            select! {
                send(tx, X) -> _ => panic!(),
                send(tx, X) -> _, if false => panic!(),
                default => X,
            }
        }
        let (tx, rx) = unbounded();
        select! { send(tx, -1) -> sent => sent.unwrap() }
        select! { send(tx, LIMIT) -> sent => sent.unwrap(), default => panic!() }
        select! { send(tx, i32::MAX) -> sent => sent.unwrap(), recv(never::<()>()) -> _ => {} }
        assert_eq!(rx.try_iter().collect::<Vec<_>>(), [-1, 3, i32::MAX]);
        let (tx, rx) = unbounded();
        select! { send(tx, (Command::Stop, [1.5], &[1, 2], b"b")) -> sent => sent.unwrap() }
        assert_eq!(rx.recv(), Ok((Command::Stop, [1.5], &[1, 2], b"b")));
        let (tx, _rest) = unbounded::<Option<&[i32]>>();
        select! { send(tx, None) -> sent => sent.unwrap(), recv(never::<()>()) -> _ => {} }
        select! { send(tx, Some(&[1])) -> sent => sent.unwrap(), default => panic!() }
        let (tx, rx) = unbounded::<&[i32]>();
        select! { send(tx, &[1]) -> sent => sent.unwrap(), recv(never::<()>()) -> _ => {} }
        select! { send(tx, &[]) -> sent => sent.unwrap(), default => panic!() }
        assert_eq!(rx.len(), 2);
        let (tx, _rest) = full();
        assert_eq!(capital(&tx), "text");
    }

    #[sudog::test(timeout = LIMIT)]
    fn borrowed_variable_may_be_sent() {
        let numbers = vec![1, 2, 3];
        let (tx, rx) = bounded(3);
        for n in &numbers {
            select! { send(tx, n) -> sent => sent.unwrap(), default => panic!() }
        }
        assert_eq!(rx.try_iter().sum::<i32>(), 6);
        let mut number = 1;
        let (tx, rx) = bounded(3);
        let exclusive = &mut number;
        select! { send(tx, exclusive) -> sent => sent.unwrap(), recv(never::<()>()) -> _ => {} }
        *rx.recv().unwrap() += 1;
        drop((tx, rx));
        assert_eq!(number, 2);
    }

    #[sudog::test(timeout = LIMIT)]
    fn value_that_diverges_sends_nothing() {
        fn parse(tx: &Sender<i32>, text: &str) -> Option<()> {
            select! { send(tx, text.parse().ok()?) -> sent => sent.ok() }
        }
        let (tx, rx) = bounded(1);
        assert_eq!(parse(&tx, "no number"), None);
        assert!(rx.is_empty());
        assert_eq!(parse(&tx, "5"), Some(()));
        assert_eq!(rx.recv(), Ok(5));
        let turns = 'outer: loop {
            for n in 0.. {
                select! {
                    send(tx, match n { 3 => break 'outer n, 4 => n, _ => continue }) -> _ => panic!(),
                    recv(rx) -> _ => panic!(),
                }
            }
        };
        assert_eq!((turns, rx.is_empty()), (3, true));
        select! { send(tx, 1) -> sent => sent.unwrap(), default => panic!() }
    }
}

mod flow {
    use super::*;

    #[sudog::test(timeout = LIMIT)]
    fn return_leaves_the_function() {
        fn first(rx: &Receiver<i32>) -> Option<i32> {
            let _: () = select! {
                recv(rx) -> n => return n.ok(),
                recv(never::<()>()) -> _ => {}
                default => return None,
            };
            unreachable!()
        }
        fn only(rx: &Receiver<i32>) -> i32 {
            select! { recv(rx) -> n => if let Ok(n) = n { return n } }
            0
        }
        assert_eq!(first(&filled([1])), Some(1));
        assert_eq!(first(&filled([])), None);
        let (_, closed) = bounded(0);
        assert_eq!((only(&filled([2])), only(&closed)), (2, 0));
    }

    #[sudog::test(timeout = LIMIT)]
    fn break_and_continue_reach_the_loop() {
        let rx = filled(0..10);
        let mut sum = 0;
        let last = loop {
            select! {
                recv(rx) -> n => match n.unwrap() {
                    n if n % 2 == 0 => continue,
                    7 => break 7,
                    n => sum += n,
                },
                default => break 0,
            }
        };
        assert_eq!((sum, last), (9, 7));
        for _ in 0..3 {
            select! { recv(rx) -> n => if n.is_ok() { break } }
        }
        assert_eq!(rx.len(), 1);
        while !rx.is_empty() {
            select! { recv(rx) -> _ => continue, default => break }
        }
    }

    #[sudog::test(timeout = LIMIT)]
    fn labels_are_seen() {
        let rx = filled(0..100);
        let mut rounds = 0;
        'outer: loop {
            rounds += 1;
            loop {
                select! {
                    recv(rx) -> n => match n.unwrap() {
                        50 => break 'outer,
                        n if n % 10 == 0 => continue 'outer,
                        _ => {}
                    },
                    default => unreachable!(),
                }
            }
        }
        assert_eq!(rounds, 6);
        let n = 'block: {
            select! { recv(rx) -> n => break 'block n.unwrap(), recv(never()) -> n => n.unwrap() }
        };
        assert_eq!(n, 51);
    }

    #[sudog::test(timeout = LIMIT)]
    fn question_mark_leaves_the_function() {
        fn next(rx: &Receiver<i32>, tx: &Sender<i32>) -> Result<i32, Box<dyn std::error::Error>> {
            Ok(select_biased! {
                recv(rx) -> n => n?,
                send(tx, rx.len() as i32) -> sent => {
                    sent?;
                    0
                }
            })
        }
        let ((tx, rx), (out, kept)) = (bounded(1), bounded(1));
        assert_eq!(next(&rx, &out).unwrap(), 0);
        tx.send(5).unwrap();
        assert_eq!(next(&rx, &out).unwrap(), 5);
        drop((tx, kept));
        assert!(next(&rx, &out).unwrap_err().is::<RecvError>());
        assert!(next(&never(), &out).unwrap_err().is::<SendError<i32>>());
    }

    #[sudog::test(timeout = LIMIT)]
    fn channel_guard_and_duration_may_leave_too() {
        fn of(ends: Option<&Receiver<i32>>, asks: Option<bool>, limit: Option<u64>) -> Option<i32> {
            select! {
                recv(ends?) -> n => n.ok(),
                recv(ends?) -> n, if asks? => n.ok(),
                default(Duration::from_millis(limit?)) => Some(0),
            }
        }
        let rx = filled([1, 2]);
        assert_eq!(of(None, Some(true), Some(1)), None);
        assert_eq!(of(Some(&rx), None, Some(1)), None);
        assert_eq!(of(Some(&rx), Some(true), None), None);
        assert_eq!(of(Some(&rx), Some(true), Some(1)), Some(1));
        assert_eq!(of(Some(&rx), Some(false), Some(1)), Some(2));
        assert_eq!(of(Some(&rx), Some(true), Some(1)), Some(0));
    }
}

mod channels {
    use super::*;

    struct Holder {
        rx: Receiver<i32>,
        list: Vec<Receiver<i32>>,
        cell: RefCell<Receiver<i32>>,
    }

    impl Holder {
        fn new() -> Self {
            Self {
                rx: filled([1, 2, 3]),
                list: vec![never(), filled([1, 2, 3])],
                cell: RefCell::new(filled([1, 2, 3])),
            }
        }

        fn shared(&self) -> &Receiver<i32> {
            &self.rx
        }

        fn exclusive(&mut self) -> &mut Receiver<i32> {
            &mut self.rx
        }

        fn made(&self) -> Receiver<i32> {
            self.rx.clone()
        }
    }

    #[sudog::test(timeout = LIMIT)]
    fn channel_may_be_a_field_an_index_or_a_call() {
        let mut holder = Holder::new();
        let mut sum = 0;
        macro_rules! takes {
            ($($rx:expr),*) => { $(
                select! { recv($rx) -> n => sum += n.unwrap() }
                select! { recv($rx) -> n => sum += n.unwrap(), default => panic!() }
                select! { recv($rx) -> n => sum += n.unwrap(), recv(never::<()>()) -> _ => {} }
                assert_eq!(std::mem::take(&mut sum), 6);
                holder = Holder::new();
            )* };
        }
        takes!(
            holder.rx,
            holder.list[1],
            holder.shared(),
            holder.made(),
            *holder.exclusive(),
            holder.exclusive(),
            holder.cell.borrow(),
            *holder.cell.borrow_mut(),
            { &holder }.rx,
            { &holder.list }.last().unwrap(),
            holder.list.get(1).unwrap_or(&never())
        );
        assert_eq!(holder.rx.len(), 3);
    }

    #[sudog::test(timeout = LIMIT)]
    fn guarded_channel_may_be_so_too() {
        let mut holder = Holder::new();
        macro_rules! takes {
            ($($rx:expr),*) => { $(
                let n = select! {
                    recv($rx) -> n, if holder.rx.len() == 3 => n.unwrap(),
                    recv(never()) -> n => n.unwrap(),
                };
                assert_eq!(n, 1);
                holder = Holder::new();
            )* };
        }
        takes!(
            holder.rx,
            holder.list[1],
            holder.shared(),
            holder.made(),
            *holder.exclusive(),
            holder.cell.borrow(),
            { &holder.list }.last().unwrap()
        );
        assert_eq!(holder.rx.len(), 3);
    }

    #[sudog::test(timeout = LIMIT)]
    fn channel_may_stand_behind_pointers() {
        let (tx, rx) = unbounded();
        let (shared, boxed) = (Arc::new(rx.clone()), Box::new(rx.clone()));
        let senders = Arc::new(vec![Box::new(tx)]);
        for n in 0..8 {
            select! { send(&senders[0], n) -> sent => sent.unwrap(), default => panic!() }
        }
        let taken = [
            select! { recv(shared) -> n => n },
            select! { recv(&shared) -> n => n, default => panic!() },
            select! { recv(boxed) -> n => n, recv(&&shared) -> n => n },
            select! { recv(&&&&rx) -> n => n, recv(&boxed) -> n => n },
            select! { recv(shared) -> n, if true => n, recv(&boxed) -> n, if true => n },
        ];
        assert_eq!(taken.map(Result::unwrap), [0, 1, 2, 3, 4]);
    }

    #[sudog::test(timeout = LIMIT)]
    fn channel_may_be_chosen_by_an_expression() {
        let (a, b) = (filled([1, 3]), filled([2, 4]));
        let mut is_first = false;
        for n in 1..=4 {
            is_first = !is_first;
            let m = select! {
                recv(if is_first { &a } else { &b }) -> m => m,
                recv(match is_first { true => never(), false => never() }) -> m => m,
                recv(if is_first { &a } else { &b }) -> m, if false => m,
            };
            assert_eq!(m, Ok(n));
        }
        select! { recv(if is_first { &a } else { &b }) -> _ => panic!(), default => {} }
        let none = a.is_closed().then_some(&a);
        select! { recv(none.unwrap_or(&never())) -> _ => panic!(), default => {} }
        select! { recv(none.unwrap_or(&never())) -> _ => panic!(), default(MOMENT) => {} }
    }

    #[sudog::test(timeout = LIMIT)]
    fn temporaries_live_until_the_choice_and_no_longer() {
        let ends = std::sync::Mutex::new((unbounded::<i32>(), 0));
        for expected in 0..3 {
            let lock = || ends.lock().unwrap();
            lock().0.0.send(expected).unwrap();
            macro_rules! takes {
                ($($rest:tt)*) => {
                    select! {
                        recv(lock().0.1) -> n => {
                            lock().1 += n.unwrap();
                        }
                        $($rest)*
                    }
                };
            }
            match expected {
                0 => takes!(),
                1 => takes!(default => panic!()),
                _ => takes!(recv(never::<()>()) -> _ => panic!()),
            }
        }
        select! {
            recv(ends.lock().unwrap().0.1) -> _ => panic!(),
            default => ends.lock().unwrap().1 += 1,
        }
        select! {
            recv(ends.lock().unwrap().0.1) -> _ => panic!(),
            default(MOMENT) => ends.lock().unwrap().1 += 1,
        }
        select! {
            send(ends.lock().unwrap().0.0, ends.lock().unwrap().1) -> sent => sent.unwrap(),
        }
        select! {
            send(ends.lock().unwrap().0.0, 1) -> sent, if true => sent.unwrap(),
            recv(never::<()>()) -> _, if ends.lock().unwrap().1 == 5 => panic!(),
        }
        let ((_tx, rx), sum) = ends.into_inner().unwrap();
        assert_eq!((rx.try_iter().collect::<Vec<_>>(), sum), (vec![5, 1], 5));
    }

    #[sudog::test(timeout = LIMIT)]
    fn bodies_may_change_and_move_what_a_channel_expression_borrowed() {
        let mut holder = Holder::new();
        select! {
            recv(holder.rx) -> _ => holder.rx = filled([7]),
            recv(holder.list[1]) -> _, if false => drop(holder),
            default => drop(holder),
        }
        holder = Holder::new();
        let n = select! {
            recv(holder.rx) -> n => {
                drop(holder);
                n
            }
            recv(holder.list[0]) -> n => {
                holder.list.clear();
                n
            }
        };
        assert_eq!(n, Ok(1));
        holder = Holder::new();
        select! { recv(holder.exclusive()) -> _ => holder.exclusive().clone_from(&never()) }
        assert!(holder.rx.is_empty());
        let mut rx = filled([filled([1])]);
        rx = select! { recv(rx) -> inner => { drop(rx); filled([inner.unwrap()]) } };
        select! { recv(rx) -> inner => drop((rx, inner)), default => drop(rx) }
    }

    #[sudog::test(timeout = LIMIT)]
    fn values_may_change_and_move_what_a_channel_expression_borrowed() {
        let (tx, rx) = unbounded::<Sender<i32>>();
        let (inner, _rest) = unbounded::<i32>();
        let mut ends = (tx, inner);
        select! {
            send(ends.0, { ends.0 = ends.0.clone(); ends.1 }) -> sent => sent.unwrap(),
            recv(never::<()>()) -> _ => drop(ends),
        }
        assert!(rx.recv().is_ok());
    }

    #[sudog::test(timeout = LIMIT)]
    fn generic_functions_may_select() {
        fn exchange<T: Clone, E, const N: usize>(
            tx: &Sender<[T; N]>,
            rx: &Receiver<Result<T, E>>,
            value: T,
        ) -> Option<T> {
            let filled = std::array::from_fn(|_| value.clone());
            select_biased! {
                recv(rx) -> n => n.ok()?.ok(),
                send(tx, filled) -> sent => sent.is_err().then_some(value),
                send(tx, [const { None }; N].map(|n| n.unwrap_or(value.clone()))) -> _ => None,
            }
        }
        let ((tx, rx), results) = (bounded(1), filled([Ok::<_, ()>("one"), Err(())]));
        assert_eq!(exchange(&tx, &results, "two"), Some("one"));
        assert_eq!(exchange(&tx, &results, "two"), None);
        assert_eq!(exchange::<_, _, 2>(&tx, &results, "two"), None);
        assert_eq!(rx.recv(), Ok(["two"; 2]));
    }

    #[sudog::test(timeout = LIMIT)]
    fn one_channel_may_stand_in_several_arms() {
        let (tx, rx) = bounded(1);
        for turn in 0..10 {
            select! {
                recv(rx) -> n => assert_eq!(n, Ok(turn - 1)),
                send(tx, turn) -> sent => sent.unwrap(),
                recv(rx) -> n => assert_eq!(n, Ok(turn - 1)),
            }
        }
    }
}

mod names {
    use super::*;

    /// As a crate that is known by another name.
    mod renamed {
        pub extern crate sudog as goroutines;
        pub use ::sudog as channels;
    }

    /// As a crate that passes the macros on.
    mod passing {
        pub mod chan {
            pub use sudog::chan::Receiver;
        }
        pub use sudog::{select, select_biased as first};
    }

    #[sudog::test(timeout = LIMIT)]
    fn crate_may_go_by_another_name() {
        use renamed::channels::select as choose;
        let rx: passing::chan::Receiver<_> = filled(0..6);
        let n = 5;
        let (tx, _rest) = unbounded();
        assert_eq!(renamed::goroutines::select! { recv(rx) -> n => n }, Ok(0));
        assert_eq!(
            renamed::channels::select_biased! { recv(rx) -> n => n, default => Ok(0) },
            Ok(1)
        );
        assert_eq!(
            passing::select! { recv(rx) -> n => n, recv(rx) -> n => n },
            Ok(2)
        );
        assert_eq!(passing::first! { recv(rx) -> n, if true => n }, Ok(3));
        assert_eq!(
            choose! { recv(rx) -> n => n, default(MOMENT) => Ok(0) },
            Ok(4)
        );
        choose! { send(tx, n) -> sent => sent.unwrap(), default => panic!() }
        choose! { send(tx, n + 1) -> sent => sent.unwrap() }
    }

    #[sudog::test(timeout = LIMIT)]
    fn names_of_the_expansion_and_of_the_user_stay_apart() {
        let (chosen, result, channel0, arm0, guard0) = (1, 2, filled([3]), 4, true);
        let (duration, variable, broken) = (MOMENT, 5, 6);
        let sum = select! {
            recv(channel0) -> n, if guard0 => n.unwrap() + chosen + result + arm0 + variable + broken,
            default(duration) => chosen + result,
        };
        assert_eq!(sum, 21);
        let (tx, channel0) = unbounded();
        let arm1 = 7;
        select! {
            send(tx, variable) -> channel1 => channel1.unwrap(),
            send(tx, result + arm1) -> _, if !guard0 => assert_eq!(chosen, broken),
        }
        select! { send(tx, chosen) -> sent => sent.unwrap() }
        select! { send(tx, result) -> sent => sent.unwrap(), default => panic!("{duration:?}") }
        assert_eq!(channel0.try_iter().collect::<Vec<_>>(), [5, 1, 2]);
    }

    #[sudog::test(timeout = LIMIT)]
    fn names_of_the_prelude_may_mean_something_else() {
        #[allow(dead_code)]
        enum Mine {
            Some,
            None,
            Ok,
            Err,
        }
        #[allow(unused_imports)]
        use Mine::*;
        struct Option;
        type Sender = Option;
        #[allow(dead_code)]
        struct Receiver(Sender);
        mod core {}
        let rx = filled([1]);
        let n = select! {
            recv(rx) -> n, if true => n.unwrap(),
            recv(never::<i32>()) -> n => n.unwrap(),
            default(MOMENT) => 0,
        };
        assert_eq!(n, 1);
        select! { recv(rx) -> _ => panic!(), default => {} }
    }
}

mod futures {
    use super::*;

    fn require_send<F: Future + Send>(future: F) -> F {
        future
    }

    async fn later<T>(value: T) -> T {
        let mut is_first = true;
        std::future::poll_fn(move |context| {
            if std::mem::take(&mut is_first) {
                context.waker().wake_by_ref();
                return std::task::Poll::Pending;
            }
            std::task::Poll::Ready(())
        })
        .await;
        value
    }

    #[sudog::test(timeout = LIMIT)]
    fn bodies_may_await_in_a_future_that_is_send() {
        let (tx, rx) = bounded::<String>(1);
        let future = require_send(async move {
            let mut log = Vec::new();
            let text = String::from("text");
            select! {
                send(tx, text) -> sent => log.push(later(sent.is_ok()).await),
                recv(rx) -> n => log.push(later(n.is_ok()).await),
                send(tx, text + "!") -> sent, if log.is_empty() => log.push(later(sent.is_ok()).await),
                default(MOMENT) => log.push(later(false).await),
            }
            select! { recv(rx) -> n => log.push(later(n).await.is_ok()) }
            select! { recv(rx) -> n => drop(later(n).await), default => log.push(later(true).await) }
            select! { send(tx, format!("{log:?}")) -> sent => drop(later(sent).await) }
            (log, rx.recv())
        });
        let (log, text) = sudog::block_on(future);
        assert_eq!(log, [true; 3]);
        assert_eq!(text.as_deref(), Ok("[true, true, true]"));
    }

    #[sudog::test(timeout = LIMIT)]
    fn channels_guards_and_durations_may_await() {
        let rx = filled([1, 2]);
        let future = require_send(async {
            let n = select! {
                recv(later(&rx).await) -> n => n,
                recv(later(&rx).await) -> n, if later(true).await => n,
                default(later(MOMENT).await) => Ok(0),
            };
            let m = select! { recv(later(&rx).await) -> n => n };
            (n, m)
        });
        assert_eq!(sudog::block_on(future), (Ok(1), Ok(2)));
    }
}
