//! The end of a restore: what was read is checked against the group's offsets and becomes a running task.

use leadstream_core::{Fold, Timestamp};
use leadstream_store::{Batch, Progress};
use leadstream_wire::stored::StoredError;
use leadstream_wire::stored::contact::{apply_change, read_image_with};

use super::redo::{RedoChange, RedoEpoch};
use super::{InputPartition, Restore};
use crate::error::WorkerError;
use crate::log::TopicPartition;
use crate::metrics::Metrics;
use crate::options::{InputKind, WorkerOptions};
use crate::plans::{PlanBook, TaskPlans};
use crate::task::cache::Slot;
use crate::task::inputs::InputQueue;
use crate::task::write_back::UncoveredEpoch;
use crate::task::{Lifecycle, Task};

impl Restore {
    /// Makes the task ready to run. Its clock, epoch and contacts are those of its last commit, whoever made it.
    pub(crate) fn finish(
        mut self,
        fold: &mut Fold,
        book: &PlanBook,
        options: &WorkerOptions,
        metrics: &Metrics,
        now_ms: i64,
    ) -> Result<Task, WorkerError> {
        self.check_redo(options)?;
        self.check_changelog(options)?;
        self.task.inputs = self.queues(options, metrics)?;
        self.restore_plans(book)?;
        fold.use_timeline(self.task.plans.timeline());
        self.mark_position()?;
        let stream = self.stream(options);
        let Restore { mut task, tail, redo, .. } = self;
        if let Some((epoch, newest)) = tail.newest() {
            task.epoch = epoch;
            task.clock.restore(newest.clock, stream);
            task.keep_clock();
        }
        let low = tail.newest().map_or(0, |(_, newest)| newest.low);
        for (number, epoch) in tail.into_epochs() {
            restore_epoch(&mut task, fold, number, epoch, low, now_ms, &redo)?;
        }
        task.write_back.cover(low);
        task.become_state(Lifecycle::Running);
        Ok(task)
    }

    /// The greatest time of an event that the task has folded, as the group knows it.
    fn stream(&self, options: &WorkerOptions) -> Timestamp {
        let folded = self.inputs.iter().filter(|input| options.inputs[input.input].kind != InputKind::ToRekey);
        folded.filter_map(InputPartition::metadata).map(|metadata| metadata.stream).max().unwrap_or(Timestamp::MIN)
    }

    /// The redo log has everything since `low`, and ends with what the group committed last. No record of the changelog is newer: both are written in
    /// one transaction, and the redo log's newest record is never trimmed. Without this, epochs would be counted from the beginning again over
    /// contacts that have later ones, and a restore would take their new changes for old.
    fn check_redo(&self, options: &WorkerOptions) -> Result<(), WorkerError> {
        let found = self.tail.newest().map_or(0, |(epoch, _)| epoch);
        let lost = |committed, found| WorkerError::RedoLost {
            task: self.task.id,
            topic: options.topics.redo.clone(),
            committed,
            found,
        };
        if let Some(gap) = self.tail.first_gap() {
            return Err(lost(found, gap - 1));
        }
        if self.changed_in > found {
            return Err(lost(self.changed_in, found));
        }
        for input in &self.inputs {
            let Some(committed) = &input.committed else { continue };
            if let Some(metadata) = input.metadata().filter(|metadata| metadata.epoch > found) {
                return Err(lost(metadata.epoch, found));
            }
            let Some(redo) = self.redo_offset(input) else { continue };
            if redo != committed.next_offset {
                return Err(WorkerError::OffsetsDisagree {
                    task: self.task.id,
                    partition: input.partition.clone(),
                    committed: committed.next_offset,
                    redo,
                    epoch: found,
                });
            }
        }
        Ok(())
    }

    /// What the redo log leaves to the changelog is in the one that is there. An empty one tells nothing by itself: a task that has met no contact
    /// yet has one too.
    fn check_changelog(&self, options: &WorkerOptions) -> Result<(), WorkerError> {
        let Some((_, newest)) = self.tail.newest() else { return Ok(()) };
        let (Some(before), Some(now)) = (newest.changelog_id, options.topics.changelog_id) else { return Ok(()) };
        // With nothing covered the redo log has every contact.
        if newest.low == 0 || before == now {
            return Ok(());
        }
        let topic = options.topics.changelog.clone();
        Err(WorkerError::ChangelogLost { task: self.task.id, topic, covered: newest.low })
    }

