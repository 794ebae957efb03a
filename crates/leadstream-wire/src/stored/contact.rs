//! The stored form of a contact: the whole image, and the change since a savepoint.
//!
//! An image is complete by itself but for the words it uses, which stand in front of it, or in front of the redo record that it is part of. A change
//! holds what was appended to rules, rows and ledger and the parts of the state that differ; it applies to exactly the contact it was made from,
//! which its lengths say, and is only made while nothing in the past was rewritten.

use leadstream_core::Contact;
use leadstream_core::contact::{Announced, Base, Ledger, Savepoint, State};

use super::StoredError;
use super::announced::{put_announced, read_announced};
use super::bytes::{ByteReader, put_number};
use super::form::{FormReader, FormWriter};
use super::history::{put_contributions, put_rows, put_rules, read_contributions, read_rows, read_rules};
use super::state::{put_order, put_state, read_order, read_state};
use super::words::{Dictionary, Vocabulary};

const IMAGE_VERSION: u8 = 1;

/// Writes images that are readable by themselves. Keeps its buffers.
#[derive(Debug, Default)]
pub struct ImageWriter {
    words: Dictionary,
    body: Vec<u8>,
}

impl ImageWriter {
    /// Appends the image of a contact.
    pub fn write(&mut self, contact: &Contact, bytes: &mut Vec<u8>) {
        self.words.clear();
        self.body.clear();
        put_image(contact, &mut self.words, &mut self.body);
        bytes.push(IMAGE_VERSION);
        self.words.write(bytes);
        bytes.extend_from_slice(&self.body);
    }
}

/// Reads the image of the contact `id`. When its next timer is due is not part of it: [`leadstream_core::Fold::refresh`] says it.
///
/// # Errors
/// Bytes that are not an image of this or an older version.
pub fn read_image(id: &str, bytes: &[u8]) -> Result<Contact, StoredError> {
    let mut reader = ByteReader::new(bytes);
    match reader.byte()? {
        IMAGE_VERSION => {}
        other => return Err(StoredError::UnknownVersion(other)),
    }
    let words = Vocabulary::read(&mut reader)?;
    read_image_with(id, reader.rest(), &words)
}

/// Appends the image of a contact whose words are kept elsewhere.
pub fn put_image(contact: &Contact, words: &mut Dictionary, bytes: &mut Vec<u8>) {
    let mut writer = FormWriter { bytes, words, base: Default::default() };
    put_rules(contact, 0, &mut writer);
    put_rows(contact, 0, &mut writer);
    let blank = State::default();
    writer.byte(u8::from(contact.base.is_some()));
    if let Some(base) = &contact.base {
        put_order(base.boundary, &mut writer);
        put_state(&base.state, &blank, None, &mut writer);
    }
    writer.number(contact.ledger.first);
    put_contributions(contact, 0, &mut writer);
    put_state(&contact.state, &blank, last_row(contact), &mut writer);
    put_announced(&contact.announced, &Announced::default(), &mut writer);
}

/// Reads an image whose words are kept elsewhere.
///
/// # Errors
/// Bytes that are not an image.
pub fn read_image_with(id: &str, bytes: &[u8], words: &Vocabulary) -> Result<Contact, StoredError> {
    let mut reader = FormReader::new(ByteReader::new(bytes), words);
    let mut contact = Contact::new(id);
    read_rules(&mut contact, &mut reader)?;
    read_rows(&mut contact, &mut reader)?;
    if reader.flags(1)? == 1 {
        let boundary = read_order(&mut reader)?;
        let mut state = State::default();
        read_state(&mut state, None, &mut reader)?;
        contact.base = Some(Box::new(Base { boundary, state }));
    }
    contact.ledger = Ledger::starting_at(reader.bytes.number()?);
    read_contributions(&mut contact, &mut reader)?;
    let last = last_row(&contact);
    read_state(&mut contact.state, last, &mut reader)?;
    read_announced(&mut contact.announced, &mut reader)?;
    if !reader.bytes.is_empty() {
        return Err(StoredError::Malformed("more than a contact"));
    }
    consistent(&contact)?;
    Ok(contact)
}

fn last_row(contact: &Contact) -> Option<(leadstream_core::Timestamp, leadstream_core::Uid)> {
    contact.rows.last().map(|row| row.order())
}

/// What the fold relies on between the parts of a contact.
fn consistent(contact: &Contact) -> Result<(), StoredError> {
    let based = contact.base.as_ref().map_or(0, |base| base.state.booked);
    let kept = contact.ledger.len() as u64;
    if contact.ledger.first != based || contact.ledger.first.checked_add(kept) != Some(contact.state.booked) {
        return Err(StoredError::Malformed("a ledger that is not the bookings of its state"));
    }
    let states = contact.base.iter().map(|base| &base.state).chain([&contact.state]);
    for state in states {
        let sorted = state.tags.is_sorted_by(|a, b| a.tag < b.tag) && state.plans.is_sorted_by(|a, b| a.plan < b.plan);
        if !sorted {
            return Err(StoredError::Malformed("tags or plans out of order"));
        }
    }
    Ok(())
}

/// Appends what changed since a savepoint of the contact. Only where [`Savepoint::has_only_grown`] says so.
pub fn put_change(contact: &Contact, since: &Savepoint, words: &mut Dictionary, bytes: &mut Vec<u8>) {
    debug_assert!(since.has_only_grown(contact), "a change is written only of what has grown");
    let lengths = since.lengths();
    for length in [lengths.rules, lengths.rows, lengths.ledger] {
        put_number(bytes, length as u64);
    }
    let mut writer = FormWriter { bytes, words, base: Default::default() };
    put_rules(contact, lengths.rules, &mut writer);
    put_rows(contact, lengths.rows, &mut writer);
    put_contributions(contact, lengths.ledger, &mut writer);
    put_state(&contact.state, since.state(), last_row(contact), &mut writer);
    put_announced(&contact.announced, since.announced(), &mut writer);
}

/// Brings a contact to the state of which a change was written.
///
/// # Errors
/// Bytes that are not a change, or one that was made from another state of the contact; the contact is not usable then.
pub fn apply_change(contact: &mut Contact, bytes: &[u8], words: &Vocabulary) -> Result<(), StoredError> {
    let mut reader = FormReader::new(ByteReader::new(bytes), words);
    for length in [contact.rules.len(), contact.rows.len(), contact.ledger.len()] {
        if reader.bytes.number()? != length as u64 {
            return Err(StoredError::Malformed("a change that was made from another state of the contact"));
        }
    }
    read_rules(contact, &mut reader)?;
    read_rows(contact, &mut reader)?;
    read_contributions(contact, &mut reader)?;
    let last = last_row(contact);
    read_state(&mut contact.state, last, &mut reader)?;
    read_announced(&mut contact.announced, &mut reader)?;
    contact.facts = Default::default();
    if !reader.bytes.is_empty() {
        return Err(StoredError::Malformed("more than a change"));
    }
    consistent(contact)
}
