//! The stored form of a contact: the whole image, and the change since a savepoint.
//!
//! An image is complete by itself but for the words it uses, which stand in front of it, or in front of the redo record that it is part of. A change
//! holds what was appended to rules, rows and ledger or made anew at their ends, how much left for the base, and the parts of base and state that
//! differ; it applies to exactly the contact it was made from, which its lengths say, and is only made while the savepoint knows of all that was
//! rewritten.

use std::sync::Arc;

use leadstream_core::contact::{Announced, Base, Ledger, Savepoint, State};
use leadstream_core::{Contact, Timestamp, Uid, Verdict};

use super::StoredError;
use super::announced::{put_announced, read_announced};
use super::bytes::{ByteReader, put_number, put_signed};
use super::form::{FormReader, FormWriter};
use super::history::{put_contributions, put_rows, put_rules, read_contributions, read_rows, read_rules};
use super::identity::{put_identity, read_identity};
use super::standing::{has_standing, put_standings, read_standings};
use super::state::{Beside, put_order, put_state, read_order, read_state};
use super::sums::{base_of, forget_sums, put_sums, read_sums};
use super::waiting::{put_verdicts, put_waiting, read_verdicts, read_waiting};
use super::words::{Dictionary, Vocabulary};

const IMAGE_VERSION: u8 = 1;

/// What an image holds beside what every contact has.
mod image {
    /// Rows have left for a base.
    pub(super) const BASED: u8 = 1;
    /// Some points lose their worth: what does stands at the end.
    pub(super) const DECAYING: u8 = 1 << 1;
    /// The contact waits for something: what it does stands behind what decays.
    pub(super) const WAITING: u8 = 1 << 2;
    /// The base remembers verdicts of rows that have left: they stand behind what it waits for.
    pub(super) const JUDGED: u8 = 1 << 3;
    /// It went through a recompute: the instant of that stands first.
    pub(super) const RECOMPUTED: u8 = 1 << 5;
    /// Somebody asked who is one with whom: what is known of it stands behind all else.
    pub(super) const IDENTITY: u8 = 1 << 6;
    /// Some plan has a band, a grade, an owner, actions or feedback: they stand at the very end, but for the identity.
    pub(super) const STANDING: u8 = 1 << 7;
    pub(super) const ALL: u8 = RECOMPUTED | IDENTITY | BASED | DECAYING | WAITING | JUDGED | STANDING;
}

/// What of a change's contact did not only grow.
mod past {
    /// Rows and bookings went into the base.
    pub(super) const DEPARTED: u8 = 1;
    /// Rows and bookings at the end were made anew, as by a late event.
    pub(super) const CUT: u8 = 1 << 1;
    /// Some points lose their worth: what does, in base and state, stands at the end.
    pub(super) const DECAYING: u8 = 1 << 2;
    /// What base and state wait for is not as before: what changed stands behind what decays.
    pub(super) const WAITING: u8 = 1 << 3;
    /// The verdicts that the base remembers are not as before: what changed stands behind what it waits for.
    pub(super) const JUDGED: u8 = 1 << 4;
    /// It was new, or went through a recompute: the instant of the last one stands first.
    pub(super) const RECOMPUTED: u8 = 1 << 5;
    /// What is known of the identity is not as before: what it is now stands behind all else.
    pub(super) const IDENTITY: u8 = 1 << 6;
    /// Some plan, in base or state, has a band, a grade, an owner, actions or feedback: they stand at the very end, but for the identity.
    pub(super) const STANDING: u8 = 1 << 7;
    pub(super) const ALL: u8 = RECOMPUTED | IDENTITY | DEPARTED | CUT | DECAYING | WAITING | JUDGED | STANDING;
}

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
    let base_decays = contact.base.as_ref().is_some_and(|base| base.state.decays());
    let decays = base_decays || contact.state.decays();
    let stands = any_standing(contact);
    let waits = contact.base.iter().any(|base| !base.state.waiting.is_empty()) || !contact.state.waiting.is_empty();
    writer.byte(
        if contact.base.is_some() { image::BASED } else { 0 }
            | if decays { image::DECAYING } else { 0 }
            | if waits { image::WAITING } else { 0 }
            | if verdicts_of(contact.base.as_ref()).is_empty() { 0 } else { image::JUDGED }
            | if contact.recomputed.is_some() { image::RECOMPUTED } else { 0 }
            | if contact.identity.is_some() { image::IDENTITY } else { 0 }
            | if stands { image::STANDING } else { 0 },
    );
    if let Some(at) = contact.recomputed {
        put_signed(writer.bytes, at.millis());
    }
    if let Some(base) = &contact.base {
        put_order(base.boundary, &mut writer);
        put_state(&base.state, &blank, Beside::default(), &mut writer);
    }
    writer.number(contact.ledger.first);
    put_contributions(contact, 0, &mut writer);
    put_state(&contact.state, &blank, beside(contact), &mut writer);
    put_announced(&contact.announced, &Announced::default(), &mut writer);
    if decays {
        put_all_sums(contact, &mut writer);
    }
    if waits {
        put_all_waiting(contact, (&blank, &blank), &mut writer);
    }
    if !verdicts_of(contact.base.as_ref()).is_empty() {
        put_verdicts(verdicts_of(contact.base.as_ref()), &[], &mut writer);
    }
    if stands {
        put_all_standings(contact, &mut writer);
    }
    if let Some(identity) = &contact.identity {
        put_identity(contact, identity, writer.bytes);
    }
}

