//! Restoring a task: local store, the changelog's tail, and the redo that the changelog does not cover.
//!
//! Nothing is folded again and no input is read. Committed offsets are asked for first, the ends of changelog and redo after them, so that
//! whatever belongs to those offsets lies before those ends.

mod finish;
mod redo;

pub(crate) use self::finish::accept_lost;

use std::collections::BTreeSet;
use std::path::PathBuf;

use leadstream_core::Timestamp;
use leadstream_store::{Batch, Identity, OpenOptions, Progress, StoreError, TaskStore, wipe};
use leadstream_wire::stored::StoredError;
use leadstream_wire::stored::changelog::{ChangelogContent, ChangelogRecord, PlansTag, read_erased_key};

use self::redo::RedoTail;
use crate::error::WorkerError;
use crate::log::{
    CommittedOffset, Log, LogError, PartitionBounds, ReadStart, ReaderPartition, Record, TopicIndex, TopicPartition,
};
use crate::options::{InputKind, StartPosition, WorkerOptions};
use crate::plans::{NumberedPlans, TaskPlans};
use crate::status::RestoreProgress;
use crate::task::clock::TaskClock;
use crate::task::erasure::Blocks;
use crate::task::metadata::CommitMetadata;
use crate::task::{Lifecycle, Task};

/// Topic index of the changelog in the reader of restores.
pub(crate) const CHANGELOG: TopicIndex = TopicIndex(0);
/// Topic index of the redo topic in the reader of restores.
pub(crate) const REDO: TopicIndex = TopicIndex(1);

/// How long a restore waits for a plan set that another instance took up.
const PLANS_WAIT_MS: i64 = 30_000;

/// Bytes collected before they are written to the store.
const BATCH_BYTES: usize = 4 << 20;

/// What the log says of an input partition.
#[derive(Clone, Debug)]
pub(crate) struct InputPartition {
    /// Its place in the worker's inputs.
    pub(crate) input: usize,
    pub(crate) partition: TopicPartition,
    pub(crate) committed: Option<CommittedOffset>,
    pub(crate) bounds: PartitionBounds,
    /// Where to begin if nobody has read it before.
    pub(crate) first: u64,
}

impl InputPartition {
    /// What this program kept beside the committed offset.
    pub(crate) fn metadata(&self) -> Option<CommitMetadata> {
        CommitMetadata::read(&self.committed.as_ref()?.metadata)
    }
}

/// A restore under way.
pub(crate) struct Restore {
    pub(crate) task: Task,
    inputs: Vec<InputPartition>,
    changelog: TopicPartition,
    redo: TopicPartition,
    changelog_start: u64,
    changelog_end: u64,
    redo_start: u64,
    redo_end: u64,
    /// The next changelog offset wanted.
    changelog_next: u64,
    tail: RedoTail,
    /// The newest epoch of which the changelog and the store know; the redo log has been as far.
    changed_in: u64,
    batch: Batch,
    /// Contacts that the changelog takes away, and the store may have had.
    gone: BTreeSet<String>,
    /// The changelog told of erased ids.
    saw_erased: bool,
    /// An id was hashed under another key.
    other_key: bool,
    /// The store was empty, so that what it holds under which plans is known by what was read.
    rebuilds: bool,
    /// Under which plans the due instants of the records read were computed.
    tags: Vec<PlansTag>,
    wall: Timestamp,
    records: u64,
    started_ms: i64,
    /// Positions seen last, and when they moved.
    seen: (u64, u64),
    moved_ms: i64,
    error: Option<WorkerError>,
}

/// Whether a failed beginning can be repeated.
pub(crate) enum BeginError {
    /// The cluster cannot tell: begin again later.
    Later(LogError),
    /// Somebody has the store open: begin again later.
    InUse(StoreError),
    /// Stop.
    Stop(WorkerError),
}

impl From<WorkerError> for BeginError {
    fn from(error: WorkerError) -> BeginError {
        match error {
            WorkerError::Store(error @ StoreError::InUse { .. }) => BeginError::InUse(error),
            error => BeginError::Stop(error),
        }
    }
}

