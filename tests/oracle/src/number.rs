//! Exact numbers: thousandths of a point, plan literals as exact decimals, and the rounding of a binary64 (S8, trap 9).
//!
//! Never computes `1000 * r` or a weighted product in binary64: every rounding here is `floor(x + 1/2)` of an exact rational.

use serde::{Deserialize, Deserializer};

/// Points in thousandths, as they are kept in state.
pub type Thousandths = i64;

/// The largest absolute value, in points, that an expression may yield (S9).
pub const RESULT_POINTS_MAX: f64 = 1_000_000.0;

/// The bound of each group of points, in thousandths (S22).
pub const GROUP_THOUSANDTHS_MAX: Thousandths = 1_000_000_000_000;

/// A plan literal: `digits / 10^places`, exactly as written in the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal {
    digits: i128,
    places: u32,
}

impl Decimal {
    /// Zero.
    pub const ZERO: Decimal = Decimal { digits: 0, places: 0 };

    /// Reads a decimal such as `-0.25` or `1.5e-3`; none where the text is not a decimal or has more than 18 digits or places.
    pub fn parse(text: &str) -> Option<Decimal> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
        let places = i32::try_from(fraction.len()).ok()? - exponent;
        if digits.unsigned_abs() >= 10u128.pow(18) || !(-18..=18).contains(&places) {
            return None;
        }
        Some(match u32::try_from(places) {
            Ok(places) => Decimal { digits, places },
            Err(_) => Decimal { digits: digits * 10i128.pow(places.unsigned_abs()), places: 0 },
        })
    }

    /// `rnd(1000 * self)`: the literal in thousandths.
    pub fn thousandths(self) -> Option<Thousandths> {
        i64::try_from(round_half_up(self.digits.checked_mul(1000)?, 10i128.pow(self.places))).ok()
    }

    /// The literal times a power of ten, where that is a whole number.
    pub fn times_power_of_ten(self, power: u32) -> Option<i64> {
        let scaled = self.digits.checked_mul(10i128.checked_pow(power)?)?;
        let unit = 10i128.pow(self.places);
        (scaled % unit == 0).then(|| i64::try_from(scaled / unit).ok())?
    }

    /// `rnd(points * self)`, the weight of a verdict applied to points already rounded (S56).
    pub fn weigh(self, points: Thousandths) -> Option<Thousandths> {
        i64::try_from(round_half_up(self.digits.checked_mul(i128::from(points))?, 10i128.pow(self.places))).ok()
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // A literal of up to 15 significant digits survives binary64 and its shortest decimal form unchanged.
        let number = f64::deserialize(deserializer)?;
        Decimal::parse(&format!("{number}"))
            .ok_or_else(|| serde::de::Error::custom("not a decimal of at most 18 digits"))
    }
}

/// `floor(numerator / denominator + 1/2)` for a positive denominator.
fn round_half_up(numerator: i128, denominator: i128) -> i128 {
    (2 * numerator + denominator).div_euclid(2 * denominator)
}

/// `rnd(1000 * result)` of a binary64, exactly; none where the result is not finite or beyond 10^6 (S8, S9).
pub fn thousandths_of_result(result: f64) -> Option<Thousandths> {
    if !result.is_finite() || result.abs() > RESULT_POINTS_MAX {
        return None;
    }
    let bits = result.to_bits();
    let sign = if bits >> 63 == 1 { -1 } else { 1 };
    let biased = i32::try_from((bits >> 52) & 0x7ff).ok()?;
    let fraction = i128::from(bits & ((1 << 52) - 1));
    // result = sign * mantissa * 2^exponent
    let (mantissa, exponent) = if biased == 0 { (fraction, -1074) } else { (fraction + (1 << 52), biased - 1075) };
    // |result| <= 10^6 < 2^53, so a normal mantissa needs no shift to the left.
    let shift = u32::try_from(-exponent).ok()?;
    if shift > 80 {
        // 1000 * mantissa < 2^63, so |1000 * result| < 2^-17: it rounds to zero.
        return Some(0);
    }
    i64::try_from(round_half_up(sign * 1000 * mantissa, 1i128 << shift)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s8_a_result_is_rounded_half_up_from_its_exact_value() {
        assert_eq!(thousandths_of_result(2.5), Some(2500));
        assert_eq!(thousandths_of_result(0.0625), Some(63)); // 62.5 exactly: up
        assert_eq!(thousandths_of_result(-0.0625), Some(-62)); // -62.5 exactly: up
        assert_eq!(thousandths_of_result(0.0), Some(0));
        assert_eq!(thousandths_of_result(-0.0), Some(0));
        assert_eq!(thousandths_of_result(5e-324), Some(0));
        assert_eq!(thousandths_of_result(-5e-324), Some(0)); // floor(1/2 - a little)
    }

    #[test]
    fn s8_trap_9_the_product_with_1000_is_exact_and_not_binary64() {
        // 1.0005 in binary64 is 1.000499999999999989...: exactly below the half, though 1.0005 * 1000.0 == 1000.5.
        assert_eq!(1.0005_f64 * 1000.0, 1000.5);
        assert_eq!(thousandths_of_result(1.0005), Some(1000));
        // The same digits as a plan literal are exact.
        assert_eq!(Decimal::parse("1.0005").unwrap().thousandths(), Some(1001));
    }

    #[test]
    fn s9_results_that_are_not_finite_or_beyond_a_million_are_no_points() {
        assert_eq!(thousandths_of_result(1_000_000.0), Some(1_000_000_000));
        assert_eq!(thousandths_of_result(1_000_000.000_1), None);
        assert_eq!(thousandths_of_result(-1_000_001.0), None);
        assert_eq!(thousandths_of_result(f64::NAN), None);
        assert_eq!(thousandths_of_result(f64::INFINITY), None);
    }

    #[test]
    fn s56_weights_round_the_exact_product_half_up() {
        let half = Decimal::parse("0.5").unwrap();
        assert_eq!(half.weigh(3), Some(2));
        assert_eq!(half.weigh(-3), Some(-1));
        assert_eq!(Decimal::parse("0.1").unwrap().weigh(15), Some(2));
    }

    #[test]
    fn decimals_are_read_exactly_and_anything_else_is_refused() {
        assert_eq!(Decimal::parse("0.0005").unwrap().thousandths(), Some(1));
        assert_eq!(Decimal::parse("-0.0005").unwrap().thousandths(), Some(0));
        assert_eq!(Decimal::parse("1.5e-3").unwrap().thousandths(), Some(2));
        assert_eq!(Decimal::parse("2e3").unwrap().thousandths(), Some(2_000_000));
        assert_eq!(Decimal::parse("ten"), None);
        assert_eq!(Decimal::parse("1.2.3"), None);
    }
}
