//! Correcting what was announced after a silent fold: at most one derived event per subject, from the level announced to the level now (S41).

use std::sync::Arc;

use crate::contact::{Contact, Level, State, SubjectId};
use crate::derived::{DerivedCause, DerivedEvent, Mark, Reason};
use crate::expr::ScoreRef;
use crate::fold::Fold;
use crate::fold::announce::{Announcement, stage_place};
use crate::fold::bands::band_of;
use crate::fold::levels::{Edge, emission_rank};
use crate::plan::Plan;
use crate::points::Points;
use crate::scores::Scores;
use crate::time::Timestamp;
use crate::word::Word;

/// The score that was read, the threshold it was compared with, and why a level is what it is.
type Explained = (Option<(ScoreRef, Points)>, Option<Points>, Reason);

impl Fold {
    /// Announces the differences between what was announced and the state, which the caller has just folded anew.
    pub(super) fn correct(
        &mut self,
        contact: &mut Contact,
        cause: DerivedCause,
        cause_time: Timestamp,
        marks: Vec<Mark>,
        out: &mut Vec<DerivedEvent>,
    ) {
        self.settle_differences(contact, cause, (cause_time, false), marks, out);
    }

    /// Takes the differences for announced without telling anybody of them.
    pub(super) fn correct_in_silence(&mut self, contact: &mut Contact, cause: DerivedCause, cause_time: Timestamp) {
        self.settle_differences(contact, cause, (cause_time, true), Vec::new(), &mut Vec::new());
    }

    fn settle_differences(
        &mut self,
        contact: &mut Contact,
        cause: DerivedCause,
        (cause_time, is_silent): (Timestamp, bool),
        mut marks: Vec<Mark>,
        out: &mut Vec<DerivedEvent>,
    ) {
        marks.sort();
        let Some(tau) = contact.state.tau else { return };
        let in_force = Arc::clone(self.view(contact).at(contact.state.plans_since.unwrap_or(tau)));
        let plans = &in_force.plans;
        let announcement = Announcement { plans, cause, time: tau, marks: &marks, corrects: true };
        for subject in subjects(contact) {
            let old = contact.announced.subject(&subject).map_or(subject.blank_level(), |state| state.level.clone());
            let new = level(&contact.state, &subject);
            if old == new {
                continue;
            }
            let plan = plans.plans().iter().find(|plan| *plan.id == *subject.plan()).map(|plan| &**plan);
            if !is_told(&subject, plan, (&old, &new)) {
                continue;
            }
            let noted = self.noted.iter().find(|edge| edge.subject == subject && edge.new == new);
            let since = noted.map(|edge| edge.since).or_else(|| since(&contact.state, &subject)).unwrap_or(cause_time);
            let scores = Scores { state: &contact.state, plans, now: tau };
            let (score, threshold, reason) = explain(scores, plan, &subject, &old, &new);
            let via = passed_through(plan, &old, &new);
            // No stage ranks as the first one, so between them nothing is told, as in order (S23, S37).
            let silent = match (&subject, plan) {
                _ if is_silent => true,
                (SubjectId::Stage(_), Some(_)) => stage_place(plan, &old) == stage_place(plan, &new),
                (SubjectId::Stage(_), None) => in_force.was_first(subject.plan(), &old),
                // An owner is lost in silence (S35, S41).
                (SubjectId::Route(_), _) => new == Level::None,
                _ => false,
            };
            let edge = Edge { subject, old, new, since, score, left: None, threshold, reason, silent };
            announcement.tell(contact, &edge, via, out);
        }
        self.forget_tags(contact);
    }
}

/// Every subject that was announced or has a level, in the order of S39.
fn subjects(contact: &Contact) -> Vec<SubjectId> {
    let mut subjects: Vec<SubjectId> = contact.announced.subjects.iter().map(|state| state.subject.clone()).collect();
    subjects.extend(contact.state.tags.iter().map(|tag| SubjectId::Tag(tag.tag.clone())));
    for plan in &contact.state.plans {
        subjects.push(SubjectId::Stage(plan.plan));
        subjects.push(SubjectId::Qualify(plan.plan));
        if let Some(standing) = &plan.standing {
            subjects.extend([SubjectId::Band, SubjectId::Grade, SubjectId::Route].map(|of| of(plan.plan)));
            subjects.extend(standing.actions.iter().map(|action| SubjectId::Action(plan.plan, action.action)));
        }
    }
    subjects.sort_by(|a, b| emission_rank(a).cmp(&emission_rank(b)));
    subjects.dedup();
    subjects
}

/// Whether a difference is told at all: of an action only one that was counted more often than told of, while the plan in force has it (S42).
fn is_told(subject: &SubjectId, plan: Option<&Plan>, levels: (&Level, &Level)) -> bool {
    let SubjectId::Action(_, id) = subject else { return true };
    let rises = matches!(levels, (Level::Count(told), Level::Count(counted)) if counted > told);
    rises && plan.is_none_or(|plan| plan.actions.iter().any(|action| action.id == *id))
}

/// The level of a subject in a fold state.
pub(crate) fn level(state: &State, subject: &SubjectId) -> Level {
    let plan = |id: &str| state.plans.iter().find(|plan| *plan.plan == *id);
    let standing = |id: &str| plan(id).and_then(|plan| plan.standing.as_deref());
    match subject {
        SubjectId::Tag(tag) => state.tag(tag).map_or(Level::None, |_| Level::On),
        SubjectId::Stage(id) => {
            plan(id).and_then(|plan| plan.stage.as_ref()).map_or(Level::None, |stage| Level::Stage(stage.stage))
        }
        SubjectId::Qualify(id) => match plan(id) {
            Some(plan) if plan.qualify.on => Level::On,
            _ => Level::None,
        },
        SubjectId::Band(id) => Level::band(plan(id).and_then(|plan| plan.band())),
        SubjectId::Grade(id) => Level::named(standing(id).and_then(|standing| standing.grade.name)),
        SubjectId::Route(id) => Level::named(standing(id).and_then(|standing| standing.owner.name)),
        SubjectId::Action(id, action) => {
            let counted = standing(id).and_then(|standing| standing.action(*action));
            Level::Count(counted.map_or(0, |counted| counted.count))
        }
    }
}

