//! Pseudo-random numbers that never change. A random generator from a library could change with its
//! version, and the orders of the demo with it.

use jiff::civil::Date;

/// The generator `SplitMix64` (Steele, Lea, Flood 2014).
pub struct Random(u64);

impl Random {
    /// The sequence of numbers of a subject.
    pub fn of(subject: &str) -> Self {
        // The seed is the FNV-1a hash of the subject.
        let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        Self(subject.bytes().fold(0xcbf2_9ce4_8422_2325, mix))
    }

    pub fn of_day(subject: &str, day: Date) -> Self {
        Self::of(&format!("{subject} {day}"))
    }

    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        let count = u64::try_from(high - low + 1).unwrap_or(1);
        low + i64::try_from(self.number() % count).unwrap_or_default()
    }

    /// Returns `true` with this probability in percent.
    pub fn percent(&mut self, chance: i64) -> bool {
        self.between(0, 99) < chance
    }

    pub fn choose<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        let last = i64::try_from(from.len()).unwrap_or(1) - 1;
        &from[usize::try_from(self.between(0, last)).unwrap_or_default()]
    }

    /// Chooses an index with a probability proportional to its weight. `None` if all weights are 0.
    pub fn weighted(&mut self, weights: impl Iterator<Item = i64> + Clone) -> Option<usize> {
        let total: i64 = weights.clone().sum();
        let mut left = if total > 0 { self.between(0, total - 1) } else { return None };
        weights.into_iter().position(|weight| {
            left -= weight;
            left < 0
        })
    }
}
