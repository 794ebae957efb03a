//! The levels after a step: fit, members, conditions, tags, stages and qualification, in that order (S7 (5), S30, S31).
//!
//! Owns how levels move, at a step and as they would be read between two steps (S33). Invariants: the stage moves before qualification is
//! decided; one edge per subject and step, save for stages.

use std::collections::{BTreeMap, BTreeSet};

use crate::condition::{Expression, Value};
use crate::crm::{Feedback, feedback};
use crate::edge::{DerivedType, Edge, Level};
use crate::event::Row;
use crate::firing::{earned, points_value};
use crate::number::Thousandths;
use crate::plan::Plan;
use crate::scope::{Place, Scope};
use crate::scores::{Boundary, PlanSet, ScoreName, largest, score};
use crate::stages::{enter_condition, leave_condition};
use crate::state::{Cause, State, TimerKind};

/// A step that has booked and tagged, and now settles its levels.
pub(crate) struct Settling<'a> {
    pub(crate) contact: &'a str,
    pub(crate) plans: &'a PlanSet,
    /// Plans that are no longer in force, each as it last was: their levels are off (S47).
    pub(crate) past: &'a PlanSet,
    pub(crate) pre: &'a State,
    pub(crate) state: &'a mut State,
    pub(crate) seen: &'a [Row],
    /// The event that the step is; none for a timer.
    pub(crate) event: Option<&'a Row>,
    pub(crate) instant: i64,
    pub(crate) step: usize,
    pub(crate) cause: Cause,
    pub(crate) marks: Vec<String>,
    pub(crate) boundary: Boundary,
    pub(crate) edges: Vec<Edge>,
}