fn verdicts_of(base: Option<&Arc<Base>>) -> &[(Uid, Verdict)] {
    base.map_or(&[], |base| &base.verdicts)
}

/// Appends what base and state wait for, as far as it is not as in others.
fn put_all_waiting(contact: &Contact, (base, state): (&State, &State), writer: &mut FormWriter<'_>) {
    let of_base = contact.base.iter().map(|now| (&now.state, base));
    for (now, before) in of_base.chain([(&contact.state, state)]) {
        writer.base = base_of(now);
        put_waiting(&now.waiting, &before.waiting, writer);
    }
}

/// Reads the verdicts that a base remembers over those that it did.
fn read_base_verdicts(contact: &mut Contact, reader: &mut FormReader<'_>) -> Result<(), StoredError> {
    let base = contact.base.as_mut().ok_or(StoredError::Malformed("verdicts of a base that is not there"))?;
    read_verdicts(&mut Arc::make_mut(base).verdicts, reader)
}

/// Reads what base and state wait for over what there was.
fn read_all_waiting(contact: &mut Contact, reader: &mut FormReader<'_>) -> Result<(), StoredError> {
    let base = contact.base.as_mut().map(|base| &mut Arc::make_mut(base).state);
    for state in base.into_iter().chain([&mut contact.state]) {
        reader.base = base_of(state);
        read_waiting(&mut state.waiting, reader)?;
    }
    Ok(())
}

/// Appends what decays in base and state.
fn put_all_sums(contact: &Contact, writer: &mut FormWriter<'_>) {
    for state in contact.base.iter().map(|base| &base.state).chain([&contact.state]) {
        writer.base = base_of(state);
        put_sums(state, writer);
    }
}

/// Whether base or state has any standing.
fn any_standing(contact: &Contact) -> bool {
    contact.base.as_ref().is_some_and(|base| has_standing(&base.state)) || has_standing(&contact.state)
}

/// Appends the standings of base and state.
fn put_all_standings(contact: &Contact, writer: &mut FormWriter<'_>) {
    for state in contact.base.iter().map(|base| &base.state).chain([&contact.state]) {
        writer.base = base_of(state);
        put_standings(state, writer);
    }
}

/// Reads the standings of base and state. Plans that were written anew have none before, and those of others are as they were.
fn read_all_standings(contact: &mut Contact, reader: &mut FormReader<'_>) -> Result<(), StoredError> {
    let base = contact.base.as_mut().map(|base| &mut Arc::make_mut(base).state);
    for state in base.into_iter().chain([&mut contact.state]) {
        reader.base = base_of(state);
        read_standings(state, reader)?;
    }
    Ok(())
}

/// Forgets what decayed before in base and state.
fn forget_all_sums(contact: &mut Contact) {
    if let Some(base) = contact.base.as_mut().filter(|base| base.state.decays()) {
        forget_sums(&mut Arc::make_mut(base).state);
    }
    if contact.state.decays() {
        forget_sums(&mut contact.state);
    }
}

