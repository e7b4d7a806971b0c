//! How threads end: no goroutine waits for one that is gone, and no record is counted that is vacant.
//!
//! These models run the real `reap`, on what the models of idling run (idle.rs). Here threads end and
//! others are made, as in `run.rs` and by sysmon; at the end of each model all are surplus, and end.
//! That the number of Ms and the list agree under the idle lock is shown by the checker: the double
//! counts vacant records in one of its cells.

use crate::check;
use crate::idle::{Ran, become_goroutine_on, leave_goroutine, make_runnable};
use crate::runtime::enter;
use crate::runtime::g::{G, GRef};
use crate::runtime::m::{M, set_current};
use crate::runtime::sched::find::find_runnable;
use crate::runtime::sched::{Sched, idle, reap, start};
use crate::sys::atomic::Ordering;
use loom::thread;
use std::cell::Cell;

thread_local! {
    static RAN: Cell<Option<&'static Ran>> = const { Cell::new(None) };
}

/// As `start`, with threads that end: none of the Ms has one yet.
fn start_mortal(p_count: u32, m_count: u32) -> (&'static Sched, &'static Ran) {
    let (sched, ran) = (start(p_count, m_count), Ran::new());
    sched.sysmon.maker.set(Some(|m| {
        thread::spawn(move || live_handed(m));
    }));
    RAN.set(Some(ran));
    (sched, ran)
}

/// What the thread of an M does; it has a P.
fn live(m: &'static M) {
    let ran = RAN.get().expect("the model has started");
    while !reap::is_due(m)
        && let Some((g, _)) = find_runnable(m)
    {
        let p = m.p();
        p.debt.set(u32::from(!p.runq.peek_next().is_null()));
        g.run();
        ran.one_more();
    }
    reap::end(m);
}

/// The same for one that has none.
fn live_handed(m: &'static M) {
    set_current(Some(m));
    idle::await_handed(m);
    live(m);
}

/// Ends all threads, which have nothing to do, and sees that everything is where it belongs.
fn finish(sched: &Sched, ran: &Ran, goroutines: &[GRef]) {
    ran.wait_for(goroutines.len());
    loop {
        reap::end_surplus(0);
        let idle = sched.idle.lock();
        if M::count() == 0 {
            assert!(idle.ms.is_empty(), "a record that is vacant is listed");
            assert_eq!(idle.ps.len(), sched.ps().len(), "a P is lost");
            break;
        }
        drop(idle);
        thread::yield_now();
    }
    for g in goroutines {
        assert_eq!(g.runs(), 1, "goroutine {}", g.id());
    }
}

/// The only M that there may be idles and is surplus, and a foreign thread makes work.
fn a_surplus_m_and_a_maker() {
    let (sched, ran) = start_mortal(1, 1);
    let m = sched.ms[0];
    idle::release_p(m);
    // That was long ago.
    reap::end_surplus(1);
    thread::spawn(move || live_handed(m));
    let g = G::with_id(1);
    let maker = thread::spawn(move || make_runnable(g));
    reap::end_surplus(0);
    maker.join().unwrap();
    finish(sched, ran, &[g]);
}

#[test]
fn an_m_that_is_reaped_leaves_no_work_behind() {
    check(Some(2), a_surplus_m_and_a_maker);
}

/// An M parks a goroutine that had lost its P, and is surplus at once, before it sleeps or when it does.
#[test]
fn an_m_that_is_reaped_while_it_stops_leaves_no_work_behind() {
    check(Some(2), || {
        let (sched, ran) = start_mortal(1, 1);
        let m = sched.ms[0];
        idle::release_p(m);
        sched.idle.lock().ms.clear();
        thread::spawn(move || {
            set_current(Some(m));
            live(m);
        });
        let g = G::with_id(1);
        let maker = thread::spawn(move || make_runnable(g));
        reap::end_surplus(0);
        reap::end_surplus(0);
        maker.join().unwrap();
        finish(sched, ran, &[g]);
    });
}

/// A thread that was lowered ends behind its goroutine, with a P and one who waits there; and a foreign
/// thread makes so many others.
fn a_lowered_thread_with_a_p(others: u64) {
    let (sched, ran) = start_mortal(1, 1);
    let (m, g) = (sched.ms[0], G::with_id(1));
    thread::spawn(move || {
        become_goroutine_on(m);
        enter().start(g);
        m.is_lowered.store(true, Ordering::Relaxed);
        leave_goroutine(m);
        live(m);
    });
    let mut all = vec![g];
    for id in 0..others {
        all.push(G::with_id(2 + id));
        make_runnable(all[all.len() - 1]);
    }
    finish(sched, ran, &all);
}

#[test]
fn a_thread_that_ends_with_a_p_leaves_who_waits_there_to_others() {
    check(Some(2), || a_lowered_thread_with_a_p(0));
}

#[test]
fn a_thread_that_ends_with_a_p_leaves_it_to_others() {
    check(Some(2), || a_lowered_thread_with_a_p(1));
}

/// The same of one that has lost its P, at the limit of threads: the P is idle, and nobody is there for it.
#[test]
fn a_thread_that_ends_without_a_p_leaves_room_for_another() {
    check(Some(3), || {
        let (sched, ran) = start_mortal(1, 1);
        let m = sched.ms[0];
        idle::release_p(m);
        sched.idle.lock().ms.clear();
        thread::spawn(move || {
            become_goroutine_on(m);
            m.is_lowered.store(true, Ordering::Relaxed);
            leave_goroutine(m);
            live(m);
        });
        let g = G::with_id(1);
        make_runnable(g);
        finish(sched, ran, &[g]);
    });
}

/// Two sleep, one of them is surplus, and two are needed.
#[test]
fn who_is_fetched_is_not_reaped() {
    check(Some(1), || {
        let (sched, ran) = start_mortal(2, 2);
        sched.ms.iter().for_each(|&m| idle::release_p(m));
        reap::end_surplus(2);
        for &m in &sched.ms {
            thread::spawn(move || live_handed(m));
        }
        let all = [G::with_id(1), G::with_id(2)];
        let maker = thread::spawn(move || all.into_iter().for_each(make_runnable));
        reap::end_surplus(1);
        maker.join().unwrap();
        finish(sched, ran, &all);
    });
}
