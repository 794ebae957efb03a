//! Events as a command line names them: which files or topics there are, and how their records look.

use std::sync::Arc;

use leadstream_config::{Config, Source};
use leadstream_kafka::KafkaLog;
use leadstream_runtime::log::{Log, TopicPartition};
use leadstream_wire::{Encoding, Shape, SourceFormat};

use crate::arguments::{ConfigurationArguments, EventFiles, ReplayFormat};
use crate::commands::topics::{differences, patiently};
use crate::connection::connect;
use crate::failure::Failure;
use crate::files::is_standard;
use crate::replay::{Events, Input, Tally, Topics};
use crate::settings::configuration_to_connect;
use crate::sources;

/// The name of a source that no configuration names.
const UNNAMED_SOURCE: &str = "replay";

/// How many threads decode, and how many fold.
pub(crate) fn threads(events: &EventFiles) -> usize {
    events.threads.map_or_else(all_cores, usize::from).min(256)
}

/// A thread for each core.
pub(crate) fn all_cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Where the events come from.
///
/// # Errors
/// A file that is not there, a source that the configuration does not have, topics that are not as a service needs them.
pub(crate) fn events(given: &ConfigurationArguments, events: &EventFiles, config: &Config) -> Result<Events, Failure> {
    if events.topics { topics(given) } else { Ok(Events::Files(inputs(events, config)?)) }
}

/// What the tasks of a service read: commands, sources keyed by the contact, and what the others are re-keyed to.
pub(crate) fn topics(given: &ConfigurationArguments) -> Result<Events, Failure> {
    let config = configuration_to_connect(given)?.config;
    let log = connect(&config)?;
    let found = differences(&log, &config)?;
    if !found.is_empty() {
        return Err(Failure::NotDone(format!("the topics are not as they must be:\n{}", found.join("\n"))));
    }
    let names = config.topic_names();
    let mut topics = vec![(names.contacts.to_string(), Some(sources::contacts_format(&config)?))];
    for source in config.sources.iter().filter(|source| source.keyed) {
        topics.push((source.topic.to_string(), Some(sources::format_of(source, &config)?)));
    }
    if config.sources.iter().any(|source| !source.keyed) {
        topics.push((names.interactions.to_string(), None));
    }
    let ask = |log: &KafkaLog, partitions: &[TopicPartition]| patiently(log, || log.bounds(partitions));
    Ok(Events::Topics(Arc::new(Topics::new(log, topics, config.topics.partitions, ask)?)))
}

/// The files in the order in which they are folded, each with its format.
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
pub(crate) fn event_format(events: &EventFiles, config: &Config) -> Result<SourceFormat, Failure> {
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
