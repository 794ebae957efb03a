//! Tags: what the CRM writes, and how the writes of a step change tags and their scores (S7 (4), S25).
//!
//! Invariant: writes go in order and the last one wins; a tag that is after a step as it was before has been so since then.

use std::collections::BTreeSet;

use crate::decay::Decay;
use crate::event::{Kind, Row, Scalar};
use crate::limits::Limits;
use crate::number::{GROUP_THOUSANDTHS_MAX, Thousandths, thousandths_of_result};
use crate::scores::{PlanSet, ScoreName, score};
use crate::state::{State, TagBooking, TagSource, TagState};

/// A tag written in a step. The last write wins (S7).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TagWrite {
    pub(crate) tag: String,
    /// Points that join the tag's score; none: remove the tag.
    pub(crate) add: Option<Thousandths>,
    /// How those points decay.
    pub(crate) decay: Decay,
    /// Whether points were given, be they none.
    pub(crate) with_points: bool,
    pub(crate) source: TagSource,
}

/// The tags that an event of the CRM writes.
pub(crate) fn crm_writes(row: &Row) -> Vec<TagWrite> {
    if row.kind != Kind::Tags {
        return Vec::new();
    }
    let source =
        TagSource { plan: None, version: None, rule: None, uid: Some(row.uid), by: Some(row.uid), time: row.time };
    let write = |(tag, value): (&String, &Scalar)| {
        let add = match value {
            Scalar::Bool(true) => Some(0),
            Scalar::Number(points) => Some(thousandths_of_result(*points)?),
            Scalar::Bool(false) => None,
            Scalar::Null | Scalar::Text(_) => return None,
        };
        let with_points = matches!(value, Scalar::Number(_));
        Some(TagWrite { tag: tag.clone(), add, decay: Decay::None, with_points, source: source.clone() })
    };
    row.properties.iter().filter_map(write).collect()
}

/// Writes the tags in order (S7, S25): points join, a removal ends the tag's score.
pub(crate) fn write_tags(state: &mut State, writes: Vec<TagWrite>, limits: &Limits) {
    let before = state.tags.clone();
    let touched: BTreeSet<String> = writes.iter().map(|write| write.tag.clone()).collect();
    for write in writes {
        let present = state.has_tag(&write.tag);
        let Some(points) = write.add else {
            if let Some(tag) = state.tags.get_mut(&write.tag).filter(|tag| tag.present) {
                (tag.present, tag.since) = (false, write.source.time);
            }
            continue;
        };
        if !present {
            if state.tags.values().filter(|tag| tag.present).count() >= limits.tags {
                continue;
            }
            let life = state.new_life();
            state.tags.insert(write.tag.clone(), TagState { present: true, since: write.source.time, life });
        }
        let life = state.tags.get(&write.tag).map_or(0, |tag| tag.life);
        let sum = score(state, &PlanSet::new(), &ScoreName::Tag(write.tag.clone()));
        let value = (sum + points).clamp(-GROUP_THOUSANDTHS_MAX, GROUP_THOUSANDTHS_MAX) - sum;
        state.tag_bookings.push(TagBooking {
            tag: write.tag,
            life,
            value,
            decay: write.decay,
            with_points: write.with_points,
            source: write.source,
        });
    }
    // A level is what it is after a step (S30): what was as it is now before the step has been so since then.
    for tag in touched {
        let Some(now) = state.tags.get_mut(&tag) else { continue };
        match before.get(&tag) {
            Some(known) if known.present == now.present => now.since = known.since,
            None if !now.present => {
                state.tags.remove(&tag);
            }
            _ => {}
        }
    }
}
