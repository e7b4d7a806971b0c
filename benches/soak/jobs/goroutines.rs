//! Goroutines: all ways to start one, and all ways to end.

use std::cell::RefCell;
use std::hint::black_box;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::{Round, dawdle};
use crate::dice::Dice;
use crate::faults::{self, Fault};
use crate::hands::Hand;
use crate::ledger::{Account, Token};
use sudog::runtime::lock_os_thread;
use sudog::sync::WaitGroup;
use sudog::{Builder, go, no_park, on_system_stack, spawn};

sudog::goroutine_local! {
    /// Dropped at the end of the goroutine, and booked then.
    static KEPT: RefCell<Vec<Token>> = RefCell::default();
}

pub fn play(round: &mut Round) {
    let dice = &mut round.dice;
    let values = &round.values;
    for _ in 0..4 + dice.below(30) {
        match dice.below(9) {
            0 => results(values, dice),
            1 => panics(values, dice),
            2 => detached(values, dice),
            3 => locals(values, dice),
            4 => deep(dice),
            5 => on_one_thread(dice),
            6 => limits(values, dice),
            7 => panics_in_drop(values, dice),
            _ => family(values, dice),
        }
    }
}

fn results(values: &Arc<Account>, dice: &mut Dice) {
    let (token, mut own) = (values.make(0), dice.split());
    let hand = Hand::start(dice, move || {
        dawdle(&mut own);
        token
    });
    hand.finish().arrive();
    fn pass_on(token: Token) -> Token {
        token
    }
    let token = values.make(0);
    let handle = go!(pass_on(token));
    assert_eq!(handle.goroutine().name(), Some("pass_on"));
    handle.join().expect("it does not panic").arrive();
}

/// A value that travels in the payload of a panic.
fn panics(values: &Arc<Account>, dice: &mut Dice) {
    let (token, mut own) = (values.make(0), dice.split());
    let hand = Hand::start(dice, move || {
        dawdle(&mut own);
        assert!(!thread::panicking(), "a bystander panics");
        faults::panic_with(token);
    });
    assert!(faults::caught::<()>(hand.join()).is_none());
}

/// What nobody waits for, or not long enough.
fn detached(values: &Arc<Account>, dice: &mut Dice) {
    values.allow_discards();
    faults::strike(Fault::Dropped);
    let (token, mut own) = (values.make(0), dice.split());
    let is_dropped = dice.one_in(2);
    let handle = spawn(move || {
        dawdle(&mut own);
        if own.one_in(3) {
            faults::panic_with(token);
        }
        token
    });
    if is_dropped {
        return;
    }
    if let Ok(result) = handle.join_timeout(dice.micros(200)) {
        result.map_or_else(|payload| assert!(faults::is_wanted(payload)), Token::arrive);
    }
}

fn locals(values: &Arc<Account>, dice: &mut Dice) {
    values.allow_discards();
    let (kept, before) = (dice.below(3), Arc::clone(values));
    let mut own = dice.split();
    let handle = spawn(move || {
        for count in 0..kept {
            KEPT.with_borrow_mut(|tokens| tokens.push(before.make(0)));
            dawdle(&mut own);
            KEPT.with_borrow(|tokens| assert_eq!(tokens.len(), count + 1));
        }
        if own.one_in(3) {
            faults::panic();
        }
    });
    faults::caught(handle.join());
}

/// Goes down its stack as far as it reaches, and further on the thread's.
fn deep(dice: &mut Dice) {
    let (kib, mut own) = (dice.below(100), dice.split());
    let is_long = dice.one_in(2);
    let hand = Builder::new()
        .stack_size(1 << 20)
        .name("deep")
        .spawn(move || {
            let depth = go_down(kib);
            dawdle(&mut own);
            if is_long {
                on_system_stack(|| {
                    dawdle(&mut own);
                    assert_eq!(go_down(1_000), 1_000);
                });
            }
            depth
        });
    let hand = hand.expect("a goroutine with this stack");
    assert_eq!(hand.join().expect("it does not panic"), kib);
}

/// Uses a KiB of stack in each step, and a little more.
fn go_down(kib: usize) -> usize {
    let frame = black_box([kib as u8; 1024]);
    if kib == 0 {
        return 0;
    }
    let depth = 1 + go_down(kib - 1);
    assert_eq!(
        frame[black_box(depth) % frame.len()],
        kib as u8,
        "a frame was overwritten"
    );
    depth
}

fn on_one_thread(dice: &mut Dice) {
    let (is_pinned, is_left_locked, mut own) = (dice.one_in(2), dice.one_in(4), dice.split());
    let mut builder = Builder::new().name("on one thread");
    if is_pinned {
        builder = builder.pinned();
    }
    let handle = builder.spawn(move || {
        let guard = lock_os_thread();
        let here = thread::current().id();
        for _ in 0..4 {
            dawdle(&mut own);
            sudog::time::sleep(own.micros(100));
            assert_eq!(thread::current().id(), here, "it has left its thread");
        }
        if is_left_locked {
            std::mem::forget(guard);
        }
        let _stays = no_park();
        spawn(|| ());
    });
    let handle = handle.expect("a goroutine with a thread");
    handle.join().expect("it does not panic");
}

/// Who waits for an end, and how long.
fn limits(values: &Arc<Account>, dice: &mut Dice) {
    let (token, pause) = (values.make(0), dice.micros(400));
    let mut handle = spawn(move || {
        sudog::time::sleep(pause);
        token
    });
    let watch = handle.done().clone();
    let token = loop {
        match handle.join_timeout(dice.micros(200)) {
            Ok(result) => break result.expect("it does not panic"),
            Err(again) => handle = again,
        }
    };
    assert!(watch.recv().is_err(), "an end that carries a value");
    token.arrive();
}

/// A destructor that waits, and hands its value on, while the goroutine unwinds.
fn panics_in_drop(values: &Arc<Account>, dice: &mut Dice) {
    struct SendsAtLast(sudog::chan::Sender<Token>, Option<Token>);
    impl Drop for SendsAtLast {
        fn drop(&mut self) {
            assert!(thread::panicking());
            let token = self.1.take().expect("it is dropped once");
            self.0.send(token).expect("it is received");
            sudog::time::sleep(Duration::from_micros(50));
        }
    }
    let (tx, rx) = sudog::chan::bounded(dice.below(2));
    let token = values.make(0);
    let handle = spawn(move || {
        let _at_last = SendsAtLast(tx, Some(token));
        faults::panic();
    });
    let token = rx.recv().expect("it sends as it unwinds");
    assert!(!thread::panicking(), "a bystander panics");
    token.arrive();
    assert!(faults::caught::<()>(handle.join()).is_none());
}

/// Goroutines that start goroutines.
fn family(values: &Arc<Account>, dice: &mut Dice) {
    let group = WaitGroup::new();
    let count = dice.below(50);
    for _ in 0..count {
        let (inner, values) = (group.clone(), Arc::clone(values));
        group.go(move || {
            let token = values.make(0);
            inner.go(move || token.arrive());
        });
    }
    group.wait();
}
