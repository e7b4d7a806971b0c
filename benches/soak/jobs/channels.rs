//! Senders and receivers of all sorts on one channel.
//!
//! Those of one sender arrive at each receiver in their order. Not so where futures are dropped while offers
//! are late: then a value may be put back behind others (see `chan`), so a round has the one or the other.

use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use super::{Round, context, dawdle, poll_once};
use crate::dice::Dice;
use crate::faults::{self, Fault};
use crate::hands::Hand;
use crate::ledger::{Account, Token};
use futures::StreamExt;
use sudog::chan::{self, Receiver, RecvError, Select, SendError, Sender};
use sudog::context::Error;

/// What this round does that others do not.
#[derive(Clone, Copy)]
struct Rules {
    offers_late: bool,
    is_closed: bool,
    receivers_leave: bool,
    senders_panic: bool,
}

pub fn play(round: &mut Round) {
    let dice = &mut round.dice;
    let rules = Rules {
        offers_late: dice.one_in(2),
        is_closed: dice.one_in(3),
        receivers_leave: dice.one_in(4),
        senders_panic: dice.one_in(4),
    };
    if rules.receivers_leave || rules.senders_panic {
        round.values.allow_discards();
    }
    let (tx, rx) = match dice.pick(&[Some(0), Some(0), Some(1), Some(7), Some(64), None]) {
        Some(capacity) => chan::bounded(capacity),
        None => chan::unbounded(),
    };
    let (count, each) = (1 + dice.below(4), dice.below(150));
    let senders: Vec<_> = (0..count)
        .map(|maker| {
            let (tx, values, mut own) = (tx.clone(), Arc::clone(&round.values), dice.split());
            Hand::start(dice, move || {
                send_all(&tx, maker, each, &values, rules, &mut own)
            })
        })
        .collect();
    let receivers: Vec<_> = (0..1 + dice.below(4))
        .map(|_| {
            let (rx, mut own) = (rx.clone(), dice.split());
            Hand::start(dice, move || receive_all(&rx, count, rules, &mut own))
        })
        .collect();
    drop(rx);
    if rules.is_closed {
        sudog::time::sleep(dice.micros(2_000));
        faults::strike(Fault::Close);
        tx.close();
    }
    drop(tx);
    for sender in senders {
        faults::caught(sender.join());
    }
    receivers.into_iter().for_each(Hand::finish);
}

/// Why a value was not sent.
enum Unsent {
    /// Not yet: there was a limit.
    Late(Token),
    /// Nor will be.
    Closed(Token),
}

fn send_all(
    tx: &Sender<Token>,
    maker: usize,
    count: usize,
    values: &Arc<Account>,
    rules: Rules,
    dice: &mut Dice,
) {
    for _ in 0..count {
        let mut next = Some(values.make(maker));
        while let Some(token) = next.take() {
            if rules.senders_panic && dice.one_in(200) {
                faults::panic();
            }
            match send(tx, token, rules, dice) {
                Ok(()) => {}
                Err(Unsent::Late(token)) => next = Some(token),
                Err(Unsent::Closed(token)) => {
                    assert!(tx.is_closed(), "a channel that refuses values is open");
                    return token.come_back();
                }
            }
        }
        dawdle(dice);
    }
}

