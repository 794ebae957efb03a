//! What topics should be and what they are.
//!
//! Owns the comparison in words; never talks to a cluster.

use std::collections::BTreeMap;

/// How a topic forgets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CleanupPolicy {
    /// By age and size.
    Delete,
    /// All but the last record of each key.
    Compact,
    /// Both.
    CompactAndDelete,
}

impl CleanupPolicy {
    /// The value of `cleanup.policy`.
    pub fn as_config(self) -> &'static str {
        match self {
            Self::Delete => "delete",
            Self::Compact => "compact",
            Self::CompactAndDelete => "compact,delete",
        }
    }

    /// Reads the value of `cleanup.policy`; `None` for a value that is none.
    pub fn from_config(value: &str) -> Option<Self> {
        let words: Vec<&str> = value.split(',').map(str::trim).filter(|word| !word.is_empty()).collect();
        let known = words.iter().all(|word| matches!(*word, "delete" | "compact"));
        match (known, words.contains(&"compact"), words.contains(&"delete")) {
            (true, true, true) => Some(Self::CompactAndDelete),
            (true, true, false) => Some(Self::Compact),
            (true, false, true) => Some(Self::Delete),
            _ => None,
        }
    }
}

/// A topic as it is to be created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicSpec {
    /// Name.
    pub name: String,
    /// Number of partitions, at least 1.
    pub partitions: u32,
    /// Copies of each partition; `None`: the cluster's default.
    pub replication: Option<u16>,
    /// How it forgets.
    pub cleanup_policy: CleanupPolicy,
    /// How long records are kept, in milliseconds; `None`: for ever. Without meaning where the policy is `Compact`.
    pub retention_ms: Option<u64>,
    /// Largest batch of records, in bytes; `None`: the cluster's default. Compared as a minimum.
    pub max_message_bytes: Option<u32>,
    /// Further settings by name, such as `delete.retention.ms`; compared literally.
    pub settings: BTreeMap<String, String>,
}

/// A topic as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicDescription {
    /// Name.
    pub name: String,
    /// The cluster's id of this incarnation of the topic, where it can be had: a topic deleted and created again has another one.
    pub id: Option<u128>,
    /// Number of partitions.
    pub partitions: u32,
    /// Copies of each partition.
    pub replication: u16,
    /// How it forgets; `None` for a policy that is not known here.
    pub cleanup_policy: Option<CleanupPolicy>,
    /// How long records are kept, in milliseconds; `None`: for ever.
    pub retention_ms: Option<u64>,
    /// Largest batch of records, in bytes.
    pub max_message_bytes: u32,
    /// Every setting of the topic by name, defaults included.
    pub settings: BTreeMap<String, String>,
}

impl TopicSpec {
    /// In words, how a topic differs from what it should be; empty where it serves. Longer retention, larger messages and more or fewer copies are no
    /// differences.
    pub fn differences(&self, is: &TopicDescription) -> Vec<String> {
        let mut differences = Vec::new();
        if is.partitions != self.partitions {
            differences.push(format!("has {} partitions, needs {}", is.partitions, self.partitions));
        }
        if is.cleanup_policy != Some(self.cleanup_policy) {
            let policy = is.cleanup_policy.map_or_else(
                || is.settings.get("cleanup.policy").cloned().unwrap_or_default(),
                |policy| policy.as_config().to_owned(),
            );
            differences.push(format!("has cleanup.policy={policy}, needs {}", self.cleanup_policy.as_config()));
        }
        if self.cleanup_policy != CleanupPolicy::Compact {
            differences.extend(self.retention_difference(is.retention_ms));
        }
        if let Some(needed) = self.max_message_bytes.filter(|needed| is.max_message_bytes < *needed) {
            differences.push(format!("has max.message.bytes={}, needs at least {needed}", is.max_message_bytes));
        }
        for (name, needed) in &self.settings {
            match is.settings.get(name) {
                Some(value) if value == needed => {}
                Some(value) => differences.push(format!("has {name}={value}, needs {needed}")),
                None => differences.push(format!("has no {name}, needs {needed}")),
            }
        }
        differences
    }

    fn retention_difference(&self, is: Option<u64>) -> Option<String> {
        let is = is?;
        match self.retention_ms {
            Some(needed) if is >= needed => None,
            Some(needed) => Some(format!("has retention.ms={is}, needs at least {needed}")),
            None => {
                Some(format!("has retention.ms={is}, needs -1: records carry event time and old ones would be deleted"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> TopicSpec {
        TopicSpec {
            name: "leadstream.contacts".to_owned(),
            partitions: 4,
            replication: None,
            cleanup_policy: CleanupPolicy::Delete,
            retention_ms: None,
            max_message_bytes: Some(1_000_000),
            settings: BTreeMap::from([("min.insync.replicas".to_owned(), "2".to_owned())]),
        }
    }

    fn description() -> TopicDescription {
        TopicDescription {
            name: "leadstream.contacts".to_owned(),
            id: None,
            partitions: 4,
            replication: 3,
            cleanup_policy: Some(CleanupPolicy::Delete),
            retention_ms: None,
            max_message_bytes: 2_000_000,
            settings: BTreeMap::from([("min.insync.replicas".to_owned(), "2".to_owned())]),
        }
    }

    #[test]
    fn a_topic_that_serves_has_no_differences() {
        assert_eq!(spec().differences(&description()), Vec::<String>::new());
    }

    #[test]
    fn every_difference_is_said_in_words() {
        let is = TopicDescription {
            partitions: 3,
            cleanup_policy: Some(CleanupPolicy::Compact),
            retention_ms: Some(604_800_000),
            max_message_bytes: 999,
            settings: BTreeMap::new(),
            ..description()
        };
        assert_eq!(
            spec().differences(&is),
            [
                "has 3 partitions, needs 4",
                "has cleanup.policy=compact, needs delete",
                "has retention.ms=604800000, needs -1: records carry event time and old ones would be deleted",
                "has max.message.bytes=999, needs at least 1000000",
                "has no min.insync.replicas, needs 2",
            ]
        );
    }

    #[test]
    fn retention_longer_than_needed_serves_and_shorter_does_not() {
        let needs_a_day = TopicSpec { retention_ms: Some(86_400_000), ..spec() };
        assert!(needs_a_day.differences(&description()).is_empty());
        let keeps_an_hour = TopicDescription { retention_ms: Some(3_600_000), ..description() };
        assert_eq!(needs_a_day.differences(&keeps_an_hour), ["has retention.ms=3600000, needs at least 86400000"]);
    }

    #[test]
    fn a_compacted_topic_is_not_judged_by_its_retention() {
        let changelog = TopicSpec { cleanup_policy: CleanupPolicy::Compact, ..spec() };
        let is = TopicDescription {
            cleanup_policy: Some(CleanupPolicy::Compact),
            retention_ms: Some(604_800_000),
            ..description()
        };
        assert!(changelog.differences(&is).is_empty());
    }

    #[test]
    fn cleanup_policies_are_read_in_either_order_and_unknown_ones_are_none() {
        assert_eq!(CleanupPolicy::from_config("delete, compact"), Some(CleanupPolicy::CompactAndDelete));
        assert_eq!(CleanupPolicy::from_config("compact,delete"), Some(CleanupPolicy::CompactAndDelete));
        assert_eq!(CleanupPolicy::from_config("compact"), Some(CleanupPolicy::Compact));
        assert_eq!(CleanupPolicy::from_config("delete"), Some(CleanupPolicy::Delete));
        assert_eq!(CleanupPolicy::from_config("shred"), None);
        assert_eq!(CleanupPolicy::from_config(""), None);
    }
}
