//! Events of doubtful verdict that are held until a human event confirms them (S56).
//!
//! Invariants: `when` and points are those of the held event's instant; once, cap, limits and membership are those of the release.

use crate::event::{Kind, Row, Verdict};
use crate::firing::{Award, Place, book};
use crate::plan::Policy;
use crate::state::{Held, State};
use crate::tagging::TagWrite;
use crate::windows::matching_key;

/// Holds an award for its event. Whether it did: the event has the key, and the contact holds and waits for less than the bound.
pub(crate) fn hold(state: &mut State, award: Award, row: &Row, policy: &Policy, place: Place) -> bool {
    let Policy::Hold { span_ms, key: property } = policy else { return false };
    let Some(key) = matching_key(row, Some(property)) else { return false };
    let open: usize = state.plans.values().map(|memory| memory.windows.len() + memory.holds.len()).sum();
    if open >= place.limits.windows {
        return false;
    }
    let held = Held { award, property: property.clone(), key, until: row.time + span_ms };
    state.plan_mut(&place.plan.id).holds.push(held);
    true
}

/// A human event books what was held for its key and drops what waited too long. The tags that wrote, or none where nothing was released.
pub(crate) fn release(state: &mut State, row: &Row, is_member: bool, place: Place) -> Option<Vec<TagWrite>> {
    let memory = state.plan_mut(&place.plan.id);
    memory.holds.retain(|held| row.time < held.until);
    if row.verdict != Verdict::Human || row.kind != Kind::Interaction {
        return None;
    }
    let confirms = |held: &Held| matching_key(row, Some(&held.property)).as_ref() == Some(&held.key);
    let (released, kept): (Vec<Held>, Vec<Held>) = memory.holds.drain(..).partition(confirms);
    memory.holds = kept;
    if released.is_empty() {
        return None;
    }
    let booked =
        released.iter().filter(|_| is_member).filter_map(|held| book(state, &held.award, Policy::Count, place));
    Some(booked.flatten().collect())
}
