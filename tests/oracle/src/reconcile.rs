//! What a late command corrects: one event per subject from the level announced to the level now (S41, S42, S43).
//!
//! Never numbers. Invariant: once the edges are announced, what was announced is what the fold says.

use std::collections::{BTreeMap, BTreeSet};

use crate::bands::{COLD, band_threshold};
use crate::derived::Announcements;
use crate::edge::{DerivedType, Edge, Level};
use crate::levels::off_reason;
use crate::plan::{Action, Plan};
use crate::scores::{Boundary, PlanSet, ScoreName, largest, score};
use crate::stages::stage_score_name;
use crate::state::{Cause, State};

/// What a reconciliation reads.
struct Reconciling<'a> {
    announced: &'a Announcements,
    state: &'a State,
    plans: &'a PlanSet,
    cause: &'a Cause,
    tau: i64,
    boundary: Boundary,
}

/// S41: one edge from the announced level to the level now for each subject where they differ, in the order of S39.
pub(crate) fn reconcile(
    announced: &Announcements,
    state: &State,
    (plans, past): (&PlanSet, &PlanSet),
    cause: &Cause,
    tau: i64,
    boundary: Boundary,
) -> Vec<Edge> {
    let reconciling = Reconciling { announced, state, plans, cause, tau, boundary };
    let announced_tags = announced.of.keys().filter_map(|(_, subject)| subject.strip_prefix("tag:"));
    let tags: BTreeSet<&str> = announced_tags.chain(state.tags.keys().map(String::as_str)).collect();
    let mut edges: Vec<Edge> = tags.into_iter().filter_map(|tag| reconciling.tag(tag)).collect();
    let all: BTreeMap<&String, &Plan> = past.iter().chain(plans).collect();
    for (id, plan) in all {
        let told = edges.len();
        edges.extend(reconciling.band(plan));
        edges.extend(reconciling.grade(plan));
        edges.extend(reconciling.stage(plan));
        edges.extend(reconciling.qualify(plan));
        edges.extend(reconciling.route(plan));
        edges.extend(reconciling.actions(plan));
        if !plans.contains_key(id) {
            edges[told..].iter_mut().for_each(|edge| edge.reason = Some("plan".to_owned()));
        }
    }
    edges
}

