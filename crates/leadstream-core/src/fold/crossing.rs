//! When a score that decays crosses a threshold with no step in between (S33), to the millisecond.
//!
//! Gains only fall and losses only fall, so over any span a score lies between what is left of the gains at its end less the losses at its beginning, and the
//! other way round. A span in which no crossing can lie is passed over whole; any other is halved, down to single instants, at which the bounds are the value.

use crate::contact::State;
use crate::expr::ScoreRef;
use crate::plan::{Plan, PlanSet};
use crate::points::Points;
use crate::scores::{Scores, clamped};
use crate::time::{Span, Timestamp};

/// A score of a plan, as a threshold names it.
#[derive(Clone, Copy)]
pub(crate) struct Watched<'a> {
    pub(crate) state: &'a State,
    pub(crate) plans: &'a PlanSet,
    pub(crate) plan: &'a Plan,
    pub(crate) score: &'a ScoreRef,
}

impl Watched<'_> {
    /// The first instant, not before `from`, at which the score is at or above a threshold, or below it.
    pub(crate) fn first(self, from: Timestamp, threshold: Points, above: bool) -> Option<Timestamp> {
        let end = self.state.sums().filter_map(|sum| sum.end()).max().unwrap_or(from);
        let mut spans = vec![(from, end.max(from))];
        while let Some((start, until)) = spans.pop() {
            let (least, most) = self.bounds(start, until);
            let can_be = if above { most >= threshold } else { least < threshold };
            if !can_be {
                continue;
            }
            let length = (until - start).millis();
            if length == 0 {
                return Some(start);
            }
            let middle = start + Span::from_millis(length / 2);
            spans.push((middle + Span::from_millis(1), until));
            spans.push((start, middle));
        }
        None
    }

    /// The least and the most that the score may be anywhere in a span.
    fn bounds(self, from: Timestamp, until: Timestamp) -> (Points, Points) {
        let named = |id: &str| self.plans.plans().iter().find(|plan| *plan.id == *id).map(|plan| &**plan);
        let nothing = (Points::ZERO, Points::ZERO);
        match self.score {
            ScoreRef::Plan(None) => self.plan_bounds(self.plan, from, until),
            ScoreRef::Plan(Some(id)) => named(id).map_or(nothing, |plan| self.plan_bounds(plan, from, until)),
            ScoreRef::Engagement => {
                self.state.plan(self.plan.key).map_or(nothing, |held| held.engagement.bounds(from, until))
            }
            ScoreRef::Global => {
                let plans = self.plans.plans().iter().filter(|plan| plan.global);
                plans
                    .map(|plan| self.plan_bounds(plan, from, until))
                    .fold(nothing, |sum, one| (sum.0 + one.0, sum.1 + one.1))
            }
            ScoreRef::Tag(tag) => self.state.tag(tag).map_or(nothing, |held| held.points.bounds(from, until)),
            ScoreRef::Stage(None) => self.stage_bounds(Some(self.plan), from, until),
            ScoreRef::Stage(Some(id)) => self.stage_bounds(named(id), from, until),
            ScoreRef::Fit => {
                let scores = Scores { state: self.state, plans: self.plans, now: from };
                let fit = scores.read(self.plan, self.score);
                (fit, fit)
            }
        }
    }

    fn plan_bounds(self, plan: &Plan, from: Timestamp, until: Timestamp) -> (Points, Points) {
        let Some(held) = self.state.plan(plan.key) else { return (Points::ZERO, Points::ZERO) };
        let (least, most) = held.engagement.bounds(from, until);
        (clamped(plan, least + held.fit), clamped(plan, most + held.fit))
    }

    fn stage_bounds(self, plan: Option<&Plan>, from: Timestamp, until: Timestamp) -> (Points, Points) {
        let stage = plan.and_then(|plan| self.state.plan(plan.key)).and_then(|held| held.stage.as_ref());
        stage.map_or((Points::ZERO, Points::ZERO), |stage| stage.points.bounds(from, until))
    }
}
