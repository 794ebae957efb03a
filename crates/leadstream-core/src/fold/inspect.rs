//! What each rule makes of an event, and why: asked by authors of plans, never by the service.
//!
//! Owns the question for the reason; it changes no contact and books nothing. What it says is what a step over the same contact does, in the same
//! order of tests (S10, S18): the verdict, membership, validity, the condition, `once_per`, the points.

use std::sync::Arc;

use crate::contact::{Contact, Once, Pending};
use crate::event::{Event, EventKind, Verdict};
use crate::expr::{EvalError, Expr};
use crate::fold::Fold;
use crate::fold::facts::StepScope;
use crate::fold::step::{self, StepBuffers, Stepper, valid};
use crate::fold::windows::{Due, key_of};
use crate::plan::{Compound, Plan, PointsOf, Rule, Trigger, VerdictPolicy};
use crate::points::Points;
use crate::time::Timestamp;
use crate::word::Word;

/// What one rule makes of an event.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The plan.
    pub plan: Word,
    /// The rule, one that listens to the event's type or waits for it not to come.
    pub rule: Word,
    /// What it does with the event.
    pub verdict: Found,
}

/// What a rule does with an event.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// It fires for so many points, before weight, cap and limits.
    Fires(Points),
    /// The event is held: the rule books if a human event confirms it before this instant (S56).
    Holds(Timestamp),
    /// The event opens a window: the rule books at this instant if nothing closes the window before (S13).
    Opens(Timestamp),
    /// The event closes a window, at whose end the rule would have booked.
    Closes(Timestamp),
    /// The event is a part of what the rule puts together; the places of the parts that are not there yet, or where they
    /// must come in order, of those behind it (S15).
    Gathers(Vec<usize>),
    /// The event is a part whose turn has not come; the places of the parts that must come first (S15).
    TooEarly(Vec<usize>),
    /// The event has the type of a part, and meets the condition of none (S15).
    NoPart,
    /// The plan ignores events with this verdict (S56).
    Ignores(Verdict),
    /// The contact takes no part in the plan.
    NotMember,
    /// The event lies before `valid` begins, or where it has ended.
    NotValid,
    /// The condition does not hold: the parts that keep it from being true.
    Condition(Vec<FailedPart>),
    /// `once_per`: what was held for the rule is confirmed by the event and booked now, so the event itself fires it no more (S11, S56).
    Confirms,
    /// `once_per`: not again before then; `None`: never again.
    Rests(Option<Timestamp>),
    /// The event has no value for the key of `once_per`.
    NoKey,
    /// The event lacks the property that it should share with others: that of `matching` or of `hold`.
    NoMatching(Word),
    /// The points have no value (S9).
    NoValue(EvalError),
}

/// A part of a condition that is not true.
#[derive(Clone, Debug, PartialEq)]
pub struct FailedPart {
    /// Its place among the parts that `&&` joins.
    pub place: usize,
    /// Why it has no value, where it has none.
    pub error: Option<EvalError>,
    /// What it counts and which scores it reads, in the order in which they are written.
    pub met: Vec<Met>,
}

/// A number that a condition meets and that stands neither in the event nor in an attribute.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Met {
    /// What `count(..)` is.
    Count(f64),
    /// What `score(..)` is.
    Score(f64),
    /// What `size(contact.tags)` is.
    Tags(f64),
}

impl Fold {
    /// What each rule that listens to the type of an event would make of it, in the order of the plans and their files. The contact stays as it is;
    /// timers that are due before the event are taken as fired. Nothing for an event that is older than what is kept, or no interaction.
    pub fn inspect(&mut self, contact: &Contact, event: &Event) -> Vec<Finding> {
        if event.kind != EventKind::Interaction {
            return Vec::new();
        }
        let Some(mut past) = self.before(contact, event) else { return Vec::new() };
        self.advance(&mut past, event.time, &mut Vec::new());
        // As in a step that follows: the event is among the rows that conditions count.
        if past.rows.find(event.uid).is_none() {
            past.rows.insert(event);
        }
        let visible = past.rows.len();
        let in_force = Arc::clone(self.view(&past).at(event.time));
        let mut buffers = StepBuffers::default();
        let mut stepper = step::stepper(&mut past, &in_force, self.limits.horizon, visible, &mut buffers);
        stepper.inspect(event)
    }

