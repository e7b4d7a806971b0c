//! More and fewer Ps: no goroutine is left in the queue of one that is out of use, or waits while one that has
//! just come into use idles.
//!
//! These models run the real `procs`, on what the models of idling run (idle.rs). The first thread is the
//! watcher, who alone changes the number of Ps, here to what the system is said to allow.

use crate::check;
use crate::idle::{
    Life, Ran, become_goroutine_on, finish, leave_goroutine, live, make_runnable, spawn_m,
    spawn_sleeping_m,
};
use crate::runtime::enter;
use crate::runtime::g::{G, GRef};
use crate::runtime::sched::{idle, sched, start};
use loom::thread;

/// Changes the number of Ps, as the watcher does, round by round.
fn resize(count: usize) {
    let procs = sched().procs();
    procs.follow(|| count);
    while procs.resize() {
        thread::yield_now();
    }
    assert_eq!(sched().ps().len(), count);
}

fn goroutines<const N: usize>() -> [GRef; N] {
    std::array::from_fn(|index| G::with_id(index as u64 + 1))
}

/// One M has a P and goroutines behind the one it runs, which ends only when another has run.
fn a_new_p_and_a_goroutine_that_waits() {
    let (sched, ran, all) = (start(1, 2), Ran::new(), goroutines::<2>());
    let sleeper = spawn_sleeping_m(sched.ms[1], ran);
    let maker = sched.ms[0];
    let maker = Life::spawn(maker, move || {
        become_goroutine_on(maker);
        all.into_iter().for_each(make_runnable);
        ran.wait_for(1);
        leave_goroutine(maker);
        live(maker, ran);
    });
    resize(2);
    finish(vec![maker, sleeper], ran, &all);
}

#[test]
fn a_p_that_comes_into_use_runs_who_waits() {
    check(Some(1), a_new_p_and_a_goroutine_that_waits);
}

/// A foreign thread makes work while one of two idle Ps goes out of use.
fn fewer_ps_and_a_foreign_thread() {
    let (sched, ran, all) = (start(2, 2), Ran::new(), goroutines::<1>());
    sched.ms.iter().for_each(|&m| idle::release_p(m));
    let ms = sched.ms.iter().map(|&m| spawn_sleeping_m(m, ran)).collect();
    let maker = thread::spawn(move || all.into_iter().for_each(make_runnable));
    resize(1);
    maker.join().unwrap();
    finish(ms, ran, &all);
}

#[test]
fn work_made_while_an_idle_p_goes_out_of_use_is_done() {
    check(Some(1), fewer_ps_and_a_foreign_thread);
}

/// What waits at a P, whose M blocks in a call and has lent it, when that goes out of use.
fn a_lent_p_with_a_queue_goes_out_of_use() {
    let (sched, ran, all) = (start(2, 2), Ran::new(), goroutines::<1>());
    let (lent, resized) = (Ran::new(), Ran::new());
    let lender = sched.ms[1];
    let lender = Life::spawn(lender, move || {
        become_goroutine_on(lender);
        let mut token = enter();
        token.start(all[0]);
        token.lend_on_leaving();
        drop(token);
        lent.one_more();
        resized.wait_for(1);
        drop(enter());
        leave_goroutine(lender);
        live(lender, ran);
    });
    let other = spawn_m(sched.ms[0], ran);
    lent.wait_for(1);
    resize(1);
    resized.one_more();
    finish(vec![lender, other], ran, &all);
}

#[test]
fn what_waits_at_a_lent_p_is_run_when_that_goes_out_of_use() {
    check(Some(1), a_lent_p_with_a_queue_goes_out_of_use);
}
