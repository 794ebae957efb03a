//! What a test does to a model cluster from outside: time, faults, and the accidents of operation.
//!
//! Nothing here is part of the contract. Methods that name a topic, a partition, a group or a member say whether it existed, so that a test
//! that misnames one can notice.

use std::time::Duration;

use super::ModelLog;
use super::faults::{FaultRates, Scripted};
use super::partition::StoredRecord;
use crate::log::{Header, Timestamp, TimestampKind, TopicPartition};

impl ModelLog {
    /// Lets time pass: late markers are written, delayed requests arrive, transactions and sessions past their timeouts end.
    pub fn advance(&self, time: Duration) {
        self.shared.lock().advance(i64::try_from(time.as_millis()).unwrap_or(i64::MAX));
    }

    /// The cluster's time in milliseconds since 1970.
    pub fn now_ms(&self) -> i64 {
        self.shared.lock().now_ms
    }

    /// Adds a fault to the script.
    ///
    /// # Panics
    /// For a fault that cannot happen at its call, or that happens never.
    pub fn script(&self, scripted: Scripted) {
        assert!(scripted.fault.fits(scripted.call), "{:?} does not happen at {:?}", scripted.fault, scripted.call);
        assert!(scripted.times > 0, "a fault that happens no time is none");
        self.shared.lock().faults.script(scripted);
    }

    /// How many entries of the script have not happened yet: a test that expects all faults ends with 0.
    pub fn scripted_left(&self) -> usize {
        self.shared.lock().faults.scripted_left()
    }

    /// Draws faults from now on, beside the script.
    pub fn draw_faults(&self, seed: u64, rates: FaultRates) {
        self.shared.lock().faults.seed(seed, rates);
    }

    /// The next `calls` calls of whatever kind, of whomever, do not reach the cluster.
    pub fn unavailable_for(&self, calls: u32) {
        self.shared.lock().faults.unavailable_for(calls);
    }

    /// Ends all faults, scripted and drawn. What is under way stays so.
    pub fn clear_faults(&self) {
        self.shared.lock().faults.clear();
    }

    /// Lets delayed requests arrive (see [`Fate::Delayed`](super::Fate::Delayed)) and returns how many were carried out; those of fenced
    /// producers are not.
    pub fn deliver_delayed(&self) -> usize {
        self.shared.lock().deliver_delayed()
    }

    /// Writes late markers (see [`Fault::LateMarkers`](super::Fault::LateMarkers)).
    pub fn write_markers(&self) {
        self.shared.lock().finish_all();
    }

    /// Starts a rebalance: a new generation as soon as every member has answered its last event.
    pub fn rebalance(&self, group: &str) {
        self.shared.lock().group_mut(group).request_rebalance();
    }

    /// Holds rebalances of the group back, or lets them go on.
    pub fn hold_rebalances(&self, group: &str, held: bool) {
        self.shared.lock().group_mut(group).hold_rebalances(held);
    }

    /// Lets the session of a member run out, as after a long pause of its process. False where there is no such member.
    pub fn expire_session(&self, group: &str, instance_id: &str) -> bool {
        self.shared.lock().group_mut(group).expel(instance_id)
    }

    /// Forgets what a group has committed, as Kafka does days after it emptied. False where it had committed nothing.
    pub fn expire_offsets(&self, group: &str) -> bool {
        let mut cluster = self.shared.lock();
        let offsets = &mut cluster.group_mut(group).offsets;
        let had_any = !offsets.is_empty();
        offsets.clear();
        had_any
    }

    /// Compacts a topic: the last committed record of each key stays, and its tombstones unless they are dropped. False where there is none.
    pub fn compact(&self, topic: &str, drop_tombstones: bool) -> bool {
        let mut cluster = self.shared.lock();
        let Some(topic) = cluster.topics.get_mut(topic) else { return false };
        for partition in &mut topic.partitions {
            partition.compact(drop_tombstones);
        }
        true
    }

    /// Loses everything from `offset` on, as an unclean election of a leader does. False where there is no such partition.
    pub fn truncate(&self, partition: &TopicPartition, offset: u64) -> bool {
        let mut cluster = self.shared.lock();
        cluster.partition_mut(partition).map(|log| log.truncate(offset)).is_some()
    }

    /// Deletes a topic and creates it again: empty, with another id. False where there is none.
    pub fn recreate_topic(&self, topic: &str) -> bool {
        self.shared.lock().recreate(topic)
    }

    /// The id of this incarnation of a topic; a question that no fault meets. `None` where there is no such topic.
    pub fn topic_id(&self, topic: &str) -> Option<u128> {
        self.shared.lock().describe(topic)?.id
    }

    /// Changes a topic's `max.message.bytes`, as an operator may at any time. False where there is no such topic.
    pub fn set_max_message_bytes(&self, topic: &str, bytes: u32) -> bool {
        let mut cluster = self.shared.lock();
        cluster.topics.get_mut(topic).map(|topic| topic.spec.max_message_bytes = Some(bytes)).is_some()
    }

    /// Deletes a topic. False where there is none.
    pub fn delete_topic(&self, topic: &str) -> bool {
        self.shared.lock().topics.remove(topic).is_some()
    }

    /// Appends a record outside of any transaction, as foreign producers do, and returns its offset; `None` where there is no such
    /// partition. Without a timestamp the cluster's time is taken.
    pub fn append(
        &self,
        partition: &TopicPartition,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[Header<'_>],
        timestamp_ms: Option<i64>,
    ) -> Option<u64> {
        let mut cluster = self.shared.lock();
        let kind = cluster.topics.get(&partition.topic)?.timestamp_kind();
        let ms = timestamp_ms.filter(|_| kind == TimestampKind::CreateTime).unwrap_or(cluster.now_ms);
        let headers = headers.iter().map(|header| (header.name.to_owned(), header.value.map(<[u8]>::to_vec)));
        let record = StoredRecord {
            timestamp: Timestamp { ms, kind },
            key: key.map(<[u8]>::to_vec),
            value: value.map(<[u8]>::to_vec),
            headers: headers.collect(),
        };
        cluster.partition_mut(partition).map(|log| log.append(record, None))
    }
}
