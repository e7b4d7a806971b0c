//! The handover between threads that run, with the barriers that the machine has: no P has two owners.
//!
//! The search in tests/model is exhaustive, but of a machine on paper. This one is real, and lasts
//! SUDOG_STRESS_SECONDS or a moment.

use crate::runtime::pword::{PWord, Reentry, State, Word};
use crate::sys::os;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering, compiler_fence, fence};
use std::sync::{Barrier, Mutex};
use std::time::{Duration, Instant};

/// As an M is to a taker.
struct Owner {
    inside: AtomicBool,
    /// The word of a P that it was handed.
    handed: Mutex<Option<Word>>,
}

struct Contest {
    word: PWord,
    owners: [Owner; 2],
    /// The number of whoever uses the P: plain loads and stores, which order nothing.
    user: AtomicU32,
    doubles: AtomicU64,
    uses: AtomicU64,
    is_over: AtomicBool,
    /// Whether an entry has a fence, instead of the taker's barrier.
    is_fenced: bool,
}

impl Contest {
    fn enter(&self, me: usize) {
        self.owners[me].inside.store(true, Ordering::Relaxed);
        if self.is_fenced {
            fence(Ordering::SeqCst);
        } else {
            compiler_fence(Ordering::SeqCst);
        }
    }

    /// Enters the gate over and over, and uses the P as long as the word says that it may.
    fn own(&self, me: usize) {
        let number = me as u32 + 1;
        let mut own = None;
        while !self.is_over.load(Ordering::Relaxed) {
            let Some(word) = own else {
                own = self.owners[me].handed.lock().unwrap().take();
                std::hint::spin_loop();
                continue;
            };
            self.enter(me);
            if self.word.is(word) {
                self.use_it(number);
            } else {
                own = match self.word.reenter(word) {
                    Reentry::Kept(word) => Some(word),
                    Reentry::Returned => Some(word),
                    Reentry::Lost => None,
                };
            }
            self.owners[me].inside.store(false, Ordering::Release);
        }
    }

    fn use_it(&self, number: u32) {
        let mut is_alone = self.user.load(Ordering::Relaxed) == 0;
        self.user.store(number, Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
        let uses = self.uses.load(Ordering::Relaxed);
        is_alone &= self.user.load(Ordering::Relaxed) == number;
        self.uses.store(uses + 1, Ordering::Relaxed);
        self.user.store(0, Ordering::Relaxed);
        if !is_alone {
            self.doubles.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Takes the P from whoever has it and hands it to the other; how often that was done.
    fn take(&self, seconds: f64) -> u64 {
        let end = Instant::now() + Duration::from_secs_f64(seconds);
        let mut taken = 0;
        // On a machine that is busy with something else it takes longer until there has been a contest.
        while taken == 0 || Instant::now() < end {
            let seen = self.word.read();
            if seen.state() != State::Own {
                continue;
            }
            let Some(asked) = self.word.ask(seen) else {
                continue;
            };
            if self.is_fenced {
                fence(Ordering::SeqCst);
            } else {
                os::membarrier();
            }
            let other = 2 - asked.m() as usize;
            let is_outside = !self.owners[asked.m() as usize - 1]
                .inside
                .load(Ordering::Acquire);
            let next = is_outside.then(|| self.word.take(asked, Some(other as u32 + 1)));
            match next.flatten() {
                Some(word) => {
                    *self.owners[other].handed.lock().unwrap() = Some(word);
                    taken += 1;
                }
                None => self.word.withdraw(asked),
            }
        }
        taken
    }
}

fn no_two_own_it(is_fenced: bool) {
    let seconds =
        std::env::var("SUDOG_STRESS_SECONDS").map_or(0.3, |n| n.parse().expect("a number"));
    let first = Word::idle(0).next_owner(1);
    let owner = |handed| Owner {
        inside: AtomicBool::new(false),
        handed: Mutex::new(handed),
    };
    let contest = Contest {
        word: PWord::new(first),
        owners: [owner(Some(first)), owner(None)],
        user: AtomicU32::new(0),
        doubles: AtomicU64::new(0),
        uses: AtomicU64::new(0),
        is_over: AtomicBool::new(false),
        is_fenced,
    };
    let start = Barrier::new(3);
    let taken = std::thread::scope(|scope| {
        for me in 0..2 {
            let (contest, start) = (&contest, &start);
            scope.spawn(move || {
                start.wait();
                contest.own(me);
            });
        }
        start.wait();
        let taken = contest.take(seconds);
        contest.is_over.store(true, Ordering::Relaxed);
        taken
    });
    let uses = contest.uses.into_inner();
    println!("taken {taken} times, used {uses} times");
    assert_eq!(contest.doubles.into_inner(), 0, "two Ms used a P at once");
    assert!(taken > 0 && uses > taken, "no contest");
}

#[test]
fn a_p_taken_behind_a_barrier_has_one_owner() {
    if os::membarrier_register() {
        no_two_own_it(false);
    } else {
        println!("this kernel has no membarrier");
    }
}

#[test]
fn a_p_taken_from_fenced_entries_has_one_owner() {
    no_two_own_it(true);
}
