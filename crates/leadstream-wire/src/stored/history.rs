//! Stored forms of what only grows: words, rows, the table of rules, contributions.
//!
//! Instants are written as differences from the one before, causes as places in the rows.

use std::sync::Arc;

use leadstream_core::contact::{
    Cause, Contribution, Dimension, LimitReason, RowParts, Rows, RuleName, RuleTable, Words,
};
use leadstream_core::{Contact, EventKind, Name, PlanVersion, Points, Timestamp, Uid, Verdict};

use super::StoredError;
use super::bytes::{ByteReader, put_bytes, put_number, put_signed};

pub(super) fn put_words(words: &Words, from: usize, bytes: &mut Vec<u8>) {
    put_number(bytes, (words.len() - from) as u64);
    for text in words.iter().skip(from) {
        put_bytes(bytes, text.as_bytes());
    }
}

pub(super) fn read_words(reader: &mut ByteReader<'_>, words: &mut Words) -> Result<(), StoredError> {
    for _ in 0..reader.number()? {
        let text = reader.text()?;
        let known = words.len();
        if words.insert(Name::of(text), text) as usize != known {
            return Err(StoredError::Malformed("a word twice"));
        }
    }
    Ok(())
}

pub(super) fn put_rules(rules: &RuleTable, from: usize, bytes: &mut Vec<u8>) {
    put_number(bytes, (rules.len() - from) as u64);
    for name in rules.iter().skip(from) {
        put_bytes(bytes, name.plan.as_bytes());
        put_bytes(bytes, name.rule.as_bytes());
        bytes.extend_from_slice(&name.version.0);
        match &name.dimension {
            Dimension::Plan => bytes.push(0),
            Dimension::Tag(tag) => {
                bytes.push(1);
                put_bytes(bytes, tag.as_bytes());
            }
        }
    }
}

pub(super) fn read_rules(reader: &mut ByteReader<'_>, rules: &mut RuleTable) -> Result<(), StoredError> {
    for _ in 0..reader.number()? {
        let (plan, rule) = (reader.text()?, reader.text()?);
        let version = PlanVersion(reader.array()?);
        let dimension = match reader.byte()? {
            0 => Dimension::Plan,
            1 => Dimension::Tag(Arc::from(reader.text()?)),
            _ => return Err(StoredError::Malformed("a rule of an unknown dimension")),
        };
        let key = Name::of_pair(plan, rule);
        rules.push(RuleName { key, plan: Arc::from(plan), rule: Arc::from(rule), version, dimension });
    }
    Ok(())
}

pub(super) fn put_rows(rows: &Rows, from: usize, bytes: &mut Vec<u8>) {
    put_number(bytes, (rows.len() - from) as u64);
    let mut last_ms = from.checked_sub(1).map_or(0, |before| rows.as_slice()[before].time.millis());
    for row in &rows.as_slice()[from..] {
        put_signed(bytes, row.time.millis().wrapping_sub(last_ms));
        last_ms = row.time.millis();
        bytes.extend_from_slice(&row.uid.0);
        put_number(bytes, u64::from(row.event_type));
        put_number(bytes, u64::from(row.source));
        bytes.push(kind_code(row.kind) | verdict_code(row.verdict) << 4 | u8::from(row.clamped) << 6);
        put_bytes(bytes, rows.packed(row));
    }
}

pub(super) fn read_rows(reader: &mut ByteReader<'_>, contact: &mut Contact) -> Result<(), StoredError> {
    let mut last_ms = contact.rows.last().map_or(0, |row| row.time.millis());
    for _ in 0..reader.number()? {
        last_ms = last_ms.wrapping_add(reader.signed()?);
        let uid = Uid(reader.array()?);
        let (event_type, source) = (reader.number_u32()?, reader.number_u32()?);
        let code = reader.byte()?;
        let row = RowParts {
            time: Timestamp::from_millis(last_ms),
            uid,
            event_type,
            source,
            kind: kind_of(code & 0x0f)?,
            verdict: verdict_of(code >> 4 & 0x03)?,
            clamped: code & 0x40 != 0,
        };
        let last = contact.rows.last().map(|row| row.order());
        if last.is_some_and(|last| last >= (row.time, row.uid)) {
            return Err(StoredError::Malformed("rows out of order"));
        }
        contact.rows.push_packed(row, reader.bytes()?);
    }
    Ok(())
}

