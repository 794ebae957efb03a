//! One step of the fold: an event or a timer (S5, S7).
//!
//! The order inside a step is fixed: attributes; conditions and points over the state before the step; bookings; tags; fit, members and levels. What
//! changed is left as edges; whether they are announced is the caller's affair.

use std::sync::Arc;

use crate::contact::{
    Attribute, AttributeValue, Cause, Contact, FactStatistics, Judged, Ledger, LimitReasons, Once, PlanState, Rows,
    RuleIndex, RuleName, RuleState, RuleTable, SharedList, State,
};
use crate::derived::TimerKind;
use crate::event::{Event, EventKind, Term, Value};
use crate::expr::{EvalError, Expr};
use crate::fold::booking::{self, Books};
use crate::fold::facts::{FactCaches, History, StepScope};
use crate::fold::faults::Faults;
use crate::fold::feedback::Heard;
use crate::fold::levels::{Edge, PreLevels};
use crate::fold::periods::Periods;
use crate::fold::reached::{Bound, Reached};
use crate::fold::windows::Due;
use crate::id::{Hasher, Name};
use crate::plan::{Candidate, OncePer, Plan, PlanSet, PointsOf, Rule, Trigger, VerdictPolicy};
use crate::points::Points;
use crate::scores::Scores;
use crate::time::{Span, Timestamp};
use crate::timeline::{InForce, new_caps};

/// The most attributes a contact keeps.
const ATTRIBUTES_MAX: usize = 256;
/// The longest text that an attribute keeps, in bytes.
const ATTRIBUTE_BYTES_MAX: usize = 1024;
/// How many bytes all attributes of a contact count at most: each its name, its source, its value, and [`ATTRIBUTE_BYTES`].
const ATTRIBUTES_BYTES_MAX: usize = 32 * 1024;
/// What an attribute counts beside its texts.
const ATTRIBUTE_BYTES: usize = 32;

/// Reused buffers of a step.
#[derive(Debug, Default)]
pub(crate) struct StepBuffers {
    candidates: Vec<Candidate>,
    firings: Vec<Firing>,
    /// What waited and is booked in this step, by plan.
    pub(crate) due: Vec<Due>,
    /// How much an event did for rules besides firing them: windows opened and closed, parts taken, events held and confirmed.
    pub(crate) met: usize,
    pub(crate) tags: Vec<TagOperation>,
    /// Tags that were set or removed in this step, with since when the contact had carried them before it.
    pub(crate) touched_tags: Vec<(Arc<str>, Option<Timestamp>)>,
    pub(crate) edges: Vec<Edge>,
    pub(crate) periods: Periods,
    pub(crate) pre_levels: PreLevels,
    pub(crate) heard: Heard,
    /// Bounds that were reached since somebody asked.
    pub(crate) reached: Reached,
    /// Rules that did not fire for want of a value since somebody asked.
    pub(crate) faults: Faults,
}

/// A rule that fires in this step, decided on the state before it.
#[derive(Clone, Debug)]
pub(crate) struct Firing {
    pub(crate) plan: usize,
    pub(crate) rule: usize,
    pub(crate) raw: Points,
    pub(crate) weight: Option<f64>,
    pub(crate) once_key: Option<u64>,
    /// The end of the calendar period of the rule's cap.
    pub(crate) period_end: Timestamp,
}

/// What a step does to a tag.
#[derive(Clone, Debug)]
pub(crate) enum TagOperation {
    /// The CRM sets it.
    Add(Arc<str>),
    /// The CRM sets it, with points of no rule.
    Give { tag: Arc<str>, points: Points },
    /// A rule sets it, with points.
    Book { rule: Arc<RuleName>, tag: Arc<str>, points: Points, raw: Points, reasons: LimitReasons, cause: Cause },
    /// A rule or the CRM removes it.
    Remove(Arc<str>),
}

/// A timer that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Timer {
    pub(crate) due: Timestamp,
    pub(crate) kind: TimerKind,
    /// The place of the plan in the set in force: plans lie by id.
    pub(crate) plan: usize,
    /// The rank of the rule's id among those of the kind (S5).
    pub(crate) rank: usize,
    /// The place of the rule in its plan.
    pub(crate) rule: usize,
}