/// The input partitions of a task: that of its number in keyed topics; of topics to re-key, every one whose number leaves the task's.
pub(crate) fn input_partitions(options: &WorkerOptions, task: u32) -> Vec<(usize, TopicPartition)> {
    let mut partitions = Vec::new();
    for (index, input) in options.inputs.iter().enumerate() {
        let numbers: Vec<u32> = match input.kind {
            InputKind::Keyed | InputKind::Rekeyed | InputKind::Identities => vec![task],
            InputKind::ToRekey => (task..input.partitions).step_by(options.tasks.max(1) as usize).collect(),
        };
        partitions.extend(numbers.into_iter().map(|number| (index, TopicPartition::new(&input.topic, number))));
    }
    partitions
}

/// The folder of a task's store.
pub(crate) fn store_folder(options: &WorkerOptions, task: u32) -> PathBuf {
    options.state_folder.join(format!("task-{task:05}"))
}

/// The clock of a task: behind the re-keyed topic it waits for every partition in front of it.
fn task_clock(options: &WorkerOptions) -> TaskClock {
    let upstream = options.inputs.iter().filter(|input| input.kind == InputKind::ToRekey);
    TaskClock::new(upstream.flat_map(|input| (0..input.partitions).map(|number| (input.topic.clone(), number))))
}

impl Restore {
    /// Asks the log where the task stands and opens its store.
    pub(crate) fn begin<L: Log>(
        log: &L,
        options: &WorkerOptions,
        task: u32,
        plans: NumberedPlans,
        wall: Timestamp,
        now_ms: i64,
        rebuilt: &mut bool,
    ) -> Result<Restore, BeginError> {
        let ask = |error: LogError| match error {
            LogError::Retry(_) => BeginError::Later(error),
            error => BeginError::Stop(WorkerError::of_log(&options.transactional_id, &error)),
        };
        let partitions = input_partitions(options, task);
        let names: Vec<TopicPartition> = partitions.iter().map(|(_, partition)| partition.clone()).collect();
        // Offsets first, ends after them: see above.
        let committed = log.committed(&options.group, &names).map_err(ask)?;
        let changelog = TopicPartition::new(&options.topics.changelog, task);
        let redo = TopicPartition::new(&options.topics.redo, task);
        let state = log.bounds(&[changelog.clone(), redo.clone()]).map_err(ask)?;
        let bounds = log.bounds(&names).map_err(ask)?;
        let firsts = first_offsets(log, options, &partitions, &committed, &bounds).map_err(ask)?;
        let [changelog_bounds, redo_bounds] = state[..] else {
            return Err(WorkerError::Log("tell the bounds of changelog and redo".to_owned()).into());
        };
        let known = committed.into_iter().zip(bounds).zip(firsts);
        let inputs = partitions.into_iter().zip(known).map(|((input, partition), ((committed, bounds), first))| {
            InputPartition { input, partition, committed, bounds, first }
        });
        let inputs = inputs.collect();
        let store = open_store(options, task, &changelog_bounds, wall, rebuilt)?;
        let changelog_next = store.progress().changelog_position.max(changelog_bounds.start_offset);
        let rebuilds = store.progress() == Progress::default();
        let changed_in = store.progress().epoch;
        // Which ones the task was under is read from the redo log.
        let plans = TaskPlans::begin(plans);
        let mut blocks = Blocks::new(options.erasure_key.clone());
        blocks.load(task, &store)?;
        let mut task = Task::new(task, store, task_clock(options), plans, blocks, options.redo_part_bytes, now_ms);
        task.become_state(Lifecycle::Restoring);
        Ok(Restore {
            task,
            inputs,
            changelog,
            redo,
            changelog_start: changelog_next,
            changelog_end: changelog_bounds.end_offset,
            redo_start: redo_bounds.start_offset,
            redo_end: redo_bounds.end_offset,
            changelog_next,
            tail: RedoTail::default(),
            changed_in,
            batch: Batch::new(),
            gone: BTreeSet::new(),
            saw_erased: false,
            other_key: false,
            rebuilds,
            tags: Vec::new(),
            wall,
            records: 0,
            started_ms: now_ms,
            seen: (0, 0),
            moved_ms: now_ms,
            error: None,
        })
    }

