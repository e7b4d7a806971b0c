//! What a send arm sends.

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
