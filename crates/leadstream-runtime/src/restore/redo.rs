//! The redo log's tail, collected while it is read: the epochs that the changelog does not cover.

use std::collections::BTreeMap;
use std::sync::Arc;

use leadstream_core::Timestamp;
use leadstream_wire::stored::redo::{PlanSetSince, RedoContent, RedoKey, RedoRecord};
use leadstream_wire::stored::{StoredError, Vocabulary};

/// An epoch of the redo log.
#[derive(Debug, Default)]
pub(super) struct RedoEpoch {
    pub(super) low: u64,
    /// The cluster's id of the changelog that has everything up to `low`, where it was known.
    pub(super) changelog_id: Option<u128>,
    pub(super) clock: Timestamp,
    /// The plan sets over time, and their name.
    pub(super) plan_sets: Vec<PlanSetSince>,
    pub(super) plans: [u8; 16],
    /// Topic, partition and next offset of each input.
    pub(super) offsets: Vec<(String, u32, u64)>,
    /// The cluster's ids of those topics, in the same order, as far as they were known.
    pub(super) input_ids: Vec<Option<u128>>,
    pub(super) entries: Vec<RedoChange>,
    pub(super) bytes: u64,
    pub(super) last_offset: u64,
    parts: u32,
    parts_seen: u32,
}

/// What an epoch did to a contact.
#[derive(Debug)]
pub(super) struct RedoChange {
    pub(super) contact: String,
    pub(super) body: Vec<u8>,
    /// The words that the body uses.
    pub(super) words: Arc<Vocabulary>,
    /// A change to be applied, not an image.
    pub(super) is_change: bool,
}

/// The epochs read so far.
#[derive(Debug, Default)]
pub(super) struct RedoTail {
    epochs: BTreeMap<u64, RedoEpoch>,
}

impl RedoTail {
    /// Takes a record.
    pub(super) fn add(&mut self, offset: u64, key: Option<&[u8]>, value: &[u8]) -> Result<(), StoredError> {
        let record = RedoRecord::read(value)?;
        let key = key.map(RedoKey::read).transpose()?;
        let head = record.head;
        let epoch = self.epochs.entry(head.epoch).or_default();
        if record.part == 1 {
            let offsets =
                head.offsets.iter().map(|offset| (offset.topic.to_owned(), offset.partition, offset.next_offset));
            *epoch = RedoEpoch {
                low: head.low,
                changelog_id: key.as_ref().map(|key| key.changelog),
                input_ids: key.map(|key| key.inputs).unwrap_or_default(),
                clock: head.clock,
                plan_sets: head.plan_sets,
                plans: head.plans,
                offsets: offsets.collect(),
                parts: record.parts,
                ..RedoEpoch::default()
            };
        }
        epoch.parts_seen += 1;
        epoch.bytes += value.len() as u64;
        epoch.last_offset = offset;
        for entry in record.entries {
            let (body, is_change) = match entry.content {
                RedoContent::Image(body) => (body, false),
                RedoContent::Change(body) => (body, true),
                RedoContent::Deleted { .. } => {
                    return Err(StoredError::Malformed("an erased contact, which this program cannot read"));
                }
            };
            let (contact, body, words) = (entry.contact.to_owned(), body.to_vec(), Arc::clone(&record.words));
            epoch.entries.push(RedoChange { contact, body, words, is_change });
        }
        // What the newest record says is covered need not be kept, except for the record itself.
        self.epochs.retain(|number, _| *number > head.low || *number >= head.epoch);
        Ok(())
    }

    /// The newest epoch.
    pub(super) fn newest(&self) -> Option<(u64, &RedoEpoch)> {
        self.epochs.last_key_value().map(|(number, epoch)| (*number, epoch))
    }

    /// The first epoch that is missing, or has parts missing, among those not covered.
    pub(super) fn first_gap(&self) -> Option<u64> {
        let (newest, last) = self.newest()?;
        (last.low + 1..=newest).find(|number| {
            self.epochs.get(number).is_none_or(|epoch| epoch.parts_seen != epoch.parts || epoch.parts == 0)
        })
    }

    /// All epochs, oldest first.
    pub(super) fn into_epochs(self) -> impl Iterator<Item = (u64, RedoEpoch)> {
        self.epochs.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use leadstream_wire::stored::redo::{RedoHead, RedoOffset, RedoPacker};

    fn add(tail: &mut RedoTail, epoch: u64, low: u64, contacts: usize) {
        let mut packer = RedoPacker::new(10);
        for number in 0..contacts {
            packer.push_image(&format!("c{number}"), |_, bytes| bytes.extend_from_slice(&[1; 20]));
        }
        let offsets = vec![RedoOffset { topic: "t", partition: 0, next_offset: epoch }];
        let clock = Timestamp::from_millis(5);
        let head = RedoHead { epoch, writer: 1, low, clock, plans: [0; 16], plan_sets: Vec::new(), offsets };
        let mut offset = epoch * 100;
        packer
            .records(&head, |record| {
                offset += 1;
                tail.add(offset, None, record)
            })
            .unwrap();
    }

    #[test]
    fn covered_epochs_are_forgotten_and_the_newest_stays() {
        let mut tail = RedoTail::default();
        add(&mut tail, 1, 0, 1);
        add(&mut tail, 2, 0, 3);
        assert_eq!(tail.first_gap(), None);
        add(&mut tail, 3, 3, 1);
        assert_eq!(tail.first_gap(), None);
        let epochs: Vec<u64> = tail.into_epochs().map(|(number, _)| number).collect();
        assert_eq!(epochs, [3]);
    }

    #[test]
    fn a_missing_epoch_and_a_missing_part_are_noticed() {
        let mut tail = RedoTail::default();
        add(&mut tail, 1, 0, 1);
        add(&mut tail, 3, 0, 1);
        assert_eq!(tail.first_gap(), Some(2));

        let mut tail = RedoTail::default();
        let mut packer = RedoPacker::new(10);
        packer.push_image("a", |_, bytes| bytes.extend_from_slice(&[1; 20]));
        packer.push_image("b", |_, bytes| bytes.extend_from_slice(&[1; 20]));
        let (clock, plan_sets) = (Timestamp::MIN, Vec::new());
        let head = RedoHead { epoch: 1, writer: 1, low: 0, clock, plans: [0; 16], plan_sets, offsets: vec![] };
        let mut records = Vec::new();
        let keep = |record: &[u8]| {
            records.push(record.to_vec());
            Ok::<(), ()>(())
        };
        packer.records(&head, keep).unwrap();
        assert_eq!(records.len(), 2);
        tail.add(1, None, &records[0]).unwrap();
        assert_eq!(tail.first_gap(), Some(1));
        tail.add(2, None, &records[1]).unwrap();
        assert_eq!(tail.first_gap(), None);
        assert_eq!(tail.newest().unwrap().1.entries.len(), 2);
    }
}
