//! One partition of the model: records, transaction markers, and what a reader may see of them.
//!
//! Never decides the outcome of a transaction (the coordinator does, see [`super::transactions`]).
//!
//! Invariants: entries lie in `start..end`; an offset is given once, to a record or to a marker; a transaction is in `open` from its first
//! record here to its marker here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::log::{Isolation, PartitionBounds, Timestamp};

/// Number of a transaction, unique in the cluster.
pub(super) type TransactionNumber = u64;

/// A record as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StoredRecord {
    pub(super) timestamp: Timestamp,
    pub(super) key: Option<Vec<u8>>,
    pub(super) value: Option<Vec<u8>>,
    pub(super) headers: Vec<(String, Option<Vec<u8>>)>,
}

impl StoredRecord {
    /// Bytes that count against the largest message, near enough to Kafka's own counting for a test of the limit.
    pub(super) fn size_bytes(&self) -> usize {
        let headers: usize =
            self.headers.iter().map(|(name, value)| name.len() + value.as_ref().map_or(0, Vec::len)).sum();
        self.key.as_ref().map_or(0, Vec::len) + self.value.as_ref().map_or(0, Vec::len) + headers
    }
}

#[derive(Debug)]
enum Entry {
    Record { record: Arc<StoredRecord>, transaction: Option<TransactionNumber> },
    Marker,
}

/// What one look into a partition found.
#[derive(Debug, Default)]
pub(super) struct Slice {
    /// Visible records with their offsets.
    pub(super) records: Vec<(u64, Arc<StoredRecord>)>,
    /// Where the next look starts.
    pub(super) next_position: u64,
    /// Nothing visible lay at or behind the position.
    pub(super) caught_up: bool,
}

/// A partition.
#[derive(Debug, Default)]
pub(super) struct Partition {
    entries: BTreeMap<u64, Entry>,
    start: u64,
    end: u64,
    open: BTreeMap<TransactionNumber, u64>,
    aborted: BTreeSet<TransactionNumber>,
}

impl Partition {
    pub(super) fn bounds(&self) -> PartitionBounds {
        PartitionBounds { start_offset: self.start, end_offset: self.end }
    }

    /// Appends a record and returns its offset.
    pub(super) fn append(&mut self, record: StoredRecord, transaction: Option<TransactionNumber>) -> u64 {
        let offset = self.end;
        if let Some(number) = transaction {
            self.open.entry(number).or_insert(offset);
        }
        self.push(Entry::Record { record: Arc::new(record), transaction });
        offset
    }

    /// Ends a transaction here: its marker takes an offset. One that has nothing here (truncated away, recreated) leaves no marker.
    pub(super) fn mark(&mut self, transaction: TransactionNumber, committed: bool) {
        if self.open.remove(&transaction).is_none() {
            return;
        }
        if !committed {
            self.aborted.insert(transaction);
        }
        self.push(Entry::Marker);
    }

    fn push(&mut self, entry: Entry) {
        self.entries.insert(self.end, entry);
        self.end += 1;
    }

    /// The first offset of the oldest open transaction, or the end.
    fn last_stable_offset(&self) -> u64 {
        self.open.values().copied().min().unwrap_or(self.end)
    }

    /// True where a reader may stand: from the start to the end, both included.
    pub(super) fn contains(&self, position: u64) -> bool {
        (self.start..=self.end).contains(&position)
    }

    /// At most `most` records that a reader at `position` may see.
    ///
    /// Markers and aborted records behind the last one are left for the next look, and only a look that finds nothing says so: a real
    /// cluster needs another answer for it too.
    pub(super) fn look(&self, position: u64, isolation: Isolation, most: usize) -> Slice {
        let limit = match isolation {
            Isolation::ReadCommitted => self.last_stable_offset().max(position),
            Isolation::ReadUncommitted => self.end,
        };
        let visible = self.entries.range(position..limit).filter_map(|(offset, entry)| match entry {
            Entry::Record { record, transaction } if self.shows(isolation, *transaction) => {
                Some((*offset, Arc::clone(record)))
            }
            _ => None,
        });
        let records: Vec<_> = visible.take(most).collect();
        match records.last() {
            Some((last, _)) => Slice { next_position: last + 1, caught_up: false, records },
            None if most == 0 => Slice { next_position: position, caught_up: false, records },
            None => Slice { next_position: limit, caught_up: true, records },
        }
    }

    fn shows(&self, isolation: Isolation, transaction: Option<TransactionNumber>) -> bool {
        isolation == Isolation::ReadUncommitted || transaction.is_none_or(|number| !self.aborted.contains(&number))
    }

    /// The first record with a timestamp at or after an instant, whatever became of its transaction.
    pub(super) fn first_at_or_after(&self, instant_ms: i64) -> Option<u64> {
        self.entries.iter().find_map(|(offset, entry)| match entry {
            Entry::Record { record, .. } if record.timestamp.ms >= instant_ms => Some(*offset),
            _ => None,
        })
    }

