//! The errors of a store, named by what to do about them.
//!
//! Owns the translation of RocksDB's errors; nothing above this crate sees one.

use std::path::{Path, PathBuf};

use rocksdb::ErrorKind;
use thiserror::Error;

/// What is wrong with a store.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StoreError {
    /// The store cannot be used, but nothing is lost: wipe it, and what it held is read again from the changelog.
    #[error("store {folder} has to be rebuilt from the changelog: {reason}", folder = folder.display())]
    Rebuild {
        /// The store's folder.
        folder: PathBuf,
        /// Why.
        reason: String,
    },
    /// Another worker of this process has the store open, and will let it go; or another program, which has to be stopped.
    #[error(
        "store {folder} is open already: in another worker of this process, which lets go of it, or in another program, which has to be stopped",
        folder = folder.display()
    )]
    InUse {
        /// The store's folder.
        folder: PathBuf,
    },
    /// Another process has claimed the folder in which the stores lie. Stop it, or give this one a folder and a name of its own.
    #[error(
        "state folder {folder} is in use by {holder}: stop that process, or give this one a name (application.instance) and a folder \
         (storage.directory) of its own; nothing was changed",
        folder = folder.display()
    )]
    Claimed {
        /// The folder.
        folder: PathBuf,
        /// Who has it, in the words of that process.
        holder: String,
    },
    /// No room is left. Free some, then start again: nothing is lost.
    #[error("no disk space left for store {folder}: free some and start again, nothing is lost ({reason})", folder = folder.display())]
    DiskFull {
        /// The store's folder.
        folder: PathBuf,
        /// The reason as RocksDB gave it.
        reason: String,
    },
    /// A newer program wrote the store. Run that one, or delete the folder to have it rebuilt.
    #[error(
        "store {folder} has format {found}, this program knows {known}: run the newer program, or delete the folder to rebuild it",
        folder = folder.display()
    )]
    NewerFormat {
        /// The store's folder.
        folder: PathBuf,
        /// The format found.
        found: u8,
        /// The newest format known.
        known: u8,
    },
    /// The RocksDB library found at run time is not the one that this program was built for. Install that one.
    #[error("the RocksDB library has version {found}, this program needs {needed}: install that one")]
    WrongLibrary {
        /// The version found.
        found: String,
        /// The version needed.
        needed: String,
    },
    /// The disk or its rights fail. Stop; a person has to look.
    #[error("store {folder} failed to {operation}: {reason}", folder = folder.display())]
    Broken {
        /// The store's folder.
        folder: PathBuf,
        /// The operation in words.
        operation: &'static str,
        /// The reason as RocksDB or the system gave it.
        reason: String,
    },
}

impl StoreError {
    pub(crate) fn of_rocksdb(folder: &Path, operation: &'static str, error: &rocksdb::Error) -> StoreError {
        let folder = folder.to_owned();
        let reason = error.to_string();
        let lower = reason.to_lowercase();
        if lower.contains("no space left") || lower.contains("disk quota") {
            return StoreError::DiskFull { folder, reason };
        }
        if lower.contains("lock file") || lower.contains("lock hold by") || lower.contains("/lock:") {
            return StoreError::InUse { folder };
        }
        match error.kind() {
            ErrorKind::Corruption => StoreError::Rebuild { folder, reason },
            _ => StoreError::Broken { folder, operation, reason },
        }
    }

    pub(crate) fn of_io(folder: &Path, operation: &'static str, error: &std::io::Error) -> StoreError {
        let folder = folder.to_owned();
        let reason = error.to_string();
        match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                StoreError::DiskFull { folder, reason }
            }
            _ => StoreError::Broken { folder, operation, reason },
        }
    }
}