/// Reads what decays in base and state.
fn read_all_sums(contact: &mut Contact, reader: &mut FormReader<'_>) -> Result<(), StoredError> {
    let base = contact.base.as_mut().map(|base| &mut Arc::make_mut(base).state);
    for state in base.into_iter().chain([&mut contact.state]) {
        reader.base = base_of(state);
        read_sums(state, reader)?;
    }
    Ok(())
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
    let parts = reader.flags(image::ALL)?;
    if parts & image::RECOMPUTED != 0 {
        contact.recomputed = Some(Timestamp::from_millis(reader.bytes.signed()?));
    }
    if parts & image::BASED != 0 {
        let boundary = read_order(&mut reader)?;
        let mut state = State::default();
        read_state(&mut state, Beside::default(), &mut reader)?;
        contact.base = Some(Arc::new(Base { boundary, state, verdicts: Vec::new() }));
    }
    contact.ledger = Ledger::starting_at(reader.bytes.number()?);
    read_contributions(&mut contact, &mut reader)?;
    read_state_of(&mut contact, &mut reader)?;
    read_announced(&mut contact.announced, &mut reader)?;
    if parts & image::DECAYING != 0 {
        read_all_sums(&mut contact, &mut reader)?;
    }
    if parts & image::WAITING != 0 {
        read_all_waiting(&mut contact, &mut reader)?;
    }
    if parts & image::JUDGED != 0 {
        read_base_verdicts(&mut contact, &mut reader)?;
    }
    if parts & image::STANDING != 0 {
        read_all_standings(&mut contact, &mut reader)?;
    }
    if parts & image::IDENTITY != 0 {
        contact.identity = Some(Arc::new(read_identity(&contact, &mut reader.bytes)?));
    }
    contact.judge_anew();
    if !reader.bytes.is_empty() {
        return Err(StoredError::Malformed("more than a contact"));
    }
    consistent(&contact)?;
    Ok(contact)
}

/// What stands beside a contact's state and is mostly equal to parts of it.
fn beside(contact: &Contact) -> Beside<'_> {
    let facts = contact.base.as_ref().map(|base| &base.state.facts);
    Beside { last_row: contact.rows.last().map(|row| row.order()), facts, rules_anew: false }
}

