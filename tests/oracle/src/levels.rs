//! The levels after a step: fit, members, tags, stages and qualification, in that order (S7 (5), S30, S31, S36, S37).
//!
//! Invariants: the stage moves before qualification is decided; a leave and an advance never share a step; one edge per subject and step,
//! save for stages.

use std::collections::BTreeSet;

use crate::edge::{DerivedType, Edge, Level};
use crate::event::Row;
use crate::firing::{earned, points_value};
use crate::number::Thousandths;
use crate::plan::{Pipeline, Plan, Stage, StageScore};
use crate::scope::{Place, Scope};
use crate::scores::{Boundary, PlanSet, ScoreName, largest, score};
use crate::state::{Cause, State};

/// A step that has booked and tagged, and now settles its levels.
pub(crate) struct Settling<'a> {
    pub(crate) contact: &'a str,
    pub(crate) plans: &'a PlanSet,
    pub(crate) pre: &'a State,
    pub(crate) state: &'a mut State,
    pub(crate) seen: &'a [Row],
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
        self.tag_edges();
        for plan in plans.values() {
            self.stage(plan);
            self.qualify(plan);
        }
        self.edges
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

    fn edge(
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

    fn stage(&mut self, plan: &Plan) {
        let stay = self.state.plan(&plan.id).stay;
        let Some(pipeline) = plan.pipeline.as_ref().filter(|_| self.state.is_member(&plan.id)) else {
            if let Some(stay) = stay {
                let reason = if self.state.is_member(&plan.id) { "plan" } else { "members" };
                self.leave_pipeline(plan, &stay.stage, reason);
            }
            return;
        };
        let first = &pipeline.stages[0].name;
        match stay {
            None => self.state.enter_stage(&plan.id, first, self.instant, false),
            Some(stay) if pipeline.index(&stay.stage).is_none() => {
                self.leave_pipeline(plan, &stay.stage, "plan");
                self.state.enter_stage(&plan.id, first, self.instant, false);
            }
            Some(_) => {}
        }
        if earned(self.state, &plan.id, self.step)
            && let Some(stay) = self.state.plan_mut(&plan.id).stay.as_mut()
        {
            stay.must_earn = false;
        }
        if !self.leave(plan, pipeline) {
            self.advance(plan, pipeline);
        }
        self.arm(plan, pipeline);
    }

    /// The stage becomes none. From the first stage that is silent, as entering it was (S23, S37).
    fn leave_pipeline(&mut self, plan: &Plan, stage: &str, reason: &str) {
        let was_first = plan.pipeline.as_ref().is_some_and(|pipeline| pipeline.index(stage) == Some(0));
        if !was_first {
            let read = self.stage_score(plan);
            let old = Level::Named(stage.to_owned());
            let mut edge =
                self.edge(DerivedType::StageRegressed, Some(plan), "stage".to_owned(), old, Level::None, &read);
            let left = plan.pipeline.as_ref().and_then(|pipeline| Some(&pipeline.stages[pipeline.index(stage)?]));
            edge.threshold = left.and_then(|stage| stage.leave_below);
            edge.reason = Some(reason.to_owned());
            self.edges.push(edge);
        }
        let memory = self.state.plan_mut(&plan.id);
        memory.stay = None;
        memory.stage_left = Some(self.instant);
    }

    /// The score that the pipeline's stages are entered and left by.
    fn stage_score(&self, plan: &Plan) -> ScoreName {
        stage_score_name(plan)
    }

    fn value(&self, plan: &Plan) -> Thousandths {
        score(self.state, self.plans, &self.stage_score(plan))
    }

    /// S36: armed once the score reached `leave_below` in this stage.
    fn arm(&mut self, plan: &Plan, pipeline: &Pipeline) {
        let value = self.value(plan);
        if let Some(stay) = self.state.plan_mut(&plan.id).stay.as_mut()
            && let Some(index) = pipeline.index(&stay.stage)
            && pipeline.stages[index].leave_below.is_some_and(|below| value >= below)
        {
            stay.armed = true;
        }
    }

    /// S36: back one stage for as long as the leave test holds. Whether it held at all.
    fn leave(&mut self, plan: &Plan, pipeline: &Pipeline) -> bool {
        let mut left = false;
        loop {
            self.arm(plan, pipeline);
            let Some(index) = self.stage_index(plan, pipeline) else { return left };
            let stage = &pipeline.stages[index];
            let Some(reason) = self.leave_reason(plan, stage).filter(|_| index > 0 && !stage.is_final) else {
                return left;
            };
            let target = &pipeline.stages[index - 1].name;
            let mut edge = self.stage_edge(DerivedType::StageRegressed, plan, &stage.name, target);
            edge.threshold = stage.leave_below;
            edge.reason = Some(reason.to_owned());
            self.edges.push(edge);
            self.state.enter_stage(&plan.id, target, self.instant, true);
            left = true;
        }
    }

    fn leave_reason(&self, plan: &Plan, stage: &Stage) -> Option<&'static str> {
        let memory = self.state.plan(&plan.id);
        let stay = memory.stay?;
        if stay.armed && stage.leave_below.is_some_and(|below| self.value(plan) < below) {
            return Some("leave_below");
        }
        if stage.leave_when.as_ref().is_some_and(|when| when.holds(&self.scope(plan, Place::Level))) {
            return Some("leave_when");
        }
        let quiet_since = memory.last_activity.map_or(stay.entered, |activity| activity.max(stay.entered));
        stage.leave_idle_ms.is_some_and(|idle_ms| self.instant >= quiet_since + idle_ms).then_some("leave_idle")
    }

    /// S37: forward for as long as the next stage may be entered.
    fn advance(&mut self, plan: &Plan, pipeline: &Pipeline) {
        while let Some(index) = self.stage_index(plan, pipeline)
            && !pipeline.stages[index].is_final
            && let Some(next) = pipeline.stages.get(index + 1)
            && self.may_enter(plan, next)
        {
            let mut edge = self.stage_edge(DerivedType::StageAdvanced, plan, &pipeline.stages[index].name, &next.name);
            edge.threshold = next.enter;
            self.edges.push(edge);
            self.state.enter_stage(&plan.id, &next.name, self.instant, false);
        }
    }

    fn may_enter(&self, plan: &Plan, next: &Stage) -> bool {
        let scope = self.scope(plan, Place::Level);
        let must_earn = self.state.plan(&plan.id).stay.is_some_and(|stay| stay.must_earn);
        (next.enter.is_some() || next.enter_when.is_some())
            && next.enter.is_none_or(|enter| self.value(plan) >= enter)
            && next.enter_when.as_ref().is_none_or(|when| when.holds(&scope))
            && !next.leave_when.as_ref().is_some_and(|when| when.holds(&scope))
            && !must_earn
    }

    fn stage_index(&self, plan: &Plan, pipeline: &Pipeline) -> Option<usize> {
        pipeline.index(&self.state.plan(&plan.id).stay?.stage)
    }

    fn stage_edge(&self, derived_type: DerivedType, plan: &Plan, old: &str, new: &str) -> Edge {
        let (old, new) = (Level::Named(old.to_owned()), Level::Named(new.to_owned()));
        self.edge(derived_type, Some(plan), "stage".to_owned(), old, new, &self.stage_score(plan))
    }

    /// S31, S32.
    fn qualify(&mut self, plan: &Plan) {
        let member = self.state.is_member(&plan.id);
        let Some(qualify) = &plan.qualify else {
            if self.state.plan(&plan.id).qualified {
                self.set_qualified(plan, false, &ScoreName::Plan(plan.id.clone()), None, Some("plan"));
            }
            return;
        };
        let when = qualify.when.as_ref().is_none_or(|when| when.holds(&self.scope(plan, Place::Level)));
        self.state.plan_mut(&plan.id).qualify_when = when;
        let Some(read) = ScoreName::of_threshold(&qualify.score, &plan.id) else { return };
        let value = score(self.state, self.plans, &read);
        let memory = self.state.plan(&plan.id);
        if memory.qualified {
            if let Some(reason) = off_reason(member, when, value, qualify.release) {
                self.set_qualified(plan, false, &read, Some(qualify.release), Some(reason));
            }
        } else {
            let rested = memory.last_on.is_none_or(|last| self.instant >= last + qualify.cooldown_ms);
            let rearmed = !qualify.rearm_never || memory.last_on.is_none();
            if member && when && value >= qualify.at && rested && rearmed {
                self.set_qualified(plan, true, &read, Some(qualify.at), None);
                self.state.plan_mut(&plan.id).last_on = Some(self.instant);
            }
        }
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

/// The score that a plan's stages are entered and left by; by stage where there is no pipeline any more.
pub(crate) fn stage_score_name(plan: &Plan) -> ScoreName {
    match plan.pipeline.as_ref().map(|pipeline| pipeline.by) {
        None | Some(StageScore::Stage) => ScoreName::Stage(plan.id.clone()),
        Some(StageScore::Engagement) => ScoreName::Engagement(plan.id.clone()),
        Some(StageScore::Plan) => ScoreName::Plan(plan.id.clone()),
    }
}
