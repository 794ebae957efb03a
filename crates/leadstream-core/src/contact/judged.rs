//! Verdicts passed on events after they came (S56): who is to be taken to have caused them, by the events of the CRM that say so.
//!
//! They follow from the contact's rows, and from what its base remembers of rows that have left; the last one on an event counts. A contact
//! without such events holds nothing and is asked nothing.

use crate::contact::{Base, Rows};
use crate::event::{Event, EventKind, Value, Verdict};
use crate::id::{Name, Uid};

/// So many verdicts are remembered of rows that have left; beyond them the oldest ends (S58).
pub const DEPARTED_VERDICTS_MAX: usize = 256;

/// The verdicts passed on events of one contact, in their order: the last one on an event counts.
#[derive(Clone, Debug, Default)]
pub struct Judged(Vec<(Uid, Verdict)>);

impl Judged {
    /// What base and rows say.
    pub(super) fn of(base: Option<&Base>, rows: &Rows) -> Judged {
        let departed = base.map_or(&[][..], |base| &base.verdicts);
        if departed.is_empty() && !rows.as_slice().iter().any(|row| row.kind() == EventKind::Verdict) {
            return Judged::default();
        }
        let present = (0..rows.len()).filter_map(|at| judgement_of_row(rows, at));
        Judged(departed.iter().copied().chain(present).collect())
    }

    /// Whether there are none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The verdict on an event; its own where none was passed.
    #[inline]
    pub fn verdict(&self, uid: Uid, own: Verdict) -> Verdict {
        self.0.iter().rev().find(|(judged, _)| *judged == uid).map_or(own, |(_, verdict)| *verdict)
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.0.capacity() * size_of::<(Uid, Verdict)>()
    }
}

/// The event that an event judges, and the verdict; nothing for another kind, or another word.
pub(crate) fn judgement(event: &Event) -> Option<(Uid, Verdict)> {
    if event.kind != EventKind::Verdict {
        return None;
    }
    read(|name| event.properties.get(Name::of(name)))
}

/// The same of a row.
pub(crate) fn judgement_of_row(rows: &Rows, at: usize) -> Option<(Uid, Verdict)> {
    if rows.as_slice()[at].kind() != EventKind::Verdict {
        return None;
    }
    let properties = rows.properties(at);
    read(|name| properties.get(Name::of(name)))
}

fn read<'v>(property: impl Fn(&str) -> Option<Value<'v>>) -> Option<(Uid, Verdict)> {
    let text = |name| if let Some(Value::Text(text)) = property(name) { Some(text) } else { None };
    let verdict = Verdict::of_word(text("verdict")?)?;
    Some((Uid::of(text("source")?, text("id")?), verdict))
}

/// Adds the verdict of a row that leaves to those that a base remembers. Returns how many were let go of.
pub(crate) fn depart(verdicts: &mut Vec<(Uid, Verdict)>, judgement: (Uid, Verdict)) -> usize {
    verdicts.retain(|(known, _)| *known != judgement.0);
    verdicts.push(judgement);
    let beyond = verdicts.len().saturating_sub(DEPARTED_VERDICTS_MAX);
    verdicts.drain(..beyond);
    beyond
}
