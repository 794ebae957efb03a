//! The log as the runtime sees it: traits, plain data and errors.
//!
//! Owns the contract between a worker and a log of partitions with consumer groups and transactions. Kafka is one such log (crate
//! `leadstream-kafka`), the deterministic in-memory model is another; one suite of tests runs against both. It never names a client library,
//! reads no clock and starts no thread.
//!
//! Who holds what: [`Log`] is the cluster, shared by all threads. A worker is one OS thread and owns one [`Membership`] (which tasks are mine),
//! one [`Reader`] over all its inputs, and one [`Producer`] (its transactions). A restore or a standby owns a [`Reader`] of its own. Every call is
//! synchronous; a timeout bounds how long a call may wait, and an in-memory log does not wait at all.
//!
//! Invariants that every implementation keeps and the common suite tests:
//! 1. A record of a transaction is seen by a `ReadCommitted` reader after its commit, with all others of it, or never.
//! 2. A commit carries the offsets of the inputs and the [`Membership::token`] of its tasks. One that carries an outdated token fails and
//!    shows nothing: a late worker gets an error, never `Ok`.
//! 3. Offsets are never negative here. "There is none" is `None`: a log that cannot tell says [`LogError::Retry`], so that an unavailable
//!    coordinator is not mistaken for a new group.
//! 4. Inside a partition a reader delivers ascending offsets without repeats, from where it was started; gaps are transaction markers,
//!    aborted records and compaction.

mod error;
mod membership;
pub mod model;
mod partitioner;
mod producer;
mod reader;
mod topic;

pub use error::{Failure, LogError};
pub use membership::{Membership, MembershipEvent, MembershipOptions};
pub use partitioner::{murmur2, partition_for_key};
pub use producer::{
    Committed, Destination, Ends, InputOffset, OutputRecord, ProducedOffset, Producer, ProducerOptions,
};
pub use reader::{
    Header, HeaderSource, Isolation, NO_HEADERS, Progress, ReadStart, ReadSummary, Reader, ReaderOptions,
    ReaderPartition, ReaderProblem, Record, RecordProblem, Timestamp, TimestampKind,
};
pub use topic::{CleanupPolicy, TopicDescription, TopicSpec};

use std::fmt::Debug;

/// Index of a topic in the list of topics that a reader or a producer was opened with.
///
/// Records name their topic by it, so that no string is compared or allocated per record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicIndex(pub u16);

/// A partition of a topic, by name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicPartition {
    /// Name of the topic.
    pub topic: String,
    /// Partition number, from 0.
    pub partition: u32,
}

impl TopicPartition {
    /// Partition `partition` of `topic`.
    pub fn new(topic: impl Into<String>, partition: u32) -> Self {
        Self { topic: topic.into(), partition }
    }
}

impl std::fmt::Display for TopicPartition {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}[{}]", self.topic, self.partition)
    }
}

/// An offset that a group has committed, with the metadata committed beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommittedOffset {
    /// The next offset to read: last consumed + 1.
    pub next_offset: u64,
    /// Whatever the committer wrote; empty where it wrote nothing.
    pub metadata: String,
}

/// Where a partition begins and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionBounds {
    /// The first offset that can still be read.
    pub start_offset: u64,
    /// The offset that the next record will get, open and aborted transactions included (`read_uncommitted`). A restore that reads
    /// `read_committed` up to this offset misses no transaction that had committed when it was taken; the last *stable* offset may
    /// lag behind a committed transaction and would end a restore too early.
    pub end_offset: u64,
}

/// A cluster: opens handles and answers questions. Shared by all threads of a process.
///
/// Errors: the methods here return [`LogError::Retry`] while the cluster cannot be reached or cannot tell, and [`LogError::Fatal`] for what
/// a repetition does not heal (a missing topic or right, a refused setting).
pub trait Log: Send + Sync + 'static {
    /// Proof of ownership, captured at an assignment and shown at each commit.
    type Token: Clone + Debug + Send + Sync + 'static;
    /// A member of a consumer group.
    type Membership: Membership<Token = Self::Token>;
    /// An assign-only consumer.
    type Reader: Reader;
    /// A transactional producer.
    type Producer: Producer<Token = Self::Token>;

    /// Joins a group as a static member. Returns at once; the first assignment arrives through [`Membership::poll`].
    ///
    /// # Errors
    /// [`LogError::Fatal`] where the settings are refused.
    fn join(&self, options: &MembershipOptions) -> Result<Self::Membership, LogError>;

    /// Opens a reader without partitions.
    ///
    /// # Errors
    /// [`LogError::Fatal`] where the settings are refused.
    fn open_reader(&self, options: &ReaderOptions) -> Result<Self::Reader, LogError>;

    /// Opens a producer and initialises its transactions: every older producer with this transactional id is fenced, and what it left open is
    /// aborted, before this returns.
    ///
    /// # Errors
    /// [`LogError::Retry`] while the transaction coordinator cannot be reached, [`LogError::Fatal`] where it refuses.
    fn open_producer(&self, options: &ProducerOptions) -> Result<Self::Producer, LogError>;

    /// What the group has committed for each of the partitions, in their order: `None` where it has committed nothing. Stable: an
    /// offset inside a transaction whose outcome is open is never reported, the call waits or answers [`LogError::Retry`].
    ///
    /// # Errors
    /// See the trait.
    fn committed(&self, group: &str, partitions: &[TopicPartition]) -> Result<Vec<Option<CommittedOffset>>, LogError>;

    /// The bounds of each of the partitions, in their order.
    ///
    /// # Errors
    /// See the trait; a partition that does not exist is [`LogError::Fatal`].
    fn bounds(&self, partitions: &[TopicPartition]) -> Result<Vec<PartitionBounds>, LogError>;

    /// Where to begin in each of the partitions, in their order, to miss no record whose timestamp (milliseconds since 1970) is at or after
    /// the instant beside it: `None` where there is none such. What lies behind the offset may be older all the same: producers write timestamps in any
    /// order, and a transaction's marker has the time of its commit.
    ///
    /// # Errors
    /// See the trait; a partition that does not exist is [`LogError::Fatal`].
    fn offsets_for_times(&self, instants: &[(TopicPartition, i64)]) -> Result<Vec<Option<u64>>, LogError>;

    /// Deletes what lies before the given offsets; an offset at or before a partition's start deletes nothing there.
    ///
    /// # Errors
    /// See the trait; an offset past the end of its partition is [`LogError::Fatal`]. Repeating the call is harmless.
    fn delete_before(&self, cuts: &[(TopicPartition, u64)]) -> Result<(), LogError>;

    /// Describes topics, in their order: `None` where a topic does not exist. One may be named more than once.
    ///
    /// # Errors
    /// See the trait.
    fn describe(&self, topics: &[&str]) -> Result<Vec<Option<TopicDescription>>, LogError>;

    /// Creates topics and waits until they can be used. A topic that exists already is left as it is; compare with
    /// [`TopicSpec::differences`].
    ///
    /// # Errors
    /// See the trait.
    fn create(&self, topics: &[TopicSpec]) -> Result<(), LogError>;
}
