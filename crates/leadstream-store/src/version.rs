//! The version of the RocksDB library that was linked at run time.
//!
//! RocksDB's C interface does not tell its version, but every store names it in its options file.

use std::path::Path;

use crate::StoreError;

/// The version whose interface this program was built for. Another patch release serves as well.
pub const ROCKSDB_VERSION: &str = "11.8";

/// Checks the newest options file of an open store.
pub(crate) fn check(folder: &Path) -> Result<(), StoreError> {
    let found = newest_options(folder).map_err(|error| StoreError::of_io(folder, "read its options", &error))?;
    let found = found.as_deref().and_then(version_in).unwrap_or("unknown");
    if serves(found) {
        return Ok(());
    }
    Err(StoreError::WrongLibrary { found: found.to_owned(), needed: ROCKSDB_VERSION.to_owned() })
}

fn newest_options(folder: &Path) -> std::io::Result<Option<String>> {
    let mut newest = None;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let number =
            name.to_str().and_then(|name| name.strip_prefix("OPTIONS-")).and_then(|rest| rest.parse::<u64>().ok());
        if let Some(number) = number {
            newest = newest.max(Some((number, entry.path())));
        }
    }
    newest.map(|(_, path)| std::fs::read_to_string(path)).transpose()
}

fn version_in(options: &str) -> Option<&str> {
    options.lines().find_map(|line| line.trim().strip_prefix("rocksdb_version=")).map(str::trim)
}

fn serves(version: &str) -> bool {
    version.strip_prefix(ROCKSDB_VERSION).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patch_releases_serve_and_other_versions_do_not() {
        assert!(serves("11.8.1"));
        assert!(serves("11.8"));
        assert!(!serves("11.80.1"));
        assert!(!serves("10.8.1"));
        assert!(!serves("unknown"));
    }

    #[test]
    fn the_version_is_found_in_an_options_file() {
        assert_eq!(version_in("[Version]\n  rocksdb_version=11.8.1\n  options_file_version=1.1\n"), Some("11.8.1"));
        assert_eq!(version_in("[Version]\n"), None);
    }
}
