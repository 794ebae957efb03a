//! What a store belongs to: written once when it is made, compared whenever it is opened.

use std::path::Path;

use crate::StoreError;

/// The newest format of store that this program writes and reads.
const FORMAT: u8 = 1;

/// What a store belongs to. A store of another identity holds other contacts and is never read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The task, which is the partition of the changelog.
    pub task: u32,
    /// The number of partitions when the store was made.
    pub partitions: u32,
    /// The changelog's name.
    pub changelog: String,
    /// The cluster's id of that incarnation of the changelog, where it can be had: a topic deleted and made again has another one.
    pub changelog_id: Option<u128>,
}

impl Identity {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![FORMAT];
        bytes.extend_from_slice(&self.task.to_be_bytes());
        bytes.extend_from_slice(&self.partitions.to_be_bytes());
        // A topic's id is never zero, so that zero can stand for none.
        bytes.extend_from_slice(&self.changelog_id.unwrap_or(0).to_be_bytes());
        bytes.extend_from_slice(self.changelog.as_bytes());
        bytes
    }

    /// Compares with what a store says it is.
    pub(crate) fn check(&self, folder: &Path, stored: &[u8]) -> Result<(), StoreError> {
        match stored.first() {
            Some(&FORMAT) if stored == self.encode() => Ok(()),
            Some(&format) if format > FORMAT => {
                Err(StoreError::NewerFormat { folder: folder.to_owned(), found: format, known: FORMAT })
            }
            _ => Err(StoreError::Rebuild {
                folder: folder.to_owned(),
                reason: "it belongs to another task, another number of partitions or a changelog that was deleted"
                    .to_owned(),
            }),
        }
    }
}
