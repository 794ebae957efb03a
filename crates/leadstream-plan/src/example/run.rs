//! Running a test: its events through the fold, one after the other, then the clock to its end.
//!
//! The fold is the one that the service runs, with the plan alone in force from the beginning. Timers fire by the contact's own events and, at the
//! end, by the clock, as in a replay.

use std::sync::Arc;

use leadstream_core::derived::DerivedEvent;
use leadstream_core::explain::{Explanation, LevelCard, PlanCard};
use leadstream_core::plan::{Plan, PlanSet};
use leadstream_core::{Contact, Event, Fold, HistoryLimits, Outcome, Points, Timeline, Timestamp, Word};

use super::difference::{Difference, Pairing, pair_events};
use super::{Example, Expectation, TagExpectation, ledger};

/// What came of a test.
#[derive(Clone, Debug)]
pub struct Trial {
    /// Every expectation that was not met, but for the derived events.
    pub(super) differences: Vec<Difference>,
    /// Expected and actual derived events side by side; `None` where none were expected or all are as expected.
    pub(super) events: Option<Vec<Pairing>>,
    /// Expected and actual ledger of the score side by side; `None` where none was expected or all of it is as expected.
    pub(super) ledger: Option<Vec<Pairing>>,
    /// All derived events.
    pub(super) derived: Vec<DerivedEvent>,
    /// The contact in the end.
    pub(super) explanation: Explanation,
    /// Events of the test that did not count, and what became of each.
    pub(super) unheard: Vec<(Event, Outcome)>,
    /// Whether the plan's score counts in the global score.
    pub(super) is_global: bool,
}

impl Trial {
    /// Whether everything came as expected.
    pub fn passed(&self) -> bool {
        self.differences.is_empty() && self.events.is_none() && self.ledger.is_none()
    }
}

impl Example {
    /// Runs the test with its plan alone in force.
    pub fn run(&self, plan: &Plan, history: HistoryLimits) -> Trial {
        let plans = Arc::new(PlanSet::new(vec![plan.clone()]));
        let mut fold = Fold::new(Timeline::new(plans), history);
        let mut contact = Contact::new(crate::compile::EXAMPLE_CONTACT);
        let mut derived = Vec::new();
        let mut unheard = Vec::new();
        for event in &self.given {
            let outcome = fold.apply(&mut contact, event, Timestamp::MIN, &mut derived);
            if matches!(outcome, Outcome::TooLate | Outcome::Suppressed | Outcome::Duplicate) {
                unheard.push((event.clone(), outcome));
            }
        }
        // Before its first event a contact is blank, and no clock changes that.
        if let Some(until) = self.until.filter(|_| !contact.is_blank()) {
            fold.advance(&mut contact, until, &mut derived);
        }
        let explanation = fold.explain(&contact, self.until.unwrap_or_default());
        let differences = self.expect.differences(plan.id, &explanation);
        let events = self.expect.derived.as_ref().and_then(|expected| pair_events(expected, &derived));
        let ledger = self.expect.ledger.as_ref().and_then(|expected| ledger::pair(expected, &explanation));
        Trial { differences, events, ledger, derived, explanation, unheard, is_global: plan.global }
    }
}

impl Expectation {
    /// What of the scores, levels and tags is not as expected.
    fn differences(&self, plan: Word, explanation: &Explanation) -> Vec<Difference> {
        let scorecard = &explanation.scorecard;
        let card = scorecard.plans.iter().find(|card| card.plan == plan);
        let of = |read: fn(&PlanCard) -> Points| card.map_or(Points::ZERO, read);
        let stage = card.and_then(|card| card.stage.as_ref());
        let mut found = Vec::new();
        let mut compare = |what: &str, expected: Option<String>, actual: String| {
            if let Some(expected) = expected.filter(|expected| *expected != actual) {
                found.push(Difference { what: what.to_owned(), expected, actual });
            }
        };
        let points = |points: Option<Points>| points.map(|points| points.to_string());
        let truth = |truth: Option<bool>| truth.map(yes_or_no);
        compare("global", points(self.global), scorecard.global.to_string());
        compare("score", points(self.score), of(|card| card.score).to_string());
        compare("engagement", points(self.engagement), of(|card| card.engagement).to_string());
        compare("fit", points(self.fit), of(|card| card.fit).to_string());
        compare("member", truth(self.member), yes_or_no(card.is_some_and(|card| card.member)));
        let is_qualified = card.and_then(|card| card.qualified).unwrap_or(false);
        compare("qualified", truth(self.qualified), yes_or_no(is_qualified));
        let stage_name = |stage: Option<Word>| stage.map_or_else(|| "none".to_owned(), |stage| stage.to_string());
        compare("stage", self.stage.map(stage_name), stage_name(stage.map(|stage| stage.stage)));
        let in_stage = stage.map_or(Points::ZERO, |stage| stage.points);
        compare("stage_score", points(self.stage_score), in_stage.to_string());
        let name = |name: Option<Word>| name.map_or_else(|| "none".to_owned(), |name| name.to_string());
        let level = |read: fn(&PlanCard) -> Option<LevelCard>| name(card.and_then(read).map(|level| level.name));
        compare("band", self.band.map(|band| band.to_string()), level(|card| card.band));
        compare("grade", self.grade.map(name), level(|card| card.grade));
        compare("owner", self.owner.map(name), level(|card| card.owner));
        for (action, expected) in &self.actions {
            let counted = card.and_then(|card| card.actions.iter().find(|counted| counted.action == *action));
            let actual = counted.map_or(0, |counted| counted.count).to_string();
            compare(&format!("action {action}"), Some(expected.to_string()), actual);
        }
        for (tag, expected) in &self.tags {
            let carried = scorecard.tags.iter().find(|card| card.tag == *tag).map(|card| card.points);
            let (expected, actual) = match (expected, carried) {
                (TagExpectation::Carried(expected), carried) => (is_carried(*expected), is_carried(carried.is_some())),
                (TagExpectation::Score(expected), None) => (expected.to_string(), is_carried(false)),
                (TagExpectation::Score(expected), Some(points)) => (expected.to_string(), points.to_string()),
            };
            compare(&format!("tag {tag}"), Some(expected), actual);
        }
        found
    }
}

fn yes_or_no(truth: bool) -> String {
    if truth { "yes" } else { "no" }.to_owned()
}

fn is_carried(truth: bool) -> String {
    if truth { "carried" } else { "not carried" }.to_owned()
}
