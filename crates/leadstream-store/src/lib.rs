//! The local state store of a task: one RocksDB in a folder of its own.
//!
//! It holds, per contact, exactly the bytes of the contact's newest changelog record, an index of the instants at which contacts are due, and how
//! far in the changelog it has come. It is a cache of the changelog that survives restarts: whatever it lacks is read again, and it may be
//! wiped at any time while it is closed. It never knows what the bytes mean, never talks to the log and never reads a clock.
//!
//! Invariants: what is in the store was committed to the log before; a record, its index entry and the position behind it are written in one
//! batch; one process has a store open at a time, and one has claimed the folder in which stores lie.

mod claim;
mod error;
mod identity;
mod keys;
mod memory;
mod progress;
mod purge;
mod scan;
mod store;
mod version;

pub use claim::FolderClaim;
pub use error::StoreError;
pub use identity::Identity;
pub use memory::{StoreBudget, StoreMemory};
pub use progress::Progress;
pub use scan::{Scan, ScanStep};
pub use store::{Batch, DueEntry, OpenOptions, StoredValue, TaskStore, wipe};
pub use version::ROCKSDB_VERSION;
