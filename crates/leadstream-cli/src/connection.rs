//! The way to Kafka, and the topics: what the configuration says, in the words of the crates that do the work.

use std::collections::BTreeMap;

use leadstream_config::{Config, Retention, Settings, TopicName};
use leadstream_kafka::{KafkaLog, KafkaSettings};
use leadstream_runtime::log::{CleanupPolicy, TopicSpec};

use crate::failure::Failure;

/// A cluster, not yet asked anything.
///
/// # Errors
/// Settings that are refused.
pub(crate) fn connect(config: &Config) -> Result<KafkaLog, Failure> {
    KafkaLog::connect(settings(config)).map_err(|error| Failure::input(error.to_string()))
}

/// What the clients are made with.
pub(crate) fn settings(config: &Config) -> KafkaSettings {
    let plain = |settings: &Settings| -> BTreeMap<String, String> {
        settings.iter().map(|(name, setting)| (name.to_owned(), setting.expose().to_owned())).collect()
    };
    KafkaSettings {
        bootstrap_servers: config.kafka.bootstrap.clone(),
        client_id: config.kafka.client_id.clone(),
        advertised: config.http.reachable_at(),
        common: plain(&config.kafka.common),
        consumer: plain(&config.kafka.consumer),
        producer: plain(&config.kafka.producer),
    }
}

/// Leadstream's own topics as they are to be.
pub(crate) fn own_topics(config: &Config) -> Vec<TopicSpec> {
    let names = config.topic_names();
    let retention = |retention: &Retention| match retention {
        Retention::Unlimited => None,
        Retention::For(span) => Some(span.as_ms()),
    };
    let topic = |name: &TopicName, cleanup_policy, retention_ms| TopicSpec {
        name: name.to_string(),
        partitions: config.topics.partitions,
        replication: u16::try_from(config.topics.replication_factor).ok(),
        cleanup_policy,
        retention_ms,
        max_message_bytes: None,
        settings: BTreeMap::new(),
    };
    let (log, table) = (CleanupPolicy::Delete, CleanupPolicy::Compact);
    vec![
        topic(&names.contacts, log, retention(&config.topics.contacts_retention)),
        topic(&names.interactions, log, retention(&config.topics.interactions_retention)),
        topic(&names.identities, log, None),
        topic(&names.contacts_changelog, table, None),
        topic(&names.redo, log, None),
        TopicSpec { partitions: 1, ..topic(&names.plans, table, None) },
        topic(&names.qualifications, log, None),
        topic(&names.stages, log, None),
        topic(&names.activity, log, None),
        topic(&names.scores, table, None),
        topic(&names.dead_letters, log, None),
    ]
}

/// Topics that only Leadstream writes and reads, in the order in which a reset deletes them.
pub(crate) fn internal_topics(config: &Config) -> Vec<String> {
    let names = config.topic_names();
    [&names.contacts_changelog, &names.redo, &names.interactions, &names.identities, &names.plans]
        .map(ToString::to_string)
        .to_vec()
}

/// Topics whose cleanup and retention are the operator's to choose.
pub(crate) fn is_freely_kept(config: &Config, topic: &str) -> bool {
    let names = config.topic_names();
    [&names.qualifications, &names.stages, &names.activity, &names.dead_letters]
        .iter()
        .any(|name| name.as_str() == topic)
}

#[cfg(test)]
mod tests {
    #[test]
    fn answers_that_name_no_leader_do_not_crash_the_program() {
        // Where the linker is not asked for it, librdkafka reads memory there that nobody wrote.
        assert!(leadstream_kafka::is_guarded());
    }
}
