//! One store: opening, reading, writing in batches, wiping.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use leadstream_core::Timestamp;
use rocksdb::{
    BlockBasedOptions, ColumnFamilyDescriptor, DB, DBCompressionType, DBPinnableSlice, DBRecoveryMode,
    DataBlockIndexType, Direction, IteratorMode, LogLevel, Options, ReadOptions, WriteBatch, WriteOptions,
};

use crate::keys::{self, DUE_FAMILY, IDENTITY_KEY, META_FAMILY, NAMELESS, PROGRESS_KEY, PURGE_KEY};
use crate::purge::{Purging, Unpurged};
use crate::scan::{Scan, Scans};
use crate::{Identity, Progress, StoreError, StoreMemory, version};

/// How to open a store.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    /// The store's folder; made where it is missing. Nothing else may live in it.
    pub folder: PathBuf,
    /// What the store has to belong to.
    pub identity: Identity,
    /// The memory shared with the other stores.
    pub memory: StoreMemory,
    /// The wall clock, in milliseconds since the epoch.
    pub now_ms: i64,
    /// A store written to longer ago than this is rebuilt: half of the changelog's `delete.retention.ms`.
    pub oldest_ms: i64,
}

/// The bytes stored for a contact.
pub struct StoredValue<'a>(DBPinnableSlice<'a>);

impl std::ops::Deref for StoredValue<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

/// An entry of the due index. It may be outdated: the contact itself says when it is due.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DueEntry {
    /// When.
    pub due: Timestamp,
    /// Who.
    pub contact: String,
}

/// Writes that become visible together, in one buffer.
#[derive(Debug, Default)]
pub struct Batch {
    bytes: Vec<u8>,
    contacts: Vec<ContactWrite>,
    /// Keys of the due index, and whether they are added.
    due: Vec<(Range<usize>, bool)>,
    /// The keys of contacts of which no byte may stay in the files.
    erased: Vec<Range<usize>>,
}

/// A contact's key, and its value where it is not deleted.
#[derive(Debug)]
struct ContactWrite {
    key: Range<usize>,
    value: Option<Range<usize>>,
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Batch {
        Batch::default()
    }

    /// Forgets all writes, and keeps the memory for others.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.contacts.clear();
        self.due.clear();
        self.erased.clear();
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.contacts.is_empty() && self.due.is_empty()
    }

    /// About how many bytes are in it.
    pub fn size_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Stores a contact.
    pub fn put(&mut self, contact: &str, value: &[u8]) {
        let (key, value) = (self.push(contact.as_bytes()), self.push(value));
        self.contacts.push(ContactWrite { key, value: Some(value) });
    }

    /// Forgets a contact. Its index entries are forgotten one by one.
    pub fn delete(&mut self, contact: &str) {
        let key = self.push(contact.as_bytes());
        self.contacts.push(ContactWrite { key, value: None });
    }

    /// Forgets a contact for good: once the store is purged, no byte of it is left in the files.
    pub fn erase(&mut self, contact: &str) {
        self.delete(contact);
        self.erased.extend(self.contacts.last().map(|write| write.key.clone()));
    }

    /// Stores what names no contact, under a key that begins with a byte that no UTF-8 text holds.
    pub fn put_nameless(&mut self, key: &[u8], value: &[u8]) {
        debug_assert_eq!(key.first(), Some(&NAMELESS));
        let (key, value) = (self.push(key), self.push(value));
        self.contacts.push(ContactWrite { key, value: Some(value) });
    }

    /// Adds an entry to the due index.
    pub fn add_due(&mut self, due: Timestamp, contact: &str) {
        self.push_due(due, contact, true);
    }

    /// Removes an entry from the due index; one that is not there does no harm.
    pub fn remove_due(&mut self, due: Timestamp, contact: &str) {
        self.push_due(due, contact, false);
    }

    fn push_due(&mut self, due: Timestamp, contact: &str, add: bool) {
        let from = self.bytes.len();
        keys::due_key(due, contact.as_bytes(), &mut self.bytes);
        self.due.push((from..self.bytes.len(), add));
    }

    fn push(&mut self, bytes: &[u8]) -> Range<usize> {
        let from = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        from..self.bytes.len()
    }

    /// The writes of contacts in the order of their keys, so that each finds its place near the one before. Those of one contact stay in their order.
    fn sorted_contacts(&self) -> Vec<(&[u8], Option<&[u8]>)> {
        let slice = |range: &Range<usize>| &self.bytes[range.clone()];
        let mut contacts: Vec<_> =
            self.contacts.iter().map(|write| (slice(&write.key), write.value.as_ref().map(slice))).collect();
        contacts.sort_by_key(|(key, _)| *key);
        contacts
    }
}

