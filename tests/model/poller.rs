//! The poller: somebody sleeps there where nobody has anything else to do, and comes when it is needed.
//!
//! These models run the real `poll` and `idle` on a double of the system's poller. An M that is not fetched, and
//! a timer that nobody waits for, show as a deadlock.

use crate::check;
use crate::idle::{Life, Ran, finish, live, make_runnable, spawn_m};
use crate::netpoll::{Socket, Took};
use crate::runtime::g::G;
use crate::runtime::sched::{deadlines, idle, poll, start};
use crate::sys::atomic::set_without_fences_of;
use crate::sys::poller::kernel;
use loom::thread;

/// The only M sleeps in the poller, or is on the way there, when a thread makes work for it.
fn a_poller_and_a_maker(is_deaf: bool) {
    let (sched, ran) = (start(1, 1), Ran::new());
    Socket::new();
    if is_deaf {
        kernel().deafen();
    }
    let m = spawn_m(sched.ms[0], ran);
    let g = G::with_id(1);
    make_runnable(g);
    finish(vec![m], ran, &[g]);
}

#[test]
fn an_m_that_is_needed_is_fetched_from_the_poller() {
    check(Some(3), || a_poller_and_a_maker(false));
}

#[test]
#[should_panic(expected = "deadlock")]
fn without_the_interrupt_the_m_stays_in_the_poller() {
    check(Some(3), || a_poller_and_a_maker(true));
}

#[test]
fn work_and_an_event_come_at_once() {
    check(Some(2), || {
        let (sched, ran) = (start(1, 1), Ran::new());
        let socket = Socket::new();
        let m = spawn_m(sched.ms[0], ran);
        let g = G::with_id(1);
        let other = thread::spawn(move || make_runnable(g));
        socket.arrive(1);
        assert_eq!(socket.take(None), Took::Unit);
        other.join().unwrap();
        finish(vec![m], ran, &[g]);
    });
}

/// One of two Ms idles as the poller, the other looks for work; a thread makes some.
#[test]
fn the_poller_is_taken_last() {
    check(Some(1), || {
        let (sched, ran) = (start(2, 2), Ran::new());
        Socket::new();
        let ms: Vec<Life> = sched.ms.iter().map(|&m| spawn_m(m, ran)).collect();
        let g = G::with_id(1);
        make_runnable(g);
        finish(ms, ran, &[g]);
    });
}

/// The only P idles with the poller, another M on its note; a thread makes work. With the P goes the poller.
#[test]
fn the_poller_is_taken_with_the_last_p() {
    check(Some(2), || {
        let (sched, ran) = (start(1, 2), Ran::new());
        Socket::new();
        let [poller, other] = sched.ms[..] else {
            unreachable!("there are two")
        };
        idle::release_p(poller);
        let ms = vec![
            Life::spawn(poller, move || {
                poll::sleep(poller);
                live(poller, ran);
            }),
            Life::spawn(other, move || {
                idle::await_handed(other);
                panic!("it was woken in place of the poller");
            }),
        ];
        let g = G::with_id(1);
        make_runnable(g);
        finish(ms, ran, &[g]);
    });
}

/// Two Ms on the idle list, of whom the first is the poller, are needed one after the other, while the
/// first is still on its way out.
#[test]
fn the_next_poller_gets_an_interrupt_of_its_own() {
    check(Some(1), || {
        let (sched, ran) = (start(2, 2), Ran::new());
        Socket::new();
        idle::release_p(sched.ms[0]);
        let poller = Life::spawn(sched.ms[0], move || {
            poll::sleep(sched.ms[0]);
            live(sched.ms[0], ran);
        });
        let g = G::with_id(1);
        let other = spawn_m(sched.ms[1], ran);
        make_runnable(g);
        ran.wait_for(1);
        let second = G::with_id(2);
        make_runnable(second);
        finish(vec![poller, other], ran, &[g, second]);
    });
}

/// The poller goes to sleep while a thread arms a timer that is the first.
fn a_poller_and_a_timer() {
    let (sched, ran) = (start(1, 1), Ran::new());
    Socket::new();
    let g = G::with_id(1);
    sched.timers.use_one(g);
    let m = spawn_m(sched.ms[0], ran);
    deadlines::arm_due();
    finish(vec![m], ran, &[g]);
}

#[test]
fn an_earlier_timer_interrupts_the_poller() {
    check(Some(3), a_poller_and_a_timer);
}

#[test]
#[should_panic(expected = "deadlock")]
fn without_the_fences_of_poll_the_poller_sleeps_past_the_timer() {
    set_without_fences_of(Some("poll.rs"));
    check(None, a_poller_and_a_timer);
}
