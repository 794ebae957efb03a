//! Points that lose their worth in one way: exact at every instant, and rounded once (S20, S21).
//!
//! Half-lives are kept as one number in a running binary frame, so that adding to them and reading them costs the same however many bookings there were. The
//! other ways keep their bookings until they are worth nothing.

use crate::decay::tables::power;
use crate::decay::{Decay, Exact, Step};
use crate::points::Points;
use crate::time::{Span, Timestamp};
use crate::word::Word;

/// Bookings of one kind of decay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// How they lose their worth; never [`Decay::None`].
    pub decay: Decay,
    /// The plan that booked them, where several book in one sum; else empty.
    pub plan: Word,
    /// What there is of them.
    pub worth: Worth,
}

/// What is kept of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Worth {
    /// Half-lives: the sum of `w` in a frame (S20). `2 weight G(m) / 2^80` thousandths at place `m` of the frame.
    Halving {
        /// How many half-lives lie between the beginning of 1970 and the frame.
        frame: i64,
        /// The sum.
        weight: i128,
    },
    /// Bookings, oldest first.
    Parts(Vec<Part>),
}

/// One booking, or several of one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// When it was booked.
    pub time: Timestamp,
    /// What was booked.
    pub applied: Points,
}

/// The frame and the place in it of an instant: `Q = floor(65536 t / h)`, `k = floor(Q / 65536)`, `m = Q mod 65536` (S20).
pub(super) fn place(instant: Timestamp, half_life: Span) -> (i64, u32) {
    split(quotient(instant, half_life))
}

/// `Q = floor(65536 t / h)` (S20).
pub(super) fn quotient(instant: Timestamp, half_life: Span) -> i64 {
    // Instants of this age fit 64 bits, which the processor divides by itself.
    match instant.millis().checked_mul(1 << 16) {
        Some(numerator) => numerator.div_euclid(half_life.millis()),
        None => (i128::from(instant.millis()) << 16).div_euclid(i128::from(half_life.millis())) as i64,
    }
}

/// `k = floor(Q / 65536)` and `m = Q mod 65536` (S20).
pub(super) fn split(quotient: i64) -> (i64, u32) {
    (quotient >> 16, (quotient & 0xffff) as u32)
}

/// `floor(x / 2^shift)`.
fn shifted(number: i128, shift: i64) -> i128 {
    number >> shift.clamp(0, 127)
}

/// `2 W G(m)` at a place: the group's worth in thousandths times `2^80`.
pub(super) fn halving(frame: i64, weight: i128, (now_frame, m): (i64, u32)) -> i128 {
    2 * shifted(weight, now_frame - frame) * power(m)
}

/// Thousandths times `2^80`, rounded to thousandths.
pub(super) fn rounded_halving(exact: i128) -> Points {
    Points::from_thousandths(((exact + (1 << 79)) >> 80) as i64)
}

/// The most bookings that a group keeps; beyond them the oldest ends (S58).
const PARTS_MAX: usize = 2_000;

/// So many half-lives after a booking of any size, nothing is left of it in thousandths.
const HALF_LIVES_MAX: i64 = 75;

impl Group {
    /// An empty group; `None` for [`Decay::None`], which needs none.
    pub fn new(decay: &Decay, plan: Word) -> Option<Group> {
        let worth = match decay {
            Decay::None => return None,
            Decay::HalfLife(_) => Worth::Halving { frame: 0, weight: 0 },
            Decay::Linear(_) | Decay::Steps(_) => Worth::Parts(Vec::new()),
        };
        Some(Group { decay: decay.clone(), plan, worth })
    }

    /// Adds a booking at an instant that is no earlier than any before. Returns whether the oldest one had to end for it (S58).
    pub fn add(&mut self, applied: Points, now: Timestamp) -> bool {
        let end = self.decay.end();
        match (&mut self.worth, &self.decay) {
            (Worth::Halving { frame, weight }, Decay::HalfLife(half_life)) => {
                let (now_frame, m) = place(now, *half_life);
                let booked = (i128::from(applied.thousandths()) * power(65_536 - m)) >> 16;
                *weight = shifted(*weight, now_frame - *frame) + booked;
                *frame = now_frame;
            }
            (Worth::Parts(parts), _) => {
                let ended = parts.partition_point(|part| now - part.time >= end);
                parts.drain(..ended);
                match parts.last_mut().filter(|last| last.time == now) {
                    Some(last) => last.applied += applied,
                    None => parts.push(Part { time: now, applied }),
                }
                if parts.len() > PARTS_MAX {
                    parts.remove(0);
                    return true;
                }
            }
            (Worth::Halving { .. }, _) => {}
        }
        false
    }