    /// The next offset of an input by the redo log.
    fn redo_offset(&self, input: &InputPartition) -> Option<u64> {
        let (_, newest) = self.tail.newest()?;
        newest
            .offsets
            .iter()
            .find(|(topic, partition, _)| *topic == input.partition.topic && *partition == input.partition.partition)
            .map(|(_, _, next_offset)| *next_offset)
    }

    fn queues(&self, options: &WorkerOptions, metrics: &Metrics) -> Result<Vec<InputQueue>, WorkerError> {
        self.inputs.iter().map(|input| self.queue(input, options, metrics)).collect()
    }

    fn queue(
        &self,
        input: &InputPartition,
        options: &WorkerOptions,
        metrics: &Metrics,
    ) -> Result<InputQueue, WorkerError> {
        let settings = &options.inputs[input.input];
        let queue = |next_offset| {
            let mut queue = InputQueue::new(input.input, input.partition.partition, settings.kind, next_offset);
            // The task's clock never passes what its sources were said to have reached, so it serves where the group has forgotten.
            let clock = self.tail.newest().map_or(Timestamp::MIN, |(_, newest)| newest.clock);
            queue.restore_stream(input.metadata().map_or(clock, |metadata| metadata.stream));
            queue
        };
        // Offsets of a group expire days after it emptied; the redo log remembers them.
        let known = self.redo_offset(input).or(input.committed.as_ref().map(|committed| committed.next_offset));
        let Some(wanted) = known else {
            return Ok(queue(input.first));
        };
        if self.is_another_topic(input, options) {
            accept_replaced(options, input.partition.clone(), wanted)?;
            return Ok(queue(input.bounds.start_offset));
        }
        if wanted > input.bounds.end_offset {
            let partition = input.partition.clone();
            return Err(WorkerError::InputTruncated { partition, wanted, end: input.bounds.end_offset });
        }
        let start = input.bounds.start_offset;
        if wanted < start {
            accept_lost(options, metrics, input.partition.clone(), wanted, start)?;
        }
        Ok(queue(wanted.max(start)))
    }

    /// Whether an input's topic is not the one that was read: offsets of that one mean nothing in this one.
    fn is_another_topic(&self, input: &InputPartition, options: &WorkerOptions) -> bool {
        let Some((_, newest)) = self.tail.newest() else { return false };
        let read = newest.offsets.iter().zip(&newest.input_ids).find(|((topic, partition, _), _)| {
            *topic == input.partition.topic && *partition == input.partition.partition
        });
        let before = read.and_then(|(_, id)| *id);
        before.zip(options.inputs[input.input].topic_id).is_some_and(|(before, now)| before != now)
    }

    /// A plan set that the task was under and that the book does not hold, as where another instance took it up just before.
    pub(crate) fn unknown_set(&self, book: &PlanBook) -> Option<u64> {
        let (_, newest) = self.tail.newest()?;
        newest.plan_sets.iter().map(|set| set.ordinal).find(|ordinal| book.set(*ordinal).is_none())
    }

    /// The plan sets that the task was under at its last commit, whatever is in force now; what is newer it takes up once it runs.
    fn restore_plans(&mut self, book: &PlanBook) -> Result<(), WorkerError> {
        let task = self.task.id;
        let Some((_, newest)) = self.tail.newest() else { return Ok(()) };
        let restored = TaskPlans::restore(&newest.plan_sets, book);
        match restored.map_err(|ordinal| WorkerError::PlansLost { task, ordinal })? {
            Some(plans) if plans.id() == newest.plans => self.task.plans = plans,
            Some(plans) => return Err(WorkerError::PlansDiffer { task, ordinal: plans.ordinal() }),
            // A program that knew one set only wrote this.
            None => {
                if let Some(oldest) = book.oldest() {
                    self.task.plans = TaskPlans::begin(oldest);
                }
            }
        }
        Ok(())
    }

