//! Decoding blocks, on several threads: each block by itself, its events dealt to the folders by contact.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender};
use leadstream_core::identity::{Asked, Request};
use leadstream_core::{EventKind, Name, Timestamp};
use leadstream_wire::{DeadLetter, DeadLetterCode, Decoded, Decoder, EventBatch, InputRecord, envelope};

use super::blocks::{Content, InputFile, Layout, Slot, records};
use super::links::{Found, Sieve, United};
use super::tally::Tally;
use crate::failure::Failure;
use crate::sources;

/// Decodes blocks until there are no more.
///
/// # Errors
/// A description of records that does not compile.
pub(super) fn decode(
    blocks: &Receiver<Slot>,
    shares: &[Sender<Arc<Slot>>],
    united: &United,
    keep_dead: bool,
) -> Result<Tally, Failure> {
    let mut tally = Tally::keeping(keep_dead);
    let mut decoders: BTreeMap<usize, RecordDecoder> = BTreeMap::new();
    for mut slot in blocks {
        let Some(file) = slot.file.clone() else { continue };
        decode_block(&mut slot, &file, decoder_of(&mut decoders, &file)?, &mut tally, |_| true);
        deal(&mut slot, &mut tally.newest, united);
        let slot = Arc::new(slot);
        for share in shares {
            // Folders that are gone have panicked, and joining them says so.
            let _ = share.send(Arc::clone(&slot));
        }
    }
    Ok(tally)
}

/// Decodes blocks until there are no more, and counts what they hold by its type instead of folding it.
///
/// # Errors
/// As [`decode`].
pub(super) fn count(blocks: &Receiver<Slot>, free: &Sender<Slot>) -> Result<Tally, Failure> {
    let mut tally = Tally::default();
    let mut decoders: BTreeMap<usize, RecordDecoder> = BTreeMap::new();
    for mut slot in blocks {
        let Some(file) = slot.file.clone() else { continue };
        decode_block(&mut slot, &file, decoder_of(&mut decoders, &file)?, &mut tally, |_| true);
        let interactions = slot.events.events().iter().filter(|event| event.kind == EventKind::Interaction);
        for event in interactions {
            match tally.types.get_mut(event.event_type.as_str()) {
                Some(count) => *count += 1,
                None => drop(tally.types.insert(event.event_type.as_str().to_owned(), 1)),
            }
        }
        // The reader may have ended.
        let _ = free.send(slot);
    }
    Ok(tally)
}

/// Decodes what may link ids, until there are no more blocks, and says what does.
///
/// # Errors
/// As [`decode`].
pub(super) fn find_links(blocks: &Receiver<Slot>, free: &Sender<Slot>) -> Result<Vec<Found>, Failure> {
    let (mut found, mut tally, sieve) = (Vec::new(), Tally::default(), Sieve::new());
    let mut decoders: BTreeMap<usize, RecordDecoder> = BTreeMap::new();
    for mut slot in blocks {
        let Some(file) = slot.file.clone() else { continue };
        if file.may_link() {
            let decoder = decoder_of(&mut decoders, &file)?;
            decode_block(&mut slot, &file, decoder, &mut tally, |value| sieve.lets_through(value));
            let requests = slot.events.events().iter().filter_map(Request::of);
            let links = requests.filter(|request| request.asked != Asked::Erase);
            found.extend(links.enumerate().map(|(place, request)| (slot.number, place, request)));
        }
        // The reader may have ended.
        let _ = free.send(slot);
    }
    Ok(found)
}

fn decoder_of<'d>(
    decoders: &'d mut BTreeMap<usize, RecordDecoder>,
    file: &InputFile,
) -> Result<&'d mut RecordDecoder, Failure> {
    Ok(match decoders.entry(file.decoder) {
        Entry::Occupied(known) => known.into_mut(),
        Entry::Vacant(place) => place.insert(RecordDecoder::of(file)?),
    })
}

/// What reads the records of files that look alike.
enum RecordDecoder {
    Source(Box<Decoder>),
    Envelopes,
}

impl RecordDecoder {
    fn of(file: &InputFile) -> Result<RecordDecoder, Failure> {
        Ok(match &file.content {
            Content::Source(format) => RecordDecoder::Source(Box::new(sources::decoder(&file.name, format)?)),
            Content::Envelopes => RecordDecoder::Envelopes,
        })
    }

