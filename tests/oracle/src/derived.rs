//! Derived events: numbering, ids, and the corrections after a late command (S39, S41, S43, S53, S54, S55).
//!
//! Invariant: after each command the levels announced are the levels of the fold.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::edge::{DerivedType, Edge, Level};
use crate::event::{hash, hex, length_prefixed};
use crate::levels::off_reason;
use crate::number::Thousandths;
use crate::plan::Plan;
use crate::scores::{Boundary, Contribution, PlanSet, ScoreName, largest, score};
use crate::stages::stage_score_name;
use crate::state::{Cause, State};

/// A derived event (S53).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DerivedEvent {
    /// S54, hexadecimal.
    pub id: String,
    /// The type.
    #[serde(rename = "type")]
    pub derived_type: DerivedType,
    /// The contact.
    pub contact: String,
    /// The plan; none for tags.
    pub plan: Option<String>,
    /// The plan's version in force; none for tags.
    pub version: Option<String>,
    /// `qualify`, `stage` or `tag:x`.
    pub subject: String,
    /// The number of this announcement of the subject.
    pub n: u64,
    /// The number of this derived event of the contact.
    pub seq: u64,
    /// The step's instant; tau for a correction. Milliseconds UTC.
    pub time: i64,
    /// When the level began in the fold. Milliseconds UTC.
    pub since: i64,
    /// The level before.
    pub old: Level,
    /// The level now.
    pub new: Level,
    /// The score that was read.
    pub score: Option<Thousandths>,
    /// The threshold it was compared with.
    pub threshold: Option<Thousandths>,
    /// What caused it.
    pub cause: Cause,
    /// Why a level was lost.
    pub reason: Option<String>,
    /// Sorted marks.
    pub marks: Vec<String>,
    /// For a correction: the id of the subject's last event.
    pub corrects: Option<String>,
    /// For a corrected stage: the stages passed between old and new.
    pub via: Vec<String>,
    /// The five largest contributions to the score read.
    pub contributions: Vec<Contribution>,
}

/// What was announced of a subject.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Announced {
    pub(crate) level: Option<Level>,
    pub(crate) n: u64,
    pub(crate) last_id: Option<String>,
}

/// The id of announcement `n` of a subject (S54). The plan is empty for tags.
pub fn derived_id(contact: &str, plan: &str, subject: &str, n: u64) -> String {
    hex(&hash(&[
        &length_prefixed("leadstream/1"),
        &length_prefixed(contact),
        &length_prefixed(plan),
        &length_prefixed(subject),
        &n.to_be_bytes(),
    ]))
}

/// Numbers an edge and records it as announced.
pub(crate) fn announce(
    contact: &str,
    announced: &mut BTreeMap<(String, String), Announced>,
    seq: &mut u64,
    edge: Edge,
    correction: bool,
) -> DerivedEvent {
    let plan = edge.plan.clone().unwrap_or_default();
    let entry = announced.entry((plan.clone(), edge.subject.clone())).or_default();
    entry.n += 1;
    *seq += 1;
    let id = derived_id(contact, &plan, &edge.subject, entry.n);
    let corrects = entry.last_id.replace(id.clone()).filter(|_| correction);
    entry.level = Some(edge.new.clone());
    DerivedEvent {
        id,
        derived_type: edge.derived_type,
        contact: contact.to_owned(),
        plan: edge.plan,
        version: edge.version,
        subject: edge.subject,
        n: entry.n,
        seq: *seq,
        time: edge.time,
        since: edge.since,
        old: edge.old,
        new: edge.new,
        score: edge.score,
        threshold: edge.threshold,
        cause: edge.cause,
        reason: edge.reason,
        marks: edge.marks,
        corrects,
        via: edge.via,
        contributions: edge.contributions,
    }
}

/// What a reconciliation reads.
struct Reconciling<'a> {
    announced: &'a BTreeMap<(String, String), Announced>,
    state: &'a State,
    plans: &'a PlanSet,
    cause: &'a Cause,
    tau: i64,
    boundary: Boundary,
}

/// S41: one edge from the announced level to the level now for each subject where they differ, in the order of S39.
pub(crate) fn reconcile(
    announced: &BTreeMap<(String, String), Announced>,
    state: &State,
    plans: &PlanSet,
    cause: &Cause,
    tau: i64,
    boundary: Boundary,
) -> Vec<Edge> {
    let reconciling = Reconciling { announced, state, plans, cause, tau, boundary };
    let announced_tags = announced.keys().filter_map(|(_, subject)| subject.strip_prefix("tag:"));
    let tags: BTreeSet<&str> = announced_tags.chain(state.tags.keys().map(String::as_str)).collect();
    let mut edges: Vec<Edge> = tags.into_iter().filter_map(|tag| reconciling.tag(tag)).collect();
    for plan in plans.values() {
        edges.extend(reconciling.stage(plan));
        edges.extend(reconciling.qualify(plan));
    }
    edges
}

impl Reconciling<'_> {
    fn announced(&self, plan: &str, subject: &str) -> Option<Level> {
        self.announced.get(&(plan.to_owned(), subject.to_owned()))?.level.clone()
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