impl Timer {
    /// The step at a change of plans.
    pub(crate) fn of_change(due: Timestamp) -> Timer {
        Timer { due, kind: TimerKind::PlanChange, plan: 0, rank: 0, rule: 0 }
    }
}

/// What a step works on: a fold state with the tables it shares, and the plans in force.
pub(crate) struct Stepper<'a> {
    pub(crate) contact: &'a str,
    pub(crate) in_force: &'a InForce,
    /// The plans of `in_force`.
    pub(crate) plans: &'a PlanSet,
    pub(crate) horizon: Span,
    pub(crate) state: &'a mut State,
    pub(crate) rules: &'a mut RuleTable,
    pub(crate) ledger: Option<&'a mut Ledger>,
    pub(crate) rows: &'a Rows,
    pub(crate) caches: &'a FactCaches,
    pub(crate) departed: SharedList<FactStatistics>,
    pub(crate) judged: &'a Judged,
    /// Rows up to here are visible to conditions.
    pub(crate) visible: usize,
    pub(crate) buffers: &'a mut StepBuffers,
}

/// The parts of a contact that a step over its present state works on.
pub(crate) fn stepper<'a>(
    contact: &'a mut Contact,
    in_force: &'a InForce,
    horizon: Span,
    visible: usize,
    buffers: &'a mut StepBuffers,
) -> Stepper<'a> {
    Stepper {
        contact: &contact.id,
        in_force,
        plans: &in_force.plans,
        horizon,
        departed: contact.state.facts.clone(),
        judged: &contact.judged,
        state: &mut contact.state,
        rules: &mut contact.rules,
        ledger: Some(&mut contact.ledger),
        rows: &contact.rows,
        caches: &contact.facts,
        visible,
        buffers,
    }
}