    /// Decodes a record; `None` where it tells nothing of a contact and is no record of anybody's.
    fn decode(&mut self, record: &InputRecord<'_>, events: &mut EventBatch) -> Result<Option<Decoded>, DeadLetter> {
        match self {
            RecordDecoder::Source(decoder) => decoder.decode(record, events).map(Some),
            RecordDecoder::Envelopes => decode_envelope(record, events),
        }
    }
}

/// Decodes a record of the re-keyed topic. Watermarks have no key; only a clock needs them, and here there is none.
fn decode_envelope(record: &InputRecord<'_>, events: &mut EventBatch) -> Result<Option<Decoded>, DeadLetter> {
    let Some(key) = record.key else { return Ok(None) };
    let before = events.len();
    match envelope::read(key, record.value.unwrap_or_default(), events.add()) {
        Ok(envelope::Message::Event) => Ok(Some(Decoded::Events(1))),
        Ok(envelope::Message::Watermark(_)) => {
            events.truncate(before);
            Ok(None)
        }
        Err(error) => {
            events.truncate(before);
            Err(DeadLetter::new(DeadLetterCode::Malformed, error.to_string()))
        }
    }
}

/// Decodes the records of a block whose values are wanted.
fn decode_block(
    slot: &mut Slot,
    file: &InputFile,
    decoder: &mut RecordDecoder,
    tally: &mut Tally,
    is_wanted: impl Fn(&[u8]) -> bool,
) {
    let Slot { first, bytes, spans, heads, damage, events, .. } = slot;
    events.clear();
    let mut take = |record: &InputRecord<'_>| {
        if !is_wanted(record.value.unwrap_or_default()) {
            return;
        }
        let outcome = decoder.decode(record, events);
        tally.records += u64::from(!matches!(outcome, Ok(None)));
        match outcome {
            Ok(None | Some(Decoded::Events(_))) => {}
            Ok(Some(Decoded::Skipped(reason))) => *tally.skipped.entry(reason.as_str()).or_default() += 1,
            Err(letter) => tally.refuse(file, record, &letter),
        }
    };
    let record = |offset: u64| InputRecord {
        topic: &file.topic,
        offset: i64::try_from(offset).unwrap_or(i64::MAX),
        ..InputRecord::default()
    };
    match file.layout {
        Layout::Spans => {
            for (place, (start, end)) in spans.iter().enumerate() {
                take(&InputRecord { value: Some(&bytes[*start..*end]), ..record(*first + place as u64) });
            }
        }
        Layout::Records => {
            let part = |span: Option<(usize, usize)>| span.map(|(start, end)| &bytes[start..end]);
            for head in heads.iter() {
                take(&InputRecord {
                    topic: &file.topic,
                    partition: head.partition,
                    offset: head.offset,
                    timestamp_ms: head.timestamp_ms,
                    key: part(head.key),
                    value: part(head.value),
                    ..InputRecord::default()
                });
            }
        }
        layout => records(bytes, layout, |value, breaks| {
            let line = *first + breaks;
            let value = if line == 1 { value.strip_prefix(b"\xef\xbb\xbf").unwrap_or(value) } else { value };
            let value = value.strip_suffix(b"\r").unwrap_or(value);
            // A line without anything is a line, not a record.
            if !value.trim_ascii().is_empty() {
                take(&InputRecord { line: Some(line), value: Some(value), ..record(line - 1) });
            }
        }),
    }
    tally.dropped.add(events.dropped);
    if let Some(damage) = damage {
        tally.lose(file, *first + spans.len() as u64, damage);
    }
}

/// Deals the events to the folders by contact, the one that their ids are part of: all of one contact to one folder, in order.
fn deal(slot: &mut Slot, newest: &mut Option<Timestamp>, united: &United) {
    let count = slot.shares.len() as u64;
    slot.shares.iter_mut().for_each(Vec::clear);
    for (place, event) in slot.events.events_mut().iter_mut().enumerate() {
        if let Some(root) = united.root(&event.contact) {
            event.contact.clear();
            event.contact.push_str(root);
        }
        let hash = Name::of(&event.contact).0;
        // The high bits choose the folder, the low ones the place in its table.
        slot.shares[((hash >> 32) % count) as usize].push((hash, place));
        *newest = (*newest).max(Some(event.time));
    }
}
