//! What the Ms do: through the gate as `park.rs` goes, into the real functions of `pword.rs`.

use super::{BUFFER_MAX, Call, Doing, Step, World, number};
use crate::runtime::pword::{PWord, Reentry, State, Word};
use crate::search;

impl World {
    pub(super) fn steps_of_m(&self, i: usize) -> Vec<Step> {
        let m = &self.ms[i];
        let has_room = m.buffer.len() < BUFFER_MAX;
        let mut steps = Vec::new();
        if !m.buffer.is_empty() {
            steps.push(Step::Drain(i));
        }
        match m.doing {
            Doing::Asleep | Doing::Chosen => {}
            Doing::Outside if has_room => steps.push(Step::Enter(i)),
            Doing::Outside => {}
            Doing::Entering => steps.push(Step::Look(i)),
            Doing::Calling(..) => steps.push(Step::Access(i)),
            Doing::Inside | Doing::InsideWithout if has_room => steps.push(Step::Leave(i)),
            Doing::Inside | Doing::InsideWithout => {}
        }
        if m.doing == Doing::Inside && has_room {
            steps.push(Step::Begin(i, Call::Lend));
        }
        if m.doing == Doing::Inside && !self.is_locked {
            steps.push(Step::Begin(i, Call::GiveUp(None)));
            if self.ms[1 - i].doing == Doing::Asleep {
                steps.push(Step::Begin(i, Call::GiveUp(Some(1 - i))));
            }
        }
        if m.doing == Doing::InsideWithout && !self.is_locked {
            steps.extend([Step::Sleep(i), Step::Begin(i, Call::Acquire)]);
        }
        steps
    }

    pub(super) fn begin(&mut self, i: usize, call: Call) {
        match call {
            Call::Reenter | Call::Lend => {}
            Call::GiveUp(to) => {
                self.is_locked = true;
                to.into_iter()
                    .for_each(|to| self.ms[to].doing = Doing::Chosen);
            }
            Call::Acquire => {
                self.is_locked = true;
                // Off the list first, as in `take_p`; if it is not there it may be lent.
                self.is_listed = false;
            }
        }
        self.ms[i].doing = Doing::Calling(call, Vec::new());
    }

    /// One access of the function that M `i` is in, and what its caller does when it returns.
    pub(super) fn access(&mut self, i: usize) -> Result<(), String> {
        let own = self.ms[i].books;
        let Doing::Calling(call, mut answers) = self.ms[i].doing.clone() else {
            unreachable!("a step of M {i}: {self:?}")
        };
        let of_owner = own.ok_or_else(|| format!("m{} has no P to part from", number(i)));
        let doing = match call {
            Call::Reenter => {
                let own = of_owner?;
                self.call(i, &mut answers, |p| p.reenter(own))?
                    .map(|reentry| match reentry {
                        Reentry::Kept(word) => (Some(word), Doing::Inside),
                        Reentry::Returned => (Some(own), Doing::Inside),
                        Reentry::Lost => (None, Doing::InsideWithout),
                    })
            }
            Call::Lend => {
                let own = of_owner?;
                let lent = self.call(i, &mut answers, |p| p.lend(own))?;
                lent.map(|()| {
                    // It leaves the gate at once.
                    self.ms[i].buffer.push(false);
                    (Some(own), Doing::Outside)
                })
            }
            Call::GiveUp(to) => {
                let own = of_owner?;
                let given = self.call(i, &mut answers, |p| p.give_up(own, to.map(number)))?;
                given.map(|word| {
                    self.hand_to(to, word);
                    let after = if to.is_some() {
                        Doing::InsideWithout
                    } else {
                        Doing::Asleep
                    };
                    (None, after)
                })
            }
            Call::Acquire => {
                let m = number(i);
                let acquired = self.call(i, &mut answers, |p| {
                    let seen = p.read();
                    let is_free = matches!(seen.state(), State::Idle | State::Lent);
                    is_free.then(|| p.acquire(seen, m)).flatten()
                })?;
                acquired.map(|word| {
                    self.is_locked = false;
                    let after = if word.is_some() {
                        Doing::Inside
                    } else {
                        Doing::InsideWithout
                    };
                    (word, after)
                })
            }
        };
        (self.ms[i].books, self.ms[i].doing) =
            doing.unwrap_or((own, Doing::Calling(call, answers)));
        Ok(())
    }

    /// One access of `function` on behalf of M `i`; what it returned, if it has.
    fn call<T>(
        &mut self,
        i: usize,
        answers: &mut Vec<u64>,
        function: impl FnOnce(&PWord) -> T,
    ) -> Result<Option<T>, String> {
        let progress = search::step(&mut self.word, answers, self.rules.ms_store, function)?;
        if progress.has_swapped {
            // It releases: what was stored before is visible to who sees it.
            self.drain(i);
        }
        Ok(progress.result)
    }

    /// Hands the P, under `word`, to an M that was chosen, or puts it on the idle list.
    pub(super) fn hand_to(&mut self, to: Option<usize>, word: Word) {
        self.is_locked = false;
        match to {
            None => self.is_listed = true,
            Some(to) => {
                self.ms[to].books = Some(word);
                self.ms[to].doing = Doing::Inside;
            }
        }
    }

    pub(super) fn drain(&mut self, i: usize) {
        let m = &mut self.ms[i];
        m.inside = m.buffer.pop().unwrap_or(m.inside);
        m.buffer.clear();
    }

    pub(super) fn look(&mut self, i: usize) {
        let m = &self.ms[i];
        self.ms[i].doing = match m.books {
            None => Doing::InsideWithout,
            Some(own) if self.word == own => Doing::Inside,
            Some(_) => Doing::Calling(Call::Reenter, Vec::new()),
        };
    }
}
