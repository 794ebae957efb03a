//! What one failure-free run would have told: each contact's events folded in the order of the input.

use std::collections::BTreeMap;

use leadstream_core::{Contact, Event, EventKind, Fold, HistoryLimits, Timeline, Timestamp, erased, reinstated_from};
use leadstream_runtime::PlansInForce;

use crate::codec::{TinyDecoder, TinyEncoder};

/// What must have been told, and what must be known, in the end.
#[derive(Debug, Default)]
pub struct Expected {
    /// The lines of each contact's derived events, in order.
    pub told: BTreeMap<String, Vec<String>>,
    /// Each contact.
    pub contacts: BTreeMap<String, Contact>,
    /// The values that nobody can read.
    pub dead: Vec<String>,
    /// The ids that were erased, the greatest number that they had, and since when they count again.
    pub erased: BTreeMap<String, (u64, Option<Timestamp>)>,
}

/// Folds the values of one partition after the other; contacts do not share partitions.
pub fn expected(plans: &PlansInForce, values: impl IntoIterator<Item = String>, clock: Timestamp) -> Expected {
    let timeline = plans.from_the_beginning().unwrap_or_else(|| panic!("no plans"));
    expected_under(timeline, plans.history, values, clock)
}

/// The same under several plan sets over time.
pub fn expected_under(
    timeline: Timeline,
    history: HistoryLimits,
    values: impl IntoIterator<Item = String>,
    clock: Timestamp,
) -> Expected {
    let mut fold = Fold::new(timeline, history);
    let mut expected = Expected::default();
    let mut event = Event::default();
    let mut derived = Vec::new();
    for value in values {
        event.clear();
        if value.is_empty() {
            continue;
        }
        if !TinyDecoder::read(&value, &mut event) {
            expected.dead.push(value);
            continue;
        }
        if event.kind == EventKind::Erase || event.kind == EventKind::Reinstate {
            carry_out(&mut expected, &event);
            continue;
        }
        let block = expected.erased.get(&event.contact).copied();
        if block.is_some_and(|(_, from)| from.is_none_or(|from| event.time < from)) {
            continue;
        }
        let contact = expected.contacts.entry(event.contact.clone()).or_insert_with(|| blank(&event.contact, block));
        fold.apply(contact, &event, Timestamp::MIN, &mut derived);
        let told = expected.told.entry(event.contact.clone()).or_default();
        told.extend(derived.drain(..).map(|event| TinyEncoder::line(&event)));
    }
    for contact in expected.contacts.values_mut() {
        fold.advance(contact, clock, &mut derived);
        let told = expected.told.entry(contact.id.to_string()).or_default();
        told.extend(derived.drain(..).map(|event| TinyEncoder::line(&event)));
    }
    expected.told.retain(|_, told| !told.is_empty());
    expected
}

/// A contact before its first event, whose numbers begin behind the instant since which it counts again (S52).
fn blank(id: &str, block: Option<(u64, Option<Timestamp>)>) -> Contact {
    let mut contact = Contact::new(id);
    if let Some((used, Some(from))) = block {
        contact.announced.begin_behind(used.max(u64::try_from(from.millis()).unwrap_or(0)));
    }
    contact
}

/// An erasure or a reinstatement at its place in the input (S52).
fn carry_out(expected: &mut Expected, command: &Event) {
    let block = expected.erased.get(&command.contact).copied();
    match (command.kind, block) {
        (EventKind::Erase, Some((_, None))) => {}
        (EventKind::Erase, _) => {
            let gone = expected.contacts.remove(&command.contact).unwrap_or_else(|| blank(&command.contact, block));
            let told = expected.told.entry(command.contact.clone()).or_default();
            let last = erased(&gone, command);
            told.push(TinyEncoder::line(&last));
            expected.erased.insert(command.contact.clone(), (last.seq, None));
        }
        (_, Some((used, None))) => {
            expected.erased.insert(command.contact.clone(), (used, Some(reinstated_from(command))));
        }
        _ => {}
    }
}
