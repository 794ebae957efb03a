//! Stored forms of the fold state and of what was announced.

use std::sync::Arc;

use leadstream_core::contact::{
    Announced, Attribute, AttributeValue, FactStatistics, FitPoints, Level, OnceKey, PlanState, QualifyState,
    RollingBooking, RuleState, StageState, State, SubjectId, SubjectState, TagState,
};
use leadstream_core::{Name, Points, Timestamp, Uid};

use super::StoredError;
use super::bytes::{ByteReader, put_bytes, put_number, put_signed};
use super::history::{verdict_code, verdict_of};

pub(super) fn put_state(state: &State, bytes: &mut Vec<u8>) {
    put_optional_instant(state.tau, bytes);
    match state.last_event {
        None => bytes.push(0),
        Some(order) => {
            bytes.push(1);
            put_order(order, bytes);
        }
    }
    put_optional_instant(state.first_event, bytes);
    state.activity.iter().for_each(|instant| put_optional_instant(*instant, bytes));
    put_optional_instant(state.plans_since, bytes);
    put_list(&state.attributes, bytes, put_attribute);
    put_list(&state.tags, bytes, put_tag);
    put_list(&state.plans, bytes, put_plan);
    put_list(&state.rules, bytes, |rule, bytes| {
        put_number(bytes, u64::from(rule.rule));
        put_optional_instant(rule.once_fired, bytes);
        put_optional_instant(rule.idle_passed, bytes);
        bytes.push(rule.period);
        put_instant(rule.period_end, bytes);
        put_points(rule.capped, bytes);
    });
    put_list(&state.once, bytes, |once, bytes| {
        put_number(bytes, u64::from(once.rule));
        bytes.extend_from_slice(&once.key.to_be_bytes());
        put_instant(once.fired, bytes);
    });
    put_list(&state.rolling, bytes, |booking, bytes| {
        put_number(bytes, u64::from(booking.rule));
        put_instant(booking.time, bytes);
        put_points(booking.applied, bytes);
    });
    put_list(&state.facts, bytes, put_fact);
    put_number(bytes, state.booked);
}

pub(super) fn read_state(reader: &mut ByteReader<'_>) -> Result<State, StoredError> {
    Ok(State {
        tau: read_optional_instant(reader)?,
        last_event: match reader.byte()? {
            0 => None,
            _ => Some(read_order(reader)?),
        },
        first_event: read_optional_instant(reader)?,
        activity: [read_optional_instant(reader)?, read_optional_instant(reader)?, read_optional_instant(reader)?],
        plans_since: read_optional_instant(reader)?,
        attributes: Arc::new(read_list(reader, read_attribute)?),
        tags: Arc::new(read_list(reader, read_tag)?),
        plans: read_list(reader, read_plan)?,
        rules: read_list(reader, |reader| {
            Ok(RuleState {
                rule: reader.number_u32()?,
                once_fired: read_optional_instant(reader)?,
                idle_passed: read_optional_instant(reader)?,
                period: reader.byte()?,
                period_end: read_instant(reader)?,
                capped: read_points(reader)?,
            })
        })?,
        once: Arc::new(read_list(reader, |reader| {
            let rule = reader.number_u32()?;
            Ok(OnceKey { rule, key: u64::from_be_bytes(reader.array()?), fired: read_instant(reader)? })
        })?),
        rolling: Arc::new(read_list(reader, |reader| {
            let rule = reader.number_u32()?;
            Ok(RollingBooking { rule, time: read_instant(reader)?, applied: read_points(reader)? })
        })?),
        facts: Arc::new(read_list(reader, read_fact)?),
        booked: reader.number()?,
    })
}

fn put_attribute(attribute: &Attribute, bytes: &mut Vec<u8>) {
    put_bytes(bytes, attribute.text.as_bytes());
    match &attribute.value {
        AttributeValue::Bool(value) => bytes.push(u8::from(*value)),
        AttributeValue::Number(value) => {
            bytes.push(2);
            bytes.extend_from_slice(&value.to_le_bytes());
        }
        AttributeValue::Text(value) => {
            bytes.push(3);
            put_bytes(bytes, value.as_bytes());
        }
    }
    put_instant(attribute.time, bytes);
    put_bytes(bytes, attribute.source.as_bytes());
}

