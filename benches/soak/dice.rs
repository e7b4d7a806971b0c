//! What is left to chance: Marsaglia's xorshift, so that a seed says which choices a round makes.

use std::time::Duration;

#[derive(Clone)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        // Seeds come as 1, 2, 3; neighbours are to have nothing in common, and none may be 0.
        Dice(mix(seed) | 1)
    }

    /// Dice for another hand, which fall otherwise.
    pub fn split(&mut self) -> Dice {
        Dice::new(self.next())
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number under `end`.
    pub fn below(&mut self, end: usize) -> usize {
        ((self.next() >> 32) as usize) % end
    }

    /// True in one of `n` cases.
    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// A time under so many microseconds.
    pub fn micros(&mut self, end: usize) -> Duration {
        Duration::from_micros(self.below(end) as u64)
    }
}

/// Spreads a number over all bits, one to one: the last step of splitmix64.
pub fn mix(number: u64) -> u64 {
    let mut bits = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}
