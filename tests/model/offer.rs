//! Late offers: kept, withdrawn, and cut off by a close, whoever has taken them.
//!
//! The offers are those of the real `select!` arms and of the dynamic `Select`. One that is withdrawn
//! leaves everything as if it had not been made: a receiver still gets a later value.

use crate::chan::broken::{withdraw_in_silence, withdraw_untold};
use crate::chan::door::{Ends, Parcel, block_on, channel, poll_once, two_channels};
use crate::chan::{self, Select, wait};
use crate::check;
use crate::runtime::{Sudog, Turn, WaitQ};
use loom::thread;
use std::pin::pin;
use std::ptr::NonNull;
use std::time::{Duration, Instant};

type End = &'static Ends<Parcel>;

/// Offers, and once that was taken sends the number, or withdraws. False if it was closed.
fn offer(ends: End, number: Option<u32>) -> bool {
    let mut arm = chan::late(Some(&*ends.tx));
    assert_eq!(wait::<false>(&mut [arm.case()]), 0);
    // SAFETY: the select has chosen it.
    let offer = unsafe { arm.finish() };
    match number {
        Some(number) => match offer.send(Parcel::new(number)) {
            Ok(()) => true,
            Err(unsent) => {
                assert_eq!(unsent.into_inner().open(), number);
                false
            }
        },
        None => true,
    }
}

fn send(ends: End, number: u32) {
    assert!(ends.tx.send(Parcel::new(number)).is_ok());
}

fn recv(ends: End) -> Option<u32> {
    ends.rx.recv().ok().map(Parcel::open)
}

/// All the ways to receive one value that is sure to come.
const RECEIVES: [fn(End) -> Option<u32>; 5] =
    [recv, recv_trying, recv_soon, recv_selecting, recv_async];

fn recv_trying(ends: End) -> Option<u32> {
    let early = ends.rx.try_recv().ok().map(Parcel::open);
    early.or_else(|| recv(ends))
}

fn recv_soon(ends: End) -> Option<u32> {
    let deadline = Instant::now() + Duration::from_secs(10_000);
    let early = ends.rx.recv_deadline(deadline).ok().map(Parcel::open);
    early.or_else(|| recv(ends))
}

fn recv_selecting(ends: End) -> Option<u32> {
    let mut select = Select::new();
    select.recv(&ends.rx);
    select.select().recv(&ends.rx).ok().map(Parcel::open)
}

fn recv_async(ends: End) -> Option<u32> {
    block_on(pin!(ends.rx.recv_async())).ok().map(Parcel::open)
}

#[test]
fn an_offer_that_is_kept_arrives() {
    for capacity in 0..2 {
        for recv in RECEIVES {
            check(Some(3), move || {
                let ends = channel(capacity);
                let sender = thread::spawn(move || assert!(offer(ends, Some(1))));
                assert_eq!(recv(ends), Some(1));
                sender.join().unwrap();
                assert!(ends.rx.try_recv().is_err());
            });
        }
    }
}

/// The receiver may have been held by an offer that is withdrawn, and gets the value that follows.
fn a_withdrawal(capacity: usize, recv: fn(End) -> Option<u32>, withdraw: fn(End)) {
    let ends = channel(capacity);
    let sender = thread::spawn(move || {
        withdraw(ends);
        send(ends, 2);
    });
    assert_eq!(recv(ends), Some(2));
    sender.join().unwrap();
    assert!(ends.rx.try_recv().is_err());
}

fn withdraw(ends: End) {
    assert!(offer(ends, None));
}

#[test]
fn after_an_offer_that_is_withdrawn_the_next_value_arrives() {
    for recv in RECEIVES {
        check(Some(3), move || a_withdrawal(0, recv, withdraw));
        check(Some(3), move || a_withdrawal(1, recv, withdraw));
    }
}

#[test]
#[should_panic(expected = "deadlock")]
fn an_offer_that_is_withdrawn_in_silence_holds_its_receiver_for_ever() {
    check(Some(3), || {
        a_withdrawal(0, recv, |ends| withdraw_in_silence(&ends.tx))
    });
}

#[test]
#[should_panic(expected = "left: None")]
fn a_receiver_that_is_readied_before_it_is_told_why_thinks_of_a_close() {
    check(Some(3), || {
        a_withdrawal(0, recv, |ends| withdraw_untold(&ends.tx))
    });
}

