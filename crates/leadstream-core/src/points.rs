//! Points: the only number a score is made of.
//!
//! A score is an exact count of thousandths of a point in an `i64` (L9). Floating point appears in exactly one place, the conversion of a
//! condition language's result into points ([`Points::from_number`]), and never in state.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};

/// A signed amount of points, in thousandths of a point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Points(i64);

/// The largest number of points one firing may compute, in points (S9).
pub const COMPUTED_POINTS_MAX: f64 = 1_000_000.0;

/// The bound of every running sum, in points (S22): sums saturate here instead of overflowing.
pub(crate) const SUM_MAX: Points = Points(1_000_000_000 * 1000);

impl Points {
    /// No points.
    pub const ZERO: Points = Points(0);

    /// An amount from thousandths of a point.
    pub const fn from_thousandths(thousandths: i64) -> Points {
        Points(thousandths)
    }

    /// An amount from whole points.
    pub const fn whole(points: i64) -> Points {
        Points(points * 1000)
    }

    /// The amount in thousandths of a point.
    pub const fn thousandths(self) -> i64 {
        self.0
    }

    /// The amount as a binary64, for conditions that read a score (S8).
    pub fn as_number(self) -> f64 {
        self.0 as f64 / 1000.0
    }

    /// `rnd(1000 r)` with the product exact (S8), or nothing where S9 says that there is no firing: NaN, infinity, |r| > 10^6.
    pub fn from_number(number: f64) -> Option<Points> {
        if !number.is_finite() || number.abs() > COMPUTED_POINTS_MAX {
            return None;
        }
        // |r| <= 2^20, so the whole part times 1000 is exact in i64 and the fraction is m / 2^k with m < 2^53 and k <= 1074:
        // floor(1000 f + 1/2) is decided in integers, not in binary64, which would round the product first.
        let whole = number.trunc();
        let fraction = number - whole; // exact: truncation only drops leading bits
        Some(Points(whole as i64 * 1000 + round_thousandths(fraction)))
    }

    /// The amount held inside `-bound..=bound` of a running sum (S22).
    pub fn saturated(self) -> Points {
        Points(self.0.clamp(-SUM_MAX.0, SUM_MAX.0))
    }

    /// The amount weighted by a factor of a plan, `rnd(p w)` (S56). A plan's numbers are decimals (S8): the factor is taken as it was written.
    pub fn weighted(self, weight: f64) -> Points {
        let (numerator, denominator) = as_written(weight);
        let product = i128::from(self.0) * numerator;
        Points((2 * product + denominator).div_euclid(2 * denominator) as i64)
    }
}

/// The decimal in `0..=1` that a binary64 was read from, as a fraction: the shortest one that reads as it, which is what a person wrote.
fn as_written(number: f64) -> (i128, i128) {
    let text = number.to_string();
    let (whole, decimals) = text.split_once('.').unwrap_or((&text, ""));
    // Smaller than that, no product with points is near one half.
    let decimals = &decimals[..decimals.len().min(25)];
    let denominator = 10i128.pow(decimals.len() as u32);
    let parsed = |digits: &str| digits.parse::<i128>().unwrap_or(0);
    (parsed(whole) * denominator + parsed(decimals), denominator)
}

/// `mantissa * 2^exponent` of a finite binary64.
fn decompose(number: f64) -> (i64, i32) {
    let bits = number.to_bits();
    let exponent = ((bits >> 52) & 0x7ff) as i32;
    let fraction = (bits & ((1 << 52) - 1)) as i64;
    let (mantissa, exponent) = if exponent == 0 { (fraction, -1074) } else { (fraction | (1 << 52), exponent - 1075) };
    if bits >> 63 == 1 { (-mantissa, exponent) } else { (mantissa, exponent) }
}

