//! Chance that is the same on every machine: a published generator, whole numbers, and a power function without the machine's own.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

/// A source of numbers.
pub(super) struct Random(Xoshiro256PlusPlus);

impl Random {
    pub(super) fn new(seed: u64) -> Random {
        Random(Xoshiro256PlusPlus::seed_from_u64(seed))
    }

    /// A number in 0..end; 0 for an empty range. The bias of multiplying instead of rejecting is below end / 2^64.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.0.next_u64()) * u128::from(end)) >> 64) as u64
    }

    /// True so many times in a hundred.
    pub(super) fn percent(&mut self, percent: u8) -> bool {
        percent > 0 && self.below(100) < u64::from(percent)
    }

    /// One of several.
    pub(super) fn one_of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len() as u64) as usize]
    }

    /// A number in 0..count, small ones more often: the inverse of the continuous relative of Zipf's law with this exponent.
    pub(super) fn skewed(&mut self, count: u32, exponent: f64) -> u32 {
        // 53 bits are what a binary64 holds exactly; the half keeps it off both ends.
        let unit = ((self.0.next_u64() >> 11) as f64 + 0.5) / 9_007_199_254_740_992.0;
        let count_f = f64::from(count);
        let rank = if (exponent - 1.0).abs() < 1e-9 {
            libm::pow(count_f + 1.0, unit)
        } else {
            let power = 1.0 - exponent;
            libm::pow((libm::pow(count_f + 1.0, power) - 1.0) * unit + 1.0, 1.0 / power)
        };
        (rank as u32).clamp(1, count) - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skew_makes_the_first_frequent_and_no_skew_makes_all_equal() {
        let share = |exponent: f64| {
            let mut random = Random::new(1);
            let hits = (0..20_000).filter(|_| random.skewed(100, exponent) == 0).count();
            hits as f64 / 20_000.0
        };
        assert!((0.005..0.015).contains(&share(0.0)), "{}", share(0.0));
        assert!((0.1..0.25).contains(&share(1.0)), "{}", share(1.0));
        assert!(share(2.0) > 0.4, "{}", share(2.0));
        let mut random = Random::new(2);
        assert!((0..10_000).all(|_| random.skewed(3, 0.6) < 3));
    }
}
