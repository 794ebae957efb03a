//! A cluster in memory: the whole contract of [`crate::log`], deterministic, with the faults a real one has.
//!
//! Owns what Kafka promises a worker: partitions with transaction markers and a last stable offset, fencing by transactional id, groups with
//! static members and generations, stable offsets, compaction. It never waits, starts no thread, reads no clock and draws no random number
//! of its own: time passes when a test says so ([`ModelLog::advance`]), and faults come from a script or a seed ([`Scripted`],
//! [`FaultRates`]). Equal calls give equal answers.
//!
//! Where Kafka leaves something open, the model takes the less convenient side: a generation moves as soon as all members have answered, a
//! reader learns that it has caught up only from a read that finds nothing, a call out of order is fatal.
//!
//! A crash is dropping handles: members say no farewell, an open transaction stays open until its transactional id is opened again or its
//! timeout has passed.

mod cluster;
mod control;
mod faults;
mod group;
mod membership;
mod partition;
mod placement;
mod producer;
mod reader;
mod transactions;

pub use faults::{Call, Fate, Fault, FaultRates, Scripted};
pub use group::ModelToken;
pub use membership::ModelMembership;
pub use producer::ModelProducer;
pub use reader::ModelReader;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{
    CommittedOffset, Failure, Log, LogError, MembershipOptions, PartitionBounds, ProducerOptions, ReaderOptions,
    TopicDescription, TopicPartition, TopicSpec,
};
use cluster::Cluster;

/// How long the model's patience lasts, and when its time begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelOptions {
    /// Time of the cluster at the beginning, in milliseconds since 1970.
    pub start_ms: i64,
    /// How long after the end of its process a member keeps its tasks.
    pub session_timeout_ms: i64,
    /// How long a member may go without polling.
    pub max_poll_interval_ms: i64,
}

impl Default for ModelOptions {
    fn default() -> Self {
        Self { start_ms: 1_700_000_000_000, session_timeout_ms: 10_000, max_poll_interval_ms: 300_000 }
    }
}

/// The cluster's state, shared by its handles.
#[derive(Debug, Clone)]
struct Shared(Arc<Mutex<Cluster>>);

impl Shared {
    /// Every change is made whole while the lock is held, so a panic of another holder leaves nothing half done.
    fn lock(&self) -> MutexGuard<'_, Cluster> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A cluster in memory. A clone is another client of the same cluster.
#[derive(Debug, Clone)]
pub struct ModelLog {
    shared: Shared,
}

impl ModelLog {
    /// An empty cluster.
    pub fn new(options: ModelOptions) -> Self {
        Self { shared: Shared(Arc::new(Mutex::new(Cluster::new(options)))) }
    }
}

impl Default for ModelLog {
    fn default() -> Self {
        Self::new(ModelOptions::default())
    }
}

impl Log for ModelLog {
    type Token = ModelToken;
    type Membership = ModelMembership;
    type Reader = ModelReader;
    type Producer = ModelProducer;

    fn join(&self, options: &MembershipOptions) -> Result<ModelMembership, LogError> {
        if options.group.is_empty() || options.instance_id.is_empty() {
            return Err(LogError::Fatal(Failure::new("join group", "the group or the instance id is empty")));
        }
        Ok(ModelMembership::new(self.shared.clone(), options.clone()))
    }

    fn open_reader(&self, options: &ReaderOptions) -> Result<ModelReader, LogError> {
        Ok(ModelReader::new(self.shared.clone(), options.clone()))
    }

    fn open_producer(&self, options: &ProducerOptions) -> Result<ModelProducer, LogError> {
        ModelProducer::open(self.shared.clone(), options.clone())
    }

    fn committed(&self, group: &str, partitions: &[TopicPartition]) -> Result<Vec<Option<CommittedOffset>>, LogError> {
        const OPERATION: &str = "fetch committed offsets";
        let mut cluster = self.shared.lock();
        cluster.reach(Call::Committed, group, OPERATION)?;
        if let Some(unstable) = partitions.iter().find(|partition| cluster.transactions.is_unstable(group, partition)) {
            let reason = format!("the offset of {unstable} is inside an open transaction");
            return Err(LogError::Retry(Failure::new(OPERATION, reason)));
        }
        let offsets = cluster.groups.get(group).map(|group| &group.offsets);
        Ok(partitions.iter().map(|partition| offsets.and_then(|offsets| offsets.get(partition)).cloned()).collect())
    }

    fn bounds(&self, partitions: &[TopicPartition]) -> Result<Vec<PartitionBounds>, LogError> {
        let mut cluster = self.shared.lock();
        cluster.reach(Call::Admin, "", "fetch bounds")?;
        let bounds = |name: &TopicPartition| {
            cluster.partition(name).map(partition::Partition::bounds).ok_or_else(|| missing("fetch bounds", name))
        };
        partitions.iter().map(bounds).collect()
    }

    fn offsets_for_times(&self, instants: &[(TopicPartition, i64)]) -> Result<Vec<Option<u64>>, LogError> {
        const OPERATION: &str = "fetch offsets for times";
        let mut cluster = self.shared.lock();
        cluster.reach(Call::Admin, "", OPERATION)?;
        let offset = |(name, instant_ms): &(TopicPartition, i64)| {
            let partition = cluster.partition(name).ok_or_else(|| missing(OPERATION, name))?;
            Ok(partition.first_at_or_after(*instant_ms))
        };
        instants.iter().map(offset).collect()
    }

    fn delete_before(&self, cuts: &[(TopicPartition, u64)]) -> Result<(), LogError> {
        const OPERATION: &str = "delete records";
        let mut cluster = self.shared.lock();
        cluster.reach(Call::Admin, "", OPERATION)?;
        for (name, offset) in cuts {
            let end = cluster.partition(name).ok_or_else(|| missing(OPERATION, name))?.bounds().end_offset;
            if *offset > end {
                let reason = format!("offset {offset} is past the end {end} of {name}");
                return Err(LogError::Fatal(Failure::new(OPERATION, reason)));
            }
        }
        for (name, offset) in cuts {
            if let Some(partition) = cluster.partition_mut(name) {
                partition.delete_before(*offset);
            }
        }
        Ok(())
    }

    fn describe(&self, topics: &[&str]) -> Result<Vec<Option<TopicDescription>>, LogError> {
        let mut cluster = self.shared.lock();
        cluster.reach(Call::Admin, "", "describe topics")?;
        Ok(topics.iter().map(|topic| cluster.describe(topic)).collect())
    }

    fn create(&self, topics: &[TopicSpec]) -> Result<(), LogError> {
        let mut cluster = self.shared.lock();
        cluster.reach(Call::Admin, "", "create topics")?;
        topics.iter().try_for_each(|spec| cluster.create(spec))
    }
}

fn missing(operation: &'static str, partition: &TopicPartition) -> LogError {
    LogError::Fatal(Failure::new(operation, format!("{partition} does not exist")))
}