impl Stepper<'_> {
    /// Steps an event. Returns how many rules fired, took it as a part, or waited for it.
    pub(crate) fn event(&mut self, event: &Event) -> usize {
        let now = event.time;
        self.buffers.edges.clear();
        let entered = self.enter(now);
        self.buffers.pre_levels.take(self.in_force, self.state);
        let attributes_changed = self.set_attributes(event) || entered;
        self.hear(event);
        self.meet_waiting(event);
        self.find_firings(event);
        self.adjust(event);
        let fired = self.buffers.met + self.book_firings(now, Cause::Event(event.uid), event_tags(event));
        self.note_activity(event);
        self.state.last_event = Some((now, event.uid));
        self.settle(now, attributes_changed);
        fired
    }

    /// Steps a timer.
    pub(crate) fn timer(&mut self, timer: Timer) {
        let now = timer.due;
        self.buffers.edges.clear();
        self.buffers.heard = Heard::TIMER;
        self.buffers.pre_levels.take(self.in_force, self.state);
        match timer.kind {
            TimerKind::PlanChange => {
                self.buffers.touched_tags.clear();
                self.enter(now);
                self.settle(now, true);
            }
            TimerKind::Absence => {
                self.buffers.firings.clear();
                self.end_window(timer);
                self.book_firings(now, Cause::Timer, Vec::new());
                self.settle(now, false);
            }
            TimerKind::Idle => {
                self.fire_idle(timer);
                self.settle(now, false);
            }
            TimerKind::Check => {
                self.buffers.touched_tags.clear();
                self.settle(now, false);
            }
        }
    }

    /// Makes sure that the state has an entry for each plan in force. Returns whether the set is new to the contact: then fit and membership are
    /// looked at whatever the step does.
    pub(super) fn enter(&mut self, now: Timestamp) -> bool {
        let first = self.state.first_event.is_none();
        if first {
            self.state.first_event = Some(now);
        }
        // The set may be another one although it is in force since the same instant: a program that starts anew with other plans says so.
        if self.state.plans_since == Some(self.in_force.since) && self.knows_the_plans() {
            return false;
        }
        if self.state.plans_since.is_some_and(|since| since < self.in_force.since) {
            self.begin_caps(&self.in_force.new_caps);
        }
        self.state.plans_since = Some(self.in_force.since);
        self.drop_waiting();
        self.keep_activity();
        self.enter_plans(now, first);
        true
    }

    /// Steps the set's coming into force behind the base of a contact that is folded anew under it (S46). Nobody is told what changes.
    pub(crate) fn follow(&mut self, before: &PlanSet, boundary: Timestamp) {
        self.begin_caps(&new_caps(self.plans, before));
        self.state.plans_since = None;
        self.timer(Timer::of_change(boundary));
        self.buffers.edges.clear();
        for plan in 0..self.plans.plans().len() {
            for rule in self.plans.idle_rules(plan as u16) {
                // Whatever was due by then is skipped: timers go before the events of their instant.
                let index = self.rule_index(plan, *rule as usize);
                let held = booking::rule_state(&mut self.state.rules, index);
                held.idle_passed = held.idle_passed.max(Some(boundary));
            }
        }
    }

    /// Forgets what rules have booked in periods of caps that they no longer have (S19, S45).
    fn begin_caps(&mut self, rules: &[Name]) {
        for rule in rules {
            let Some(index) = self.rules.state_index(*rule) else { continue };
            self.state.rolling.retain(|booking| booking.rule != index);
            if let Some(held) = self.state.rules.iter_mut().find(|held| held.rule == index) {
                *held =
                    RuleState { once_fired: held.once_fired, idle_passed: held.idle_passed, ..RuleState::blank(index) };
            }
        }
    }

    /// Judges the activity so far by the versions that were in force at it, before others are (S45).
    fn keep_activity(&mut self) {
        for at in 0..self.state.plans.len() {
            self.state.plans[at].active_before = self.state.last_activity(&self.state.plans[at]);
            let key = self.state.plans[at].key;
            let plan = self.plans.plans().iter().find(|plan| plan.key == key);
            self.state.plans[at].counted = plan.map(|plan| plan.verdicts.counted()).unwrap_or_default();
        }
        self.state.activity = [None; 3];
    }

    /// Whether the state has an entry for each plan in force and for no other that still counts.
    fn knows_the_plans(&self) -> bool {
        let (held, plans) = (&self.state.plans, self.plans.plans());
        let is_of = |held: &PlanState, plan: &Plan| held.key == plan.key && held.counted == plan.verdicts.counted();
        if held.len() == plans.len() {
            return held.iter().zip(plans).all(|(held, plan)| is_of(held, plan));
        }
        plans.iter().all(|plan| self.state.plan(plan.key).is_some_and(|held| is_of(held, plan)))
            && !held.iter().any(|held| self.must_retire(held))
    }

    /// Whether a plan that is not in force any more still counts (S47).
    pub(crate) fn must_retire(&self, held: &PlanState) -> bool {
        let counts = held.member || held.qualify.on || held.stage.is_some() || !held.engagement.is_zero();
        counts && !self.plans.plans().iter().any(|plan| plan.key == held.key)
    }

    /// Applies an attribute update (S2, S16) before anything else of the step sees it.
    pub(super) fn set_attributes(&mut self, event: &Event) -> bool {
        if !matches!(event.kind, EventKind::Attributes | EventKind::Snapshot) {
            return event.kind == EventKind::Tags;
        }
        let attributes = self.state.attributes.make_mut();
        if event.kind == EventKind::Snapshot {
            attributes.retain(|known| event.properties.get(known.name).is_some_and(|value| !unsets(value)));
        }
        let source: Arc<str> = Arc::from(event.source.as_str());
        let mut bytes: usize = attributes.iter().map(attribute_bytes).sum();
        for (name, text, value) in event.properties.iter() {
            let at = attributes.iter().position(|known| known.name == name);
            let value = match value {
                Value::Bool(value) => AttributeValue::Bool(value),
                Value::Number(value) => AttributeValue::Number(value),
                Value::Text(value) if !value.is_empty() => AttributeValue::Text(Arc::from(value)),
                Value::Null | Value::Text(_) => {
                    if let Some(at) = at {
                        bytes -= attribute_bytes(&attributes.remove(at));
                    }
                    continue;
                }
            };
            // What a contact may hold is bounded (L8): a further attribute is not set, nor one beyond a text's size or that of all (S58).
            let attribute = Attribute { name, text: Arc::from(text), value, time: event.time, source: source.clone() };
            let too_long = matches!(&attribute.value, AttributeValue::Text(text) if text.len() > ATTRIBUTE_BYTES_MAX);
            let would_be = bytes + attribute_bytes(&attribute) - at.map_or(0, |at| attribute_bytes(&attributes[at]));
            if too_long || would_be > ATTRIBUTES_BYTES_MAX || (at.is_none() && attributes.len() >= ATTRIBUTES_MAX) {
                self.buffers.reached.add(Bound::Attributes, 1);
                continue;
            }
            bytes = would_be;
            match at {
                Some(at) => attributes[at] = attribute,
                None => attributes.push(attribute),
            }
        }
        true
    }

    /// Decides which rules fire, over the state before the step (S7, S10).
    fn find_firings(&mut self, event: &Event) {
        let mut candidates = std::mem::take(&mut self.buffers.candidates);
        let mut firings = std::mem::take(&mut self.buffers.firings);
        candidates.clear();
        firings.clear();
        self.plans.candidates(event, &mut candidates);
        for candidate in &candidates {
            let plan = &self.plans.plans()[usize::from(candidate.plan)];
            let rule = &plan.rules[candidate.rule as usize];
            let mut weight = None;
            match (rule.verdicts.unwrap_or(plan.verdicts).of(event.verdict), &rule.trigger) {
                (VerdictPolicy::Ignore, _) => continue,
                (VerdictPolicy::Hold { span, key }, Trigger::Event(_)) => {
                    self.hold(*candidate, plan, rule, event, (span, key));
                    continue;
                }
                (_, Trigger::Absence(absence)) => {
                    self.open_window(*candidate, plan, rule, absence, event);
                    continue;
                }
                (VerdictPolicy::Weight(factor), _) => weight = Some(factor),
                (VerdictPolicy::Count | VerdictPolicy::Hold { .. }, _) => {}
            }
            if !self.is_member(plan) {
                continue;
            }
            let firing = match &rule.trigger {
                Trigger::Compound(compound) => {
                    let Some(key) = self.gather(plan, rule, compound, event) else { continue };
                    let firing =
                        if valid(rule, event.time) { self.decide(plan, rule, Some(event), event.time) } else { None };
                    if firing.is_some() {
                        self.use_up(plan, rule, compound, &key);
                    }
                    firing
                }
                _ if valid(rule, event.time) => self.decide(plan, rule, Some(event), event.time),
                _ => None,
            };
            if let Some(mut firing) = firing {
                firing.plan = usize::from(candidate.plan);
                firing.rule = candidate.rule as usize;
                firing.weight = weight;
                firings.push(firing);
            }
        }
        self.buffers.candidates = candidates;
        self.buffers.firings = firings;
    }

    /// Whether a rule fires and for how much, before weight: `when`, `once_per`, points, in this order (S18).
    fn decide(&self, plan: &Plan, rule: &Rule, event: Option<&Event>, now: Timestamp) -> Option<Firing> {
        let scope = self.scope(plan, event, now);
        if !self.passes(plan, rule, rule.when.as_ref(), &scope) {
            return None;
        }
        let once_key = self.once_key_of(plan, rule, &scope)?;
        if !self.once_allows(rule.key, Once::of(rule.once_per.as_ref()), once_key, now) {
            return None;
        }
        let raw = self.points_of(plan, rule, &scope)?;
        let period_end = self.period_end(plan, rule.key, rule.cap, now);
        Some(Firing { plan: 0, rule: 0, raw, weight: None, once_key, period_end })
    }

    /// Whether a condition of a rule holds, if there is one; one that has no value does not, which is noted (S9).
    pub(crate) fn passes(&self, plan: &Plan, rule: &Rule, when: Option<&Expr>, scope: &StepScope<'_>) -> bool {
        let Some(when) = when else { return true };
        when.eval_bool(scope).unwrap_or_else(|error| {
            self.buffers.faults.add(plan.id, rule.id, error);
            false
        })
    }

    /// The key of a keyed `once_per`, which the event must have; none where the rule asks for none (S11). That there is no key is no fault.
    pub(crate) fn once_key_of(&self, plan: &Plan, rule: &Rule, scope: &StepScope<'_>) -> Option<Option<u64>> {
        let Some(OncePer::Key(expression)) = &rule.once_per else { return Some(None) };
        match expression.eval(scope) {
            Ok(value) => Some(Some(once_key(value.value())?)),
            Err(EvalError::MissingField) => None,
            Err(error) => {
                self.buffers.faults.add(plan.id, rule.id, error);
                None
            }
        }
    }

    /// What a rule says before weight, cap and limits (S8, S9).
    pub(crate) fn points_of(&self, plan: &Plan, rule: &Rule, scope: &StepScope<'_>) -> Option<Points> {
        match &rule.points {
            PointsOf::Fixed(points) => Some(*points),
            PointsOf::Computed(expression) => expression
                .eval_points(scope)
                .inspect_err(|error| self.buffers.faults.add(plan.id, rule.id, *error))
                .ok(),
        }
    }

    /// Whether a rule may fire again by now (S11).
    pub(super) fn once_allows(&self, rule: Name, once: Once, key: Option<u64>, now: Timestamp) -> bool {
        if once == Once::Not {
            return true;
        }
        let Some(index) = self.rules.state_index(rule) else { return true };
        match (once, key) {
            (Once::Span(span), _) => self.last_fired(index).is_none_or(|last| now >= last + span),
            (Once::Ever, _) => self.last_fired(index).is_none(),
            (Once::Key, Some(key)) => {
                let known = self.state.once.iter().find(|known| known.rule == index && known.key == key);
                known.is_none_or(|known| now >= known.fired + self.horizon)
            }
            (Once::Key, None) | (Once::Not, _) => true,
        }
    }

    pub(super) fn last_fired(&self, index: u32) -> Option<Timestamp> {
        self.state.rules.iter().find(|state| state.rule == index)?.once_fired
    }

    /// Books what waited and the firings in (plan, file) order, then does what they and the event do to tags. Returns how many rules fired.
    fn book_firings(&mut self, now: Timestamp, cause: Cause, event_tags: Vec<TagOperation>) -> usize {
        let firings = std::mem::take(&mut self.buffers.firings);
        let due = std::mem::take(&mut self.buffers.due);
        let mut tags = std::mem::take(&mut self.buffers.tags);
        tags.clear();
        tags.extend(event_tags);
        self.buffers.touched_tags.clear();
        let mut waited = due.iter().peekable();
        for firing in &firings {
            while let Some(due) = waited.next_if(|due| due.plan <= firing.plan) {
                self.book_due(due, &mut tags, now);
            }
            let plan = &self.plans.plans()[firing.plan];
            // What was confirmed in this step may have used up what a rule may do.
            if !due.is_empty() {
                let rule = &plan.rules[firing.rule];
                if !self.once_allows(rule.key, Once::of(rule.once_per.as_ref()), firing.once_key, now) {
                    continue;
                }
            }
            if let Some(plan_at) = self.plan_at(plan) {
                self.books(&mut tags).book(plan_at, firing, now, cause);
            }
        }
        waited.for_each(|due| self.book_due(due, &mut tags, now));
        let operations = tags;
        self.books(&mut Vec::new()).tag(&operations, now, cause);
        let fired = firings.len();
        self.buffers.tags = operations;
        self.buffers.firings = firings;
        self.buffers.due = due;
        fired
    }

    fn book_due(&mut self, due: &Due, tags: &mut Vec<TagOperation>, now: Timestamp) {
        let pending = &due.pending;
        if !self.once_allows(pending.award.rule.key, pending.award.once, pending.once_key, now) {
            return;
        }
        if let Some(plan_at) = self.plan_at(&self.plans.plans()[due.plan]) {
            self.books(tags).book_due(plan_at, due, now);
        }
    }

    /// What a booking of this step changes.
    fn books<'b>(&'b mut self, tags: &'b mut Vec<TagOperation>) -> Books<'b> {
        let StepBuffers { touched_tags, reached, .. } = &mut *self.buffers;
        let (state, rules, ledger) = (&mut *self.state, &mut *self.rules, self.ledger.as_deref_mut());
        Books { plans: self.plans, state, rules, ledger, tags, touched_tags, reached }
    }

    /// Fires an idle rule (S14), if its condition and validity say so; either way this due instant is past.
    fn fire_idle(&mut self, timer: Timer) {
        let plans = self.plans;
        let plan = &plans.plans()[timer.plan];
        let rule = &plan.rules[timer.rule];
        self.buffers.firings.clear();
        self.buffers.due.clear();
        if valid(rule, timer.due)
            && let Some(mut firing) = self.decide(plan, rule, None, timer.due)
        {
            firing.plan = timer.plan;
            firing.rule = timer.rule;
            self.buffers.firings.push(firing);
        }
        self.book_firings(timer.due, Cause::Timer, Vec::new());
        self.pass_idle(timer);
    }

    /// Notes an activity by its verdict (S14): plans, and versions of a plan, differ in which verdicts count for them.
    fn note_activity(&mut self, event: &Event) {
        if event.kind == EventKind::Interaction && !is_passive(&event.event_type) {
            self.state.activity[event.verdict as usize] = Some(event.time);
        }
    }

    pub(crate) fn scope<'s>(&'s self, plan: &'s Plan, event: Option<&'s Event>, now: Timestamp) -> StepScope<'s> {
        StepScope {
            contact: self.contact,
            view: Scores { state: self.state, plans: self.plans, now },
            plan,
            event,
            history: History {
                departed: &self.departed,
                rows: self.rows,
                visible: self.visible,
                caches: self.caches,
                judged: self.judged,
            },
            now,
            levels: &self.buffers.pre_levels,
        }
    }

    pub(crate) fn is_member(&self, plan: &Plan) -> bool {
        self.state.plan(plan.key).is_some_and(|held| held.member)
    }
}

