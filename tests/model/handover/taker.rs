//! What the taker does, as sysmon does: asks for a P that its M keeps, and takes one that is lent.

use super::{Doing, M, Step, Taker, World, index, number};
use crate::runtime::pword::{PWord, State, Word};
use crate::search;

impl World {
    pub(super) fn steps_of_taker(&self) -> Vec<Step> {
        match self.taker {
            Taker::Resting if self.word.state() == State::Own && self.asks_left > 0 => {
                vec![Step::TakerSees]
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
            _ => vec![Step::TakerAccess],
        }
    }

    pub(super) fn take_as_taker(&mut self, step: Step) -> Result<(), String> {
        let is_asleep = |m: &M| m.doing == Doing::Asleep;
        self.taker = match (step, self.taker.clone()) {
            (Step::TakerSees, Taker::Resting) => {
                self.asks_left -= 1;
                Taker::Asking(self.word, Vec::new())
            }
            (Step::TakerFences, Taker::Asked(asked)) => {
                if self.rules.membarrier {
                    (0..2).for_each(|i| self.drain(i));
                }
                Taker::Fenced(asked)
            }
            (Step::TakerReadsInside, Taker::Fenced(asked)) => {
                if self.ms[index(asked.m())].inside {
                    Taker::Returning(asked, Vec::new())
                } else {
                    Taker::Free(asked)
                }
            }
            (Step::TakerLocks, Taker::Free(asked)) => {
                self.is_locked = true;
                let to = self.ms.iter().position(is_asleep);
                to.into_iter()
                    .for_each(|to| self.ms[to].doing = Doing::Chosen);
                Taker::Giving(asked, to, Vec::new())
            }
            (Step::TakerLocksToRetake(to), Taker::Resting) => {
                self.is_locked = true;
                self.ms[to].doing = Doing::Chosen;
                Taker::Retaking(to, Vec::new())
            }
            (Step::TakerAccess, taker) => self.access_as_taker(taker)?,
            (step, taker) => unreachable!("{step:?} of {taker:?}"),
        };
        Ok(())
    }

    /// One access of the function that the taker is in, and what it does when that returns.
    fn access_as_taker(&mut self, taker: Taker) -> Result<Taker, String> {
        Ok(match taker {
            Taker::Asking(own, mut answers) => {
                let asked = self.call_as_taker(&mut answers, |p| p.ask(own))?;
                asked.map_or(Taker::Asking(own, answers), |asked| {
                    asked.map_or(Taker::Resting, Taker::Asked)
                })
            }
            Taker::Giving(asked, to, mut answers) => {
                let taken = self.call_as_taker(&mut answers, |p| p.take(asked, to.map(number)))?;
                match taken {
                    None => Taker::Giving(asked, to, answers),
                    Some(word) => self.settle(to, word),
                }
            }
            Taker::Returning(asked, mut answers) => {
                let left = self.call_as_taker(&mut answers, |p| p.withdraw(asked))?;
                left.map_or(Taker::Returning(asked, answers), |()| Taker::Resting)
            }
            Taker::Retaking(to, mut answers) => {
                // As `take_lent`.
                let taken = self.call_as_taker(&mut answers, |p| {
                    let seen = p.read();
                    let is_lent = seen.state() == State::Lent;
                    is_lent.then(|| p.acquire(seen, number(to))).flatten()
                })?;
                match taken {
                    None => Taker::Retaking(to, answers),
                    Some(word) => self.settle(Some(to), word),
                }
            }
            taker => unreachable!("an access of {taker:?}"),
        })
    }

    fn call_as_taker<T>(
        &mut self,
        answers: &mut Vec<u64>,
        function: impl FnOnce(&PWord) -> T,
    ) -> Result<Option<T>, String> {
        let are_split = self.rules.taker_stores;
        Ok(search::step(&mut self.word, answers, are_split, function)?.result)
    }

    /// Hands over what was taken, or goes away empty-handed.
    fn settle(&mut self, to: Option<usize>, word: Option<Word>) -> Taker {
        match word {
            Some(word) => self.hand_to(to, word),
            None => {
                self.is_locked = false;
                to.into_iter()
                    .for_each(|to| self.ms[to].doing = Doing::Asleep);
            }
        }
        Taker::Resting
    }
}
