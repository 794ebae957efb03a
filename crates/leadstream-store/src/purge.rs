//! Taking the bytes of forgotten contacts out of the files (L6).
//!
//! RocksDB forgets by adding: what was deleted lies in its log and its files until they are written anew, and the list of files names contacts at
//! which files begin and end. A store that has contacts to forget for good is marked, in the batch that deletes them; purging writes anew
//! whatever may hold them and takes the mark away, so that a store that is closed in between goes on where it was. Writing anew takes as long as the
//! files are large, so a thread of its own does it, beside all reading and writing; what is erased meanwhile is for the next purge.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use rocksdb::{BottommostLevelCompaction, CompactOptions, DB, FlushOptions, IteratorMode, WaitForCompactOptions};

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
        self.unpurged != Unpurged::None || self.is_purging()
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

    /// Works on writing the files anew that may hold contacts that were erased: of each level those at the places of the contacts, or all where the
    /// store was closed in between. Returns whether all that was erased before the first call is in no file any more: call again until it is.
    ///
    /// # Errors
    /// See [`StoreError`]. What is not purged yet is so the next time.
    pub fn purge(&mut self) -> Result<bool, StoreError> {
        match self.purging.take() {
            Some(purging) if !purging.thread.is_finished() => {
                self.purging = Some(purging);
                Ok(false)
            }
            Some(purging) => {
                let ended = purging.thread.join();
                if !matches!(ended, Ok(Ok(()))) {
                    self.unpurged = Unpurged::Unknown;
                }
                let ended = ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                ended.map_err(|error| self.error("purge", &error))?;
                if self.unpurged == Unpurged::None {
                    let removed = self.db.delete_cf(self.family(META_FAMILY)?, PURGE_KEY);
                    removed.map_err(|error| self.error("purge", &error))?;
                }
                Ok(true)
            }
            None if self.unpurged == Unpurged::None => Ok(true),
            None => {
                // What a scan that began before the erasure still sees would be kept.
                self.scans.end();
                self.purging = Some(Purging::begin(Arc::clone(&self.db), std::mem::take(&mut self.unpurged)));
                Ok(false)
            }
        }
    }

    /// Whether a purge has begun and not been seen to end.
    pub fn is_purging(&self) -> bool {
        self.purging.is_some()
    }
}

/// A purge under way.
pub(crate) struct Purging {
    thread: JoinHandle<Result<(), rocksdb::Error>>,
    is_cut_off: Arc<AtomicBool>,
}

impl Purging {
    fn begin(db: Arc<DB>, erased: Unpurged) -> Purging {
        let is_cut_off = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&is_cut_off);
        Purging { thread: thread::spawn(move || purge(&db, &erased, &seen)), is_cut_off }
    }

    /// Ends it where it stands, with all other work of the store in the background: the store is about to be closed, and stays marked.
    pub(crate) fn cut_off(self, db: &DB) {
        self.is_cut_off.store(true, Ordering::Relaxed);
        db.cancel_all_background_work(false);
        // What it failed with is that it was cut off.
        let _ = self.thread.join();
    }
}

fn purge(db: &DB, erased: &Unpurged, is_cut_off: &AtomicBool) -> Result<(), rocksdb::Error> {
    let families: Vec<_> =
        ["default", DUE_FAMILY, META_FAMILY].into_iter().filter_map(|name| db.cf_handle(name)).collect();
    let [contacts, due, meta] = families[..] else { return Ok(()) };
    // All of memory at once, or the log that has the rest of it stays.
    let mut flush = FlushOptions::default();
    flush.set_wait(true);
    db.flush_cfs_opt(&families, &flush)?;
    let mut options = CompactOptions::default();
    options.set_bottommost_level_compaction(BottommostLevelCompaction::ForceOptimized);
    options.set_exclusive_manual_compaction(false);
    if let Unpurged::Some(keys) = erased {
        keys.iter().for_each(|key| db.compact_range_cf_opt(contacts, Some(key), Some(key), &options));
    } else {
        db.compact_range_cf_opt(contacts, None::<&[u8]>, None::<&[u8]>, &options);
    }
    // Outdated entries may lie anywhere.
    db.compact_range_cf_opt(due, None::<&[u8]>, None::<&[u8]>, &options);
    if is_cut_off.load(Ordering::Relaxed) {
        return Ok(());
    }
    // A last change of the list of files, behind those that took the old files out of it.
    db.put_cf(meta, PURGE_KEY, [])?;
    db.flush_cfs_opt(&families, &flush)?;
    // Jobs are told of as done before they have deleted the files that they replaced.
    db.wait_for_compact(&WaitForCompactOptions::default())
}
