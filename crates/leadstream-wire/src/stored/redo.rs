//! Redo records: what one epoch of a task changed, packed.
//!
//! Layout, version 1: version (1 byte), epoch, part (from 1), parts (numbers), writer (8 bytes), low (number), clock (signed number), name of the
//! plan sets over time (16 bytes); these: how many, then number and first instant (signed number) for each; the offsets: how many, then topic,
//! partition, next offset for each; the words that entries use: how many, then each text; the entries: how many, then kind (1 byte), contact, body
//! for each. Each part repeats what stands before the words, so that any one of them tells where its epoch stands.
//!
//! The key names the topics that the record counts on, by the ids that the cluster gave them (16 bytes each, zeros where it gave none): the
//! changelog, and behind it, unless an older program wrote the record, the topic of each of the offsets. No key where the changelog has none.

use std::sync::Arc;

use leadstream_core::Timestamp;

use super::StoredError;
use super::bytes::{ByteReader, put_bytes, put_number, put_signed};
use super::words::{Dictionary, Vocabulary};

const VERSION: u8 = 1;
const KIND_IMAGE: u8 = 1;
const KIND_CHANGE: u8 = 2;
const KIND_DELETED: u8 = 3;
const MALFORMED_KEY: StoredError = StoredError::Malformed("a key of a redo record that is not made of ids of 16 bytes");

/// The topics that an epoch counts on, by the ids that the cluster gave them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RedoKey {
    /// The changelog.
    pub changelog: u128,
    /// The topics of the offsets, in their order; none at all where an older program wrote the record.
    pub inputs: Vec<Option<u128>>,
}

impl RedoKey {
    /// Appends the key.
    pub fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.changelog.to_be_bytes());
        self.inputs.iter().for_each(|id| bytes.extend_from_slice(&id.unwrap_or_default().to_be_bytes()));
    }

    /// Reads a key.
    ///
    /// # Errors
    /// [`StoredError`] for bytes that are none.
    pub fn read(bytes: &[u8]) -> Result<RedoKey, StoredError> {
        let (ids, rest) = bytes.as_chunks();
        let [changelog, inputs @ ..] = ids else { return Err(MALFORMED_KEY) };
        if !rest.is_empty() {
            return Err(MALFORMED_KEY);
        }
        let id = |bytes: &[u8; 16]| Some(u128::from_be_bytes(*bytes)).filter(|id| *id != 0);
        Ok(RedoKey { changelog: u128::from_be_bytes(*changelog), inputs: inputs.iter().map(id).collect() })
    }
}

/// What an epoch says about itself and its task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedoHead<'a> {
    /// The epoch: one more than the epoch before it.
    pub epoch: u64,
    /// Who wrote it: differs for each start of a worker.
    pub writer: u64,
    /// Every change of this and all earlier epochs up to this one is in the changelog.
    pub low: u64,
    /// The task's clock.
    pub clock: Timestamp,
    /// Names the plan sets over time: equal ones have equal names.
    pub plans: [u8; 16],
    /// The plan sets that the task has been under, oldest first; empty where an older program wrote the record.
    pub plan_sets: Vec<PlanSetSince>,
    /// The inputs' next offsets, committed in the same transaction.
    pub offsets: Vec<RedoOffset<'a>>,
}

/// A plan set and since when a task has been under it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlanSetSince {
    /// The number of the set.
    pub ordinal: u64,
    /// Its first instant.
    pub since: Timestamp,
}

/// The next offset to read of an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedoOffset<'a> {
    /// The topic.
    pub topic: &'a str,
    /// The partition.
    pub partition: u32,
    /// The offset.
    pub next_offset: u64,
}

/// What an epoch did to one contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RedoEntry<'a> {
    /// The contact's id.
    pub contact: &'a str,
    /// What it is now.
    pub content: RedoContent<'a>,
}

