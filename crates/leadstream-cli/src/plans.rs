//! Plan files: found by the patterns of the configuration or named on the command line, read, and checked together.

use std::path::PathBuf;

use leadstream_config::Config;
use leadstream_core::{HistoryLimits, Span};
use leadstream_plan::{Options, Report, Source};

use crate::failure::Failure;

/// What the compiler must know of a configuration.
pub(crate) fn options(config: &Config) -> Options {
    Options { horizon: horizon(config), event_types: config.event_types.clone() }
}

/// How much of a contact's past a configuration keeps.
pub(crate) fn history(config: &Config) -> HistoryLimits {
    let bytes = usize::try_from(config.history.bytes.as_bytes()).unwrap_or(usize::MAX);
    HistoryLimits { horizon: horizon(config), rows: config.history.rows as usize, bytes }
}

/// The horizon of a configuration.
pub(crate) fn horizon(config: &Config) -> Span {
    Span::from_millis(i64::try_from(config.history.horizon.as_ms()).unwrap_or(i64::MAX))
}

/// The plan files of a configuration, each once, in the order of their paths.
///
/// # Errors
/// A pattern that cannot be read, or one that matches nothing.
pub(crate) fn configured_files(config: &Config) -> Result<Vec<PathBuf>, Failure> {
    expand(config.plans.iter().map(|path| path.as_path().to_owned()))
}

/// The files that paths and patterns name.
pub(crate) fn expand(patterns: impl IntoIterator<Item = PathBuf>) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for pattern in patterns {
        let text = pattern.to_string_lossy();
        if !text.contains(['*', '?', '[']) {
            files.push(pattern);
            continue;
        }
        let found =
            glob::glob(&text).map_err(|error| Failure::input(format!("the pattern {text} cannot be read: {error}")))?;
        let before = files.len();
        for path in found {
            let path = path.map_err(|error| Failure::of("cannot look for plan files", error))?;
            if path.is_file() {
                files.push(path);
            }
        }
        if files.len() == before {
            return Err(Failure::input(format!("no plan file matches {text}")));
        }
    }
    files.sort();
    files.dedup();
    Ok(files)
}

/// Reads and checks files that are to be in force together.
///
/// # Errors
/// A file that cannot be read. What is wrong inside a file is in the report.
pub(crate) fn check(files: &[PathBuf], options: &Options) -> Result<Report, Failure> {
    let mut sources = Vec::with_capacity(files.len());
    for path in files {
        let bytes = std::fs::read(path).map_err(|error| Failure::file("read", path, &error))?;
        let name = path.display().to_string();
        let text = String::from_utf8(bytes).map_err(|error| {
            Failure::input(format!(
                "{name}: byte {} is not UTF-8: a plan is a text file",
                error.utf8_error().valid_up_to()
            ))
        })?;
        sources.push(Source { name, text });
    }
    Ok(leadstream_plan::check(sources, options))
}

/// Reads and checks files, and lets through only plans without any error.
///
/// # Errors
/// Everything that is wrong with them, as text.
pub(crate) fn load(files: &[PathBuf], options: &Options) -> Result<Report, Failure> {
    let report = check(files, options)?;
    if report.has_errors() {
        return Err(Failure::CorrectInput(report.render(leadstream_plan::Style::Plain)));
    }
    Ok(report)
}
