//! Who owns a P: the search that the protocol of `pword.rs` stands on.
//!
//! One P, two Ms, and sysmon as the taker. The Ms go through the gate as `park.rs` does, the taker does
//! what `retake.rs` does, and all of them call the real functions of `pword.rs`, one access a step.
//!
//! ```text
//!   M in the gate                        taker
//!   1. inside = 1       (no fence)       a. OWN(m,e) -> TRY(m,e)
//!   2. word == OWN(m,e)? it is in        b. membarrier
//!      else: reenter                     c. reads m.inside
//!   3. uses the P                        d. 0: TRY(m,e) -> OWN(m2,e+1) or IDLE(e)
//!   4. inside = 0                           1: TRY(m,e) -> OWN(m,e)
//! ```
//!
//! A store to `inside` waits in its M's store buffer, and may wait there for as long as it likes:
//! until a swap of that M succeeds (they release), or until b, which empties all buffers. This is
//! what x86 does and more: there a failed swap would empty the buffer as well.
//!
//! In each state: who uses the P is the owner in the word; the P is owned, asked for, lent or idle,
//! and the one who has to know it does; and no step takes the epoch back or changes the owner within
//! an epoch. The search ends where the epoch reaches [`EPOCH_MAX`] or the taker has asked
//! [`ASKS_MAX`] times; there is one idle lock, and whoever needs it waits for it.

use crate::runtime::pword::{State, Word};
use crate::search::{self, Machine, explore};

mod ms;
mod taker;

/// Four changes of owner: enough for each kind of change to follow each other one.
const EPOCH_MAX: u64 = 5;

/// How often the taker asks. A function that starts over each time it finds another word would
/// otherwise make the search endless.
const ASKS_MAX: u32 = 3;

/// How many stores a buffer holds.
const BUFFER_MAX: usize = 2;

/// The protocol, or one with something missing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Rules {
    membarrier: bool,
    /// In the entry, between 1 and 2: what stands in for membarrier where there is none.
    fence_in_entry: bool,
    /// Whether the taker's swaps are a look and a store.
    taker_stores: bool,
    /// Whether the Ms' swaps are.
    ms_store: bool,
}

const PROTOCOL: Rules = Rules {
    membarrier: true,
    fence_in_entry: false,
    taker_stores: false,
    ms_store: false,
};

