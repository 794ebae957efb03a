//! What a contact waits for, as it is shown: windows of absence rules, held events, parts of compound rules (S13, S15, S56).

use crate::contact::{Contact, Gathered, Pending};
use crate::id::Uid;
use crate::points::Points;
use crate::time::Timestamp;
use crate::word::Word;

/// Something that is decided and not booked yet, or what a compound rule has of its parts.
#[derive(Clone, Debug, PartialEq)]
pub struct WaitingLine {
    /// The plan.
    pub plan: Word,
    /// The rule.
    pub rule: Word,
    /// The property that events must share, with the value; none where the rule asks for none.
    pub key: Option<(Word, String)>,
    /// What it waits for.
    pub what: Awaited,
}

/// What is waited for.
#[derive(Clone, Debug, PartialEq)]
pub enum Awaited {
    /// That an instant comes before an event of one of these types: then this is booked.
    Absence {
        /// The instant.
        due: Timestamp,
        /// The types.
        unless: Vec<Word>,
        /// What the rule said.
        points: Points,
        /// The event that opened the window.
        cause: Uid,
    },
    /// That a human event with the key comes before an instant: then this is booked.
    Confirmation {
        /// The first instant at which it is too late.
        until: Timestamp,
        /// What the rule said.
        points: Points,
        /// The event that is held.
        cause: Uid,
    },
    /// Further parts: how many unused events there are of each; of a rule whose parts come in order, whether a chain has reached it.
    Parts(Vec<usize>),
}

/// Everything that a contact waits for: windows as they are due, then what is held, then parts.
pub(super) fn waiting(contact: &Contact) -> Vec<WaitingLine> {
    let waiting = &contact.state.waiting;
    let window = |window: &Pending| Awaited::Absence {
        due: window.until,
        unless: window.award.unless.clone(),
        points: window.raw,
        cause: window.cause,
    };
    let held = |held: &Pending| Awaited::Confirmation { until: held.until, points: held.raw, cause: held.cause };
    let windows = waiting.windows().iter().map(|pending| line(pending, window(pending)));
    let holds = waiting.holds().iter().map(|pending| line(pending, held(pending)));
    windows.chain(holds).chain(waiting.gathered().iter().map(parts)).collect()
}

fn line(pending: &Pending, what: Awaited) -> WaitingLine {
    let key = (pending.property != Word::EMPTY).then(|| (pending.property, pending.key.shown()));
    WaitingLine { plan: pending.award.rule.plan, rule: pending.award.rule.rule, key, what }
}

fn parts(gathered: &Gathered) -> WaitingLine {
    let key = (!gathered.key.as_bytes().is_empty()).then(|| (Word::EMPTY, gathered.key.shown()));
    let what = Awaited::Parts(gathered.instants.iter().map(Vec::len).collect());
    WaitingLine { plan: gathered.plan, rule: gathered.rule, key, what }
}
