//! Stored forms of what only grows: the table of rules, rows, contributions.
//!
//! Instants are written as differences from the one before, causes as places in the rows.

use std::collections::HashMap;
use std::sync::Arc;

use leadstream_core::contact::{
    Cause, Contribution, Dimension, LimitReasons, RowParts, RowText, RuleName, split_value,
};
use leadstream_core::decay::Decay;
use leadstream_core::{Contact, EventKind, Name, PlanVersion, Points, Timestamp, Uid, Verdict};

use super::StoredError;
use super::bytes::{put_number, put_signed};
use super::form::{FormReader, FormWriter};
use super::sums::{put_decay, read_decay};

/// The code of a rule's entry: its score, and whether the plan's version follows; else it is that of the entry before.
mod entry {
    pub(super) const OF_TAG: u8 = 1;
    pub(super) const VERSION: u8 = 1 << 1;
    /// Its bookings lose their worth, in the way that follows.
    pub(super) const DECAY: u8 = 1 << 2;
    pub(super) const ALL: u8 = OF_TAG | VERSION | DECAY;
}

pub(super) fn put_rules(contact: &Contact, from: usize, writer: &mut FormWriter<'_>) {
    let mut version = from.checked_sub(1).and_then(|last| contact.rules.get(last as u32)).map(|name| name.version);
    writer.number((contact.rules.len() - from) as u64);
    for name in contact.rules.iter().skip(from) {
        let mut code = if version == Some(name.version) { 0 } else { entry::VERSION };
        code |= if name.dimension == Dimension::Plan { 0 } else { entry::OF_TAG };
        code |= if name.decay == Decay::None { 0 } else { entry::DECAY };
        writer.byte(code);
        writer.word(name.plan);
        writer.word(name.rule);
        if code & entry::VERSION != 0 {
            writer.bytes.extend_from_slice(&name.version.0);
        }
        if let Dimension::Tag(tag) = &name.dimension {
            writer.text(tag);
        }
        if name.decay != Decay::None {
            put_decay(&name.decay, writer);
        }
        version = Some(name.version);
    }
}

pub(super) fn read_rules(contact: &mut Contact, reader: &mut FormReader<'_>) -> Result<(), StoredError> {
    let last = contact.rules.len().checked_sub(1).and_then(|last| contact.rules.get(last as u32));
    let mut version = last.map(|name| name.version);
    for _ in 0..reader.bytes.number()? {
        let code = reader.flags(entry::ALL)?;
        let (plan, rule) = (reader.word()?, reader.word()?);
        if code & entry::VERSION != 0 {
            version = Some(PlanVersion(reader.bytes.array()?));
        }
        let version = version.ok_or(StoredError::Malformed("a rule of no version"))?;
        let dimension = match code & entry::OF_TAG {
            0 => Dimension::Plan,
            _ => Dimension::Tag(Arc::from(reader.bytes.text()?)),
        };
        let decay = if code & entry::DECAY == 0 { Decay::None } else { read_decay(reader)? };
        let key = Name::of_pair(&plan, &rule);
        contact.rules.push(shared(RuleName { key, plan, rule, version, dimension, decay }));
    }
    Ok(())
}

/// So many entries are remembered to be shared; then remembering begins anew.
const SHARED_MAX: usize = 4096;

/// Contacts that are read share equal entries of their tables, as contacts that are folded do.
fn shared(name: RuleName) -> Arc<RuleName> {
    type Known = HashMap<(Name, PlanVersion), Arc<RuleName>>;
    thread_local! {
        static KNOWN: std::cell::RefCell<Known> = std::cell::RefCell::default();
    }
    if name.dimension != Dimension::Plan {
        return Arc::new(name);
    }
    KNOWN.with_borrow_mut(|known| {
        if known.len() >= SHARED_MAX {
            known.clear();
        }
        // Adjustments of one version are booked with decay and without: they are two entries (S17).
        match known.get(&(name.key, name.version)) {
            Some(one) if **one == name => Arc::clone(one),
            _ => {
                let one = Arc::new(name);
                known.insert((one.key, one.version), Arc::clone(&one));
                one
            }
        }
    })
}

