//! Selects against plain operations and against one another.
//!
//! The arms are the real ones of `select!`. Exactly one arm of a select has an effect: the values are
//! parcels, and what no arm has taken must still be there. Random choices are fixed, to the first and
//! to the last case that is ready.

use crate::chan::broken::{Rule, recv_either_by};
use crate::chan::door::{Ends, Parcel, Point, channel, two_channels};
use crate::chan::{self, try_wait, wait, wait_timeout};
use crate::check;
use crate::runtime::nouns::set_random;
use loom::thread;
use std::time::Duration;

type End = &'static Ends<Parcel>;

/// Checks `model` with each of the choices that a select of two cases has.
fn check_choices(preemptions_max: Option<usize>, model: impl Fn() + Send + Sync + Copy + 'static) {
    for number in 0..2 {
        check(preemptions_max, move || {
            set_random(number);
            model();
        });
    }
}

/// Receives from one of two channels; which, and what, if that was open.
fn recv_either(a: End, b: End) -> (usize, Option<u32>) {
    let (mut first, mut second) = (chan::recv(Some(&*a.rx)), chan::recv(Some(&*b.rx)));
    let chosen = wait::<false>(&mut [first.case(), second.case()]);
    // SAFETY: the select has chosen it.
    let received = unsafe {
        if chosen == 0 {
            first.finish()
        } else {
            second.finish()
        }
    };
    (chosen, received.ok().map(Parcel::open))
}

