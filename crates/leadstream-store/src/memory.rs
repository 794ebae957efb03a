//! The memory that all stores of a process share.
//!
//! Blocks, indexes, filters and memtables of every store are charged to one cache, so that the number of tasks does not multiply memory.

use rocksdb::{Cache, WriteBufferManager};

/// Bytes for all stores of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreBudget {
    /// Everything: blocks read, indexes, filters and memtables.
    pub total_bytes: usize,
    /// The part of `total_bytes` that memtables may take.
    pub memtable_bytes: usize,
}

impl StoreBudget {
    /// Divides a number of bytes: a quarter for memtables.
    pub fn of(total_bytes: usize) -> StoreBudget {
        StoreBudget { total_bytes, memtable_bytes: total_bytes / 4 }
    }
}

/// The shared memory; cloning shares it.
#[derive(Clone)]
pub struct StoreMemory {
    pub(crate) cache: Cache,
    pub(crate) memtables: WriteBufferManager,
    budget: StoreBudget,
}

impl StoreMemory {
    /// Sets the memory aside.
    pub fn new(budget: StoreBudget) -> StoreMemory {
        // Zero lets the cache find the charge of an entry by itself.
        let cache = Cache::new_hyper_clock_cache(budget.total_bytes, 0);
        // Memtables over their share are flushed, writers are not stopped: a flush that hangs must not hang the worker as well.
        let memtables =
            WriteBufferManager::new_write_buffer_manager_with_cache(budget.memtable_bytes, false, cache.clone());
        StoreMemory { cache, memtables, budget }
    }

    /// What was set aside.
    pub fn budget(&self) -> StoreBudget {
        self.budget
    }

    /// Bytes in use, memtables included.
    pub fn used_bytes(&self) -> usize {
        self.cache.get_usage()
    }

    /// Bytes that memtables use.
    pub fn memtable_bytes(&self) -> usize {
        self.memtables.get_usage()
    }
}

impl std::fmt::Debug for StoreMemory {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("StoreMemory").field("budget", &self.budget).finish_non_exhaustive()
    }
}
