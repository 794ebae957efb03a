//! Erasing people (L6, S52): which ids are blocked, and how a contact goes.
//!
//! An erased id is remembered by its keyed hash, in the changelog and the store under a key that names nobody, and here. The record says in which epoch
//! the contact went, so that a restore passes over every earlier redo entry of it; that is why the null record of the id itself can come in the same
//! transaction. In the open epoch the contact lies aside, out of reach, until the outcome of the commit is known: an epoch that fails gives it back.
//! Of a contact of several ids each is erased by its own task, when the keeper of their records says so.

use std::collections::{BTreeSet, HashMap};

use leadstream_core::{ErasureKey, Event, Hash, Timestamp, erased, reinstated_from};
use leadstream_store::{Batch, TaskStore};
use leadstream_wire::stored::StoredError;
use leadstream_wire::stored::changelog::{
    ChangelogContent, ChangelogRecord, ErasedKey, erased_key, read_erased_key, write_erased,
};

use super::cache::Slot;
use super::{Task, Tools, stored_error};
use crate::error::WorkerError;

/// How long what was erased may lie in the files of the store before they are written anew, in milliseconds: many that are erased one after the other
/// cost that once.
const PURGE_AFTER_MS: i64 = 5_000;

/// An id that was erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// In which epoch.
    pub(crate) erased_in: u64,
    /// Since when what happens counts again; `None`: nothing does.
    pub(crate) from: Option<Timestamp>,
    /// No number of its derived events was greater.
    pub(crate) numbers: u64,
}

impl Block {
    /// Whether an event of the id is not to be taken.
    pub(super) fn refuses(&self, event: &Event) -> bool {
        self.refuses_at(event.time)
    }

    /// Whether what happened at an instant is not to be taken.
    pub(super) fn refuses_at(&self, time: Timestamp) -> bool {
        self.from.is_none_or(|from| time < from)
    }
}

/// The ids of a task that were erased.
#[derive(Debug)]
pub(crate) struct Blocks {
    key: ErasureKey,
    by_hash: HashMap<Hash, Block>,
    /// What the open epoch changed, as it was before, in order.
    before: Vec<(Hash, Option<Block>)>,
}

impl Blocks {
    /// No ids, and the key of their hashes.
    pub(crate) fn new(key: ErasureKey) -> Blocks {
        Blocks { key, by_hash: HashMap::new(), before: Vec::new() }
    }

    /// What is known of an id.
    pub(crate) fn of(&self, contact: &str) -> Option<Block> {
        // Nearly always there is none, and nothing to hash.
        if self.by_hash.is_empty() { None } else { self.by_hash.get(&self.key.hash(contact)).copied() }
    }

    /// How many ids there are.
    fn len(&self) -> usize {
        self.by_hash.len()
    }

    /// What is known of an id as of the last committed epoch.
    fn committed(&self, contact: &str) -> Option<Block> {
        if self.before.is_empty() {
            return self.of(contact);
        }
        let hash = self.key.hash(contact);
        let before = self.before.iter().find(|(changed, _)| *changed == hash);
        before.map_or_else(|| self.by_hash.get(&hash).copied(), |(_, block)| *block)
    }

    fn set(&mut self, contact: &str, block: Block) {
        let hash = self.key.hash(contact);
        let before = self.by_hash.insert(hash, block);
        self.before.push((hash, before));
    }

    /// Takes back what the open epoch changed.
    pub(super) fn undo(&mut self) {
        for (hash, block) in self.before.drain(..).rev() {
            match block {
                Some(block) => self.by_hash.insert(hash, block),
                None => self.by_hash.remove(&hash),
            };
        }
    }

    /// The open epoch is committed.
    pub(super) fn keep(&mut self) {
        self.before.clear();
    }