    /// Deletes what lies before `offset`; the start never moves back.
    pub(super) fn delete_before(&mut self, offset: u64) {
        self.start = self.start.max(offset.min(self.end));
        self.entries = self.entries.split_off(&self.start);
    }

    /// Loses everything from `offset` on, as after the election of a leader that lacked it.
    pub(super) fn truncate(&mut self, offset: u64) {
        self.end = self.end.min(offset);
        self.start = self.start.min(self.end);
        self.entries.split_off(&self.end);
        self.open.retain(|_, first| *first < offset);
    }

    /// Keeps the last visible record of each key below the last stable offset, and drops aborted records. Markers stay. Tombstones go
    /// only where asked: Kafka keeps them for `delete.retention.ms`.
    pub(super) fn compact(&mut self, drop_tombstones: bool) {
        let limit = self.last_stable_offset();
        let mut last: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
        for (offset, record) in self.look(self.start, Isolation::ReadCommitted, usize::MAX).records {
            last.insert(record.key.clone().unwrap_or_default(), offset);
        }
        let aborted = &self.aborted;
        self.entries.retain(|offset, entry| match entry {
            Entry::Record { record, transaction } if *offset < limit => {
                let is_last = last.get(record.key.as_deref().unwrap_or_default()) == Some(offset);
                let is_aborted = transaction.is_some_and(|number| aborted.contains(&number));
                is_last && !is_aborted && !(drop_tombstones && record.value.is_none())
            }
            _ => true,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::TimestampKind;

    fn record(key: &str, value: Option<&str>) -> StoredRecord {
        StoredRecord {
            timestamp: Timestamp { ms: 0, kind: TimestampKind::CreateTime },
            key: Some(key.into()),
            value: value.map(Into::into),
            headers: Vec::new(),
        }
    }

    fn offsets(partition: &Partition, isolation: Isolation) -> Vec<u64> {
        let slice = partition.look(partition.bounds().start_offset, isolation, usize::MAX);
        slice.records.iter().map(|(offset, _)| *offset).collect()
    }

    #[test]
    fn the_oldest_open_transaction_hides_what_committed_behind_it() {
        let mut partition = Partition::default();
        partition.append(record("a", Some("1")), Some(1));
        partition.append(record("b", Some("2")), Some(2));
        partition.mark(2, true);
        assert_eq!(offsets(&partition, Isolation::ReadCommitted), Vec::<u64>::new());
        assert_eq!(offsets(&partition, Isolation::ReadUncommitted), [0, 1]);
        partition.mark(1, false);
        assert_eq!(offsets(&partition, Isolation::ReadCommitted), [1]);
        assert_eq!(partition.bounds(), PartitionBounds { start_offset: 0, end_offset: 4 });
    }

    #[test]
    fn compaction_stops_at_the_first_open_transaction_and_ignores_aborted_records() {
        let mut partition = Partition::default();
        partition.append(record("a", Some("old")), None);
        partition.append(record("b", Some("kept")), None);
        partition.append(record("b", Some("aborted")), Some(1));
        partition.mark(1, false);
        partition.append(record("a", None), None);
        partition.append(record("b", Some("open")), Some(2));
        partition.append(record("b", Some("behind it")), None);
        partition.compact(false);
        assert_eq!(offsets(&partition, Isolation::ReadUncommitted), [1, 4, 5, 6]);
        partition.compact(true);
        assert_eq!(offsets(&partition, Isolation::ReadUncommitted), [1, 5, 6]);
        partition.mark(2, true);
        partition.compact(true);
        assert_eq!(offsets(&partition, Isolation::ReadUncommitted), [6]);
        assert_eq!(partition.bounds(), PartitionBounds { start_offset: 0, end_offset: 8 });
    }

    #[test]
    fn truncation_loses_the_tail_and_the_transactions_that_began_in_it() {
        let mut partition = Partition::default();
        partition.append(record("a", Some("1")), None);
        partition.append(record("b", Some("2")), Some(1));
        partition.truncate(1);
        partition.mark(1, true);
        partition.append(record("c", Some("3")), None);
        assert_eq!(offsets(&partition, Isolation::ReadCommitted), [0, 1]);
        partition.delete_before(9);
        assert_eq!(partition.bounds(), PartitionBounds { start_offset: 2, end_offset: 2 });
    }

    #[test]
    fn a_look_for_no_records_moves_nothing() {
        let mut partition = Partition::default();
        partition.append(record("a", Some("1")), None);
        let slice = partition.look(0, Isolation::ReadCommitted, 0);
        assert_eq!((slice.next_position, slice.caught_up), (0, false));
    }
}
