//! A task's part of a commit: what it adds to the transaction, and what follows once the outcome is known.
//!
//! In this order: the transaction commits; the state records of it go into the store with the changelog position behind them; their contacts are
//! marked clean; the epoch is published. A failure before the first step undoes the epoch, one behind it restores the task.

use leadstream_core::Timestamp;
use leadstream_store::{Batch, Progress};
use leadstream_wire::stored::changelog::{ErasedKey, write_image_head};
use leadstream_wire::stored::contact::{ImageWriter, put_change, put_image};
use leadstream_wire::stored::redo::{RedoHead, RedoKey, RedoOffset, RedoPacker};

use super::cache::{Entry, Slot};
use super::epoch::EpochCounts;
use super::metadata::CommitMetadata;
use super::undo::{Savepoints, Undo};
use super::write_back::UncoveredEpoch;
use super::{Task, Tools};
use crate::error::WorkerError;
use crate::log::{Destination, InputOffset, LogError, OutputRecord, Producer, TopicIndex, TopicPartition};
use crate::options::{WorkerOptions, WriteBackLimits};
use crate::worker::internal_topics::{CHANGELOG, COUNT, REDO};

/// A task is idle, and writes all its dirty contacts back, when it has folded nothing for so long.
const IDLE_AFTER_MS: i64 = 1_000;

/// A contact's record in the transaction.
#[derive(Clone, Copy, Debug)]
struct StateRecord {
    slot: Slot,
    from: usize,
    to: usize,
    due: Option<Timestamp>,
}

/// The redo and state records of the epoch being committed.
#[derive(Debug)]
pub(crate) struct StateRecords {
    redo: RedoPacker,
    images: ImageWriter,
    changelog: Vec<StateRecord>,
    /// Of erased ids.
    pub(super) blocks: Vec<(ErasedKey, Vec<u8>)>,
    bytes: Vec<u8>,
    batch: Batch,
    /// How many of the longest waiting contacts are written back.
    written_waiting: usize,
    low: u64,
    redo_bytes: u64,
}

impl StateRecords {
    pub(crate) fn new(part_bytes: usize) -> StateRecords {
        StateRecords {
            redo: RedoPacker::new(part_bytes),
            images: ImageWriter::default(),
            changelog: Vec::new(),
            blocks: Vec::new(),
            bytes: Vec::new(),
            batch: Batch::new(),
            written_waiting: 0,
            low: 0,
            redo_bytes: 0,
        }
    }

    fn clear(&mut self) {
        self.redo.clear();
        self.changelog.clear();
        self.blocks.clear();
        self.bytes.clear();
        self.written_waiting = 0;
    }
}

impl Task {
    /// Whether contacts are due to be written back now.
    pub(crate) fn write_back_due(&self, limits: &WriteBackLimits, now_ms: i64, pressed: bool) -> usize {
        // A task that has input and only waits for its turn is not idle.
        let idle = self.is_caught_up() && now_ms - self.folded_at_ms >= IDLE_AFTER_MS.min(limits.interval_ms);
        self.write_back.due(limits, now_ms, idle || pressed)
    }

    /// Encodes the epoch's redo and state records.
    pub(crate) fn prepare(&mut self, tools: &mut Tools<'_>, pressed: bool) -> Result<(), WorkerError> {
        self.records.clear();
        let limits = tools.options.write_back;
        let waiting = self.write_back_due(&limits, tools.now_ms, pressed);
        let mut write: Vec<Slot> = self.write_back.first(waiting).collect();
        let writes_all = limits.interval_ms == 0;
        if writes_all {
            let touched = self.open.touched.iter().copied();
            write.extend(
                touched.filter(|slot| self.contacts.get(*slot).is_some_and(|entry| entry.dirty_since.is_none())),
            );
        }
        for slot in write {
            self.write_state(tools, slot)?;
        }
        self.pack_redo(tools)?;
        self.blocks.changed(&mut self.records.blocks);
        let epoch = self.epoch + 1;
        let leaves_dirty = !writes_all
            && self.open.touched.iter().any(|slot| {
                self.contacts.get(*slot).is_some_and(|entry| !entry.is_aside() && entry.dirty_since.is_none())
            });
        self.records.written_waiting = waiting;
        self.records.low = self
            .write_back
            .low_after(waiting, epoch, leaves_dirty, |slot| self.contacts.get(slot).is_some_and(Entry::is_aside));
        self.records.redo_bytes = self.records.redo.size_bytes() as u64;
        self.open.counts.written_back = self.records.changelog.len() as u64;
        Ok(())
    }