#[test]
fn a_receiver_that_was_held_and_one_who_came_later_are_both_served() {
    // With three put off: 184,245 orders, 40 s.
    check(Some(2), || {
        let ends = channel(0);
        let receivers = [0; 2].map(|_| thread::spawn(|| recv(ends).expect("open")));
        assert!(offer(ends, None));
        (1..=2).for_each(|n| send(ends, n));
        let mut got = receivers.map(|r| r.join().unwrap());
        got.sort_unstable();
        assert_eq!(got, [1, 2]);
    });
}

#[test]
fn who_comes_back_to_a_queue_has_the_old_place() {
    // Also where the numbers of the turns begin again.
    for last_turn in [0, u32::MAX - 2, u32::MAX - 1, u32::MAX] {
        let mut queue = WaitQ::new();
        let mut sudogs = [0; 3].map(|_| Sudog::UNUSED);
        let mut turn = Turn::after(last_turn);
        for sudog in &mut sudogs {
            sudog.turn = Some(turn);
            turn = Turn::after(turn.number());
        }
        let turns = sudogs
            .each_ref()
            .map(|sudog| sudog.turn.expect("given above"));
        let [first, second, third] = sudogs.each_mut().map(NonNull::from);
        // SAFETY: the queue is this thread's, and the sudogs stay.
        unsafe {
            for sudog in [first, second, third] {
                queue.push(sudog);
            }
            assert!(queue.pop() == Some(first) && queue.pop() == Some(second));
            queue.push_back_in(second, turns[1]);
            queue.push_back_in(first, turns[0]);
            assert!([first, second, third].map(Some) == [0; 3].map(|_| queue.pop()));
        }
        assert!(queue.is_empty());
    }
}

#[test]
fn a_select_whose_offer_is_withdrawn_takes_another_case() {
    check(Some(3), || {
        let (a, b): (End, End) = two_channels(0);
        let sender = thread::spawn(move || {
            withdraw(a);
            send(b, 2);
        });
        let (mut first, mut second) = (chan::recv(Some(&*a.rx)), chan::recv(Some(&*b.rx)));
        assert_eq!(wait::<false>(&mut [first.case(), second.case()]), 1);
        // SAFETY: the select has chosen it.
        assert_eq!(unsafe { second.finish() }.map(Parcel::open), Ok(2));
        sender.join().unwrap();
    });
}

#[test]
fn offers_meet_in_two_selects() {
    check(Some(3), || {
        // Each sends, late, where the other receives.
        let (a, b): (End, End) = two_channels(0);
        let meet = |a: End, b: End| {
            let mut select = Select::new();
            let send = select.send(&a.tx);
            select.recv(&b.rx);
            let operation = select.select();
            if operation.index() == send {
                assert!(operation.send(&a.tx, Parcel::new(1)).is_ok());
                0
            } else {
                operation.recv(&b.rx).map(Parcel::open).expect("open")
            }
        };
        let other = thread::spawn(move || meet(b, a));
        assert_eq!(meet(a, b) + other.join().unwrap(), 1);
    });
}

#[test]
fn a_place_that_was_kept_and_given_back_is_the_next_senders() {
    check(Some(3), || {
        let ends = channel(1);
        let sender = thread::spawn(|| send(ends, 1));
        assert!(offer_at_once(ends));
        sender.join().unwrap();
        assert_eq!(recv(ends), Some(1));
    });
}

#[test]
fn a_place_that_is_kept_is_nobody_elses() {
    check(None, || {
        let ends: End = channel(1);
        let mut arm = chan::late(Some(&*ends.tx));
        assert_eq!(wait::<false>(&mut [arm.case()]), 0);
        let other = thread::spawn(move || {
            let unsent = ends.tx.try_send(Parcel::new(2));
            assert!(unsent.is_err_and(|unsent| unsent.is_full()));
            assert!(offer_at_once(ends));
            assert!(ends.rx.len() <= 1);
        });
        // SAFETY: the select has chosen it.
        assert!(unsafe { arm.finish() }.send(Parcel::new(1)).is_ok());
        other.join().unwrap();
        assert_eq!(recv(ends), Some(1));
    });
}