/// The content of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RedoContent<'a> {
    /// The stored form of the contact after the epoch.
    Image(&'a [u8]),
    /// What takes the contact from after its last earlier epoch to after this one.
    Change(&'a [u8]),
    /// It was erased.
    Deleted {
        /// The keyed hash of the contact's id.
        hash: [u8; 16],
    },
}

/// A redo record, borrowed from its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedoRecord<'a> {
    /// Which part of the epoch this is, from 1.
    pub part: u32,
    /// How many parts the epoch has.
    pub parts: u32,
    /// What all parts say.
    pub head: RedoHead<'a>,
    /// The words that the entries of this part use.
    pub words: Arc<Vocabulary>,
    /// What is in this part.
    pub entries: Vec<RedoEntry<'a>>,
}

impl<'a> RedoRecord<'a> {
    /// Reads a record.
    ///
    /// # Errors
    /// [`StoredError`] for bytes that no released version wrote.
    pub fn read(bytes: &'a [u8]) -> Result<RedoRecord<'a>, StoredError> {
        let mut reader = ByteReader::new(bytes);
        match reader.byte()? {
            VERSION => {}
            version => return Err(StoredError::UnknownVersion(version)),
        }
        let epoch = reader.number()?;
        let part = reader.number_u32()?;
        let parts = reader.number_u32()?;
        if part == 0 || part > parts {
            return Err(StoredError::Malformed("a part of a redo record that is not one of its parts"));
        }
        let writer = u64::from_be_bytes(reader.array()?);
        let low = reader.number()?;
        let clock = Timestamp::from_millis(reader.signed()?);
        let plans = reader.array()?;
        let plan_sets = read_plan_sets(&mut reader)?;
        let mut offsets = Vec::new();
        for _ in 0..reader.number()? {
            let topic = reader.text()?;
            offsets.push(RedoOffset { topic, partition: reader.number_u32()?, next_offset: reader.number()? });
        }
        let words = Arc::new(Vocabulary::read(&mut reader)?);
        let mut entries = Vec::new();
        for _ in 0..reader.number()? {
            entries.push(read_entry(&mut reader)?);
        }
        if !reader.is_empty() {
            return Err(StoredError::Malformed("bytes behind the end of a redo record"));
        }
        let head = RedoHead { epoch, writer, low, clock, plans, plan_sets, offsets };
        Ok(RedoRecord { part, parts, head, words, entries })
    }
}

fn read_plan_sets(reader: &mut ByteReader<'_>) -> Result<Vec<PlanSetSince>, StoredError> {
    let mut sets: Vec<PlanSetSince> = Vec::new();
    for _ in 0..reader.number()? {
        let set = PlanSetSince { ordinal: reader.number()?, since: Timestamp::from_millis(reader.signed()?) };
        if sets.last().is_some_and(|last| last.ordinal >= set.ordinal || last.since >= set.since) {
            return Err(StoredError::Malformed("plan sets out of order"));
        }
        sets.push(set);
    }
    Ok(sets)
}

fn read_entry<'a>(reader: &mut ByteReader<'a>) -> Result<RedoEntry<'a>, StoredError> {
    let kind = reader.byte()?;
    let contact = reader.text()?;
    let body = reader.bytes()?;
    let content = match kind {
        KIND_IMAGE => RedoContent::Image(body),
        KIND_CHANGE => RedoContent::Change(body),
        KIND_DELETED => RedoContent::Deleted {
            hash: body.try_into().map_err(|_| StoredError::Malformed("a keyed hash that has not 16 bytes"))?,
        },
        _ => return Err(StoredError::Malformed("an unknown kind of redo entry")),
    };
    Ok(RedoEntry { contact, content })
}

/// Packs the entries of an epoch into parts. Filled again for each epoch; keeps its buffers.
#[derive(Debug, Default)]
pub struct RedoPacker {
    parts: Vec<Part>,
    used: usize,
    part_bytes: usize,
    body: Vec<u8>,
}

#[derive(Debug, Default)]
struct Part {
    entries: u64,
    words: Dictionary,
    bytes: Vec<u8>,
}

impl RedoPacker {
    /// A packer whose parts hold about `part_bytes` of entries; an entry that is larger by itself makes a part of its own.
    pub fn new(part_bytes: usize) -> RedoPacker {
        RedoPacker { part_bytes, ..RedoPacker::default() }
    }

