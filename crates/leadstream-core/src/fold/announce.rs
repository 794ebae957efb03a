//! Telling the world: derived events out of edges, with ids, numbers and reasons (S39-S43, S53-S55).

use std::sync::Arc;

use crate::contact::{Announced, Cause, Contact, Contribution, Dimension, FitPoints, Level, SubjectId};
use crate::derived::{ContributionLine, DerivedCause, DerivedEvent, DerivedKind, Mark};
use crate::expr::ScoreRef;
use crate::fold::levels::Edge;
use crate::id::{Hash, Hasher};
use crate::plan::{Plan, PlanSet};
use crate::points::Points;
use crate::time::Timestamp;

/// How many contributions a derived event shows (S53).
pub const CONTRIBUTIONS_SHOWN: usize = 5;

/// What is common to the derived events of one step or reconciliation.
pub(crate) struct Announcement<'a> {
    pub(crate) plans: &'a PlanSet,
    pub(crate) cause: DerivedCause,
    /// The step's instant; corrections: tau (S43).
    pub(crate) time: Timestamp,
    pub(crate) marks: &'a [Mark],
    /// A correction names the derived event it corrects.
    pub(crate) corrects: bool,
}

impl Announcement<'_> {
    /// Announces one edge of a contact. What happened silently only moves the announced level.
    pub(crate) fn tell(&self, contact: &mut Contact, edge: &Edge, via: Vec<Arc<str>>, out: &mut Vec<DerivedEvent>) {
        if edge.silent {
            contact.announced.subject_mut(&edge.subject).level = edge.new.clone();
            return;
        }
        let contributions = match &edge.score {
            Some((score, _)) => largest_contributions(contact, self.plans, edge, score),
            None => Vec::new(),
        };
        let plan = match &edge.subject {
            SubjectId::Tag(_) => None,
            SubjectId::Stage(plan) | SubjectId::Qualify(plan) => Some(plan.clone()),
        };
        let in_force = plan.as_ref().and_then(|id| self.plans.plans().iter().find(|plan| plan.id == *id));
        let kind = self.kind(edge, in_force.map(|plan| &**plan));
        let (n, id, last_id) = number(&mut contact.announced, &contact.id, edge);
        let announced = &mut contact.announced;
        announced.seq += 1;
        let time = announced.time.map_or(self.time, |last| last.max(self.time));
        announced.time = Some(time);
        out.push(DerivedEvent {
            id,
            kind,
            contact: contact.id.clone(),
            version: in_force.map(|plan| plan.version),
            plan,
            subject: edge.subject.name(),
            n,
            seq: announced.seq,
            time,
            since: edge.since,
            old: edge.old.clone(),
            new: edge.new.clone(),
            score: edge.score.as_ref().map(|(_, points)| *points),
            threshold: edge.threshold,
            cause: self.cause.clone(),
            reason: edge.reason,
            marks: self.marks.to_vec(),
            corrects: if self.corrects { last_id } else { None },
            via,
            contributions,
        });
    }

    fn kind(&self, edge: &Edge, plan: Option<&Plan>) -> DerivedKind {
        match &edge.subject {
            SubjectId::Tag(_) if edge.new == Level::On => DerivedKind::TagAdded,
            SubjectId::Tag(_) => DerivedKind::TagRemoved,
            SubjectId::Qualify(_) if edge.new == Level::On => DerivedKind::LeadQualified,
            SubjectId::Qualify(_) => DerivedKind::LeadDisqualified,
            SubjectId::Stage(_) => {
                if stage_place(plan, &edge.new) > stage_place(plan, &edge.old) {
                    DerivedKind::StageAdvanced
                } else {
                    DerivedKind::StageRegressed
                }
            }
        }
    }
}

/// The rank of a stage in its pipeline; no stage, and one that the plan does not have, rank as the first (S23, S45).
pub(crate) fn stage_place(plan: Option<&Plan>, level: &Level) -> usize {
    let Level::Stage(name) = level else { return 0 };
    let stages = plan.and_then(|plan| plan.pipeline.as_ref()).map(|pipeline| &pipeline.stages);
    stages.and_then(|stages| stages.iter().position(|stage| stage.name == *name)).unwrap_or(0)
}

/// Counts one more announcement of a subject (S54). Returns its number, its id and the id of the one before.
fn number(announced: &mut Announced, contact: &str, edge: &Edge) -> (u64, Hash, Option<Hash>) {
    let state = announced.subject_mut(&edge.subject);
    let before = (state.n > 0).then_some(state.last_id);
    state.n += 1;
    state.level = edge.new.clone();
    let subject = edge.subject.name();
    state.last_id = Hasher::new()
        .text("leadstream/1")
        .text(contact)
        .text(edge.subject.plan())
        .text(&subject)
        .number(state.n)
        .finish();
    (state.n, state.last_id, before)
}

