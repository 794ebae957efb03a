//! Scenarios: Markdown that a marketer can read, run as a test.
//!
//! Owns the form of the files beside this package and the three ways of running them: [`replay`] through the shipped binary, in order and shuffled,
//! and [`engine`] through workers over the in-memory log with crashes. Never computes a score: what is expected stands in the files, and what comes
//! comes from the product.

#![allow(clippy::disallowed_methods, reason = "nothing here is part of the product")]

pub mod document;
pub mod engine;
pub mod expected;
pub mod instant;
pub mod replay;
pub mod rows;
pub mod standing;

pub use document::{Document, Scenario};

use std::path::PathBuf;

/// The folder of the scenario files. Asked for when the test runs: a path that is built in would be that of the checkout that was built last.
pub fn folder() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).unwrap_or_default()
}

/// All scenarios, in the order of their files.
///
/// # Errors
/// Every file that is not written as it must be, with its line.
pub fn scenarios() -> Result<Vec<Scenario>, String> {
    let mut found = Vec::new();
    let mut names: Vec<PathBuf> = std::fs::read_dir(folder())
        .map_err(|error| error.to_string())?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .filter(|path| path.file_name().is_some_and(|name| name != "README.md"))
        .collect();
    names.sort();
    let mut problems = Vec::new();
    for path in names {
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match Document::read(&name, &text) {
            Ok(document) => found.extend(document.scenarios),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() { Ok(found) } else { Err(problems.join("\n")) }
}
