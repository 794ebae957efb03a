//! Bands, grades, routes and actions: the levels that follow scores beside stage and qualification (S27, S28, S34, S35).
//!
//! Invariants: actions are counted and never uncounted; their flags go on while the contact is no member.

use crate::edge::{DerivedType, Level};
use crate::event::{hash, length_prefixed};
use crate::levels::Settling;
use crate::number::Thousandths;
use crate::plan::{Bands, Grade, Plan, Route};
use crate::scores::{ScoreName, score};

/// The band that every contact has that has no other.
pub(crate) const COLD: &str = "cold";

impl Settling<'_> {
    /// S27: members have the band of their score, others are cold.
    pub(crate) fn band(&mut self, plan: &Plan) {
        let present = self.state.plan(&plan.id).band;
        let read = ScoreName::Plan(plan.id.clone());
        let bands = plan.bands.as_ref().filter(|_| self.state.is_member(&plan.id));
        let value = score(self.state, self.plans, &read);
        let next = bands.and_then(|bands| band_of(bands, present.as_deref(), value));
        if next == present {
            return;
        }
        let level = |band: &Option<String>| Level::Named(band.clone().unwrap_or_else(|| COLD.to_owned()));
        let (old, new) = (level(&present), level(&next));
        let mut edge = self.edge(DerivedType::BandChanged, Some(plan), "band".to_owned(), old, new, &read);
        edge.threshold = band_threshold(plan, present.as_deref(), next.as_deref());
        edge.reason = self.off_reason_of(plan, plan.bands.is_some());
        self.edges.push(edge);
        let memory = self.state.plan_mut(&plan.id);
        (memory.band, memory.band_since) = (next, Some(self.instant));
    }

    /// S28: a letter by fit and a digit by engagement; none for others than members.
    pub(crate) fn grade(&mut self, plan: &Plan) {
        let present = self.state.plan(&plan.id).grade;
        let value = |name: fn(String) -> ScoreName| score(self.state, self.plans, &name(plan.id.clone()));
        let (fit, engagement) = (value(ScoreName::Fit), value(ScoreName::Engagement));
        let grade = plan.grade.as_ref().filter(|_| self.state.is_member(&plan.id));
        let next = grade.map(|grade| grade_of(grade, fit, engagement));
        if next == present {
            return;
        }
        let level = |grade: &Option<String>| grade.clone().map_or(Level::None, Level::Named);
        let (old, new) = (level(&present), level(&next));
        let read = ScoreName::Plan(plan.id.clone());
        let mut edge = self.edge(DerivedType::GradeChanged, Some(plan), "grade".to_owned(), old, new, &read);
        edge.reason = self.off_reason_of(plan, plan.grade.is_some());
        self.edges.push(edge);
        let memory = self.state.plan_mut(&plan.id);
        (memory.grade, memory.grade_since) = (next, Some(self.instant));
    }

    /// Why a band or grade is none, where that is for another reason than a score.
    fn off_reason_of(&self, plan: &Plan, stated: bool) -> Option<String> {
        if !stated {
            return Some("plan".to_owned());
        }
        (!self.state.is_member(&plan.id)).then(|| "members".to_owned())
    }

    /// S35: routed as the contact qualifies; the owner is kept until it no longer is qualified, and lost in silence.
    pub(crate) fn route(&mut self, plan: &Plan, qualifies: bool) {
        let memory = self.state.plan(&plan.id);
        let Some(route) = plan.route.as_ref().filter(|_| memory.qualified) else {
            self.state.plan_mut(&plan.id).owner = None;
            return;
        };
        if !qualifies {
            return;
        }
        let owner = owner(self.contact, route, memory.route_by.as_deref());
        let read = plan.qualify.as_ref().and_then(|qualify| ScoreName::of_threshold(&qualify.score, &plan.id));
        let read = read.unwrap_or_else(|| ScoreName::Plan(plan.id.clone()));
        let (old, new) = (Level::None, Level::Named(owner.clone()));
        let edge = self.edge(DerivedType::LeadRouted, Some(plan), "route".to_owned(), old, new, &read);
        self.edges.push(edge);
        let memory = self.state.plan_mut(&plan.id);
        (memory.owner, memory.owner_since) = (Some(owner), Some(self.instant));
    }

    /// S34: a rise to `at` is counted; another one only after the score was below `release`, where the action re-arms.
    pub(crate) fn actions(&mut self, plan: &Plan) {
        for action in &plan.actions {
            let Some(read) = ScoreName::of_threshold(&action.score, &plan.id) else { continue };
            let value = score(self.state, self.plans, &read);
            let member = self.state.is_member(&plan.id);
            let instant = self.instant;
            let memory = self.state.plan_mut(&plan.id).actions.entry(action.id.clone()).or_default();
            memory.spent &= !(action.rearm && value < action.release);
            if !member || memory.spent || value < action.at {
                continue;
            }
            let (old, new) = (memory.count, memory.count + 1);
            (memory.count, memory.spent, memory.since) = (new, true, Some(instant));
            let subject = format!("action:{}", action.id);
            let levels = (Level::Count(old), Level::Count(new));
            let mut edge = self.edge(DerivedType::ActionRequested, Some(plan), subject, levels.0, levels.1, &read);
            edge.threshold = Some(action.at);
            self.edges.push(edge);
        }
    }
}

/// The highest band whose cut is reached, or that is not above the present one and whose cut less the margin is.
fn band_of(bands: &Bands, present: Option<&str>, value: Thousandths) -> Option<String> {
    let present = bands.cuts.iter().position(|(name, _)| Some(name.as_str()) == present);
    let reached = |(index, (_, cut)): &(usize, &(String, Thousandths))| {
        *cut <= value || present.is_some_and(|present| *index <= present) && cut - bands.margin <= value
    };
    bands.cuts.iter().enumerate().rev().find(reached).map(|(_, (name, _))| name.clone())
}

/// Upwards the cut of the new band, downwards that of the old one less the margin; none where the plan does not have the band.
pub(crate) fn band_threshold(plan: &Plan, old: Option<&str>, new: Option<&str>) -> Option<Thousandths> {
    let bands = plan.bands.as_ref()?;
    let cut =
        |name: Option<&str>| bands.cuts.iter().find(|(known, _)| Some(known.as_str()) == name).map(|(_, cut)| *cut);
    if cut(new) > cut(old) { cut(new) } else { cut(old).map(|cut| cut - bands.margin) }
}

fn grade_of(grade: &Grade, fit: Thousandths, engagement: Thousandths) -> String {
    let first = |cuts: &[(String, Thousandths)], value: Thousandths, else_name: &str| {
        cuts.iter().find(|(_, cut)| *cut <= value).map_or(else_name.to_owned(), |(name, _)| name.clone())
    };
    format!("{}{}", first(&grade.fit, fit, "D"), first(&grade.engagement, engagement, "4"))
}

/// The owner that `by` names, if it is a candidate; else the one with the greatest hash.
fn owner(contact: &str, route: &Route, by: Option<&str>) -> String {
    if let Some(named) = by.filter(|by| route.to.iter().any(|candidate| candidate == by)) {
        return named.to_owned();
    }
    let weight = |candidate: &&String| hash(&[&length_prefixed(contact), &length_prefixed(candidate)]);
    route.to.iter().max_by_key(weight).cloned().unwrap_or_default()
}