/// Sends in one of all the ways there are.
fn send(tx: &Sender<Token>, token: Token, rules: Rules, dice: &mut Dice) -> Result<(), Unsent> {
    let limit = dice.micros(100);
    match dice.below(10) {
        0 | 1 => tx.send(token).map_err(closed),
        2 => tx.try_send(token).map_err(|unsent| {
            let is_full = unsent.is_full();
            late_or_closed(is_full, unsent.into_inner())
        }),
        3 => tx.send_timeout(token, limit).map_err(|unsent| {
            let is_late = unsent.is_timeout();
            late_or_closed(is_late, unsent.into_inner())
        }),
        4 => {
            let sent = tx.send_deadline(token, Instant::now() + limit);
            sent.map_err(|unsent| {
                let is_late = unsent.is_timeout();
                late_or_closed(is_late, unsent.into_inner())
            })
        }
        5 => sudog::block_on(tx.send_async(token)).map_err(closed),
        6 if !rules.offers_late => {
            let mut sending = pin!(tx.send_async(token));
            match poll_once(sending.as_mut()) {
                Poll::Ready(sent) => sent.map_err(closed),
                Poll::Pending => {
                    faults::strike(Fault::Dropped);
                    dawdle(dice);
                    sending
                        .take_value()
                        .map_or(Ok(()), |token| Err(Unsent::Late(token)))
                }
            }
        }
        7 if rules.offers_late => {
            let mut select = Select::new();
            (0..1 + dice.below(3)).for_each(|_| {
                select.send(tx);
            });
            match select.select_timeout(limit) {
                Ok(chosen) => chosen.send(tx, token).map_err(closed),
                Err(_) => Err(Unsent::Late(token)),
            }
        }
        8 if rules.offers_late => {
            let (ctx, _cancel) = context(dice);
            ctx.send(tx, token).map_err(|unsent| {
                let is_late = matches!(unsent.error, Error::Context(_));
                late_or_closed(is_late, unsent.into_inner())
            })
        }
        _ => {
            let mut token = Some(token);
            sudog::select! {
                send(tx, token.take().expect("it is sent once")) -> sent => sent.map_err(closed),
                default(limit) => token.take().map_or(Ok(()), |token| Err(Unsent::Late(token))),
            }
        }
    }
}

fn closed(unsent: SendError<Token>) -> Unsent {
    Unsent::Closed(unsent.into_inner())
}

fn late_or_closed(is_late: bool, token: Token) -> Unsent {
    if is_late {
        Unsent::Late(token)
    } else {
        Unsent::Closed(token)
    }
}

/// Receives until the channel is closed and empty, or leaves before.
fn receive_all(rx: &Receiver<Token>, senders: usize, rules: Rules, dice: &mut Dice) {
    let mut stays_for = if rules.receivers_leave {
        dice.below(200)
    } else {
        usize::MAX
    };
    let mut last = vec![None; senders];
    while stays_for > 0 {
        match receive(rx, rules, dice) {
            Ok(Some(token)) => {
                let last = &mut last[token.maker()];
                assert!(*last < Some(token.number()), "out of order");
                *last = Some(token.number());
                token.arrive();
                stays_for -= 1;
            }
            Ok(None) => dawdle(dice),
            Err(RecvError) => return,
        }
    }
}

/// Receives in one of all the ways there are; `None` if nothing has come in time.
fn receive(
    rx: &Receiver<Token>,
    rules: Rules,
    dice: &mut Dice,
) -> Result<Option<Token>, RecvError> {
    let limit = dice.micros(100);
    match dice.below(11) {
        0 | 1 => rx.recv().map(Some),
        2 => in_time(rx.try_recv(), |missing| missing.is_empty()),
        3 => in_time(rx.recv_timeout(limit), |missing| missing.is_timeout()),
        4 => {
            let received = rx.recv_deadline(Instant::now() + limit);
            in_time(received, |missing| missing.is_timeout())
        }
        5 => sudog::block_on(rx.recv_async()).map(Some),
        6 if !rules.offers_late => {
            let mut receiving = pin!(rx.recv_async());
            match poll_once(receiving.as_mut()) {
                Poll::Ready(received) => received.map(Some),
                Poll::Pending => {
                    faults::strike(Fault::Dropped);
                    dawdle(dice);
                    Ok(None)
                }
            }
        }
        7 => sudog::block_on(rx.stream().next())
            .map(Some)
            .ok_or(RecvError),
        8 => {
            let mut select = Select::new();
            select.recv(rx);
            select.recv(rx);
            match select.select_timeout(limit) {
                Ok(chosen) => chosen.recv(rx).map(Some),
                Err(_) => Ok(None),
            }
        }
        9 => {
            let (ctx, _cancel) = context(dice);
            in_time(ctx.recv(rx), |error| matches!(error, Error::Context(_)))
        }
        _ => sudog::select! {
            recv(rx) -> received => received.map(Some),
            recv(chan::after(limit + Duration::from_micros(1))) -> _ => Ok(None),
        },
    }
}

fn in_time<E>(
    received: Result<Token, E>,
    is_late: impl FnOnce(&E) -> bool,
) -> Result<Option<Token>, RecvError> {
    match received {
        Ok(token) => Ok(Some(token)),
        Err(error) if is_late(&error) => Ok(None),
        Err(_) => Err(RecvError),
    }
}
