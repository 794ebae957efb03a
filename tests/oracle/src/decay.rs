//! How points lose their value with age (S20), and what a group of them is worth (S21).
//!
//! Never keeps a sum: a group is worth what its bookings are worth together, rounded once (trap 2). Invariants: a decay is fixed when
//! points are booked; the shown parts of a group add up to its value.

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::ToPrimitive;
use serde::Serialize;

use crate::half_life;
use crate::number::Thousandths;

/// One whole in the unit of [`Decay::Step`].
pub const KEEP_ALL: i64 = 1_000_000_000;

/// How points decay.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Decay {
    /// Not at all.
    #[default]
    None,
    /// Evenly to nothing over so many milliseconds.
    Linear(i64),
    /// From each age in milliseconds on, so many parts of [`KEEP_ALL`] are kept. Expiry is a single step to nothing.
    Step(Vec<(i64, i64)>),
    /// By half over so many milliseconds.
    HalfLife(i64),
}

impl Decay {
    /// What points booked at an instant are worth now, exactly.
    pub(crate) fn part(&self, applied: Thousandths, booked: i64, now: i64) -> BigRational {
        let age = now - booked;
        let over = |numerator: i128, denominator: i64| BigRational::new(numerator.into(), denominator.into());
        let applied_wide = i128::from(applied);
        match self {
            Decay::None => over(applied_wide, 1),
            Decay::Linear(span_ms) => over(applied_wide * i128::from((span_ms - age).max(0)), *span_ms),
            Decay::Step(steps) => over(applied_wide * i128::from(kept_at(steps, age)), KEEP_ALL),
            Decay::HalfLife(half_life_ms) => half_life::part(applied, booked, now, *half_life_ms),
        }
    }

    /// What a group of bookings (points, instant), in ascending order of their instants, is worth now.
    pub(crate) fn value(&self, bookings: &[(Thousandths, i64)], now: i64) -> Thousandths {
        let sum = |weight: &dyn Fn(i64) -> i64| -> i128 {
            bookings.iter().map(|(applied, booked)| i128::from(*applied) * i128::from(weight(now - booked))).sum()
        };
        match self {
            Decay::None => bookings.iter().map(|(applied, _)| applied).sum(),
            Decay::Linear(span_ms) => round(sum(&|age| (span_ms - age).max(0)), *span_ms),
            Decay::Step(steps) => round(sum(&|age| kept_at(steps, age)), KEEP_ALL),
            Decay::HalfLife(half_life_ms) => half_life::value(bookings, now, *half_life_ms),
        }
    }

    /// The ages at which the course of a part changes: between two of them its worth moves one way only.
    ///
    /// By the last of them a half-life has left nothing that rounds to a thousandth.
    pub(crate) fn turns(&self) -> Vec<i64> {
        match self {
            Decay::None => Vec::new(),
            Decay::Linear(span_ms) => vec![*span_ms],
            Decay::Step(steps) => steps.iter().map(|(age, _)| *age).collect(),
            Decay::HalfLife(half_life_ms) => vec![64 * half_life_ms],
        }
    }
}

fn kept_at(steps: &[(i64, i64)], age: i64) -> i64 {
    steps.iter().rev().find(|(from, _)| age >= *from).map_or(KEEP_ALL, |(_, keep)| *keep)
}

/// rnd(numerator / denominator) for a positive denominator.
fn round(numerator: i128, denominator: i64) -> Thousandths {
    let denominator = i128::from(denominator);
    i64::try_from((2 * numerator + denominator).div_euclid(2 * denominator)).unwrap_or(0)
}

/// S21: parts floored; the thousandths missing to the group's value go to the largest fractions, ties to the first.
pub(crate) fn apportion(value: Thousandths, parts: &[BigRational]) -> Vec<Thousandths> {
    let whole = |part: &BigRational| -> BigInt { part.floor().to_integer() };
    let mut shown: Vec<Thousandths> = parts.iter().map(|part| whole(part).to_i64().unwrap_or(0)).collect();
    let missing = value - shown.iter().sum::<Thousandths>();
    let fraction = |index: usize| &parts[index] - parts[index].floor();
    let mut order: Vec<usize> = (0..parts.len()).collect();
    // The sort is stable, so that equal fractions keep their order.
    order.sort_by_key(|index| std::cmp::Reverse(fraction(*index)));
    for index in order.into_iter().take(usize::try_from(missing).unwrap_or(0)) {
        shown[index] += 1;
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s20_linear_and_step_parts_are_exact_for_either_sign() {
        assert_eq!(Decay::Linear(10).value(&[(100, 0)], 3), 70);
        assert_eq!(Decay::Linear(10).value(&[(-5, 0)], 3), -3); // -3.5 rounds up
        assert_eq!(Decay::Linear(10).value(&[(100, 0)], 10), 0);
        assert_eq!(Decay::Linear(10).value(&[(100, 0)], 11), 0);
        let steps = Decay::Step(vec![(7, KEEP_ALL / 2), (14, 0)]);
        assert_eq!([6, 7, 13, 14].map(|now| steps.value(&[(100, 0)], now)), [100, 50, 50, 0]);
    }

    #[test]
    fn s21_a_group_is_summed_before_it_is_rounded() {
        // Three times a third of a thousandth: one, though each alone is none.
        let thirds = [(1, 0), (1, 0), (1, 0)];
        assert_eq!(Decay::Linear(3).value(&thirds, 2), 1);
        assert_eq!(Decay::Linear(3).value(&thirds[..1], 2), 0);
    }

    #[test]
    fn s21_missing_thousandths_go_to_the_largest_fractions_and_ties_to_the_first() {
        let part = |numerator: i64, denominator: i64| BigRational::new(numerator.into(), denominator.into());
        assert_eq!(apportion(2, &[part(1, 3), part(2, 3), part(1, 3), part(2, 3)]), [0, 1, 0, 1]);
        assert_eq!(apportion(1, &[part(1, 3), part(1, 3), part(1, 3)]), [1, 0, 0]);
        assert_eq!(apportion(-1, &[part(-1, 3), part(-2, 3)]), [0, -1]);
    }
}
