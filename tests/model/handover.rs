//! Who owns a P, in all orders of events: two Ms, a taker, store buffers, and a barrier.
//!
//! Plain stores to `inside` sit in a buffer of their processor until they are drained, which a swap of
//! the same processor and the taker's barrier do; swaps are at once. The words are the real ones
//! (pword.rs). The search visits every state once.
//!
//! 1. Inside, an M's P is nobody else's: the word reads its OWN, or its TRY.
//! 2. No P is lost: whoever the word names as owner believes it.
//!
//! The taker is what sysmon will do to running code; entering and giving up are what is there.

use crate::pword::{State as Tag, Word};
use std::collections::HashSet;

/// How often the P may change hands.
const EPOCHS: u64 = 3;

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Pc {
    Outside,
    /// `inside` was stored, the word not yet read.
    Entering,
    /// The word was another; the next swaps of `reenter`.
    WasTry,
    WasLent,
    LastLook,
    Inside,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct M {
    pc: Pc,
    own: Option<Word>,
    inside: bool,
    buffered: Option<bool>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Taker {
    Idle,
    Asked(Word),
    Fenced(Word),
    SawOutside(Word),
    SawInside(Word),
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct World {
    word: Word,
    ms: [M; 2],
    taker: Taker,
}

/// What is wrong on purpose.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    NoBarrier,
    TakerStores,
}

impl World {
    fn start() -> World {
        let word = Word::idle(0).next_owner(1);
        let m = M {
            pc: Pc::Outside,
            own: None,
            inside: false,
            buffered: None,
        };
        World {
            word,
            ms: [
                M {
                    own: Some(word),
                    ..m
                },
                m,
            ],
            taker: Taker::Idle,
        }
    }

    fn swap(&mut self, from: Word, to: Word) -> bool {
        let is_same = self.word == from;
        if is_same {
            self.word = to;
        }
        is_same
    }

    /// Puts a plain store of M `i` into its buffer, after what is there.
    fn store_inside(&mut self, i: usize, inside: bool) {
        self.drain(i);
        self.ms[i].buffered = Some(inside);
    }

    fn drain(&mut self, i: usize) {
        if let Some(inside) = self.ms[i].buffered.take() {
            self.ms[i].inside = inside;
        }
    }

    fn check(&self) -> Result<(), String> {
        for (m, number) in self.ms.iter().zip(1..) {
            if let (Pc::Inside, Some(own)) = (m.pc, m.own)
                && self.word != own
                && self.word != own.as_state(Tag::Try)
            {
                return Err(format!("M {number} is inside without its P"));
            }
            let is_named = matches!(self.word.state(), Tag::Own | Tag::Try | Tag::Lent);
            if is_named && self.word.m() == number {
                let named = self.word.as_state(Tag::Own);
                // Between its swap and its next step a returning M knows; the model makes both one.
                if m.own != Some(named) {
                    return Err(format!("the P of M {number} is lost"));
                }
            }
        }
        Ok(())
    }

    /// All worlds one step further.
    fn next(&self, fault: Fault) -> Vec<World> {
        let mut next = Vec::new();
        for i in 0..2 {
            self.step_m(i, &mut next);
            if self.ms[i].buffered.is_some() {
                let mut world = *self;
                world.drain(i);
                next.push(world);
            }
        }
        self.step_taker(fault, &mut next);
        next
    }

    fn step_m(&self, i: usize, next: &mut Vec<World>) {
        let number = i as u32 + 1;
        let mut push = |change: &dyn Fn(&mut World)| {
            let mut world = *self;
            change(&mut world);
            next.push(world);
        };
        let Some(own) = self.ms[i].own else {
            if matches!(self.word.state(), Tag::Idle | Tag::Lent) && self.word.epoch() < EPOCHS {
                push(&|w| {
                    w.store_inside(i, true);
                    w.drain(i);
                    let (seen, taken) = (w.word, w.word.next_owner(number));
                    w.swap(seen, taken);
                    w.ms[i] = M {
                        pc: Pc::Inside,
                        own: Some(taken),
                        ..w.ms[i]
                    };
                });
            }
            return;
        };
        match self.ms[i].pc {
            Pc::Outside => push(&|w| {
                w.store_inside(i, true);
                w.ms[i].pc = Pc::Entering;
            }),
            // A load: it does not wait for the buffer.
            Pc::Entering => push(&|w| {
                w.ms[i].pc = if w.word == own {
                    Pc::Inside
                } else {
                    Pc::WasTry
                };
            }),
            Pc::WasTry => push(&|w| {
                w.drain(i);
                let retaken = own.next_owner(number);
                if w.swap(own.as_state(Tag::Try), retaken) {
                    w.ms[i].own = Some(retaken);
                    w.ms[i].pc = Pc::Inside;
                } else {
                    w.ms[i].pc = Pc::WasLent;
                }
            }),
            Pc::WasLent => push(&|w| {
                w.drain(i);
                let is_back = w.swap(own.as_state(Tag::Lent), own);
                w.ms[i].pc = if is_back { Pc::Inside } else { Pc::LastLook };
            }),
            Pc::LastLook => push(&|w| {
                if w.word == own {
                    w.ms[i].pc = Pc::Inside;
                } else if w.word == own.as_state(Tag::Try) {
                    // Asked again since; `reenter` begins anew.
                    w.ms[i].pc = Pc::WasTry;
                } else {
                    w.store_inside(i, false);
                    w.ms[i].pc = Pc::Outside;
                    w.ms[i].own = None;
                }
            }),
            Pc::Inside => {
                push(&|w| {
                    w.store_inside(i, false);
                    w.ms[i].pc = Pc::Outside;
                });
                push(&|w| w.give_up(i, own, Word::idle(own.epoch()), None));
                push(&|w| w.give_up(i, own, own.as_state(Tag::Lent), Some(own)));
            }
        }
    }

    /// Gives the P up or lends it, from inside; stays inside without it, or leaves.
    fn give_up(&mut self, i: usize, own: Word, to: Word, keeps: Option<Word>) {
        self.drain(i);
        if !self.swap(own, to) && !self.swap(own.as_state(Tag::Try), to) {
            return; // tried again
        }
        self.ms[i].own = keeps;
        self.ms[i].pc = Pc::Outside;
        self.store_inside(i, false);
    }

    fn step_taker(&self, fault: Fault, next: &mut Vec<World>) {
        let mut world = *self;
        match self.taker {
            Taker::Idle if self.word.state() == Tag::Own && self.word.epoch() < EPOCHS => {
                let own = self.word;
                world.word = own.as_state(Tag::Try);
                world.taker = Taker::Asked(own);
            }
            Taker::Idle => return,
            Taker::Asked(own) => {
                if fault != Fault::NoBarrier {
                    world.drain(0);
                    world.drain(1);
                }
                world.taker = Taker::Fenced(own);
            }
            Taker::Fenced(own) => {
                let is_inside = self.ms[own.m() as usize - 1].inside;
                world.taker = if is_inside {
                    Taker::SawInside(own)
                } else {
                    Taker::SawOutside(own)
                };
            }
            Taker::SawOutside(own) | Taker::SawInside(own) => {
                let is_outside = self.taker == Taker::SawOutside(own);
                let to = if is_outside {
                    Word::idle(own.epoch())
                } else {
                    own
                };
                if fault == Fault::TakerStores {
                    world.word = to;
                } else {
                    world.swap(own.as_state(Tag::Try), to);
                }
                world.taker = Taker::Idle;
            }
        }
        next.push(world);
    }
}

/// Visits all worlds; the first broken rule, or how many worlds there are.
fn search(fault: Fault) -> Result<usize, String> {
    let mut seen = HashSet::from([World::start()]);
    let mut open = vec![World::start()];
    while let Some(world) = open.pop() {
        world
            .check()
            .map_err(|error| format!("{error}: {world:?}"))?;
        open.extend(
            world
                .next(fault)
                .into_iter()
                .filter(|next| seen.insert(*next)),
        );
    }
    Ok(seen.len())
}

#[test]
fn no_p_has_two_owners_and_none_is_lost() {
    let worlds = search(Fault::None).unwrap();
    assert!(worlds > 1_000, "only {worlds} worlds were visited");
}

#[test]
fn without_the_barrier_the_search_finds_a_double_owner() {
    assert!(search(Fault::NoBarrier).is_err());
}

#[test]
fn with_stores_for_swaps_the_search_finds_a_lost_p() {
    assert!(search(Fault::TakerStores).is_err());
}
