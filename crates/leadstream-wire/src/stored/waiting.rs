//! Stored form of what a contact waits for: windows, held events, parts of compound rules; as what changed since before. And of the verdicts that
//! a base remembers.
//!
//! A contact that waits for nothing has none of this. What is booked later says itself what it books, once for all that waits for one version of a rule.

use std::sync::Arc;

use leadstream_core::contact::{Award, AwardTag, Dimension, Gathered, Key, Once, Pending, RuleName, Waiting};
use leadstream_core::decay::Decay;
use leadstream_core::plan::{Cap, CapPeriod};
use leadstream_core::{Name, PlanVersion, Span, Uid, Verdict, Word};

use super::StoredError;
use super::bytes::put_bytes;
use super::form::{FormReader, FormWriter};
use super::state::{put_grown, read_grown};
use super::sums::{put_decay, read_decay};

/// What of it is not as before.
mod part {
    pub(super) const WINDOWS: u8 = 1;
    pub(super) const HOLDS: u8 = 1 << 1;
    pub(super) const GATHERED: u8 = 1 << 2;
    pub(super) const ALL: u8 = WINDOWS | HOLDS | GATHERED;
}

/// Appends what differs from before.
pub(super) fn put_waiting(now: &Waiting, before: &Waiting, writer: &mut FormWriter<'_>) {
    let mut parts = 0;
    let mut mark = |bit, differs| parts |= if differs { bit } else { 0 };
    if !now.is_same(before) {
        mark(part::WINDOWS, now.windows() != before.windows());
        mark(part::HOLDS, now.holds() != before.holds());
        mark(part::GATHERED, now.gathered() != before.gathered());
    }
    writer.byte(parts);
    if parts & (part::WINDOWS | part::HOLDS) != 0 {
        let mut awards = awards_of(before);
        let known = awards.len();
        add_awards(now, &mut awards);
        writer.list(&awards[known..], |award, writer| put_award(award, writer));
        let put = |pending: &Pending, writer: &mut FormWriter<'_>| put_pending(pending, &awards, writer);
        if parts & part::WINDOWS != 0 {
            put_edits(now.windows(), before.windows(), writer, put);
        }
        if parts & part::HOLDS != 0 {
            put_edits(now.holds(), before.holds(), writer, put);
        }
    }
    if parts & part::GATHERED != 0 {
        put_gathered(now.gathered(), before.gathered(), writer);
    }
}

/// Reads what differs over what there was.
pub(super) fn read_waiting(waiting: &mut Waiting, reader: &mut FormReader<'_>) -> Result<(), StoredError> {
    let parts = reader.flags(part::ALL)?;
    if parts == 0 {
        return Ok(());
    }
    let mut waits = waiting.get().cloned().unwrap_or_default();
    if parts & (part::WINDOWS | part::HOLDS) != 0 {
        let mut awards = awards_of(waiting);
        awards.extend(reader.list(read_award)?);
        if parts & part::WINDOWS != 0 {
            read_edits(&mut waits.windows, reader, |reader| read_pending(reader, &awards))?;
        }
        if parts & part::HOLDS != 0 {
            read_edits(&mut waits.holds, reader, |reader| read_pending(reader, &awards))?;
        }
    }
    if parts & part::GATHERED != 0 {
        read_gathered(&mut waits.gathered, reader)?;
    }
    if !waits.is_in_order() {
        return Err(StoredError::Malformed("windows or parts out of order"));
    }
    *waiting = Waiting::new(waits);
    Ok(())
}

/// Appends the verdicts that a base remembers, which mostly grow at the end.
pub(super) fn put_verdicts(now: &[(Uid, Verdict)], before: &[(Uid, Verdict)], writer: &mut FormWriter<'_>) {
    put_grown(now, before, writer, |(uid, verdict), writer| {
        writer.bytes.extend_from_slice(&uid.0);
        writer.byte(verdict.code());
    });
}

