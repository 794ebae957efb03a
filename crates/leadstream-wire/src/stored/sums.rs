//! Stored forms of decay: how the bookings of a rule lose their worth, and the parts of running sums that do.
//!
//! A contact in which nothing decays has none of this: its sums are numbers among the other parts of its state.

use std::sync::Arc;

use leadstream_core::contact::State;
use leadstream_core::decay::{Decay, Group, Part, Step, Sum, Worth};
use leadstream_core::{Span, Timestamp};

use super::StoredError;
use super::form::{FormReader, FormWriter};

/// Kinds of decay; never changed or reused.
mod kind {
    pub(super) const NONE: u8 = 0;
    pub(super) const HALF_LIFE: u8 = 1;
    pub(super) const LINEAR: u8 = 2;
    pub(super) const STEPS: u8 = 3;
}

pub(super) fn put_decay(decay: &Decay, writer: &mut FormWriter<'_>) {
    let span = |writer: &mut FormWriter<'_>, span: Span| writer.number(span.millis() as u64);
    match decay {
        Decay::None => writer.byte(kind::NONE),
        Decay::HalfLife(half_life) => {
            writer.byte(kind::HALF_LIFE);
            span(writer, *half_life);
        }
        Decay::Linear(until) => {
            writer.byte(kind::LINEAR);
            span(writer, *until);
        }
        Decay::Steps(steps) => {
            writer.byte(kind::STEPS);
            writer.list(steps, |step, writer| {
                span(writer, step.age);
                writer.number(u64::from(step.keep));
            });
        }
    }
}

pub(super) fn read_decay(reader: &mut FormReader<'_>) -> Result<Decay, StoredError> {
    let span = |reader: &mut FormReader<'_>| {
        let millis = i64::try_from(reader.bytes.number()?).ok().filter(|millis| (1..=SPAN_MAX_MS).contains(millis));
        millis.map(Span::from_millis).ok_or(StoredError::Malformed("a span of decay that is none"))
    };
    Ok(match reader.bytes.byte()? {
        kind::NONE => Decay::None,
        kind::HALF_LIFE => Decay::HalfLife(span(reader)?),
        kind::LINEAR => Decay::Linear(span(reader)?),
        kind::STEPS => {
            let steps = reader.list(|reader| Ok(Step { age: span(reader)?, keep: reader.bytes.number_u32()? }))?;
            if steps.iter().any(|step| step.keep > Step::ALL) || !steps.is_sorted_by(|one, next| one.age < next.age) {
                return Err(StoredError::Malformed("steps of decay that are none"));
            }
            Decay::Steps(Arc::from(steps))
        }
        _ => return Err(StoredError::Malformed("an unknown decay")),
    })
}

/// Longer than any span of a plan (S58).
const SPAN_MAX_MS: i64 = 1 << 50;

/// What a plan keeps between steps where points decay.
const ALLOWED: u8 = 1;
const MAY_ADVANCE: u8 = 1 << 1;

/// Appends the decaying parts of a state's sums: of each plan and of its stage, then of each tag.
pub(super) fn put_sums(state: &State, writer: &mut FormWriter<'_>) {
    for plan in &state.plans {
        let may_advance = plan.stage.as_ref().is_some_and(|stage| stage.may_advance);
        writer.byte(if plan.qualify.allowed { ALLOWED } else { 0 } | if may_advance { MAY_ADVANCE } else { 0 });
        put_groups(&plan.engagement, writer);
        if let Some(stage) = &plan.stage {
            put_groups(&stage.points, writer);
        }
    }
    state.tags.iter().for_each(|tag| put_groups(&tag.points, writer));
}

/// Reads the decaying parts into the sums of a state.
pub(super) fn read_sums(state: &mut State, reader: &mut FormReader<'_>) -> Result<(), StoredError> {
    for plan in &mut state.plans {
        let flags = reader.flags(ALLOWED | MAY_ADVANCE)?;
        plan.qualify.allowed = flags & ALLOWED != 0;
        read_groups(&mut plan.engagement, reader)?;
        if let Some(stage) = &mut plan.stage {
            stage.may_advance = flags & MAY_ADVANCE != 0;
            read_groups(&mut stage.points, reader)?;
        }
    }
    state.tags.iter_mut().try_for_each(|tag| read_groups(&mut tag.points, reader))
}

/// Takes the decaying parts out of the sums of a state, as before a state is read in which nothing decays.
pub(super) fn forget_sums(state: &mut State) {
    for plan in &mut state.plans {
        plan.qualify.allowed = false;
        plan.engagement = Sum::new(plan.engagement.fixed, Vec::new());
        if let Some(stage) = &mut plan.stage {
            stage.may_advance = false;
            stage.points = Sum::new(stage.points.fixed, Vec::new());
        }
    }
    state.tags.iter_mut().for_each(|tag| tag.points = Sum::new(tag.points.fixed, Vec::new()));
}

fn put_groups(sum: &Sum, writer: &mut FormWriter<'_>) {
    writer.list(sum.groups(), |group, writer| {
        put_decay(&group.decay, writer);
        writer.word(group.plan);
        match &group.worth {
            Worth::Halving { frame, weight } => {
                writer.bytes.extend_from_slice(&frame.to_le_bytes());
                writer.bytes.extend_from_slice(&weight.to_le_bytes());
            }
            Worth::Parts(parts) => writer.list(parts, |part, writer| {
                writer.instant(part.time);
                writer.points(part.applied);
            }),
        }
    });
}

fn read_groups(sum: &mut Sum, reader: &mut FormReader<'_>) -> Result<(), StoredError> {
    let groups = reader.list(|reader| {
        let (decay, plan) = (read_decay(reader)?, reader.word()?);
        let worth = match decay {
            Decay::None => return Err(StoredError::Malformed("a group that does not decay")),
            Decay::HalfLife(_) => Worth::Halving {
                frame: i64::from_le_bytes(reader.bytes.array()?),
                weight: i128::from_le_bytes(reader.bytes.array()?),
            },
            Decay::Linear(_) | Decay::Steps(_) => Worth::Parts(read_parts(reader)?),
        };
        match &worth {
            Worth::Halving { frame, weight } if frame.unsigned_abs() > 1 << 48 || weight.unsigned_abs() > 1 << 78 => {
                Err(StoredError::Malformed("a sum beyond all bounds"))
            }
            _ => Ok(Group { decay, plan, worth }),
        }
    })?;
    *sum = Sum::new(sum.fixed, groups);
    Ok(())
}

fn read_parts(reader: &mut FormReader<'_>) -> Result<Vec<Part>, StoredError> {
    let parts = reader.list(|reader| Ok(Part { time: reader.instant()?, applied: reader.points()? }))?;
    let is_known =
        |part: &Part| part.time.millis().unsigned_abs() < 1 << 60 && part.applied == part.applied.saturated();
    if !parts.is_sorted_by(|one, next| one.time < next.time) || !parts.iter().all(is_known) {
        return Err(StoredError::Malformed("bookings out of order or beyond all bounds"));
    }
    Ok(parts)
}

/// Instants in a state's sums are differences from its last step.
pub(super) fn base_of(state: &State) -> Timestamp {
    state.tau.unwrap_or_default()
}
