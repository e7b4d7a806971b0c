//! What the macros accept.

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
