//! How an event stands to what is known of a contact: a repeat, too late, late, or the next one (S3, S6, S40). Found once, before the event is taken, so
//! that whoever wants to be able to go back can keep what will change.

use crate::canonical::canonical_bytes;
use crate::contact::{Contact, judgement, judgement_of_row};
use crate::event::{Event, Verdict};
use crate::fold::Fold;
use crate::id::Uid;
use crate::time::Timestamp;

/// A look at an event and a contact. It holds while the contact does not change.
#[derive(Clone, Copy, Debug)]
pub struct Sight {
    pub(super) stands: Stands,
    past: Past,
}

/// What taking an event will change of what the contact already holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Past {
    /// Nothing: the event is appended, or not taken at all.
    Kept,
    /// What lies behind so many of its rows: that is folded anew. [`crate::contact::Savepoint::reach_back`] keeps it.
    From(usize),
    /// More than that: only a whole copy of the contact can take it back.
    Anything,
}

/// Where an event stands.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stands {
    /// After every step taken.
    Follows,
    /// The contact has the same event, and keeps the one it has.
    Repeats,
    /// Before what is kept.
    TooLate,
    /// Before a step taken, or a verdict on one: everything before `place` stays.
    Late { place: usize },
    /// It takes the place of the row `at`, which has its identity; everything before `place` stays.
    Replaces { at: usize, place: usize },
}

impl Sight {
    /// What taking the event will change of what the contact already holds.
    pub fn past(&self) -> Past {
        self.past
    }

    /// How many rows keep their steps where the contact is folded anew.
    pub(super) fn refold_from(&self) -> usize {
        if let Past::From(rows) = self.past { rows } else { 0 }
    }
}

impl Fold {
    /// Looks at how an event stands to a contact, at a task clock.
    pub fn look(&self, contact: &Contact, event: &Event, clock: Timestamp) -> Sight {
        let order = (event.time, event.uid);
        let place = || contact.rows.as_slice().partition_point(|row| row.order() < order);
        let judges = judgement(event);
        let stands = match contact.rows.find(event.uid) {
            Some(at) if !replaces(contact, at, event) => Stands::Repeats,
            _ if self.is_too_late(contact, order) => Stands::TooLate,
            Some(at) => {
                let before = judgement_of_row(&contact.rows, at);
                Stands::Replaces {
                    at,
                    place: at.min(place()).min(judged_at(contact, before)).min(judged_at(contact, judges)),
                }
            }
            // A verdict is late whenever it comes: it tells of the past.
            None if judges.is_some() || self.is_late(contact, event) => {
                Stands::Late { place: place().min(judged_at(contact, judges)) }
            }
            None => Stands::Follows,
        };
        let past = match stands {
            _ if contact.must_tidy() || self.rewrites(contact, event.time.max(clock)) => Past::Anything,
            Stands::Follows | Stands::Repeats | Stands::TooLate => Past::Kept,
            Stands::Late { place } | Stands::Replaces { place, .. } => {
                Past::From(contact.checkpoints.before(place).map_or(0, |checkpoint| checkpoint.rows))
            }
        };
        Sight { stands, past }
    }

    fn is_too_late(&self, contact: &Contact, order: (Timestamp, Uid)) -> bool {
        contact.base.as_ref().is_some_and(|base| order <= base.boundary)
            || contact.rows.last().is_some_and(|newest| order.0 < newest.time - self.limits.horizon)
    }

    /// Whether an event is ordered before a step already taken (S40).
    fn is_late(&self, contact: &Contact, event: &Event) -> bool {
        contact.state.tau.is_some_and(|tau| event.time < tau)
            || contact.state.last_event.is_some_and(|last| (event.time, event.uid) < last)
    }
}

/// The place of the event that is judged, if it is a row.
fn judged_at(contact: &Contact, judgement: Option<(Uid, Verdict)>) -> usize {
    judgement.and_then(|(uid, _)| contact.rows.find(uid)).unwrap_or(usize::MAX)
}

/// Whether an event takes the place of the row with its identity: the one with the least (time, type, verdict, canonical properties) stays (S3).
pub(super) fn replaces(contact: &Contact, at: usize, event: &Event) -> bool {
    let row = &contact.rows.as_slice()[at];
    let kept = (row.time, contact.rows.event_type(at).as_str(), row.verdict());
    let offered = (event.time, event.event_type.as_str(), event.verdict);
    offered.cmp(&kept).then_with(|| {
        let mut held = Event::default();
        contact.rows.load(at, &contact.id, &mut held);
        canonical_bytes(&event.properties).cmp(&canonical_bytes(&held.properties))
    }) == std::cmp::Ordering::Less
}