    /// Where to start reading.
    pub(crate) fn starts(&self) -> [ReadStart; 2] {
        let [changelog, redo] = self.partitions();
        [
            ReadStart { partition: changelog, offset: self.changelog_start },
            ReadStart { partition: redo, offset: self.redo_start },
        ]
    }

    /// What is read.
    pub(crate) fn partitions(&self) -> [ReaderPartition; 2] {
        [CHANGELOG, REDO].map(|topic| ReaderPartition { topic, partition: self.task.id })
    }

    /// Where those end.
    pub(crate) fn ends(&self) -> [u64; 2] {
        [self.changelog_end, self.redo_end]
    }

    /// Takes a record of the changelog or the redo topic. What is wrong with it shows in the next [`Restore::check`].
    pub(crate) fn visit(&mut self, record: &Record<'_>) {
        if self.error.is_some() {
            return;
        }
        self.records += 1;
        let is_changelog = record.topic == CHANGELOG;
        let taken = if is_changelog {
            self.visit_changelog(record)
        } else {
            self.tail.add(record.offset, record.key, record.value.unwrap_or_default())
        };
        if let Err(error) = taken {
            let place = if is_changelog { &self.changelog } else { &self.redo };
            self.error = Some(WorkerError::Stored { place: format!("{place} offset {}", record.offset), error });
        }
    }

    fn visit_changelog(&mut self, record: &Record<'_>) -> Result<(), StoredError> {
        let key = record.key.unwrap_or_default();
        if read_erased_key(key)?.is_some() {
            let (epoch, same_key) = self.task.blocks.read(key, record.value.unwrap_or_default())?;
            self.changed_in = self.changed_in.max(epoch);
            self.saw_erased = true;
            self.other_key |= !same_key;
            self.batch.put_nameless(key, record.value.unwrap_or_default());
            self.changelog_next = record.offset + 1;
            return Ok(());
        }
        let contact =
            std::str::from_utf8(key).map_err(|_| StoredError::Malformed("a contact's id that is not UTF-8"))?;
        match record.value {
            None => {
                self.batch.erase(contact);
                self.gone.insert(contact.to_owned());
            }
            Some(value) => {
                let read = ChangelogRecord::read(value)?;
                self.changed_in = self.changed_in.max(read.epoch);
                if let ChangelogContent::Image { plans, due, .. } = read.content {
                    if let Some(due) = due {
                        self.batch.add_due(due, contact);
                    }
                    if !self.tags.contains(&plans) {
                        self.tags.push(plans);
                    }
                }
                self.gone.remove(contact);
                self.batch.put(contact, value);
            }
        }
        self.changelog_next = record.offset + 1;
        Ok(())
    }

    /// Writes what was collected, and says whether the ends were reached, given the reader's positions.
    pub(crate) fn check(&mut self, positions: (u64, u64), now_ms: i64) -> Result<bool, WorkerError> {
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        if self.other_key {
            return Err(WorkerError::ErasureKeyDiffers { task: self.task.id });
        }
        if positions != self.seen {
            (self.seen, self.moved_ms) = (positions, now_ms);
        }
        let done = positions.0 >= self.changelog_end && positions.1 >= self.redo_end;
        if self.batch.size_bytes() >= BATCH_BYTES || (done && !self.batch.is_empty()) {
            self.write(if done { self.changelog_end.max(self.changelog_next) } else { self.changelog_next })?;
        }
        Ok(done)
    }

    fn write(&mut self, changelog_position: u64) -> Result<(), WorkerError> {
        let batch = std::mem::take(&mut self.batch);
        let before = self.task.store.progress();
        let (written_at_ms, epoch) = (self.wall.millis(), self.changed_in);
        let progress = Progress { changelog_position, written_at_ms, epoch, ..before };
        Ok(self.task.store.write(&batch, progress)?)
    }

    /// The partition that stands still before its end, where one does for longer than a transaction may last.
    pub(crate) fn stuck(&self, timeout_ms: i64, now_ms: i64) -> Option<WorkerError> {
        if now_ms - self.moved_ms <= timeout_ms {
            return None;
        }
        let (partition, position, end) = if self.seen.0 < self.changelog_end {
            (&self.changelog, self.seen.0, self.changelog_end)
        } else {
            (&self.redo, self.seen.1, self.redo_end)
        };
        Some(WorkerError::HangingTransaction { partition: partition.clone(), position, end })
    }

