//! What code in the arms may do to the code around it.

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
