//! The half-life of points in integers (S20): the tables, frames, and the value of a sum.
//!
//! Invariants: the tables are rounded from exact roots of one half, never from binary64; every other division is a floor.

use std::sync::OnceLock;

use num_bigint::{BigInt, BigUint};
use num_rational::BigRational;

use crate::number::Thousandths;

/// Fractional bits of the fixed-point numbers that the tables are rounded from; the error of an entry is below 2^-240.
const BITS: u32 = 256;

/// A[i] = rnd(2^48 2^(-i/256)) for i in 0..=256, and B[j] = rnd(2^48 2^(-j/65536)) for j in 0..256.
struct Tables {
    a: Vec<i128>,
    b: Vec<i128>,
}

fn tables() -> &'static Tables {
    static TABLES: OnceLock<Tables> = OnceLock::new();
    // Eight square roots of one half give its 256th root, eight more the 65536th.
    TABLES.get_or_init(|| Tables { a: powers(8, 257), b: powers(16, 256) })
}

/// rnd(2^48 r^i) for i in 0..count, where r is one half after so many square roots.
fn powers(roots: u32, count: usize) -> Vec<i128> {
    let half = BigUint::from(1_u8) << (BITS - 1);
    let root = (0..roots).fold(half, |value, _| (value << BITS).sqrt());
    let one = BigUint::from(1_u8) << BITS;
    let powers = std::iter::successors(Some(one), |power| Some((power * &root) >> BITS));
    powers.take(count).map(|power| rounded(&power)).collect()
}

/// A fixed-point number with 48 fractional bits, rounded half up.
fn rounded(fixed: &BigUint) -> i128 {
    let shift = BITS - 48;
    let rounded: BigUint = (fixed + (BigUint::from(1_u8) << (shift - 1))) >> shift;
    i128::try_from(rounded).unwrap_or(i128::MAX)
}

/// G(m) = rnd(A[m div 256] B[m mod 256] / 2^48), for m in 0..=65536: 2^48 2^(-m/65536).
fn g(m: i64) -> i128 {
    let index = |value: i64| usize::try_from(value).unwrap_or(0);
    let product = tables().a[index(m / 256)] * tables().b[index(m % 256)];
    (product + (1 << 47)) >> 48
}

/// The frame k and the place m in it of an instant: Q = floor(65536 t / h), k = floor(Q / 65536), m = Q mod 65536.
fn frame(instant: i64, half_life_ms: i64) -> (i64, i64) {
    let q = (65_536 * i128::from(instant)).div_euclid(i128::from(half_life_ms));
    let (k, m) = (q.div_euclid(65_536), q.rem_euclid(65_536));
    (i64::try_from(k).unwrap_or(i64::MAX), i64::try_from(m).unwrap_or(0))
}

/// Points as they are kept in the frame they were booked in, with the frame: w = floor(a G(65536 - m) / 2^16).
fn kept(applied: Thousandths, booked: i64, half_life_ms: i64) -> (i64, i128) {
    let (k, m) = frame(booked, half_life_ms);
    (k, (i128::from(applied) * g(65_536 - m)) >> 16)
}

/// The value of bookings (points, instant) in ascending order of their instants: rnd(2 W G(m) / 2^80).
pub(crate) fn value(bookings: &[(Thousandths, i64)], now: i64, half_life_ms: i64) -> Thousandths {
    let mut sum: i128 = 0;
    let mut frame_of_sum = i64::MIN;
    let shifted = |sum: i128, from: i64, to: i64| sum >> to.saturating_sub(from).clamp(0, 127);
    for (applied, booked) in bookings {
        let (k, w) = kept(*applied, *booked, half_life_ms);
        sum = shifted(sum, frame_of_sum, k) + w;
        frame_of_sum = k;
    }
    let (k, m) = frame(now, half_life_ms);
    let sum = shifted(sum, frame_of_sum, k);
    i64::try_from((2 * sum * g(m) + (1 << 79)) >> 80).unwrap_or(0)
}