    /// Whether everything has been read for longer than a plan set may take to become known.
    pub(crate) fn waits_too_long(&self, now_ms: i64) -> bool {
        now_ms - self.moved_ms > PLANS_WAIT_MS
    }

    /// What is read, by name.
    pub(crate) fn names(&self) -> [TopicPartition; 2] {
        [self.changelog.clone(), self.redo.clone()]
    }

    /// Begins to wait anew for the positions to move.
    pub(crate) fn be_patient(&mut self, now_ms: i64) {
        self.moved_ms = now_ms;
    }

    /// How far the restore is.
    pub(crate) fn progress(&self, now_ms: i64) -> RestoreProgress {
        let changelog = self.changelog_end.saturating_sub(self.seen.0.max(self.changelog_start));
        let redo = self.redo_end.saturating_sub(self.seen.1.max(self.redo_start));
        RestoreProgress { records: self.records, remaining: changelog + redo, elapsed_ms: now_ms - self.started_ms }
    }
}

/// Where to begin in each partition if it was never read. The bounds are older than the answers of this, so that nothing that arrives in
/// between is missed where there was nothing yet from the instant on.
fn first_offsets<L: Log>(
    log: &L,
    options: &WorkerOptions,
    partitions: &[(usize, TopicPartition)],
    committed: &[Option<CommittedOffset>],
    bounds: &[PartitionBounds],
) -> Result<Vec<u64>, LogError> {
    let mut firsts = Vec::with_capacity(partitions.len());
    let (mut places, mut instants) = (Vec::new(), Vec::new());
    for (place, (((input, partition), committed), bounds)) in partitions.iter().zip(committed).zip(bounds).enumerate() {
        firsts.push(match options.inputs[*input].start {
            StartPosition::Earliest => bounds.start_offset,
            StartPosition::Latest => bounds.end_offset,
            StartPosition::At { instant_ms } => {
                if committed.is_none() {
                    places.push(place);
                    instants.push((partition.clone(), instant_ms));
                }
                bounds.end_offset
            }
        });
    }
    if !instants.is_empty() {
        for (place, offset) in places.into_iter().zip(log.offsets_for_times(&instants)?) {
            firsts[place] = offset.map_or(firsts[place], |offset| offset.max(bounds[place].start_offset));
        }
    }
    Ok(firsts)
}

/// Opens the store of a task; one that cannot be used is wiped. So is one of another changelog, as an instance has that did not take part when the
/// application was reset: whether contacts went with a changelog is told by the redo log, which every instance reads.
fn open_store(
    options: &WorkerOptions,
    task: u32,
    changelog: &PartitionBounds,
    wall: Timestamp,
    rebuilt: &mut bool,
) -> Result<TaskStore, WorkerError> {
    let open = OpenOptions {
        folder: store_folder(options, task),
        identity: Identity {
            task,
            partitions: options.tasks,
            changelog: options.topics.changelog.clone(),
            changelog_id: options.topics.changelog_id,
        },
        memory: options.store_memory.clone(),
        now_ms: wall.millis(),
        oldest_ms: options.topics.changelog_delete_retention_ms / 2,
    };
    let unusable = match TaskStore::open(&open) {
        Ok(store) => {
            let position = store.progress().changelog_position;
            let fits = position == 0 || (changelog.start_offset..=changelog.end_offset).contains(&position);
            if fits {
                return Ok(store);
            }
            let (start, end) = (changelog.start_offset, changelog.end_offset);
            format!("its position {position} is not in the changelog, which holds {start} to {end}")
        }
        Err(StoreError::Rebuild { reason, .. }) => reason,
        Err(error) => return Err(error.into()),
    };
    tracing::warn!(task, reason = unusable, "the local store is wiped and rebuilt from the changelog");
    *rebuilt = true;
    wipe(&open.folder)?;
    Ok(TaskStore::open(&open)?)
}
