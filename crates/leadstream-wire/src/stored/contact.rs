//! The stored form of a contact: the whole image, and the change since an earlier length of what only grows.
//!
//! An image is complete by itself. A change holds the state in full and what was appended to words, rows, rules and ledger; it applies to exactly
//! the contact it was made from, which its lengths say, and is only made while nothing in the past was rewritten.

use leadstream_core::Contact;
use leadstream_core::contact::{Base, Ledger};

use super::StoredError;
use super::bytes::{ByteReader, put_number};
use super::history::{
    put_contributions, put_rows, put_rules, put_words, read_contributions, read_rows, read_rules, read_words,
};
use super::state::{put_announced, put_order, put_state, read_announced, read_order, read_state};

const IMAGE_VERSION: u8 = 1;
const CHANGE_VERSION: u8 = 1;

/// How long the growing parts of a contact were at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lengths {
    words: usize,
    rows: usize,
    rules: usize,
    ledger: usize,
    rewrites: u32,
}

impl Lengths {
    /// The present lengths.
    pub fn of(contact: &Contact) -> Lengths {
        Lengths {
            words: contact.words.len(),
            rows: contact.rows.len(),
            rules: contact.rules.len(),
            ledger: contact.ledger.len(),
            rewrites: contact.rewrites,
        }
    }

    /// Whether the contact has only grown since: then a change can be written, otherwise an image must be.
    pub fn only_grown(&self, contact: &Contact) -> bool {
        self.rewrites == contact.rewrites
    }
}

/// Appends the image of a contact.
pub fn write_image(contact: &Contact, bytes: &mut Vec<u8>) {
    bytes.push(IMAGE_VERSION);
    put_words(&contact.words, 0, bytes);
    put_rules(&contact.rules, 0, bytes);
    put_rows(&contact.rows, 0, bytes);
    match &contact.base {
        None => bytes.push(0),
        Some(base) => {
            bytes.push(1);
            put_order(base.boundary, bytes);
            put_state(&base.state, bytes);
        }
    }
    put_number(bytes, contact.ledger.first);
    put_contributions(contact, 0, bytes);
    put_state(&contact.state, bytes);
    put_announced(&contact.announced, bytes);
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
    let mut contact = Contact::new(id);
    read_words(&mut reader, &mut contact.words)?;
    read_rules(&mut reader, &mut contact.rules)?;
    read_rows(&mut reader, &mut contact)?;
    contact.base = match reader.byte()? {
        0 => None,
        1 => {
            let boundary = read_order(&mut reader)?;
            Some(Box::new(Base { boundary, state: read_state(&mut reader)? }))
        }
        _ => return Err(StoredError::Malformed("a base that neither is nor is not")),
    };
    contact.ledger = Ledger::starting_at(reader.number()?);
    read_contributions(&mut reader, &mut contact)?;
    contact.state = read_state(&mut reader)?;
    contact.announced = read_announced(&mut reader)?;
    if !reader.is_empty() {
        return Err(StoredError::Malformed("more than a contact"));
    }
    consistent(&contact)?;
    Ok(contact)
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

/// Appends what changed since `since`. Only where [`Lengths::only_grown`] says so.
pub fn write_change(contact: &Contact, since: &Lengths, bytes: &mut Vec<u8>) {
    debug_assert!(since.only_grown(contact), "a change is written only of what has grown");
    bytes.push(CHANGE_VERSION);
    for length in [since.words, since.rules, since.rows, since.ledger] {
        put_number(bytes, length as u64);
    }
    put_words(&contact.words, since.words, bytes);
    put_rules(&contact.rules, since.rules, bytes);
    put_rows(&contact.rows, since.rows, bytes);
    put_contributions(contact, since.ledger, bytes);
    put_state(&contact.state, bytes);
    put_announced(&contact.announced, bytes);
}

/// Brings a contact to the state of which a change was written.
///
/// # Errors
/// Bytes that are not a change of this or an older version, or one that was made from another state of the contact; the contact is not usable
/// then.
pub fn apply_change(contact: &mut Contact, bytes: &[u8]) -> Result<(), StoredError> {
    let mut reader = ByteReader::new(bytes);
    match reader.byte()? {
        CHANGE_VERSION => {}
        other => return Err(StoredError::UnknownVersion(other)),
    }
    let lengths = Lengths::of(contact);
    for length in [lengths.words, lengths.rules, lengths.rows, lengths.ledger] {
        if reader.number()? != length as u64 {
            return Err(StoredError::Malformed("a change that was made from another state of the contact"));
        }
    }
    read_words(&mut reader, &mut contact.words)?;
    read_rules(&mut reader, &mut contact.rules)?;
    read_rows(&mut reader, contact)?;
    read_contributions(&mut reader, contact)?;
    contact.state = read_state(&mut reader)?;
    contact.announced = read_announced(&mut reader)?;
    contact.facts = Default::default();
    if !reader.is_empty() {
        return Err(StoredError::Malformed("more than a change"));
    }
    consistent(contact)
}