    /// Forgets all entries.
    pub fn clear(&mut self) {
        self.used = 0;
    }

    /// Bytes of all entries.
    pub fn size_bytes(&self) -> usize {
        self.parts[..self.used].iter().map(|part| part.bytes.len()).sum()
    }

    /// Adds a contact's image, which `write` appends.
    pub fn push_image(&mut self, contact: &str, write: impl Fn(&mut Dictionary, &mut Vec<u8>)) {
        self.push(KIND_IMAGE, contact, write);
    }

    /// Adds a contact's change, which `write` appends.
    pub fn push_change(&mut self, contact: &str, write: impl Fn(&mut Dictionary, &mut Vec<u8>)) {
        self.push(KIND_CHANGE, contact, write);
    }

    /// Adds an erased contact.
    pub fn push_deleted(&mut self, contact: &str, hash: [u8; 16]) {
        self.push(KIND_DELETED, contact, |_, bytes| bytes.extend_from_slice(&hash));
    }

    fn push(&mut self, kind: u8, contact: &str, write: impl Fn(&mut Dictionary, &mut Vec<u8>)) {
        if self.used == 0 {
            self.start_part();
        }
        if !self.push_to_last(kind, contact, &write, self.part_bytes) {
            // Written once more, in the words of its own part.
            self.start_part();
            self.push_to_last(kind, contact, &write, usize::MAX);
        }
    }

    /// Adds an entry to the last part, unless that would be more than `limit` bytes and is not the only entry.
    fn push_to_last(
        &mut self,
        kind: u8,
        contact: &str,
        write: &impl Fn(&mut Dictionary, &mut Vec<u8>),
        limit: usize,
    ) -> bool {
        let Some(part) = self.parts[..self.used].last_mut() else { return false };
        self.body.clear();
        write(&mut part.words, &mut self.body);
        if part.entries > 0 && part.bytes.len() + contact.len() + self.body.len() > limit {
            return false;
        }
        part.entries += 1;
        part.bytes.push(kind);
        put_bytes(&mut part.bytes, contact.as_bytes());
        put_bytes(&mut part.bytes, &self.body);
        true
    }

    fn start_part(&mut self) {
        if self.used == self.parts.len() {
            self.parts.push(Part::default());
        }
        let part = &mut self.parts[self.used];
        part.entries = 0;
        part.words.clear();
        part.bytes.clear();
        self.used += 1;
    }

    /// Hands each record of the epoch to `emit`, in order; at least one, even where nothing was changed.
    ///
    /// # Errors
    /// Whatever `emit` returns; the rest is not handed over then.
    pub fn records<E>(&mut self, head: &RedoHead<'_>, mut emit: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        if self.used == 0 {
            self.start_part();
        }
        let mut record = std::mem::take(&mut self.body);
        for (index, part) in self.parts[..self.used].iter().enumerate() {
            record.clear();
            write_head(head, index as u64 + 1, self.used as u64, &mut record);
            part.words.write(&mut record);
            put_number(&mut record, part.entries);
            record.extend_from_slice(&part.bytes);
            emit(&record)?;
        }
        self.body = record;
        Ok(())
    }
}

fn write_head(head: &RedoHead<'_>, part: u64, parts: u64, record: &mut Vec<u8>) {
    record.push(VERSION);
    put_number(record, head.epoch);
    put_number(record, part);
    put_number(record, parts);
    record.extend_from_slice(&head.writer.to_be_bytes());
    put_number(record, head.low);
    put_signed(record, head.clock.millis());
    record.extend_from_slice(&head.plans);
    put_number(record, head.plan_sets.len() as u64);
    for set in &head.plan_sets {
        put_number(record, set.ordinal);
        put_signed(record, set.since.millis());
    }
    put_number(record, head.offsets.len() as u64);
    for offset in &head.offsets {
        put_bytes(record, offset.topic.as_bytes());
        put_number(record, u64::from(offset.partition));
        put_number(record, offset.next_offset);
    }
}
