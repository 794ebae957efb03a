//! What one failure-free run would have told: each contact's events folded in the order of the input.

use std::collections::BTreeMap;

use leadstream_core::{Contact, Event, Fold, HistoryLimits, Timeline, Timestamp};
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
        let contact = expected.contacts.entry(event.contact.clone()).or_insert_with(|| Contact::new(&event.contact));
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
