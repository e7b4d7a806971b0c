//! Run queues: whoever takes a goroutine is the only one to, and none is left behind.
//!
//! Running a goroutine twice at once is a race that the checker reports by itself, and so is running
//! one that the queue has not published; the counts at the end tell of those that ran twice or not at
//! all.

use crate::check;
use crate::runtime::g::{G, GRef};
use crate::runtime::nouns::{WEIGHT, keep};
use crate::runtime::runq::{LOCAL_MAX, RunQ, Slice, Stolen};
use loom::thread;

/// How many goroutines fill a local queue.
const FULL: u64 = (LOCAL_MAX / WEIGHT) as u64;

fn queue() -> &'static RunQ {
    let queue = keep(RunQ::new());
    queue.peek_next();
    queue
}

fn goroutines(count: u64) -> Vec<GRef> {
    (1..=count).map(G::with_id).collect()
}

fn run_all(queue: &RunQ) {
    while let Some((g, _)) = queue.pop() {
        g.run();
    }
}

/// Takes what a thief can get in one go, `runnext` last.
fn steal_and_run(victim: &RunQ) {
    let own = queue();
    match victim.steal_into(own) {
        Stolen::One(g) => g.run(),
        Stolen::Nothing | Stolen::Retry => {}
    }
    let next = victim.steal_next(victim.peek_next());
    next.into_iter().for_each(|g| g.run());
    run_all(own);
}

fn assert_each_ran_once(goroutines: &[GRef]) {
    for g in goroutines {
        assert_eq!(g.runs(), 1, "goroutine {}", g.id());
    }
}

#[test]
fn runnext_goes_to_the_owner_or_to_one_thief() {
    check(None, || {
        let queue = queue();
        let thief = thread::spawn(move || {
            let next = queue.steal_next(queue.peek_next());
            next.into_iter().for_each(|g| g.run());
        });
        let all = goroutines(3);
        for &g in &all {
            if let Some(displaced) = queue.push_next(g) {
                displaced.run();
            }
        }
        if let Some((g, slice)) = queue.pop() {
            assert_eq!(slice, Slice::Inherited);
            g.run();
        }
        thief.join().unwrap();
        run_all(queue);
        assert_each_ran_once(&all);
    });
}

#[test]
fn owner_and_thief_share_a_queue() {
    check(None, || {
        let queue = queue();
        let thief = thread::spawn(move || steal_and_run(queue));
        let all = goroutines(3);
        for &g in &all {
            if let Some(displaced) = queue.push_next(g) {
                assert!(queue.push_tail(displaced).is_none());
            }
        }
        run_all(queue);
        thief.join().unwrap();
        assert_each_ran_once(&all);
    });
}

#[test]
fn two_thieves_share_what_the_owner_leaves() {
    check(Some(3), || {
        let (queue, all) = (queue(), goroutines(4));
        for &g in &all[..3] {
            assert!(queue.push_tail(g).is_none());
        }
        assert!(queue.push_next(all[3]).is_none());
        let thieves: Vec<_> = (0..2)
            .map(|_| thread::spawn(move || steal_and_run(queue)))
            .collect();
        run_all(queue);
        for thief in thieves {
            thief.join().unwrap();
        }
        assert_each_ran_once(&all);
    });
}

#[test]
fn a_full_queue_spills_each_goroutine_once() {
    check(None, || {
        let (queue, all) = (queue(), goroutines(FULL + 1));
        for &g in &all[..FULL as usize] {
            assert!(queue.push_tail(g).is_none());
        }
        let thief = thread::spawn(move || steal_and_run(queue));
        let spill = queue.push_tail(all[FULL as usize]);
        let spilled = spill.into_iter().flat_map(|mut list| {
            assert!(list.len() <= LOCAL_MAX / 2 + WEIGHT);
            std::iter::from_fn(move || list.pop_front())
        });
        spilled.for_each(|g| g.run());
        run_all(queue);
        thief.join().unwrap();
        assert_each_ran_once(&all);
    });
}