/// Reads them over those that there were.
pub(super) fn read_verdicts(
    verdicts: &mut Vec<(Uid, Verdict)>,
    reader: &mut FormReader<'_>,
) -> Result<(), StoredError> {
    read_grown(verdicts, reader, |reader| {
        let uid = Uid(reader.bytes.array()?);
        let verdict = Verdict::of_code(reader.bytes.byte()?).ok_or(StoredError::Malformed("an unknown verdict"))?;
        Ok((uid, verdict))
    })
}

/// All awards in the order in which they come up first: writer and reader number them alike.
fn awards_of(waiting: &Waiting) -> Vec<Arc<Award>> {
    let mut awards = Vec::new();
    add_awards(waiting, &mut awards);
    awards
}

fn add_awards(waiting: &Waiting, awards: &mut Vec<Arc<Award>>) {
    for pending in waiting.windows().iter().chain(waiting.holds()) {
        if find_award(&pending.award, awards).is_none() {
            awards.push(Arc::clone(&pending.award));
        }
    }
}

fn find_award(award: &Arc<Award>, awards: &[Arc<Award>]) -> Option<usize> {
    let shared = awards.iter().position(|known| Arc::ptr_eq(known, award));
    shared.or_else(|| awards.iter().position(|known| known == award))
}

/// Appends how a list came out of another: the places that are gone, then the new items with their places.
fn put_edits<T: PartialEq>(
    now: &[T],
    before: &[T],
    writer: &mut FormWriter<'_>,
    put: impl Fn(&T, &mut FormWriter<'_>),
) {
    let mut kept = vec![false; now.len()];
    let mut gone = Vec::new();
    let mut from = 0;
    for (place, item) in before.iter().enumerate() {
        match now[from..].iter().position(|other| other == item) {
            Some(behind) => {
                kept[from + behind] = true;
                from += behind + 1;
            }
            None => gone.push(place),
        }
    }
    writer.list(&gone, |place, writer| writer.number(*place as u64));
    let new: Vec<usize> = (0..now.len()).filter(|place| !kept[*place]).collect();
    writer.list(&new, |place, writer| {
        writer.number(*place as u64);
        put(&now[*place], writer);
    });
}

fn read_edits<'a, T>(
    items: &mut Vec<T>,
    reader: &mut FormReader<'a>,
    read: impl Fn(&mut FormReader<'a>) -> Result<T, StoredError>,
) -> Result<(), StoredError> {
    take_places(items, reader)?;
    for _ in 0..reader.bytes.number()? {
        let place = reader.bytes.number_u32()? as usize;
        if place > items.len() {
            return Err(OUTSIDE);
        }
        items.insert(place, read(reader)?);
    }
    Ok(())
}

const OUTSIDE: StoredError = StoredError::Malformed("a place outside a list");

/// Takes the items out of a list whose places follow, ascending.
fn take_places<T>(items: &mut Vec<T>, reader: &mut FormReader<'_>) -> Result<(), StoredError> {
    let gone = reader.list(|reader| reader.bytes.number_u32())?;
    if !gone.is_sorted_by(|one, next| one < next) {
        return Err(OUTSIDE);
    }
    for place in gone.iter().rev().map(|place| *place as usize) {
        if place >= items.len() {
            return Err(OUTSIDE);
        }
        items.remove(place);
    }
    Ok(())
}

/// Flags above the code of a verdict.
const ONCE_KEY: u8 = 1 << 2;

fn put_pending(pending: &Pending, awards: &[Arc<Award>], writer: &mut FormWriter<'_>) {
    writer.number(find_award(&pending.award, awards).unwrap_or_default() as u64);
    writer.instant(pending.until);
    put_bytes(writer.bytes, pending.key.as_bytes());
    writer.word(pending.property);
    writer.bytes.extend_from_slice(&pending.cause.0);
    writer.byte(pending.verdict.code() | if pending.once_key.is_some() { ONCE_KEY } else { 0 });
    writer.points(pending.raw);
    if let Some(key) = pending.once_key {
        writer.bytes.extend_from_slice(&key.to_be_bytes());
    }
}

fn read_pending(reader: &mut FormReader<'_>, awards: &[Arc<Award>]) -> Result<Pending, StoredError> {
    let award = awards.get(reader.bytes.number_u32()? as usize).cloned();
    let award = award.ok_or(StoredError::Malformed("something that waits for nothing"))?;
    let until = reader.instant()?;
    let (key, property) = (read_key(reader)?, reader.word()?);
    let cause = Uid(reader.bytes.array()?);
    let flags = reader.flags(3 | ONCE_KEY)?;
    let verdict = Verdict::of_code(flags & 3).ok_or(StoredError::Malformed("an unknown verdict"))?;
    let raw = reader.points()?;
    let once_key = if flags & ONCE_KEY == 0 { None } else { Some(u64::from_be_bytes(reader.bytes.array()?)) };
    Ok(Pending { until, key, property, cause, verdict, raw, once_key, award })
}

fn read_key(reader: &mut FormReader<'_>) -> Result<Key, StoredError> {
    let bytes = reader.bytes.bytes()?;
    if bytes.len() > Key::BYTES_MAX {
        return Err(StoredError::Malformed("a key that is too long"));
    }
    Ok(Key::of_bytes(bytes))
}

/// What an award has.
mod award {
    pub(super) const CAP: u8 = 1;
    pub(super) const DECAY: u8 = 1 << 1;
    /// The kind of once: two bits from here.
    pub(super) const ONCE_SHIFT: u8 = 2;
    pub(super) const ALL: u8 = CAP | DECAY | 3 << ONCE_SHIFT;
}

fn put_award(award: &Arc<Award>, writer: &mut FormWriter<'_>) {
    let once = match award.once {
        Once::Not => 0,
        Once::Span(_) => 1,
        Once::Ever => 2,
        Once::Key => 3,
    };
    let mut flags = once << award::ONCE_SHIFT;
    flags |= if award.cap.is_some() { award::CAP } else { 0 };
    flags |= if award.rule.decay == Decay::None { 0 } else { award::DECAY };
    writer.byte(flags);
    writer.word(award.rule.plan);
    writer.word(award.rule.rule);
    writer.bytes.extend_from_slice(&award.rule.version.0);
    if award.rule.decay != Decay::None {
        put_decay(&award.rule.decay, writer);
    }
    if let Some(cap) = award.cap {
        writer.points(cap.points);
        writer.byte(cap.period.code());
        if let CapPeriod::Rolling(span) = cap.period {
            writer.number(span.millis() as u64);
        }
    }
    if let Once::Span(span) = award.once {
        writer.number(span.millis() as u64);
    }
    writer.list(&award.tags, |tag, writer| {
        let Dimension::Tag(text) = &tag.rule.dimension else { return };
        writer.text(text);
        writer.byte(u8::from(tag.points.is_some()));
        if let Some(points) = tag.points {
            writer.points(points);
        }
    });
    writer.list(&award.untag, |tag, writer| writer.text(tag));
    writer.list(&award.unless, |event_type, writer| writer.word(*event_type));
}

fn read_award(reader: &mut FormReader<'_>) -> Result<Arc<Award>, StoredError> {
    let flags = reader.flags(award::ALL)?;
    let (plan, rule) = (reader.word()?, reader.word()?);
    let version = PlanVersion(reader.bytes.array()?);
    let decay = if flags & award::DECAY == 0 { Decay::None } else { read_decay(reader)? };
    let name = |dimension| {
        let key = Name::of_pair(&plan, &rule);
        Arc::new(RuleName { key, plan, rule, version, dimension, decay: decay.clone() })
    };
    let cap = if flags & award::CAP == 0 { None } else { Some(read_cap(reader)?) };
    let once = match flags >> award::ONCE_SHIFT {
        0 => Once::Not,
        1 => Once::Span(read_span(reader)?),
        2 => Once::Ever,
        _ => Once::Key,
    };
    let tags = reader.list(|reader| {
        let text: Arc<str> = Arc::from(reader.bytes.text()?);
        let points = if reader.flags(1)? == 0 { None } else { Some(reader.points()?) };
        Ok(AwardTag { rule: name(Dimension::Tag(text)), points })
    })?;
    let untag = reader.list(|reader| Ok(Arc::from(reader.bytes.text()?)))?;
    let unless: Vec<Word> = reader.list(FormReader::word)?;
    Ok(Arc::new(Award { rule: name(Dimension::Plan), cap, once, tags, untag, unless }))
}

fn read_cap(reader: &mut FormReader<'_>) -> Result<Cap, StoredError> {
    let points = reader.points()?;
    let code = reader.bytes.byte()?;
    let plain = [CapPeriod::Award, CapPeriod::Day, CapPeriod::Week, CapPeriod::Month, CapPeriod::Ever];
    let period = match plain.into_iter().find(|period| period.code() == code) {
        Some(period) => period,
        None => {
            let rolling = CapPeriod::Rolling(read_span(reader)?);
            Some(rolling).filter(|it| it.code() == code).ok_or(StoredError::Malformed("a cap of an unknown period"))?
        }
    };
    Ok(Cap { points, period })
}

/// Longer than any span of a plan (S58).
const SPAN_MAX_MS: i64 = 1 << 50;

fn read_span(reader: &mut FormReader<'_>) -> Result<Span, StoredError> {
    let millis = i64::try_from(reader.bytes.number()?).ok().filter(|millis| (1..=SPAN_MAX_MS).contains(millis));
    millis.map(Span::from_millis).ok_or(StoredError::Malformed("a span that is none"))
}

/// Appends what was gathered: the places that are gone, then all that is new or has changed, by its own names.
fn put_gathered(now: &[Gathered], before: &[Gathered], writer: &mut FormWriter<'_>) {
    let find =
        |list: &[Gathered], item: &Gathered| list.binary_search_by(|other| other.order().cmp(&item.order())).ok();
    let gone: Vec<usize> = (0..before.len()).filter(|place| find(now, &before[*place]).is_none()).collect();
    writer.list(&gone, |place, writer| writer.number(*place as u64));
    let known = |item: &Gathered| find(before, item).map(|place| &before[place]);
    let changed: Vec<&Gathered> = now.iter().filter(|item| known(item) != Some(item)).collect();
    writer.list(&changed, |item, writer| {
        writer.word(item.plan);
        writer.word(item.rule);
        put_bytes(writer.bytes, item.key.as_bytes());
        writer.bytes.extend_from_slice(&item.shape.0.to_be_bytes());
        writer.number(item.instants.len() as u64);
        let known = known(item);
        for (part, instants) in item.instants.iter().enumerate() {
            let before = known.and_then(|known| known.instants.get(part)).map_or(&[][..], Vec::as_slice);
            put_grown(instants, before, writer, |instant, writer| writer.instant(*instant));
        }
    });
}

/// The most parts that a compound rule has.
const PARTS_MAX: u64 = 1 << 16;

fn read_gathered(items: &mut Vec<Gathered>, reader: &mut FormReader<'_>) -> Result<(), StoredError> {
    take_places(items, reader)?;
    for _ in 0..reader.bytes.number()? {
        let (plan, rule, key) = (reader.word()?, reader.word()?, read_key(reader)?);
        let shape = Name(u64::from_be_bytes(reader.bytes.array()?));
        let parts = reader.bytes.number()?;
        if parts > PARTS_MAX {
            return Err(StoredError::Malformed("a compound rule of too many parts"));
        }
        let at = items.binary_search_by(|other| other.order().cmp(&(plan, rule, &key)));
        let mut known = at.map_or_else(|_| Vec::new(), |at| std::mem::take(&mut items[at].instants)).into_iter();
        let mut instants = Vec::new();
        for _ in 0..parts {
            let mut part = known.next().unwrap_or_default();
            read_grown(&mut part, reader, FormReader::instant)?;
            instants.push(part);
        }
        let gathered = Gathered { plan, rule, shape, key, instants };
        match at {
            Ok(at) => items[at] = gathered,
            Err(at) => items.insert(at, gathered),
        }
    }
    Ok(())
}
