//! Commands that make two ids one contact, or part them (S48).
//!
//! What is refused is told: a merge that vanished would be missed by somebody.

use leadstream_core::{Event, EventKind, Uid, Value};

use crate::contact_id::{ContactIds, is_nobody};
use crate::dead_letter::{DeadLetter, DeadLetterCode};
use crate::scalar::Scalar;

/// The longest source or id of a record that is named, in bytes.
const ID_MAX_BYTES: usize = 1024;

/// The members that such commands have.
#[derive(Default)]
pub(super) struct LinkFields<'de> {
    into: Scalar<'de>,
    link: Scalar<'de>,
    link_source: Scalar<'de>,
    link_id: Scalar<'de>,
}

impl<'de> LinkFields<'de> {
    /// Where the value of a member goes, if such commands have it.
    pub(super) fn slot(&mut self, name: &str) -> Option<&mut Scalar<'de>> {
        Some(match name {
            "into" => &mut self.into,
            "link" => &mut self.link,
            "link_source" => &mut self.link_source,
            "link_id" => &mut self.link_id,
            _ => return None,
        })
    }

    /// Fills an event with a merge.
    pub(super) fn merge(&self, event: &mut Event, contacts: &ContactIds) -> Result<(), DeadLetter> {
        event.kind = EventKind::Merge;
        event.event_type.set("merge");
        let into = self.into.identifier().ok_or_else(|| incomplete("the merge names no id in `into`"))?;
        event.properties.set("into", Value::Text(&contacts.checked(into)?));
        Ok(())
    }

    /// Fills an event with a split.
    pub(super) fn split(&self, event: &mut Event) -> Result<(), DeadLetter> {
        event.kind = EventKind::Split;
        event.event_type.set("split");
        match (self.link.identifier(), self.link_source.identifier(), self.link_id.identifier()) {
            (Some(link), None, None) => {
                if Uid::read(&link).is_none() {
                    let reason = "`link` is none of the identities that a contact shows: 32 hexadecimal digits";
                    return Err(DeadLetter::new(DeadLetterCode::WrongType, reason));
                }
                event.properties.set("link", Value::Text(&link));
            }
            (None, Some(source), Some(id)) => {
                for (property, member, named) in [("source", "link_source", &source), ("id", "link_id", &id)] {
                    if named.len() > ID_MAX_BYTES {
                        let reason = format!("`{member}` has more than {ID_MAX_BYTES} bytes");
                        return Err(DeadLetter::new(DeadLetterCode::WrongType, reason));
                    }
                    event.properties.set(property, Value::Text(named));
                }
            }
            _ => {
                let reason =
                    "the split names no record: either `link`, as the contact shows it, or `link_source` and `link_id`";
                return Err(incomplete(reason));
            }
        }
        Ok(())
    }
}

/// Refuses a merge whose ids are known by now, where it would make nobody one with somebody.
pub(super) fn check(event: &Event) -> Result<(), DeadLetter> {
    let into = event.properties.iter().find_map(|(_, name, value)| match value {
        Value::Text(into) if name == "into" => Some(into),
        _ => None,
    });
    let Some(into) = into.filter(|_| event.kind == EventKind::Merge) else { return Ok(()) };
    if into == event.contact {
        return Err(incomplete("the merge names one id twice"));
    }
    match [into, event.contact.as_str()].into_iter().find(|id| is_nobody(id)) {
        Some(id) => Err(DeadLetter::new(
            DeadLetterCode::LinkBlocked,
            format!("`{id}` is what programs write where they know nobody: it would make strangers one"),
        )),
        None => Ok(()),
    }
}

fn incomplete(reason: &str) -> DeadLetter {
    DeadLetter::new(DeadLetterCode::CommandIncomplete, reason)
}
