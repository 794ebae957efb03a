//! What differs between two passes, plan by plan.
//!
//! Never writes a word: numbers only.

use std::collections::BTreeMap;
use std::sync::Arc;

use leadstream_core::plan::Plan;
use leadstream_core::{PlanVersion, Span, Timestamp, Word};

use super::labels::{Label, Labels};
use super::outcomes::Outcomes;
use super::{Pass, Standing};

/// One plan before and after, for all contacts.
pub(crate) struct Comparison<'a> {
    /// The plan as it is to be.
    pub(super) plan: &'a Plan,
    /// The version that it replaces; `None` where there is no such plan.
    pub(super) old_version: Option<PlanVersion>,
    /// Every contact, in the order of their ids.
    pub(super) pairs: Vec<Pair<'a>>,
    /// How well each predicts what became of leads: old, then new.
    pub(super) outcomes: Option<(Outcomes, Outcomes)>,
}

/// One contact before and after.
#[derive(Clone, Copy)]
pub(super) struct Pair<'a> {
    /// The contact.
    pub(super) contact: &'a Arc<str>,
    /// Under the old plan, if there is one.
    pub(super) old: Option<&'a Standing>,
    /// Under the new plan.
    pub(super) new: &'a Standing,
    /// What became of it.
    pub(super) label: Option<&'a Label>,
}

impl Pair<'_> {
    /// When it first qualified, before and after.
    pub(super) fn first(&self) -> (Option<Timestamp>, Option<Timestamp>) {
        (self.old.and_then(Standing::first), self.new.first())
    }

    /// Whether the change changes anything for the contact.
    pub(super) fn differs(&self) -> bool {
        let blank = Standing::default();
        let without_outcome = |standing: &Standing| Standing { judged: None, ..standing.clone() };
        without_outcome(self.old.unwrap_or(&blank)) != without_outcome(self.new)
    }
}

/// Compares the plans that are changed or added, and those for whose contacts something is different nevertheless: a condition may read what another
/// plan says.
pub(crate) fn compare<'a>(old: &'a Pass, new: &'a Pass, labels: Option<&'a Labels>) -> Vec<Comparison<'a>> {
    let mut comparisons = Vec::new();
    for (place, plan) in new.plans.plans().iter().enumerate() {
        let old_place = old.plans.position(&plan.id).map(usize::from);
        let old_version = old_place.map(|place| old.plans.plans()[place].version);
        let pairs = old.people.iter().zip(&new.people).map(|(before, after)| Pair {
            contact: &after.contact,
            old: old_place.map(|place| &before.standings[place]),
            new: &after.standings[place],
            label: labels.and_then(|labels| labels.of(&after.contact)),
        });
        let pairs: Vec<Pair<'_>> = pairs.collect();
        if old_version == Some(plan.version) && !pairs.iter().any(Pair::differs) {
            continue;
        }
        let outcomes = labels.map(|_| {
            let side = |of: fn(&Pair<'a>) -> Option<&'a Standing>| {
                Outcomes::of(pairs.iter().map(|pair| (pair.label, of(pair))))
            };
            (side(|pair| pair.old), side(|pair| Some(pair.new)))
        });
        comparisons.push(Comparison { plan, old_version, pairs, outcomes });
    }
    comparisons
}

/// A number before and after.
pub(super) type Both = (u64, u64);

/// How contacts that qualify both ways do so.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Moved {
    /// At the same instant.
    pub(super) same: u64,
    /// By how much earlier, ascending.
    pub(super) earlier: Vec<Span>,
    /// By how much later, ascending.
    pub(super) later: Vec<Span>,
}

impl Comparison<'_> {
    /// How many contacts something holds for.
    pub(super) fn contacts(&self, holds: impl Fn(&Standing) -> bool) -> Both {
        self.sum(|standing| u64::from(holds(standing)))
    }

    /// Something added up over all contacts.
    pub(super) fn sum(&self, of: impl Fn(&Standing) -> u64) -> Both {
        let add = |sum: Both, pair: &Pair<'_>| (sum.0 + pair.old.map_or(0, &of), sum.1 + of(pair.new));
        self.pairs.iter().fold((0, 0), add)
    }

    /// Contacts that qualify one way only, by when they first do: only before, only after.
    pub(super) fn one_way(&self) -> (Vec<Pair<'_>>, Vec<Pair<'_>>) {
        let only = |which: fn(&Pair<'_>) -> Option<Timestamp>| {
            let mut pairs: Vec<Pair<'_>> = self.pairs.iter().copied().filter(|pair| which(pair).is_some()).collect();
            pairs.sort_by_key(which);
            pairs
        };
        let before = only(|pair| pair.first().0.filter(|_| pair.first().1.is_none()));
        let after = only(|pair| pair.first().1.filter(|_| pair.first().0.is_none()));
        (before, after)
    }

    /// How far the first qualification of those moves that qualify both ways.
    pub(super) fn moved(&self) -> Moved {
        let mut moved = Moved::default();
        for pair in &self.pairs {
            let (Some(before), Some(after)) = pair.first() else { continue };
            match after.cmp(&before) {
                std::cmp::Ordering::Equal => moved.same += 1,
                std::cmp::Ordering::Less => moved.earlier.push(before - after),
                std::cmp::Ordering::Greater => moved.later.push(after - before),
            }
        }
        moved.earlier.sort_unstable();
        moved.later.sort_unstable();
        moved
    }

    /// Qualifications by ISO week of the plan's time zone, each week by its Monday.
    pub(super) fn weeks(&self) -> BTreeMap<jiff::civil::Date, Both> {
        let mut weeks: BTreeMap<jiff::civil::Date, Both> = BTreeMap::new();
        for pair in &self.pairs {
            for instant in pair.old.iter().flat_map(|standing| &standing.qualified) {
                weeks.entry(self.monday(*instant)).or_default().0 += 1;
            }
            for instant in &pair.new.qualified {
                weeks.entry(self.monday(*instant)).or_default().1 += 1;
            }
        }
        weeks
    }

    fn monday(&self, instant: Timestamp) -> jiff::civil::Date {
        let instant = jiff::Timestamp::from_millisecond(instant.millis()).unwrap_or_default();
        let day = instant.to_zoned(self.plan.time_zone.clone()).date();
        let into_week = i64::from(day.weekday().to_monday_zero_offset());
        day.checked_sub(jiff::Span::new().days(into_week)).unwrap_or(day)
    }

    /// Contacts by stage at the end: the stages of the new plan in their order, then those that only the old one has.
    pub(super) fn stages(&self) -> Vec<(Word, Both)> {
        let mut stages: Vec<Word> =
            self.plan.pipeline.iter().flat_map(|pipeline| &pipeline.stages).map(|stage| stage.name).collect();
        let mut gone: Vec<Word> =
            self.pairs.iter().filter_map(|pair| pair.old?.stage).filter(|stage| !stages.contains(stage)).collect();
        gone.sort_unstable();
        gone.dedup();
        stages.extend(gone);
        stages.into_iter().map(|stage| (stage, self.contacts(|standing| standing.stage == Some(stage)))).collect()
    }
}