    /// The records of what the open epoch changed.
    pub(super) fn changed(&self, records: &mut Vec<(ErasedKey, Vec<u8>)>) {
        records.clear();
        for hash in self.before.iter().map(|(hash, _)| *hash).collect::<BTreeSet<Hash>>() {
            let Some(block) = self.by_hash.get(&hash) else { continue };
            let mut value = Vec::new();
            write_erased(block.erased_in, hash, block.numbers, block.from, &mut value);
            records.push((erased_key(self.key.tag(), hash), value));
        }
    }

    /// Takes what the record of an erased id says. Returns in which epoch it was erased, and false for an id hashed under another key.
    pub(crate) fn read(&mut self, key: &[u8], value: &[u8]) -> Result<(u64, bool), StoredError> {
        let (tag, named) = read_erased_key(key)?.ok_or(StoredError::Malformed("no key of an erased contact"))?;
        let record = ChangelogRecord::read(value)?;
        let (hash, numbers, from) = match record.content {
            ChangelogContent::Deleted { hash } => (hash, 0, None),
            ChangelogContent::Erased { hash, numbers, from } => (hash, numbers, from),
            ChangelogContent::Image { .. } => {
                return Err(StoredError::Malformed("a contact under the key of an erased one"));
            }
        };
        if hash != named {
            return Err(StoredError::Malformed("an erased contact under the key of another one"));
        }
        self.by_hash.insert(hash, Block { erased_in: record.epoch, from, numbers });
        Ok((record.epoch, tag == self.key.tag()))
    }

    /// Takes what a store knows.
    pub(crate) fn load(&mut self, task: u32, store: &TaskStore) -> Result<(), WorkerError> {
        let (mut failed, mut same_key) = (None, true);
        store.for_each_nameless(|key, value| match self.read(key, value) {
            Ok((_, same)) => same_key &= same,
            Err(error) => failed = Some(error),
        })?;
        if let Some(error) = failed {
            return Err(WorkerError::Stored { place: format!("store {}", store.folder().display()), error });
        }
        if same_key { Ok(()) } else { Err(WorkerError::ErasureKeyDiffers { task }) }
    }
}

impl Task {
    /// Whether the open epoch has erased the contact: the store still has it.
    pub(super) fn is_erased_now(&self, contact: &str) -> bool {
        self.blocks.of(contact).is_some_and(|block| block.erased_in == self.epoch + 1)
    }

    /// Whether the id is blocked as of the last committed epoch.
    pub(crate) fn is_blocked(&self, contact: &str) -> bool {
        self.blocks.committed(contact).is_some_and(|block| block.from.is_none())
    }

    /// Counts an event that is not taken since its id was erased. False where it is to be folded.
    pub(super) fn refuse_erased(&mut self, event: &Event) -> bool {
        let refused = self.blocks.of(&event.contact).is_some_and(|block| block.refuses(event));
        if refused {
            self.open.counts.erased += 1;
        }
        refused
    }

    /// Carries an erasure out: everything of the contact goes with the open epoch.
    pub(super) fn erase(&mut self, tools: &mut Tools<'_>, request: &Event) -> Result<(), WorkerError> {
        let contact = &request.contact;
        if self.blocks.of(contact).is_some_and(|block| block.from.is_none()) {
            self.open.counts.erased += 1;
            return Ok(());
        }
        let slot = self.load(tools.fold, contact)?;
        // What others belong to, or belongs to others, goes with them.
        if self.contacts.get(slot).is_some_and(|entry| entry.contact.identity.is_some()) {
            return self.ask(tools, request);
        }
        self.erase_slot(tools, slot, request, true);
        self.open.counts.applied += 1;
        Ok(())
    }

    /// Erases what is in memory under an id; told of where `tells`.
    pub(super) fn erase_slot(&mut self, tools: &mut Tools<'_>, slot: Slot, request: &Event, tells: bool) {
        let contact = &request.contact;
        self.touch(slot, tools.savepoints);
        let Some(entry) = self.contacts.get_mut(slot) else { return };
        let told = erased(&entry.contact, request);
        // The number of derived events is at least that of those of any subject.
        let numbers = told.seq;
        if tells {
            tools.derived.push(told);
        }
        self.timers.forget(slot, entry);
        self.contacts.detach(slot);
        self.open.erased.push(slot);
        self.blocks.set(contact, Block { erased_in: self.epoch + 1, from: None, numbers });
        tools.encoder.erased(contact, &mut self.open.outputs);
    }