    /// The contact as the step of an event finds it. `None` where the event lies before the base.
    fn before(&mut self, contact: &Contact, event: &Event) -> Option<Contact> {
        let order = (event.time, event.uid);
        let mut past = contact.clone();
        let is_late = past.state.tau.is_some_and(|tau| event.time < tau);
        if !is_late && past.state.last_event.is_none_or(|last| last < order) {
            return Some(past);
        }
        if past.base.as_ref().is_some_and(|base| order <= base.boundary) {
            return None;
        }
        let earlier = past.rows.as_slice().partition_point(|row| (row.time, row.uid) < order);
        past.rows.truncate(earlier);
        past.judge_anew();
        self.refold(&mut past, 0, event.time, None);
        self.refresh(&mut past);
        Some(past)
    }
}

impl Stepper<'_> {
    fn inspect(&mut self, event: &Event) -> Vec<Finding> {
        self.enter(event.time);
        self.set_attributes(event);
        let plans = self.plans;
        let rules = || plans.plans().iter().flat_map(|plan| plan.rules.iter().map(move |rule| (plan, rule)));
        let closed: Vec<Option<Found>> = rules().map(|(_, rule)| self.closing(rule, event)).collect();
        self.meet_waiting(event);
        let mut findings = Vec::new();
        for ((plan, rule), closed) in rules().zip(closed) {
            let verdict = if listens(rule, event) { Some(self.find(plan, rule, event)) } else { closed };
            findings.extend(verdict.map(|verdict| Finding { plan: plan.id, rule: rule.id, verdict }));
        }
        findings
    }

    /// The end of the window of a rule that the event closes.
    fn closing(&self, rule: &Rule, event: &Event) -> Option<Found> {
        let windows = self.state.waiting.windows();
        let closed = windows.iter().find(|window| window.award.rule.key == rule.key && self.closes(window, event))?;
        Some(Found::Closes(closed.until))
    }

    fn find(&mut self, plan: &Plan, rule: &Rule, event: &Event) -> Found {
        let policy = rule.verdicts.unwrap_or(plan.verdicts).of(event.verdict);
        let (waits, property) = match (policy, &rule.trigger) {
            (VerdictPolicy::Ignore, _) => return Found::Ignores(event.verdict),
            // Membership is asked when what is held is booked.
            (VerdictPolicy::Hold { span, key }, Trigger::Event(_)) => {
                (Some(Found::Holds(event.time + span)), Some(key))
            }
            _ if !self.is_member(plan) => return Found::NotMember,
            (_, Trigger::Absence(absence)) => (Some(Found::Opens(event.time + absence.within)), absence.matching),
            (_, Trigger::Compound(compound)) => (None, compound.matching),
            _ => (None, None),
        };
        if let Some(property) = property.filter(|property| key_of(event, Some(*property)).is_none()) {
            return Found::NoMatching(property);
        }
        if let Trigger::Compound(compound) = &rule.trigger
            && let Some(found) = self.gathering(plan, rule, compound, event)
        {
            return found;
        }
        self.deciding(plan, rule, event, waits)
    }

    /// What a compound rule does with an event that does not complete it.
    fn gathering(&mut self, plan: &Plan, rule: &Rule, compound: &Compound, event: &Event) -> Option<Found> {
        let met = self.parts_met(plan, rule, compound, event);
        if met.is_empty() {
            return Some(Found::NoPart);
        }
        if self.gather(plan, rule, compound, event).is_some() {
            return None;
        }
        let key = key_of(event, compound.matching)?;
        let at = self.state.waiting.get().and_then(|waits| waits.find_gathered(plan.id, rule.id, &key).ok());
        let instants = at.map_or(&[][..], |at| &self.state.waiting.gathered()[at].instants);
        let is_there = |part: &usize| instants.get(*part).is_some_and(|instants| !instants.is_empty());
        let parts = 0..compound.parts.len();
        if !compound.in_order {
            return Some(Found::Gathers(parts.filter(|part| !is_there(part)).collect()));
        }
        Some(match met.iter().rfind(|part| is_there(part)) {
            Some(taken) => Found::Gathers(parts.skip(taken + 1).collect()),
            None => Found::TooEarly((0..met[0]).filter(|part| !is_there(part)).collect()),
        })
    }

    /// The tests that end with a booking, or with something that `waits` to be booked.
    fn deciding(&self, plan: &Plan, rule: &Rule, event: &Event, waits: Option<Found>) -> Found {
        if !valid(rule, event.time) {
            return Found::NotValid;
        }
        let scope = self.scope(plan, Some(event), event.time);
        let failed = rule.when.as_ref().map_or_else(Vec::new, |when| failed_parts(when, &scope));
        if !failed.is_empty() {
            return Found::Condition(failed);
        }
        let Some(key) = self.once_key_of(plan, rule, &scope) else { return Found::NoKey };
        let once = Once::of(rule.once_per.as_ref());
        // What waits asks `once_per` when it is booked.
        if waits.is_none() {
            if !self.once_allows(rule.key, once, key, event.time) {
                return Found::Rests(self.rests_until(rule, once, key));
            }
            if self.is_used_up(rule, once, key, event.time) {
                return Found::Confirms;
            }
        }
        let points = match &rule.points {
            PointsOf::Fixed(points) => Ok(*points),
            PointsOf::Computed(expression) => expression.eval_points(&scope),
        };
        points.map_or_else(Found::NoValue, |points| waits.unwrap_or(Found::Fires(points)))
    }

    /// Whether what the event confirms is booked before it and leaves the rule nothing to fire for.
    fn is_used_up(&self, rule: &Rule, once: Once, key: Option<u64>, now: Timestamp) -> bool {
        let uses_up = |due: &Due| {
            let Pending { award, once_key, .. } = &due.pending;
            award.rule.key == rule.key
                && (once != Once::Key || *once_key == key)
                && self.once_allows(rule.key, award.once, *once_key, now)
        };
        once != Once::Not && self.buffers.due.iter().any(uses_up)
    }

    /// Until when `once_per` forbids a rule to fire; `None`: for ever.
    fn rests_until(&self, rule: &Rule, once: Once, key: Option<u64>) -> Option<Timestamp> {
        let index = self.rules.state_index(rule.key)?;
        match (once, key) {
            (Once::Span(span), _) => Some(self.last_fired(index)? + span),
            (Once::Key, Some(key)) => {
                let known = self.state.once.iter().find(|known| known.rule == index && known.key == key)?;
                Some(known.fired + self.horizon)
            }
            _ => None,
        }
    }
}