/// `floor(1000 f + 1/2)` for a binary64 `f` in `(-1, 1)`, exactly.
fn round_thousandths(fraction: f64) -> i64 {
    let (mantissa, exponent) = decompose(fraction);
    let shift = (-exponent) as u32;
    if mantissa == 0 || shift > 110 {
        return 0; // below 2^-57: a thousand of it is far from one half
    }
    let product = i128::from(mantissa) * 1000;
    ((product + (1i128 << (shift - 1))) >> shift) as i64
}

impl fmt::Display for Points {
    /// Points in decimals without trailing zeros: `104`, `-2.5`, `0.125`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (whole, thousandths) = (self.0.unsigned_abs() / 1000, self.0.unsigned_abs() % 1000);
        if thousandths == 0 {
            return write!(f, "{sign}{whole}");
        }
        let fraction = format!("{thousandths:03}");
        write!(f, "{sign}{whole}.{}", fraction.trim_end_matches('0'))
    }
}

impl Add for Points {
    type Output = Points;
    fn add(self, other: Points) -> Points {
        Points(self.0 + other.0)
    }
}
impl Sub for Points {
    type Output = Points;
    fn sub(self, other: Points) -> Points {
        Points(self.0 - other.0)
    }
}
impl Neg for Points {
    type Output = Points;
    fn neg(self) -> Points {
        Points(-self.0)
    }
}
impl AddAssign for Points {
    fn add_assign(&mut self, other: Points) {
        self.0 += other.0;
    }
}
impl SubAssign for Points {
    fn sub_assign(&mut self, other: Points) {
        self.0 -= other.0;
    }
}
impl Sum for Points {
    fn sum<I: Iterator<Item = Points>>(iter: I) -> Points {
        iter.fold(Points::ZERO, Add::add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn computed_points_round_half_up_on_the_exact_product_s8() {
        assert_eq!(Points::from_number(2.5), Some(Points::from_thousandths(2500)));
        assert_eq!(Points::from_number(0.0005), Some(Points::from_thousandths(1)));
        // 1.0005 in binary64 lies below 1.0005, so the exact product is below 1000.5 although binary64 rounds it up to 1000.5.
        assert!(std::hint::black_box(1.0005_f64) * 1000.0 >= 1000.5);
        assert_eq!(Points::from_number(1.0005), Some(Points::from_thousandths(1000)));
        assert_eq!(Points::from_number(-0.0005), Some(Points::from_thousandths(-1)));
        assert_eq!(Points::from_number(-2.5), Some(Points::from_thousandths(-2500)));
        assert_eq!(Points::from_number(f64::MIN_POSITIVE), Some(Points::ZERO));
    }

    #[test]
    fn what_is_no_number_of_points_gives_none_s9() {
        for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1_000_000.1, -1_000_001.0] {
            assert_eq!(Points::from_number(number), None, "{number}");
        }
        assert_eq!(Points::from_number(1_000_000.0), Some(Points::whole(1_000_000)));
    }

    #[test]
    fn weights_round_half_up_s56() {
        assert_eq!(Points::from_thousandths(5).weighted(0.5), Points::from_thousandths(3));
        assert_eq!(Points::from_thousandths(-5).weighted(0.5), Points::from_thousandths(-2));
        // One tenth is a decimal of the plan, not the binary64 a little above it.
        assert_eq!(Points::from_thousandths(-5).weighted(0.1), Points::ZERO);
        assert_eq!(Points::from_thousandths(5).weighted(0.1), Points::from_thousandths(1));
        assert_eq!(Points::from_thousandths(-15).weighted(0.3), Points::from_thousandths(-4));
        assert_eq!(Points::whole(1_000_000).weighted(1e-300), Points::ZERO);
        assert_eq!(Points::whole(10).weighted(1.0), Points::whole(10));
        assert_eq!(Points::whole(10).weighted(0.0), Points::ZERO);
    }

    #[test]
    fn shown_without_trailing_zeros() {
        for (thousandths, text) in [(104_000, "104"), (-2_500, "-2.5"), (125, "0.125"), (-1, "-0.001"), (0, "0")] {
            assert_eq!(Points::from_thousandths(thousandths).to_string(), text);
        }
    }
}
