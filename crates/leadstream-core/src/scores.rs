//! Reading scores out of a fold state (S21-S26).

use crate::contact::{PlanState, State};
use crate::expr::ScoreRef;
use crate::plan::{Plan, PlanSet};
use crate::points::Points;
use crate::time::Timestamp;

/// A state, the plans in force and an instant: what is needed to read a score.
#[derive(Clone, Copy)]
pub(crate) struct Scores<'a> {
    pub(crate) state: &'a State,
    pub(crate) plans: &'a PlanSet,
    /// When it is read: points lose their worth with time (S20).
    pub(crate) now: Timestamp,
}

impl Scores<'_> {
    /// The score that a condition or threshold of `plan` names.
    pub(crate) fn read(&self, plan: &Plan, score: &ScoreRef) -> Points {
        match score {
            ScoreRef::Plan(None) => self.plan(plan),
            ScoreRef::Plan(Some(id)) => self.named(id).map_or(Points::ZERO, |other| self.plan(other)),
            ScoreRef::Engagement => self.held(plan).map_or(Points::ZERO, |held| held.engagement.at(self.now)),
            ScoreRef::Fit => self.held(plan).map_or(Points::ZERO, |held| held.fit),
            ScoreRef::Global => self.global(),
            ScoreRef::Tag(tag) => self.read_tag(tag),
            ScoreRef::Stage(None) => self.stage(plan),
            ScoreRef::Stage(Some(id)) => self.named(id).map_or(Points::ZERO, |other| self.stage(other)),
        }
    }

    /// The score of a tag; of one that is not carried, nothing.
    pub(crate) fn read_tag(&self, tag: &str) -> Points {
        self.state.tag(tag).map_or(Points::ZERO, |tag| tag.points.at(self.now))
    }

    /// The plan score: engagement and fit, clamped (S22, S23).
    pub(crate) fn plan(&self, plan: &Plan) -> Points {
        self.held(plan).map_or(Points::ZERO, |held| clamped(plan, held.engagement.at(self.now) + held.fit))
    }

    /// The sum of the clamped scores of all plans that count globally (S24).
    pub(crate) fn global(&self) -> Points {
        self.plans.plans().iter().filter(|plan| plan.global).map(|plan| self.plan(plan)).sum()
    }

    fn stage(&self, plan: &Plan) -> Points {
        self.held(plan).and_then(|held| held.stage.as_ref()).map_or(Points::ZERO, |stage| stage.points.at(self.now))
    }

    fn held(&self, plan: &Plan) -> Option<&PlanState> {
        self.state.plan(plan.key)
    }

    fn named(&self, id: &str) -> Option<&Plan> {
        self.plans.plans().iter().find(|plan| *plan.id == *id).map(|plan| &**plan)
    }
}

/// A score inside the plan's floor and ceiling (S22).
pub(crate) fn clamped(plan: &Plan, score: Points) -> Points {
    let score = plan.limits.floor.map_or(score, |floor| score.max(floor));
    plan.limits.ceiling.map_or(score, |ceiling| score.min(ceiling))
}
