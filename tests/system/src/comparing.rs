//! Whether two lists of derived events are the same, and what a person needs to see where they are not.

use std::collections::BTreeMap;

use serde_json::Value;

/// Asserts that what was read is what was expected: the same derived events with all they say, each once, in the order of every contact.
/// Both come in the order of contact and seq.
///
/// # Panics
/// Where they differ: with how many there are, and the first contact that differs.
pub fn assert_same(read: &[Value], expected: &[Value]) {
    let (found, wanted) = (by_contact(read), by_contact(expected));
    for contact in wanted.keys().chain(found.keys()) {
        let (found, wanted) = (found.get(contact), wanted.get(contact));
        if found == wanted {
            continue;
        }
        let text = |events: Option<&Vec<&Value>>| {
            let lines = events.into_iter().flatten().map(|event| format!("  {}", brief(event)));
            lines.collect::<Vec<_>>().join("\n")
        };
        let pairs = found.into_iter().flatten().zip(wanted.into_iter().flatten());
        let first = pairs.into_iter().find(|(found, wanted)| found != wanted);
        panic!(
            "{} derived events instead of {}; contact {contact} has\n{}\ninstead of\n{}\nthe first pair that differs: {first:#?}",
            read.len(),
            expected.len(),
            text(found),
            text(wanted),
        );
    }
}

fn by_contact(events: &[Value]) -> BTreeMap<&str, Vec<&Value>> {
    let mut contacts: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for event in events {
        contacts.entry(event["contact"].as_str().unwrap_or_default()).or_default().push(event);
    }
    contacts
}

fn brief(event: &Value) -> String {
    format!(
        "{} {} {} {} -> {} {}",
        event["seq"], event["type"], event["time"], event["old"], event["new"], event["marks"]
    )
}