/// The contributions with the largest value now in the score that was read; ties by time, uid and rule (S53).
fn largest_contributions(contact: &Contact, plans: &PlanSet, edge: &Edge, score: &ScoreRef) -> Vec<ContributionLine> {
    let mut lines = score_lines(contact, plans, edge, score);
    lines.retain(|line| line.value != Points::ZERO);
    lines.sort_by(|a, b| {
        let size = |line: &ContributionLine| std::cmp::Reverse(line.value.thousandths().unsigned_abs());
        size(a).cmp(&size(b)).then_with(|| line_order(a).cmp(&line_order(b)))
    });
    lines.truncate(CONTRIBUTIONS_SHOWN);
    lines
}

fn line_order(line: &ContributionLine) -> (Timestamp, Option<crate::id::Uid>, &str, &str) {
    (line.time, line.uid, &line.rule, &line.plan)
}

/// Every contribution to a score, fit rules first.
fn score_lines(contact: &Contact, plans: &PlanSet, edge: &Edge, score: &ScoreRef) -> Vec<ContributionLine> {
    let plan_of = |id: &str| plans.plans().iter().find(|plan| *plan.id == *id).map(|plan| &**plan);
    let asking = plan_of(edge.subject.plan());
    let plan_lines = |plan: Option<&Plan>, fit: bool, engagement: bool| {
        let Some(plan) = plan else { return Vec::new() };
        let mut lines = if fit { fit_lines(contact, plan) } else { Vec::new() };
        if engagement {
            let first = contact.state.plan(plan.key).map_or(u64::MAX, |held| held.first_contribution);
            lines.extend(booked_lines(contact, plan, first));
        }
        lines
    };
    match score {
        ScoreRef::Plan(None) => plan_lines(asking, true, true),
        ScoreRef::Plan(Some(id)) => plan_lines(plan_of(id), true, true),
        ScoreRef::Engagement => plan_lines(asking, false, true),
        ScoreRef::Fit => plan_lines(asking, true, false),
        ScoreRef::Global => plans
            .plans()
            .iter()
            .filter(|plan| plan.global)
            .flat_map(|plan| plan_lines(Some(plan), true, true))
            .collect(),
        ScoreRef::Stage(id) => {
            let plan = id.as_ref().map_or(asking, |id| plan_of(id));
            let Some(plan) = plan else { return Vec::new() };
            // The advancing points belong to the stage that was left: its contributions are shown (S26).
            let held = contact.state.plan(plan.key).and_then(|held| held.stage.as_ref());
            let first = edge.stage_first.or(held.map(|stage| stage.first_contribution)).unwrap_or(u64::MAX);
            booked_lines(contact, plan, first).collect()
        }
        ScoreRef::Tag(tag) => {
            let first = contact.state.tag(tag).map_or(u64::MAX, |held| held.first_contribution);
            let in_tag = |c: &&Contribution| matches!(&c.dimension, Dimension::Tag(known) if known == tag);
            contact.ledger.since(first).iter().filter(in_tag).filter_map(|c| line(contact, c)).collect()
        }
    }
}

fn booked_lines<'a>(contact: &'a Contact, plan: &'a Plan, first: u64) -> impl Iterator<Item = ContributionLine> + 'a {
    let of_plan = move |c: &&Contribution| {
        c.dimension == Dimension::Plan && contact.rules.get(c.rule).is_some_and(|rule| rule.plan == plan.id)
    };
    contact.ledger.since(first).iter().filter(of_plan).filter_map(|c| line(contact, c))
}

fn line(contact: &Contact, contribution: &Contribution) -> Option<ContributionLine> {
    let rule = contact.rules.get(contribution.rule)?;
    let uid = match contribution.cause {
        Cause::Timer => None,
        Cause::Event(uid) => Some(uid),
    };
    let row = uid.and_then(|uid| contact.rows.find(uid)).map(|at| contact.rows.as_slice()[at]);
    let event_type = row.map_or("", |row| contact.words.text(row.event_type));
    Some(ContributionLine {
        plan: rule.plan.clone(),
        rule: rule.rule.clone(),
        uid,
        event_type: Arc::from(event_type),
        time: contribution.time,
        value: contribution.applied,
    })
}

/// The fit rules of a plan that hold, as contributions without an event.
fn fit_lines(contact: &Contact, plan: &Plan) -> Vec<ContributionLine> {
    let rules = contact.state.plan(plan.key).map(|held| Arc::clone(&held.fit_rules)).unwrap_or_default();
    let line = |fit: &FitPoints| ContributionLine {
        plan: plan.id.clone(),
        rule: fit.rule.clone(),
        uid: None,
        event_type: Arc::from(""),
        time: Timestamp::MIN,
        value: fit.points,
    };
    rules.iter().map(line).collect()
}
