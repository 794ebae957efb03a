//! Topics: describing, creating, trimming.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_executor::block_on;
use leadstream_runtime::log::{CleanupPolicy, Failure, LogError, TopicDescription, TopicPartition, TopicSpec};
use rdkafka::admin::{AdminClient, AdminOptions, ConfigEntry, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::Client;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::{Offset, TopicPartitionList};

use crate::brokers::ClientEvents;
use crate::clock::Deadline;
use crate::error::{is_transient, query_error};
use crate::ffi::{DescribedGroup, DescribedTopic, describe_group, describe_topics};
use crate::group::GroupMember;

/// How long a question may wait for its answer.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a new topic may take until the brokers know it, and a deleted one until they do not.
const CHANGE_TIMEOUT: Duration = Duration::from_secs(30);
/// Kafka's own default, for a broker that does not say.
const DEFAULT_MAX_MESSAGE_BYTES: u32 = 1_048_588;

/// The administration of one cluster.
pub(crate) struct Admin {
    client: AdminClient<ClientEvents>,
}

/// What the cluster does not let a client delete.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Undeletable {
    /// The topics.
    pub topics: Vec<String>,
    /// Whether the group is not to be deleted.
    pub group: bool,
}

/// The right that an operation lacks where the cluster refuses it for want of one.
fn missing_right(operation: &str, code: RDKafkaErrorCode) -> Option<&'static str> {
    use RDKafkaErrorCode as Code;
    let denied = matches!(
        code,
        Code::TopicAuthorizationFailed | Code::GroupAuthorizationFailed | Code::ClusterAuthorizationFailed
    );
    denied.then_some(match operation {
        "create topics" => "CREATE",
        "delete topics" | "delete group" | "delete records" => "DELETE",
        _ => "DESCRIBE, and DESCRIBE_CONFIGS for topics",
    })
}

fn classified(operation: &'static str, code: RDKafkaErrorCode, reason: &str) -> LogError {
    let failure = match missing_right(operation, code) {
        Some(right) => Failure::new(operation, format!("{reason} ({code:?}: this client needs the right to {right})")),
        None => Failure::new(operation, format!("{reason} ({code:?})")),
    };
    if is_transient(code) { LogError::Retry(failure) } else { LogError::Fatal(failure) }
}

impl Admin {
    pub(crate) fn new(client: AdminClient<ClientEvents>) -> Self {
        Self { client }
    }

    pub(crate) fn client(&self) -> &Client<ClientEvents> {
        self.client.inner()
    }

    fn options() -> AdminOptions {
        AdminOptions::new().request_timeout(Some(REQUEST_TIMEOUT)).operation_timeout(Some(REQUEST_TIMEOUT))
    }

    pub(crate) fn describe(&self, topics: &[&str]) -> Result<Vec<Option<TopicDescription>>, LogError> {
        // The cluster refuses a question that names a topic twice.
        let mut once = topics.to_vec();
        once.sort_unstable();
        once.dedup();
        let described = self.describe_each(&once)?;
        let answer = |topic: &&str| once.binary_search(topic).ok().and_then(|place| described[place].clone());
        Ok(topics.iter().map(answer).collect())
    }

    /// Describes topics, none of them named twice.
    fn describe_each(&self, topics: &[&str]) -> Result<Vec<Option<TopicDescription>>, LogError> {
        const OPERATION: &str = "describe topics";
        let described = describe_topics(self.client.inner(), topics, REQUEST_TIMEOUT)
            .map_err(|(code, reason)| classified(OPERATION, code, &reason))?;
        let existing: Vec<ResourceSpecifier<'_>> = topics
            .iter()
            .zip(&described)
            .filter(|(_, described)| described.is_some())
            .map(|(name, _)| ResourceSpecifier::Topic(name))
            .collect();
        if existing.is_empty() {
            return Ok(vec![None; topics.len()]);
        }
        let configs = block_on(self.client.describe_configs(&existing, &Self::options()))
            .map_err(|error| query_error(OPERATION, &error))?;
        let mut settings = configs.into_iter().map(|config| {
            config
                .map(|resource| resource.entries.into_iter().filter_map(known_value).collect::<BTreeMap<_, _>>())
                .map_err(|code| classified(OPERATION, code, "settings of a topic"))
        });
        topics
            .iter()
            .zip(described)
            .map(|(name, described)| match described {
                None => Ok(None),
                Some(described) => {
                    let settings = settings.next().unwrap_or_else(|| {
                        Err(LogError::Fatal(Failure::new(OPERATION, format!("no settings for topic {name}"))))
                    })?;
                    Ok(Some(description(name, &described, settings)))
                }
            })
            .collect()
    }

