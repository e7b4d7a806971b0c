//! Who owns a P: one atomic word, and every change of it a compare-and-swap from the exact value.
//!
//! ```text
//!   63        60 59                        24 23            0
//!  +------------+----------------------------+---------------+
//!  | state      | epoch                      | M's number    |
//!  +------------+----------------------------+---------------+
//!   OWN(m,e)    M m runs code with this P
//!   TRY(m,e)    still m's; a taker has asked and waits for its barrier
//!   LENT(m,e)   m is in a blocking call; anyone may take the P
//!   IDLE(e)     on the idle list
//!   DEAD        not in use (sched/procs.rs)
//! ```
//!
//! 1. The epoch grows with each change of owner, so that a word names one tenure and a
//!    compare-and-swap from it cannot succeed in a later one.
//! 2. There are no plain stores. A taker and an owner that both store can both win; an exhaustive
//!    search of the protocol (tests/model/handover.rs) found double owners and lost Ps as soon as
//!    one store replaced one swap.
//! 3. An M may touch the owner's side of a P while it is inside the gate and the word reads its
//!    own OWN. What the previous owner wrote is visible to it: every swap is AcqRel.
#![forbid(unsafe_code)]

use crate::sys::atomic::{AtomicU64, Ordering};

const M_BITS: u32 = 24;
const EPOCH_BITS: u32 = 36;
const M_MASK: u64 = (1 << M_BITS) - 1;
const EPOCH_MASK: u64 = (1 << EPOCH_BITS) - 1;

/// What a P's word says it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub(crate) enum State {
    Dead,
    Idle,
    Own,
    Try,
    Lent,
}

/// One value of the word.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Word(u64);

impl Word {
    /// The word of no P.
    pub(crate) const DEAD: Word = Word::new(State::Dead, 0, 0);

    const fn new(state: State, m: u32, epoch: u64) -> Word {
        let state = state as u64;
        Word(state << (M_BITS + EPOCH_BITS) | (epoch & EPOCH_MASK) << M_BITS | m as u64 & M_MASK)
    }

    pub(crate) const fn idle(epoch: u64) -> Word {
        Word::new(State::Idle, 0, epoch)
    }

    pub(crate) fn state(self) -> State {
        match self.0 >> (M_BITS + EPOCH_BITS) {
            0 => State::Dead,
            1 => State::Idle,
            2 => State::Own,
            3 => State::Try,
            _ => State::Lent,
        }
    }

    pub(crate) fn m(self) -> u32 {
        (self.0 & M_MASK) as u32
    }

    pub(crate) fn epoch(self) -> u64 {
        self.0 >> M_BITS & EPOCH_MASK
    }

    /// The same tenure in another state.
    pub(crate) fn as_state(self, state: State) -> Word {
        Word::new(state, self.m(), self.epoch())
    }

    /// The next tenure: M `m` owns the P.
    pub(crate) fn next_owner(self, m: u32) -> Word {
        Word::new(State::Own, m, self.epoch() + 1)
    }

    /// What follows when the owner parts from the P: the tenure of `to`, or none.
    fn handed(self, to: Option<u32>) -> Word {
        to.map_or(Word::idle(self.epoch()), |m| self.next_owner(m))
    }
}

impl std::fmt::Debug for Word {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}(m{}, e{})", self.state(), self.m(), self.epoch())
    }
}

/// What an M finds when it comes back to a P that may have been asked for or lent.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Reentry {
    /// The P is still ours, under this word from now on.
    Kept(Word),
    /// It was lent and is ours again, under the old word.
    Returned,
    /// Somebody else has it.
    Lost,
}

/// A P's word, shared by all.
pub(crate) struct PWord(AtomicU64);

impl PWord {
    pub(crate) const fn new(word: Word) -> PWord {
        PWord(AtomicU64::new(word.0))
    }

    /// Whether the word still reads `word`; the gate's fast path, no more than a hint to others.
    #[inline]
    pub(crate) fn is(&self, word: Word) -> bool {
        self.0.load(Ordering::Relaxed) == word.0
    }