    /// Encodes a contact's changelog record, and its scorecard.
    fn write_state(&mut self, tools: &mut Tools<'_>, slot: Slot) -> Result<(), WorkerError> {
        if self.contacts.get(slot).is_none_or(Entry::is_aside) {
            return Ok(());
        }
        self.fit(tools, slot)?;
        // A contact may have been touched and left as it was, as by a duplicate, before the sweep of a plan change came to it.
        if self.sweep.is_pending()
            && let Some(entry) = self.contacts.get_mut(slot)
        {
            tools.fold.refresh(&mut entry.contact);
        }
        let epoch = self.epoch + 1;
        let clock = self.clock.now();
        let Some(entry) = self.contacts.get(slot) else { return Ok(()) };
        let next_due = entry.contact.next_due;
        // An earlier entry of the index serves as well and is moved when it comes due.
        let kept = entry.stored_due.filter(|stored| *stored > clock && next_due.is_some_and(|next| next >= *stored));
        let due = kept.or(next_due);
        let changed_in = if entry.undo.is_some() { epoch } else { entry.changed_in };
        let from = self.records.bytes.len();
        write_image_head(changed_in, self.plans.tag(), due, &mut self.records.bytes);
        self.records.images.write(&entry.contact, &mut self.records.bytes);
        let to = self.records.bytes.len();
        self.records.changelog.push(StateRecord { slot, from, to, due });
        // An id that belongs to another contact has none.
        if !entry.contact.is_blank() {
            tools.encoder.scorecard(tools.fold, &entry.contact, clock, &mut self.open.outputs);
        }
        Ok(())
    }

    /// The last line of defence for the size of a record: what a contact keeps is bounded by the fold (S6, S58).
    fn fit(&mut self, tools: &mut Tools<'_>, slot: Slot) -> Result<(), WorkerError> {
        let limit = tools.options.record_bytes;
        let Some(entry) = self.contacts.get(slot) else { return Ok(()) };
        // Few contacts come near the limit: only those are encoded to be judged.
        if entry.charged_bytes() <= limit / 2 {
            return Ok(());
        }
        tools.value.clear();
        self.records.images.write(&entry.contact, tools.value);
        let bytes = tools.value.len();
        if bytes <= limit {
            return Ok(());
        }
        Err(WorkerError::ContactTooLarge { contact: entry.contact.id.to_string(), bytes, limit })
    }

    fn pack_redo(&mut self, tools: &mut Tools<'_>) -> Result<(), WorkerError> {
        for index in 0..self.open.touched.len() {
            let slot = self.open.touched[index];
            if self.contacts.get(slot).is_some_and(Entry::is_aside) {
                continue;
            }
            self.fit(tools, slot)?;
            let Some(entry) = self.contacts.get(slot) else { continue };
            let contact = &entry.contact;
            match &entry.undo {
                Some(Undo::Since(before)) if before.leads_to(contact) => {
                    self.records
                        .redo
                        .push_change(&contact.id, |words, bytes| put_change(contact, before, words, bytes));
                }
                _ => self.records.redo.push_image(&contact.id, |words, bytes| put_image(contact, words, bytes)),
            }
        }
        Ok(())
    }

    /// Adds everything to the open transaction.
    pub(crate) fn produce<P: Producer>(&mut self, producer: &mut P, options: &WorkerOptions) -> Result<(), LogError> {
        self.open.outputs.produce(producer, COUNT)?;
        self.produce_erased(producer)?;
        for record in &self.records.changelog {
            let Some(entry) = self.contacts.get(record.slot) else { continue };
            producer.produce(&OutputRecord {
                topic: TopicIndex(CHANGELOG),
                destination: Destination::Partition(self.id),
                key: Some(entry.contact.id.as_bytes()),
                value: Some(&self.records.bytes[record.from..record.to]),
                headers: &[],
                timestamp_ms: None,
            })?;
        }
        let offsets = self.inputs.iter().map(|queue| RedoOffset {
            topic: &options.inputs[queue.input].topic,
            partition: queue.partition,
            next_offset: queue.next_offset,
        });
        let plans = self.open.plans.as_ref().unwrap_or(&self.plans);
        let head = RedoHead {
            epoch: self.epoch + 1,
            writer: options.writer,
            low: self.records.low,
            clock: self.clock.now(),
            plans: plans.id(),
            plan_sets: plans.changes(),
            offsets: offsets.collect(),
        };
        let task = self.id;
        let key = options.topics.changelog_id.map(|changelog| {
            let inputs = self.inputs.iter().map(|queue| options.inputs[queue.input].topic_id).collect();
            let mut bytes = Vec::new();
            RedoKey { changelog, inputs }.write(&mut bytes);
            bytes
        });
        self.records.redo.records(&head, |record| {
            producer.produce(&OutputRecord {
                topic: TopicIndex(REDO),
                destination: Destination::Partition(task),
                key: key.as_deref(),
                value: Some(record),
                headers: &[],
                timestamp_ms: None,
            })
        })
    }

    /// The records of what the epoch erased: of the contact nothing, of its id a hash. They come before those of contacts, of which one may be new
    /// under the id of one that was erased.
    fn produce_erased<P: Producer>(&self, producer: &mut P) -> Result<(), LogError> {
        let mut produce = |key: &[u8], value: Option<&[u8]>| {
            producer.produce(&OutputRecord {
                topic: TopicIndex(CHANGELOG),
                destination: Destination::Partition(self.id),
                key: Some(key),
                value,
                headers: &[],
                timestamp_ms: None,
            })
        };
        for entry in self.open.erased.iter().filter_map(|slot| self.contacts.get(*slot)) {
            // Of a contact that was never written back the changelog knows nothing, and need not learn its id.
            if entry.stored {
                produce(entry.contact.id.as_bytes(), None)?;
            }
        }
        self.records.blocks.iter().try_for_each(|(key, value)| produce(key, Some(value)))
    }

