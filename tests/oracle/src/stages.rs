//! Stages: leaving first, else advancing (S26, S36, S37).
//!
//! Invariants: a leave and an advance never share a step; each stage entered or left is an edge of its own, save for the first stage,
//! which is entered in silence.

use crate::edge::{DerivedType, Edge, Level};
use crate::firing::earned;
use crate::levels::Settling;
use crate::number::Thousandths;
use crate::plan::{Pipeline, Plan, Stage, StageScore};
use crate::scores::{ScoreName, score};

/// The name under which a stage's `enter_when` is remembered.
pub(crate) fn enter_condition(stage: &str) -> String {
    format!("enter {stage}")
}

/// The name under which a stage's `leave_when` is remembered.
pub(crate) fn leave_condition(stage: &str) -> String {
    format!("leave {stage}")
}

impl Settling<'_> {
    pub(crate) fn stage(&mut self, plan: &Plan) {
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
        let earned = earned(self.state, &plan.id, self.step);
        let feedback = self.feedback_to(plan);
        let is_event = self.event.is_some();
        if let Some(stay) = self.state.plan_mut(&plan.id).stay.as_mut() {
            stay.must_earn = feedback.is_some() || stay.must_earn && !earned;
            stay.by_feedback &= !is_event;
        }
        let target = feedback.and_then(|feedback| plan.feedback.outcomes.get(&feedback.outcome));
        let present = self.state.plan(&plan.id).stay.map(|stay| stay.stage);
        if let Some(target) = target.filter(|target| Some(*target) != present.as_ref()) {
            self.move_by_feedback(plan, pipeline, target);
        } else if !self.leave(plan, pipeline) {
            self.advance(plan, pipeline);
        }
        self.arm(plan, pipeline);
    }

    /// S38: feedback enters a stage, also from a final one, and only an event makes the contact leave it (S36).
    fn move_by_feedback(&mut self, plan: &Plan, pipeline: &Pipeline, target: &str) {
        let (Some(from), Some(to)) = (self.stage_index(plan, pipeline), pipeline.index(target)) else { return };
        let derived_type = if to > from { DerivedType::StageAdvanced } else { DerivedType::StageRegressed };
        let mut edge = self.stage_edge(derived_type, plan, &pipeline.stages[from].name, target);
        edge.threshold = if to > from { pipeline.stages[to].enter } else { pipeline.stages[from].leave_below };
        edge.reason = Some("feedback".to_owned());
        self.edges.push(edge);
        self.state.enter_stage(&plan.id, target, self.instant, true);
        if let Some(stay) = self.state.plan_mut(&plan.id).stay.as_mut() {
            stay.by_feedback = true;
        }
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
        let stay = memory.stay.filter(|stay| !stay.by_feedback)?;
        if stay.armed && stage.leave_below.is_some_and(|below| self.value(plan) < below) {
            return Some("leave_below");
        }
        if self.state.condition(&plan.id, &leave_condition(&stage.name)) {
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
        let must_earn = self.state.plan(&plan.id).stay.is_some_and(|stay| stay.must_earn);
        (next.enter.is_some() || next.enter_when.is_some())
            && next.enter.is_none_or(|enter| self.value(plan) >= enter)
            && (next.enter_when.is_none() || self.state.condition(&plan.id, &enter_condition(&next.name)))
            && !self.state.condition(&plan.id, &leave_condition(&next.name))
            && !must_earn
    }

    fn stage_index(&self, plan: &Plan, pipeline: &Pipeline) -> Option<usize> {
        pipeline.index(&self.state.plan(&plan.id).stay?.stage)
    }

    fn stage_edge(&self, derived_type: DerivedType, plan: &Plan, old: &str, new: &str) -> Edge {
        let (old, new) = (Level::Named(old.to_owned()), Level::Named(new.to_owned()));
        self.edge(derived_type, Some(plan), "stage".to_owned(), old, new, &self.stage_score(plan))
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