fn read_attribute(reader: &mut ByteReader<'_>) -> Result<Attribute, StoredError> {
    let text = reader.text()?;
    let value = match reader.byte()? {
        0 => AttributeValue::Bool(false),
        1 => AttributeValue::Bool(true),
        2 => AttributeValue::Number(f64::from_le_bytes(reader.array()?)),
        3 => AttributeValue::Text(Arc::from(reader.text()?)),
        _ => return Err(StoredError::Malformed("an attribute of an unknown type")),
    };
    let (time, source) = (read_instant(reader)?, Arc::from(reader.text()?));
    Ok(Attribute { name: Name::of(text), text: Arc::from(text), value, time, source })
}

fn put_tag(tag: &TagState, bytes: &mut Vec<u8>) {
    put_bytes(bytes, tag.tag.as_bytes());
    put_instant(tag.since, bytes);
    put_points(tag.points, bytes);
    put_number(bytes, tag.first_contribution);
}

fn read_tag(reader: &mut ByteReader<'_>) -> Result<TagState, StoredError> {
    Ok(TagState {
        tag: Arc::from(reader.text()?),
        since: read_instant(reader)?,
        points: read_points(reader)?,
        first_contribution: reader.number()?,
    })
}

fn put_plan(plan: &PlanState, bytes: &mut Vec<u8>) {
    put_bytes(bytes, plan.plan.as_bytes());
    let flags = u8::from(plan.member) | u8::from(plan.qualify.on) << 1 | u8::from(plan.qualify.held) << 2;
    bytes.push(flags | u8::from(plan.stage.is_some()) << 3);
    put_instant(plan.member_since, bytes);
    put_points(plan.engagement, bytes);
    put_number(bytes, plan.first_contribution);
    put_points(plan.fit, bytes);
    put_list(&plan.fit_rules, bytes, |fit, bytes| {
        put_bytes(bytes, fit.rule.as_bytes());
        put_points(fit.points, bytes);
    });
    put_optional_instant(plan.qualify.since, bytes);
    put_optional_instant(plan.qualify.last_on, bytes);
    if let Some(stage) = &plan.stage {
        put_bytes(bytes, stage.stage.as_bytes());
        put_instant(stage.entered, bytes);
        put_points(stage.points, bytes);
        put_number(bytes, stage.first_contribution);
        bytes.push(u8::from(stage.armed) | u8::from(stage.resting) << 1);
    }
    put_optional_instant(plan.stage_left, bytes);
}

fn read_plan(reader: &mut ByteReader<'_>) -> Result<PlanState, StoredError> {
    let plan = reader.text()?;
    let flags = reader.byte()?;
    let member_since = read_instant(reader)?;
    let engagement = read_points(reader)?;
    let first_contribution = reader.number()?;
    let fit = read_points(reader)?;
    let fit_rules = Arc::new(read_list(reader, |reader| {
        Ok(FitPoints { rule: Arc::from(reader.text()?), points: read_points(reader)? })
    })?);
    let (since, last_on) = (read_optional_instant(reader)?, read_optional_instant(reader)?);
    let qualify = QualifyState { on: flags & 2 != 0, since, last_on, held: flags & 4 != 0 };
    let stage = if flags & 8 == 0 { None } else { Some(read_stage(reader)?) };
    Ok(PlanState {
        plan: Arc::from(plan),
        key: Name::of(plan),
        member: flags & 1 != 0,
        member_since,
        engagement,
        first_contribution,
        fit,
        fit_rules,
        qualify,
        stage,
        stage_left: read_optional_instant(reader)?,
    })
}

fn read_stage(reader: &mut ByteReader<'_>) -> Result<StageState, StoredError> {
    let stage = Arc::from(reader.text()?);
    let (entered, points, first_contribution) = (read_instant(reader)?, read_points(reader)?, reader.number()?);
    let flags = reader.byte()?;
    Ok(StageState { stage, entered, points, first_contribution, armed: flags & 1 != 0, resting: flags & 2 != 0 })
}

fn put_fact(fact: &FactStatistics, bytes: &mut Vec<u8>) {
    put_bytes(bytes, fact.text.as_bytes());
    bytes.push(verdict_code(fact.verdict));
    put_number(bytes, fact.count);
    put_instant(fact.first, bytes);
    put_instant(fact.last, bytes);
    put_list(&fact.recent, bytes, |instant, bytes| put_instant(*instant, bytes));
}

