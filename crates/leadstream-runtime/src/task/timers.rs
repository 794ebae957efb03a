//! Which contacts are due: an index in memory of the touched and dirty ones, and the store's index of the others.
//!
//! Both are lower bounds: a contact is never due before its entry, and an entry that turns out to be early is moved. So an event that only
//! puts a timer off costs no index write. The contact itself says when it is due.

use std::collections::BTreeSet;

use leadstream_core::Timestamp;
use leadstream_store::{DueEntry, StoreError, TaskStore};

use super::cache::{Entry, Slot};

/// Entries read from the store at a time.
const PAGE: usize = 256;

/// The timers of a task.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    memory: BTreeSet<(Timestamp, Slot)>,
    /// The last entry of the store's index that was looked at; those up to it are being written back or gone.
    looked_at: Option<DueEntry>,
    /// Nothing behind `looked_at` is due before this; `None`: unknown.
    store_due: Option<Timestamp>,
    /// Entries of the store's index that mislead; removed with the next write-back.
    misleading: Vec<DueEntry>,
}

impl Timers {
    /// Keeps the index in memory at or before the contact's next timer.
    pub(crate) fn follow(&mut self, slot: Slot, entry: &mut Entry) {
        let Some(due) = entry.contact.next_due else { return };
        if entry.indexed_due.is_some_and(|indexed| indexed <= due) {
            return;
        }
        self.forget(slot, entry);
        self.memory.insert((due, slot));
        entry.indexed_due = Some(due);
    }

    /// Takes a contact out of the index in memory: it is clean, or gone.
    pub(crate) fn forget(&mut self, slot: Slot, entry: &mut Entry) {
        if let Some(indexed) = entry.indexed_due.take() {
            self.memory.remove(&(indexed, slot));
        }
    }

    /// A clean contact leaves memory; the store's index has it.
    pub(crate) fn evicted(&mut self, slot: Slot, entry: &Entry) {
        if let Some(indexed) = entry.indexed_due {
            self.memory.remove(&(indexed, slot));
        }
    }

    /// Takes the first entry of the index in memory that is due. The caller clears the contact's `indexed_due`, which names no entry any more.
    pub(crate) fn pop_memory(&mut self, clock: Timestamp) -> Option<Slot> {
        let (due, _) = *self.memory.first()?;
        if due > clock {
            return None;
        }
        self.memory.pop_first().map(|(_, slot)| slot)
    }

    /// The next entries of the store's index that are due, each looked at once.
    pub(crate) fn page(
        &mut self,
        store: &TaskStore,
        clock: Timestamp,
        limit: usize,
    ) -> Result<Vec<DueEntry>, StoreError> {
        if self.store_due.is_some_and(|due| due > clock) || limit == 0 {
            return Ok(Vec::new());
        }
        let limit = limit.min(PAGE);
        let mut page = store.due(self.looked_at.as_ref(), Timestamp::MAX, limit + 1)?;
        // The entry behind the page tells until when there is nothing to look for.
        self.store_due = Some(page.get(limit).map_or(Timestamp::MAX, |entry| entry.due));
        page.truncate(limit);
        let due = page.partition_point(|entry| entry.due <= clock);
        if let Some(later) = page.get(due) {
            self.store_due = Some(later.due);
        }
        page.truncate(due);
        if let Some(last) = page.last() {
            self.looked_at = Some(last.clone());
        }
        Ok(page)
    }

    /// An entry was written to the store's index.
    pub(crate) fn stored(&mut self, due: Timestamp, contact: &str) {
        self.store_due = self.store_due.map(|known| known.min(due));
        let before = self.looked_at.as_ref().is_some_and(|last| (due, contact) <= (last.due, last.contact.as_str()));
        if before {
            self.look_again();
        }
    }

    /// Looks at the store's index from its beginning.
    fn look_again(&mut self) {
        self.looked_at = None;
        self.store_due = None;
    }

    /// The open epoch was undone: what fired in it is due again.
    pub(crate) fn undone(&mut self) {
        self.misleading.clear();
        self.look_again();
    }

    /// An entry of the store's index says nothing true.
    pub(crate) fn mislead(&mut self, entry: DueEntry) {
        self.misleading.push(entry);
    }

    /// The entries to remove with the next write to the store.
    pub(crate) fn take_misleading(&mut self) -> Vec<DueEntry> {
        std::mem::take(&mut self.misleading)
    }
}