#[test]
fn an_offer_that_waits_for_room_has_the_next_place() {
    check(Some(3), || {
        let ends: End = channel(1);
        send(ends, 1);
        let sender = thread::spawn(move || assert!(offer(ends, Some(2))));
        assert_eq!(recv(ends), Some(1));
        assert_eq!(recv(ends), Some(2));
        sender.join().unwrap();
        assert!(ends.rx.try_recv().is_err());
    });
}

#[test]
fn an_offer_that_waits_for_room_and_is_withdrawn_leaves_it_to_those_behind() {
    check(Some(3), || {
        let ends: End = channel(1);
        send(ends, 1);
        let withdrawer = thread::spawn(move || withdraw(ends));
        let sender = thread::spawn(move || send(ends, 2));
        assert_eq!(recv(ends), Some(1));
        assert_eq!(recv(ends), Some(2));
        withdrawer.join().unwrap();
        sender.join().unwrap();
        assert!(ends.rx.try_recv().is_err());
    });
}

/// Offers if there is a place, and gives it back; true however it was.
fn offer_at_once(ends: End) -> bool {
    let mut arm = chan::late(Some(&*ends.tx));
    if chan::try_wait::<false>(&mut [arm.case()]) == 0 {
        // SAFETY: the select has chosen it.
        drop(unsafe { arm.finish() });
    }
    true
}

#[test]
fn a_close_and_a_kept_place_agree() {
    for capacity in 0..2 {
        for number in [Some(1), None] {
            check(Some(3), move || {
                let ends = channel(capacity);
                let sender = thread::spawn(move || offer(ends, number));
                let receiver = thread::spawn(|| recv(ends));
                assert!(ends.rx.close());
                let was_open = sender.join().unwrap();
                let received = receiver.join().unwrap();
                // Nothing comes after the end was seen.
                assert!(ends.rx.try_recv().is_err());
                assert_eq!(received, number.filter(|_| was_open));
            });
        }
    }
}

#[test]
fn a_future_that_goes_leaves_the_value_to_others() {
    for is_kept in [true, false] {
        check(Some(3), move || {
            let ends: End = channel(0);
            let sender = thread::spawn(move || {
                assert!(offer(ends, is_kept.then_some(1)));
                if !is_kept {
                    send(ends, 1);
                }
            });
            // It may claim the offer, and have its value before it goes.
            let early = poll_once(pin!(ends.rx.recv_async()));
            let received = early.map_or_else(|| recv(ends), |value| value.ok().map(Parcel::open));
            assert_eq!(received, Some(1));
            sender.join().unwrap();
            assert!(ends.rx.try_recv().is_err());
        });
    }
}

#[test]
fn a_future_that_goes_wakes_one_who_waits_for_its_value() {
    check(Some(3), || {
        let ends: End = channel(0);
        let sender = thread::spawn(move || assert!(offer(ends, Some(1))));
        let receiver = thread::spawn(move || recv(ends));
        let early = poll_once(pin!(ends.rx.recv_async())).map(|value| value.map(Parcel::open));
        if let Some(value) = early {
            assert_eq!(value, Ok(1));
            ends.tx.close();
        }
        assert_eq!(receiver.join().unwrap().is_some(), early.is_none());
        sender.join().unwrap();
    });
}

#[test]
fn futures_at_both_ends_meet() {
    for capacity in 0..2 {
        check(Some(3), move || {
            let ends = channel(capacity);
            let sender = thread::spawn(|| {
                assert!(block_on(pin!(ends.tx.send_async(Parcel::new(1)))).is_ok());
            });
            assert_eq!(recv_async(ends), Some(1));
            sender.join().unwrap();
        });
    }
}

#[test]
fn a_future_that_is_dropped_has_sent_or_not() {
    check(Some(3), || {
        let ends = channel(0);
        let receiver = thread::spawn(|| recv(ends));
        let mut send = pin!(ends.tx.send_async(Parcel::new(1)));
        let sent = poll_once(send.as_mut()).is_some_and(|sent| sent.is_ok());
        let is_back = !sent && send.take_value().is_some_and(|parcel| parcel.open() == 1);
        ends.tx.close();
        assert_eq!(receiver.join().unwrap().is_none(), is_back);
    });
}