fn read_fact(reader: &mut ByteReader<'_>) -> Result<FactStatistics, StoredError> {
    let text = reader.text()?;
    Ok(FactStatistics {
        key: Name::of(text),
        text: Arc::from(text),
        verdict: verdict_of(reader.byte()?)?,
        count: reader.number()?,
        first: read_instant(reader)?,
        last: read_instant(reader)?,
        recent: read_list(reader, read_instant)?,
    })
}

pub(super) fn put_announced(announced: &Announced, bytes: &mut Vec<u8>) {
    put_number(bytes, announced.seq);
    put_optional_instant(announced.time, bytes);
    put_list(&announced.subjects, bytes, |subject, bytes| {
        let (code, text) = match &subject.subject {
            SubjectId::Tag(tag) => (0, tag),
            SubjectId::Stage(plan) => (1, plan),
            SubjectId::Qualify(plan) => (2, plan),
        };
        bytes.push(code);
        put_bytes(bytes, text.as_bytes());
        match &subject.level {
            Level::None => bytes.push(0),
            Level::On => bytes.push(1),
            Level::Stage(stage) => {
                bytes.push(2);
                put_bytes(bytes, stage.as_bytes());
            }
        }
        put_number(bytes, subject.n);
        if subject.n > 0 {
            bytes.extend_from_slice(&subject.last_id);
        }
    });
}

pub(super) fn read_announced(reader: &mut ByteReader<'_>) -> Result<Announced, StoredError> {
    Ok(Announced {
        seq: reader.number()?,
        time: read_optional_instant(reader)?,
        subjects: read_list(reader, |reader| {
            let code = reader.byte()?;
            let text = Arc::from(reader.text()?);
            let subject = match code {
                0 => SubjectId::Tag(text),
                1 => SubjectId::Stage(text),
                2 => SubjectId::Qualify(text),
                _ => return Err(StoredError::Malformed("an unknown subject")),
            };
            let level = match reader.byte()? {
                0 => Level::None,
                1 => Level::On,
                2 => Level::Stage(Arc::from(reader.text()?)),
                _ => return Err(StoredError::Malformed("an unknown level")),
            };
            let n = reader.number()?;
            let last_id = if n > 0 { reader.array()? } else { [0; 16] };
            Ok(SubjectState { subject, level, n, last_id })
        })?,
    })
}

pub(super) fn put_order(order: (Timestamp, Uid), bytes: &mut Vec<u8>) {
    put_instant(order.0, bytes);
    bytes.extend_from_slice(&order.1.0);
}

pub(super) fn read_order(reader: &mut ByteReader<'_>) -> Result<(Timestamp, Uid), StoredError> {
    Ok((read_instant(reader)?, Uid(reader.array()?)))
}

fn put_instant(instant: Timestamp, bytes: &mut Vec<u8>) {
    put_signed(bytes, instant.millis());
}

fn read_instant(reader: &mut ByteReader<'_>) -> Result<Timestamp, StoredError> {
    reader.signed().map(Timestamp::from_millis)
}

fn put_optional_instant(instant: Option<Timestamp>, bytes: &mut Vec<u8>) {
    match instant {
        None => bytes.push(0),
        Some(instant) => {
            bytes.push(1);
            put_instant(instant, bytes);
        }
    }
}

fn read_optional_instant(reader: &mut ByteReader<'_>) -> Result<Option<Timestamp>, StoredError> {
    match reader.byte()? {
        0 => Ok(None),
        1 => read_instant(reader).map(Some),
        _ => Err(StoredError::Malformed("an instant that neither is nor is not")),
    }
}

fn put_points(points: Points, bytes: &mut Vec<u8>) {
    put_signed(bytes, points.thousandths());
}

fn read_points(reader: &mut ByteReader<'_>) -> Result<Points, StoredError> {
    reader.signed().map(Points::from_thousandths)
}

fn put_list<T>(items: &[T], bytes: &mut Vec<u8>, put: impl Fn(&T, &mut Vec<u8>)) {
    put_number(bytes, items.len() as u64);
    items.iter().for_each(|item| put(item, bytes));
}

fn read_list<'a, T>(
    reader: &mut ByteReader<'a>,
    read: impl Fn(&mut ByteReader<'a>) -> Result<T, StoredError>,
) -> Result<Vec<T>, StoredError> {
    let count = reader.number()?;
    let mut items = Vec::new();
    for _ in 0..count {
        items.push(read(reader)?);
    }
    Ok(items)
}
