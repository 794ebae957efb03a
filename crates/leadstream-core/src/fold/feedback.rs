//! Feedback of sales (S38): what it says, the engagement that it ends, and the stage that it leads to.
//!
//! That it disqualifies, and bars from qualifying again, is part of the threshold ([`crate::fold::levels`]).

use std::sync::LazyLock;

use crate::contact::Level;
use crate::decay::Sum;
use crate::derived::Reason;
use crate::event::{Event, EventKind, Value};
use crate::fold::step::Stepper;
use crate::id::Name;
use crate::plan::{FeedbackOutcome, Pipeline, Plan};
use crate::time::Timestamp;

/// What an event says as feedback.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Feedback {
    pub(crate) outcome: FeedbackOutcome,
    /// The only plan that it concerns; `None`: all.
    plan: Option<Name>,
}

/// What the step under way is, as levels want to know it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Heard {
    /// The step is an event.
    pub(crate) is_event: bool,
    /// The event is feedback.
    feedback: Option<Feedback>,
}

static OUTCOME: LazyLock<Name> = LazyLock::new(|| Name::of("outcome"));
static PLAN: LazyLock<Name> = LazyLock::new(|| Name::of("plan"));

impl Heard {
    /// A step of a timer.
    pub(crate) const TIMER: Heard = Heard { is_event: false, feedback: None };

    /// An event; one that is no feedback, or another outcome than there are, says nothing.
    pub(crate) fn of(event: &Event) -> Heard {
        Heard { is_event: true, feedback: if event.kind == EventKind::Feedback { said(event) } else { None } }
    }

    /// What is said to a plan.
    pub(crate) fn feedback_to(self, plan: &Plan) -> Option<Feedback> {
        self.feedback.filter(|feedback| feedback.plan.is_none_or(|named| named == plan.key))
    }
}

fn said(event: &Event) -> Option<Feedback> {
    let Some(Value::Text(outcome)) = event.properties.get(*OUTCOME) else { return None };
    let plan = match event.properties.get(*PLAN) {
        Some(Value::Text(plan)) => Some(Name::of(plan)),
        _ => None,
    };
    Some(Feedback { outcome: FeedbackOutcome::of(outcome)?, plan })
}

impl Stepper<'_> {
    /// Notes what the step's event says, and ends the engagement that feedback ends, before anything of the step reads it (S7, S38).
    pub(crate) fn hear(&mut self, event: &Event) {
        self.buffers.heard = Heard::of(event);
        if event.kind != EventKind::Feedback {
            return;
        }
        let plans = self.plans;
        for plan in plans.plans().iter().filter(|plan| !plan.feedback.keeps) {
            let Some(at) = self.plan_at(plan).filter(|_| self.buffers.heard.feedback_to(plan).is_some()) else {
                continue;
            };
            let booked = self.state.booked;
            let held = &mut self.state.plans[at];
            (held.engagement, held.first_contribution) = (Sum::default(), booked);
            if let Some(stage) = &mut held.stage {
                (stage.points, stage.first_contribution) = (Sum::default(), booked);
            }
        }
    }

    /// Enters the stage that feedback leads to, also out of a final one. Returns whether it did.
    pub(crate) fn follow_feedback(
        &mut self,
        plan: &Plan,
        pipeline: &Pipeline,
        at: usize,
        present: usize,
        now: Timestamp,
    ) -> bool {
        let feedback = self.buffers.heard.feedback_to(plan);
        let is_event = self.buffers.heard.is_event;
        if let Some(stage) = &mut self.state.plans[at].stage {
            // After feedback interest is earned anew before the next advance (S37); with any event, a stage may be left again (S36).
            stage.resting |= feedback.is_some();
            stage.by_feedback &= !is_event;
        }
        let target = feedback.and_then(|feedback| plan.feedback.stage(feedback.outcome));
        let place = |name| pipeline.stages.iter().position(|stage| stage.name == name);
        let Some(target) = target.and_then(place).filter(|target| *target != present) else { return false };
        let threshold =
            if target > present { pipeline.stages[target].enter } else { pipeline.stages[present].leave_below };
        let stage = &pipeline.stages[target];
        let levels = (Level::Stage(pipeline.stages[present].name), Level::Stage(stage.name));
        self.push_stage_edge(plan, at, levels, threshold, Reason::Feedback, now);
        let mut entered = super::stages::entered(stage, now, self.state.booked, true);
        entered.by_feedback = true;
        self.state.plans[at].stage = Some(entered);
        true
    }

    /// Notes at the threshold what feedback has left (S38). Returns whether this step is feedback to the plan.
    pub(crate) fn note_feedback(&mut self, plan: &Plan, at: usize, now: Timestamp) -> bool {
        let is_said = self.buffers.heard.feedback_to(plan).is_some();
        if is_said {
            self.state.plans[at].standing_mut().feedback =
                Some(crate::contact::FeedbackState { at: now, barred: true });
        }
        is_said
    }
}