impl Settling<'_> {
    /// Settles everything and returns the edges in the order in which they are emitted (S39).
    pub(crate) fn settle(mut self) -> Vec<Edge> {
        let plans = self.plans;
        for plan in plans.values() {
            self.fit_and_members(plan);
        }
        for plan in plans.values() {
            self.evaluate_conditions(plan);
        }
        self.tag_edges();
        self.move_levels();
        self.edges
    }

    /// Moves the levels to where scores, conditions and the instant put them. Conditions keep what they were last evaluated to.
    fn move_levels(&mut self) {
        let all: BTreeMap<&String, (&Plan, bool)> = self
            .past
            .iter()
            .map(|(id, plan)| (id, (plan, false)))
            .chain(self.plans.iter().map(|(id, plan)| (id, (plan, true))))
            .collect();
        for (plan, in_force) in all.into_values() {
            let told = self.edges.len();
            self.band(plan);
            self.grade(plan);
            self.stage(plan);
            let qualifies = self.qualify(plan);
            self.route(plan, qualifies);
            if in_force {
                self.actions(plan);
            } else {
                self.edges[told..].iter_mut().for_each(|edge| edge.reason = Some("plan".to_owned()));
            }
        }
    }

    /// The feedback that this step is to the plan.
    pub(crate) fn feedback_to(&self, plan: &Plan) -> Option<Feedback> {
        feedback(self.event?).filter(|feedback| feedback.concerns(&plan.id))
    }

    /// S30: what the conditions of the plan's levels are after this step, which they stay until the next one.
    fn evaluate_conditions(&mut self, plan: &Plan) {
        let scope = self.scope(plan, Place::Level);
        let mut conditions = BTreeMap::new();
        if let Some(qualify) = &plan.qualify {
            let when = qualify.when.as_ref().is_none_or(|when| when.holds(&scope));
            conditions.insert("qualify".to_owned(), when);
        }
        for stage in plan.pipeline.iter().flat_map(|pipeline| &pipeline.stages) {
            let holds = |when: &Option<Expression>| when.as_ref().is_some_and(|when| when.holds(&scope));
            conditions.insert(enter_condition(&stage.name), holds(&stage.enter_when));
            conditions.insert(leave_condition(&stage.name), holds(&stage.leave_when));
        }
        let by = plan.route.as_ref().and_then(|route| route.by.as_ref()).and_then(|by| by.value(&scope).ok());
        let memory = self.state.plan_mut(&plan.id);
        memory.conditions = conditions;
        memory.route_by = match by {
            Some(Value::Text(name)) => Some(name),
            _ => None,
        };
    }

    fn scope<'s>(&'s self, plan: &'s Plan, place: Place) -> Scope<'s> {
        Scope {
            place,
            contact: self.contact,
            plans: self.plans,
            plan,
            now: self.state,
            tags: self.state,
            pre: self.pre,
            event: None,
            seen: self.seen,
            instant: self.instant,
        }
    }

    /// S16, S23: fit counts while its rule is true, and only for members.
    fn fit_and_members(&mut self, plan: &Plan) {
        let member = plan.members.as_ref().is_none_or(|members| members.holds(&self.scope(plan, Place::Members)));
        let scope = self.scope(plan, Place::Level);
        let holding = plan.fit.iter().filter(|rule| member && rule.when.holds(&scope));
        let fit = holding.filter_map(|rule| Some((rule.id.clone(), points_value(&rule.points, &scope)?))).collect();
        let instant = self.instant;
        let memory = self.state.plan_mut(&plan.id);
        memory.fit = fit;
        memory.member_since = member.then(|| memory.member_since.unwrap_or(instant));
        if !member {
            memory.windows.clear();
            memory.compounds.clear();
        }
    }

    fn tag_edges(&mut self) {
        let names: BTreeSet<String> = self.pre.tags.keys().chain(self.state.tags.keys()).cloned().collect();
        for name in names {
            let (old, new) = (self.pre.has_tag(&name), self.state.has_tag(&name));
            if old != new {
                let derived_type = if new { DerivedType::TagAdded } else { DerivedType::TagRemoved };
                let read = ScoreName::Tag(name.clone());
                let edge = self.edge(derived_type, None, format!("tag:{name}"), Level::Is(old), Level::Is(new), &read);
                self.edges.push(edge);
            }
        }
    }

    pub(crate) fn edge(
        &self,
        derived_type: DerivedType,
        plan: Option<&Plan>,
        subject: String,
        old: Level,
        new: Level,
        read: &ScoreName,
    ) -> Edge {
        Edge {
            derived_type,
            plan: plan.map(|plan| plan.id.clone()),
            version: plan.map(|plan| plan.version.clone()),
            subject,
            time: self.instant,
            since: self.instant,
            old,
            new,
            score: Some(score(self.state, self.plans, read)),
            threshold: None,
            cause: self.cause.clone(),
            reason: None,
            marks: self.marks.clone(),
            via: Vec::new(),
            contributions: largest(self.state, self.plans, read, self.boundary),
        }
    }

    /// S31, S32, S38. Whether the contact qualifies by this step.
    fn qualify(&mut self, plan: &Plan) -> bool {
        let member = self.state.is_member(&plan.id);
        let Some(qualify) = &plan.qualify else {
            if self.state.plan(&plan.id).qualified {
                self.set_qualified(plan, false, &ScoreName::Plan(plan.id.clone()), None, Some("plan"));
            }
            return false;
        };
        let when = self.state.condition(&plan.id, "qualify");
        let Some(read) = ScoreName::of_threshold(&qualify.score, &plan.id) else { return false };
        let value = score(self.state, self.plans, &read);
        let feedback = self.feedback_to(plan).is_some();
        let earned = !feedback && earned(self.state, &plan.id, self.step);
        let instant = self.instant;
        let memory = self.state.plan_mut(&plan.id);
        if feedback {
            (memory.after_feedback, memory.cooldown_from) = (true, Some(instant));
        }
        memory.after_feedback &= value >= qualify.release && !earned;
        if memory.qualified {
            let reason = if feedback { Some("feedback") } else { off_reason(member, when, value, qualify.release) };
            if let Some(reason) = reason {
                self.set_qualified(plan, false, &read, Some(qualify.release), Some(reason));
            }
            return false;
        }
        let rested = memory.cooldown_from.is_none_or(|from| instant >= from + qualify.cooldown_ms);
        let barred = memory.after_feedback || qualify.rearm_never && memory.was_qualified;
        let qualifies = member && when && value >= qualify.at && rested && !barred;
        if qualifies {
            (memory.was_qualified, memory.cooldown_from) = (true, Some(instant));
            self.set_qualified(plan, true, &read, Some(qualify.at), None);
        }
        qualifies
    }

    fn set_qualified(
        &mut self,
        plan: &Plan,
        on: bool,
        read: &ScoreName,
        threshold: Option<Thousandths>,
        reason: Option<&str>,
    ) {
        let derived_type = if on { DerivedType::LeadQualified } else { DerivedType::LeadDisqualified };
        let (old, new) = (Level::Is(!on), Level::Is(on));
        let mut edge = self.edge(derived_type, Some(plan), "qualify".to_owned(), old, new, read);
        edge.threshold = threshold;
        edge.reason = reason.map(str::to_owned);
        self.edges.push(edge);
        let memory = self.state.plan_mut(&plan.id);
        (memory.qualified, memory.qualified_since) = (on, Some(self.instant));
    }
}

/// Why a qualified contact is so no longer, the weightiest reason first; none where it stays so.
pub(crate) fn off_reason(member: bool, when: bool, value: Thousandths, release: Thousandths) -> Option<&'static str> {
    match (member, when) {
        (false, _) => Some("members"),
        (_, false) => Some("when"),
        _ => (value < release).then_some("release"),
    }
}

/// The state with its levels as they would be at an instant at which nothing happens (S33): no condition is evaluated anew.
pub(crate) fn levels_at(state: &State, plans: &PlanSet, instant: i64) -> State {
    let mut then = State { now: instant, ..state.clone() };
    let mut settling = Settling {
        contact: "",
        plans,
        past: &PlanSet::new(),
        pre: state,
        state: &mut then,
        seen: &[],
        event: None,
        instant,
        // No booking is of this step.
        step: usize::MAX,
        cause: Cause::Timer { due: instant, kind: TimerKind::Check, plan: None, rule: None },
        marks: Vec::new(),
        boundary: None,
        edges: Vec::new(),
    };
    settling.move_levels();
    then
}
