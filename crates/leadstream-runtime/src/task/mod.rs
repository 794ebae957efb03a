//! One task: its contacts, its inputs, its open epoch.
//!
//! A task changes contacts in memory only. What it changed in the open epoch is committed by its worker together with the other tasks' epochs
//! ([`commit`]), or undone as a whole. It never talks to the log, and writes to its store only what is committed there.

pub(crate) mod cache;
pub(crate) mod clock;
pub(crate) mod commit;
pub(crate) mod epoch;
pub(crate) mod erasure;
mod fold;
mod identity;
pub(crate) mod inputs;
mod lifecycle;
pub(crate) mod metadata;
mod plan_change;
mod timers;
pub(crate) mod undo;
mod watermarks;
pub(crate) mod write_back;

use std::collections::HashSet;
use std::sync::Arc;

use leadstream_core::{Contact, DerivedEvent, Fold, Timestamp, numbers_behind};
use leadstream_store::{Batch, Progress, TaskStore};
use leadstream_wire::stored::StoredError;
use leadstream_wire::stored::changelog::{ChangelogContent, ChangelogRecord};
use leadstream_wire::stored::contact::read_image;

pub use lifecycle::Lifecycle;

use self::cache::{ContactCache, Entry, Slot};
use self::clock::TaskClock;
use self::commit::StateRecords;
use self::epoch::OpenEpoch;
use self::erasure::Blocks;
use self::inputs::{InputOrder, InputQueue};
use self::plan_change::SweepState;
use self::timers::Timers;
use self::undo::Savepoints;
use self::watermarks::WatermarkPace;
use self::write_back::WriteBack;
use crate::clock::Clock;
use crate::codec::OutputEncoder;
use crate::error::WorkerError;
use crate::options::WorkerOptions;
use crate::output::OutputTopic;
use crate::plans::TaskPlans;
use crate::query::{ContactVisitor, TaskContacts};

/// What a worker lends its tasks.
pub(crate) struct Tools<'a> {
    pub(crate) fold: &'a mut Fold,
    pub(crate) encoder: &'a mut dyn OutputEncoder,
    pub(crate) options: &'a WorkerOptions,
    pub(crate) derived: &'a mut Vec<DerivedEvent>,
    pub(crate) value: &'a mut Vec<u8>,
    pub(crate) savepoints: &'a mut Savepoints,
    /// The re-keyed topic, behind the encoder's topics.
    pub(crate) rekeyed_topic: OutputTopic,
    /// The topic of messages between ids, behind that.
    pub(crate) identities_topic: Option<OutputTopic>,
    /// When the step began. Monotonic, in milliseconds.
    pub(crate) now_ms: i64,
    pub(crate) clock: &'a dyn Clock,
}

impl Tools<'_> {
    /// Whether the step has taken as long as an epoch may: then membership, the commit and a stop must not wait for more of it.
    pub(crate) fn is_late(&self) -> bool {
        self.clock.monotonic_ms() - self.now_ms >= self.options.epoch.interval_ms
    }
}

/// One task.
pub(crate) struct Task {
    pub(crate) id: u32,
    lifecycle: Lifecycle,
    pub(crate) store: TaskStore,
    pub(crate) contacts: ContactCache,
    pub(crate) timers: Timers,
    pub(crate) clock: TaskClock,
    /// The plan sets that the contacts are under, as of the last commit.
    pub(crate) plans: TaskPlans,
    pub(crate) sweep: SweepState,
    /// The ids that were erased.
    pub(crate) blocks: Blocks,
    /// Since when erased contacts may lie in the files of the store, in monotonic milliseconds.
    unpurged_since_ms: Option<i64>,
    /// The clock as of the last commit: an epoch that is undone takes back how far it had moved it.
    clock_committed: TaskClock,
    pub(crate) inputs: Vec<InputQueue>,
    order: InputOrder,
    chosen: Vec<usize>,
    /// The last committed epoch.
    pub(crate) epoch: u64,
    pub(crate) open: OpenEpoch,
    pub(crate) write_back: WriteBack,
    pub(crate) records: StateRecords,
    /// When an event was folded last, in monotonic milliseconds.
    pub(crate) folded_at_ms: i64,
    /// When it says how far its sources are.
    pace: WatermarkPace,
    /// The redo topic was asked to delete everything before this.
    pub(crate) trimmed_before: u64,
    /// The topic of identities was asked to delete everything before this.
    pub(crate) messages_trimmed_before: u64,
}

impl Task {
    /// A task whose store is open.
    pub(crate) fn new(
        id: u32,
        store: TaskStore,
        clock: TaskClock,
        plans: TaskPlans,
        blocks: Blocks,
        redo_part_bytes: usize,
        now_ms: i64,
    ) -> Task {
        Task {
            id,
            lifecycle: Lifecycle::Created,
            store,
            contacts: ContactCache::default(),
            timers: Timers::default(),
            clock_committed: clock.clone(),
            clock,
            plans,
            sweep: SweepState::default(),
            blocks,
            unpurged_since_ms: None,
            inputs: Vec::new(),
            order: InputOrder::default(),
            chosen: Vec::new(),
            epoch: 0,
            open: OpenEpoch::default(),
            write_back: WriteBack::default(),
            records: StateRecords::new(redo_part_bytes),
            folded_at_ms: now_ms,
            pace: WatermarkPace::default(),
            trimmed_before: 0,
            messages_trimmed_before: 0,
        }
    }

