//! A running sum of points: what keeps its worth as one number, and a group for each kind of decay (S21).

use crate::decay::{Decay, Group};
use crate::points::Points;
use crate::time::Timestamp;
use crate::word::Word;

/// Points that were booked in one score. Without decay it holds no memory of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(clippy::box_collection, reason = "most sums have no group, and should pay no more than a pointer for them")]
pub struct Sum {
    /// Points that keep their worth.
    pub fixed: Points,
    groups: Option<Box<Vec<Group>>>,
}

impl Sum {
    /// A sum of these.
    pub fn new(fixed: Points, groups: Vec<Group>) -> Sum {
        Sum { fixed, groups: (!groups.is_empty()).then(|| Box::new(groups)) }
    }

    /// The groups, in the order in which their kinds of decay were first booked.
    pub fn groups(&self) -> &[Group] {
        self.groups.as_ref().map_or(&[], |groups| groups)
    }

    /// Adds a booking at an instant that is no earlier than any before. Where several plans book in one sum, each has groups of its own: `plan`, else empty.
    /// Returns whether the oldest booking had to end for it (S58).
    pub fn add(&mut self, applied: Points, decay: &Decay, plan: Word, now: Timestamp) -> bool {
        let Some(blank) = Group::new(decay, plan) else {
            self.fixed = (self.fixed + applied).saturated();
            return false;
        };
        let groups = self.groups.get_or_insert_default();
        let is_it = |group: &Group| group.decay == *decay && group.plan == plan;
        groups.retain(|group| is_it(group) || !group.is_over(now));
        let at = groups.iter().position(is_it).unwrap_or_else(|| {
            groups.push(blank);
            groups.len() - 1
        });
        groups[at].add(applied, now)
    }

    /// What the sum is worth at an instant.
    #[inline]
    pub fn at(&self, now: Timestamp) -> Points {
        match &self.groups {
            None => self.fixed,
            Some(groups) => self.fixed + groups.iter().map(|group| group.value_at(now)).sum(),
        }
    }

    /// The least and the most that it may be worth anywhere in a span.
    pub fn bounds(&self, from: Timestamp, until: Timestamp) -> (Points, Points) {
        self.groups()
            .iter()
            .map(|group| group.bounds(from, until))
            .fold((self.fixed, self.fixed), |(least, most), (less, more)| (least + less, most + more))
    }

    /// Whether it is nothing, and stays so.
    pub fn is_zero(&self) -> bool {
        self.fixed == Points::ZERO && self.groups.is_none()
    }

    /// How many bytes of memory it holds beside itself.
    pub fn memory_bytes(&self) -> usize {
        self.groups.as_ref().map_or(0, |groups| groups.iter().map(Group::memory_bytes).sum())
    }

    /// The first instant from which on it does not change, if nothing is added; `None` where it does not change at all.
    pub fn end(&self) -> Option<Timestamp> {
        self.groups().iter().map(Group::end).max()
    }
}
