//! Files of events as a command line names them: which there are, and how their records look.

use std::sync::Arc;

use leadstream_config::{Config, Source};
use leadstream_wire::{Encoding, Shape, SourceFormat};

use crate::arguments::{EventFiles, ReplayFormat};
use crate::failure::Failure;
use crate::files::is_standard;
use crate::replay::{Input, Tally};
use crate::sources;

/// The name of a source that no configuration names.
const UNNAMED_SOURCE: &str = "replay";

/// How many threads decode, and how many fold.
pub(crate) fn threads(events: &EventFiles) -> usize {
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    events.threads.map_or_else(cores, usize::from).min(256)
}

/// The files in the order in which they are folded, each with its format.
///
/// # Errors
/// A file that is not there, or a source that the configuration does not have.
pub(crate) fn inputs(events: &EventFiles, config: &Config) -> Result<Vec<Input>, Failure> {
    let mut inputs = Vec::new();
    if !events.contacts.is_empty() {
        let format = Arc::new(sources::contacts_format(config)?);
        inputs.extend(events.contacts.iter().map(|path| Input { path: path.clone(), format: Arc::clone(&format) }));
    }
    let format = Arc::new(event_format(events, config)?);
    inputs.extend(events.files.iter().map(|path| Input { path: path.clone(), format: Arc::clone(&format) }));
    for input in &inputs {
        if !is_standard(&input.path) {
            // A misspelt name shall not be found after an hour.
            std::fs::metadata(&input.path).map_err(|error| Failure::file("read", &input.path, &error))?;
        }
    }
    Ok(inputs)
}

/// The format of the files of events: that of a configured source, or one named by itself.
fn event_format(events: &EventFiles, config: &Config) -> Result<SourceFormat, Failure> {
    if let Some(format) = events.format {
        let shape = match format {
            ReplayFormat::Segment => Shape::Segment,
            ReplayFormat::LeadstreamJson => Shape::Interactions(Encoding::Json),
            // The schema is the file's own.
            ReplayFormat::LeadstreamAvro => Shape::Interactions(Encoding::Avro(String::new())),
        };
        return Ok(SourceFormat::new(UNNAMED_SOURCE, shape));
    }
    let named = |source: &&Source| {
        events.source.as_deref().is_none_or(|name| name == source.name() || name == source.topic.as_str())
    };
    match (config.sources.iter().find(named), &events.source) {
        (Some(source), _) => sources::format_of(source, config),
        (None, None) => Ok(SourceFormat::new(UNNAMED_SOURCE, Shape::Segment)),
        (None, Some(name)) => {
            let known: Vec<&str> = config.sources.iter().map(Source::name).collect();
            let known =
                if known.is_empty() { "there is none".to_owned() } else { format!("there are {}", known.join(", ")) };
            Err(Failure::input(format!("the configuration has no source {name}; {known}")))
        }
    }
}

/// Fails where there were records and none of them could be read.
pub(crate) fn refuse_unread(tally: &Tally) -> Result<(), Failure> {
    match tally.nothing_but_dead() {
        Some(first) => Err(Failure::NotDone(format!(
            "no record could be read; the first is {first}\nare the files in the format of the source? --source NAME or --format names another"
        ))),
        None => Ok(()),
    }
}