/// Types that say what was done to the contact, not what it did (S14).
fn is_passive(event_type: &Term) -> bool {
    ["_sent", "_delivered", "_bounced"].iter().any(|ending| event_type.as_str().ends_with(ending))
}

fn attribute_bytes(attribute: &Attribute) -> usize {
    let value = if let AttributeValue::Text(text) = &attribute.value { text.len() } else { 0 };
    ATTRIBUTE_BYTES + attribute.text.len() + attribute.source.len() + value
}

fn unsets(value: Value<'_>) -> bool {
    matches!(value, Value::Null | Value::Text(""))
}

/// What a CRM record does to tags (S25): true adds, a number adds with points, false removes.
fn event_tags(event: &Event) -> Vec<TagOperation> {
    if event.kind != EventKind::Tags {
        return Vec::new();
    }
    let operations = event.properties.iter().filter_map(|(_, tag, value)| match value {
        Value::Bool(true) => Some(TagOperation::Add(Arc::from(tag))),
        Value::Bool(false) => Some(TagOperation::Remove(Arc::from(tag))),
        Value::Number(number) => {
            Points::from_number(number).map(|points| TagOperation::Give { tag: Arc::from(tag), points })
        }
        Value::Null | Value::Text(_) => None,
    });
    operations.collect()
}

