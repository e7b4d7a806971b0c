//! Contexts: a tree whose branches end at any time, and everything that waits under one of them.
//!
//! Whoever waits, waits for ever but for its context; so the round ends only if each end reaches everybody.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use super::{Round, dawdle};
use crate::dice::Dice;
use crate::faults::{self, Fault};
use crate::hands::Hand;
use sudog::chan;
use sudog::context::{Context, ContextError, Error};
use sudog::sync::{Mutex, Semaphore, WaitGroup};

/// What is never to be had.
struct Never {
    sender: chan::Sender<()>,
    receiver: chan::Receiver<()>,
    semaphore: Semaphore,
    group: WaitGroup,
    mutex: Mutex<()>,
}

pub fn play(round: &mut Round) {
    let dice = &mut round.dice;
    let (sender, receiver) = chan::bounded(0);
    let (_held_sender, empty) = chan::bounded(0);
    let never = Arc::new(Never {
        sender,
        receiver: empty,
        semaphore: Semaphore::new(1),
        group: WaitGroup::new(),
        mutex: Mutex::new(()),
    });
    let _permit = never.semaphore.try_acquire(1).expect("it is the first");
    let _guard = never.mutex.lock();
    never.group.add(1);

    let (root, cancel_root) = Context::background().with_value(7_u32).with_cancel();
    let mut tree = vec![root];
    let mut cancels = Vec::new();
    for _ in 0..dice.below(20) {
        let parent = tree[dice.below(tree.len())].clone();
        let limit = dice.micros(5_000);
        let (child, cancel) = match dice.below(3) {
            0 => parent.with_timeout(limit),
            1 => parent.with_cancel(),
            _ => parent
                .with_value("branch")
                .with_deadline(sudog::time::now() + limit),
        };
        tree.push(child);
        cancels.push(cancel);
    }
    let stopped = Arc::new(AtomicUsize::new(0));
    let (mut waiting, mut registered) = (Vec::new(), 0);
    for ctx in &tree {
        for _ in 0..dice.below(3) {
            let (ctx, never, own) = (ctx.clone(), Arc::clone(&never), dice.split());
            waiting.push(Hand::start(dice, move || wait(&ctx, &never, own)));
        }
        // A value that arrives if the function is called; if it is stopped first, it is dropped with it.
        let token = round.values.make(0);
        let stop = ctx.after_func(move || token.arrive());
        registered += 1;
        if dice.one_in(4) {
            round.values.allow_discards();
            stopped.fetch_add(usize::from(stop.stop()), Relaxed);
        }
    }
    for cancel in cancels {
        dawdle(dice);
        match dice.below(3) {
            0 => cancel.detach(),
            1 => {
                faults::strike(Fault::Cancel);
                cancel.cancel();
            }
            _ => drop(cancel),
        }
    }
    faults::strike(Fault::Cancel);
    cancel_root.cancel();
    waiting.into_iter().for_each(Hand::finish);
    for ctx in &tree {
        assert!(ctx.err().is_some() && ctx.done().recv().is_err());
        assert_eq!(ctx.value::<u32>(), Some(&7));
    }
    drop(receiver);
    let sums = round
        .values
        .settle()
        .expect("functions are called or stopped");
    let called = registered - stopped.load(Relaxed);
    assert_eq!(sums.arrived, called as u64, "functions called");
}

/// Waits for what never comes, until the context ends.
fn wait(ctx: &Context, never: &Never, mut dice: Dice) {
    let ended = match dice.below(8) {
        0 => ctx.recv(&never.receiver).map_err(of_context),
        1 => ctx
            .send(&never.sender, ())
            .map_err(|unsent| of_context(unsent.error)),
        2 => ctx.sleep(Duration::from_secs(3_600)),
        3 => ctx.lock(&never.mutex).map(drop),
        4 => ctx
            .acquire(&never.semaphore, 1)
            .map(drop)
            .map_err(of_context),
        5 => ctx.wait(&never.group),
        6 => {
            let (end, ended) = chan::bounded::<()>(0);
            let other = sudog::spawn(move || ended.recv().is_err());
            let Err((error, handle)) = ctx.join(other) else {
                panic!("it has ended before it could")
            };
            drop(end);
            assert!(handle.join().expect("it does not panic"));
            Err(error)
        }
        _ => {
            let (child, _cancel) = ctx.with_cancel_cause();
            assert!(child.done().recv().is_err());
            Err(child.err().expect("it is done"))
        }
    };
    let error = ended.expect_err("it never comes");
    assert!(matches!(
        error,
        ContextError::Canceled | ContextError::DeadlineExceeded
    ));
    assert!(ctx.err().is_some(), "a wait has ended before its context");
}

fn of_context<E>(error: Error<E>) -> ContextError {
    match error {
        Error::Context(error) => error,
        Error::Op(_) => panic!("a channel has ended that is open"),
    }
}
