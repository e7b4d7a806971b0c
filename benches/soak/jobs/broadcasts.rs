//! Broadcasts: each receiver gets what was sent, or is told how many it has missed, and in order.

use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use super::{Round, dawdle, poll_once};
use crate::dice::Dice;
use crate::faults::{self, Fault};
use crate::hands::Hand;
use crate::ledger::Token;
use sudog::sync::{
    Broadcast, BroadcastReceiver, BroadcastRecvError, BroadcastRecvTimeoutError,
    BroadcastTryRecvError,
};

/// The copies are of an `Arc`: the value ends when the last who could get it is done with it.
type Shared = Arc<Token>;

pub fn play(round: &mut Round) {
    // A value has arrived if a receiver was the last to have it, and not the broadcast itself.
    round.values.allow_discards();
    let dice = &mut round.dice;
    let sender = Broadcast::<Shared>::new(1 + dice.below(32));
    let each = dice.below(200);
    let receivers: Vec<_> = (0..1 + dice.below(4))
        .map(|_| {
            let (receiver, mut own) = (sender.subscribe(), dice.split());
            let stays = !dice.one_in(5);
            Hand::start(dice, move || receive_all(receiver, stays, &mut own))
        })
        .collect();
    let senders: Vec<_> = (0..1 + dice.below(3))
        .map(|maker| {
            let (sender, values, mut own) =
                (sender.clone(), Arc::clone(&round.values), dice.split());
            Hand::start(dice, move || {
                for _ in 0..each {
                    sender.send(Arc::new(values.make(maker)));
                    dawdle(&mut own);
                }
            })
        })
        .collect();
    drop(sender);
    let all = (each * senders.len()) as u64;
    senders.into_iter().for_each(Hand::finish);
    for receiver in receivers {
        if let Some(told_of) = receiver.finish() {
            assert_eq!(told_of, all, "values received and missed");
        }
    }
}

/// Receives until the end: how many values it got or was told that it has missed. `None` if it left.
fn receive_all(
    mut receiver: BroadcastReceiver<Shared>,
    stays: bool,
    dice: &mut Dice,
) -> Option<u64> {
    let mut told_of = 0;
    let mut last = [None; 3];
    loop {
        match receive(&mut receiver, dice) {
            Ok(Some(token)) => {
                let last = &mut last[token.maker()];
                assert!(*last < Some(token.number()), "out of order");
                *last = Some(token.number());
                told_of += 1;
                if let Some(token) = Arc::into_inner(token) {
                    token.arrive();
                }
            }
            Ok(None) => dawdle(dice),
            Err(BroadcastRecvError::Lagged(missed)) => told_of += missed,
            Err(BroadcastRecvError::Closed) => return Some(told_of),
        }
        if !stays && dice.one_in(50) {
            return None;
        }
    }
}

fn receive(
    receiver: &mut BroadcastReceiver<Shared>,
    dice: &mut Dice,
) -> Result<Option<Shared>, BroadcastRecvError> {
    use BroadcastRecvError::{Closed, Lagged};
    match dice.below(5) {
        0 => receiver.recv().map(Some),
        1 => match receiver.try_recv() {
            Ok(token) => Ok(Some(token)),
            Err(BroadcastTryRecvError::Empty) => Ok(None),
            Err(BroadcastTryRecvError::Lagged(missed)) => Err(Lagged(missed)),
            Err(BroadcastTryRecvError::Closed) => Err(Closed),
        },
        2 => match receiver.recv_timeout(dice.micros(100)) {
            Ok(token) => Ok(Some(token)),
            Err(BroadcastRecvTimeoutError::Timeout) => Ok(None),
            Err(BroadcastRecvTimeoutError::Lagged(missed)) => Err(Lagged(missed)),
            Err(BroadcastRecvTimeoutError::Closed) => Err(Closed),
        },
        3 => sudog::block_on(receiver.recv_async()).map(Some),
        _ => {
            let mut receiving = pin!(receiver.recv_async());
            match poll_once(receiving.as_mut()) {
                Poll::Ready(received) => received.map(Some),
                Poll::Pending => {
                    faults::strike(Fault::Dropped);
                    Ok(None)
                }
            }
        }
    }
}
