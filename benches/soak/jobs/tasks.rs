//! Async code: many futures of ours in one task, some dropped half way, on executors of several kinds.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use super::{Round, dawdle};
use crate::dice::Dice;
use crate::faults::{self, Fault};
use crate::hands::Hand;
use crate::ledger::Account;
use futures::future::{BoxFuture, Either, FutureExt, join_all, select};
use futures::{StreamExt, pin_mut};
use sudog::chan::{self, Receiver, Sender};
use sudog::sync::{Mutex, RwLock, Semaphore, WaitGroup};
use sudog::time::sleep_async;

use crate::ledger::Token;

/// What all tasks of a round share.
struct Shared {
    count: Mutex<u64>,
    pairs: RwLock<(u64, u64)>,
    permits: Semaphore,
    inside: AtomicUsize,
    group: WaitGroup,
}

const PERMITS: usize = 2;

pub fn play(round: &mut Round) {
    let dice = &mut round.dice;
    let shared = Arc::new(Shared {
        count: Mutex::new(0),
        pairs: RwLock::new((0, 0)),
        permits: Semaphore::new(PERMITS),
        inside: AtomicUsize::new(0),
        group: WaitGroup::new(),
    });
    let (tx, rx) = chan::bounded(dice.below(3));
    let (tasks, turns) = (2 + dice.below(3), dice.below(60));
    let mut hands = Vec::new();
    for maker in 0..tasks {
        let task = task(
            (tx.clone(), maker),
            turns,
            Arc::clone(&round.values),
            Arc::clone(&shared),
            dice.split(),
        );
        let executor = dice.below(4);
        hands.push(Hand::start(dice, move || run(executor, task)));
    }
    drop(tx);
    let receivers = join_all(
        (0..3)
            .map(|_| receive_all(rx.clone()))
            .map(FutureExt::boxed),
    );
    let all_done = shared.group.wait_async();
    // The round's own task, with all receivers in it.
    run(
        dice.below(4),
        async move {
            futures::join!(receivers, all_done);
        }
        .boxed(),
    );
    hands.into_iter().for_each(Hand::finish);
    let Shared { count, pairs, .. } = Arc::into_inner(shared).expect("all tasks have ended");
    let (count, pairs) = (count.into_inner(), pairs.into_inner());
    assert_eq!(count, (tasks * turns) as u64, "counted under the mutex");
    assert_eq!(pairs.0, pairs.1, "written together");
}

/// Runs a task on one of the executors. That of `futures` keeps the thread it began on in mind, and is for
/// threads.
fn run(executor: usize, task: BoxFuture<'static, ()>) {
    match executor {
        0 if sudog::current().is_none() => futures::executor::block_on(task),
        1 => pollster::block_on(task),
        _ => sudog::block_on(task),
    }
}

async fn receive_all(rx: Receiver<Token>) {
    let stream = rx.into_stream();
    pin_mut!(stream);
    while let Some(token) = stream.next().await {
        token.arrive();
    }
}

fn task(
    (tx, maker): (Sender<Token>, usize),
    turns: usize,
    values: Arc<Account>,
    shared: Arc<Shared>,
    mut dice: Dice,
) -> BoxFuture<'static, ()> {
    let ends = shared.group.guard();
    async move {
        let _ends = ends;
        for _ in 0..turns {
            *shared.count.lock_async().await += 1;
            tx.send_async(values.make(maker))
                .await
                .expect("they receive all");
            turn(&shared, &mut dice).await;
        }
    }
    .boxed()
}

/// One of the other things, perhaps given up before it is done.
async fn turn(shared: &Shared, dice: &mut Dice) {
    let limit = sleep_async(dice.micros(300));
    let patience = dice.below(5);
    let kind = dice.below(5);
    let mut own = dice.split();
    let work = async {
        match kind {
            0 => drop(shared.pairs.read_async().await),
            1 => {
                let mut pairs = shared.pairs.write_async().await;
                pairs.0 += 1;
                // Not a place to be dropped at: the pair would stay uneven.
                dawdle(&mut own);
                pairs.1 += 1;
            }
            2 => {
                let permit = shared.permits.acquire_async(1 + own.below(PERMITS)).await;
                let permit = permit.expect("it is open");
                let inside = shared.inside.fetch_add(permit.count(), Relaxed) + permit.count();
                assert!(inside <= PERMITS, "more permits than there are");
                shared.inside.fetch_sub(permit.count(), Relaxed);
            }
            3 => {
                let handle = sudog::spawn(move || own.next());
                handle.await.expect("it does not panic");
            }
            _ => sleep_async(Duration::from_micros(own.below(200) as u64)).await,
        }
    };
    pin_mut!(work);
    if patience > 0 {
        return work.await;
    }
    match select(work, limit).await {
        Either::Left(_) => {}
        Either::Right(_) => faults::strike(Fault::Dropped),
    }
}