/// What one booking is worth, exactly, before anything is floored in a sum.
pub(crate) fn part(applied: Thousandths, booked: i64, now: i64, half_life_ms: i64) -> BigRational {
    let (booked_in, w) = kept(applied, booked, half_life_ms);
    let (k, m) = frame(now, half_life_ms);
    let shift = 80 + usize::try_from(k - booked_in).unwrap_or(0);
    BigRational::new(BigInt::from(2 * w * g(m)), BigInt::from(1) << shift)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::DAY_MS;

    #[test]
    fn s20_the_tables_halve_over_their_length_and_no_entry_is_near_a_tie() {
        assert_eq!((tables().a[0], tables().a[256], tables().b[0]), (1 << 48, 1 << 47, 1 << 48));
        // 2^48 / sqrt(2) = 199032864766430.19...
        assert_eq!(tables().a[128], 199_032_864_766_430);
        // The 256th power of B[1] is A[1] up to the rounding of B[1].
        let power = (0..256).fold(1.0_f64, |power, _| power * tables().b[1] as f64 / 2f64.powi(48));
        assert!((power - tables().a[1] as f64 / 2f64.powi(48)).abs() < 1e-11);
        assert!((0..65_536).all(|m| g(m) > g(m + 1)));
    }

    #[test]
    fn s20_each_entry_of_a_is_the_rounded_root() {
        // y = rnd(x) where (2x)^256 = 2^(49 256 - i): 2y - 1 <= 2x < 2y + 1.
        for (i, y) in tables().a.iter().enumerate() {
            let power = |number: i128| BigUint::try_from(number).unwrap().pow(256);
            let doubled = BigUint::from(1_u8) << (49 * 256 - i);
            assert!(power(2 * y - 1) <= doubled && doubled < power(2 * y + 1), "{i}");
        }
    }

    #[test]
    fn s20_each_entry_of_b_is_the_rounding_of_both_ends_of_an_interval_around_the_root() {
        let one = BigUint::from(1_u8) << BITS;
        let half = &one >> 1_u32;
        let enclosed = (0..16)
            .fold((half.clone(), half), |(below, above), _| ((below << BITS).sqrt(), (above << BITS).sqrt() + 1_u8));
        let (mut below, mut above) = (one.clone(), one);
        for (j, entry) in tables().b.iter().enumerate() {
            assert_eq!((rounded(&below), rounded(&above)), (*entry, *entry), "{j}");
            below = (below * &enclosed.0) >> BITS;
            above = ((above * &enclosed.1) >> BITS) + 1_u8;
        }
    }

    #[test]
    fn s20_a_hundred_points_with_half_life_30d() {
        let at = |instant| value(&[(100_000, 0)], instant, 30 * DAY_MS);
        assert_eq!((at(0), at(15 * DAY_MS), at(30 * DAY_MS), at(60 * DAY_MS)), (100_000, 70_711, 50_000, 25_000));
        assert_eq!(at(834_481_934), 79_999);
        assert_eq!(at(834_481_933), 80_000);
        assert_eq!(at(30 * 64 * DAY_MS), 0);
    }

    #[test]
    fn s20_negative_points_and_instants_before_1970_floor() {
        assert_eq!(value(&[(-100_000, 0)], 15 * DAY_MS, 30 * DAY_MS), -70_711);
        assert_eq!(value(&[(100_000, -45 * DAY_MS)], -30 * DAY_MS, 30 * DAY_MS), 70_711);
        assert_eq!(value(&[(-1, 0)], 30 * 200 * DAY_MS, 30 * DAY_MS), 0);
    }

    #[test]
    fn s20_the_running_shift_is_the_floor_of_the_whole_sum() {
        let bookings = [(33_333, 5), (-7_001, 40 * DAY_MS), (1, 100 * DAY_MS)];
        let now = 131 * DAY_MS;
        let exact: BigRational =
            bookings.iter().map(|(applied, booked)| part(*applied, *booked, now, 30 * DAY_MS)).sum();
        let rounded = (exact + BigRational::new(BigInt::from(1), BigInt::from(2))).floor().to_integer();
        assert_eq!(BigInt::from(value(&bookings, now, 30 * DAY_MS)), rounded);
    }
}