/// When the present level of a subject began, as far as the state knows.
fn since(state: &State, subject: &SubjectId) -> Option<Timestamp> {
    let plan = |id: &str| state.plans.iter().find(|plan| *plan.plan == *id);
    match subject {
        SubjectId::Tag(tag) => state.tag(tag).map(|tag| tag.since),
        SubjectId::Stage(id) => {
            let plan = plan(id)?;
            plan.stage.as_ref().map(|stage| stage.entered).or(plan.stage_left)
        }
        SubjectId::Qualify(id) => plan(id)?.qualify.since,
        SubjectId::Band(id) => plan(id)?.standing.as_ref()?.band.since,
        SubjectId::Grade(id) => plan(id)?.standing.as_ref()?.grade.since,
        SubjectId::Route(id) => plan(id)?.standing.as_ref()?.owner.since,
        SubjectId::Action(id, action) => Some(plan(id)?.standing.as_ref()?.action(*action)?.since),
    }
}

/// The score, threshold and reason that a correction shows: those of the level now.
fn explain(scores: Scores<'_>, plan: Option<&Plan>, subject: &SubjectId, old: &Level, new: &Level) -> Explained {
    match subject {
        SubjectId::Tag(tag) => {
            let points = scores.read_tag(tag);
            (Some((ScoreRef::Tag(tag.clone()), points)), None, Reason::Tag)
        }
        SubjectId::Qualify(_) => match plan.and_then(|plan| Some((plan, plan.qualify.as_ref()?))) {
            Some((plan, qualify)) => {
                let held = scores.state.plan(plan.key);
                let member = held.is_some_and(|held| held.member);
                let score = scores.read(plan, &qualify.score);
                let threshold = if *new == Level::On { qualify.at } else { qualify.release };
                let reason = match new {
                    _ if !member => Reason::NotMember,
                    Level::On => Reason::Score,
                    _ if held.is_some_and(|held| held.is_barred()) => Reason::Feedback,
                    _ if score < qualify.release => Reason::Score,
                    _ => Reason::Condition,
                };
                (Some((qualify.score.clone(), score)), Some(threshold), reason)
            }
            None => (None, None, Reason::Plan),
        },
        SubjectId::Band(_) | SubjectId::Grade(_) | SubjectId::Route(_) | SubjectId::Action(..) => {
            plan.map_or((None, None, Reason::Plan), |plan| explain_standing(scores, plan, subject, old, new))
        }
        SubjectId::Stage(_) => match plan.and_then(|plan| Some((plan, plan.pipeline.as_ref()?))) {
            Some((plan, pipeline)) => {
                let member = scores.state.plan(plan.key).is_some_and(|held| held.member);
                let advanced = stage_place(Some(plan), new) > stage_place(Some(plan), old);
                let stage_of = |level: &Level| match level {
                    Level::Stage(name) => pipeline.stages.iter().find(|stage| stage.name == *name),
                    _ => None,
                };
                let threshold = if advanced {
                    stage_of(new).and_then(|s| s.enter)
                } else {
                    stage_of(old).and_then(|s| s.leave_below)
                };
                let reason = if member { Reason::Score } else { Reason::NotMember };
                (Some((pipeline.by.clone(), scores.read(plan, &pipeline.by))), threshold, reason)
            }
            None => (None, None, Reason::Plan),
        },
    }
}

/// The score, threshold and reason of a band, a grade, an owner or an action.
fn explain_standing(scores: Scores<'_>, plan: &Plan, subject: &SubjectId, old: &Level, new: &Level) -> Explained {
    let member = scores.state.plan(plan.key).is_some_and(|held| held.member);
    let why = |is_stated| match (is_stated, member) {
        (false, _) => Reason::Plan,
        (true, false) => Reason::NotMember,
        (true, true) => Reason::Score,
    };
    let read = |score: &ScoreRef| Some((score.clone(), scores.read(plan, score)));
    match subject {
        SubjectId::Band(_) => {
            let threshold = plan.bands.as_ref().and_then(|bands| bands.threshold(band_of(old), band_of(new)));
            (read(&ScoreRef::Plan(None)), threshold, why(plan.bands.is_some()))
        }
        SubjectId::Grade(_) => (read(&ScoreRef::Plan(None)), None, why(plan.grade.is_some())),
        SubjectId::Action(_, id) => match plan.actions.iter().find(|action| action.id == *id) {
            Some(action) => (read(&action.score), Some(action.at), Reason::Score),
            None => (None, None, Reason::Plan),
        },
        _ => (plan.qualify.as_ref().and_then(|qualify| read(&qualify.score)), None, Reason::Score),
    }
}

/// The stages between two levels, in the order in which they were passed (S41).
fn passed_through(plan: Option<&Plan>, old: &Level, new: &Level) -> Vec<Word> {
    let Some(pipeline) = plan.and_then(|plan| plan.pipeline.as_ref()) else { return Vec::new() };
    let (from, to) = (stage_place(plan, old), stage_place(plan, new));
    let between = |place: usize| pipeline.stages[place].name;
    if from < to { (from + 1..to).map(between).collect() } else { (to + 1..from).rev().map(between).collect() }
}