    /// Lets an erased id count again.
    pub(super) fn reinstate(&mut self, command: &Event) {
        let contact = &command.contact;
        match self.blocks.of(contact) {
            Some(block) if block.from.is_none() => {
                self.blocks.set(contact, Block { from: Some(reinstated_from(command)), ..block });
                // What memory has of it is blank, and does not know yet where its numbers begin.
                if let Some(slot) = self.contacts.find(contact) {
                    self.contacts.remove(slot);
                }
                self.open.counts.applied += 1;
            }
            _ => self.open.counts.unmatched += 1,
        }
    }

    /// The contacts of the store that were erased after they were written there.
    pub(crate) fn erased_in_store(&self) -> Result<Vec<String>, WorkerError> {
        let mut found = Vec::new();
        let mut failed = None;
        self.store.for_each_behind(None, |contact, value| {
            match ChangelogRecord::read(value) {
                Ok(record) if self.blocks.of(contact).is_some_and(|block| block.erased_in > record.epoch) => {
                    found.push(contact.to_owned());
                }
                Ok(_) => {}
                Err(error) => failed = Some(stored_error(&self.store, contact, error)),
            }
            failed.is_none()
        })?;
        failed.map_or(Ok(found), Err)
    }

    /// Gives a contact back that the open epoch had erased, in place of what memory took for it since.
    pub(super) fn reattach(&mut self, slot: Slot) {
        let Some(entry) = self.contacts.get(slot) else { return };
        let since = self.contacts.find(&entry.contact.id).filter(|since| {
            // What was touched goes with the rest of the epoch.
            self.contacts.get(*since).is_some_and(|entry| entry.undo.is_none())
        });
        if let Some(since) = since {
            self.contacts.remove(since);
        }
        self.contacts.attach(slot);
    }

    /// Adds to the store's next batch what takes the erased contacts of the epoch out of it.
    pub(super) fn erase_stored(&self, batch: &mut Batch) -> Result<(), WorkerError> {
        let mut gone = BTreeSet::new();
        for entry in self.open.erased.iter().filter_map(|slot| self.contacts.get(*slot)) {
            if entry.stored {
                batch.erase(&entry.contact.id);
                gone.insert(entry.contact.id.to_string());
            }
        }
        self.store.remove_due_of(&gone, batch)?;
        for (key, value) in &self.records.blocks {
            batch.put_nameless(key, value);
        }
        Ok(())
    }

    /// Forgets the contacts that the epoch erased, now that it is committed.
    pub(super) fn forget_erased(&mut self, tools: &mut Tools<'_>) {
        for slot in std::mem::take(&mut self.open.erased) {
            self.write_back.forget(slot);
            if let Some(entry) = self.contacts.remove(slot)
                && let Some(undo) = entry.undo
            {
                tools.savepoints.give_back(undo);
            }
        }
        self.blocks.keep();
    }

    /// How many ids of the task were erased.
    pub(crate) fn erased_ids(&self) -> usize {
        self.blocks.len()
    }

    /// Has the store's files written anew where erased contacts may lie in them, some time after the first of them. Returns whether that has ended.
    pub(crate) fn purge(&mut self, now_ms: i64) -> Result<bool, WorkerError> {
        if !self.store.is_unpurged() {
            self.unpurged_since_ms = None;
            return Ok(false);
        }
        let since_ms = *self.unpurged_since_ms.get_or_insert(now_ms);
        if now_ms - since_ms < PURGE_AFTER_MS || !self.store.purge()? {
            return Ok(false);
        }
        self.unpurged_since_ms = None;
        tracing::info!(task = self.id, "what was erased is out of the files of the local store");
        Ok(true)
    }
}