const CAUSED_BY_EVENT: u8 = 1;
const APPLIED_IS_RAW: u8 = 2;

pub(super) fn put_contributions(contact: &Contact, from: usize, bytes: &mut Vec<u8>) {
    let contributions = contact.ledger.as_slice();
    put_number(bytes, (contributions.len() - from) as u64);
    let mut last_ms = from.checked_sub(1).map_or(0, |before| contributions[before].time.millis());
    for contribution in &contributions[from..] {
        let place = match contribution.cause {
            Cause::Timer => None,
            Cause::Event(uid) => contact.rows.find(uid),
        };
        let mut code = reason_code(contribution.reason) << 4;
        code |= if place.is_some() { CAUSED_BY_EVENT } else { 0 };
        code |= if contribution.applied == contribution.raw { APPLIED_IS_RAW } else { 0 };
        bytes.push(code);
        put_signed(bytes, contribution.time.millis().wrapping_sub(last_ms));
        last_ms = contribution.time.millis();
        if let Some(place) = place {
            put_number(bytes, place as u64);
        }
        put_number(bytes, u64::from(contribution.rule));
        put_signed(bytes, contribution.raw.thousandths());
        if contribution.applied != contribution.raw {
            put_signed(bytes, contribution.applied.thousandths());
        }
    }
}

pub(super) fn read_contributions(reader: &mut ByteReader<'_>, contact: &mut Contact) -> Result<(), StoredError> {
    let mut last_ms = contact.ledger.as_slice().last().map_or(0, |last| last.time.millis());
    for _ in 0..reader.number()? {
        let code = reader.byte()?;
        last_ms = last_ms.wrapping_add(reader.signed()?);
        let cause = if code & CAUSED_BY_EVENT == 0 {
            Cause::Timer
        } else {
            let place = reader.number_u32()? as usize;
            let row = contact.rows.as_slice().get(place);
            Cause::Event(row.ok_or(StoredError::Malformed("a cause that is no row"))?.uid)
        };
        let rule = reader.number_u32()?;
        if contact.rules.get(rule).is_none() {
            return Err(StoredError::Malformed("a contribution of no rule"));
        }
        let raw = Points::from_thousandths(reader.signed()?);
        let applied = if code & APPLIED_IS_RAW == 0 { Points::from_thousandths(reader.signed()?) } else { raw };
        let time = Timestamp::from_millis(last_ms);
        let reason = reason_of(code >> 4)?;
        contact.ledger.push(Contribution { time, cause, rule, raw, applied, reason });
    }
    Ok(())
}

fn kind_code(kind: EventKind) -> u8 {
    match kind {
        EventKind::Interaction => 0,
        EventKind::Attributes => 1,
        EventKind::Tags => 2,
        EventKind::Snapshot => 3,
        EventKind::Link => 4,
    }
}

fn kind_of(code: u8) -> Result<EventKind, StoredError> {
    match code {
        0 => Ok(EventKind::Interaction),
        1 => Ok(EventKind::Attributes),
        2 => Ok(EventKind::Tags),
        3 => Ok(EventKind::Snapshot),
        4 => Ok(EventKind::Link),
        _ => Err(StoredError::Malformed("a row of an unknown kind")),
    }
}

pub(super) fn verdict_code(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Human => 0,
        Verdict::Suspect => 1,
        Verdict::Machine => 2,
    }
}

pub(super) fn verdict_of(code: u8) -> Result<Verdict, StoredError> {
    match code {
        0 => Ok(Verdict::Human),
        1 => Ok(Verdict::Suspect),
        2 => Ok(Verdict::Machine),
        _ => Err(StoredError::Malformed("an unknown verdict")),
    }
}

fn reason_code(reason: Option<LimitReason>) -> u8 {
    match reason {
        None => 0,
        Some(LimitReason::Weight) => 1,
        Some(LimitReason::Cap) => 2,
        Some(LimitReason::Limit) => 3,
    }
}

fn reason_of(code: u8) -> Result<Option<LimitReason>, StoredError> {
    match code {
        0 => Ok(None),
        1 => Ok(Some(LimitReason::Weight)),
        2 => Ok(Some(LimitReason::Cap)),
        3 => Ok(Some(LimitReason::Limit)),
        _ => Err(StoredError::Malformed("an unknown reason")),
    }
}
