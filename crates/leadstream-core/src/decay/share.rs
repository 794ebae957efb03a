//! What each booking of a sum is worth now, in numbers that add up to the sum (S21).

use crate::decay::group::place;
use crate::decay::tables::power;
use crate::decay::{Decay, Group};
use crate::points::Points;
use crate::time::Timestamp;

/// Bits behind the point of exact thousandths.
const BITS: u32 = 64;

/// A worth in thousandths with a fraction of 64 bits, what is smaller cut off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Exact(i128);

impl Exact {
    /// The worth of points that do not decay.
    pub fn of(points: Points) -> Exact {
        Exact(i128::from(points.thousandths()) << BITS)
    }

    /// `number / 2^bits` thousandths.
    pub(super) fn of_shifted(number: i128, bits: u32) -> Exact {
        Exact(number >> (bits - BITS))
    }

    /// A fraction of thousandths.
    pub(super) fn of_fraction(numerator: i128, denominator: i128) -> Exact {
        let (whole, rest) = (numerator.div_euclid(denominator), numerator.rem_euclid(denominator));
        Exact((whole << BITS) + (rest << BITS) / denominator)
    }

    fn whole(self) -> i64 {
        (self.0 >> BITS) as i64
    }

    fn fraction(self) -> i128 {
        self.0 & ((1 << BITS) - 1)
    }
}

impl Decay {
    /// What is left at an instant of what was booked at an earlier one.
    pub fn worth(&self, applied: Points, booked: Timestamp, now: Timestamp) -> Exact {
        match self {
            Decay::None => Exact::of(applied),
            Decay::HalfLife(half_life) => {
                let ((booked_frame, booked_m), (frame, m)) = (place(booked, *half_life), place(now, *half_life));
                let weight = (i128::from(applied.thousandths()) * power(65_536 - booked_m)) >> 16;
                // 2 w G(m) / 2^80, and half of it for each frame since.
                let shift = (frame - booked_frame).clamp(0, 127) as u32 + (80 - BITS);
                Exact((2 * weight * power(m)) >> shift.min(127))
            }
            Decay::Linear(_) | Decay::Steps(_) => {
                let (share, denominator) = self.share_at(now - booked);
                Exact::of_fraction(i128::from(applied.thousandths()) * share, denominator)
            }
        }
    }
}

impl Group {
    /// What the group's bookings are worth now, as they are shown: each rounded down, and what that leaves of the group's worth given to those that lost most
    /// (S21); ties go by `tie`. With `rest`, a further part for what the group holds of bookings that are not among these.
    pub fn shown<K: Ord>(
        &self,
        bookings: &[(Timestamp, Points)],
        now: Timestamp,
        rest: bool,
        tie: impl Fn(usize) -> K,
    ) -> (Vec<Points>, Points) {
        let mut exact: Vec<Exact> =
            bookings.iter().map(|(time, applied)| self.decay.worth(*applied, *time, now)).collect();
        if rest {
            let known: i128 = exact.iter().map(|part| part.0).sum();
            exact.push(Exact(self.exact_at(now).0 - known));
        }
        let mut shown: Vec<i64> = exact.iter().map(|part| part.whole()).collect();
        let mut order: Vec<usize> = (0..exact.len()).collect();
        // The rest goes first: it was booked before them.
        let key = |at: usize| (at < bookings.len()).then(|| tie(at));
        order.sort_by(|one, other| {
            exact[*other].fraction().cmp(&exact[*one].fraction()).then_with(|| key(*one).cmp(&key(*other)))
        });
        let missing = self.value_at(now).thousandths() - shown.iter().sum::<i64>();
        for place in 0..missing.unsigned_abs() as usize {
            // A sum of floors may be a thousandth more than the sum, which is taken from who lost least.
            let at =
                if missing > 0 { place % order.len().max(1) } else { order.len() - 1 - place % order.len().max(1) };
            if let Some(at) = order.get(at) {
                shown[*at] += missing.signum();
            }
        }
        let rest = if rest { shown.pop().unwrap_or(0) } else { 0 };
        (shown.into_iter().map(Points::from_thousandths).collect(), Points::from_thousandths(rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Span;

    #[test]
    fn what_is_shown_adds_up_and_the_largest_fractions_get_what_is_missing_s21() {
        let at = Timestamp::from_millis;
        let bookings = [
            (at(0), Points::from_thousandths(10)),
            (at(1), Points::from_thousandths(20)),
            (at(2), Points::from_thousandths(-5)),
        ];
        for decay in [Decay::Linear(Span::from_millis(7)), Decay::HalfLife(Span::from_millis(60_000))] {
            let mut group = Group::new(&decay, crate::word::Word::EMPTY).unwrap();
            for (time, applied) in bookings {
                group.add(applied, time);
            }
            for now in 2..9 {
                let (shown, rest) = group.shown(&bookings, at(now), false, |place| place);
                assert_eq!((shown.iter().copied().sum::<Points>(), rest), (group.value_at(at(now)), Points::ZERO));
                // Without the first booking, the rest is what it is worth.
                let (shown, rest) = group.shown(&bookings[1..], at(now), true, |place| place);
                assert_eq!(shown.iter().copied().sum::<Points>() + rest, group.value_at(at(now)));
                let alone = decay.worth(bookings[0].1, bookings[0].0, at(now)).whole();
                assert!((rest.thousandths() - alone).abs() <= 1);
            }
        }
    }
}
