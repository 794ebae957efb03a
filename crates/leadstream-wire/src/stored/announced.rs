//! The stored form of what was announced.

use std::sync::Arc;

use leadstream_core::contact::{Announced, Level, SubjectId, SubjectState};

use super::StoredError;
use super::form::{FormReader, FormWriter};

/// Appends what was announced, or that it is as before.
pub(super) fn put_announced(announced: &Announced, before: &Announced, writer: &mut FormWriter<'_>) {
    let differs = announced != before;
    writer.byte(u8::from(differs));
    if !differs {
        return;
    }
    writer.number(announced.seq);
    writer.optional_instant(announced.time);
    writer.number(announced.forgotten_n);
    writer.list(&announced.subjects, put_subject);
}

/// Reads what was announced over what was before.
pub(super) fn read_announced(announced: &mut Announced, reader: &mut FormReader<'_>) -> Result<(), StoredError> {
    if reader.flags(1)? == 0 {
        return Ok(());
    }
    announced.seq = reader.bytes.number()?;
    announced.time = reader.optional_instant()?;
    announced.forgotten_n = reader.bytes.number()?;
    announced.subjects = reader.list(read_subject)?;
    Ok(())
}

fn put_subject(state: &SubjectState, writer: &mut FormWriter<'_>) {
    match &state.subject {
        SubjectId::Tag(tag) => {
            writer.byte(0);
            writer.text(tag);
        }
        SubjectId::Stage(plan) => {
            writer.byte(1);
            writer.word(*plan);
        }
        SubjectId::Qualify(plan) => {
            writer.byte(2);
            writer.word(*plan);
        }
        SubjectId::Band(plan) => {
            writer.byte(3);
            writer.word(*plan);
        }
        SubjectId::Grade(plan) => {
            writer.byte(4);
            writer.word(*plan);
        }
        SubjectId::Route(plan) => {
            writer.byte(5);
            writer.word(*plan);
        }
        SubjectId::Action(plan, action) => {
            writer.byte(6);
            writer.word(*plan);
            writer.word(*action);
        }
    }
    match state.level {
        // An id is told of, and is no level that is kept.
        Level::None | Level::Id(_) => writer.byte(0),
        Level::On => writer.byte(1),
        Level::Stage(stage) => {
            writer.byte(2);
            writer.word(stage);
        }
        Level::Named(name) => {
            writer.byte(3);
            writer.word(name);
        }
        Level::Count(count) => {
            writer.byte(4);
            writer.number(count);
        }
    }
    writer.number(state.n);
    if state.n > 0 {
        writer.bytes.extend_from_slice(&state.last_id);
    }
}

fn read_subject(reader: &mut FormReader<'_>) -> Result<SubjectState, StoredError> {
    let subject = match reader.bytes.byte()? {
        0 => SubjectId::Tag(Arc::from(reader.bytes.text()?)),
        1 => SubjectId::Stage(reader.word()?),
        2 => SubjectId::Qualify(reader.word()?),
        3 => SubjectId::Band(reader.word()?),
        4 => SubjectId::Grade(reader.word()?),
        5 => SubjectId::Route(reader.word()?),
        6 => SubjectId::Action(reader.word()?, reader.word()?),
        _ => return Err(StoredError::Malformed("an unknown subject")),
    };
    let level = match reader.bytes.byte()? {
        0 => Level::None,
        1 => Level::On,
        2 => Level::Stage(reader.word()?),
        3 => Level::Named(reader.word()?),
        4 => Level::Count(reader.bytes.number()?),
        _ => return Err(StoredError::Malformed("an unknown level")),
    };
    let n = reader.bytes.number()?;
    let last_id = if n > 0 { reader.bytes.array()? } else { [0; 16] };
    Ok(SubjectState { subject, level, n, last_id })
}