    /// The offsets that commit with the epoch: of every input, changed or not.
    pub(crate) fn offsets(&self, options: &WorkerOptions) -> impl Iterator<Item = InputOffset> {
        self.inputs.iter().map(move |queue| InputOffset {
            partition: TopicPartition::new(&options.inputs[queue.input].topic, queue.partition),
            next_offset: queue.next_offset,
            metadata: CommitMetadata {
                epoch: self.epoch + 1,
                writer: options.writer,
                stream: if queue.is_rekeyed() { queue.stream } else { self.clock.stream() },
            }
            .to_string(),
        })
    }

    /// The epoch's transaction was committed. `changelog_position` is the offset behind its last changelog record, `redo_last` the offset of its
    /// last redo record; `None` where the log did not say.
    pub(crate) fn published(
        &mut self,
        tools: &mut Tools<'_>,
        changelog_position: Option<u64>,
        redo_last: Option<u64>,
        wall: Timestamp,
    ) -> Result<EpochCounts, WorkerError> {
        let epoch = self.epoch + 1;
        self.store_records(changelog_position, epoch, wall)?;
        self.mark_clean(tools.savepoints);
        for slot in std::mem::take(&mut self.open.touched) {
            self.publish_contact(slot, epoch, tools);
        }
        let events = self.open.counts.folded() + self.open.counts.timers;
        let uncovered = UncoveredEpoch { epoch, events, bytes: self.records.redo_bytes, last_offset: redo_last };
        self.write_back.committed(self.records.written_waiting, self.records.low, uncovered);
        self.forget_erased(tools);
        self.epoch = epoch;
        for queue in &mut self.inputs {
            queue.commit();
        }
        self.keep_clock();
        self.sweep.committed();
        if let Some(plans) = self.open.plans.take() {
            self.adopt(tools.fold, plans);
        }
        self.end_sweep()?;
        let counts = std::mem::take(&mut self.open.counts);
        self.open.clear();
        self.records.clear();
        Ok(counts)
    }

    fn store_records(
        &mut self,
        changelog_position: Option<u64>,
        epoch: u64,
        wall: Timestamp,
    ) -> Result<(), WorkerError> {
        if self.records.changelog.is_empty() && self.records.blocks.is_empty() {
            return Ok(());
        }
        let mut batch = std::mem::take(&mut self.records.batch);
        batch.clear();
        self.erase_stored(&mut batch)?;
        for record in &self.records.changelog {
            let Some(entry) = self.contacts.get(record.slot) else { continue };
            let id = &entry.contact.id;
            batch.put(id, &self.records.bytes[record.from..record.to]);
            if entry.stored_due != record.due {
                if let Some(old) = entry.stored_due {
                    batch.remove_due(old, id);
                }
                if let Some(due) = record.due {
                    batch.add_due(due, id);
                }
            }
        }
        for misleading in self.timers.take_misleading() {
            let rewritten = self.records.changelog.iter().any(|record| {
                record.due == Some(misleading.due)
                    && self.contacts.get(record.slot).is_some_and(|entry| *entry.contact.id == *misleading.contact)
            });
            if !rewritten {
                batch.remove_due(misleading.due, &misleading.contact);
            }
        }
        let before = self.store.progress();
        let progress = Progress {
            // Where the log did not say how far the changelog is, the records are read once more at the next restore, which does no harm.
            changelog_position: changelog_position.unwrap_or(before.changelog_position),
            epoch,
            written_at_ms: wall.millis(),
            plans: before.plans,
        };
        self.store.write(&batch, progress)?;
        self.records.batch = batch;
        Ok(())
    }

    fn mark_clean(&mut self, savepoints: &mut Savepoints) {
        for record in std::mem::take(&mut self.records.changelog) {
            let Some(entry) = self.contacts.get_mut(record.slot) else { continue };
            entry.stored = true;
            entry.stored_due = record.due;
            entry.dirty_since = None;
            self.timers.forget(record.slot, entry);
            if let Some(undo) = entry.undo.take() {
                savepoints.give_back(undo);
                entry.changed_in = self.epoch + 1;
            }
            if let Some(due) = record.due {
                self.timers.stored(due, &entry.contact.id);
            }
            self.contacts.recharge(record.slot);
        }
    }

    fn publish_contact(&mut self, slot: Slot, epoch: u64, tools: &mut Tools<'_>) {
        let Some(entry) = self.contacts.get_mut(slot).filter(|entry| !entry.is_aside()) else { return };
        // Taken already where the contact was written back.
        let Some(undo) = entry.undo.take() else { return };
        tools.savepoints.give_back(undo);
        entry.changed_in = epoch;
        if entry.dirty_since.is_none() {
            entry.dirty_since = Some(epoch);
            self.write_back.dirtied(slot, epoch, tools.now_ms);
        }
        self.contacts.recharge(slot);
    }
}
