//! Telling the world: derived events out of edges, with ids, numbers and reasons (S39-S43, S53-S55).

use std::borrow::Cow;
use std::cmp::Reverse;
use std::sync::Arc;

use crate::contact::{Announced, Contact, Dimension, FitPoints, Level, RuleName, SubjectId};
use crate::decay::Sum;
use crate::derived::{ContributionLine, DerivedCause, DerivedEvent, DerivedKind, Mark};
use crate::expr::ScoreRef;
use crate::fold::levels::Edge;
use crate::fold::spelling;
use crate::id::{Hash, Hasher, Uid};
use crate::plan::{Plan, PlanSet, Request};
use crate::time::Timestamp;
use crate::valued::{Valued, valued};
use crate::word::Word;

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
    pub(crate) fn tell(&self, contact: &mut Contact, edge: &Edge, via: Vec<Word>, out: &mut Vec<DerivedEvent>) {
        if edge.silent {
            contact.announced.subject_mut(&edge.subject).level = edge.new.clone();
            return;
        }
        let Some(old) = self.announced_before(contact, edge) else { return };
        let contributions = match &edge.score {
            Some((score, _)) => largest_contributions(contact, self.plans, edge, score, self.time),
            None => Vec::new(),
        };
        let plan = edge.subject.plan_word();
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
            old,
            new: edge.new.clone(),
            score: edge.score.as_ref().map(|(_, points)| *points),
            threshold: edge.threshold,
            cause: self.cause.clone(),
            reason: edge.reason,
            marks: self.marks.to_vec(),
            corrects: if self.corrects { last_id } else { None },
            via,
            contributions,
            request: request(&edge.subject, in_force.map(|plan| &**plan)),
        });
    }

    /// The level before an edge, as the world knows it; `None` where an action was told of as often already, since it cannot be unsent (S42).
    fn announced_before(&self, contact: &Contact, edge: &Edge) -> Option<Level> {
        let Level::Count(count) = edge.new else { return Some(edge.old.clone()) };
        let told = match contact.announced.subject(&edge.subject).map(|state| &state.level) {
            Some(Level::Count(told)) => *told,
            _ => 0,
        };
        (count > told).then_some(Level::Count(told))
    }

    fn kind(&self, edge: &Edge, plan: Option<&Plan>) -> DerivedKind {
        match &edge.subject {
            SubjectId::Tag(_) if edge.new == Level::On => DerivedKind::TagAdded,
            SubjectId::Tag(_) => DerivedKind::TagRemoved,
            SubjectId::Qualify(_) if edge.new == Level::On => DerivedKind::LeadQualified,
            SubjectId::Qualify(_) => DerivedKind::LeadDisqualified,
            SubjectId::Band(_) => DerivedKind::BandChanged,
            SubjectId::Grade(_) => DerivedKind::GradeChanged,
            SubjectId::Route(_) => DerivedKind::LeadRouted,
            SubjectId::Action(..) => DerivedKind::ActionRequested,
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

/// What an action asks for, where the plan in force has it.
fn request(subject: &SubjectId, plan: Option<&Plan>) -> Option<Arc<Request>> {
    let SubjectId::Action(_, id) = subject else { return None };
    let action = plan?.actions.iter().find(|action| action.id == *id)?;
    Some(Arc::clone(&action.request))
}

/// The rank of a stage in its pipeline; no stage, and one that the plan does not have, rank as the first (S23, S45).
pub(crate) fn stage_place(plan: Option<&Plan>, level: &Level) -> usize {
    let Level::Stage(name) = level else { return 0 };
    let stages = plan.and_then(|plan| plan.pipeline.as_ref()).map(|pipeline| &pipeline.stages);
    stages.and_then(|stages| stages.iter().position(|stage| stage.name == *name)).unwrap_or(0)
}

/// Counts one more announcement of a subject (S54). Returns its number, its id and the id of the one before.
fn number(announced: &mut Announced, contact: &str, edge: &Edge) -> (u64, Hash, Option<Hash>) {
    let n = announced.count(&edge.subject, edge.new.clone());
    let subject = edge.subject.name();
    let id =
        Hasher::new().text("leadstream/1").text(contact).text(edge.subject.plan()).text(&subject).number(n).finish();
    let state = announced.subject_mut(&edge.subject);
    let before = (state.last_id != Hash::default()).then_some(state.last_id);
    state.last_id = id;
    (n, id, before)
}

/// The contributions with the largest value now in the score that was read; ties by time, uid and rule (S53).
///
/// Most edges have far more contributions than are shown: the largest are chosen among references, and only they are put into words.
fn largest_contributions(
    contact: &Contact,
    plans: &PlanSet,
    edge: &Edge,
    score: &ScoreRef,
    now: Timestamp,
) -> Vec<ContributionLine> {
    let mut largest = Largest { contact, now, parts: Vec::with_capacity(CONTRIBUTIONS_SHOWN + 1) };
    let plan_of = |id: &str| plans.plans().iter().find(|plan| *plan.id == *id).map(|plan| &**plan);
    let asking = plan_of(edge.subject.plan());
    match score {
        ScoreRef::Plan(None) => largest.offer_plan(asking, true, true),
        ScoreRef::Plan(Some(id)) => largest.offer_plan(plan_of(id), true, true),
        ScoreRef::Engagement => largest.offer_plan(asking, false, true),
        ScoreRef::Fit => largest.offer_plan(asking, true, false),
        ScoreRef::Global => {
            plans.plans().iter().filter(|plan| plan.global).for_each(|plan| largest.offer_plan(Some(plan), true, true));
        }
        ScoreRef::Stage(id) => {
            // The advancing points belong to the stage that was left: its contributions are shown (S26).
            if let Some(plan) = id.as_ref().map_or(asking, |id| plan_of(id)) {
                let held = contact.state.plan(plan.key).and_then(|held| held.stage.as_ref());
                let held = held.map(|stage| (stage.first_contribution, &stage.points));
                let (first, sum) = edge.left.as_ref().map(|(first, sum)| (*first, sum)).or(held).unzip();
                largest.offer_booked(plan, first.unwrap_or(u64::MAX), sum);
            }
        }
        ScoreRef::Tag(tag) => {
            let held = contact.state.tag(tag);
            let first = held.map_or(u64::MAX, |held| held.first_contribution);
            largest.offer_where(
                first,
                held.map(|held| &held.points),
                |rule| matches!(&rule.dimension, Dimension::Tag(known) if known == tag),
            );
        }
    }
    largest.parts.iter().filter_map(|part| part.line(contact, largest.now)).collect()
}

/// The largest parts offered so far, largest first.
struct Largest<'a> {
    contact: &'a Contact,
    now: Timestamp,
    parts: Vec<Part<'a>>,
}

/// A part of a score.
#[derive(Clone, Copy)]
enum Part<'a> {
    /// A fit rule of a plan that holds.
    Fit(&'a Plan, &'a FitPoints),
    /// A booking.
    Booked(Valued<'a>),
}

impl<'a> Largest<'a> {
    fn offer_plan(&mut self, plan: Option<&'a Plan>, fit: bool, engagement: bool) {
        let Some(plan) = plan else { return };
        let Some(held) = self.contact.state.plan(plan.key) else { return };
        if fit {
            held.fit_rules.iter().for_each(|rule| self.offer(Part::Fit(plan, rule)));
        }
        if engagement {
            self.offer_booked(plan, held.first_contribution, Some(&held.engagement));
        }
    }

    fn offer_booked(&mut self, plan: &Plan, first: u64, sum: Option<&Sum>) {
        self.offer_where(first, sum, |rule| rule.dimension == Dimension::Plan && rule.plan == plan.id);
    }

    /// Offers the bookings from an ordinal on whose entry in the table of rules is wanted. The table is short: it is asked first, so that a long
    /// ledger is passed over by small numbers.
    fn offer_where(&mut self, first: u64, sum: Option<&Sum>, wanted: impl Fn(&RuleName) -> bool) {
        let contact = self.contact;
        let wanted: Vec<bool> = contact.rules.iter().map(wanted).collect();
        let booked = contact.ledger.since(first).iter();
        let booked = booked.filter(|booked| wanted.get(booked.rule as usize).copied().unwrap_or(false));
        match sum {
            // What decays is shown so that all of it adds up (S21).
            Some(sum) if !sum.groups().is_empty() => {
                let (all, _) = valued(contact, sum, booked.collect(), self.now);
                all.into_iter().for_each(|booked| self.offer(Part::Booked(booked)));
            }
            _ => booked.for_each(|booked| self.offer(Part::Booked(Valued { booked, value: booked.applied }))),
        }
    }

    fn offer(&mut self, part: Part<'a>) {
        let size = part.size();
        let full = self.parts.len() == CONTRIBUTIONS_SHOWN;
        let beaten = full && self.parts.last().is_some_and(|last| last.size() > size);
        if size == 0 || beaten {
            return; // what is worth nothing now is not shown
        }
        let rank = part.rank(self.contact);
        let at = self.parts.partition_point(|kept| kept.rank(self.contact) <= rank);
        if at < CONTRIBUTIONS_SHOWN {
            self.parts.insert(at, part);
            self.parts.truncate(CONTRIBUTIONS_SHOWN);
        }
    }
}

impl<'a> Part<'a> {
    /// What it is worth now as it is shown, without its sign.
    fn size(self) -> u64 {
        let value = match self {
            Part::Fit(_, fit) => fit.points,
            Part::Booked(booked) => booked.value,
        };
        value.thousandths().unsigned_abs()
    }

    /// Orders parts as they are shown: by size, then time, uid, rule and plan; fit rules first among equals.
    fn rank(self, contact: &'a Contact) -> (Reverse<u64>, Timestamp, Option<Uid>, &'a str, &'a str) {
        let size = Reverse(self.size());
        match self {
            Part::Fit(plan, fit) => (size, Timestamp::MIN, None, &fit.rule, &plan.id),
            Part::Booked(Valued { booked, .. }) => {
                let (plan, rule) = contact.rules.get(booked.rule).map_or(("", ""), |name| (&*name.plan, &*name.rule));
                (size, booked.time, booked.cause.uid(), rule, plan)
            }
        }
    }

    /// A fit rule counts as of `now`, since when it does is not kept.
    fn line(self, contact: &Contact, now: Timestamp) -> Option<ContributionLine> {
        match self {
            Part::Fit(plan, fit) => Some(ContributionLine {
                plan: plan.id,
                rule: fit.rule,
                uid: None,
                event_type: Cow::Borrowed(""),
                time: now,
                value: fit.points,
            }),
            Part::Booked(Valued { booked, value, .. }) => {
                let rule = contact.rules.get(booked.rule)?;
                let uid = booked.cause.uid();
                let row = uid.and_then(|uid| contact.rows.find(uid));
                Some(ContributionLine {
                    plan: rule.plan,
                    rule: rule.rule,
                    uid,
                    event_type: row.map_or(Cow::Borrowed(""), |at| spelling(contact.rows.event_type(at))),
                    time: booked.time,
                    value,
                })
            }
        }
    }
}
