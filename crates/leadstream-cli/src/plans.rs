//! Plan files: found by the patterns of the configuration or named on the command line, read, and checked together.

use std::io::Read;
use std::path::{Path, PathBuf};

use leadstream_config::Config;
use leadstream_core::{HistoryLimits, Span};
use leadstream_plan::{Options, Report, Source};

use crate::failure::Failure;
use crate::files::is_standard;

/// What the compiler must know of a configuration.
pub(crate) fn options(config: &Config) -> Options {
    Options { horizon: horizon(config), event_types: config.event_types.clone(), seen_event_types: None }
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
        files.extend(matching(&pattern).map_err(Failure::input)?);
    }
    files.sort();
    files.dedup();
    Ok(files)
}

/// The files that one path or pattern names; why there is none, in words.
pub(crate) fn matching(pattern: &Path) -> Result<Vec<PathBuf>, String> {
    let text = pattern.to_string_lossy();
    if !text.contains(['*', '?', '[']) {
        return Ok(vec![pattern.to_owned()]);
    }
    let found = glob::glob(&text).map_err(|error| format!("the pattern {text} cannot be read: {error}"))?;
    let mut files = Vec::new();
    for path in found {
        let path = path.map_err(|error| format!("cannot look for plan files: {error}"))?;
        if path.is_file() {
            files.push(path);
        }
    }
    if files.is_empty() { Err(format!("no plan file matches {text}")) } else { Ok(files) }
}

/// The text of a plan file; `-` is standard input.
///
/// # Errors
/// It cannot be read, or is no text.
pub(crate) fn read(path: &Path) -> Result<Source, Failure> {
    let is_input = is_standard(path);
    let name = if is_input { "standard input".to_owned() } else { path.display().to_string() };
    let bytes = if is_input {
        let mut bytes = Vec::new();
        std::io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        std::fs::read(path)
    };
    let bytes = bytes.map_err(|error| Failure::NotDone(format!("cannot read {name}: {error}")))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let place = error.utf8_error().valid_up_to();
        Failure::input(format!("{name}: byte {place} is not UTF-8: a plan is a text file"))
    })?;
    Ok(Source { name, text })
}

/// Reads and checks files that are to be in force together.
///
/// # Errors
/// Files that cannot be read, all of them. What is wrong inside a file is in the report.
pub(crate) fn check(files: &[PathBuf], options: &Options) -> Result<Report, Failure> {
    let (sources, unreadable) = read_all(files);
    match unreadable {
        Some(failure) => Err(failure),
        None => Ok(leadstream_plan::check(sources, options)),
    }
}

/// The texts of the files that can be read, and why the others cannot.
pub(crate) fn read_all(files: &[PathBuf]) -> (Vec<Source>, Option<Failure>) {
    let (mut sources, mut unreadable) = (Vec::new(), Vec::new());
    for path in files {
        match read(path) {
            Ok(source) => sources.push(source),
            Err(failure) => unreadable.push(failure),
        }
    }
    let reasons: Vec<String> = unreadable.iter().map(ToString::to_string).collect();
    let is_input = unreadable.iter().any(|failure| matches!(failure, Failure::CorrectInput(_)));
    let failure = match (reasons.is_empty(), is_input) {
        (true, _) => None,
        (false, true) => Some(Failure::CorrectInput(reasons.join("\n"))),
        (false, false) => Some(Failure::NotDone(reasons.join("\n"))),
    };
    (sources, failure)
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
