//! The fold: every event of the contact in order, timers between them, from the beginning each time (S1, S3, S5, S6, S7).
//!
//! Never numbers or announces: it returns its steps with their edges. Invariant: the result depends on its inputs only, not on how they
//! arrived.

use std::collections::BTreeSet;

use crate::compound::{Met, meet};
use crate::crm::{ADJUST_RULE, Change, adjustment, feedback};
use crate::decay::Decay;
use crate::edge::Edge;
use crate::event::{Kind, Row, Uid};
use crate::firing::{Place as BookingPlace, award, book, enter_points, policy};
use crate::holds::{hold, release};
use crate::levels::Settling;
use crate::limits::Limits;
use crate::plan::{Plan, Policy, Rule, Trigger};
use crate::scope::{Place, Scope};
use crate::scores::{Boundary, PlanSet, ScoreName, score};
use crate::state::{Cause, State, TagSource, TimerKind};
use crate::tagging::{TagWrite, crm_writes, write_tags};
use crate::timeline::{Entry, Timeline};
use crate::timers::{Timer, next_timer};
use crate::windows::{close_windows, fire_window, open_window};

/// What a fold reads.
pub(crate) struct Inputs<'a> {
    pub(crate) contact: &'a str,
    pub(crate) limits: &'a Limits,
    pub(crate) timeline: &'a Timeline,
    /// Distinct events in their order.
    pub(crate) rows: &'a [Row],
    /// Timers due by this instant fire after the last event.
    pub(crate) until: i64,
    pub(crate) boundary: Boundary,
}

/// One step of a fold.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// Its place: timers of an instant go before its events (S5).
    pub(crate) position: (i64, Option<Uid>),
    pub(crate) edges: Vec<Edge>,
    /// Whether a rule did anything with its event: fired, opened or closed a window, took it as a part.
    pub(crate) matched: bool,
}

/// The result of a fold.
pub(crate) struct Folded {
    pub(crate) state: State,
    pub(crate) steps: Vec<Step>,
}

/// Folds the whole history.
pub(crate) fn fold(inputs: &Inputs) -> Folded {
    let mut fold = Fold { inputs, state: State::default(), steps: Vec::new() };
    for row in inputs.rows {
        fold.fire_timers(row.time);
        fold.step_event(row);
        fold.pass_base(row);
    }
    fold.fire_timers(inputs.until);
    Folded { state: fold.state, steps: fold.steps }
}

/// A fold under way.
pub(crate) struct Fold<'a> {
    pub(crate) inputs: &'a Inputs<'a>,
    pub(crate) state: State,
    steps: Vec<Step>,
}

