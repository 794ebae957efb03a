//! The stored form of what a contact knows of its identity (S48): its root, its ids, to which of them rows were delivered, and what a keeper keeps.
//!
//! Ids are written as they are. To which ids a row was delivered stands in the order of the rows, for all of them, as a place in a list of the different
//! answers: one byte each, mostly.

use std::sync::Arc;

use leadstream_core::identity::{Asked, Identity, Joined, Keeper, Kept, Link, LinkRecord, Request};
use leadstream_core::{Contact, Timestamp, Uid};

use super::StoredError;
use super::bytes::{ByteReader, put_bytes, put_number, put_signed};

mod part {
    pub(super) const ROOT: u8 = 1;
    pub(super) const IDS: u8 = 1 << 1;
    pub(super) const KEPT_BY: u8 = 1 << 2;
    pub(super) const KEEPER: u8 = 1 << 3;
    pub(super) const ALL: u8 = ROOT | IDS | KEPT_BY | KEEPER;
}

/// Appends what a contact knows of its identity.
pub(super) fn put_identity(contact: &Contact, identity: &Identity, bytes: &mut Vec<u8>) {
    let flag = |is: bool, flag: u8| if is { flag } else { 0 };
    bytes.push(
        flag(identity.root.is_some(), part::ROOT)
            | flag(!identity.ids.is_empty(), part::IDS)
            | flag(identity.kept_by.is_some(), part::KEPT_BY)
            | flag(identity.keeper.is_some(), part::KEEPER),
    );
    if let Some(root) = &identity.root {
        put_text(root, bytes);
    }
    if !identity.ids.is_empty() {
        put_list(&identity.ids, put_text, bytes);
        put_origins(contact, identity, bytes);
        put_list(&identity.joined, put_joined, bytes);
    }
    if let Some(keeper) = &identity.kept_by {
        put_text(keeper, bytes);
    }
    if let Some(keeper) = &identity.keeper {
        put_keeper(keeper, bytes);
    }
}

/// Reads what a contact knows of its identity, whose rows are there.
pub(super) fn read_identity(contact: &Contact, reader: &mut ByteReader<'_>) -> Result<Identity, StoredError> {
    let mut identity = Identity::default();
    let parts = reader.byte()?;
    if parts & !part::ALL != 0 {
        return Err(StoredError::Malformed("an unknown flag of an identity"));
    }
    if parts & part::ROOT != 0 {
        identity.root = Some(read_text(reader)?);
    }
    if parts & part::IDS != 0 {
        identity.ids = read_list(reader, read_text)?;
        read_origins(contact, &mut identity, reader)?;
        identity.joined = read_list(reader, read_joined)?;
    }
    if parts & part::KEPT_BY != 0 {
        identity.kept_by = Some(read_text(reader)?);
    }
    if parts & part::KEEPER != 0 {
        identity.keeper = Some(Box::new(read_keeper(reader)?));
    }
    Ok(identity)
}

fn put_joined(joined: &Joined, bytes: &mut Vec<u8>) {
    put_text(&joined.id, bytes);
    bytes.extend_from_slice(&joined.uid.0);
    put_signed(bytes, joined.time.millis());
    bytes.push(u8::from(joined.seen));
}

fn read_joined(reader: &mut ByteReader<'_>) -> Result<Joined, StoredError> {
    let id = read_text(reader)?;
    let uid = Uid(reader.array()?);
    let time = Timestamp::from_millis(reader.signed()?);
    Ok(Joined { id, uid, time, seen: read_bool(reader)? })
}

fn put_origins(contact: &Contact, identity: &Identity, bytes: &mut Vec<u8>) {
    if identity.origins.is_empty() {
        return put_number(bytes, 0);
    }
    let mut different: Vec<u64> = Vec::new();
    let mut places = Vec::with_capacity(contact.rows.len());
    for row in contact.rows.as_slice() {
        let mask = identity.origins.of(row.uid);
        let place = different.iter().position(|known| *known == mask).unwrap_or_else(|| {
            different.push(mask);
            different.len() - 1
        });
        put_number(&mut places, place as u64);
    }
    put_list(&different, |mask, bytes| put_number(bytes, *mask), bytes);
    bytes.extend(places);
}

fn read_origins(contact: &Contact, identity: &mut Identity, reader: &mut ByteReader<'_>) -> Result<(), StoredError> {
    let different = read_list(reader, ByteReader::number)?;
    if different.is_empty() {
        return Ok(());
    }
    for row in contact.rows.as_slice() {
        let place = usize::try_from(reader.number()?).unwrap_or(usize::MAX);
        let mask = different.get(place).ok_or(StoredError::Malformed("a row of ids that are not there"))?;
        identity.origins.set(row.uid, *mask);
    }
    Ok(())
}