    pub(crate) fn lifecycle(&self) -> Lifecycle {
        self.lifecycle
    }

    /// Goes on to another state. A transition that is not allowed is a bug; it is refused, and the task stays as it is.
    pub(crate) fn become_state(&mut self, next: Lifecycle) {
        debug_assert!(self.lifecycle.may_become(next), "task {}: {:?} -> {next:?}", self.id, self.lifecycle);
        if self.lifecycle.may_become(next) {
            tracing::debug!(task = self.id, from = ?self.lifecycle, to = ?next, "task state");
            self.lifecycle = next;
        }
    }

    pub(crate) fn is_running(&self) -> bool {
        self.lifecycle == Lifecycle::Running
    }

    /// The slot of a contact, read from the store, or made, where it is not in memory.
    pub(crate) fn load(&mut self, fold: &Fold, contact: &str) -> Result<Slot, WorkerError> {
        if let Some(slot) = self.contacts.find(contact) {
            return Ok(slot);
        }
        let value = self.store.get(contact)?;
        let entry = self.entry(fold, contact, value.as_deref())?;
        // The borrow of the store ends before memory changes.
        drop(value);
        Ok(self.contacts.insert(entry))
    }

    /// Reads contacts that are not in memory, all at once.
    pub(crate) fn prefetch(&mut self, fold: &Fold, mut missing: Vec<String>) -> Result<(), WorkerError> {
        missing.sort_unstable();
        missing.dedup();
        let names: Vec<&str> = missing.iter().map(String::as_str).collect();
        let mut entries = Vec::with_capacity(names.len());
        for (contact, value) in names.iter().zip(self.store.multi_get(&names, true)?) {
            entries.push(self.entry(fold, contact, value.as_deref())?);
        }
        for entry in entries {
            self.contacts.insert(entry);
        }
        Ok(())
    }

    /// A contact as it comes into memory, of its value in the store. One that the open epoch has erased is still there, and no more.
    fn entry(&self, fold: &Fold, contact: &str, value: Option<&[u8]>) -> Result<Entry, WorkerError> {
        let block = self.blocks.of(contact);
        let value = value.filter(|_| block.is_none_or(|block| block.erased_in <= self.epoch));
        let mut entry = match value {
            Some(value) => {
                decode_entry(fold, contact, value).map_err(|error| stored_error(&self.store, contact, error))?
            }
            None => Entry::new(Contact::new(contact), false, None, 0),
        };
        if let Some((block, from)) = block.and_then(|block| Some((block, block.from?))) {
            entry.contact.announced.begin_behind(numbers_behind(from, block.numbers));
        }
        Ok(entry)
    }

    /// A contact as of the last committed epoch, and the instant as of which that is everything: the clock, or, where the open epoch has
    /// changed the contact, the clock at the last commit.
    pub(crate) fn committed_contact(&self, fold: &Fold, contact: &str) -> Result<(Option<Contact>, Timestamp), String> {
        let now = self.clock.now();
        let mut aside = self.open.erased.iter().filter_map(|slot| self.contacts.get(*slot));
        if let Some(entry) = aside.find(|entry| *entry.contact.id == *contact) {
            let committed = entry.undo.as_ref().map_or_else(|| Ok(None), |undo| undo.committed(&entry.contact));
            let committed = committed.map_err(|_| "the contact is being changed".to_owned())?;
            return Ok((committed, self.clock_committed.now()));
        }
        if let Some(entry) = self.contacts.find(contact).and_then(|slot| self.contacts.get(slot)) {
            return match &entry.undo {
                Some(undo) => {
                    let committed = undo.committed(&entry.contact);
                    let committed = committed.map_err(|_| "the contact is being changed".to_owned())?;
                    Ok((committed, self.clock_committed.now()))
                }
                None if !entry.stored && entry.dirty_since.is_none() => Ok((None, now)),
                None => Ok((Some(entry.contact.clone()), now)),
            };
        }
        let value = self.store.get(contact).map_err(|error| error.to_string())?;
        let contact = value
            .map(|value| self.entry(fold, contact, Some(&value)).map(|entry| entry.contact))
            .transpose()
            .map_err(|error| error.to_string())?;
        Ok((contact, now))
    }

