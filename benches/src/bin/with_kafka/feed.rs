//! Filling the input topic, or a file with the same lines.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::time::Duration;

use leadstream_benches::messages::{Disorder, Messages};
use leadstream_kafka::{KafkaLog, KafkaSettings};
use leadstream_runtime::log::{CleanupPolicy, Log, TopicSpec};
use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use crate::PARTITIONS;

/// Creates topics that keep everything.
pub(crate) fn create(bootstrap: &str, topics: &[&str]) -> Result<(), Box<dyn Error>> {
    let specs: Vec<TopicSpec> = topics
        .iter()
        .map(|name| TopicSpec {
            name: (*name).to_owned(),
            partitions: PARTITIONS,
            replication: Some(1),
            cleanup_policy: CleanupPolicy::Delete,
            retention_ms: None,
            max_message_bytes: None,
            settings: BTreeMap::new(),
        })
        .collect();
    Ok(KafkaLog::connect(KafkaSettings::new(bootstrap))?.create(&specs)?)
}

/// What to make.
pub(crate) struct Load {
    pub(crate) events: u64,
    pub(crate) contacts: u64,
    pub(crate) disorder: Disorder,
}

impl Load {
    fn messages(&self) -> Messages {
        Messages::disturbed(self.events, self.contacts, self.disorder)
    }
}

/// Writes the events to a file, one a line.
pub(crate) fn write(file: &str, load: &Load) -> Result<(), Box<dyn Error>> {
    let mut out = BufWriter::new(File::create(file)?);
    let mut messages = load.messages();
    while let Some(message) = messages.make() {
        writeln!(out, "{}", message.text)?;
    }
    Ok(out.flush()?)
}

/// Produces the events, keyed by contact.
pub(crate) fn feed(bootstrap: &str, topic: &str, load: &Load) -> Result<(), Box<dyn Error>> {
    create(bootstrap, &[topic])?;
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        // Contacts must lie where Java clients put them.
        .set("partitioner", "murmur2_random")
        .set("compression.type", "lz4")
        .set("linger.ms", "50")
        .set("batch.size", "1000000")
        .set("queue.buffering.max.messages", "500000")
        .set("enable.idempotence", "true")
        .create()?;
    let mut messages = load.messages();
    let mut sent = 0u64;
    while let Some(message) = messages.make() {
        let mut record = BaseRecord::to(topic).key(message.key).payload(message.text);
        while let Err((problem, back)) = producer.send(record) {
            if problem != KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull) {
                return Err(problem.into());
            }
            producer.poll(Duration::from_millis(20));
            record = back;
        }
        sent += 1;
        if sent.is_multiple_of(1000) {
            producer.poll(Duration::ZERO);
        }
    }
    producer.flush(Duration::from_secs(60))?;
    println!("{} events of {} contacts in {topic}", load.events, load.contacts);
    Ok(())
}
