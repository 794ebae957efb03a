//! Why a worker stops, named by what to do about it.
//!
//! Whatever passes by itself, such as a cluster that cannot be reached, is no error of a worker: it waits.

use leadstream_store::StoreError;
use leadstream_wire::stored::StoredError;
use thiserror::Error;

use crate::log::{LogError, TopicPartition};

/// Why a worker stops. All its tasks are dropped without writing; nothing that was committed is lost.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum WorkerError {
    /// Another process has this worker's identity. Give each process an instance id of its own.
    #[error("another process uses the identity {identity}: give each instance a name of its own ({reason})")]
    Fenced {
        /// The identity.
        identity: String,
        /// The reason as the log gave it.
        reason: String,
    },
    /// The log refuses what does not heal by itself.
    #[error("the log refuses to {0}")]
    Log(String),
    /// The local store fails.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Stored bytes cannot be read.
    #[error("{place}: {error}")]
    Stored {
        /// Where they are.
        place: String,
        /// What is wrong.
        error: StoredError,
    },
    /// Erased ids were hashed under another key, so that nothing blocks them.
    #[error(
        "task {task}: the people erased so far are remembered under another key than the one configured (privacy.erasure_key_file): give it the one of \
         before, or their late events would bring them back"
    )]
    ErasureKeyDiffers {
        /// The task.
        task: u32,
    },
    /// A keyed source is not keyed by the contact.
    #[error(
        "{partition} offset {offset}: contact {contact:?} belongs in partition {expected}, so the source is not keyed by the contact as Kafka's \
         clients do it (murmur2): re-key this source (keyed: false)"
    )]
    NotKeyed {
        /// Where the record was read.
        partition: TopicPartition,
        /// At which offset.
        offset: u64,
        /// Whose it is.
        contact: String,
        /// Where it belongs.
        expected: u32,
    },
    /// Records were deleted before they were read.
    #[error(
        "{partition}: {records} records were deleted before they were read (the next one wanted is {wanted}, the first one there {start}); \
         raise the topic's retention, or accept the loss (accept_lost_input) to go on behind it"
    )]
    InputLost {
        /// Where.
        partition: TopicPartition,
        /// The next offset wanted.
        wanted: u64,
        /// The first offset there.
        start: u64,
        /// How many.
        records: u64,
    },
    /// An input ends before what was read of it.
    #[error(
        "{partition} ends at offset {end}, but everything before {wanted} was read already: the topic was truncated or created anew; reset the \
         application, or restore the topic"
    )]
    InputTruncated {
        /// Where.
        partition: TopicPartition,
        /// The next offset wanted.
        wanted: u64,
        /// Where the partition ends.
        end: u64,
    },
    /// An input is not the topic that was read.
    #[error(
        "{partition}: the topic was deleted and created again since everything before offset {wanted} was read of it, so its records cannot be told \
         from those read already; accept that what was not read of the old one is lost (engine.accept_lost_input: true for one start) to read the new \
         one from its first record, or reset the application (leadstream reset)"
    )]
    InputReplaced {
        /// Where.
        partition: TopicPartition,
        /// The next offset wanted of the topic that was read.
        wanted: u64,
    },
    /// Committed offsets and redo disagree.
    #[error(
        "task {task}: {partition} was committed up to offset {committed} by the group, but up to {redo} by the redo log (epoch {epoch}): \
         somebody changed the group's offsets; put them back, or reset the application"
    )]
    OffsetsDisagree {
        /// The task.
        task: u32,
        /// The input.
        partition: TopicPartition,
        /// The group's next offset.
        committed: u64,
        /// The redo log's next offset.
        redo: u64,
        /// The redo log's last epoch.
        epoch: u64,
    },
    /// The redo log is behind the group's offsets, or behind the changelog.
    #[error(
        "task {task}: epoch {committed} was committed, but the redo log ends with {found}: the topic {topic} was deleted or lost records; \
         restore it, or reset the application (leadstream reset)"
    )]
    RedoLost {
        /// The task.
        task: u32,
        /// The redo topic.
        topic: String,
        /// The epoch in the group's metadata, or in the changelog.
        committed: u64,
        /// The redo log's last epoch, 0 where it has none.
        found: u64,
    },
    /// The changelog is not the one that the task's contacts were written to.
    #[error(
        "task {task}: the topic {topic} was deleted and created again, and with it went the contacts that it had for the epochs up to {covered}; the \
         redo log has only later changes and cannot bring them back: reset the application (leadstream reset)"
    )]
    ChangelogLost {
        /// The task.
        task: u32,
        /// The changelog.
        topic: String,
        /// The redo log leaves the epochs up to this one to the changelog.
        covered: u64,
    },
    /// A topic is another one than when the worker began.
    #[error(
        "the topic {topic} was deleted and created again, or lost its end, while it was in use: start again, which goes on where nothing was lost and \
         otherwise says what"
    )]
    TopicReplaced {
        /// The topic.
        topic: String,
    },
    /// A partition's stable end does not move.
    #[error(
        "{partition} cannot be read beyond offset {position} (it ends at {end}): a transaction hangs there; find and abort it \
         (kafka-transactions.sh find-hanging)"
    )]
    HangingTransaction {
        /// Where.
        partition: TopicPartition,
        /// How far it could be read.
        position: u64,
        /// Where it ends.
        end: u64,
    },
    /// A topic has not as many partitions as there are tasks.
    #[error(
        "topic {topic} has {found} partitions, the application was made with {expected}: the number cannot change; create it anew or reset the application"
    )]
    PartitionsChanged {
        /// The topic.
        topic: String,
        /// What it has.
        found: u32,
        /// What it should have.
        expected: u32,
    },
    /// A topic is missing.
    #[error("topic {topic} does not exist: create the topics first")]
    TopicMissing {
        /// The topic.
        topic: String,
    },
    /// A task was under a plan set that the topic of plans does not hold.
    #[error(
        "task {task} has been under plan set {ordinal}, which the topic of plans does not hold: the topic was deleted or lost records; restore it, \
         or reset the application"
    )]
    PlansLost {
        /// The task.
        task: u32,
        /// The set.
        ordinal: u64,
    },
    /// A plan set is not the one that a task was under.
    #[error(
        "task {task} has been under other plans than the topic of plans says (up to plan set {ordinal}): the topic was deleted and written anew; restore \
         it, or reset the application"
    )]
    PlansDiffer {
        /// The task.
        task: u32,
        /// The newest set that it was under.
        ordinal: u64,
    },
    /// The plans in force are none that this program can follow.
    #[error("{0}")]
    Plans(String),
    /// A contact is larger than a record may be, although everything in it is bounded: the topic takes less than the bounds were made for.
    #[error(
        "contact {contact:?} needs {bytes} bytes, a record may have {limit}: raise the topic's max.message.bytes and record_bytes"
    )]
    ContactTooLarge {
        /// Whose.
        contact: String,
        /// The size of its record.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
}

impl WorkerError {
    /// The worker's error for an error of the log that a repetition does not heal.
    pub(crate) fn of_log(identity: &str, error: &LogError) -> WorkerError {
        match error {
            LogError::Fenced(failure) => {
                WorkerError::Fenced { identity: identity.to_owned(), reason: failure.to_string() }
            }
            error => WorkerError::Log(error.to_string()),
        }
    }
}
