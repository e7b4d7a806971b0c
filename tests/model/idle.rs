//! Idling: no goroutine waits while a P is idle and nobody is on the way.
//!
//! These models run the real `park` (enqueue and the debt), `idle`, `find`, `counters` and
//! `blocking`. A lost wake-up shows as a deadlock: the goroutine is in a queue, its M asleep, and
//! whoever waits for it waits for ever. Foreign threads make work through the gate, as any thread
//! does that sends on a channel; an M looks for work as it does behind a goroutine that parked.
//! Goroutines are made last, so that only the queue can have shown them to the M that runs them.

use crate::check;
use crate::runtime::enter;
use crate::runtime::g::{G, GRef};
use crate::runtime::m::M;
use crate::runtime::nouns::{keep, set_current, until_the_end};
use crate::runtime::sched::find::find_runnable;
use crate::runtime::sched::{idle, start};
use crate::sys::atomic::{Ordering, set_without_fences_of};
use crate::sys::poller::end_polling;
use loom::sync::{Condvar, Mutex};
use loom::thread::{self, JoinHandle};

/// How many goroutines have run, for those who wait for it.
pub(crate) struct Ran {
    count: Mutex<usize>,
    changed: Condvar,
}

impl Ran {
    pub(crate) fn new() -> &'static Ran {
        keep(Ran {
            count: Mutex::new(0),
            changed: Condvar::new(),
        })
    }

    pub(crate) fn one_more(&self) {
        *self.count.lock().unwrap() += 1;
        self.changed.notify_all();
    }

    fn count(&self) -> usize {
        *self.count.lock().unwrap()
    }

    /// Blocks the thread, as a call does that knows nothing of goroutines.
    pub(crate) fn wait_for(&self, count: usize) {
        let mut ran = self.count.lock().unwrap();
        while *ran < count {
            ran = self.changed.wait(ran).unwrap();
        }
    }
}

/// Finds the next goroutine for `m` and runs it, as `run.rs` does.
pub(crate) fn run_next(m: &'static M) {
    let (g, _) = find_runnable(m).expect("no M of a model ends by itself");
    let p = m.p();
    p.debt.set(u32::from(!p.runq.peek_next().is_null()));
    g.run();
}

/// What an M does behind a goroutine that parked, until the model ends.
pub(crate) fn live(m: &'static M, ran: &'static Ran) {
    loop {
        run_next(m);
        ran.one_more();
    }
}

/// An M on a thread of the model.
pub(crate) struct Life {
    m: &'static M,
    thread: JoinHandle<()>,
}

impl Life {
    pub(crate) fn spawn(m: &'static M, life: impl FnOnce() + 'static) -> Life {
        let thread = thread::spawn(move || {
            set_current(Some(m));
            until_the_end(life);
        });
        Life { m, thread }
    }
}

/// An M that looks for work.
pub(crate) fn spawn_m(m: &'static M, ran: &'static Ran) -> Life {
    Life::spawn(m, move || live(m, ran))
}

/// An M that is on the idle list.
pub(crate) fn spawn_sleeping_m(m: &'static M, ran: &'static Ran) -> Life {
    Life::spawn(m, move || {
        idle::await_handed(m);
        live(m, ran);
    })
}

/// What a foreign thread does that starts or readies a goroutine.
pub(crate) fn make_runnable(g: GRef) {
    enter().start(g);
}

/// Waits until each goroutine has run, ends the Ms, and sees that it was once.
pub(crate) fn finish(ms: Vec<Life>, ran: &Ran, goroutines: &[GRef]) {
    ran.wait_for(goroutines.len());
    for life in ms {
        life.m.note.end();
        end_polling();
        life.thread.join().unwrap();
    }
    for g in goroutines {
        assert_eq!(g.runs(), 1, "goroutine {}", g.id());
    }
}

/// Makes the calling thread that of `m` in the midst of a goroutine.
pub(crate) fn become_goroutine_on(m: &'static M) {
    set_current(Some(m));
    m.current.set(Some(G::with_id(100 + u64::from(m.id))));
    m.set_inside(false);
}

/// The goroutine of [`become_goroutine_on`] ends or parks: its M looks for others.
pub(crate) fn leave_goroutine(m: &'static M) {
    m.set_inside(true);
    m.current.set(None);
}

fn a_foreign_thread_and_an_m() {
    let (sched, ran) = (start(1, 1), Ran::new());
    let m = spawn_m(sched.ms[0], ran);
    let g = G::with_id(1);
    make_runnable(g);
    finish(vec![m], ran, &[g]);
}

#[test]
fn work_of_a_foreign_thread_wakes_the_m() {
    check(None, a_foreign_thread_and_an_m);
}

#[test]
#[should_panic(expected = "deadlock")]
fn without_the_fences_of_counters_the_wake_is_lost() {
    set_without_fences_of(Some("counters.rs"));
    check(None, a_foreign_thread_and_an_m);
}

fn two_foreign_threads_and_an_m() {
    let (sched, ran) = (start(1, 1), Ran::new());
    let m = spawn_m(sched.ms[0], ran);
    let all = [G::with_id(1), G::with_id(2)];
    let other = thread::spawn(move || make_runnable(all[0]));
    make_runnable(all[1]);
    other.join().unwrap();
    finish(vec![m], ran, &all);
}

#[test]
fn work_of_two_foreign_threads_is_done() {
    check(Some(2), two_foreign_threads_and_an_m);
}

