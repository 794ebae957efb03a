//! What a change of plans would have meant: the same events folded under the plans as they are and as they are to be.
//!
//! Owns the two passes and what is kept of each contact between them; what differs is [`comparison`]'s, its text [`report`]'s. The passes run one
//! after the other, so that the contacts of one only are in memory. Both take the events in the order of the files, as the service would have.

mod changes;
mod comparison;
mod labels;
mod outcomes;
mod report;

use std::sync::Arc;

use leadstream_core::derived::DerivedKind;
use leadstream_core::plan::PlanSet;
use leadstream_core::{Points, Span, Timestamp, Word};

use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::replay::{self, Folder, Options, Tally};

pub(crate) use self::changes::write_changes;
pub(crate) use self::comparison::compare;
pub(crate) use self::labels::Labels;
pub(crate) use self::report::Report;

use self::labels::Label;

/// Just before an instant.
const MOMENT: Span = Span::from_millis(1);

/// The events folded under one set of plans.
pub(crate) struct Pass {
    /// The plans.
    pub(crate) plans: Arc<PlanSet>,
    /// What became of the records.
    pub(crate) tally: Tally,
    /// The final instant; `None` where there was no event.
    pub(crate) until: Option<Timestamp>,
    /// In the order of their ids.
    people: Vec<Person>,
}

/// What a set of plans made of one contact.
struct Person {
    contact: Arc<str>,
    /// In the order of the plans of the set.
    standings: Vec<Standing>,
}

/// What one plan made of one contact.
#[derive(Clone, Debug, Default, PartialEq)]
struct Standing {
    /// When it qualified, each time.
    qualified: Vec<Timestamp>,
    /// Whether it is qualified at the end.
    is_qualified: bool,
    /// The plan's score at the end.
    score: Points,
    /// The stage at the end.
    stage: Option<Word>,
    /// As of just before its outcome, where that is known and so much of the past is kept.
    judged: Option<Judged>,
}

impl Standing {
    /// When it qualified for the first time.
    fn first(&self) -> Option<Timestamp> {
        self.qualified.iter().min().copied()
    }
}

/// A lead just before it was won or lost.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Judged {
    score: Points,
    /// Whether it had qualified by then.
    had_qualified: bool,
}

/// Folds the events under both sets of plans.
///
/// # Errors
/// As [`replay::fold`]; and files that changed in between.
pub(crate) fn run(
    (old, new): (Arc<PlanSet>, Arc<PlanSet>),
    options: &Options,
    labels: Option<&Labels>,
    interrupt: &Interrupt,
) -> Result<(Pass, Pass), Failure> {
    let pass = |plans, title| pass(Options { plans, title, ..options.clone() }, labels, interrupt);
    let (old, new) = (pass(old, "under the old plans")?, pass(new, "under the new plans")?);
    let same = |one: &Person, other: &Person| one.contact == other.contact;
    let is_same = old.tally.records == new.tally.records
        && old.people.len() == new.people.len()
        && old.people.iter().zip(&new.people).all(|(one, other)| same(one, other));
    if !is_same {
        return Err(Failure::NotDone("the files changed while they were read, so nothing can be compared".to_owned()));
    }
    Ok((old, new))
}

fn pass(options: Options, labels: Option<&Labels>, interrupt: &Interrupt) -> Result<Pass, Failure> {
    let replay::Outcome { tally, folders, until } = replay::fold(&options, interrupt)?;
    let end = until.unwrap_or(Timestamp::MIN);
    let mut people: Vec<Person> =
        folders.into_iter().flat_map(|folder| people_of(folder, &options.plans, labels, end)).collect();
    people.sort_unstable_by(|one, other| one.contact.cmp(&other.contact));
    Ok(Pass { plans: options.plans, tally, until, people })
}

/// What is kept of a share of the contacts.
fn people_of(mut folder: Folder, plans: &PlanSet, labels: Option<&Labels>, end: Timestamp) -> Vec<Person> {
    let derived = std::mem::take(&mut folder.derived);
    let mut derived = derived.into_iter().peekable();
    let contacts = std::mem::take(&mut folder.contacts);
    let keep = |contact: Box<leadstream_core::Contact>| {
        let card = folder.fold.scorecard(&contact, end);
        let mut standings: Vec<Standing> = vec![Standing::default(); plans.plans().len()];
        for plan in &card.plans {
            if let Some(standing) = plans.position(&plan.plan).and_then(|place| standings.get_mut(usize::from(place))) {
                standing.score = plan.score;
                standing.is_qualified = plan.qualified.unwrap_or(false);
                standing.stage = plan.stage.as_ref().map(|stage| stage.stage);
            }
        }
        // Both are in the order of contacts; of who was erased there is only what was told.
        while derived.next_if(|event| event.contact < contact.id).is_some() {}
        while let Some(event) = derived.next_if(|event| event.contact == contact.id) {
            let place = event.plan.and_then(|plan| plans.position(&plan));
            if let (DerivedKind::LeadQualified, Some(place)) = (event.kind, place) {
                standings[usize::from(place)].qualified.push(event.since);
            }
        }
        if let Some(label) = labels.and_then(|labels| labels.of(&contact.id)) {
            judge(&mut folder.fold, &contact, label, plans, &mut standings, end);
        }
        Person { contact: contact.id, standings }
    };
    contacts.into_iter().map(keep).collect()
}

/// Looks at a lead as it was just before its outcome.
fn judge(
    fold: &mut leadstream_core::Fold,
    contact: &leadstream_core::Contact,
    label: &Label,
    plans: &PlanSet,
    standings: &mut [Standing],
    end: Timestamp,
) {
    let Some(at) = label.at else {
        for standing in standings {
            standing.judged = Some(Judged { score: standing.score, had_qualified: !standing.qualified.is_empty() });
        }
        return;
    };
    let before = (at - MOMENT).min(end);
    let Some(past) = fold.at(contact, before) else { return };
    let card = fold.scorecard(&past, before);
    for (standing, plan) in standings.iter_mut().zip(plans.plans()) {
        // Before its first event a contact has no scores.
        let score = card.plans.iter().find(|card| card.plan == plan.id).map_or(Points::ZERO, |card| card.score);
        let had_qualified = standing.qualified.iter().any(|since| *since < at);
        standing.judged = Some(Judged { score, had_qualified });
    }
}