/// What an M does.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Doing {
    /// On the idle list.
    Asleep,
    /// Taken off the list by somebody who is about to hand it a P.
    Chosen,
    /// Runs goroutine code.
    Outside,
    /// In the gate, behind 1.
    Entering,
    /// In the gate, and may use its P.
    Inside,
    /// In the gate, without a P.
    InsideWithout,
    /// In the midst of a function of `pword.rs`, whose accesses found this.
    Calling(Call, Vec<u64>),
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Call {
    Reenter,
    Lend,
    /// These two under the idle lock.
    GiveUp(Option<usize>),
    Acquire,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct M {
    doing: Doing,
    /// Its `p` and `word`: the tenure under which it believes to own the P.
    books: Option<Word>,
    /// What others see, and the stores they do not see yet.
    inside: bool,
    buffer: Vec<bool>,
}

/// What the taker does; the word is the one under which it asks.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Taker {
    Resting,
    /// In a, of the tenure it has seen.
    Asking(Word, Vec<u64>),
    /// Behind a.
    Asked(Word),
    /// Behind b.
    Fenced(Word),
    /// Behind c, which found 0.
    Free(Word),
    /// In d under the idle lock: to an M, or to the idle list.
    Giving(Word, Option<usize>, Vec<u64>),
    /// Behind c, which found 1.
    Returning(Word, Vec<u64>),
    /// Under the idle lock, in the midst of `acquire` of a lent P for an M.
    Retaking(usize, Vec<u64>),
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct World {
    rules: Rules,
    word: Word,
    ms: [M; 2],
    taker: Taker,
    is_locked: bool,
    /// Whether the P is on the idle list.
    is_listed: bool,
    /// How often the taker may still ask.
    asks_left: u32,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Drain(usize),
    Enter(usize),
    Look(usize),
    Leave(usize),
    Sleep(usize),
    Begin(usize, Call),
    /// The next access of the function it is in.
    Access(usize),
    TakerSees,
    TakerFences,
    TakerReadsInside,
    TakerLocks,
    TakerLocksToRetake(usize),
    /// The next access of the function it is in.
    TakerAccess,
}

impl World {
    /// The first M owns the P and runs goroutine code; the second sleeps.
    fn new(rules: Rules) -> World {
        let word = Word::idle(0).next_owner(1);
        let m = |doing, books, inside| M {
            doing,
            books,
            inside,
            buffer: Vec::new(),
        };
        World {
            rules,
            word,
            ms: [
                m(Doing::Outside, Some(word), false),
                m(Doing::Asleep, None, true),
            ],
            taker: Taker::Resting,
            is_locked: false,
            is_listed: false,
            asks_left: ASKS_MAX,
        }
    }
}

fn number(index: usize) -> u32 {
    index as u32 + 1
}

fn index(number: u32) -> usize {
    number as usize - 1
}

impl Machine for World {
    type Step = Step;

    fn steps(&self) -> Vec<Step> {
        let mut steps = self.steps_of_taker();
        (0..2).for_each(|i| steps.extend(self.steps_of_m(i)));
        steps
    }

    fn take(&mut self, step: Step) -> Result<(), String> {
        match step {
            Step::Drain(i) => self.ms[i].inside = self.ms[i].buffer.remove(0),
            Step::Enter(i) => {
                self.ms[i].buffer.push(true);
                if self.rules.fence_in_entry {
                    self.drain(i);
                }
                self.ms[i].doing = Doing::Entering;
            }
            Step::Look(i) => self.look(i),
            Step::Leave(i) => {
                self.ms[i].buffer.push(false);
                self.ms[i].doing = Doing::Outside;
            }
            Step::Sleep(i) => self.ms[i].doing = Doing::Asleep,
            Step::Begin(i, call) => self.begin(i, call),
            Step::Access(i) => self.access(i)?,
            step => self.take_as_taker(step)?,
        }
        Ok(())
    }

    fn check(&self, before: &World) -> Result<(), String> {
        let word = self.word;
        let is_own = |books: Option<Word>| {
            books.is_some_and(|own| own.m() == word.m() && own.epoch() == word.epoch())
        };
        for m in &self.ms {
            let uses_p = matches!(
                m.doing,
                Doing::Inside | Doing::Calling(Call::Lend | Call::GiveUp(_), _)
            );
            let is_owned = matches!(word.state(), State::Own | State::Try);
            if uses_p && !(is_owned && is_own(m.books)) {
                return Err(format!(
                    "{:?} is used while the word reads {word:?}",
                    m.books
                ));
            }
        }
        let is_found = match word.state() {
            State::Own | State::Lent => is_own(self.ms[index(word.m())].books),
            State::Try => is_own(self.ms[index(word.m())].books) && self.taker != Taker::Resting,
            State::Idle => self.is_listed || self.is_locked,
            State::Dead => false,
        };
        if !is_found || self.is_listed && word.state() != State::Idle {
            return Err(format!("nobody will find the P, which reads {word:?}"));
        }
        let is_new_owner = word.state() != State::Idle && word.m() != before.word.m();
        let least = before.word.epoch() + u64::from(is_new_owner);
        if word.epoch() < least {
            return Err(format!(
                "the epoch does not grow: {:?} to {word:?}",
                before.word
            ));
        }
        Ok(())
    }

    fn is_far_enough(&self) -> bool {
        self.word.epoch() >= EPOCH_MAX
    }
}

fn search_under(rules: Rules) -> Result<usize, String> {
    search::turn_on();
    explore(World::new(rules))
}

#[test]
fn a_p_has_one_owner_and_is_never_lost() {
    let states = search_under(PROTOCOL).unwrap_or_else(|trace| panic!("{trace}"));
    println!("{states} states");
    assert!(states > 1_000, "the search has not begun");
}

#[test]
fn a_fence_in_the_entry_does_without_membarrier() {
    let rules = Rules {
        membarrier: false,
        fence_in_entry: true,
        ..PROTOCOL
    };
    search_under(rules).unwrap_or_else(|trace| panic!("{trace}"));
}

#[test]
fn without_membarrier_a_p_has_two_owners() {
    let rules = Rules {
        membarrier: false,
        ..PROTOCOL
    };
    let trace = search_under(rules).expect_err("store buffers are not what they were");
    assert!(trace.contains("is used while"), "{trace}");
}

#[test]
fn a_taker_that_stores_loses_the_p() {
    let rules = Rules {
        taker_stores: true,
        ..PROTOCOL
    };
    let trace = search_under(rules).expect_err("a store does for a swap");
    // The word of a P that its owner has just given up is overwritten.
    assert!(trace.contains("nobody will find"), "{trace}");
}

#[test]
fn an_owner_that_stores_uses_what_was_taken() {
    let rules = Rules {
        ms_store: true,
        ..PROTOCOL
    };
    let trace = search_under(rules).expect_err("a store does for a swap");
    assert!(trace.contains("is used while"), "{trace}");
}
