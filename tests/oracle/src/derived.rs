//! Derived events: numbering, ids, and what was announced of each subject (S42, S43, S53, S54, S55).
//!
//! Invariant: after each command the levels announced are the levels of the fold; of an action the greatest count ever.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::edge::{DerivedType, Edge, Level};
use crate::event::{hash, hex, length_prefixed};
use crate::number::Thousandths;
use crate::plan::Plan;
use crate::scores::{Contribution, PlanSet};
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
    /// `qualify`, `stage`, `band`, `grade`, `route`, `action:x`, `tag:x`, `merge:UID`, `split:UID` or `erase`.
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

/// Which of two announced levels of a subject is the one of both together: the greater. Any owner or grade is as good as another.
fn level_rank(level: Option<&Level>, subject: &str, plan: Option<&Plan>) -> u64 {
    let place = |found: Option<usize>| found.map_or(1, |index| 2 + index as u64);
    match level {
        None | Some(Level::None) => 0,
        Some(Level::Count(count)) => *count,
        Some(Level::Is(is)) => u64::from(*is),
        Some(Level::Named(name)) => match (subject, plan) {
            ("stage", Some(plan)) => place(plan.pipeline.as_ref().and_then(|pipeline| pipeline.index(name))),
            ("band", Some(plan)) => {
                let cuts = plan.bands.iter().flat_map(|bands| &bands.cuts);
                place(cuts.map(|(known, _)| known).position(|known| known == name))
            }
            _ => 1,
        },
    }
}

/// What was announced of each subject, by plan (empty for tags) and subject, and how many events that took.
#[derive(Clone, Debug)]
pub(crate) struct Announcements {
    pub(crate) of: BTreeMap<(String, String), Announced>,
    pub(crate) seq: u64,
    /// No number of a subject up to this one is used (S52).
    numbers_from: u64,
    /// When the last was told: none is told earlier (S43).
    pub(crate) last_time: i64,
}

impl Default for Announcements {
    fn default() -> Announcements {
        Announcements::after(0)
    }
}

impl Announcements {
    /// Nothing announced, and every number greater than this one.
    pub(crate) fn after(number: u64) -> Announcements {
        Announcements { of: BTreeMap::new(), seq: number, numbers_from: number, last_time: i64::MIN }
    }

    /// S51: the numbers without the levels.
    pub(crate) fn numbers_only(&self) -> Announcements {
        let mut numbers = self.clone();
        for announced in numbers.of.values_mut() {
            (announced.level, announced.last_id) = (None, None);
        }
        numbers
    }

    /// S50: on if either is; the further stage, the higher band, the greater count, the survivor's owner; numbers as the greater.
    pub(crate) fn merged(survivor: &Announcements, loser: &Announcements, plans: &PlanSet) -> Announcements {
        let mut merged = survivor.clone();
        merged.seq = survivor.seq.max(loser.seq);
        merged.numbers_from = survivor.numbers_from.max(loser.numbers_from);
        for ((plan, subject), theirs) in &loser.of {
            let ours = merged.of.entry((plan.clone(), subject.clone())).or_default();
            if theirs.n > ours.n {
                (ours.n, ours.last_id) = (theirs.n, theirs.last_id.clone());
            }
            let rank = |level: &Option<Level>| level_rank(level.as_ref(), subject, plans.get(plan));
            if rank(&theirs.level) > rank(&ours.level) {
                ours.level.clone_from(&theirs.level);
            }
        }
        merged
    }

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
        edge.time = edge.time.max(self.last_time);
        self.last_time = edge.time;
        let entry = self.of.entry((plan.clone(), edge.subject.clone())).or_default();
        entry.n = entry.n.max(self.numbers_from) + 1;
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
        for id in state.plans.keys() {
            self.of.entry((id.clone(), "stage".to_owned())).or_default();
        }
        for ((plan, subject), announced) in &mut self.of {
            let memory = state.plan(plan);
            match subject.as_str() {
                "stage" => announced.level = Some(memory.stay.map_or(Level::None, |stay| Level::Named(stay.stage))),
                "route" if memory.owner.is_none() => announced.level = Some(Level::None),
                _ => {}
            }
        }
    }
}
