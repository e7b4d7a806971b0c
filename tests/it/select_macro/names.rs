//! How the macros are called, and the names in them.

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
