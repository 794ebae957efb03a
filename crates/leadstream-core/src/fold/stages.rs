//! Moving through a pipeline (S36, S37): the leave test first, then the advance, at most one direction in a step.

use std::sync::Arc;

use crate::contact::{Level, StageState, SubjectId};
use crate::derived::Reason;
use crate::expr::{Expr, ScoreRef};
use crate::fold::levels::Edge;
use crate::fold::step::{Stepper, last_activity};
use crate::plan::{Pipeline, Plan, Stage};
use crate::points::Points;
use crate::scores::Scores;
use crate::time::Timestamp;

/// A decided move.
struct Move {
    to: usize,
    edge_score: Option<(ScoreRef, Points)>,
    threshold: Option<Points>,
    reason: Reason,
    resting: bool,
}

impl Stepper<'_> {
    /// Enters the first stage silently (S37).
    pub(crate) fn enter_first_stage(&mut self, plan: &Plan, at: usize, now: Timestamp) {
        let Some(first) = plan.pipeline.as_ref().and_then(|pipeline| pipeline.stages.first()) else { return };
        self.state.plans[at].stage = Some(entered(first, now, self.state.booked, false));
        self.buffers.edges.push(Edge {
            subject: SubjectId::Stage(plan.id.clone()),
            old: Level::None,
            new: Level::Stage(first.name.clone()),
            since: now,
            score: None,
            threshold: None,
            reason: Reason::Plan,
            silent: true,
        });
    }

    /// The stage of one plan after the step's bookings.
    pub(crate) fn settle_stage(&mut self, index: usize, now: Timestamp) {
        let plans = self.plans;
        let plan = &plans.plans()[index];
        let Some(at) = self.plan_at(plan) else { return };
        let held = &self.state.plans[at];
        let is_member = held.member;
        let Some(pipeline) = plan.pipeline.as_ref().filter(|_| is_member) else {
            if let Some(stage) = self.state.plans[at].stage.take() {
                self.state.plans[at].stage_left = Some(now);
                let reason = if is_member { Reason::Plan } else { Reason::NotMember };
                self.push_stage_edge(plan, Level::Stage(stage.stage), Level::None, None, None, reason, now);
            }
            return;
        };
        let Some(present) = self.present_stage(plan, pipeline, at, now) else { return };
        self.arm(pipeline, at, present);
        let left = self.leave(plan, pipeline, at, present, now);
        if !left {
            self.advance(plan, pipeline, at, present, now);
        }
    }

    /// The place of the present stage. A member without a stage enters the first one silently; a stage that the plan no longer has is left for
    /// the first.
    fn present_stage(&mut self, plan: &Plan, pipeline: &Pipeline, at: usize, now: Timestamp) -> Option<usize> {
        let Some(stage) = &self.state.plans[at].stage else {
            self.enter_first_stage(plan, at, now);
            return Some(0);
        };
        if let Some(present) = pipeline.stages.iter().position(|known| known.name == stage.stage) {
            return Some(present);
        }
        let (old, new) = (stage.stage.clone(), pipeline.stages.first()?.name.clone());
        self.enter_first_stage(plan, at, now);
        self.push_stage_edge(plan, Level::Stage(old), Level::Stage(new), None, None, Reason::Plan, now);
        Some(0)
    }

    /// Notes that the stage score has reached what it must not fall below (S36).
    fn arm(&mut self, pipeline: &Pipeline, at: usize, present: usize) {
        let below = pipeline.stages[present].leave_below;
        if let (Some(stage), Some(below)) = (&mut self.state.plans[at].stage, below) {
            stage.armed |= stage.points >= below;
        }
    }

    fn leave(&mut self, plan: &Plan, pipeline: &Pipeline, at: usize, mut present: usize, now: Timestamp) -> bool {
        let mut left = false;
        while let Some(reason) = self.reason_to_leave(plan, &pipeline.stages[present], at, present, now) {
            let points = self.state.plans[at].stage.as_ref().map_or(Points::ZERO, |stage| stage.points);
            let threshold = pipeline.stages[present].leave_below;
            let edge_score = Some((ScoreRef::Stage(None), points));
            self.go(plan, pipeline, at, Move { to: present - 1, edge_score, threshold, reason, resting: true }, now);
            present -= 1;
            left = true;
        }
        left
    }

    fn reason_to_leave(&self, plan: &Plan, stage: &Stage, at: usize, present: usize, now: Timestamp) -> Option<Reason> {
        if present == 0 || stage.is_final {
            return None;
        }
        let held = self.state.plans[at].stage.as_ref()?;
        if held.armed && stage.leave_below.is_some_and(|below| held.points < below) {
            return Some(Reason::Score);
        }
        if stage.leave_when.as_ref().is_some_and(|when| self.stage_condition(plan, when, now)) {
            return Some(Reason::Condition);
        }
        let quiet_since = held.entered.max(last_activity(plan, self.state).unwrap_or(held.entered));
        stage.leave_idle.is_some_and(|idle| now >= quiet_since + idle).then_some(Reason::Idle)
    }

    fn advance(&mut self, plan: &Plan, pipeline: &Pipeline, at: usize, mut present: usize, now: Timestamp) {
        while let Some(next) = pipeline.stages.get(present + 1) {
            let Some(held) = &self.state.plans[at].stage else { return };
            if held.resting || pipeline.stages[present].is_final || (next.enter.is_none() && next.enter_when.is_none())
            {
                return;
            }
            let score = Scores { state: self.state, plans: self.plans }.read(plan, &pipeline.by);
            let enters = next.enter.is_none_or(|enter| score >= enter)
                && next.enter_when.as_ref().is_none_or(|when| self.stage_condition(plan, when, now))
                && !next.leave_when.as_ref().is_some_and(|when| self.stage_condition(plan, when, now));
            if !enters {
                return;
            }
            let reason = if next.enter.is_some() { Reason::Score } else { Reason::Condition };
            let edge_score = Some((pipeline.by.clone(), score));
            let decided = Move { to: present + 1, edge_score, threshold: next.enter, reason, resting: false };
            self.go(plan, pipeline, at, decided, now);
            present += 1;
        }
    }

    /// Makes a decided move: the stage score begins anew.
    fn go(&mut self, plan: &Plan, pipeline: &Pipeline, at: usize, decided: Move, now: Timestamp) {
        let target = &pipeline.stages[decided.to];
        let booked = self.state.booked;
        let old = self.state.plans[at].stage.replace(entered(target, now, booked, decided.resting));
        let old = old.map_or(Level::None, |stage| Level::Stage(stage.stage));
        let new = Level::Stage(target.name.clone());
        self.push_stage_edge(plan, old, new, decided.edge_score, decided.threshold, decided.reason, now);
    }

    fn stage_condition(&self, plan: &Plan, when: &Expr, now: Timestamp) -> bool {
        when.eval_bool(&self.scope(plan, None, now)).unwrap_or(false)
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of an edge, said once")]
    fn push_stage_edge(
        &mut self,
        plan: &Plan,
        old: Level,
        new: Level,
        score: Option<(ScoreRef, Points)>,
        threshold: Option<Points>,
        reason: Reason,
        now: Timestamp,
    ) {
        let subject = SubjectId::Stage(plan.id.clone());
        self.buffers.edges.push(Edge { subject, old, new, since: now, score, threshold, reason, silent: false });
    }
}

/// A stage just entered.
fn entered(stage: &Stage, now: Timestamp, booked: u64, resting: bool) -> StageState {
    let armed = stage.leave_below.is_some_and(|below| Points::ZERO >= below);
    StageState {
        stage: Arc::clone(&stage.name),
        entered: now,
        points: Points::ZERO,
        first_contribution: booked,
        armed,
        resting,
    }
}