/// Appends what a keeper has.
pub(super) fn put_keeper(keeper: &Keeper, bytes: &mut Vec<u8>) {
    put_list(&keeper.links, put_kept, bytes);
    put_number(bytes, keeper.followers.len() as u64);
    keeper.followers.iter().for_each(|follower| put_text(follower, bytes));
    put_number(bytes, keeper.waiting.len() as u64);
    for (request, other) in &keeper.waiting {
        put_request(request, bytes);
        put_text(other, bytes);
    }
    bytes.push(u8::from(keeper.under_way.is_some()));
    if let Some((request, missing)) = &keeper.under_way {
        put_request(request, bytes);
        put_number(bytes, *missing);
    }
}

/// Reads what a keeper has.
pub(super) fn read_keeper(reader: &mut ByteReader<'_>) -> Result<Keeper, StoredError> {
    let links = read_list(reader, read_kept)?;
    let followers = read_list(reader, read_text)?.into_iter().collect();
    let waiting = read_list(reader, |reader| Ok((read_request(reader)?, read_text(reader)?)))?;
    let under_way = match reader.byte()? {
        0 => None,
        1 => Some((read_request(reader)?, reader.number()?)),
        _ => return Err(StoredError::Malformed("a request that neither is nor is not under way")),
    };
    Ok(Keeper { links, followers, waiting: waiting.into(), under_way })
}

fn put_kept(kept: &Kept, bytes: &mut Vec<u8>) {
    put_record(&kept.record, bytes);
    put_number(bytes, kept.times);
}

fn read_kept(reader: &mut ByteReader<'_>) -> Result<Kept, StoredError> {
    Ok(Kept { record: read_record(reader)?, times: reader.number()? })
}

/// Appends a record.
pub(super) fn put_record(record: &LinkRecord, bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(&record.uid.0);
    put_signed(bytes, record.time.millis());
    put_link(&record.link, bytes);
}

/// Reads a record.
pub(super) fn read_record(reader: &mut ByteReader<'_>) -> Result<LinkRecord, StoredError> {
    let uid = Uid(reader.array()?);
    let time = Timestamp::from_millis(reader.signed()?);
    let kind = reader.byte()?;
    Ok(LinkRecord { uid, time, link: read_link(kind, reader)? })
}

fn put_link(link: &Link, bytes: &mut Vec<u8>) {
    match link {
        Link::Merge(one, other) => {
            bytes.push(1);
            put_text(one, bytes);
            put_text(other, bytes);
        }
        Link::Split(merge) => {
            bytes.push(2);
            bytes.extend_from_slice(&merge.0);
        }
        Link::Follow(one, other) => {
            bytes.push(3);
            put_text(one, bytes);
            put_text(other, bytes);
        }
    }
}

fn read_link(kind: u8, reader: &mut ByteReader<'_>) -> Result<Link, StoredError> {
    match kind {
        1 => Ok(Link::Merge(read_text(reader)?, read_text(reader)?)),
        2 => Ok(Link::Split(Uid(reader.array()?))),
        3 => Ok(Link::Follow(read_text(reader)?, read_text(reader)?)),
        _ => Err(StoredError::Malformed("an unknown kind of link")),
    }
}

/// Appends a request.
pub(super) fn put_request(request: &Request, bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(&request.uid.0);
    put_signed(bytes, request.time.millis());
    bytes.push(u8::from(request.clamped));
    put_text(&request.via, bytes);
    match &request.asked {
        Asked::Link(link) => put_link(link, bytes),
        Asked::Erase => bytes.push(0),
    }
}

/// Reads a request.
pub(super) fn read_request(reader: &mut ByteReader<'_>) -> Result<Request, StoredError> {
    let uid = Uid(reader.array()?);
    let time = Timestamp::from_millis(reader.signed()?);
    let clamped = read_bool(reader)?;
    let via = read_text(reader)?;
    let asked = match reader.byte()? {
        0 => Asked::Erase,
        kind => Asked::Link(read_link(kind, reader)?),
    };
    Ok(Request { uid, time, clamped, asked, via })
}

/// Reads a truth value.
pub(super) fn read_bool(reader: &mut ByteReader<'_>) -> Result<bool, StoredError> {
    match reader.byte()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(StoredError::Malformed("a truth value that is neither true nor false")),
    }
}

/// Appends an id.
pub(super) fn put_text(text: &Arc<str>, bytes: &mut Vec<u8>) {
    put_bytes(bytes, text.as_bytes());
}

/// Reads an id.
pub(super) fn read_text(reader: &mut ByteReader<'_>) -> Result<Arc<str>, StoredError> {
    reader.text().map(Arc::from)
}

/// Appends a list.
pub(super) fn put_list<T>(items: &[T], put: impl Fn(&T, &mut Vec<u8>), bytes: &mut Vec<u8>) {
    put_number(bytes, items.len() as u64);
    items.iter().for_each(|item| put(item, bytes));
}

/// Reads a list.
pub(super) fn read_list<'a, T>(
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
