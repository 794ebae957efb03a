//! Where a produced record goes and how it is kept, or why it is refused.
//!
//! Owns the checks that a client and a broker make of one record. Never changes anything: whether the transaction suffers is the producer's.

use super::cluster::Cluster;
use super::partition::StoredRecord;
use crate::log::{
    Destination, Failure, LogError, OutputRecord, Timestamp, TimestampKind, TopicPartition, partition_for_key,
};

/// librdkafka's default of `message.max.bytes`. A client refuses larger records itself; what is too large for its topic is sent, and the
/// refusal shows at the commit.
const LARGEST_RECORD_BYTES: usize = 1_000_000;

/// A record on its way to a partition that exists.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) partition: TopicPartition,
    pub(super) record: StoredRecord,
    /// The cluster will refuse it when it arrives.
    pub(super) is_too_large: bool,
}

/// Places a record of a producer of `topics`. Records without a key go to the partitions in turn.
pub(super) fn place(
    cluster: &Cluster,
    topics: &[String],
    record: &OutputRecord<'_>,
    turn: u32,
) -> Result<Placed, LogError> {
    let refused = |reason: String| LogError::AbortAndRewind(Failure::new("produce", reason));
    let fatal = |reason: String| LogError::Fatal(Failure::new("produce", reason));
    let Some(name) = topics.get(usize::from(record.topic.0)) else {
        return Err(fatal(format!("{:?} is not among the producer's topics", record.topic)));
    };
    let topic = cluster.topics.get(name).ok_or_else(|| refused(format!("topic {name} does not exist")))?;
    let partition = match (record.destination, record.key) {
        (Destination::Partition(partition), _) => partition,
        (Destination::ByKey, Some(key)) => partition_for_key(key, topic.spec.partitions),
        (Destination::ByKey, None) => turn % topic.spec.partitions,
    };
    if topic.partition(partition).is_none() {
        return Err(refused(format!("{name}[{partition}] does not exist")));
    }
    if topic.requires_keys() && record.key.is_none() {
        return Err(refused(format!("{name} is compacted and takes no record without a key")));
    }
    let ms = match topic.timestamp_kind() {
        TimestampKind::CreateTime => record.timestamp_ms.unwrap_or(cluster.now_ms),
        TimestampKind::LogAppendTime => cluster.now_ms,
    };
    let headers = record.headers.iter().map(|header| (header.name.to_owned(), header.value.map(<[u8]>::to_vec)));
    let stored = StoredRecord {
        timestamp: Timestamp { ms, kind: topic.timestamp_kind() },
        key: record.key.map(<[u8]>::to_vec),
        value: record.value.map(<[u8]>::to_vec),
        headers: headers.collect(),
    };
    if stored.size_bytes() > LARGEST_RECORD_BYTES {
        return Err(fatal(format!("a record of {} bytes is too large to be sent", stored.size_bytes())));
    }
    let is_too_large = stored.size_bytes() > usize::try_from(topic.max_message_bytes()).unwrap_or(usize::MAX);
    Ok(Placed { partition: TopicPartition::new(name.clone(), partition), record: stored, is_too_large })
}
