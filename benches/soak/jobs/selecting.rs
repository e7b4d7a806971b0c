//! Select: one goroutine between many channels, which it receives from, sends to, and waits for the end of.
//!
//! Values go from some senders on channels of their own through a selecting hand in the middle, which holds
//! those it could not pass on yet, to one receiver. In the middle values are evaluated late, and it panics there
//! now and then: then the choice is withdrawn, and nothing may be lost.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use super::{Round, dawdle};
use crate::dice::Dice;
use crate::faults::{self, Fault};
use crate::hands::Hand;
use crate::ledger::{Account, Token};
use sudog::chan::{self, Receiver, RecvError, Select, SendError, Sender};
use sudog::time::{self, Ticker};
use sudog::{select, select_biased};

const SENDERS: usize = 3;

pub fn play(round: &mut Round) {
    let dice = &mut round.dice;
    let (mut inputs, mut senders) = (Vec::new(), Vec::new());
    let count = dice.below(80);
    for maker in 0..SENDERS {
        let (tx, rx) = chan::bounded(dice.pick(&[0, 0, 1, 5]));
        inputs.push(rx);
        let (values, mut own) = (Arc::clone(&round.values), dice.split());
        senders.push(Hand::start(dice, move || {
            send_all(&tx, maker, count, &values, &mut own)
        }));
    }
    let (out, end) = chan::bounded(dice.pick(&[0, 0, 1, 5]));
    let (quit, is_quit) = chan::bounded::<()>(0);
    let is_dynamic = dice.one_in(2);
    let mut own = dice.split();
    let middle = Hand::start(dice, move || {
        let turn = if is_dynamic {
            dynamic_turn
        } else {
            select_turn
        };
        pass_on(&inputs, &out, &is_quit, turn, &mut own);
    });
    let mut own = dice.split();
    let receiver = Hand::start(dice, move || {
        for token in end {
            token.arrive();
            dawdle(&mut own);
        }
    });
    if dice.one_in(4) {
        time::sleep(dice.micros(3_000));
        faults::strike(Fault::Close);
        quit.close();
    }
    senders.into_iter().for_each(Hand::finish);
    middle.finish();
    receiver.finish();
}

/// Sends until all are sent or nobody receives any more.
fn send_all(
    tx: &Sender<Token>,
    maker: usize,
    count: usize,
    values: &Arc<Account>,
    dice: &mut Dice,
) {
    for _ in 0..count {
        if let Err(unsent) = tx.send(values.make(maker)) {
            return unsent.into_inner().come_back();
        }
        dawdle(dice);
    }
}

/// What a turn of the hand in the middle has come to.
enum Turn {
    Received(usize, Result<Token, RecvError>),
    Nothing,
    Quit,
}

/// The hand in the middle: receives as long as it has room, sends what it holds, until its inputs have ended
/// or it is to quit.
fn pass_on(
    inputs: &[Receiver<Token>],
    out: &Sender<Token>,
    quit: &Receiver<()>,
    turn: fn(&mut Middle<'_>, &mut Dice) -> Turn,
    dice: &mut Dice,
) {
    let mut middle = Middle {
        inputs,
        out,
        quit,
        ticker: Ticker::new(Duration::from_micros(100)),
        open: [true; SENDERS],
        held: VecDeque::new(),
        panics: false,
    };
    while !middle.held.is_empty() || middle.open.contains(&true) {
        middle.panics = dice.one_in(20);
        let came = catch_unwind(AssertUnwindSafe(|| turn(&mut middle, dice)));
        match faults::caught(came) {
            Some(Turn::Received(_, Ok(token))) => middle.held.push_back(token),
            Some(Turn::Received(at, Err(RecvError))) => middle.open[at] = false,
            Some(Turn::Quit) => break,
            Some(Turn::Nothing) | None => {}
        }
        dawdle(dice);
    }
    for input in inputs {
        input.close();
        input.iter().for_each(Token::come_back);
    }
    middle.held.into_iter().for_each(Token::come_back);
}

struct Middle<'a> {
    inputs: &'a [Receiver<Token>],
    out: &'a Sender<Token>,
    quit: &'a Receiver<()>,
    ticker: Ticker,
    open: [bool; SENDERS],
    held: VecDeque<Token>,
    /// Whether it panics this time, if it comes to send.
    panics: bool,
}

