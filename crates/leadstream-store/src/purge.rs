//! Taking the bytes of forgotten contacts out of the files (L6).
//!
//! RocksDB forgets by adding: what was deleted lies in its log and its files until they are written anew, and the list of files names contacts at
//! which files begin and end. A store that has contacts to forget for good is marked, in the batch that deletes them; purging writes anew
//! whatever may hold them and takes the mark away, so that a store that is closed in between goes on where it was.

use std::collections::BTreeSet;

use rocksdb::{BottommostLevelCompaction, CompactOptions, FlushOptions, IteratorMode, WaitForCompactOptions};

use crate::keys::{self, DUE_FAMILY, META_FAMILY, PURGE_KEY};
use crate::{Batch, StoreError, TaskStore};

/// Of which contacts bytes may lie in the files.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) enum Unpurged {
    /// Of none that was erased.
    #[default]
    None,
    /// Of those with these keys.
    Some(Vec<Vec<u8>>),
    /// Of some that were erased before the store was opened: which ones is kept nowhere.
    Unknown,
}

impl Unpurged {
    pub(crate) fn extend(&mut self, erased: impl ExactSizeIterator<Item = Vec<u8>>) {
        match self {
            Unpurged::None if erased.len() > 0 => *self = Unpurged::Some(erased.collect()),
            Unpurged::Some(keys) => keys.extend(erased),
            Unpurged::None | Unpurged::Unknown => {}
        }
    }
}

impl TaskStore {
    /// Whether bytes of contacts that were erased may lie in the files.
    pub fn is_unpurged(&self) -> bool {
        self.unpurged != Unpurged::None
    }

    pub(crate) fn read_unpurged(&self) -> Result<Unpurged, StoreError> {
        let found = self.db.get_cf(self.family(META_FAMILY)?, PURGE_KEY);
        let found = found.map_err(|error| self.error("read whether it is purged", &error))?;
        Ok(if found.is_some() { Unpurged::Unknown } else { Unpurged::None })
    }

    /// Every entry of the due index of the contacts given, also outdated ones. Reads the whole index.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn remove_due_of(&self, contacts: &BTreeSet<String>, batch: &mut Batch) -> Result<(), StoreError> {
        if contacts.is_empty() {
            return Ok(());
        }
        for entry in self.db.iterator_cf(self.family(DUE_FAMILY)?, IteratorMode::Start) {
            let (key, _) = entry.map_err(|error| self.error("read the due index", &error))?;
            if let Some((due, contact)) = keys::split_due_key(&key).filter(|(_, contact)| contacts.contains(*contact)) {
                batch.remove_due(due, contact);
            }
        }
        Ok(())
    }

    /// Writes the files anew that may hold contacts that were erased: of each level those at the places of the contacts, or all where the store was
    /// closed in between.
    ///
    /// # Errors
    /// See [`StoreError`]. What is not purged yet is so the next time.
    pub fn purge(&mut self) -> Result<(), StoreError> {
        // What a scan still sees would be kept.
        self.scans.end();
        let erased = std::mem::take(&mut self.unpurged);
        let purged = self.purge_of(&erased);
        if purged.is_err() {
            self.unpurged = Unpurged::Unknown;
        }
        purged
    }

    fn purge_of(&self, erased: &Unpurged) -> Result<(), StoreError> {
        if *erased == Unpurged::None {
            return Ok(());
        }
        let names = ["default", DUE_FAMILY, META_FAMILY];
        let failed = |error: rocksdb::Error| self.error("purge", &error);
        // All of memory at once, or the log that has the rest of it stays.
        let mut flush = FlushOptions::default();
        flush.set_wait(true);
        let families = names.iter().map(|name| self.family(name)).collect::<Result<Vec<_>, _>>()?;
        self.db.flush_cfs_opt(&families, &flush).map_err(&failed)?;
        let mut options = CompactOptions::default();
        options.set_bottommost_level_compaction(BottommostLevelCompaction::ForceOptimized);
        options.set_exclusive_manual_compaction(false);
        match erased {
            Unpurged::Some(keys) => {
                for key in keys {
                    self.db.compact_range_cf_opt(families[0], Some(key), Some(key), &options);
                }
            }
            Unpurged::None | Unpurged::Unknown => {
                self.db.compact_range_cf_opt(families[0], None::<&[u8]>, None::<&[u8]>, &options);
            }
        }
        // Outdated entries may lie anywhere.
        self.db.compact_range_cf_opt(families[1], None::<&[u8]>, None::<&[u8]>, &options);
        // A last change of the list of files, behind those that took the old files out of it.
        self.db.delete_cf(families[2], PURGE_KEY).map_err(&failed)?;
        self.db.flush_cfs_opt(&families, &flush).map_err(&failed)?;
        // Jobs are told of as done before they have deleted the files that they replaced. Nobody writes meanwhile, so this ends.
        self.db.wait_for_compact(&WaitForCompactOptions::default()).map_err(&failed)
    }
}
