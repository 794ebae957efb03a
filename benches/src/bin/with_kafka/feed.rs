//! Filling the input topic.

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

use leadstream_benches::messages::Messages;
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

/// Produces the events, keyed by contact.
pub(crate) fn feed(bootstrap: &str, topic: &str, events: u64, contacts: u64) -> Result<(), Box<dyn Error>> {
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
    let mut messages = Messages::new(events, contacts);
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
    println!("{events} events of {contacts} contacts in {topic}");
    Ok(())
}