/// Whether an event of this type makes a rule look, but for what only closes windows.
fn listens(rule: &Rule, event: &Event) -> bool {
    let is_one = |types: &[crate::event::Term]| types.iter().any(|known| known.name() == event.event_type.name());
    match &rule.trigger {
        Trigger::Event(types) => is_one(types),
        Trigger::Absence(absence) => is_one(&absence.after),
        Trigger::Compound(compound) => compound.parts.iter().any(|part| is_one(&part.types)),
        Trigger::Idle { .. } => false,
    }
}

/// The parts of a condition that keep it from being true, where it is not.
fn failed_parts(when: &Expr, scope: &StepScope<'_>) -> Vec<FailedPart> {
    if when.eval_bool(scope) == Ok(true) {
        return Vec::new();
    }
    let parts = if let Expr::And(parts) = when { parts } else { std::slice::from_ref(when) };
    let failed = parts.iter().enumerate().filter_map(|(place, part)| {
        let error = match part.eval_bool(scope) {
            Ok(true) => return None,
            Ok(false) => None,
            Err(error) => Some(error),
        };
        Some(FailedPart { place, error, met: met(part, scope) })
    });
    failed.collect()
}

fn met(part: &Expr, scope: &StepScope<'_>) -> Vec<Met> {
    let mut met = Vec::new();
    part.visit(&mut |part| {
        let of: fn(f64) -> Met = match part {
            Expr::Count(..) => Met::Count,
            Expr::Score(_) => Met::Score,
            Expr::TagCount => Met::Tags,
            _ => return,
        };
        met.extend(part.eval_number(scope).ok().map(of));
    });
    met
}
