//! Reading partitions: the inputs of a worker, and changelog and redo for restore and standby.
//!
//! A reader has exactly the partitions it was told to read, from the offsets it was told: no group deals them, nothing is committed, nothing is
//! reset by itself. It keeps its own positions.

use std::time::Duration;

use super::{LogError, TopicIndex};

/// Which records a reader sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Isolation {
    /// Those of committed transactions and those outside of any, up to the first open transaction.
    #[default]
    ReadCommitted,
    /// All. For tools and tests.
    ReadUncommitted,
}

/// How to open a reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReaderOptions {
    /// The topics it may read; [`TopicIndex`] counts in this list.
    pub topics: Vec<String>,
    /// Which records it sees.
    pub isolation: Isolation,
    /// Most bytes fetched ahead.
    pub buffer_bytes: usize,
    /// Who reads, for the cluster's logs; part of the client id.
    pub name: String,
}

/// A partition as a reader knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReaderPartition {
    /// Which of the reader's topics.
    pub topic: TopicIndex,
    /// Partition number.
    pub partition: u32,
}

/// Where to start reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadStart {
    /// The partition.
    pub partition: ReaderPartition,
    /// The offset of the first record wanted.
    pub offset: u64,
}

/// Where a record's timestamp comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestampKind {
    /// Set by the producer.
    CreateTime,
    /// Set by the broker when it appended the record.
    LogAppendTime,
}

/// A record's timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timestamp {
    /// Milliseconds since the epoch.
    pub ms: i64,
    /// Where it comes from.
    pub kind: TimestampKind,
}

/// A record header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header<'a> {
    /// Name; names may repeat in a record.
    pub name: &'a str,
    /// Value; may be null.
    pub value: Option<&'a [u8]>,
}

/// Headers that are parsed when asked for.
pub trait HeaderSource {
    /// The header at `index`, in the record's order; `None` behind the last one. A name that is not UTF-8 reads as an empty one.
    fn header(&self, index: usize) -> Option<Header<'_>>;
}

impl HeaderSource for [Header<'_>] {
    fn header(&self, index: usize) -> Option<Header<'_>> {
        self.get(index).copied()
    }
}

impl HeaderSource for Vec<(String, Option<Vec<u8>>)> {
    fn header(&self, index: usize) -> Option<Header<'_>> {
        self.get(index).map(|(name, value)| Header { name, value: value.as_deref() })
    }
}

struct NoHeaders;

impl HeaderSource for NoHeaders {
    fn header(&self, _index: usize) -> Option<Header<'_>> {
        None
    }
}

/// No headers, for records made in tests and replays.
pub const NO_HEADERS: &dyn HeaderSource = &NoHeaders;

/// A record, borrowed from the reader's buffers for the time of one visit.
#[derive(Clone, Copy)]
pub struct Record<'a> {
    /// Which of the reader's topics.
    pub topic: TopicIndex,
    /// Partition number.
    pub partition: u32,
    /// Offset in the partition.
    pub offset: u64,
    /// Timestamp; `None` only for records in formats that had none.
    pub timestamp: Option<Timestamp>,
    /// Key; may be null.
    pub key: Option<&'a [u8]>,
    /// Value; null is a tombstone.
    pub value: Option<&'a [u8]>,
    /// Headers, parsed when asked for.
    pub headers: &'a dyn HeaderSource,
}

/// What a reader met in a partition instead of records. The partition stands still until it is started again or stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReaderProblem {
    /// The partition.
    pub partition: ReaderPartition,
    /// The next offset wanted when it happened.
    pub position: u64,
    /// What happened.
    pub problem: RecordProblem,
    /// The reason as the log gave it.
    pub reason: String,
}

/// Kinds of [`ReaderProblem`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordProblem {
    /// The position is not inside the partition any more, or not yet: deleted, truncated, recreated.
    OutOfRange,
    /// The topic or partition does not exist.
    Missing,
    /// The right to read is missing.
    NotAuthorized,
    /// The log holds bytes that cannot be read: a checksum that fails, a codec nobody knows.
    Unreadable,
}

/// What one [`Reader::read`] did.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ReadSummary {
    /// How many records were visited.
    pub records: usize,
    /// What stands still.
    pub problems: Vec<ReaderProblem>,
}

/// How far a reader is in a partition. From the reader's memory, without asking the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The next offset to read: every record before it that the isolation shows was visited, and transaction markers and aborted records
    /// right behind the last one are skipped as soon as the log says so. Commit a *visited record's* offset + 1, not this.
    pub position: u64,
    /// The end of the partition (`read_uncommitted`) as of the last answer of the cluster; `None` before the first one.
    pub end_offset: Option<u64>,
    /// True when the cluster said that nothing readable lies at or behind `position`, and nothing was visited since.
    pub caught_up: bool,
}

impl Progress {
    /// Offsets still to read, as far as known: 0 when caught up. Counts offsets, markers included.
    pub fn lag(&self) -> Option<u64> {
        if self.caught_up { Some(0) } else { self.end_offset.map(|end| end.saturating_sub(self.position)) }
    }
}

/// An assign-only consumer, owned by one thread. Dropping it never hangs.
pub trait Reader: Send {
    /// Starts reading partitions, or moves them if they are being read: after this returns, records come from the given offsets only. A
    /// paused partition stays paused. An offset outside of the partition shows as a problem at a later read.
    ///
    /// # Errors
    /// [`LogError::Fatal`] for a topic index that does not exist and where the client refuses.
    fn start(&mut self, starts: &[ReadStart]) -> Result<(), LogError>;

    /// Stops reading partitions and forgets them; those not being read are ignored. No record of them is visited after this returns.
    ///
    /// # Errors
    /// [`LogError::Fatal`] where the client refuses.
    fn stop(&mut self, partitions: &[ReaderPartition]) -> Result<(), LogError>;

    /// Holds partitions back: they keep their position, and no record of them is visited until they are resumed. What was fetched ahead is
    /// dropped and fetched again, so pause rarely. Pausing twice is pausing.
    ///
    /// # Errors
    /// [`LogError::Fatal`] for a partition that is not being read.
    fn pause(&mut self, partitions: &[ReaderPartition]) -> Result<(), LogError>;

    /// Lets paused partitions go on from their position. Resuming what is not paused does nothing.
    ///
    /// # Errors
    /// [`LogError::Fatal`] for a partition that is not being read.
    fn resume(&mut self, partitions: &[ReaderPartition]) -> Result<(), LogError>;

    /// Visits at most `max_records` records. Waits for at most `timeout` for the first one, and for no other. Records of one partition come in
    /// the order of their offsets; those of different partitions in any order, in runs.
    ///
    /// # Errors
    /// [`LogError::Fatal`] where the client is broken. A cluster that cannot be reached is not an error here: nothing is visited.
    fn read(
        &mut self,
        max_records: usize,
        timeout: Duration,
        visit: &mut dyn FnMut(&Record<'_>),
    ) -> Result<ReadSummary, LogError>;

    /// How far the reader is in a partition; `None` where it does not read it.
    fn progress(&self, partition: ReaderPartition) -> Option<Progress>;
}
