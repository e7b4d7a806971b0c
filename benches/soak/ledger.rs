//! The ledger: every value that is made ends once, and it is known how.
//!
//! 1. A [`Token`] is booked when it is made, and when it is dropped: as arrived or come back if its holder
//!    said so before, else as discarded. So none can end without an entry, and one that the runtime has lost
//!    has none.
//! 2. Beside the numbers there is a sum of what the tokens are called, on both sides: where one is lost and
//!    another doubled the numbers agree, and the sums do not.
//! 3. To discard is only right where somebody has said that he will: a receiver that leaves, a future that is
//!    dropped with its value.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use super::dice::mix;

/// How long the last of a round's values may take to end once the round is over: some are with goroutines
/// that nobody joins.
const LAST_LIMIT: Duration = Duration::from_secs(60);

/// How a value has ended.
#[derive(Clone, Copy)]
enum End {
    Arrived,
    CameBack,
    Discarded,
}

/// The values of one round.
#[derive(Default)]
pub struct Account {
    made: AtomicU64,
    made_sum: AtomicU64,
    ended: [AtomicU64; 3],
    ended_sum: AtomicU64,
    /// Those that are not what they were when they were made.
    forged: AtomicU64,
    may_discard: AtomicBool,
}

/// How many values were made, and how they have ended.
#[derive(Clone, Copy, Default, Debug, PartialEq)]
pub struct Sums {
    pub made: u64,
    pub arrived: u64,
    pub came_back: u64,
    pub discarded: u64,
}

impl Sums {
    pub fn add(&mut self, other: Sums) {
        self.made += other.made;
        self.arrived += other.arrived;
        self.came_back += other.came_back;
        self.discarded += other.discarded;
    }

    pub fn ended(&self) -> u64 {
        self.arrived + self.came_back + self.discarded
    }
}

impl Account {
    /// Makes a value. Those of one maker have numbers that grow.
    pub fn make(self: &Arc<Self>, maker: usize) -> Token {
        let number = self.made.fetch_add(1, Relaxed);
        self.made_sum.fetch_add(mix(number), Relaxed);
        Token {
            number,
            maker,
            seal: mix(number) ^ maker as u64,
            end: End::Discarded,
            account: Arc::clone(self),
        }
    }

    /// Says that values may be dropped unread from now on.
    pub fn allow_discards(&self) {
        self.may_discard.store(true, Relaxed);
    }

    pub fn sums(&self) -> Sums {
        let [arrived, came_back, discarded] = &self.ended;
        // Ends first: a value that is made and ends meanwhile must not count as ended only.
        let (arrived, came_back, discarded) = (
            arrived.load(Relaxed),
            came_back.load(Relaxed),
            discarded.load(Relaxed),
        );
        Sums {
            made: self.made.load(Relaxed),
            arrived,
            came_back,
            discarded,
        }
    }

    /// Waits for the last values, and gives the sums if they are right, else what is wrong with them.
    pub fn settle(&self) -> Result<Sums, String> {
        let limit = Instant::now() + LAST_LIMIT;
        while self.sums().ended() < self.sums().made && Instant::now() < limit {
            sudog::time::sleep(Duration::from_micros(200));
        }
        let sums = self.sums();
        let forged = self.forged.load(Relaxed);
        if sums.ended() < sums.made {
            return Err(format!("{} lost of {sums:?}", sums.made - sums.ended()));
        }
        if sums.ended() > sums.made {
            return Err(format!("{} doubled of {sums:?}", sums.ended() - sums.made));
        }
        if forged > 0 || self.made_sum.load(Relaxed) != self.ended_sum.load(Relaxed) {
            return Err(format!("other values ended than were made: {sums:?}"));
        }
        if sums.discarded > 0 && !self.may_discard.load(Relaxed) {
            return Err(format!("{} discarded of {sums:?}", sums.discarded));
        }
        Ok(sums)
    }
}

/// A value, which is to end once.
pub struct Token {
    number: u64,
    maker: usize,
    seal: u64,
    end: End,
    account: Arc<Account>,
}

impl Token {
    pub fn number(&self) -> u64 {
        self.number
    }

    pub fn maker(&self) -> usize {
        self.maker
    }

    /// It has come to whom it was for.
    pub fn arrive(mut self) {
        self.end = End::Arrived;
    }

    /// An operation has failed and given it back.
    pub fn come_back(mut self) {
        self.end = End::CameBack;
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        if self.seal != mix(self.number) ^ self.maker as u64 {
            self.account.forged.fetch_add(1, Relaxed);
        }
        self.account.ended_sum.fetch_add(mix(self.number), Relaxed);
        self.account.ended[self.end as usize].fetch_add(1, Relaxed);
    }
}
