//! The guess, for threads of which each look is made up: when, what the clock shows, what the kernel says.

use super::{Clock, STARVED_NS};
use crate::sys::os::Standing::{self, InCall, Runnable, Unknown};

const MS: u64 = 1_000_000;

/// A thread and our looks at it.
struct Thread {
    clock: Clock,
    now: u64,
    cpu: u64,
    standing: Standing,
    /// How often the kernel was asked.
    asked: u32,
}

impl Thread {
    fn new() -> Thread {
        let mut thread = Thread {
            clock: Clock::UNSEEN,
            now: 7_000 * MS,
            cpu: 300 * MS,
            standing: Unknown,
            asked: 0,
        };
        assert!(thread.clock.is_unseen());
        assert_eq!(thread.look(), Unknown);
        assert!(!thread.clock.is_unseen());
        assert_eq!(thread.asked, 0, "a clock seen once has not stood");
        thread
    }

    fn look(&mut self) -> Standing {
        let (now, standing) = (self.now, self.standing);
        self.clock.look(Some(self.cpu), now, || {
            self.asked += 1;
            standing
        })
    }

    /// Has `wall_ns` go by, of which the thread is given `cpu_ns`, and looks.
    fn pass(&mut self, wall_ns: u64, cpu_ns: u64) -> Standing {
        self.now += wall_ns;
        self.cpu += cpu_ns;
        self.look()
    }

    /// The same, and whether it is taken for busy.
    fn is_busy_after(&mut self, wall_ns: u64, cpu_ns: u64) -> bool {
        let standing = self.pass(wall_ns, cpu_ns);
        self.clock.is_busy(standing, self.now)
    }
}

#[test]
fn a_loop_is_busy() {
    let mut thread = Thread::new();
    assert!((0..10).all(|_| thread.is_busy_after(MS, MS)));
    assert_eq!(thread.asked, 0, "the clock has not stood");
}

#[test]
fn nobody_is_busy_at_the_first_look() {
    let thread = Thread::new();
    assert!(!thread.clock.is_busy(Unknown, thread.now));
}

#[test]
fn a_loop_among_others_is_busy_once_it_has_had_its_part() {
    let mut thread = Thread::new();
    for _ in 0..9 {
        assert!(!thread.is_busy_after(MS, MS / 10));
    }
    assert!(thread.is_busy_after(MS, MS / 10), "it has had 1 ms");
    let mut thread = Thread::new();
    assert!(thread.is_busy_after(MS, MS / 4), "it has had a quarter");
}

#[test]
fn a_thread_that_waits_for_a_cpu_is_not_busy_and_is_asked_about_once() {
    let mut thread = Thread::new();
    thread.standing = Runnable;
    for _ in 0..30 {
        assert!(!thread.is_busy_after(3 * MS, 0));
        assert!(thread.clock.wants_cpu());
    }
    assert_eq!(thread.asked, 1);
}

#[test]
fn one_that_had_its_part_and_waits_again_is_not_busy() {
    let mut thread = Thread::new();
    thread.standing = Runnable;
    thread.pass(MS, 2 * MS);
    assert!(!thread.is_busy_after(MS, 0));
    assert!(thread.is_busy_after(MS, MS), "it runs on");
}

#[test]
fn a_thread_that_waits_for_too_long_is_busy() {
    let mut thread = Thread::new();
    thread.standing = Runnable;
    assert!(!thread.is_busy_after(STARVED_NS - 1, 0));
    assert!(thread.is_busy_after(1, 0));
    assert!(thread.clock.wants_cpu());
}

#[test]
fn a_thread_that_waited_is_asked_about_again_once_it_has_run() {
    let mut thread = Thread::new();
    thread.standing = Runnable;
    assert_eq!(thread.pass(3 * MS, 0), Runnable);
    assert_eq!(thread.pass(3 * MS, 0), Unknown);
    assert_eq!(thread.pass(MS, 1_000), Unknown);
    assert!(!thread.clock.wants_cpu());
    thread.standing = InCall;
    assert_eq!(thread.pass(MS, 0), InCall);
    assert_eq!(thread.asked, 2);
}

#[test]
fn a_thread_that_sleeps_in_a_call_is_said_to_at_the_second_look() {
    let mut thread = Thread::new();
    thread.standing = InCall;
    assert_eq!(thread.pass(20_000, 0), InCall);
    assert!(!thread.clock.wants_cpu());
    // It is woken, and runs for a moment.
    assert_eq!(thread.pass(MS, 5_000), Unknown);
    assert_eq!(thread.pass(MS, 0), InCall);
}

#[test]
fn a_thread_that_sleeps_outside_of_calls_is_busy() {
    let mut thread = Thread::new();
    assert!(thread.is_busy_after(MS, 0), "a page is read from a disk");
    assert_eq!(thread.asked, 1);
}

#[test]
fn who_sleeps_and_wakes_is_not_busy() {
    let mut thread = Thread::new();
    assert!(!thread.is_busy_after(MS, 10_000));
    assert!(
        !thread.is_busy_after(MS, 0),
        "it has run since the first look"
    );
}

#[test]
fn a_thread_whose_clock_cannot_be_read_is_busy() {
    let mut clock = Clock::UNSEEN;
    for now in [MS, 2 * MS] {
        let standing = clock.look(None, now, || unreachable!("no clock has stood"));
        assert!(clock.is_busy(standing, now) && clock.is_unseen());
    }
}

#[test]
fn another_thread_under_the_same_number_is_not_busy_for_its_lesser_clock() {
    let mut thread = Thread::new();
    thread.now += 9 * MS;
    thread.cpu = MS;
    let standing = thread.look();
    assert_eq!((standing, thread.asked), (Unknown, 0));
    thread.standing = Runnable;
    thread.now += MS;
    let standing = thread.look();
    assert!(!thread.clock.is_busy(standing, thread.now));
}
