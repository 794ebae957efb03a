//! Decoding blocks, on several threads: each block by itself, its events dealt to the folders by contact.

use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender};
use leadstream_core::{Name, Timestamp};
use leadstream_wire::{Decoded, Decoder, InputRecord};

use super::blocks::{InputFile, Layout, Slot, records};
use super::tally::Tally;
use crate::failure::Failure;
use crate::sources;

/// Decodes blocks until there are no more.
///
/// # Errors
/// A description of records that does not compile.
pub(super) fn decode(blocks: &Receiver<Slot>, shares: &[Sender<Arc<Slot>>], keep_dead: bool) -> Result<Tally, Failure> {
    let mut tally = Tally::keeping(keep_dead);
    let mut compiled: Option<(Arc<InputFile>, Decoder)> = None;
    for mut slot in blocks {
        let Some(file) = slot.file.clone() else { continue };
        let known = compiled.take().filter(|(known, _)| Arc::ptr_eq(known, &file));
        let (_, decoder) = compiled.insert(match known {
            Some(known) => known,
            None => (Arc::clone(&file), sources::decoder(&file.name, &file.format)?),
        });
        decode_block(&mut slot, &file, decoder, &mut tally);
        deal(&mut slot, &mut tally.newest);
        let slot = Arc::new(slot);
        for share in shares {
            // Folders that are gone have panicked, and joining them says so.
            let _ = share.send(Arc::clone(&slot));
        }
    }
    Ok(tally)
}

fn decode_block(slot: &mut Slot, file: &InputFile, decoder: &mut Decoder, tally: &mut Tally) {
    let Slot { first, bytes, spans, damage, events, .. } = slot;
    events.clear();
    let mut take = |value: &[u8], offset: u64, line: Option<u64>| {
        let record = InputRecord {
            topic: &file.name,
            offset: i64::try_from(offset).unwrap_or(i64::MAX),
            line,
            value: Some(value),
            ..InputRecord::default()
        };
        tally.records += 1;
        match decoder.decode(&record, events) {
            Ok(Decoded::Events(_)) => {}
            Ok(Decoded::Skipped(reason)) => *tally.skipped.entry(reason.as_str()).or_default() += 1,
            Err(letter) => tally.refuse(file, line, offset, value, &letter),
        }
    };
    match file.layout {
        Layout::Spans => {
            for (place, (start, end)) in spans.iter().enumerate() {
                take(&bytes[*start..*end], *first + place as u64, None);
            }
        }
        layout => records(bytes, layout, |record, breaks| {
            let line = *first + breaks;
            let record = if line == 1 { record.strip_prefix(b"\xef\xbb\xbf").unwrap_or(record) } else { record };
            let record = record.strip_suffix(b"\r").unwrap_or(record);
            // A line without anything is a line, not a record.
            if !record.trim_ascii().is_empty() {
                take(record, line - 1, Some(line));
            }
        }),
    }
    tally.dropped.add(events.dropped);
    if let Some(damage) = damage {
        tally.lose(file, *first + spans.len() as u64, damage);
    }
}

/// Deals the events to the folders by contact: all of one contact to one folder, in order.
fn deal(slot: &mut Slot, newest: &mut Option<Timestamp>) {
    let count = slot.shares.len() as u64;
    slot.shares.iter_mut().for_each(Vec::clear);
    for (place, event) in slot.events.events().iter().enumerate() {
        let hash = Name::of(&event.contact).0;
        // The high bits choose the folder, the low ones the place in its table.
        slot.shares[((hash >> 32) % count) as usize].push((hash, place));
        *newest = (*newest).max(Some(event.time));
    }
}
