//! Bands and grades (S27, S28): levels that follow scores alone, of members; everybody else is cold and has no grade.

use crate::contact::{Level, NamedLevel, SubjectId};
use crate::derived::Reason;
use crate::expr::ScoreRef;
use crate::fold::levels::Edge;
use crate::fold::step::Stepper;
use crate::plan::Plan;
use crate::points::Points;
use crate::scores::Scores;
use crate::time::Timestamp;
use crate::word::Word;

impl Stepper<'_> {
    /// The band of one plan after the step's bookings.
    pub(crate) fn settle_band(&mut self, plan: &Plan, at: usize, now: Timestamp) {
        let held = &self.state.plans[at];
        let present = held.band();
        let bands = plan.bands.as_ref().filter(|_| held.member);
        if bands.is_none() && present.is_none() {
            return;
        }
        let score = self.plan_score(plan, now);
        let next = bands.and_then(|bands| bands.band(present, score));
        if next == present {
            return;
        }
        let threshold = plan.bands.as_ref().and_then(|bands| bands.threshold(present, next));
        let reason = self.why(plan.bands.is_some(), at);
        let levels = (Level::band(present), Level::band(next));
        let read = Some((ScoreRef::Plan(None), score));
        self.buffers.edges.push(named_edge(SubjectId::Band(plan.id), levels, (read, threshold), reason, now));
        self.state.plans[at].standing_mut().band = NamedLevel { name: next, since: Some(now) };
    }

    /// The grade of one plan after the step's bookings.
    pub(crate) fn settle_grade(&mut self, plan: &Plan, at: usize, now: Timestamp) {
        let held = &self.state.plans[at];
        let present = held.standing.as_ref().and_then(|standing| standing.grade.name);
        let grade = plan.grade.as_ref().filter(|_| held.member);
        if grade.is_none() && present.is_none() {
            return;
        }
        let next = grade.map(|grade| grade.grade(held.fit, held.engagement.at(now)));
        if next == present {
            return;
        }
        let reason = self.why(plan.grade.is_some(), at);
        let levels = (Level::named(present), Level::named(next));
        let read = Some((ScoreRef::Plan(None), self.plan_score(plan, now)));
        self.buffers.edges.push(named_edge(SubjectId::Grade(plan.id), levels, (read, None), reason, now));
        self.state.plans[at].standing_mut().grade = NamedLevel { name: next, since: Some(now) };
    }

    /// The band is cold and the grade none in a plan that is not in force any more (S47).
    pub(crate) fn retire_standing(&mut self, at: usize, now: Timestamp) {
        let held = &self.state.plans[at];
        let Some(standing) = &held.standing else { return };
        let (plan, band, grade, owner) = (held.plan, standing.band.name, standing.grade.name, standing.owner.name);
        let gone = NamedLevel { name: None, since: Some(now) };
        if band.is_some() {
            self.push_plan_edge(SubjectId::Band(plan), Level::band(band), Level::cold(), now);
            self.state.plans[at].standing_mut().band = gone;
        }
        if grade.is_some() {
            self.push_plan_edge(SubjectId::Grade(plan), Level::named(grade), Level::None, now);
            self.state.plans[at].standing_mut().grade = gone;
        }
        if owner.is_some() {
            self.lose_owner(plan, at, now);
        }
    }

    pub(crate) fn plan_score(&self, plan: &Plan, now: Timestamp) -> Points {
        Scores { state: self.state, plans: self.plans, now }.plan(plan)
    }

    /// Why a band or a grade is another one.
    fn why(&self, is_stated: bool, at: usize) -> Reason {
        if !is_stated {
            Reason::Plan
        } else if self.state.plans[at].member {
            Reason::Score
        } else {
            Reason::NotMember
        }
    }
}

/// A change of a level that has a name.
pub(crate) fn named_edge(
    subject: SubjectId,
    (old, new): (Level, Level),
    (score, threshold): (Option<(ScoreRef, Points)>, Option<Points>),
    reason: Reason,
    now: Timestamp,
) -> Edge {
    Edge { subject, old, new, since: now, score, left: None, threshold, reason, silent: false }
}

/// The band that a level names; cold is none.
pub(crate) fn band_of(level: &Level) -> Option<Word> {
    match level {
        Level::Named(name) if *level != Level::cold() => Some(*name),
        _ => None,
    }
}