#[test]
#[ignore = "takes minutes"]
fn work_of_two_foreign_threads_is_done_however_often_they_are_put_off() {
    check(Some(4), two_foreign_threads_and_an_m);
}

#[test]
fn a_maker_that_can_start_no_m_holds_up_no_other() {
    check(Some(2), || {
        // The P is idle, but no M is on the list and no other can be had; the only one is on its
        // way out of a call that blocked.
        let (sched, ran, all) = (start(1, 1), Ran::new(), [G::with_id(1), G::with_id(2)]);
        let m = sched.ms[0];
        idle::release_p(m);
        sched.idle.lock().ms.clear();
        let m = Life::spawn(m, move || {
            become_goroutine_on(m);
            drop(enter());
            leave_goroutine(m);
            live(m, ran);
        });
        let other = thread::spawn(move || make_runnable(all[0]));
        make_runnable(all[1]);
        other.join().unwrap();
        finish(vec![m], ran, &all);
    });
}

#[test]
fn a_goroutine_displaced_from_runnext_is_run_elsewhere() {
    check(Some(2), || {
        let (sched, ran, all) = (start(2, 2), Ran::new(), [G::with_id(1), G::with_id(2)]);
        let waker = sched.ms[0];
        let waker = Life::spawn(waker, move || {
            become_goroutine_on(waker);
            for g in all {
                enter().start(g);
            }
            // The goroutine goes on for as long as it takes.
            ran.wait_for(1);
            leave_goroutine(waker);
            live(waker, ran);
        });
        let idler = spawn_m(sched.ms[1], ran);
        finish(vec![waker, idler], ran, &all);
    });
}

#[test]
fn a_goroutine_in_runnext_is_run_when_its_waker_parks() {
    check(Some(2), || {
        let (sched, ran, g) = (start(2, 2), Ran::new(), G::with_id(1));
        let waker = sched.ms[0];
        let waker = Life::spawn(waker, move || {
            become_goroutine_on(waker);
            enter().start(g);
            leave_goroutine(waker);
            live(waker, ran);
        });
        let idler = spawn_m(sched.ms[1], ran);
        finish(vec![waker, idler], ran, &[g]);
    });
}

#[test]
fn an_m_that_finds_work_wakes_the_next() {
    check(Some(1), || {
        let (sched, ran) = (start(2, 2), Ran::new());
        sched.ms.iter().for_each(|&m| idle::release_p(m));
        // Goroutines that block their thread until both have run: one M does not do.
        let ms = sched.ms.iter().map(|&m| {
            Life::spawn(m, move || {
                idle::await_handed(m);
                loop {
                    run_next(m);
                    ran.one_more();
                    ran.wait_for(2);
                }
            })
        });
        let ms = ms.collect();
        let all = [G::with_id(1), G::with_id(2)];
        all.into_iter().for_each(make_runnable);
        finish(ms, ran, &all);
    });
}

/// The first M lends the only P; the second, which has none, sleeps. A foreign thread makes work.
fn a_lender_and_a_foreign_thread(comes_back: bool) {
    let (sched, ran) = (start(1, 2), Ran::new());
    let other = spawn_sleeping_m(sched.ms[1], ran);
    let lender = sched.ms[0];
    let lender = Life::spawn(lender, move || {
        become_goroutine_on(lender);
        let mut token = enter();
        token.lend_on_leaving();
        drop(token);
        // The call that blocks: either it is over at once, or others have to run the goroutine.
        if !comes_back {
            ran.wait_for(1);
        }
        drop(enter());
        leave_goroutine(lender);
        live(lender, ran);
    });
    let g = G::with_id(1);
    make_runnable(g);
    finish(vec![lender, other], ran, &[g]);
    assert_eq!(sched.lent.load(Ordering::Relaxed), 0);
}

#[test]
fn a_lent_p_is_taken_for_work() {
    check(Some(3), || a_lender_and_a_foreign_thread(false));
}

#[test]
fn a_lent_p_is_taken_or_comes_back() {
    check(Some(2), || a_lender_and_a_foreign_thread(true));
}

#[test]
fn an_m_that_stops_at_the_limit_of_threads_looks_for_work() {
    check(None, || {
        // The P is idle, but no M is on the list and no other can be had; the only one parks a
        // goroutine that had lost its P.
        let (sched, ran, g) = (start(1, 1), Ran::new(), G::with_id(1));
        let m = sched.ms[0];
        idle::release_p(m);
        sched.idle.lock().ms.clear();
        let m = spawn_m(m, ran);
        make_runnable(g);
        finish(vec![m], ran, &[g]);
    });
}

#[test]
fn no_p_is_in_use_while_the_watcher_sleeps() {
    check(Some(3), || {
        let (sched, ran, g) = (start(1, 1), Ran::new(), G::with_id(1));
        let m = sched.ms[0];
        let m = Life::spawn(m, move || {
            loop {
                run_next(m);
                assert!(!sched.idle.lock().sysmon_asleep, "nobody watches the P");
                ran.one_more();
            }
        });
        // As in sysmon.rs, which sees the last M about to sleep.
        let watcher = thread::spawn(move || {
            let mut idle = sched.idle.lock();
            idle.sysmon_asleep = idle.all_asleep();
        });
        make_runnable(g);
        finish(vec![m], ran, &[g]);
        watcher.join().unwrap();
    });
}
