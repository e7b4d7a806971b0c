//! A goroutine at one end of a channel, a thread at the other.
//!
//! The goroutine is the only one of its M, so it can switch here: what its M does is done in its place.
//! It parks in both ways, by a commit that unlocks and on its latch.

use crate::chan::broken::recv_found_before_it_parks;
use crate::chan::door::{Ends, Parcel, channel, two_channels};
use crate::chan::{self, Select, wait};
use crate::check;
use crate::runtime::nouns::as_goroutine;
use crate::runtime::sched::{deadlines, start};
use loom::thread;
use std::time::{Duration, Instant};

type End = &'static Ends<Parcel>;

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(10_000)
}

fn send(ends: End, number: u32) {
    assert!(ends.tx.send(Parcel::new(number)).is_ok());
}

fn recv(ends: End) -> Option<u32> {
    ends.rx.recv().ok().map(Parcel::open)
}

/// Runs `body` as a goroutine on the first thread of the model.
fn goroutine(body: impl FnOnce()) {
    let sched = start(1, 1);
    as_goroutine(sched.ms[0], body);
}

#[test]
fn a_goroutine_receives_from_a_thread() {
    for capacity in 0..2 {
        check(Some(3), move || {
            goroutine(|| {
                let ends = channel(capacity);
                let sender = thread::spawn(|| send(ends, 1));
                assert_eq!(recv(ends), Some(1));
                sender.join().unwrap();
            });
        });
    }
}

#[test]
fn a_goroutine_sends_to_a_thread() {
    check(Some(3), || {
        goroutine(|| {
            let ends = channel(0);
            let receiver = thread::spawn(|| recv(ends));
            send(ends, 1);
            assert_eq!(receiver.join().unwrap(), Some(1));
        });
    });
}

#[test]
fn a_goroutine_that_has_to_tell_a_watcher_parks_on_its_latch() {
    check(Some(3), || {
        goroutine(|| {
            let ends = channel(0);
            let receiver = thread::spawn(|| {
                let mut select = Select::new_biased();
                select.recv(&ends.rx);
                assert_eq!(select.ready(), 0);
                ends.rx.try_recv().map(Parcel::open)
            });
            send(ends, 1);
            assert_eq!(receiver.join().unwrap(), Ok(1));
        });
    });
}

#[test]
#[should_panic(expected = "was readied while Running")]
fn a_goroutine_that_can_be_found_before_it_parks_needs_its_latch() {
    check(Some(3), || {
        goroutine(|| {
            let ends = channel(0);
            let sender = thread::spawn(|| send(ends, 1));
            assert_eq!(
                recv_found_before_it_parks(&ends.rx).map(Parcel::open),
                Some(1)
            );
            sender.join().unwrap();
        });
    });
}

#[test]
fn a_goroutine_watches() {
    check(Some(3), || {
        goroutine(|| {
            let ends = channel(0);
            let sender = thread::spawn(|| send(ends, 1));
            let mut select = Select::new_biased();
            select.recv(&ends.rx);
            assert_eq!(select.ready(), 0);
            assert_eq!(ends.rx.try_recv().map(Parcel::open), Ok(1));
            sender.join().unwrap();
        });
    });
}

#[test]
fn a_goroutine_claims_a_late_offer() {
    for number in [Some(1), None] {
        check(Some(3), move || {
            goroutine(move || {
                let ends: End = channel(0);
                let sender = thread::spawn(move || {
                    let mut arm = chan::late(Some(&*ends.tx));
                    assert_eq!(wait::<false>(&mut [arm.case()]), 0);
                    // SAFETY: the select has chosen it.
                    let offer = unsafe { arm.finish() };
                    match number {
                        Some(number) => assert!(offer.send(Parcel::new(number)).is_ok()),
                        None => {
                            drop(offer);
                            send(ends, 1);
                        }
                    }
                });
                assert_eq!(recv(ends), Some(1));
                sender.join().unwrap();
            });
        });
    }
}

#[test]
fn a_goroutine_selects() {
    // With three put off: 57,772 orders, 20 s.
    check(Some(2), || {
        goroutine(|| {
            let (a, b): (End, End) = two_channels(0);
            let senders = [(a, 1), (b, 2)].map(|(c, n)| thread::spawn(move || send(c, n)));
            let (mut first, mut second) = (chan::recv(Some(&*a.rx)), chan::recv(Some(&*b.rx)));
            let chosen = wait::<false>(&mut [first.case(), second.case()]);
            // SAFETY: the select has chosen it.
            let arm = unsafe {
                if chosen == 0 {
                    first.finish()
                } else {
                    second.finish()
                }
            };
            assert_eq!(arm.map(Parcel::open), Ok(chosen as u32 + 1));
            assert_eq!(recv([b, a][chosen]), Some(2 - chosen as u32));
            senders.into_iter().for_each(|s| s.join().unwrap());
        });
    });
}

#[test]
fn a_deadline_ends_the_receive_of_a_goroutine_or_a_send_does() {
    check(Some(3), || {
        goroutine(|| {
            let ends = channel(0);
            let timer = thread::spawn(deadlines::expire);
            let sender = thread::spawn(|| send(ends, 1));
            let early = ends.rx.recv_deadline(soon()).ok().map(Parcel::open);
            assert_eq!(early.or_else(|| recv(ends)), Some(1));
            timer.join().unwrap();
            sender.join().unwrap();
        });
    });
}
