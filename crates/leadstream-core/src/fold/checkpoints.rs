//! States in the middle of a contact's history, from which a late event is folded anew (S40) instead of from the base.
//!
//! They are only made by folding anew: a contact whose events all come in order has none. They lie the closer together the newer the rows are, since
//! events that come late are mostly a little late: an event with `d` rows behind it is folded from less than about `2 d` rows back, and there are at
//! most some twenty. They follow from rows, base and plans, are never stored, and a copy of a contact has none.

use crate::contact::{FactStatistics, Level, SharedList, State, SubjectId};
use crate::fold::levels::Edge;
use crate::time::Timestamp;

/// Contacts with fewer rows are folded anew from their base: that costs less than it is to keep states.
pub(super) const ROWS_MIN: usize = 64;

/// The states that are kept of one contact, oldest first.
#[derive(Debug, Default)]
#[allow(clippy::box_collection, reason = "most contacts have none, and should pay no more than a pointer for it")]
pub struct Checkpoints(Option<Box<Vec<Checkpoint>>>);

/// A state right after the step of a row.
#[derive(Debug)]
pub(super) struct Checkpoint {
    /// How many rows it has stepped.
    pub(super) rows: usize,
    pub(super) state: State,
    /// The tags that were removed before and not set since: no state tells since when.
    pub(super) removed_tags: Vec<Edge>,
}

impl Clone for Checkpoints {
    fn clone(&self) -> Checkpoints {
        Checkpoints::default()
    }
}

impl Checkpoints {
    /// The newest state that has stepped no more than so many rows.
    pub(super) fn before(&self, rows: usize) -> Option<&Checkpoint> {
        self.0.as_ref()?.iter().rev().find(|checkpoint| checkpoint.rows <= rows)
    }

    /// The state that has stepped so many rows.
    pub(super) fn at(&self, rows: usize) -> Option<&Checkpoint> {
        self.0.as_ref()?.iter().find(|checkpoint| checkpoint.rows == rows)
    }

    /// How many contributions had been booked, in all, at the state that has stepped so many rows, if there is one.
    pub(crate) fn booked_at(&self, rows: usize) -> Option<u64> {
        self.at(rows).map(|checkpoint| checkpoint.state.booked)
    }

    /// Forgets those that have stepped more than so many rows.
    pub(super) fn forget_after(&mut self, rows: usize) {
        if let Some(kept) = &mut self.0 {
            kept.truncate(kept.partition_point(|checkpoint| checkpoint.rows <= rows));
        }
    }

    /// Keeps a state, with the changes noted by the fold that came to it.
    pub(super) fn keep(&mut self, rows: usize, state: &State, noted: &[Edge]) {
        let is_removed = |edge: &&Edge| matches!(edge.subject, SubjectId::Tag(_)) && edge.new == Level::None;
        let removed_tags = noted.iter().filter(is_removed).cloned().collect();
        self.0.get_or_insert_default().push(Checkpoint { rows, state: state.clone(), removed_tags });
    }

    /// Lets go of those that are not needed to have one at most about twice as far back as any row, of so many.
    pub(super) fn thin(&mut self, rows: usize, nearest: usize) {
        let Some(kept) = &mut self.0 else { return };
        let mut newer = nearest / 2;
        // From the newest to the oldest; the last one stays.
        for at in (1..kept.len()).rev() {
            let back = rows - kept[at].rows;
            if rows - kept[at - 1].rows <= 2 * newer {
                kept.remove(at);
            } else {
                newer = back.max(nearest);
            }
        }
    }

    /// Follows rows that left for a base, the last of them at an instant, with these facts. Since when a tag is gone that they removed is forgotten, as
    /// the base forgets it: what is told may not depend on whether a checkpoint is at hand.
    pub(super) fn depart(&mut self, count: usize, last: Timestamp, facts: &SharedList<FactStatistics>) {
        let Some(kept) = &mut self.0 else { return };
        kept.retain_mut(|checkpoint| {
            checkpoint.rows = checkpoint.rows.saturating_sub(count);
            checkpoint.state.facts.clone_from(facts);
            // Of one instant it is not known whether the row that left removed the tag, or one that stays.
            let is_known = checkpoint.removed_tags.iter().all(|removed| removed.since != last);
            checkpoint.removed_tags.retain(|removed| removed.since > last);
            checkpoint.rows > 0 && is_known
        });
    }

    /// Forgets all.
    pub(crate) fn clear(&mut self) {
        self.0 = None;
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        let bytes = |checkpoint: &Checkpoint| size_of::<Checkpoint>() + checkpoint.state.memory_bytes();
        self.0.as_ref().map_or(0, |kept| kept.iter().map(bytes).sum())
    }
}