impl Reconciling<'_> {
    fn announced(&self, plan: &str, subject: &str) -> Option<Level> {
        self.announced.level(plan, subject).cloned()
    }

    fn band(&self, plan: &Plan) -> Option<Edge> {
        let memory = self.state.plan(&plan.id);
        let cold = || Level::Named(COLD.to_owned());
        let old = self.announced(&plan.id, "band").unwrap_or_else(cold);
        let new = memory.band.clone().map_or_else(cold, Level::Named);
        let name = |level: &Level| match level {
            Level::Named(name) => Some(name.clone()),
            _ => None,
        };
        let threshold = band_threshold(plan, name(&old).as_deref(), name(&new).as_deref());
        let read = ScoreName::Plan(plan.id.clone());
        let changed = (old != new).then_some((old, new))?;
        let mut edge =
            self.edge(DerivedType::BandChanged, Some(plan), "band".to_owned(), changed, memory.band_since, &read);
        edge.threshold = threshold;
        Some(edge)
    }

    fn grade(&self, plan: &Plan) -> Option<Edge> {
        let memory = self.state.plan(&plan.id);
        let old = self.announced(&plan.id, "grade").unwrap_or(Level::None);
        let new = memory.grade.clone().map_or(Level::None, Level::Named);
        let read = ScoreName::Plan(plan.id.clone());
        let changed = (old != new).then_some((old, new))?;
        Some(self.edge(DerivedType::GradeChanged, Some(plan), "grade".to_owned(), changed, memory.grade_since, &read))
    }

    /// An owner that is set and is another one than the announced. An owner that was lost is lost in silence.
    fn route(&self, plan: &Plan) -> Option<Edge> {
        let memory = self.state.plan(&plan.id);
        let old = self.announced(&plan.id, "route").unwrap_or(Level::None);
        let new = Level::Named(memory.owner.clone()?);
        let read = plan.qualify.as_ref().and_then(|qualify| ScoreName::of_threshold(&qualify.score, &plan.id));
        let read = read.unwrap_or_else(|| ScoreName::Plan(plan.id.clone()));
        let changed = (old != new).then_some((old, new))?;
        Some(self.edge(DerivedType::LeadRouted, Some(plan), "route".to_owned(), changed, memory.owner_since, &read))
    }

    /// S42: one for each action counted more often than announced.
    fn actions(&self, plan: &Plan) -> Vec<Edge> {
        let memory = self.state.plan(&plan.id);
        let edge = |action: &Action| {
            let subject = format!("action:{}", action.id);
            let counted = memory.actions.get(&action.id)?;
            let announced = self.announced.count(&plan.id, &subject);
            let read = ScoreName::of_threshold(&action.score, &plan.id)?;
            let levels = (Level::Count(announced), Level::Count(counted.count));
            let changed = (counted.count > announced).then_some(levels)?;
            let mut edge = self.edge(DerivedType::ActionRequested, Some(plan), subject, changed, counted.since, &read);
            edge.threshold = Some(action.at);
            Some(edge)
        };
        plan.actions.iter().filter_map(edge).collect()
    }

    fn tag(&self, tag: &str) -> Option<Edge> {
        let subject = format!("tag:{tag}");
        let old = self.announced("", &subject) == Some(Level::Is(true));
        let new = self.state.has_tag(tag);
        let since = self.state.tags.get(tag).map(|tag| tag.since);
        let derived_type = if new { DerivedType::TagAdded } else { DerivedType::TagRemoved };
        let levels = (Level::Is(old), Level::Is(new));
        let read = ScoreName::Tag(tag.to_owned());
        (old != new).then(|| self.edge(derived_type, None, subject, levels, since, &read))
    }

    fn qualify(&self, plan: &Plan) -> Option<Edge> {
        let memory = self.state.plan(&plan.id);
        let old = self.announced(&plan.id, "qualify") == Some(Level::Is(true));
        let new = memory.qualified;
        let derived_type = if new { DerivedType::LeadQualified } else { DerivedType::LeadDisqualified };
        let levels = (Level::Is(old), Level::Is(new));
        let read = plan.qualify.as_ref().and_then(|qualify| ScoreName::of_threshold(&qualify.score, &plan.id));
        let read = read.unwrap_or_else(|| ScoreName::Plan(plan.id.clone()));
        let mut edge = self.edge(derived_type, Some(plan), "qualify".to_owned(), levels, memory.qualified_since, &read);
        if let Some(qualify) = &plan.qualify {
            edge.threshold = Some(if new { qualify.at } else { qualify.release });
            if !new {
                let value = score(self.state, self.plans, &read);
                let member = memory.member_since.is_some();
                edge.reason = off_reason(member, self.state.condition(&plan.id, "qualify"), value, qualify.release)
                    .map(str::to_owned);
            }
        }
        (old != new).then_some(edge)
    }

    fn stage(&self, plan: &Plan) -> Option<Edge> {
        let memory = self.state.plan(&plan.id);
        let old = self.announced(&plan.id, "stage").unwrap_or(Level::None);
        let new = memory.stay.as_ref().map_or(Level::None, |stay| Level::Named(stay.stage.clone()));
        // In order, no stage is the first one.
        let index = |level: &Level| match (level, &plan.pipeline) {
            (Level::Named(name), Some(pipeline)) => pipeline.index(name).unwrap_or(0),
            _ => 0,
        };
        let (from, to) = (index(&old), index(&new));
        if from == to {
            return None;
        }
        let since = memory.stay.as_ref().map(|stay| stay.entered).or(memory.stage_left);
        let derived_type = if to > from { DerivedType::StageAdvanced } else { DerivedType::StageRegressed };
        let read = stage_score_name(plan);
        let mut edge = self.edge(derived_type, Some(plan), "stage".to_owned(), (old, new), since, &read);
        let stages = plan.pipeline.as_ref().map_or(&[][..], |pipeline| &pipeline.stages);
        let (low, high) = (from.min(to), from.max(to));
        edge.via = stages.iter().take(high).skip(low + 1).map(|stage| stage.name.clone()).collect();
        if to < from {
            edge.via.reverse();
            edge.threshold = stages.get(from).and_then(|stage| stage.leave_below);
        } else {
            edge.threshold = stages.get(to).and_then(|stage| stage.enter);
        }
        Some(edge)
    }

    fn edge(
        &self,
        derived_type: DerivedType,
        plan: Option<&Plan>,
        subject: String,
        (old, new): (Level, Level),
        since: Option<i64>,
        read: &ScoreName,
    ) -> Edge {
        Edge {
            derived_type,
            plan: plan.map(|plan| plan.id.clone()),
            version: plan.map(|plan| plan.version.clone()),
            subject,
            time: self.tau,
            since: since.unwrap_or(self.cause.instant()),
            old,
            new,
            score: Some(score(self.state, self.plans, read)),
            threshold: None,
            cause: self.cause.clone(),
            reason: None,
            marks: Vec::new(),
            via: Vec::new(),
            contributions: largest(self.state, self.plans, read, self.boundary),
        }
    }
}
