//! When what is left of a group comes to be what somebody waits for (S33), to the millisecond.
//!
//! The worth of a group whose bookings all have one sign only falls or only rises, so what is waited for comes once or not at all, and halving what is left of
//! the time finds it. Half-lives do not change from millisecond to millisecond but from place to place (S20): of those there are far fewer.

use crate::decay::group::{halving, quotient, rounded_halving, split};
use crate::decay::{Decay, Group, Worth};
use crate::points::Points;
use crate::time::{Span, Timestamp};

impl Group {
    /// Whether its worth goes one way only where nothing is added.
    pub(crate) fn goes_one_way(&self) -> bool {
        match &self.worth {
            Worth::Halving { .. } => true,
            Worth::Parts(parts) => {
                parts.iter().all(|part| part.applied >= Points::ZERO)
                    || parts.iter().all(|part| part.applied <= Points::ZERO)
            }
        }
    }

    /// The first instant, not before `from`, at which the worth is wanted, if nothing is added. The group goes one way, and so does what is wanted: of
    /// two worths either only the lesser, only the greater, both or none.
    pub(crate) fn first(&self, from: Timestamp, wanted: impl Fn(Points) -> bool) -> Option<Timestamp> {
        if wanted(self.value_at(from)) {
            return Some(from);
        }
        let end = self.end().max(from);
        if !wanted(self.value_at(end)) {
            return None;
        }
        match (&self.worth, &self.decay) {
            (Worth::Halving { frame, weight }, Decay::HalfLife(half_life)) => {
                let worth = |place| rounded_halving(halving(*frame, *weight, split(place)));
                let (from, end) = (quotient(from, *half_life), quotient(end, *half_life));
                let place = first_between(from, end, |place| wanted(worth(place)));
                // The least t with 65536 t / h >= Q.
                let scaled = i128::from(place) * i128::from(half_life.millis());
                Some(Timestamp::from_millis(((scaled + 0xffff) >> 16) as i64))
            }
            _ => {
                let after = |millis| from + Span::from_millis(millis);
                let length = (end - from).millis();
                Some(after(first_between(0, length, |millis| wanted(self.value_at(after(millis))))))
            }
        }
    }
}

/// The first number for which something holds that does not hold for `before`, and does for `at` and from the first one on.
fn first_between(mut before: i64, mut at: i64, holds: impl Fn(i64) -> bool) -> i64 {
    while at - before > 1 {
        let middle = before + (at - before) / 2;
        if holds(middle) { at = middle } else { before = middle }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decay::Step;
    use crate::word::Word;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn decays() -> [Decay; 4] {
        let steps = [(10_000, 60_000), (50_000, 5_500)];
        let steps = steps.map(|(age, keep)| Step { age: Span::from_millis(age), keep });
        let [even, odd] = [60_000, 61_037].map(|half_life| Decay::HalfLife(Span::from_millis(half_life)));
        [even, odd, Decay::Linear(Span::from_millis(100_000)), Decay::Steps(steps.into())]
    }

    #[test]
    fn the_first_instant_is_the_one_that_a_walk_through_all_instants_finds_s33() {
        for (decay, sign) in decays().iter().flat_map(|decay| [(decay, 1), (decay, -1)]) {
            let mut group = Group::new(decay, Word::EMPTY).unwrap();
            group.add(Points::from_thousandths(900 * sign), at(12_345));
            group.add(Points::from_thousandths(300 * sign), at(20_001));
            assert!(group.goes_one_way());
            for from in [20_001, 61_111] {
                for threshold in [1_200, 333, 1, 0].map(|worth| Points::from_thousandths(worth * sign)) {
                    for above in [false, true] {
                        let wanted = |worth| if above { worth >= threshold } else { worth < threshold };
                        let walked = (from..800_000).find(|millis| wanted(group.value_at(at(*millis))));
                        let found = group.first(at(from), wanted);
                        assert_eq!(found, walked.map(at), "{decay:?} from {from}: {threshold:?} {above}");
                    }
                }
            }
        }
    }

    #[test]
    fn bookings_of_both_signs_may_go_up_and_down() {
        let mut group = Group::new(&Decay::Linear(Span::from_millis(100)), Word::EMPTY).unwrap();
        group.add(Points::whole(1), at(0));
        assert!(group.goes_one_way());
        group.add(Points::whole(-1), at(1));
        assert!(!group.goes_one_way());
    }
}
