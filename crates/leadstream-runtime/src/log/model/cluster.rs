//! What the handles of a model cluster share: topics, transactions, groups, faults and the time.
//!
//! Owns the topics and the clock, which only a test moves. Never waits.

use std::collections::BTreeMap;

use super::ModelOptions;
use super::faults::{Call, Fault, Faults};
use super::group::Group;
use super::partition::Partition;
use super::transactions::Coordinator;
use crate::log::{CleanupPolicy, Failure, LogError, TimestampKind, TopicDescription, TopicPartition, TopicSpec};

/// Kafka's default of `max.message.bytes`.
const DEFAULT_MAX_MESSAGE_BYTES: u32 = 1_048_588;
/// Kafka's default of `delete.retention.ms`.
const DEFAULT_DELETE_RETENTION_MS: &str = "86400000";
/// Kafka's longest topic name.
const LONGEST_TOPIC_NAME: usize = 249;

/// A topic.
#[derive(Debug)]
pub(super) struct Topic {
    pub(super) id: u128,
    pub(super) spec: TopicSpec,
    pub(super) partitions: Vec<Partition>,
}

impl Topic {
    fn new(id: u128, spec: TopicSpec) -> Self {
        let partitions = (0..spec.partitions).map(|_| Partition::default()).collect();
        Self { id, spec, partitions }
    }

    pub(super) fn partition(&self, number: u32) -> Option<&Partition> {
        self.partitions.get(usize::try_from(number).ok()?)
    }

    pub(super) fn partition_mut(&mut self, number: u32) -> Option<&mut Partition> {
        self.partitions.get_mut(usize::try_from(number).ok()?)
    }

    pub(super) fn max_message_bytes(&self) -> u32 {
        self.spec.max_message_bytes.unwrap_or(DEFAULT_MAX_MESSAGE_BYTES)
    }

    pub(super) fn timestamp_kind(&self) -> TimestampKind {
        match self.spec.settings.get("message.timestamp.type").map(String::as_str) {
            Some("LogAppendTime") => TimestampKind::LogAppendTime,
            _ => TimestampKind::CreateTime,
        }
    }

    pub(super) fn requires_keys(&self) -> bool {
        self.spec.cleanup_policy != CleanupPolicy::Delete
    }

    fn describe(&self) -> TopicDescription {
        let spec = &self.spec;
        let retention = spec.retention_ms.map_or_else(|| "-1".to_owned(), |ms| ms.to_string());
        let mut settings = BTreeMap::from([
            ("cleanup.policy".to_owned(), spec.cleanup_policy.as_config().to_owned()),
            ("retention.ms".to_owned(), retention),
            ("max.message.bytes".to_owned(), self.max_message_bytes().to_string()),
            ("delete.retention.ms".to_owned(), DEFAULT_DELETE_RETENTION_MS.to_owned()),
            ("message.timestamp.type".to_owned(), "CreateTime".to_owned()),
        ]);
        settings.extend(spec.settings.clone());
        TopicDescription {
            name: spec.name.clone(),
            id: Some(self.id),
            partitions: spec.partitions,
            replication: spec.replication.unwrap_or(1),
            cleanup_policy: Some(spec.cleanup_policy),
            retention_ms: spec.retention_ms,
            max_message_bytes: self.max_message_bytes(),
            settings,
        }
    }
}

/// The state of a model cluster.
#[derive(Debug)]
pub(super) struct Cluster {
    pub(super) options: ModelOptions,
    pub(super) now_ms: i64,
    pub(super) topics: BTreeMap<String, Topic>,
    pub(super) transactions: Coordinator,
    pub(super) groups: BTreeMap<String, Group>,
    pub(super) faults: Faults,
    last_topic_id: u128,
    last_member: u64,
}

impl Cluster {
    pub(super) fn new(options: ModelOptions) -> Self {
        Self {
            now_ms: options.start_ms,
            options,
            topics: BTreeMap::new(),
            transactions: Coordinator::default(),
            groups: BTreeMap::new(),
            faults: Faults::default(),
            last_topic_id: 0,
            last_member: 0,
        }
    }

    pub(super) fn group_mut(&mut self, name: &str) -> &mut Group {
        self.groups.entry(name.to_owned()).or_default()
    }

    pub(super) fn next_member(&mut self) -> u64 {
        self.last_member += 1;
        self.last_member
    }

    pub(super) fn partition(&self, partition: &TopicPartition) -> Option<&Partition> {
        self.topics.get(&partition.topic)?.partition(partition.partition)
    }

    pub(super) fn partition_mut(&mut self, partition: &TopicPartition) -> Option<&mut Partition> {
        self.topics.get_mut(&partition.topic)?.partition_mut(partition.partition)
    }

    /// `Retry` where the cluster is not reached by a call of the [`Log`](crate::log::Log).
    pub(super) fn reach(&mut self, call: Call, who: &str, operation: &'static str) -> Result<(), LogError> {
        match self.faults.next(call, who) {
            Some(Fault::Unavailable) => Err(LogError::Retry(Failure::new(operation, "the cluster cannot be reached"))),
            _ => Ok(()),
        }
    }

    pub(super) fn create(&mut self, spec: &TopicSpec) -> Result<(), LogError> {
        if let Some(reason) = refusal(spec) {
            return Err(LogError::Fatal(Failure::new("create topics", format!("{}: {reason}", spec.name))));
        }
        if !self.topics.contains_key(&spec.name) {
            self.insert_topic(spec.clone());
        }
        Ok(())
    }

    /// Puts an empty topic with a new id in the place of the old one. False where there is none.
    pub(super) fn recreate(&mut self, name: &str) -> bool {
        let old = self.topics.remove(name);
        old.map(|topic| self.insert_topic(topic.spec)).is_some()
    }

    fn insert_topic(&mut self, spec: TopicSpec) {
        self.last_topic_id += 1;
        self.topics.insert(spec.name.clone(), Topic::new(self.last_topic_id, spec));
    }

    pub(super) fn describe(&self, name: &str) -> Option<TopicDescription> {
        self.topics.get(name).map(Topic::describe)
    }

    /// Lets time pass: what is under way arrives, transactions and sessions expire.
    pub(super) fn advance(&mut self, ms: i64) {
        self.now_ms = self.now_ms.saturating_add(ms);
        self.finish_all();
        self.deliver_delayed();
        self.expire_transactions();
        self.expire_members();
    }
}

/// Why a topic cannot be created, by Kafka's rules.
fn refusal(spec: &TopicSpec) -> Option<&'static str> {
    let name = spec.name.as_str();
    let legal = |character: char| character.is_ascii_alphanumeric() || matches!(character, '.' | '_' | '-');
    if name.is_empty() || name.len() > LONGEST_TOPIC_NAME || matches!(name, "." | "..") || !name.chars().all(legal) {
        Some("the name is not a topic's")
    } else if spec.partitions == 0 {
        Some("a topic has at least one partition")
    } else if spec.replication == Some(0) {
        Some("a partition has at least one copy")
    } else {
        None
    }
}