/// What a write takes beside its key and value, in bytes, at most.
const WRITE_BYTES: usize = 16;

/// An open store of one task, used by one thread. [`Scan`]s of it may be read by others.
pub struct TaskStore {
    pub(crate) db: Arc<DB>,
    pub(crate) scans: Scans,
    folder: PathBuf,
    progress: Progress,
    write_options: WriteOptions,
    pub(crate) unpurged: Unpurged,
    pub(crate) purging: Option<Purging>,
}

impl TaskStore {
    /// Opens the store, or makes an empty one.
    ///
    /// # Errors
    /// [`StoreError::Rebuild`] where a store is there that cannot be used: [`wipe`] it and open again. The others are a person's business.
    pub fn open(options: &OpenOptions) -> Result<TaskStore, StoreError> {
        let folder = &options.folder;
        std::fs::create_dir_all(folder).map_err(|error| StoreError::of_io(folder, "make its folder", &error))?;
        let families = [
            ColumnFamilyDescriptor::new("default", contact_options(&options.memory)),
            ColumnFamilyDescriptor::new(DUE_FAMILY, due_options(&options.memory)),
            ColumnFamilyDescriptor::new(META_FAMILY, Options::default()),
        ];
        let db = database_options(&options.memory).and_then(|all| DB::open_cf_descriptors(&all, folder, families));
        let db = db.map_err(|error| StoreError::of_rocksdb(folder, "open", &error))?;
        version::check(folder)?;
        // Without a sync a power cut can lose the newest batches, whole ones and from the end: they are read again from the changelog.
        let mut write_options = WriteOptions::default();
        write_options.set_sync(false);
        let (db, scans) = (Arc::new(db), Scans::default());
        let mut store = TaskStore {
            db,
            scans,
            folder: folder.clone(),
            progress: Progress::default(),
            write_options,
            unpurged: Unpurged::default(),
            purging: None,
        };
        store.check_identity(&options.identity)?;
        store.progress = store.read_progress()?;
        store.unpurged = store.read_unpurged()?;
        let age_ms = options.now_ms.saturating_sub(store.progress.written_at_ms);
        if store.progress != Progress::default() && age_ms > options.oldest_ms {
            return Err(StoreError::Rebuild {
                folder: folder.clone(),
                reason: format!("it was last written {age_ms} ms ago and may have missed deletions"),
            });
        }
        Ok(store)
    }

    fn check_identity(&self, identity: &Identity) -> Result<(), StoreError> {
        let meta = self.family(META_FAMILY)?;
        let stored = self.db.get_cf(meta, IDENTITY_KEY).map_err(|error| self.error("read its identity", &error))?;
        match stored {
            Some(stored) => identity.check(&self.folder, &stored),
            None => self
                .db
                .put_cf(meta, IDENTITY_KEY, identity.encode())
                .map_err(|error| self.error("write its identity", &error)),
        }
    }

    fn read_progress(&self) -> Result<Progress, StoreError> {
        let meta = self.family(META_FAMILY)?;
        let stored = self.db.get_cf(meta, PROGRESS_KEY).map_err(|error| self.error("read its progress", &error))?;
        let Some(stored) = stored else { return Ok(Progress::default()) };
        Progress::decode(&stored).ok_or_else(|| StoreError::Rebuild {
            folder: self.folder.clone(),
            reason: "its progress cannot be read".to_owned(),
        })
    }

    /// How far the store is.
    pub fn progress(&self) -> Progress {
        self.progress
    }

