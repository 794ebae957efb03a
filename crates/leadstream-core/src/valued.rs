//! Bookings with what they are worth at an instant, so that they add up to the sum they were booked in (S21).

use crate::contact::{Contact, Contribution};
use crate::decay::{Decay, Group, Sum};
use crate::points::Points;
use crate::time::Timestamp;
use crate::word::Word;

/// A booking with its worth.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Valued<'a> {
    pub(crate) booked: &'a Contribution,
    /// What it is shown to be worth: with all others it adds up to the sum.
    pub(crate) value: Points,
}

/// The bookings of a sum with their worth, and what the base holds of the sum.
pub(crate) fn valued<'a>(
    contact: &Contact,
    sum: &Sum,
    booked: Vec<&'a Contribution>,
    now: Timestamp,
) -> (Vec<Valued<'a>>, Points) {
    let decay_of = |booked: &Contribution| contact.rules.get(booked.rule).map_or(&Decay::None, |rule| &rule.decay);
    let mut all: Vec<Valued<'a>> = booked.into_iter().map(|booked| Valued { booked, value: Points::ZERO }).collect();
    let mut fixed = Points::ZERO;
    for valued in all.iter_mut().filter(|valued| *decay_of(valued.booked) == Decay::None) {
        valued.value = valued.booked.applied;
        fixed += valued.value;
    }
    let mut base = sum.fixed - fixed;
    let is_of = |group: &Group, booked: &Contribution| {
        let rule = contact.rules.get(booked.rule);
        rule.is_some_and(|rule| rule.decay == group.decay && (group.plan == Word::EMPTY || rule.plan == group.plan))
    };
    for group in sum.groups() {
        let places: Vec<usize> = (0..all.len()).filter(|at| is_of(group, all[*at].booked)).collect();
        let bookings: Vec<_> = places.iter().map(|at| (all[*at].booked.time, all[*at].booked.applied)).collect();
        let tie = |at: usize| {
            let booked = all[places[at]].booked;
            let uid = booked.cause.uid();
            (booked.time, uid, contact.rules.get(booked.rule).map(|rule| rule.rule.as_str()))
        };
        let (shown, rest) = group.shown(&bookings, now, contact.base.is_some(), tie);
        for (at, value) in places.into_iter().zip(shown) {
            all[at].value = value;
        }
        base += rest;
    }
    (all, base)
}
