//! A command about a contact, written into the topic of contacts where the task of the contact reads it.
//!
//! Invariant: nothing is written before whoever typed it has agreed. The service alone carries commands out: writing works as well where none runs, and is
//! carried out when one does.

use std::time::Duration;

use leadstream_config::{Config, ContactsFormat};
use leadstream_kafka::KafkaLog;
use leadstream_runtime::log::{
    Destination, Log, LogError, OutputRecord, Producer, ProducerOptions, TopicIndex, partition_for_key,
};
use serde_json::Value;

use crate::commands::topics::{existing, patiently};
use crate::failure::Failure;
use crate::terminal;

/// How long the transaction of one record may take.
const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(30);

/// Refuses an id, or a format of commands, in which none can be written.
pub(crate) fn refuse_what_cannot_be_written(config: &Config, id: &str) -> Result<(), Failure> {
    if id.is_empty() {
        return Err(Failure::input("an id has at least one character"));
    }
    match config.contacts.format {
        ContactsFormat::LeadstreamJson => Ok(()),
        ContactsFormat::LeadstreamAvro => Err(Failure::input(format!(
            "contacts.format is leadstream-avro, in which this command cannot write: put the command into {} with a producer of yours, as \
             schemas/contact.avsc describes it, keyed by the id",
            config.topic_names().contacts
        ))),
    }
}

/// Has whoever typed the command type the id again, unless they said that they need not.
pub(crate) fn confirm(id: &str, yes: bool) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    terminal::require_somebody("do it")?;
    if terminal::ask("type the id to go on:")? == id {
        Ok(())
    } else {
        Err(Failure::NotDone("that was not the id; nothing was changed".to_owned()))
    }
}

/// Writes the command where the task of the contact reads it.
pub(crate) fn write(log: &KafkaLog, config: &Config, id: &str, command: &Value) -> Result<(), Failure> {
    let topic = config.topic_names().contacts.to_string();
    let partition = partition_for_key(id.as_bytes(), existing(log, &topic)?.partitions);
    let value = command.to_string();
    patiently(log, || {
        let mut producer = log.open_producer(&ProducerOptions {
            transactional_id: format!("{}-commands", config.application.id),
            topics: vec![topic.clone()],
            state_topics: 0,
            transaction_timeout: TRANSACTION_TIMEOUT,
            queue_records: 10,
        })?;
        producer.begin()?;
        producer.produce(&OutputRecord {
            topic: TopicIndex(0),
            destination: Destination::Partition(partition),
            key: Some(id.as_bytes()),
            value: Some(value.as_bytes()),
            headers: &[],
            timestamp_ms: None,
        })?;
        match producer.commit_without_offsets() {
            Ok(_) => Ok(()),
            // Done twice is done: the second time finds nothing more to do.
            Err(LogError::UnknownOutcome(failure)) => Err(LogError::Retry(failure)),
            Err(error) => Err(error),
        }
    })
}