    /// Adds the bookings of another group of the same decay (S49).
    pub(crate) fn unite(&mut self, other: &Group) {
        match (&mut self.worth, &other.worth) {
            (Worth::Halving { frame, weight }, Worth::Halving { frame: their_frame, weight: their_weight }) => {
                let newer = (*frame).max(*their_frame);
                *weight = shifted(*weight, newer - *frame) + shifted(*their_weight, newer - *their_frame);
                *frame = newer;
            }
            (Worth::Parts(parts), Worth::Parts(their)) => {
                for part in their {
                    match parts.binary_search_by_key(&part.time, |known| known.time) {
                        Ok(at) => parts[at].applied += part.applied,
                        Err(at) => parts.insert(at, *part),
                    }
                }
                let surplus = parts.len().saturating_sub(PARTS_MAX);
                parts.drain(..surplus);
            }
            (Worth::Halving { .. }, Worth::Parts(_)) | (Worth::Parts(_), Worth::Halving { .. }) => {}
        }
    }

    /// What the group is worth at an instant, rounded once (S21).
    pub fn value_at(&self, now: Timestamp) -> Points {
        match (&self.worth, &self.decay) {
            (Worth::Halving { frame, weight }, Decay::HalfLife(half_life)) => {
                rounded_halving(halving(*frame, *weight, place(now, *half_life)))
            }
            (Worth::Parts(parts), decay) => {
                let (sum, denominator) = decay.numerators(parts, |_| true, now);
                rounded(sum, denominator)
            }
            (Worth::Halving { .. }, _) => Points::ZERO,
        }
    }

    /// What the group is worth at an instant, before it is rounded.
    pub(super) fn exact_at(&self, now: Timestamp) -> Exact {
        match (&self.worth, &self.decay) {
            (Worth::Halving { frame, weight }, Decay::HalfLife(half_life)) => {
                Exact::of_shifted(halving(*frame, *weight, place(now, *half_life)), 80)
            }
            (Worth::Parts(parts), decay) => {
                let (sum, denominator) = decay.numerators(parts, |_| true, now);
                Exact::of_fraction(sum, denominator)
            }
            (Worth::Halving { .. }, _) => Exact::default(),
        }
    }

    /// The least and the most that the group may be worth anywhere in a span, by what its gains and its losses are worth at the ends of it: both only fall.
    pub fn bounds(&self, from: Timestamp, until: Timestamp) -> (Points, Points) {
        match &self.worth {
            Worth::Halving { .. } => {
                let (first, last) = (self.value_at(from), self.value_at(until));
                (first.min(last), first.max(last))
            }
            Worth::Parts(parts) => {
                let of = |is_gain: bool, at| {
                    self.decay.numerators(parts, |part| (part.applied > Points::ZERO) == is_gain, at)
                };
                let ((gains_first, denominator), (gains_last, _)) = (of(true, from), of(true, until));
                let ((losses_first, _), (losses_last, _)) = (of(false, from), of(false, until));
                (rounded(gains_last + losses_first, denominator), rounded(gains_first + losses_last, denominator))
            }
        }
    }

    /// The first instant from which on the group is worth nothing, if nothing is added.
    pub fn end(&self) -> Timestamp {
        match (&self.worth, &self.decay) {
            (Worth::Halving { frame, .. }, Decay::HalfLife(half_life)) => {
                let frames = i128::from(*frame + HALF_LIVES_MAX) * i128::from(half_life.millis());
                Timestamp::from_millis(frames.clamp(i128::from(i64::MIN / 2), i128::from(i64::MAX / 2)) as i64)
            }
            (Worth::Parts(parts), decay) => parts.last().map_or(Timestamp::MIN, |last| last.time + decay.end()),
            (Worth::Halving { .. }, _) => Timestamp::MIN,
        }
    }

    /// How many bytes of memory it holds.
    pub(super) fn memory_bytes(&self) -> usize {
        let parts = if let Worth::Parts(parts) = &self.worth { parts.capacity() * size_of::<Part>() } else { 0 };
        size_of::<Group>() + parts
    }

    /// Whether nothing is left of it at an instant, nor ever will be.
    pub fn is_over(&self, now: Timestamp) -> bool {
        match &self.worth {
            Worth::Halving { weight: 0, .. } => true,
            Worth::Halving { .. } | Worth::Parts(_) => self.end() <= now,
        }
    }
}

impl Decay {
    /// The age at which nothing is left; never reached by what does not end.
    fn end(&self) -> Span {
        match self {
            Decay::Linear(span) => *span,
            Decay::Steps(steps) => {
                steps.iter().find(|step| step.keep == 0).map_or(Span::from_millis(i64::MAX / 4), |step| step.age)
            }
            Decay::None | Decay::HalfLife(_) => Span::from_millis(i64::MAX / 4),
        }
    }

    /// The sum of what some parts are worth, times a denominator, exactly.
    fn numerators(&self, parts: &[Part], wanted: impl Fn(&Part) -> bool, now: Timestamp) -> (i128, i128) {
        let worth = |part: &Part| {
            let (numerator, _) = self.share_at(now - part.time);
            i128::from(part.applied.thousandths()) * numerator
        };
        (parts.iter().filter(|part| wanted(part)).map(worth).sum(), self.share_at(Span::ZERO).1)
    }

