//! Moving through a pipeline (S36, S37): the leave test first, then the advance, at most one direction in a step.
//!
//! The score that stages are entered and left by is the one that the pipeline's `by` names. No stage ranks as the first one: entering the first
//! stage, and leaving it for none, is not told.

use crate::contact::{Level, StageState, SubjectId};
use crate::decay::Sum;
use crate::derived::Reason;
use crate::expr::{Expr, ScoreRef};
use crate::fold::levels::Edge;
use crate::fold::step::Stepper;
use crate::plan::{Pipeline, Plan, Stage};
use crate::points::Points;
use crate::scores::Scores;
use crate::time::Timestamp;

/// A decided move to another stage of the pipeline.
struct Move {
    to: usize,
    threshold: Option<Points>,
    reason: Reason,
    resting: bool,
}

impl Stepper<'_> {
    /// Enters the first stage silently (S37).
    pub(crate) fn enter_first_stage(&mut self, plan: &Plan, at: usize, now: Timestamp) {
        let Some(first) = plan.pipeline.as_ref().and_then(|pipeline| pipeline.stages.first()) else { return };
        self.state.plans[at].stage = Some(entered(first, now, self.state.booked, false));
        self.push_silent_stage(plan, Level::None, Level::Stage(first.name), now);
    }

    /// The stage of one plan after the step's bookings.
    pub(crate) fn settle_stage(&mut self, index: usize, now: Timestamp) {
        let plans = self.plans;
        let plan = &plans.plans()[index];
        let Some(at) = self.plan_at(plan) else { return };
        let is_member = self.state.plans[at].member;
        let Some(pipeline) = plan.pipeline.as_ref().filter(|_| is_member) else {
            self.leave_pipeline(plan, at, if is_member { Reason::Plan } else { Reason::NotMember }, now);
            return;
        };
        let Some(present) = self.present_stage(plan, pipeline, at, now) else { return };
        let moved =
            self.follow_feedback(plan, pipeline, at, present, now) || self.leave(plan, pipeline, at, present, now);
        if !moved {
            self.advance(plan, pipeline, at, present, now);
        }
        self.arm(plan, pipeline, at, now);
    }

    /// Notes whether the conditions of the next stage let the contact in: between steps they stay as they are (S30).
    pub(crate) fn note_next_stage(&mut self, plan: &Plan, at: usize, now: Timestamp) {
        let Some(pipeline) = &plan.pipeline else { return };
        let next = self.stage_place(pipeline, at).and_then(|place| pipeline.stages.get(place + 1));
        let lets_in = next.is_some_and(|next| self.conditions_let_in(plan, next, now));
        if let Some(stage) = &mut self.state.plans[at].stage {
            stage.may_advance = lets_in;
        }
    }

    fn conditions_let_in(&self, plan: &Plan, next: &Stage, now: Timestamp) -> bool {
        next.enter_when.as_ref().is_none_or(|when| self.stage_condition(plan, when, now))
            && !next.leave_when.as_ref().is_some_and(|when| self.stage_condition(plan, when, now))
    }

    /// The stage becomes none (S23): told, unless it was the first.
    fn leave_pipeline(&mut self, plan: &Plan, at: usize, reason: Reason, now: Timestamp) {
        let Some(left) = &self.state.plans[at].stage else { return };
        let stages = plan.pipeline.as_ref().map_or(&[][..], |pipeline| &pipeline.stages);
        let place = stages.iter().position(|stage| stage.name == left.stage);
        let old = Level::Stage(left.stage);
        if place == Some(0) {
            self.push_silent_stage(plan, old, Level::None, now);
        } else {
            let threshold = place.and_then(|place| stages[place].leave_below);
            self.push_stage_edge(plan, at, (old, Level::None), threshold, reason, now);
        }
        self.state.plans[at].stage = None;
        self.state.plans[at].stage_left = Some(now);
    }

    /// The place of the present stage. A member without a stage enters the first one silently; a stage that the plan no longer has is left
    /// before (S45).
    fn present_stage(&mut self, plan: &Plan, pipeline: &Pipeline, at: usize, now: Timestamp) -> Option<usize> {
        let present = self.stage_place(pipeline, at);
        if present.is_none() {
            self.leave_pipeline(plan, at, Reason::Plan, now);
            self.enter_first_stage(plan, at, now);
        }
        present.or_else(|| self.stage_place(pipeline, at))
    }

    fn stage_place(&self, pipeline: &Pipeline, at: usize) -> Option<usize> {
        let held = self.state.plans[at].stage.as_ref()?;
        pipeline.stages.iter().position(|stage| stage.name == held.stage)
    }

    /// Notes that the score has reached what it must not fall below in this stage (S36).
    fn arm(&mut self, plan: &Plan, pipeline: &Pipeline, at: usize, now: Timestamp) {
        let Some(place) = self.stage_place(pipeline, at) else { return };
        let Some(below) = pipeline.stages[place].leave_below else { return };
        if self.stage_score(plan, pipeline, now) >= below
            && let Some(stage) = &mut self.state.plans[at].stage
        {
            stage.armed = true;
        }
    }

    fn leave(&mut self, plan: &Plan, pipeline: &Pipeline, at: usize, mut present: usize, now: Timestamp) -> bool {
        let mut left = false;
        loop {
            self.arm(plan, pipeline, at, now);
            let Some(reason) = self.reason_to_leave(plan, pipeline, at, present, now) else { return left };
            let threshold = pipeline.stages[present].leave_below;
            self.go(plan, pipeline, at, Move { to: present - 1, threshold, reason, resting: true }, now);
            present -= 1;
            left = true;
        }
    }

    fn reason_to_leave(
        &self,
        plan: &Plan,
        pipeline: &Pipeline,
        at: usize,
        present: usize,
        now: Timestamp,
    ) -> Option<Reason> {
        let stage = &pipeline.stages[present];
        if present == 0 || stage.is_final {
            return None;
        }
        let plan_state = &self.state.plans[at];
        let held = plan_state.stage.as_ref().filter(|held| !held.by_feedback)?;
        if held.armed
            && let Some(below) = stage.leave_below
            && self.stage_score(plan, pipeline, now) < below
        {
            return Some(Reason::Score);
        }
        if stage.leave_when.as_ref().is_some_and(|when| self.stage_condition(plan, when, now)) {
            return Some(Reason::Condition);
        }
        let quiet_since = held.entered.max(self.state.last_activity(plan_state).unwrap_or(held.entered));
        stage.leave_idle.is_some_and(|idle| now >= quiet_since + idle).then_some(Reason::Idle)
    }

    fn advance(&mut self, plan: &Plan, pipeline: &Pipeline, at: usize, mut present: usize, now: Timestamp) {
        while let Some(next) = pipeline.stages.get(present + 1) {
            let resting = self.state.plans[at].stage.as_ref().is_none_or(|held| held.resting);
            if resting || pipeline.stages[present].is_final || (next.enter.is_none() && next.enter_when.is_none()) {
                return;
            }
            let score = self.stage_score(plan, pipeline, now);
            if next.enter.is_some_and(|enter| score < enter) || !self.conditions_let_in(plan, next, now) {
                return;
            }
            let reason = if next.enter.is_some() { Reason::Score } else { Reason::Condition };
            self.go(plan, pipeline, at, Move { to: present + 1, threshold: next.enter, reason, resting: false }, now);
            present += 1;
        }
    }

    /// Makes a decided move: the stage score begins anew.
    fn go(&mut self, plan: &Plan, pipeline: &Pipeline, at: usize, decided: Move, now: Timestamp) {
        let target = &pipeline.stages[decided.to];
        let old = self.state.plans[at].stage.as_ref().map_or(Level::None, |stage| Level::Stage(stage.stage));
        let new = Level::Stage(target.name);
        self.push_stage_edge(plan, at, (old, new), decided.threshold, decided.reason, now);
        self.state.plans[at].stage = Some(entered(target, now, self.state.booked, decided.resting));
    }

    /// The score that stages are entered and left by.
    fn stage_score(&self, plan: &Plan, pipeline: &Pipeline, now: Timestamp) -> Points {
        Scores { state: self.state, plans: self.plans, now }.read(plan, &pipeline.by)
    }

    fn stage_condition(&self, plan: &Plan, when: &Expr, now: Timestamp) -> bool {
        when.eval_bool(&self.scope(plan, None, now)).unwrap_or(false)
    }

    /// Notes a change of stage, with the score as it was read: before the new stage begins it anew.
    pub(crate) fn push_stage_edge(
        &mut self,
        plan: &Plan,
        at: usize,
        (old, new): (Level, Level),
        threshold: Option<Points>,
        reason: Reason,
        now: Timestamp,
    ) {
        let by = plan.pipeline.as_ref().map_or(ScoreRef::Stage(None), |pipeline| pipeline.by.clone());
        let score = Scores { state: self.state, plans: self.plans, now }.read(plan, &by);
        let left = self.state.plans[at].stage.as_ref().map(|stage| (stage.first_contribution, stage.points.clone()));
        let subject = SubjectId::Stage(plan.id);
        let score = Some((by, score));
        self.buffers.edges.push(Edge { subject, old, new, since: now, score, left, threshold, reason, silent: false });
    }

    fn push_silent_stage(&mut self, plan: &Plan, old: Level, new: Level, now: Timestamp) {
        self.buffers.edges.push(Edge {
            subject: SubjectId::Stage(plan.id),
            old,
            new,
            since: now,
            score: None,
            left: None,
            threshold: None,
            reason: Reason::Plan,
            silent: true,
        });
    }
}

/// A stage just entered.
pub(crate) fn entered(stage: &Stage, now: Timestamp, booked: u64, resting: bool) -> StageState {
    let (stage, points) = (stage.name, Sum::default());
    StageState {
        stage,
        entered: now,
        points,
        first_contribution: booked,
        armed: false,
        resting,
        may_advance: false,
        by_feedback: false,
    }
}