    /// The store's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The bytes stored for a contact.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn get(&self, contact: &str) -> Result<Option<StoredValue<'_>>, StoreError> {
        let value = self.db.get_pinned(contact).map_err(|error| self.error("read a contact", &error))?;
        Ok(value.map(StoredValue))
    }

    /// The bytes stored for each of the contacts, in their order. One pass over the store: cheaper than single reads; cheapest where the
    /// contacts are sorted.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn multi_get(&self, contacts: &[&str], sorted: bool) -> Result<Vec<Option<StoredValue<'_>>>, StoreError> {
        let contacts_family = self.family("default")?;
        self.db
            .batched_multi_get_cf(contacts_family, contacts.iter().copied(), sorted)
            .into_iter()
            .map(|value| value.map(|value| value.map(StoredValue)))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| self.error("read contacts", &error))
    }

    /// Writes a batch together with the progress it makes.
    ///
    /// # Errors
    /// See [`StoreError`]. Nothing of the batch was written; what is in memory is ahead of the store, so the task has to be restored.
    pub fn write(&mut self, batch: &Batch, progress: Progress) -> Result<(), StoreError> {
        let (due, meta) = (self.family(DUE_FAMILY)?, self.family(META_FAMILY)?);
        let writes_count = batch.contacts.len() + batch.due.len() + 1;
        let mut writes = WriteBatch::with_capacity_bytes(batch.size_bytes() + writes_count * WRITE_BYTES);
        for (contact, value) in batch.sorted_contacts() {
            match value {
                Some(value) => writes.put(contact, value),
                None => writes.delete(contact),
            }
        }
        for (key, add) in &batch.due {
            let key = &batch.bytes[key.clone()];
            if *add {
                writes.put_cf(due, key, []);
            } else {
                writes.delete_cf(due, key);
            }
        }
        writes.put_cf(meta, PROGRESS_KEY, progress.encode());
        if !batch.erased.is_empty() {
            writes.put_cf(meta, PURGE_KEY, []);
        }
        self.db.write_opt(writes, &self.write_options).map_err(|error| self.error("write a batch", &error))?;
        self.progress = progress;
        let erased = batch.erased.iter().map(|key| batch.bytes[key.clone()].to_vec());
        self.unpurged.extend(erased);
        Ok(())
    }

    /// The entries of the due index up to `until`, in order, at most `limit` of them, behind `after` where it is given.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn due(&self, after: Option<&DueEntry>, until: Timestamp, limit: usize) -> Result<Vec<DueEntry>, StoreError> {
        let mut start = Vec::new();
        if let Some(after) = after {
            keys::due_key(after.due, after.contact.as_bytes(), &mut start);
            // The least key behind another one is that one with a zero byte at its end.
            start.push(0);
        }
        let family = self.family(DUE_FAMILY)?;
        let mut found = Vec::new();
        for entry in self.db.iterator_cf(family, IteratorMode::From(&start, Direction::Forward)) {
            let (key, _) = entry.map_err(|error| self.error("read the due index", &error))?;
            let (due, contact) =
                keys::split_due_key(&key).ok_or_else(|| self.rebuild("its due index cannot be read"))?;
            if due > until || found.len() >= limit {
                break;
            }
            found.push(DueEntry { due, contact: contact.to_owned() });
        }
        Ok(found)
    }

    /// The earliest instant in the due index.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn first_due(&self) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.due(None, Timestamp::MAX, 1)?.first().map(|entry| entry.due))
    }

    /// Visits the contacts behind `after`, or all where it is not given, in the order of the ids' bytes, until the visitor says false. Returns
    /// whether it came to the end.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn for_each_behind(
        &self,
        after: Option<&str>,
        mut visit: impl FnMut(&str, &[u8]) -> bool,
    ) -> Result<bool, StoreError> {
        let mut options = ReadOptions::default();
        // A pass over everything must not push the hot blocks out of the cache.
        options.fill_cache(false);
        // The least key behind another one is that one with a zero byte at its end.
        let start = after.map(|after| [after.as_bytes(), &[0]].concat()).unwrap_or_default();
        for entry in self.db.iterator_opt(IteratorMode::From(&start, Direction::Forward), options) {
            let (contact, value) = entry.map_err(|error| self.error("read contacts", &error))?;
            if contact.first() == Some(&NAMELESS) {
                break;
            }
            let contact = std::str::from_utf8(&contact).map_err(|_| self.rebuild("a contact's id is not text"))?;
            if !visit(contact, &value) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Visits everything that names no contact, in the order of the keys.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn for_each_nameless(&self, mut visit: impl FnMut(&[u8], &[u8])) -> Result<(), StoreError> {
        for entry in self.db.iterator(IteratorMode::From(&[NAMELESS], Direction::Forward)) {
            let (key, value) = entry.map_err(|error| self.error("read erased contacts", &error))?;
            visit(&key, &value);
        }
        Ok(())
    }

    /// All contacts as they are now, for another thread to visit while this one goes on.
    pub fn scan(&mut self) -> Scan {
        self.scans.begin(&self.db, &self.folder)
    }

    /// About how many contacts there are.
    pub fn estimated_contacts(&self) -> u64 {
        self.db.property_int_value("rocksdb.estimate-num-keys").ok().flatten().unwrap_or(0)
    }

    /// Hands what is in memory to the disk, so that the next opening has no log to read, and closes. Scans of it end.
    ///
    /// # Errors
    /// See [`StoreError`]. The store is closed all the same.
    pub fn close(self) -> Result<(), StoreError> {
        self.db.flush_wal(false).map_err(|error| self.error("flush its log", &error))
    }

    pub(crate) fn family(&self, name: &'static str) -> Result<&rocksdb::ColumnFamily, StoreError> {
        self.db.cf_handle(name).ok_or_else(|| self.rebuild("a column family is missing"))
    }

    fn rebuild(&self, reason: &str) -> StoreError {
        StoreError::Rebuild { folder: self.folder.clone(), reason: reason.to_owned() }
    }

    pub(crate) fn error(&self, operation: &'static str, error: &rocksdb::Error) -> StoreError {
        StoreError::of_rocksdb(&self.folder, operation, error)
    }
}

impl Drop for TaskStore {
    /// The folder is free for the next one when this returns.
    fn drop(&mut self) {
        self.scans.end();
        if let Some(purging) = self.purging.take() {
            purging.cut_off(&self.db);
        }
    }
}

/// Deletes a store that nobody has open. What it held is read again from the changelog.
///
/// # Errors
/// [`StoreError::InUse`], [`StoreError::Broken`].
pub fn wipe(folder: &Path) -> Result<(), StoreError> {
    if !folder.exists() {
        return Ok(());
    }
    // RocksDB deletes what is its own and refuses while somebody holds the lock; the folder goes afterwards, with what a torn store left. A store
    // too damaged to be destroyed in order is removed like any folder.
    let destroyed = DB::destroy(&Options::default(), folder);
    if let Err(error @ StoreError::InUse { .. }) =
        destroyed.map_err(|error| StoreError::of_rocksdb(folder, "wipe", &error))
    {
        return Err(error);
    }
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(StoreError::of_io(folder, "delete its folder", &error))
        }
        _ => Ok(()),
    }
}