    /// A topic that exists is left as it is, whatever it is like.
    pub(crate) fn create(&self, topics: &[TopicSpec]) -> Result<(), LogError> {
        const OPERATION: &str = "create topics";
        if topics.is_empty() {
            return Ok(());
        }
        let settings: Vec<_> = topics.iter().map(creation_settings).collect();
        let mut requests = Vec::with_capacity(topics.len());
        for (topic, settings) in topics.iter().zip(&settings) {
            let partitions =
                i32::try_from(topic.partitions).ok().filter(|partitions| *partitions > 0).ok_or_else(|| {
                    LogError::Fatal(Failure::new(
                        OPERATION,
                        format!("topic {} cannot have {} partitions", topic.name, topic.partitions),
                    ))
                })?;
            let replication = TopicReplication::Fixed(topic.replication.map_or(-1, i32::from));
            let request = NewTopic::new(&topic.name, partitions, replication);
            requests.push(settings.iter().fold(request, |request, (name, value)| request.set(name, value)));
        }
        let answers = block_on(self.client.create_topics(&requests, &Self::options()))
            .map_err(|error| query_error(OPERATION, &error))?;
        for answer in answers {
            match answer {
                Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((name, code)) => return Err(classified(OPERATION, code, &format!("topic {name}"))),
            }
        }
        let names: Vec<&str> = topics.iter().map(|topic| topic.name.as_str()).collect();
        self.wait_until(OPERATION, &names, Option::is_some, "the brokers do not know the new topics yet")
    }

    /// The controller answers before every broker has heard of what it did.
    fn wait_until(
        &self,
        operation: &'static str,
        topics: &[&str],
        is_so: impl Fn(&Option<DescribedTopic>) -> bool,
        otherwise: &str,
    ) -> Result<(), LogError> {
        let deadline = Deadline::after(CHANGE_TIMEOUT);
        loop {
            match describe_topics(self.client.inner(), topics, REQUEST_TIMEOUT) {
                Ok(described) if described.iter().all(&is_so) => return Ok(()),
                Ok(_) if deadline.passed() => return Err(LogError::Retry(Failure::new(operation, otherwise))),
                Err((code, reason)) if deadline.passed() || !is_transient(code) => {
                    return Err(classified(operation, code, &reason));
                }
                Ok(_) | Err(_) => std::thread::sleep(Duration::from_millis(50)),
            }
        }
    }

    /// A topic that does not exist is deleted already.
    pub(crate) fn delete_topics(&self, topics: &[&str]) -> Result<(), LogError> {
        const OPERATION: &str = "delete topics";
        if topics.is_empty() {
            return Ok(());
        }
        let answers = block_on(self.client.delete_topics(topics, &Self::options()))
            .map_err(|error| query_error(OPERATION, &error))?;
        for answer in answers {
            match answer {
                Ok(_) | Err((_, RDKafkaErrorCode::UnknownTopicOrPartition)) => {}
                Err((name, code)) => return Err(classified(OPERATION, code, &format!("topic {name}"))),
            }
        }
        self.wait_until(OPERATION, topics, Option::is_none, "the brokers still know the deleted topics")
    }

    /// A group that does not exist is deleted already.
    pub(crate) fn delete_group(&self, group: &str) -> Result<(), LogError> {
        const OPERATION: &str = "delete group";
        let answers = block_on(self.client.delete_groups(&[group], &Self::options()))
            .map_err(|error| query_error(OPERATION, &error))?;
        for answer in answers {
            match answer {
                Ok(_) | Err((_, RDKafkaErrorCode::GroupIdNotFound)) => {}
                Err((name, RDKafkaErrorCode::NonEmptyGroup)) => {
                    let reason =
                        format!("group {name} has members: stop every instance and wait for its session to end");
                    return Err(LogError::Retry(Failure::new(OPERATION, reason)));
                }
                Err((name, code)) => return Err(classified(OPERATION, code, &format!("group {name}"))),
            }
        }
        Ok(())
    }

    pub(crate) fn members(&self, group: &str, timeout: Duration) -> Result<Vec<GroupMember>, LogError> {
        let described = self.describe_group(group, timeout)?;
        Ok(described.members.into_iter().map(GroupMember::from).collect())
    }

    fn describe_group(&self, group: &str, timeout: Duration) -> Result<DescribedGroup, LogError> {
        describe_group(self.client.inner(), group, timeout)
            .map_err(|(code, reason)| classified("describe group", code, &format!("group {group}: {reason}")))
    }

    /// Which of these topics, as far as they exist, and whether this group the cluster does not let us delete.
    pub(crate) fn undeletable(&self, topics: &[&str], group: &str) -> Result<Undeletable, LogError> {
        let described = describe_topics(self.client.inner(), topics, REQUEST_TIMEOUT)
            .map_err(|(code, reason)| classified("describe topics", code, &reason))?;
        let refused = |topic: &Option<DescribedTopic>| topic.as_ref().is_some_and(|topic| !topic.may_delete);
        let topics = topics.iter().zip(&described).filter(|(_, topic)| refused(topic));
        Ok(Undeletable {
            topics: topics.map(|(name, _)| (*name).to_owned()).collect(),
            group: !self.describe_group(group, REQUEST_TIMEOUT)?.may_delete,
        })
    }

