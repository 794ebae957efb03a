//! When a score that decays crosses a threshold with no step in between (S33), to the millisecond.
//!
//! Most scores are one sum that goes one way, and it tells by itself. Where several sums, or gains and losses, meet, each of them still only falls: over any
//! span a score lies between what is left of the gains at its end less the losses at its beginning, and the other way round. A span in which no crossing can lie
//! is passed over whole; any other is halved, down to single instants, at which the bounds are the value.

use crate::contact::State;
use crate::decay::Sum;
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

/// A score that is read from one sum of at most one group.
struct Single<'a> {
    sum: &'a Sum,
    fit: Points,
    /// The plan whose limits clamp it, if any does.
    limits: Option<&'a Plan>,
}

impl Single<'_> {
    fn first(&self, from: Timestamp, wanted: impl Fn(Points) -> bool) -> Option<Timestamp> {
        let score = |worth: Points| {
            let score = self.sum.fixed + worth + self.fit;
            self.limits.map_or(score, |plan| clamped(plan, score))
        };
        match self.sum.groups().first() {
            Some(group) => group.first(from, |worth| wanted(score(worth))),
            None => wanted(score(Points::ZERO)).then_some(from),
        }
    }
}

impl<'a> Watched<'a> {
    /// The first instant, not before `from`, at which the score is at or above a threshold, or below it.
    pub(crate) fn first(self, from: Timestamp, threshold: Points, above: bool) -> Option<Timestamp> {
        match self.single() {
            Some(single) => single.first(from, |score| if above { score >= threshold } else { score < threshold }),
            None => self.first_by_bounds(from, threshold, above),
        }
    }

    /// The sum that the score is read from, where it is one whose worth goes one way: most are.
    fn single(self) -> Option<Single<'a>> {
        let held = |plan: &Plan| self.state.plan(plan.key);
        let of_plan = |plan: &'a Plan| {
            let held = held(plan)?;
            Some(Single { sum: &held.engagement, fit: held.fit, limits: Some(plan) })
        };
        let bare = |sum: &'a Sum| Single { sum, fit: Points::ZERO, limits: None };
        let single = match self.score {
            ScoreRef::Plan(None) => of_plan(self.plan)?,
            ScoreRef::Plan(Some(id)) => of_plan(self.named(id)?)?,
            ScoreRef::Engagement => bare(&held(self.plan)?.engagement),
            ScoreRef::Tag(tag) => bare(&self.state.tag(tag)?.points),
            ScoreRef::Stage(None) => bare(&held(self.plan)?.stage.as_ref()?.points),
            ScoreRef::Stage(Some(id)) => bare(&held(self.named(id)?)?.stage.as_ref()?.points),
            ScoreRef::Global | ScoreRef::Fit => return None,
        };
        let goes_one_way = match single.sum.groups() {
            [] => true,
            [group] => group.goes_one_way(),
            _ => false,
        };
        goes_one_way.then_some(single)
    }

    fn named(self, id: &str) -> Option<&'a Plan> {
        self.plans.plans().iter().find(|plan| *plan.id == *id).map(|plan| &**plan)
    }

    fn first_by_bounds(self, from: Timestamp, threshold: Points, above: bool) -> Option<Timestamp> {
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
        let nothing = (Points::ZERO, Points::ZERO);
        match self.score {
            ScoreRef::Plan(None) => self.plan_bounds(self.plan, from, until),
            ScoreRef::Plan(Some(id)) => self.named(id).map_or(nothing, |plan| self.plan_bounds(plan, from, until)),
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
            ScoreRef::Stage(Some(id)) => self.stage_bounds(self.named(id), from, until),
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
