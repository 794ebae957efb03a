//! `leadstream plan check`: everything that is wrong with plan files, with the lines it is about, and what in them no event of the past asks for.

use std::collections::BTreeMap;
use std::path::PathBuf;

use leadstream_config::Config;

use super::{files_of, style};
use crate::arguments::{ConfigurationArguments, EventFiles, SeenEvents};
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::{event_files, plans, replay, terminal};

/// Event types that are named in the line that tells what came.
const TOLD: usize = 12;

/// Runs it.
pub(super) fn run(
    given: &ConfigurationArguments,
    config: &Config,
    files: &[PathBuf],
    deny_warnings: bool,
    seen: &SeenEvents,
) -> Result<(), Failure> {
    let (sources, unreadable) = plans::read_all(&files_of(config, files)?);
    let mut options = plans::options(config);
    options.seen_event_types = seen_types(given, config, seen)?;
    let report = leadstream_plan::check(sources, &options);
    if unreadable.is_none() || !report.sources().is_empty() {
        terminal::print(&report.render(style()))?;
    }
    // A file that is not there hides nothing about the others.
    if let Some(failure) = unreadable {
        return Err(failure);
    }
    let refused = report.has_errors() || (deny_warnings && !report.diagnostics.is_empty());
    if refused { Err(Failure::InputTold) } else { Ok(()) }
}

/// The types of the events that were given, if any were.
fn seen_types(
    given: &ConfigurationArguments,
    config: &Config,
    seen: &SeenEvents,
) -> Result<Option<Vec<String>>, Failure> {
    if seen.events.is_empty() && !seen.topics {
        return Ok(None);
    }
    let events = EventFiles {
        files: seen.events.clone(),
        topics: seen.topics,
        source: seen.source.clone(),
        format: None,
        contacts: Vec::new(),
        until: None,
        threads: None,
    };
    let found = event_files::events(given, &events, config)?;
    let tally = replay::count(&found, event_files::threads(&events), &Interrupt::listen()?)?;
    if tally.types.is_empty() {
        event_files::refuse_unread(&tally)?;
    }
    tell(&tally.types);
    Ok(Some(tally.types.into_keys().collect()))
}

fn tell(types: &BTreeMap<String, u64>) {
    let mut by_count: Vec<(&str, u64)> = types.iter().map(|(name, count)| (name.as_str(), *count)).collect();
    by_count.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let told: Vec<String> =
        by_count.iter().take(TOLD).map(|(name, count)| format!("{} x {name}", terminal::grouped(*count))).collect();
    let rest = if by_count.len() > TOLD { format!(" and {} more types", by_count.len() - TOLD) } else { String::new() };
    terminal::note(format!("these events came: {}{rest}", told.join(", ")));
}