/// Whether an instant lies in a rule's `valid` span, half-open (S10).
pub(crate) fn valid(rule: &Rule, instant: Timestamp) -> bool {
    rule.valid_from.is_none_or(|from| instant >= from) && rule.valid_until.is_none_or(|until| instant < until)
}

/// The key under which a once-per value is remembered; nothing for null (S11).
fn once_key(value: Value<'_>) -> Option<u64> {
    let hasher = match value {
        Value::Null => return None,
        Value::Bool(value) => Hasher::new().bytes(&[1, u8::from(value)]),
        // 0 and -0 are one number to every condition, so they are one key.
        Value::Number(value) => Hasher::new().bytes(&[2]).number((value + 0.0).to_bits()),
        Value::Text(value) => Hasher::new().bytes(&[3]).bytes(value.as_bytes()),
    };
    let hash = hasher.finish();
    let mut key = [0; 8];
    key.copy_from_slice(&hash[..8]);
    Some(u64::from_be_bytes(key))
}

impl Stepper<'_> {
    /// The place of a rule of the plans in force in the contact's table of rules.
    fn rule_index(&mut self, plan: usize, rule: usize) -> RuleIndex {
        let names = self.plans.names(plan, rule);
        self.rules.state_index(names.plan.key).unwrap_or_else(|| self.rules.insert(&names.plan))
    }

    /// Marks an idle due instant as past, whether it booked or not.
    fn pass_idle(&mut self, timer: Timer) {
        let index = self.rule_index(timer.plan, timer.rule);
        booking::rule_state(&mut self.state.rules, index).idle_passed = Some(timer.due);
    }
}
