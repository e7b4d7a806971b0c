//! What is evaluated, how often and in which order.

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