const KIND_BITS: u8 = 0x0f;
const VERDICT_SHIFT: u8 = 4;
const CLAMPED: u8 = 1 << 6;

pub(super) fn put_rows(contact: &Contact, from: usize, writer: &mut FormWriter<'_>) {
    let rows = &contact.rows;
    writer.number((rows.len() - from) as u64);
    let mut last_ms = from.checked_sub(1).map_or(0, |before| rows.as_slice()[before].time.millis());
    for (at, row) in rows.as_slice().iter().enumerate().skip(from) {
        put_signed(writer.bytes, row.time.millis().wrapping_sub(last_ms));
        last_ms = row.time.millis();
        writer.bytes.extend_from_slice(&row.uid.0);
        writer.byte(
            row.kind().code() | row.verdict().code() << VERDICT_SHIFT | if row.is_clamped() { CLAMPED } else { 0 },
        );
        writer.words.put_text(rows.event_type(at), writer.bytes);
        writer.words.put_text(rows.source(at), writer.bytes);
        writer.number(rows.raw_properties(at).count() as u64);
        for (name, value) in rows.raw_properties(at) {
            writer.words.put_text(name, writer.bytes);
            writer.bytes.extend_from_slice(value);
        }
    }
}

pub(super) fn read_rows(contact: &mut Contact, reader: &mut FormReader<'_>) -> Result<(), StoredError> {
    let mut last_ms = contact.rows.last().map_or(0, |row| row.time.millis());
    let mut properties: Vec<(RowText<'_>, &[u8])> = Vec::new();
    for _ in 0..reader.bytes.number()? {
        last_ms = last_ms.wrapping_add(reader.bytes.signed()?);
        let uid = Uid(reader.bytes.array()?);
        let code = reader.flags(KIND_BITS | 3 << VERDICT_SHIFT | CLAMPED)?;
        let row = RowParts {
            time: Timestamp::from_millis(last_ms),
            uid,
            kind: EventKind::of_code(code & KIND_BITS).ok_or(StoredError::Malformed("a row of an unknown kind"))?,
            verdict: Verdict::of_code(code >> VERDICT_SHIFT & 3).ok_or(StoredError::Malformed("an unknown verdict"))?,
            clamped: code & CLAMPED != 0,
            event_type: reader.words.text(&mut reader.bytes)?,
            source: reader.words.text(&mut reader.bytes)?,
        };
        properties.clear();
        for _ in 0..reader.bytes.number()? {
            let name = reader.words.text(&mut reader.bytes)?;
            let (value, _) = split_value(reader.bytes.rest()).ok_or(StoredError::Malformed("a value of no kind"))?;
            properties.push((name, reader.bytes.take(value.len())?));
        }
        let last = contact.rows.last().map(|row| row.order());
        if last.is_some_and(|last| last >= (row.time, row.uid)) {
            return Err(StoredError::Malformed("rows out of order"));
        }
        contact.rows.push(&row, properties.iter().copied());
    }
    Ok(())
}

/// The code of a contribution, with why less was booked in the bits above.
mod booked {
    pub(super) const BY_EVENT: u8 = 1;
    pub(super) const AS_SAID: u8 = 1 << 1;
    /// Later than its cause happened: by the timer of a window, and the row of the cause may be gone: its identity follows where it is.
    pub(super) const WAITED: u8 = 1 << 2;
    /// Of what waited: by an event that confirmed it.
    pub(super) const CONFIRMED: u8 = 1 << 3;
    pub(super) const REASON_SHIFT: u8 = 4;
    pub(super) const ALL: u8 = BY_EVENT | AS_SAID | WAITED | CONFIRMED | 7 << REASON_SHIFT;
}

pub(super) fn put_contributions(contact: &Contact, from: usize, writer: &mut FormWriter<'_>) {
    let contributions = contact.ledger.as_slice();
    writer.number((contributions.len() - from) as u64);
    let mut last_ms = from.checked_sub(1).map_or(0, |before| contributions[before].time.millis());
    // In a change the causes are mostly its own rows, which are the last ones.
    let near = if from == 0 { 0 } else { contact.rows.len().saturating_sub(1) };
    let mut causes = Causes { contact, near };
    for contribution in &contributions[from..] {
        let place = contribution.cause.uid().and_then(|uid| causes.place(uid, contribution.time));
        let mut code = contribution.reasons.bits() << booked::REASON_SHIFT;
        code |= match contribution.cause {
            Cause::Timer | Cause::Event(_) => 0,
            Cause::Window(_) => booked::WAITED,
            Cause::Held(_) => booked::WAITED | booked::CONFIRMED,
        };
        code |= if place.is_some() { booked::BY_EVENT } else { 0 };
        code |= if contribution.applied == contribution.raw { booked::AS_SAID } else { 0 };
        writer.byte(code);
        put_signed(writer.bytes, contribution.time.millis().wrapping_sub(last_ms));
        last_ms = contribution.time.millis();
        match (place, contribution.cause) {
            (Some(place), _) => put_number(writer.bytes, place as u64),
            (None, Cause::Window(uid) | Cause::Held(uid)) => writer.bytes.extend_from_slice(&uid.0),
            (None, Cause::Timer | Cause::Event(_)) => {}
        }
        writer.number(u64::from(contribution.rule));
        writer.points(contribution.raw);
        if contribution.applied != contribution.raw {
            writer.points(contribution.applied);
        }
    }
}

/// Finds the rows of causes: contributions come in the order of their rows, so the next cause is near the one before.
struct Causes<'a> {
    contact: &'a Contact,
    near: usize,
}

