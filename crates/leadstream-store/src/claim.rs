//! Whose a folder of stores is: one process at a time.
//!
//! Owns the file by which a process says so. RocksDB locks each store as well, but a store is opened when its task comes, and by then a second process
//! of the same name has taken the first one's place in the group. Invariants: of any number of processes one has the folder, for as
//! long as it lives, however it ends; whoever is refused has changed nothing.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::StoreError;

/// The file in the folder. What it says is for people; what counts is the lock on it, which ends with the process.
const FILE: &str = "in-use";
/// The file is a line; what is longer was not written here.
const HOLDER_BYTES_MAX: u64 = 300;

/// A folder that is this process's own for as long as this value lives.
#[derive(Debug)]
pub struct FolderClaim {
    /// Closing it gives the folder back. Nothing reads it.
    _file: File,
}

impl FolderClaim {
    /// Claims a folder, which is made where it is missing. `holder` is what another process is told that wants it too, such as `process 17`.
    ///
    /// # Errors
    /// [`StoreError::Claimed`] while another process, or another claim of this one, has it; [`StoreError::DiskFull`] and
    /// [`StoreError::Broken`] where the file cannot be written.
    pub fn take(folder: &Path, holder: &str) -> Result<FolderClaim, StoreError> {
        let failed = |error: &std::io::Error| StoreError::of_io(folder, "claim it", error);
        loop {
            fs::create_dir_all(folder).map_err(|error| failed(&error))?;
            let path = folder.join(FILE);
            let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
            let mut file = match opened {
                Ok(file) => file,
                // Whoever had it deleted the folder in this moment.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(failed(&error)),
            };
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(claimed(folder, &mut file)),
                Err(TryLockError::Error(error)) => return Err(failed(&error)),
            }
            // Whoever had it before may have deleted the folder after we opened the file: then the lock is on a file that nobody else finds.
            if !is_at(&file, &path) {
                continue;
            }
            say(&mut file, holder).map_err(|error| failed(&error))?;
            return Ok(FolderClaim { _file: file });
        }
    }
}

fn claimed(folder: &Path, file: &mut File) -> StoreError {
    let mut said = String::new();
    // It says nothing where the other process has not come to that yet, and then that there is one has to do.
    let read = file.take(HOLDER_BYTES_MAX).read_to_string(&mut said);
    let holder = said.trim();
    let holder = if read.is_err() || holder.is_empty() { "another process" } else { holder };
    let folder = absolute(folder);
    StoreError::Claimed { folder, holder: holder.to_owned() }
}

/// Two processes may see the folder under different relative paths.
fn absolute(folder: &Path) -> PathBuf {
    std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned())
}

fn is_at(file: &File, path: &Path) -> bool {
    let same = |one: &fs::Metadata, other: &fs::Metadata| (one.dev(), one.ino()) == (other.dev(), other.ino());
    matches!((file.metadata(), fs::metadata(path)), (Ok(one), Ok(other)) if same(&one, &other))
}

fn say(file: &mut File, holder: &str) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(format!("{holder}\n").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_owner_who_is_named_and_is_free_when_he_has_gone() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("made/when/missing");
        let first = FolderClaim::take(&place, "process 17").unwrap();
        let refused = FolderClaim::take(&place, "process 18").unwrap_err();
        assert_eq!(refused, StoreError::Claimed { folder: place.clone(), holder: "process 17".to_owned() });
        let said = refused.to_string();
        assert!(said.contains(&place.display().to_string()) && said.contains("process 17"), "{said}");
        drop(first);
        let second = FolderClaim::take(&place, "process 18").unwrap();
        assert!(FolderClaim::take(&place, "19").unwrap_err().to_string().contains("process 18"));
        drop(second);
    }

    #[test]
    fn a_folder_that_its_owner_deleted_can_be_claimed_anew_and_what_stood_in_the_file_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("state");
        let first = FolderClaim::take(&place, "a rather long name of a process").unwrap();
        fs::remove_dir_all(&place).unwrap();
        // The lock of the first is on a file that is gone.
        let second = FolderClaim::take(&place, "b").unwrap();
        drop(first);
        assert!(FolderClaim::take(&place, "c").unwrap_err().to_string().contains("in use by b:"));
        drop(second);
        let third = FolderClaim::take(&place, "a rather long name of a process").unwrap();
        drop(third);
        let fourth = FolderClaim::take(&place, "d").unwrap();
        assert!(FolderClaim::take(&place, "e").unwrap_err().to_string().contains("in use by d:"));
        drop(fourth);
    }

    #[test]
    fn a_file_with_no_words_in_it_and_a_folder_that_is_none_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let claim = FolderClaim::take(folder.path(), "x").unwrap();
        fs::write(folder.path().join(FILE), [0xff, 0xfe]).unwrap();
        assert!(FolderClaim::take(folder.path(), "y").unwrap_err().to_string().contains("in use by another process"));
        drop(claim);
        let file = folder.path().join("a-file");
        fs::write(&file, "").unwrap();
        assert!(matches!(FolderClaim::take(&file, "z"), Err(StoreError::Broken { .. })));
    }
}