    /// What is left at an age of what was booked, as a fraction; for decays that keep their parts.
    pub(super) fn share_at(&self, age: Span) -> (i128, i128) {
        match self {
            Decay::Linear(span) => {
                (i128::from((span.millis() - age.millis()).max(0).min(span.millis())), i128::from(span.millis()))
            }
            Decay::Steps(steps) => {
                let reached = steps.iter().rev().find(|step| age >= step.age);
                (i128::from(reached.map_or(Step::ALL, |step| step.keep)), i128::from(Step::ALL))
            }
            Decay::None | Decay::HalfLife(_) => (1, 1),
        }
    }
}

/// `floor(numerator / denominator + 1/2)`.
fn rounded(numerator: i128, denominator: i128) -> Points {
    Points::from_thousandths((2 * numerator + denominator).div_euclid(2 * denominator) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn group(decay: &Decay, booked: &[(i64, i64)]) -> Group {
        let mut group = Group::new(decay, Word::EMPTY).unwrap();
        for (millis, points) in booked {
            group.add(Points::whole(*points), at(*millis));
        }
        group
    }

    fn thousandths(group: &Group, millis: i64) -> i64 {
        group.value_at(at(millis)).thousandths()
    }

    #[test]
    fn a_hundred_points_halve_in_thirty_days_s20() {
        let group = group(&Decay::HalfLife(Span::days(30)), &[(0, 100)]);
        assert_eq!(thousandths(&group, 0), 100_000);
        assert_eq!(thousandths(&group, 15 * DAY), 70_711);
        assert_eq!(thousandths(&group, 30 * DAY), 50_000);
        assert_eq!((thousandths(&group, 834_481_933), thousandths(&group, 834_481_934)), (80_000, 79_999));
        assert_eq!(thousandths(&group, group.end().millis()), 0);
    }

    #[test]
    fn half_lives_of_either_sign_come_to_nothing_and_never_turn_s20() {
        for points in [7, -7] {
            let group = group(&Decay::HalfLife(Span::from_millis(60_000)), &[(12_345, points), (70_001, points)]);
            let values: Vec<i64> = (70_001..6_000_000).step_by(977).map(|t| thousandths(&group, t).abs()).collect();
            assert!(values.is_sorted_by(|one, next| one >= next));
            assert_eq!(values.last(), Some(&0));
        }
    }

    #[test]
    fn points_go_evenly_in_steps_and_at_once_s20() {
        let linear = group(&Decay::Linear(Span::days(10)), &[(0, 10), (5 * DAY, -4)]);
        let values: Vec<i64> = [5, 6, 10, 12, 15, 99].map(|day| thousandths(&linear, day * DAY)).to_vec();
        assert_eq!(values, [1_000, 400, -2_000, -1_200, 0, 0]);
        let steps = [(7, 50_000), (14, 0)].map(|(days, keep)| Step { age: Span::days(days), keep });
        let stepped = group(&Decay::Steps(steps.into()), &[(0, 3)]);
        assert_eq!([0, 7 * DAY - 1, 7 * DAY, 14 * DAY].map(|t| thousandths(&stepped, t)), [3_000, 3_000, 1_500, 0]);
        let expiring = group(&Decay::expire(Span::days(1)), &[(0, 3), (DAY - 1, 2)]);
        assert_eq!([DAY - 1, DAY, 2 * DAY - 1].map(|t| thousandths(&expiring, t)), [5_000, 2_000, 0]);
        assert_eq!((expiring.end(), expiring.is_over(at(2 * DAY - 1))), (at(2 * DAY - 1), true));
    }

    #[test]
    fn a_sum_is_rounded_once_and_not_each_part_s21() {
        // A third of a thousandth three times.
        let mut group = Group::new(&Decay::Linear(Span::from_millis(3)), Word::EMPTY).unwrap();
        for _ in 0..3 {
            group.add(Points::from_thousandths(1), at(0));
        }
        assert_eq!(thousandths(&group, 2), 1);
    }

    #[test]
    fn of_too_many_bookings_the_oldest_ends_s58() {
        let mut group = group(&Decay::Linear(Span::days(30)), &[(0, 1_000)]);
        let ended: Vec<bool> = (1..2_002).map(|millis| group.add(Points::ZERO, at(millis))).collect();
        assert_eq!(ended.iter().position(|ended| *ended), Some(1_999));
        assert_eq!(thousandths(&group, 2_001), 0);
    }

    #[test]
    fn values_lie_inside_their_bounds_and_bounds_of_an_instant_are_the_value_s33() {
        let decays = [
            Decay::HalfLife(Span::from_millis(60_000)),
            Decay::Linear(Span::from_millis(100_000)),
            Decay::Steps(
                [(10_000, 60_000), (50_000, 5_500)]
                    .map(|(age, keep)| Step { age: Span::from_millis(age), keep })
                    .into(),
            ),
        ];
        for decay in decays {
            let group = group(&decay, &[(0, 9), (20_000, -5), (21_000, 3)]);
            for from in (21_000..200_000).step_by(7_919) {
                for length in [0, 1, 500, 40_000] {
                    let (least, most) = group.bounds(at(from), at(from + length));
                    let inside = (from..=from + length).step_by(97).map(|t| group.value_at(at(t)));
                    inside.for_each(|value| assert!(least <= value && value <= most));
                    assert!(length > 0 || least == most);
                }
            }
        }
    }
}