impl Middle<'_> {
    fn wants(&self, at: usize) -> bool {
        self.open[at] && self.held.len() < 10
    }

    /// The value to send. One that panics is not taken.
    fn next(&mut self) -> Token {
        if self.panics {
            faults::panic();
        }
        self.held.pop_front().expect("it is asked for only then")
    }
}

/// A turn with `select!`.
fn select_turn(middle: &mut Middle<'_>, dice: &mut Dice) -> Turn {
    let (inputs, out, quit) = (middle.inputs, middle.out, middle.quit);
    let wants = [0, 1, 2].map(|at| middle.wants(at));
    let (has_value, limit) = (!middle.held.is_empty(), dice.micros(200));
    let ticks = middle.ticker.receiver().clone();
    if dice.one_in(3) {
        return select_biased! {
            recv(quit) -> _ => Turn::Quit,
            send(out, middle.next()) -> sent, if has_value => sent_on(sent),
            recv(inputs[0]) -> token, if wants[0] => Turn::Received(0, token),
            recv(inputs[1]) -> token, if wants[1] => Turn::Received(1, token),
            recv(inputs[2]) -> token, if wants[2] => Turn::Received(2, token),
            default => Turn::Nothing,
        };
    }
    select! {
        recv(inputs[0]) -> token, if wants[0] => Turn::Received(0, token),
        recv(inputs[1]) -> token, if wants[1] => Turn::Received(1, token),
        recv(inputs[2]) -> token, if wants[2] => Turn::Received(2, token),
        send(out, middle.next()) -> sent, if has_value => sent_on(sent),
        recv(ticks) -> _ => Turn::Nothing,
        recv(quit) -> _ => Turn::Quit,
        default(limit) => Turn::Nothing,
    }
}

/// A turn with `Select`.
fn dynamic_turn(middle: &mut Middle<'_>, dice: &mut Dice) -> Turn {
    let (inputs, out, quit) = (middle.inputs, middle.out, middle.quit);
    let mut select = Select::new();
    let quits = select.recv(quit);
    let sends = (!middle.held.is_empty()).then(|| select.send(out));
    let mut receives = [usize::MAX; SENDERS];
    for (at, input) in inputs.iter().enumerate() {
        if middle.wants(at) {
            receives[at] = select.recv(input);
        } else {
            // Put in and taken out again, it is never chosen.
            let index = select.recv(input);
            select.remove(index);
        }
    }
    let limit = dice.micros(200);
    let chosen = match dice.below(4) {
        0 => select.select(),
        1 => match select.try_select() {
            Ok(chosen) => chosen,
            Err(_) => return Turn::Nothing,
        },
        2 => match select.ready_timeout(limit) {
            // Somebody else may be first, and what is chosen may be another.
            Ok(_) => match select.try_select() {
                Ok(chosen) => chosen,
                Err(_) => return Turn::Nothing,
            },
            Err(_) => return Turn::Nothing,
        },
        _ => match select.select_timeout(limit) {
            Ok(chosen) => chosen,
            Err(_) => return Turn::Nothing,
        },
    };
    let index = chosen.index();
    if index == quits {
        assert!(
            chosen.recv(quit).is_err(),
            "a value on a channel that has none"
        );
        return Turn::Quit;
    }
    if Some(index) == sends {
        return sent_on(chosen.send(out, middle.next()));
    }
    let at = receives.iter().position(|receive| *receive == index);
    let at = at.expect("an operation that was put in");
    Turn::Received(at, chosen.recv(&inputs[at]))
}

fn sent_on(sent: Result<(), SendError<Token>>) -> Turn {
    assert!(sent.is_ok(), "the receiver stays to the end");
    Turn::Nothing
}
