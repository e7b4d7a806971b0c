//! An exhaustive search through the states of a small machine, and the means to take a real function
//! apart into its accesses to memory.
//!
//! The checker of the other models knows the orders of C11, but neither `membarrier` nor the store
//! buffers that it flushes; the handover needs both. So its machine is written out with its states
//! as values: [`explore`] visits each of them once, breadth first, so that the trace to a broken
//! one is as short as any.
//!
//! **Real functions, one access at a time.** Others may come between any two accesses of a function
//! such as `PWord::reenter`, so a step of the machine is one access. [`step`] runs the function from
//! its start, answers the accesses it has made in earlier steps as they were answered then, lets it
//! make one more, and stops it at the next by unwinding. Between two accesses a function depends on
//! these answers only, so the list of them is all of its state.

use crate::runtime::pword::{PWord, Word};
use std::cell::{Cell, RefCell};
use std::collections::{HashSet, VecDeque};
use std::fmt::Debug;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// What is searched.
pub(crate) trait Machine: Clone + Hash + Debug {
    type Step: Copy + Debug;

    /// What can happen next.
    fn steps(&self) -> Vec<Self::Step>;

    /// Has it happen; `Err` says what is wrong with that.
    fn take(&mut self, step: Self::Step) -> Result<(), String>;

    /// Whether anything is wrong with the state, or with how it came from the one before.
    fn check(&self, before: &Self) -> Result<(), String>;

    /// Whether to look no further from here.
    fn is_far_enough(&self) -> bool;
}

/// Visits all states; the number of them, or what is wrong and how it came about.
pub(crate) fn explore<M: Machine>(start: M) -> Result<usize, String> {
    // By their hashes: two of a million states share one once in thirty million searches.
    let mut seen = HashSet::from([hash(&start)]);
    let mut origins: Vec<(usize, Option<M::Step>)> = vec![(0, None)];
    let mut queue = VecDeque::from([(0, start)]);
    while let Some((index, state)) = queue.pop_front() {
        if state.is_far_enough() {
            continue;
        }
        for step in state.steps() {
            let mut next = state.clone();
            let result = next.take(step).and_then(|()| next.check(&state));
            if let Err(wrong) = result {
                return Err(trace(&origins, index, step, &wrong, &next));
            }
            if seen.insert(hash(&next)) {
                queue.push_back((origins.len(), next));
                origins.push((index, Some(step)));
            }
        }
    }
    Ok(origins.len())
}

fn hash(state: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    state.hash(&mut hasher);
    hasher.finish()
}

fn trace<M: Machine>(
    origins: &[(usize, Option<M::Step>)],
    mut index: usize,
    last: M::Step,
    wrong: &str,
    state: &M,
) -> String {
    let mut steps = vec![last];
    while let (origin, Some(step)) = origins[index] {
        steps.push(step);
        index = origin;
    }
    let lines = steps.iter().rev().enumerate();
    let steps: Vec<_> = lines
        .map(|(i, step)| format!("{:3}. {step:?}\n", i + 1))
        .collect();
    format!("{wrong}\n{}leaves {state:?}", steps.concat())
}

/// What stops a function before its next access.
struct Stop;

/// What a function died of.
struct Fatal(String);

/// A function on its way, from the side of its accesses.
struct Replay {
    /// What its accesses found, and how many of them it has made again.
    answers: Vec<u64>,
    made: usize,
    /// Whether this step has had its access.
    is_spent: bool,
    /// Whether a swap is a look and a store, as if it were not atomic.
    are_swaps_split: bool,
    /// Whether a swap has succeeded in this step.
    has_swapped: bool,
}

thread_local! {
    static IS_ON: Cell<bool> = const { Cell::new(false) };
    static REPLAY: RefCell<Option<Replay>> = const { RefCell::new(None) };
}

/// Makes this thread's atomics plain cells: to be called before a search.
pub(crate) fn turn_on() {
    IS_ON.set(true);
}

pub(crate) fn is_on() -> bool {
    IS_ON.get()
}

/// How far a function got in one step.
pub(crate) struct Progress<T> {
    /// What it returned, if it has.
    pub(crate) result: Option<T>,
    pub(crate) has_swapped: bool,
}

/// Lets `call` make its next access to `word`, after those that have found `answers`.
pub(crate) fn step<T>(
    word: &mut Word,
    answers: &mut Vec<u64>,
    are_swaps_split: bool,
    call: impl FnOnce(&PWord) -> T,
) -> Result<Progress<T>, String> {
    let pword = PWord::new(*word);
    REPLAY.set(Some(Replay {
        answers: std::mem::take(answers),
        made: 0,
        is_spent: false,
        are_swaps_split,
        has_swapped: false,
    }));
    let outcome = catch_unwind(AssertUnwindSafe(|| call(&pword)));
    let replay = REPLAY.take().expect("it was put there above");
    *word = pword.read();
    *answers = replay.answers;
    let has_swapped = replay.has_swapped;
    let result = match outcome {
        Ok(result) => Some(result),
        Err(payload) if payload.is::<Stop>() => None,
        Err(payload) => match payload.downcast::<Fatal>() {
            Ok(fatal) => return Err(fatal.0),
            Err(payload) => resume_unwind(payload),
        },
    };
    Ok(Progress {
        result,
        has_swapped,
    })
}

/// In a step: ends the function and makes its last words what is wrong.
pub(crate) fn report_fatal(message: &str) {
    if REPLAY.with_borrow(Option::is_some) {
        resume_unwind(Box::new(Fatal(message.into())));
    }
}

pub(crate) fn load(cell: &Cell<u64>) -> u64 {
    access(|_| cell.get())
}

pub(crate) fn compare_exchange(cell: &Cell<u64>, current: u64, new: u64) -> Result<u64, u64> {
    let exchange = |replay: &mut Option<Replay>| {
        let found = cell.get();
        if found == current {
            cell.set(new);
            replay
                .iter_mut()
                .for_each(|replay| replay.has_swapped = true);
        }
        found
    };
    let is_split = REPLAY.with_borrow(|r| r.as_ref().is_some_and(|r| r.are_swaps_split));
    let found = if is_split {
        load(cell)
    } else {
        access(exchange)
    };
    if found != current {
        return Err(found);
    }
    if is_split {
        access(|_| {
            cell.set(new);
            new
        });
    }
    Ok(found)
}

/// Makes one access, or answers it as before, or stops; outside of [`step`] just makes it.
fn access(make: impl FnOnce(&mut Option<Replay>) -> u64) -> u64 {
    let answer = REPLAY.with_borrow_mut(|slot| {
        if let Some(replay) = slot {
            if replay.made < replay.answers.len() {
                replay.made += 1;
                return Some(replay.answers[replay.made - 1]);
            }
            if replay.is_spent {
                return None;
            }
        }
        let answer = make(slot);
        if let Some(replay) = slot {
            replay.answers.push(answer);
            replay.made += 1;
            replay.is_spent = true;
        }
        Some(answer)
    });
    answer.unwrap_or_else(|| resume_unwind(Box::new(Stop)))
}
