//! Verdicts passed on events by command: who is to be taken to have caused an event that came before, or is still to come (S56).
//!
//! A command that does not say which event, or which verdict, is refused: what was judged in vain would be missed by nobody.

use leadstream_core::{Event, EventKind, Value};

use super::verdict_of;
use crate::dead_letter::{DeadLetter, DeadLetterCode};
use crate::scalar::Scalar;

/// The longest source or id of an event that is judged, in bytes.
const ID_MAX_BYTES: usize = 1024;

/// The members that such a command has.
#[derive(Default)]
pub(super) struct JudgementFields<'de> {
    event_source: Scalar<'de>,
    event_id: Scalar<'de>,
    verdict: Scalar<'de>,
}

impl<'de> JudgementFields<'de> {
    /// Where the value of a member goes, if such a command has it.
    pub(super) fn slot(&mut self, name: &str) -> Option<&mut Scalar<'de>> {
        Some(match name {
            "event_source" => &mut self.event_source,
            "event_id" => &mut self.event_id,
            "verdict" => &mut self.verdict,
            _ => return None,
        })
    }

    /// Fills an event with the verdict.
    pub(super) fn judge(&self, event: &mut Event) -> Result<(), DeadLetter> {
        event.kind = EventKind::Verdict;
        event.event_type.set("verdict");
        let verdict = self.verdict.text().ok_or_else(|| missing("the command has no `verdict`"))?;
        verdict_of(verdict)?;
        event.properties.set("verdict", Value::Text(verdict));
        let named = [("source", "event_source", &self.event_source), ("id", "event_id", &self.event_id)];
        for (property, member, given) in named {
            let given = given.identifier().ok_or_else(|| missing(format!("the verdict names no `{member}`")))?;
            if given.len() > ID_MAX_BYTES {
                let reason = format!("`{member}` has more than {ID_MAX_BYTES} bytes");
                return Err(DeadLetter::new(DeadLetterCode::WrongType, reason));
            }
            event.properties.set(property, Value::Text(&given));
        }
        Ok(())
    }
}

fn missing(reason: impl Into<String>) -> DeadLetter {
    DeadLetter::new(DeadLetterCode::CommandIncomplete, reason)
}