    pub(crate) fn read(&self) -> Word {
        Word(self.0.load(Ordering::Acquire))
    }

    fn change(&self, from: Word, to: Word) -> bool {
        // AcqRel: the old owner's writes to the P go to the new one (invariant 3).
        self.0
            .compare_exchange(from.0, to.0, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    }

    /// Makes M `m` the owner of a P that is IDLE or LENT as `seen`.
    pub(crate) fn acquire(&self, seen: Word, m: u32) -> Option<Word> {
        debug_assert!(
            matches!(seen.state(), State::Idle | State::Lent),
            "{seen:?}"
        );
        let own = seen.next_owner(m);
        self.change(seen, own).then_some(own)
    }

    /// Gives up the P that the caller owns as `own`: to `m`, or to the idle list.
    ///
    /// The owner is inside, so nobody can take the P from it; but a taker may have put TRY there,
    /// and then finds its own swap failing.
    pub(crate) fn give_up(&self, own: Word, to: Option<u32>) -> Word {
        debug_assert_eq!(own.state(), State::Own);
        let next = own.handed(to);
        self.change_own(own, next);
        next
    }

    /// Lends the P for a blocking call: anyone may take it until [`PWord::reenter`].
    pub(crate) fn lend(&self, own: Word) {
        self.change_own(own, own.as_state(State::Lent));
    }

    /// Changes the word of a P whose owner is inside. A taker may ask and give up at any time, so the
    /// word goes to and fro between OWN and TRY; it cannot become anything else.
    fn change_own(&self, own: Word, to: Word) {
        while !self.change(own, to) && !self.change(own.as_state(State::Try), to) {
            let now = self.read();
            if now != own && now != own.as_state(State::Try) {
                crate::sys::fatal!("a P owned as {own:?} reads {now:?}");
            }
        }
    }

    /// Asks for the P that its M owns as `own`; under which word, unless that has changed.
    ///
    /// One taker at a time. It sees to a barrier on the owner's side next (or the owner has one in each
    /// entry), looks whether the owner is inside, and goes on with [`PWord::take`] or
    /// [`PWord::withdraw`].
    pub(crate) fn ask(&self, own: Word) -> Option<Word> {
        debug_assert_eq!(own.state(), State::Own);
        let asked = own.as_state(State::Try);
        self.change(own, asked).then_some(asked)
    }

    /// Takes a P asked for, whose owner was outside: for `to`, or for the idle list. `None` if the
    /// owner has come back.
    pub(crate) fn take(&self, asked: Word, to: Option<u32>) -> Option<Word> {
        debug_assert_eq!(asked.state(), State::Try);
        let next = asked.handed(to);
        self.change(asked, next).then_some(next)
    }

    /// Leaves a P asked for to its owner.
    pub(crate) fn withdraw(&self, asked: Word) {
        self.change(asked, asked.as_state(State::Own));
    }

    /// Ends the use of a P that the caller owns as `own`.
    pub(crate) fn bury(&self, own: Word) {
        self.change_own(own, own.as_state(State::Dead));
    }

    /// Makes a dead P an idle one. The caller is the only one to do so.
    pub(crate) fn revive(&self) {
        let dead = self.read();
        debug_assert_eq!(dead.state(), State::Dead);
        self.change(dead, Word::idle(dead.epoch()));
    }

    /// Comes back to a P whose word is no longer `own`.
    pub(crate) fn reenter(&self, own: Word) -> Reentry {
        let asked = own.as_state(State::Try);
        // A taker that asked loses its swap to the new epoch; a lender takes its P back as it was.
        let retaken = own.next_owner(own.m());
        loop {
            if self.change(asked, retaken) {
                return Reentry::Kept(retaken);
            }
            if self.change(own.as_state(State::Lent), own) {
                return Reentry::Returned;
            }
            // The taker may have given up by now, and may even have asked again.
            match self.read() {
                now if now == own => return Reentry::Kept(own),
                now if now == asked => {}
                _ => return Reentry::Lost,
            }
        }
    }
}
