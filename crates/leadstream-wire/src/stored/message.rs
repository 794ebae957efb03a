//! Messages between ids (S48): what the topic of identities carries, in the order of causes.
//!
//! Layout: version (1 byte), kind (1 byte), and that kind's fields. The key of a record is the id that the message is for. A message lives from one epoch
//! to the next few, but an older one may be read after an upgrade: bytes of version 1 stay readable.

use std::sync::Arc;

use leadstream_core::identity::{Change, Notice};
use leadstream_core::{Event, Part};

use super::StoredError;
use super::bytes::{ByteReader, put_number};
use super::contact::{ImageWriter, read_image};
use super::identity::{
    put_keeper, put_list, put_record, put_request, put_text, read_bool, read_keeper, read_list, read_record,
    read_request, read_text,
};
use crate::envelope;

const VERSION: u8 = 1;

mod kind {
    pub(super) const EVENT: u8 = 1;
    pub(super) const PART: u8 = 2;
    pub(super) const ASK: u8 = 3;
    pub(super) const JOIN: u8 = 4;
    pub(super) const KEEP: u8 = 5;
    pub(super) const KEPT_BY: u8 = 6;
    pub(super) const CHANGE: u8 = 7;
    pub(super) const ARRIVED: u8 = 8;
    pub(super) const ERASE: u8 = 9;
}

/// A message for an id.
#[derive(Clone, Debug)]
pub enum Message {
    /// An event that was delivered to the id that it names, which belongs to the receiver.
    Event(Event),
    /// A part of a contact.
    Part(Box<Part>),
    /// What keepers and ids say to each other.
    Notice(Notice),
}

/// Writes messages. Keeps its buffers.
#[derive(Debug, Default)]
pub struct MessageWriter {
    images: ImageWriter,
}

impl MessageWriter {
    /// Appends a message.
    pub fn write(&mut self, message: &Message, bytes: &mut Vec<u8>) {
        match message {
            Message::Event(event) => write_event(event, bytes),
            Message::Part(part) => self.part(part, bytes),
            Message::Notice(notice) => write_notice(notice, bytes),
        }
    }

    fn part(&mut self, part: &Part, bytes: &mut Vec<u8>) {
        bytes.extend([VERSION, kind::PART]);
        put_record(&part.record, bytes);
        put_number(bytes, part.times);
        put_text(&part.keeper, bytes);
        put_text(&part.from, bytes);
        bytes.push(u8::from(part.parted));
        put_text(&part.contact.id, bytes);
        self.images.write(&part.contact, bytes);
    }
}

/// Appends an event for the contact of the id that it was delivered to.
pub fn write_event(event: &Event, bytes: &mut Vec<u8>) {
    bytes.extend([VERSION, kind::EVENT]);
    put_text(&Arc::from(event.contact.as_str()), bytes);
    envelope::write_event(event, bytes);
}

/// Appends what keepers and ids say to each other.
fn write_notice(notice: &Notice, bytes: &mut Vec<u8>) {
    bytes.push(VERSION);
    match notice {
        Notice::Ask(request) => {
            bytes.push(kind::ASK);
            put_request(request, bytes);
        }
        Notice::Join { request, other, handed } => {
            bytes.push(kind::JOIN);
            put_request(request, bytes);
            put_text(other, bytes);
            bytes.push(u8::from(handed.is_some()));
            if let Some((from, keeper)) = handed {
                put_text(from, bytes);
                put_keeper(keeper, bytes);
            }
        }
        Notice::Keep(keeper) => {
            bytes.push(kind::KEEP);
            put_keeper(keeper, bytes);
        }
        Notice::KeptBy(keeper) => {
            bytes.push(kind::KEPT_BY);
            bytes.push(u8::from(keeper.is_some()));
            keeper.iter().for_each(|keeper| put_text(keeper, bytes));
        }
        Notice::Change(change) => {
            bytes.push(kind::CHANGE);
            put_change(change, bytes);
        }
        Notice::Arrived => bytes.push(kind::ARRIVED),
        Notice::Erase { request, tells } => {
            bytes.push(kind::ERASE);
            put_request(request, bytes);
            bytes.push(u8::from(*tells));
        }
    }
}

fn put_change(change: &Change, bytes: &mut Vec<u8>) {
    put_record(&change.record, bytes);
    put_number(bytes, change.times);
    put_text(&change.keeper, bytes);
    put_text(&change.root, bytes);
    put_list(&change.ids, put_text, bytes);
    put_number(bytes, change.gives.len() as u64);
    for (to, ids) in &change.gives {
        put_text(to, bytes);
        put_list(ids, put_text, bytes);
    }
}

fn read_change(reader: &mut ByteReader<'_>) -> Result<Change, StoredError> {
    Ok(Change {
        record: read_record(reader)?,
        times: reader.number()?,
        keeper: read_text(reader)?,
        root: read_text(reader)?,
        ids: read_list(reader, read_text)?,
        gives: read_list(reader, |reader| Ok((read_text(reader)?, read_list(reader, read_text)?)))?,
    })
}

impl Message {
    /// Reads a message.
    ///
    /// # Errors
    /// [`StoredError`] for bytes that no released version wrote.
    pub fn read(bytes: &[u8]) -> Result<Message, StoredError> {
        let mut reader = ByteReader::new(bytes);
        match reader.byte()? {
            VERSION => {}
            version => return Err(StoredError::UnknownVersion(version)),
        }
        let message = match reader.byte()? {
            kind::EVENT => return read_event(reader),
            kind::PART => return read_part(reader),
            kind::ASK => Notice::Ask(read_request(&mut reader)?),
            kind::JOIN => {
                let (request, other) = (read_request(&mut reader)?, read_text(&mut reader)?);
                let handed = match read_bool(&mut reader)? {
                    true => Some((read_text(&mut reader)?, Box::new(read_keeper(&mut reader)?))),
                    false => None,
                };
                Notice::Join { request, other, handed }
            }
            kind::KEEP => Notice::Keep(Box::new(read_keeper(&mut reader)?)),
            kind::KEPT_BY => Notice::KeptBy(match read_bool(&mut reader)? {
                true => Some(read_text(&mut reader)?),
                false => None,
            }),
            kind::CHANGE => Notice::Change(Box::new(read_change(&mut reader)?)),
            kind::ARRIVED => Notice::Arrived,
            kind::ERASE => Notice::Erase { request: read_request(&mut reader)?, tells: read_bool(&mut reader)? },
            _ => return Err(StoredError::Malformed("an unknown kind of message")),
        };
        if !reader.is_empty() {
            return Err(StoredError::Malformed("bytes behind the end of a message"));
        }
        Ok(Message::Notice(message))
    }
}

fn read_event(mut reader: ByteReader<'_>) -> Result<Message, StoredError> {
    let delivered_to = read_text(&mut reader)?;
    let mut event = Event::default();
    match envelope::read(delivered_to.as_bytes(), reader.rest(), &mut event) {
        Ok(envelope::Message::Event) => Ok(Message::Event(event)),
        _ => Err(StoredError::Malformed("an event between ids that is none")),
    }
}

fn read_part(mut reader: ByteReader<'_>) -> Result<Message, StoredError> {
    let record = read_record(&mut reader)?;
    let times = reader.number()?;
    let (keeper, from) = (read_text(&mut reader)?, read_text(&mut reader)?);
    let parted = read_bool(&mut reader)?;
    let id = read_text(&mut reader)?;
    let contact = read_image(&id, reader.rest())?;
    Ok(Message::Part(Box::new(Part { record, times, keeper, from, contact, parted })))
}
