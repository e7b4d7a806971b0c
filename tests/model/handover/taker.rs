//! What the taker does, as sysmon will: asks for a P that its M runs without coming back, and takes
//! one that is lent.

use super::{Doing, HasLooked, M, Step, Taker, World, index, number};
use crate::runtime::pword::{State, Word};
use crate::search;

impl World {
    pub(super) fn steps_of_taker(&self) -> Vec<Step> {
        match self.taker {
            Taker::Resting if self.word.state() == State::Own && self.asks_left > 0 => {
                vec![Step::TakerAsks]
            }
            Taker::Resting if self.word.state() == State::Lent && !self.is_locked => {
                let asleep = (0..2).filter(|&i| self.ms[i].doing == Doing::Asleep);
                asleep.map(Step::TakerLocksToRetake).collect()
            }
            Taker::Resting => vec![],
            Taker::Asked(_) => vec![Step::TakerFences],
            Taker::Fenced(_) => vec![Step::TakerReadsInside],
            Taker::Free(_) if self.is_locked => vec![],
            Taker::Free(_) => vec![Step::TakerLocks],
            Taker::Giving(..) => vec![Step::TakerGives],
            Taker::Returning(..) => vec![Step::TakerReturns],
            Taker::Retaking(..) => vec![Step::TakerRetakes],
        }
    }

    /// A swap of the taker's; `None` if it has only looked so far.
    fn swap(&mut self, from: Word, to: Word, has_looked: HasLooked) -> Option<bool> {
        if !has_looked && self.word != from {
            return Some(false);
        }
        if self.rules.taker_stores && !has_looked {
            return None;
        }
        self.word = to;
        Some(true)
    }

    pub(super) fn take_as_taker(&mut self, step: Step) -> Result<(), String> {
        let is_asleep = |m: &M| m.doing == Doing::Asleep;
        self.taker = match (step, self.taker.clone()) {
            (Step::TakerAsks, Taker::Resting) => {
                self.asks_left -= 1;
                let own = self.word;
                self.word = own.as_state(State::Try);
                Taker::Asked(own)
            }
            (Step::TakerFences, Taker::Asked(own)) => {
                if self.rules.membarrier {
                    (0..2).for_each(|i| self.drain(i));
                }
                Taker::Fenced(own)
            }
            (Step::TakerReadsInside, Taker::Fenced(own)) => {
                if self.ms[index(own.m())].inside {
                    Taker::Returning(own, false)
                } else {
                    Taker::Free(own)
                }
            }
            (Step::TakerLocks, Taker::Free(own)) => {
                self.is_locked = true;
                let to = self.ms.iter().position(is_asleep);
                to.into_iter()
                    .for_each(|to| self.ms[to].doing = Doing::Chosen);
                Taker::Giving(own, to, false)
            }
            (Step::TakerGives, Taker::Giving(own, to, has_looked)) => {
                let next = to.map_or(Word::idle(own.epoch()), |to| own.next_owner(number(to)));
                match self.swap(own.as_state(State::Try), next, has_looked) {
                    None => Taker::Giving(own, to, true),
                    Some(true) => {
                        self.hand_to(to, next);
                        Taker::Resting
                    }
                    Some(false) => {
                        self.is_locked = false;
                        to.into_iter()
                            .for_each(|to| self.ms[to].doing = Doing::Asleep);
                        Taker::Resting
                    }
                }
            }
            (Step::TakerReturns, Taker::Returning(own, has_looked)) => {
                match self.swap(own.as_state(State::Try), own, has_looked) {
                    None => Taker::Returning(own, true),
                    Some(_) => Taker::Resting,
                }
            }
            (Step::TakerLocksToRetake(to), Taker::Resting) => {
                self.is_locked = true;
                self.ms[to].doing = Doing::Chosen;
                Taker::Retaking(to, Vec::new())
            }
            (Step::TakerRetakes, Taker::Retaking(to, mut answers)) => self
                .retake(to, &mut answers)?
                .map_or(Taker::Retaking(to, answers), |()| Taker::Resting),
            (step, taker) => unreachable!("{step:?} of {taker:?}"),
        };
        Ok(())
    }

    /// `take_lent` for an M that was chosen.
    fn retake(&mut self, to: usize, answers: &mut Vec<u64>) -> Result<Option<()>, String> {
        let are_split = self.rules.taker_stores;
        let progress = search::step(&mut self.word, answers, are_split, |p| {
            let seen = p.read();
            let is_lent = seen.state() == State::Lent;
            is_lent.then(|| p.acquire(seen, number(to))).flatten()
        })?;
        Ok(progress.result.map(|word| match word {
            Some(word) => self.hand_to(Some(to), word),
            None => {
                self.is_locked = false;
                self.ms[to].doing = Doing::Asleep;
            }
        }))
    }
}
