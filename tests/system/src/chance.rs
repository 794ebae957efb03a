//! Random instants from a seed that is printed, so that a failing run can be tried again.
//!
//! A seed repeats what the test does, not when the processes under test do theirs.

use std::time::{Duration, SystemTime};

/// Names the seed of a run that failed.
const SEED_VARIABLE: &str = "TEST_SEED";

/// A source of random numbers (SplitMix64, Steele, Lea and Flood 2014).
#[derive(Debug)]
pub struct Chance(u64);

impl Chance {
    /// From the seed in `TEST_SEED`, or from the time. Prints it.
    ///
    /// # Panics
    /// Where the variable holds no number.
    pub fn new() -> Chance {
        let now = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |now| now.as_nanos() as u64);
        let given = std::env::var(SEED_VARIABLE).ok();
        let seed = given.map_or_else(now, |text| text.parse().expect("the seed is a number"));
        println!("{SEED_VARIABLE}={seed}");
        Chance(seed)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound.max(1)
    }

    /// Sleeps for less than `milliseconds`.
    pub fn pause(&mut self, milliseconds: u64) {
        std::thread::sleep(Duration::from_millis(self.below(milliseconds)));
    }
}

impl Default for Chance {
    fn default() -> Chance {
        Chance::new()
    }
}