impl<'a> Fold<'a> {
    fn plans(&self) -> &'a PlanSet {
        &self.inputs.timeline.versions[self.state.plan_set].plans
    }

    /// S5: everything due by this instant, in order, each timer a step that may make others due.
    fn fire_timers(&mut self, until: i64) {
        while let Some(timer) = next_timer(&self.state, self.inputs.timeline, until) {
            self.step_timer(&timer);
        }
    }

    /// S7.
    fn step_event(&mut self, row: &Row) {
        if self.state.began.is_none() {
            self.begin(row.time);
        }
        self.state.now = row.time;
        let plans = self.plans();
        // S7 (2): what feedback ends has ended before anything reads it.
        let feedback = feedback(row);
        for plan in plans.values().filter(|plan| !plan.feedback.keep) {
            if feedback.as_ref().is_some_and(|feedback| feedback.concerns(&plan.id)) {
                self.state.end_engagement(&plan.id);
            }
        }
        let pre = self.state.clone();
        self.state.seen += 1;
        if row.kind == Kind::Attributes {
            for (name, value) in &row.properties {
                if value.is_empty() {
                    self.state.attributes.remove(name);
                } else {
                    self.state.attributes.insert(name.clone(), value.clone());
                }
            }
        }
        for plan in plans.values() {
            if self.is_activity(plan, row) {
                self.state.plan_mut(&plan.id).last_activity = Some(row.time);
            }
        }
        // The state grows as rules book, while conditions read attributes of this step and everything else from before it.
        let now = self.state.clone();
        let mut writes = crm_writes(row);
        self.adjust(&pre, row);
        let mut matched = false;
        // Windows are closed before any is opened (S7 (3)).
        for plan in plans.values() {
            matched |= close_windows(&mut self.state, plan, row);
        }
        for plan in plans.values() {
            let place = self.booking_place(plan, row.time, Some(row.uid));
            let released = release(&mut self.state, row, pre.is_member(&plan.id), place);
            matched |= released.is_some();
            writes.extend(released.unwrap_or_default());
            for rule in &plan.rules {
                let scope = Scope { now: &now, ..self.scope(&pre, plan, Some(row), row.time, Place::Rule) };
                let (did, written) = self.meet_rule(rule, &scope, row);
                matched |= did;
                writes.extend(written);
            }
        }
        write_tags(&mut self.state, writes, self.inputs.limits);
        let cause = Cause::Event { uid: row.uid.hex(), time: row.time };
        let marks = if row.clamped { vec!["clamped".to_owned()] } else { Vec::new() };
        self.settle(&pre, cause, marks, Some(row), matched);
    }

    /// S17: an adjustment is booked under the limits, without a cap, for members.
    fn adjust(&mut self, pre: &State, row: &Row) {
        let Some(adjustment) = adjustment(row) else { return };
        let Some(plan) = self.plans().get(&adjustment.plan).filter(|plan| pre.is_member(&plan.id)) else { return };
        let place = self.booking_place(plan, row.time, Some(row.uid));
        let points = match adjustment.change {
            Change::Add(points) => points,
            Change::Set(points) => points - score(&self.state, place.plans, &ScoreName::Engagement(plan.id.clone())),
        };
        let source = TagSource {
            plan: Some(plan.id.clone()),
            version: Some(plan.version.clone()),
            rule: Some(ADJUST_RULE.to_owned()),
            uid: Some(row.uid),
            by: Some(row.uid),
            time: row.time,
        };
        let decay = if adjustment.decays { plan.decay.clone() } else { Decay::None };
        enter_points(&mut self.state, &source, (points, points), &decay, BTreeSet::new(), place);
    }

    /// The event meets a rule. Whether the rule did anything with it, and the tags that it wrote.
    fn meet_rule(&mut self, rule: &Rule, scope: &Scope, row: &Row) -> (bool, Vec<TagWrite>) {
        let place = self.booking_place(scope.plan, row.time, Some(row.uid));
        match &rule.trigger {
            Trigger::On(types) if types.contains(&row.event_type) => {
                let Some(award) = award(rule, scope) else { return (false, Vec::new()) };
                let policy = policy(scope.plan, rule, row);
                if matches!(policy, Policy::Hold { .. }) {
                    return (hold(&mut self.state, award, row, &policy, place), Vec::new());
                }
                let is_member = scope.pre.is_member(&scope.plan.id);
                let written = is_member.then(|| book(&mut self.state, &award, policy, place)).flatten();
                (written.is_some(), written.unwrap_or_default())
            }
            Trigger::Absence { .. } => {
                (open_window(&mut self.state, rule, scope, row, self.inputs.limits.windows), Vec::new())
            }
            Trigger::All { .. } => match meet(&mut self.state, rule, scope, row, place) {
                Met::Nothing => (false, Vec::new()),
                Met::Part => (true, Vec::new()),
                Met::Fired(writes) => (true, writes),
            },
            Trigger::On(_) | Trigger::Idle { .. } => (false, Vec::new()),
        }
    }

    fn booking_place<'p>(&self, plan: &'p Plan, instant: i64, by: Option<Uid>) -> BookingPlace<'p>
    where
        'a: 'p,
    {
        let step = self.steps.len();
        BookingPlace { plans: self.plans(), plan, instant, step, by, limits: self.inputs.limits }
    }

    /// Before its first event a contact is blank; plans in force by then say who is a member (S10, S26).
    fn begin(&mut self, instant: i64) {
        self.state.plan_set = self.inputs.timeline.at_first_event(instant);
        self.state.began = Some(instant);
        for plan in self.plans().values() {
            let member = {
                let scope = self.scope(&self.state, plan, None, instant, Place::Members);
                plan.members.as_ref().is_none_or(|members| members.holds(&scope))
            };
            if member {
                self.state.plan_mut(&plan.id).member_since = Some(instant);
                if let Some(pipeline) = &plan.pipeline {
                    self.state.enter_stage(&plan.id, &pipeline.stages[0].name, instant, false);
                }
            }
        }
    }

    /// S14: an event that the plan does not ignore and whose type is not passive.
    fn is_activity(&self, plan: &Plan, row: &Row) -> bool {
        row.kind == Kind::Interaction
            && !self.inputs.limits.passive_types.contains(&row.event_type)
            && plan.policies.of_plan(row.verdict) != Policy::Ignore
    }

    pub(crate) fn step_timer(&mut self, timer: &Timer) {
        self.state.now = timer.due;
        let pre = self.state.clone();
        let mut marks = Vec::new();
        match timer.kind {
            TimerKind::PlanChange => {
                self.next_version();
                let entry = self.inputs.timeline.versions[self.state.plan_set].entry;
                marks.push(if entry == Entry::Recompute { "recompute" } else { "plan" }.to_owned());
            }
            TimerKind::Idle => {
                let plan = &self.plans()[&timer.plan];
                let served = &mut self.state.plan_mut(&timer.plan).idle_served;
                served.insert(timer.rule.clone(), timer.due);
                let place = self.booking_place(plan, timer.due, None);
                let scope = self.scope(&pre, plan, None, timer.due, Place::Rule);
                let rule = plan.rule(&timer.rule).filter(|_| pre.is_member(&plan.id));
                let awarded = rule.and_then(|rule| award(rule, &scope));
                let written = awarded.and_then(|award| book(&mut self.state, &award, Policy::Count, place));
                write_tags(&mut self.state, written.unwrap_or_default(), self.inputs.limits);
            }
            TimerKind::Absence => {
                let plan = &self.plans()[&timer.plan];
                let place = self.booking_place(plan, timer.due, None);
                let window = self.state.plan_mut(&timer.plan).windows.remove(&(timer.rule.clone(), timer.key.clone()));
                let written =
                    window.and_then(|window| fire_window(&mut self.state, &window, pre.is_member(&plan.id), place));
                write_tags(&mut self.state, written.unwrap_or_default(), self.inputs.limits);
            }
            TimerKind::Check => {}
        }
        let named = |name: &String| matches!(timer.kind, TimerKind::Idle | TimerKind::Absence).then(|| name.clone());
        let cause =
            Cause::Timer { due: timer.due, kind: timer.kind, plan: named(&timer.plan), rule: named(&timer.rule) };
        self.settle(&pre, cause, marks, None, false);
    }

    fn scope<'s>(&self, pre: &'s State, plan: &'s Plan, event: Option<&'s Row>, instant: i64, place: Place) -> Scope<'s>
    where
        'a: 's,
    {
        Scope {
            place,
            contact: self.inputs.contact,
            plans: self.plans(),
            plan,
            now: pre,
            tags: pre,
            pre,
            event,
            seen: &self.inputs.rows[..self.state.seen],
            instant,
        }
    }

    fn settle(&mut self, pre: &State, cause: Cause, marks: Vec<String>, event: Option<&Row>, matched: bool) {
        let position = (self.state.now, event.map(|row| row.uid));
        let past = self.inputs.timeline.past(self.state.plan_set);
        let settling = Settling {
            contact: self.inputs.contact,
            plans: self.plans(),
            past: &past,
            pre,
            seen: &self.inputs.rows[..self.state.seen],
            event,
            state: &mut self.state,
            instant: position.0,
            step: self.steps.len(),
            cause,
            marks,
            boundary: self.inputs.boundary,
            edges: Vec::new(),
        };
        let edges = settling.settle();
        self.state.tau = position.0;
        self.steps.push(Step { position, edges, matched });
    }
}
