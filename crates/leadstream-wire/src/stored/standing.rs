//! Stored forms of what plans say of a contact beside stage and threshold: bands, grades, owners, actions, and what feedback has left.
//!
//! It stands at the end of an image or a change, in full; a contact that has none of it has none of these bytes.

use std::sync::Arc;

use leadstream_core::Timestamp;
use leadstream_core::contact::{ActionState, FeedbackState, NamedLevel, Standing, State};

use super::StoredError;
use super::form::{FormReader, FormWriter};

/// Which parts of a standing follow.
mod part {
    pub(super) const BAND: u8 = 1;
    pub(super) const GRADE: u8 = 1 << 1;
    pub(super) const OWNER: u8 = 1 << 2;
    pub(super) const ACTIONS: u8 = 1 << 3;
    pub(super) const FEEDBACK: u8 = 1 << 4;
    pub(super) const ALL: u8 = BAND | GRADE | OWNER | ACTIONS | FEEDBACK;
}

/// Whether some plan of a state has any.
pub(super) fn has_standing(state: &State) -> bool {
    state.plans.iter().any(|plan| plan.standing.is_some())
}

/// Appends the standing in each plan of a state; a plan without any has one byte.
pub(super) fn put_standings(state: &State, writer: &mut FormWriter<'_>) {
    for plan in &state.plans {
        match &plan.standing {
            None => writer.byte(0),
            Some(standing) => {
                writer.byte(1);
                put_standing(standing, writer);
            }
        }
    }
}

/// Reads the standing in each plan of a state.
pub(super) fn read_standings(state: &mut State, reader: &mut FormReader<'_>) -> Result<(), StoredError> {
    for plan in &mut state.plans {
        plan.standing = match reader.flags(1)? {
            0 => None,
            _ => Some(Arc::new(read_standing(reader)?)),
        };
    }
    Ok(())
}

fn put_standing(standing: &Standing, writer: &mut FormWriter<'_>) {
    let flag = |bit, set| if set { bit } else { 0 };
    let is_there = |level: NamedLevel| level != NamedLevel::default();
    writer.byte(
        flag(part::BAND, is_there(standing.band))
            | flag(part::GRADE, is_there(standing.grade))
            | flag(part::OWNER, is_there(standing.owner))
            | flag(part::ACTIONS, !standing.actions.is_empty())
            | flag(part::FEEDBACK, standing.feedback.is_some()),
    );
    for level in [standing.band, standing.grade, standing.owner].into_iter().filter(|level| is_there(*level)) {
        writer.byte(u8::from(level.name.is_some()));
        if let Some(name) = level.name {
            writer.word(name);
        }
        writer.optional_instant(level.since);
    }
    if !standing.actions.is_empty() {
        writer.list(&standing.actions, |action, writer| {
            writer.word(action.action);
            writer.number(action.count << 1 | u64::from(action.spent));
            writer.instant(action.since);
        });
    }
    if let Some(feedback) = standing.feedback {
        writer.instant(feedback.at);
        writer.byte(u8::from(feedback.barred));
    }
}

fn read_standing(reader: &mut FormReader<'_>) -> Result<Standing, StoredError> {
    let parts = reader.flags(part::ALL)?;
    let level = |reader: &mut FormReader<'_>, bit: u8| {
        if parts & bit == 0 {
            return Ok(NamedLevel::default());
        }
        let name = if reader.flags(1)? == 0 { None } else { Some(reader.word()?) };
        Ok(NamedLevel { name, since: reader.optional_instant()? })
    };
    let (band, grade, owner) = (level(reader, part::BAND)?, level(reader, part::GRADE)?, level(reader, part::OWNER)?);
    let actions = if parts & part::ACTIONS == 0 { Vec::new() } else { reader.list(read_action)? };
    if !actions.is_sorted_by(|one, next| one.action < next.action) {
        return Err(StoredError::Malformed("actions out of order"));
    }
    let feedback = match parts & part::FEEDBACK {
        0 => None,
        _ => Some(FeedbackState { at: reader.instant()?, barred: reader.flags(1)? != 0 }),
    };
    Ok(Standing { band, grade, owner, actions, feedback })
}

fn read_action(reader: &mut FormReader<'_>) -> Result<ActionState, StoredError> {
    let action = reader.word()?;
    let counted = reader.bytes.number()?;
    let since: Timestamp = reader.instant()?;
    Ok(ActionState { action, count: counted >> 1, spent: counted & 1 != 0, since })
}