fn read_state_of(contact: &mut Contact, reader: &mut FormReader<'_>) -> Result<(), StoredError> {
    let mut state = std::mem::take(&mut contact.state);
    read_state(&mut state, beside(contact), reader)?;
    contact.state = state;
    Ok(())
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

/// Appends what changed since a savepoint of the contact. Only where [`Savepoint::leads_to`] says so.
pub fn put_change(contact: &Contact, since: &Savepoint, words: &mut Dictionary, bytes: &mut Vec<u8>) {
    debug_assert!(since.leads_to(contact), "a change is written only where the savepoint knows of all that changed");
    let (rows, bookings, rules) = (since.rows(contact), since.bookings(contact), since.rules());
    for length in [rules.before, rows.before, bookings.before] {
        put_number(bytes, length as u64);
    }
    let mut writer = FormWriter { bytes, words, base: Default::default() };
    put_rules(contact, rules.before, &mut writer);
    let departed = contact.base.as_ref().filter(|base| !since.base().is_some_and(|before| Arc::ptr_eq(before, base)));
    let base_decays = contact.base.as_ref().is_some_and(|base| base.state.decays());
    let decays = base_decays || contact.state.decays();
    let stands = any_standing(contact);
    let is_cut = rows.is_cut() || bookings.is_cut();
    let blank = State::default();
    let base_before = since.base().map_or(&blank, |before| &before.state);
    let waits = contact.base.iter().any(|base| base.state.waiting != base_before.waiting)
        || contact.state.waiting != since.state().waiting;
    let judged = verdicts_of(departed) != verdicts_of(since.base()) && departed.is_some();
    let recomputed = contact.recomputed.filter(|_| contact.recomputed != since.recomputed());
    let blank_identity = Arc::default();
    let identity = contact.identity.as_ref().unwrap_or(&blank_identity);
    let identity = Some(identity).filter(|now| !Arc::ptr_eq(now, since.identity().unwrap_or(&blank_identity)));
    writer.byte(
        if departed.is_some() { past::DEPARTED } else { 0 }
            | if is_cut { past::CUT } else { 0 }
            | if decays { past::DECAYING } else { 0 }
            | if waits { past::WAITING } else { 0 }
            | if judged { past::JUDGED } else { 0 }
            | if recomputed.is_some() { past::RECOMPUTED } else { 0 }
            | if identity.is_some() { past::IDENTITY } else { 0 }
            | if stands { past::STANDING } else { 0 },
    );
    if let Some(at) = recomputed {
        put_signed(writer.bytes, at.millis());
    }
    if let Some(base) = departed {
        writer.number(rows.left as u64);
        writer.number(bookings.left as u64);
        put_order(base.boundary, &mut writer);
        put_state(&base.state, base_before, Beside::default(), &mut writer);
    }
    if is_cut {
        writer.number(rows.new_from() as u64);
        writer.number(bookings.new_from() as u64);
    }
    put_rows(contact, rows.new_from(), &mut writer);
    put_contributions(contact, bookings.new_from(), &mut writer);
    let beside = Beside { rules_anew: is_cut, ..beside(contact) };
    put_state(&contact.state, since.state(), beside, &mut writer);
    put_announced(&contact.announced, since.announced(), &mut writer);
    if decays {
        put_all_sums(contact, &mut writer);
    }
    if waits {
        put_all_waiting(contact, (base_before, since.state()), &mut writer);
    }
    if judged {
        put_verdicts(verdicts_of(departed), verdicts_of(since.base()), &mut writer);
    }
    if stands {
        put_all_standings(contact, &mut writer);
    }
    if let Some(identity) = identity {
        put_identity(contact, identity, writer.bytes);
    }
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
    let past = reader.flags(past::ALL)?;
    if past & past::RECOMPUTED != 0 {
        contact.recomputed = Some(Timestamp::from_millis(reader.bytes.signed()?));
    }
    if past & past::DEPARTED != 0 {
        read_departure(contact, &mut reader)?;
    }
    if past & past::CUT != 0 {
        read_cut(contact, &mut reader)?;
    }
    read_rows(contact, &mut reader)?;
    read_contributions(contact, &mut reader)?;
    read_state_of(contact, &mut reader)?;
    read_announced(&mut contact.announced, &mut reader)?;
    if past & past::DECAYING != 0 {
        read_all_sums(contact, &mut reader)?;
    } else {
        forget_all_sums(contact);
    }
    if past & past::WAITING != 0 {
        read_all_waiting(contact, &mut reader)?;
    }
    if past & past::JUDGED != 0 {
        read_base_verdicts(contact, &mut reader)?;
    }
    if past & past::STANDING != 0 {
        read_all_standings(contact, &mut reader)?;
    }
    if past & past::IDENTITY != 0 {
        contact.identity = Some(Arc::new(read_identity(contact, &mut reader.bytes)?));
        contact.forget_blank_identity();
    }
    contact.judge_anew();
    contact.facts = Default::default();
    contact.checkpoints = Default::default();
    if !reader.bytes.is_empty() {
        return Err(StoredError::Malformed("more than a change"));
    }
    contact.tidy();
    consistent(contact)
}

/// Rows and bookings that went into the base, and what it is after them.
fn read_departure(contact: &mut Contact, reader: &mut FormReader<'_>) -> Result<(), StoredError> {
    let (rows, bookings) = (reader.bytes.number()?, reader.bytes.number()?);
    if rows > contact.rows.len() as u64 || bookings > contact.ledger.len() as u64 {
        return Err(StoredError::Malformed("more rows or bookings that left than there were"));
    }
    let boundary = read_order(reader)?;
    let (mut state, verdicts) = match contact.base.take().map(Arc::unwrap_or_clone) {
        Some(Base { state, verdicts, .. }) => (state, verdicts),
        None => (State::default(), Vec::new()),
    };
    read_state(&mut state, Beside::default(), reader)?;
    contact.rows.lose(rows as usize);
    contact.ledger.lose(bookings as usize, state.booked);
    contact.base = Some(Arc::new(Base { boundary, state, verdicts }));
    Ok(())
}

/// How many rows and bookings stay of those that there are; what was made anew behind them follows, and all that rules remember with it.
fn read_cut(contact: &mut Contact, reader: &mut FormReader<'_>) -> Result<(), StoredError> {
    let (rows, bookings) = (reader.bytes.number()?, reader.bytes.number()?);
    if rows > contact.rows.len() as u64 || bookings > contact.ledger.len() as u64 {
        return Err(StoredError::Malformed("more rows or bookings that stay than there were"));
    }
    contact.rows.truncate(rows as usize);
    contact.ledger.truncate(bookings as usize);
    contact.state.rules.clear();
    Ok(())
}