    pub(crate) fn delete_before(&self, cuts: &[(TopicPartition, u64)]) -> Result<(), LogError> {
        const OPERATION: &str = "delete records";
        let refused = |reason: String| LogError::Fatal(Failure::new(OPERATION, reason));
        if cuts.is_empty() {
            return Ok(());
        }
        let mut list = TopicPartitionList::with_capacity(cuts.len());
        for (partition, before) in cuts {
            let offset = i64::try_from(*before).map_err(|_| refused(format!("there is no offset {before}")))?;
            let number = i32::try_from(partition.partition).map_err(|_| refused(format!("there is no {partition}")))?;
            list.add_partition_offset(&partition.topic, number, Offset::Offset(offset))
                .map_err(|error| refused(error.to_string()))?;
        }
        let answers = block_on(self.client.delete_records(&list, &Self::options()))
            .map_err(|error| query_error(OPERATION, &error))?;
        for element in answers.elements() {
            if let Err(error) = element.error() {
                let place = format!("{}[{}]: {error}", element.topic(), element.partition());
                return Err(match error.rdkafka_error_code() {
                    Some(code) => classified(OPERATION, code, &place),
                    None => refused(place),
                });
            }
        }
        Ok(())
    }
}

/// Sensitive settings have no value, and topics have none that matter.
fn known_value(entry: ConfigEntry) -> Option<(String, String)> {
    entry.value.map(|value| (entry.name, value))
}

fn creation_settings(topic: &TopicSpec) -> BTreeMap<String, String> {
    let mut settings = topic.settings.clone();
    settings.insert("cleanup.policy".to_owned(), topic.cleanup_policy.as_config().to_owned());
    if topic.cleanup_policy != CleanupPolicy::Compact {
        let retention = topic.retention_ms.map_or_else(|| "-1".to_owned(), |ms| ms.to_string());
        settings.insert("retention.ms".to_owned(), retention);
        // A limit by size would forget just as well.
        settings.entry("retention.bytes".to_owned()).or_insert_with(|| "-1".to_owned());
    }
    if let Some(bytes) = topic.max_message_bytes {
        settings.insert("max.message.bytes".to_owned(), bytes.to_string());
    }
    settings
}

fn description(name: &str, described: &DescribedTopic, settings: BTreeMap<String, String>) -> TopicDescription {
    TopicDescription {
        name: name.to_owned(),
        id: described.id,
        partitions: described.partitions,
        replication: described.replication,
        cleanup_policy: settings.get("cleanup.policy").and_then(|policy| CleanupPolicy::from_config(policy)),
        // Negative means for ever; a value that is no number cannot come from a broker, and is not to be taken for one that forgets nothing.
        retention_ms: settings
            .get("retention.ms")
            .map_or(Some(0), |value| value.parse::<i64>().map_or(Some(0), |ms| u64::try_from(ms).ok())),
        max_message_bytes: settings
            .get("max.message.bytes")
            .and_then(|bytes| bytes.parse().ok())
            .unwrap_or(DEFAULT_MAX_MESSAGE_BYTES),
        settings,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(cleanup_policy: CleanupPolicy, retention_ms: Option<u64>) -> TopicSpec {
        TopicSpec {
            name: "leadstream.redo".to_owned(),
            partitions: 1,
            replication: None,
            cleanup_policy,
            retention_ms,
            max_message_bytes: None,
            settings: BTreeMap::new(),
        }
    }

    #[test]
    fn a_log_that_is_kept_is_limited_neither_by_age_nor_by_size() {
        let settings = creation_settings(&spec(CleanupPolicy::Delete, None));
        assert_eq!(settings["retention.ms"], "-1");
        assert_eq!(settings["retention.bytes"], "-1");
        assert_eq!(settings["cleanup.policy"], "delete");
    }

    #[test]
    fn a_compacted_topic_gets_no_retention() {
        let settings = creation_settings(&spec(CleanupPolicy::Compact, None));
        assert_eq!(settings.keys().collect::<Vec<_>>(), ["cleanup.policy"]);
    }

    #[test]
    fn negative_retention_is_for_ever_and_an_unreadable_one_is_none_at_all() {
        let described = DescribedTopic { id: None, partitions: 1, replication: 1, may_delete: true };
        let with = |value: &str| {
            let settings = BTreeMap::from([("retention.ms".to_owned(), value.to_owned())]);
            description("t", &described, settings).retention_ms
        };
        assert_eq!(with("-1"), None);
        assert_eq!(with("1000"), Some(1000));
        assert_eq!(with("soon"), Some(0));
    }
}