const MEMTABLE_BYTES: usize = 16 << 20;
const LOG_BYTES: u64 = 64 << 20;
const BLOCK_BYTES: usize = 4 << 10;
const FILTER_BITS_PER_KEY: f64 = 10.0;
const OPEN_FILES: i32 = 256;

/// The list of files names the first and the last contact of each. Written anew with each change, it forgets those of files that are gone.
const FORGETFUL_LIST: &str = "max_manifest_file_size=1;max_manifest_space_amp_pct=0";

fn database_options(memory: &StoreMemory) -> Result<Options, rocksdb::Error> {
    let mut options = Options::default().get_options_from_string(FORGETFUL_LIST)?;
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    options.set_write_buffer_manager(&memory.memtables);
    options.set_max_total_wal_size(LOG_BYTES);
    options.set_max_open_files(OPEN_FILES);
    options.set_keep_log_file_num(2);
    options.set_log_level(LogLevel::Warn);
    options.set_stats_dump_period_sec(0);
    // A log torn by a power cut ends at its last whole batch; the rest is read again.
    options.set_wal_recovery_mode(DBRecoveryMode::PointInTime);
    Ok(options)
}

fn table_options(memory: &StoreMemory) -> BlockBasedOptions {
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(&memory.cache);
    table.set_block_size(BLOCK_BYTES);
    table.set_cache_index_and_filter_blocks(true);
    table.set_pin_l0_filter_and_index_blocks_in_cache(true);
    table.set_format_version(6);
    table
}

fn contact_options(memory: &StoreMemory) -> Options {
    let mut table = table_options(memory);
    table.set_bloom_filter(FILTER_BITS_PER_KEY, false);
    table.set_data_block_index_type(DataBlockIndexType::BinaryAndHash);
    let mut options = Options::default();
    options.set_block_based_table_factory(&table);
    options.set_write_buffer_size(MEMTABLE_BYTES);
    options.set_memtable_prefix_bloom_ratio(0.05);
    options.set_memtable_whole_key_filtering(true);
    options.set_level_compaction_dynamic_level_bytes(true);
    // A cold read is what a store is slow at, and decompressing is most of it.
    options.set_compression_type(DBCompressionType::None);
    options
}

fn due_options(memory: &StoreMemory) -> Options {
    let mut options = Options::default();
    options.set_block_based_table_factory(&table_options(memory));
    options.set_write_buffer_size(MEMTABLE_BYTES / 4);
    options.set_compression_type(DBCompressionType::None);
    options
}