impl Causes<'_> {
    fn place(&mut self, uid: Uid, time: Timestamp) -> Option<usize> {
        let rows = self.contact.rows.as_slice();
        if rows.get(self.near).is_none_or(|row| row.uid != uid) {
            let from = rows.partition_point(|row| row.time < time);
            let here = rows[from..].iter().take_while(|row| row.time == time).position(|row| row.uid == uid);
            // Booked later than its cause happened.
            self.near = here.map(|at| from + at).or_else(|| self.contact.rows.find(uid))?;
        }
        Some(self.near)
    }
}

pub(super) fn read_contributions(contact: &mut Contact, reader: &mut FormReader<'_>) -> Result<(), StoredError> {
    let mut last_ms = contact.ledger.as_slice().last().map_or(0, |last| last.time.millis());
    for _ in 0..reader.bytes.number()? {
        let code = reader.flags(booked::ALL)?;
        last_ms = last_ms.wrapping_add(reader.bytes.signed()?);
        let uid = if code & booked::BY_EVENT == 0 {
            if code & booked::WAITED == 0 { None } else { Some(Uid(reader.bytes.array()?)) }
        } else {
            let place = reader.bytes.number_u32()? as usize;
            let row = contact.rows.as_slice().get(place);
            Some(row.ok_or(StoredError::Malformed("a cause that is no row"))?.uid)
        };
        let cause = match uid {
            None => Cause::Timer,
            Some(uid) if code & booked::WAITED == 0 => Cause::Event(uid),
            Some(uid) if code & booked::CONFIRMED == 0 => Cause::Window(uid),
            Some(uid) => Cause::Held(uid),
        };
        let rule = reader.bytes.number_u32()?;
        if contact.rules.get(rule).is_none() {
            return Err(StoredError::Malformed("a contribution of no rule"));
        }
        let raw: Points = reader.points()?;
        let applied = if code & booked::AS_SAID == 0 { reader.points()? } else { raw };
        let time = Timestamp::from_millis(last_ms);
        let reasons = LimitReasons::of_bits(code >> booked::REASON_SHIFT);
        let reasons = reasons.ok_or(StoredError::Malformed("an unknown reason"))?;
        contact.ledger.push(Contribution { time, cause, rule, raw, applied, reasons });
    }
    Ok(())
}