/// The same, unless neither has one.
fn try_recv_either(a: End, b: End) -> Option<u32> {
    let (mut first, mut second) = (chan::recv(Some(&*a.rx)), chan::recv(Some(&*b.rx)));
    let arm = match try_wait::<false>(&mut [first.case(), second.case()]) {
        0 => first,
        1 => second,
        _ => return None,
    };
    // SAFETY: the select has chosen it.
    unsafe { arm.finish() }.ok().map(Parcel::open)
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Did {
    Sent,
    Received(u32),
}

/// Sends to `a` or receives from `b`, in this order of cases or in the other.
fn send_or_recv(a: End, number: u32, b: End, is_send_first: bool) -> Did {
    let mut send = chan::value(Some(&*a.tx), Parcel::new(number));
    let mut recv = chan::recv(Some(&*b.rx));
    let chosen = if is_send_first {
        wait::<false>(&mut [send.case(), recv.case()])
    } else {
        1 - wait::<false>(&mut [recv.case(), send.case()])
    };
    // SAFETY: the select has chosen it.
    unsafe {
        if chosen == 0 {
            assert!(send.finish().is_ok());
            Did::Sent
        } else {
            Did::Received(recv.finish().map(Parcel::open).expect("open"))
        }
    }
}

fn send(ends: End, number: u32) {
    assert!(ends.tx.send(Parcel::new(number)).is_ok());
}

fn recv(ends: End) -> Option<u32> {
    ends.rx.recv().ok().map(Parcel::open)
}

fn assert_empty(ends: End) {
    assert!(ends.rx.try_recv().is_err());
}

fn a_select_and_two_sends(capacity: usize, select: fn(End, End) -> (usize, Option<u32>)) {
    let (a, b) = two_channels(capacity);
    let senders = [(a, 1), (b, 2)].map(|(ends, n)| thread::spawn(move || send(ends, n)));
    let (chosen, received) = select(a, b);
    assert_eq!(received, Some(chosen as u32 + 1));
    let (other, left) = if chosen == 0 { (b, 2) } else { (a, 1) };
    assert_eq!(recv(other), Some(left));
    senders.into_iter().for_each(|s| s.join().unwrap());
    assert_empty(a);
    assert_empty(b);
}

#[test]
fn a_select_takes_one_of_two_values_and_leaves_the_other() {
    check_choices(Some(3), || a_select_and_two_sends(0, recv_either));
    check_choices(Some(3), || a_select_and_two_sends(1, recv_either));
}

#[test]
fn the_small_copy_of_a_select_is_right() {
    check(Some(3), || {
        a_select_and_two_sends(0, |a, b| recv_either_by(Rule::None, &a.rx, &b.rx))
    });
}

#[test]
#[should_panic(expected = "left: None")]
fn a_select_without_a_contest_takes_both() {
    check(Some(3), || {
        a_select_and_two_sends(0, |a, b| recv_either_by(Rule::NoContest, &a.rx, &b.rx));
    });
}

#[test]
#[should_panic(expected = "deadlock")]
fn a_select_that_unlocks_before_it_queues_may_wait_for_ever() {
    check(Some(3), || {
        a_select_and_two_sends(0, |a, b| recv_either_by(Rule::UnlocksBetween, &a.rx, &b.rx));
    });
}

#[test]
fn a_select_and_one_send_meet() {
    for capacity in 0..2 {
        check(None, move || {
            let (a, b) = two_channels(capacity);
            let sender = thread::spawn(|| send(b, 1));
            assert_eq!(recv_either(a, b), (1, Some(1)));
            sender.join().unwrap();
        });
    }
}

#[test]
fn two_selects_share_two_values() {
    check(Some(3), || {
        let (a, b) = two_channels(1);
        let others = [(a, b), (b, a)].map(|(a, b)| thread::spawn(move || recv_either(a, b).1));
        send(a, 1);
        send(b, 2);
        let mut got = others.map(|other| other.join().unwrap());
        got.sort_unstable();
        assert_eq!(got, [Some(1), Some(2)]);
    });
}

/// Two selects that each send where the other receives: one value passes, one way.
fn two_selects_meet(is_same_order: bool) {
    let (a, b) = two_channels(0);
    let other = thread::spawn(move || send_or_recv(b, 2, a, is_same_order));
    let ours = send_or_recv(a, 1, b, true);
    let theirs = other.join().unwrap();
    let expected = match ours {
        Did::Sent => Did::Received(1),
        Did::Received(number) => {
            assert_eq!(number, 2);
            Did::Sent
        }
    };
    assert_eq!(theirs, expected);
    assert_empty(a);
    assert_empty(b);
}

#[test]
fn two_selects_on_the_same_channels_do_not_deadlock() {
    check_choices(None, || two_selects_meet(false));
    check_choices(None, || two_selects_meet(true));
}

/// Two selects receive from the same channels, named in opposite orders.
fn two_selects_in_opposite_order(rule: Rule) {
    let (a, b) = two_channels(1);
    let other = thread::spawn(move || recv_either_by(rule, &b.rx, &a.rx).1);
    send(a, 1);
    send(b, 2);
    let ours = recv_either_by(rule, &a.rx, &b.rx).1;
    assert_eq!(ours.max(other.join().unwrap()), Some(2));
}

#[test]
#[should_panic(expected = "deadlock")]
fn selects_that_lock_in_the_order_of_their_cases_deadlock() {
    check(Some(3), || {
        two_selects_in_opposite_order(Rule::LocksInOrderOfCases)
    });
}

/// A value comes to `b` before the one in `a` goes.
fn a_default_and_a_value_that_moves(try_either: fn(End, End) -> Option<u32>) {
    let (moved, (a, b)) = (Point::new(), two_channels(1));
    send(a, 1);
    let mover = thread::spawn(move || {
        send(b, 2);
        let first = a.rx.try_recv();
        moved.reach();
        first.ok().map(Parcel::open)
    });
    let _ = moved.is_reached();
    let ours = try_either(a, b);
    let theirs = mover.join().unwrap();
    assert!(
        ours.is_some(),
        "default, though one was ready at every instant"
    );
    let left = [a, b]
        .into_iter()
        .flat_map(|ends| ends.rx.try_iter().map(Parcel::open));
    let sum = left.sum::<u32>() + ours.unwrap_or(0) + theirs.unwrap_or(0);
    assert_eq!(sum, 3);
}

#[test]
fn a_default_is_not_taken_while_something_is_ready() {
    check_choices(None, || a_default_and_a_value_that_moves(try_recv_either));
    check_choices(None, || {
        a_default_and_a_value_that_moves(|a, b| try_recv_either(b, a))
    });
}

#[test]
#[should_panic(expected = "ready at every instant")]
fn a_default_after_one_try_each_is_taken_in_error() {
    check(None, || {
        a_default_and_a_value_that_moves(|a, b| {
            let second = b.rx.try_recv().or_else(|_| a.rx.try_recv());
            second.ok().map(Parcel::open)
        });
    });
}

#[test]
fn a_channel_may_stand_twice_in_a_select() {
    for capacity in 0..2 {
        check(Some(3), move || {
            let a = channel(capacity);
            let sender = thread::spawn(|| (1..=2).for_each(|n| send(a, n)));
            assert_eq!(recv_either(a, a).1, Some(1));
            assert_eq!(recv_either(a, a).1, Some(2));
            sender.join().unwrap();
            assert_empty(a);
        });
    }
}

#[test]
fn a_select_that_sends_and_receives_does_not_talk_to_itself() {
    check_choices(None, || {
        let a = channel(0);
        let other = thread::spawn(|| send_or_recv(a, 2, a, false));
        let ours = send_or_recv(a, 1, a, true);
        let theirs = other.join().unwrap();
        let one_way = (ours, theirs) == (Did::Sent, Did::Received(1));
        assert!(one_way || (ours, theirs) == (Did::Received(2), Did::Sent));
    });
    check_choices(None, || {
        let a = channel(0);
        let sender = thread::spawn(|| send(a, 1));
        assert_eq!(send_or_recv(a, 2, a, true), Did::Received(1));
        sender.join().unwrap();
    });
    check_choices(None, || {
        let a = channel(0);
        let receiver = thread::spawn(|| recv(a));
        assert_eq!(send_or_recv(a, 2, a, true), Did::Sent);
        assert_eq!(receiver.join().unwrap(), Some(2));
    });
}

#[test]
fn a_select_with_a_deadline_takes_a_value_or_leaves_both() {
    check(Some(3), || {
        let (a, b): (End, End) = two_channels(0);
        let sender = thread::spawn(move || send(b, 1));
        let (mut first, mut second) = (chan::recv(Some(&*a.rx)), chan::recv(Some(&*b.rx)));
        let limit = Duration::from_secs(10_000);
        let received = match wait_timeout::<false>(&mut [first.case(), second.case()], limit) {
            // SAFETY: the select has chosen it.
            1 => unsafe { second.finish() }.map(Parcel::open).ok(),
            2 => recv(b),
            other => panic!("nobody sends there: {other}"),
        };
        assert_eq!(received, Some(1));
        sender.join().unwrap();
    });
}

#[test]
fn a_close_ends_a_select() {
    check(Some(3), || {
        let (a, b) = two_channels(0);
        let closer = thread::spawn(|| assert!(a.tx.close()));
        let sender = thread::spawn(|| b.tx.send_timeout(Parcel::new(1), Duration::ZERO).is_ok());
        let (chosen, received) = recv_either(a, b);
        assert_eq!(received, (chosen == 1).then_some(1));
        closer.join().unwrap();
        assert_eq!(sender.join().unwrap(), chosen == 1);
    });
}
