//! Looking at contacts one by one, and keeping those of the page.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use leadstream_core::contact::AttributeValue;
use leadstream_core::explain::{PlanCard, Scorecard};
use leadstream_core::{Contact, Fold, Points, Timestamp};
use leadstream_runtime::ContactVisitor;
use leadstream_wire::out::{self, DataError, DataFormat, OutRecord, ScorecardWriter};
use serde_json::value::RawValue;

use super::parameters::{Condition, Question, Score};

/// A contact of the page: its place in the list, scores down and ids up by their bytes, and its scorecard as JSON.
type Listed = (Reverse<Points>, Arc<str>, Vec<u8>);

/// Looks at all contacts and keeps the first that fit.
pub(crate) struct Collector {
    question: Question,
    matched: u64,
    /// The last of the page is on top.
    page: BinaryHeap<Listed>,
    /// Whether one that fits did not fit on the page.
    is_more: bool,
    writer: ScorecardWriter,
    record: OutRecord,
    failure: Option<String>,
}

impl Collector {
    pub(crate) fn new(question: Question) -> Result<Collector, DataError> {
        let (page, record) = (BinaryHeap::new(), OutRecord::default());
        let writer = ScorecardWriter::new(DataFormat::Json)?;
        Ok(Collector { question, matched: 0, page, is_more: false, writer, record, failure: None })
    }

    /// How many contacts fit.
    pub(crate) fn matched(&self) -> u64 {
        self.matched
    }

    /// The scorecards of the page in order, and what the next page begins behind. The error is why they could not be written.
    pub(crate) fn take_page(&mut self) -> Result<(Vec<Box<RawValue>>, Option<String>), String> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        let page = std::mem::take(&mut self.page).into_sorted_vec();
        let last = page.last().filter(|_| self.is_more);
        let next = last.map(|(Reverse(score), id, _)| format!("{}:{id}", score.thousandths()));
        let cards = page.into_iter().map(|(_, _, card)| String::from_utf8(card).map_err(|error| error.to_string()));
        let cards = cards.map(|card| RawValue::from_string(card?).map_err(|error| error.to_string()));
        Ok((cards.collect::<Result<_, _>>()?, next))
    }

    fn keep(&mut self, place: (Reverse<Points>, &str), card: &Scorecard, at: Timestamp) {
        let is_behind = |(score, id, _): &Listed| place > (*score, &**id);
        if self.page.len() == self.question.limit && self.page.peek().is_some_and(is_behind) {
            self.is_more = true;
            return;
        }
        match self.writer.write(&out::Scorecard::of(card, at), &mut self.record) {
            Ok(()) => {
                let (score, id) = place;
                self.page.push((score, id.into(), self.record.value.clone()));
            }
            Err(error) => self.failure = Some(error.to_string()),
        }
        if self.page.len() > self.question.limit {
            self.page.pop();
            self.is_more = true;
        }
    }
}

impl ContactVisitor for Collector {
    fn visit(&mut self, fold: &Fold, contact: &Contact, clock: Timestamp) {
        let at = contact.state.tau.max(Some(clock)).unwrap_or(clock);
        let card = fold.scorecard(contact, at);
        let Some(score) = score_of(&self.question.sort, &card) else { return };
        let plan = self.question.plan.as_deref();
        let plan = card.plans.iter().find(|card| Some(&*card.plan) == plan);
        let fits = |condition: &Condition| fits(condition, score, plan, &card, contact, at);
        if !self.question.conditions.iter().all(fits) {
            return;
        }
        self.matched += 1;
        let place = (Reverse(score), &*contact.id);
        let after = self.question.after.as_ref().map(|(score, id)| (Reverse(*score), &**id));
        if after.is_none_or(|after| place > after) {
            self.keep(place, &card, at);
        }
    }
}

/// The score that a list is sorted by; `None` for a contact that does not have it.
fn score_of(sort: &Score, card: &Scorecard) -> Option<Points> {
    let plan = |id: &str| card.plans.iter().find(|card| &*card.plan == id);
    match sort {
        Score::Global => Some(card.global),
        Score::Plan(id) => plan(id).map(|plan| plan.score),
        Score::Engagement(id) => plan(id).map(|plan| plan.engagement),
        Score::Fit(id) => plan(id).map(|plan| plan.fit),
        Score::Stage(id) => plan(id)?.stage.as_ref().map(|stage| stage.points),
        Score::Tag(tag) => card.tags.iter().find(|card| *card.tag == **tag).map(|card| card.points),
    }
}

fn fits(
    condition: &Condition,
    score: Points,
    plan: Option<&PlanCard>,
    card: &Scorecard,
    contact: &Contact,
    at: Timestamp,
) -> bool {
    let of_plan = |holds: &dyn Fn(&PlanCard) -> bool| plan.is_some_and(holds);
    match condition {
        Condition::AtLeast(least) => score >= *least,
        Condition::AtMost(most) => score <= *most,
        Condition::Member(member) => of_plan(&|plan| plan.member == *member),
        Condition::Qualified(qualified) => of_plan(&|plan| plan.qualified.unwrap_or(false) == *qualified),
        Condition::Stage(name) => of_plan(&|plan| plan.stage.as_ref().is_some_and(|stage| *stage.stage == **name)),
        Condition::Band(name) => of_plan(&|plan| plan.band.is_some_and(|band| *band.name == **name)),
        Condition::Grade(name) => of_plan(&|plan| plan.grade.is_some_and(|grade| *grade.name == **name)),
        Condition::Owner(name) => of_plan(&|plan| plan.owner.is_some_and(|owner| *owner.name == **name)),
        Condition::Tag(tag) => card.tags.iter().any(|card| *card.tag == **tag),
        Condition::Attribute(name, value) => {
            let mut attributes = contact.state.attributes.iter();
            attributes.any(|attribute| *attribute.text == **name && is_written(&attribute.value, value))
        }
        Condition::Did(event_type, within) => {
            let since = within.map_or(Timestamp::MIN, |within| at - within);
            let first = contact.rows.as_slice().partition_point(|row| row.time <= since);
            (first..contact.rows.len()).any(|at| contact.rows.event_type(at).as_str() == event_type)
        }
    }
}

/// Whether a value is what a text says.
fn is_written(value: &AttributeValue, text: &str) -> bool {
    match value {
        AttributeValue::Bool(value) => text.parse() == Ok(*value),
        AttributeValue::Number(value) => text.parse() == Ok(*value),
        AttributeValue::Text(value) => **value == *text,
    }
}
