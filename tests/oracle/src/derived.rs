//! Derived events: numbering, ids, and what was announced of each subject (S42, S43, S53, S54, S55).
//!
//! Invariant: after each command the levels announced are the levels of the fold; of an action the greatest count ever.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::edge::{DerivedType, Edge, Level};
use crate::event::{hash, hex, length_prefixed};
use crate::number::Thousandths;
use crate::scores::Contribution;
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
    /// `qualify`, `stage`, `band`, `grade`, `route`, `action:x` or `tag:x`.
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

/// What was announced of each subject, by plan (empty for tags) and subject, and how many events that took.
#[derive(Clone, Debug, Default)]
pub(crate) struct Announcements {
    pub(crate) of: BTreeMap<(String, String), Announced>,
    pub(crate) seq: u64,
}

impl Announcements {
    /// The level announced of a subject, if any was.
    pub(crate) fn level(&self, plan: &str, subject: &str) -> Option<&Level> {
        self.of.get(&(plan.to_owned(), subject.to_owned()))?.level.as_ref()
    }

    /// How often an action was announced.
    pub(crate) fn count(&self, plan: &str, subject: &str) -> u64 {
        match self.level(plan, subject) {
            Some(Level::Count(count)) => *count,
            _ => 0,
        }
    }

    /// Numbers an edge and records it as announced. None for an action announced as often already (S42).
    pub(crate) fn announce(&mut self, contact: &str, mut edge: Edge, correction: bool) -> Option<DerivedEvent> {
        let plan = edge.plan.clone().unwrap_or_default();
        if let Level::Count(count) = edge.new {
            let announced = self.count(&plan, &edge.subject);
            if count <= announced {
                return None;
            }
            edge.old = Level::Count(announced);
        }
        let entry = self.of.entry((plan.clone(), edge.subject.clone())).or_default();
        entry.n += 1;
        self.seq += 1;
        let id = derived_id(contact, &plan, &edge.subject, entry.n);
        let corrects = entry.last_id.replace(id.clone()).filter(|_| correction);
        entry.level = Some(edge.new.clone());
        Some(DerivedEvent {
            id,
            derived_type: edge.derived_type,
            contact: contact.to_owned(),
            plan: edge.plan,
            version: edge.version,
            subject: edge.subject,
            n: entry.n,
            seq: self.seq,
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
        })
    }

    /// Records an edge as announced without an event.
    pub(crate) fn announce_silently(&mut self, edge: &Edge) {
        let plan = edge.plan.clone().unwrap_or_default();
        self.of.entry((plan, edge.subject.clone())).or_default().level = Some(edge.new.clone());
    }

    /// What is announced in silence: a first stage is entered, and left for none, and an owner is lost (S23, S35, S37).
    pub(crate) fn follow_in_silence(&mut self, state: &State) {
        for (id, memory) in &state.plans {
            let stage = memory.stay.as_ref().map_or(Level::None, |stay| Level::Named(stay.stage.clone()));
            self.of.entry((id.clone(), "stage".to_owned())).or_default().level = Some(stage);
            if memory.owner.is_none()
                && let Some(route) = self.of.get_mut(&(id.clone(), "route".to_owned()))
            {
                route.level = Some(Level::None);
            }
        }
    }
}