    /// Remembers that everything up to the end was read, even where nothing was there to write.
    fn mark_position(&mut self) -> Result<(), WorkerError> {
        let progress = self.task.store.progress();
        let changelog_position = progress.changelog_position.max(self.changelog_end);
        let (id, tag) = (self.task.plans.id(), self.task.plans.tag());
        let swept = (self.rebuilds || progress.plans == id) && self.tags.iter().all(|found| *found == tag);
        if !swept {
            self.task.sweep.begin();
        }
        // Zeros name no plan sets.
        let plans = if swept { id } else { [0; 16] };
        let progress = Progress { changelog_position, written_at_ms: self.wall.millis(), plans, ..progress };
        // Of contacts that are gone the index must not keep the ids.
        let mut batch = Batch::new();
        let mut gone = std::mem::take(&mut self.gone);
        if self.saw_erased {
            // A store from before may have missed null records that were compacted away; the records of erased ids are there for ever.
            gone.extend(self.task.erased_in_store()?);
        }
        gone.iter().for_each(|contact| batch.erase(contact));
        self.task.store.remove_due_of(&gone, &mut batch)?;
        Ok(self.task.store.write(&batch, progress)?)
    }
}

/// Goes on behind records that were deleted before they were read, where that is accepted.
pub(crate) fn accept_lost(
    options: &WorkerOptions,
    metrics: &Metrics,
    partition: TopicPartition,
    wanted: u64,
    start: u64,
) -> Result<(), WorkerError> {
    let records = start.saturating_sub(wanted);
    if !options.accept_lost_input {
        return Err(WorkerError::InputLost { partition, wanted, start, records });
    }
    tracing::error!(%partition, records, "input was deleted before it was read, as accepted by configuration");
    metrics.lost_records.inc_by(records);
    Ok(())
}

/// Goes on with the first record of a topic that stands where another one was read, where that is accepted.
fn accept_replaced(options: &WorkerOptions, partition: TopicPartition, wanted: u64) -> Result<(), WorkerError> {
    if !options.accept_lost_input {
        return Err(WorkerError::InputReplaced { partition, wanted });
    }
    tracing::error!(
        %partition,
        read = wanted,
        "the topic was deleted and created again, it is read from its first record, as accepted by configuration"
    );
    Ok(())
}

/// Takes an epoch of the redo log over into memory: its contacts are dirty since then.
fn restore_epoch(
    task: &mut Task,
    fold: &Fold,
    number: u64,
    epoch: RedoEpoch,
    low: u64,
    now_ms: i64,
    redo: &TopicPartition,
) -> Result<(), WorkerError> {
    let covered = number <= low;
    for change in epoch.entries.iter().filter(|_| !covered) {
        // The epoch that erased a contact has an entry of it only where it is new since.
        if task.blocks.of(&change.contact).is_some_and(|block| block.erased_in > number) {
            continue;
        }
        let slot = task.load(fold, &change.contact)?;
        restore_contact(task, fold, slot, number, change, now_ms)
            .map_err(|error| WorkerError::Stored { place: format!("{redo} epoch {number}"), error })?;
    }
    let events = epoch.entries.len() as u64;
    let last_offset = Some(epoch.last_offset);
    task.write_back.add_epoch(UncoveredEpoch { epoch: number, events, bytes: epoch.bytes, last_offset });
    Ok(())
}

fn restore_contact(
    task: &mut Task,
    fold: &Fold,
    slot: Slot,
    number: u64,
    change: &RedoChange,
    now_ms: i64,
) -> Result<(), StoredError> {
    let Some(entry) = task.contacts.get_mut(slot) else { return Ok(()) };
    if entry.changed_in >= number {
        return Ok(());
    }
    if change.is_change {
        apply_change(&mut entry.contact, &change.body, &change.words)?;
    } else {
        let numbers_from = entry.contact.announced.numbers_from;
        entry.contact = read_image_with(&change.contact, &change.body, &change.words)?;
        entry.contact.announced.numbers_from = numbers_from;
    }
    fold.refresh(&mut entry.contact);
    entry.changed_in = number;
    if entry.dirty_since.is_none() {
        entry.dirty_since = Some(number);
        task.write_back.dirtied(slot, number, now_ms);
    }
    // A later image may be due earlier or later than an earlier one.
    task.timers.forget(slot, entry);
    task.timers.follow(slot, entry);
    task.contacts.recharge(slot);
    Ok(())
}