    /// Lets a visitor look at the contacts of which the store does not have what is committed, and gives what the store has of the others.
    pub(crate) fn committed_contacts(
        &mut self,
        fold: &Fold,
        visitor: &mut dyn ContactVisitor,
    ) -> Result<TaskContacts, String> {
        // What the open epoch has not touched has not changed since, so the clock at the last commit is right for all.
        let clock = self.clock_committed.now();
        let mut seen = HashSet::with_capacity(self.write_back.len());
        // Of one that only the open epoch has changed, the store has what is committed.
        for entry in self.write_back.slots().filter_map(|slot| self.contacts.get(slot)) {
            seen.insert(Arc::clone(&entry.contact.id));
            match &entry.undo {
                // An id that belongs to another contact is none.
                None if entry.contact.is_blank() => {}
                None => visitor.visit(fold, &entry.contact, clock),
                Some(undo) => {
                    let committed = undo.committed(&entry.contact);
                    let committed = committed.map_err(|_| "a contact is being changed".to_owned())?;
                    if let Some(contact) = committed.filter(|contact| !contact.is_blank()) {
                        visitor.visit(fold, &contact, clock);
                    }
                }
            }
        }
        let (timeline, scan) = (self.plans.timeline().clone(), self.store.scan());
        Ok(TaskContacts { task: self.id, epoch: self.epoch, clock, timeline, seen, scan })
    }

    /// Takes everything of the open epoch back. False where that cannot be done in memory: the task has to be restored.
    pub(crate) fn undo(&mut self) -> bool {
        let mut reversible = true;
        for slot in std::mem::take(&mut self.open.erased) {
            self.reattach(slot);
        }
        self.blocks.undo();
        for slot in std::mem::take(&mut self.open.touched) {
            reversible &= self.undo_contact(slot);
        }
        self.open.clear();
        self.timers.undone();
        self.sweep.undone();
        // Events that are folded again must not find a clock that they have moved already: they would come as late ones.
        self.clock = self.clock_committed.clone();
        // What it had said of the sources is taken back too.
        self.pace = WatermarkPace::default();
        for queue in &mut self.inputs {
            queue.rewind();
        }
        reversible
    }

    fn undo_contact(&mut self, slot: Slot) -> bool {
        let Some(entry) = self.contacts.get_mut(slot) else { return true };
        let Some(undo) = entry.undo.take() else { return true };
        match undo.committed(&entry.contact) {
            Ok(Some(contact)) => {
                entry.contact = contact;
                // An entry that the epoch left in the index may stay: too early is moved when it comes, too late is moved here. A clean contact has
                // its entry in the store's index and needs none.
                if entry.dirty_since.is_some() {
                    self.timers.follow(slot, entry);
                }
                true
            }
            Ok(None) => {
                self.timers.forget(slot, entry);
                self.contacts.remove(slot);
                true
            }
            Err(undo::Irreversible) => {
                tracing::warn!(
                    task = self.id,
                    contact = &*entry.contact.id,
                    "a contact cannot be taken back, the task is restored"
                );
                false
            }
        }
    }

    /// Closes the store. Nobody else has written the changelog meanwhile, so the store is as fresh as the wall clock.
    pub(crate) fn close(mut self, wall: Timestamp) -> Result<(), WorkerError> {
        self.become_state(Lifecycle::Closed);
        let progress = self.store.progress();
        if progress != Progress::default() {
            self.store.write(&Batch::new(), Progress { written_at_ms: wall.millis(), ..progress })?;
        }
        Ok(self.store.close()?)
    }

    /// Whether everything there was has been read and folded.
    pub(crate) fn is_caught_up(&self) -> bool {
        self.inputs.iter().all(|queue| queue.caught_up && queue.items.is_empty())
    }

    /// Whether dirty contacts take so much of an exceeded budget that only writing them back makes room: clean ones are thrown out anyway.
    pub(crate) fn is_pressed(&self, budget_bytes: usize) -> bool {
        let bytes = self.contacts.bytes();
        let dirty_bytes = bytes / self.contacts.len().max(1) * (self.write_back.len() + self.open.touched.len());
        bytes > budget_bytes && dirty_bytes > budget_bytes / 2
    }

    /// What the clock says now is committed.
    pub(crate) fn keep_clock(&mut self) {
        self.clock_committed = self.clock.clone();
    }

    /// Moves the task clock.
    pub(crate) fn tick(&mut self, options: &WorkerOptions, wall: Timestamp) {
        let caught_up = self.is_caught_up();
        self.clock.tick(options.clock, wall, caught_up);
    }

    /// Offsets of input still to read.
    pub(crate) fn lag(&self) -> u64 {
        self.inputs.iter().map(|queue| queue.lag).sum()
    }
}

/// Decodes a value of the store.
pub(crate) fn decode_entry(fold: &Fold, contact: &str, value: &[u8]) -> Result<Entry, StoredError> {
    let record = ChangelogRecord::read(value)?;
    match record.content {
        ChangelogContent::Image { due, image, .. } => {
            let mut contact = read_image(contact, image)?;
            fold.refresh(&mut contact);
            Ok(Entry::new(contact, true, due, record.epoch))
        }
        ChangelogContent::Deleted { .. } | ChangelogContent::Erased { .. } => {
            Err(StoredError::Malformed("an erased contact under the id of one"))
        }
    }
}

fn stored_error(store: &TaskStore, contact: &str, error: StoredError) -> WorkerError {
    WorkerError::Stored { place: format!("contact {contact:?} in store {}", store.folder().display()), error }
}
