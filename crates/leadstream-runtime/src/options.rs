//! What a worker is told: topics, limits, intervals. Every limit has a name here.

use std::path::PathBuf;
use std::time::Duration;

use leadstream_core::{ErasureKey, Span};
use leadstream_store::StoreMemory;

/// Where a source is read from that this group has never read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum StartPosition {
    /// From its first record.
    #[default]
    Earliest,
    /// From what arrives now on.
    Latest,
    /// From the first record whose timestamp is at or after this instant.
    At {
        /// Milliseconds since 1970.
        instant_ms: i64,
    },
}

/// What an input is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputKind {
    /// Keyed by the contact, with as many partitions as there are tasks: scored directly.
    Keyed,
    /// Keyed by anything, with any number of partitions: its events are written to the re-keyed topic.
    ToRekey,
    /// The re-keyed topic itself.
    Rekeyed,
    /// The topic of messages between ids, which the workers write themselves.
    Identities,
}

/// One input topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputOptions {
    /// The topic.
    pub topic: String,
    /// The cluster's id of it, where it can be had: a topic that was deleted and created again has another one.
    pub topic_id: Option<u128>,
    /// What it is.
    pub kind: InputKind,
    /// Its partitions; for keyed ones the number of tasks.
    pub partitions: u32,
    /// Where to begin the first time.
    pub start: StartPosition,
}

/// The runtime's own topics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topics {
    /// The topic of the group's membership, one partition a task.
    pub membership: String,
    /// Compacted: one record per contact.
    pub changelog: String,
    /// The cluster's id of the changelog, where it can be had.
    pub changelog_id: Option<u128>,
    /// The changelog's `delete.retention.ms`.
    pub changelog_delete_retention_ms: i64,
    /// Redo records, partition = task.
    pub redo: String,
    /// The re-keyed topic, if there are inputs to re-key.
    pub rekeyed: Option<String>,
    /// The topic of messages between ids, one partition a task; without one nobody is merged.
    pub identities: Option<String>,
}

/// Where the clock that fires timers comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockMode {
    /// Event time while a task lags, the wall clock less a slack once it has caught up.
    Wall {
        /// How far behind the wall clock, for events on their way.
        slack: Span,
    },
    /// Event time only, as in a replay: an idle partition stands still.
    Events,
}

/// When an epoch ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochLimits {
    /// After so long, in milliseconds.
    pub interval_ms: i64,
    /// After so many events.
    pub events: usize,
    /// After so many bytes of output.
    pub output_bytes: usize,
    /// After so many contacts, whatever touched them.
    pub contacts: usize,
    /// Contacts whose timers the clock fires in one step of a task.
    pub timers: usize,
    /// After so many contacts that their timers touched. They have a limit of their own, so that much input holds no timer up.
    pub timers_in_epoch: usize,
}

impl Default for EpochLimits {
    fn default() -> EpochLimits {
        EpochLimits {
            interval_ms: 100,
            events: 100_000,
            output_bytes: 16 << 20,
            contacts: 100_000,
            timers: 1_000,
            timers_in_epoch: 4_096,
        }
    }
}

/// How much redo may be uncovered, per task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriteBackLimits {
    /// A contact is written back when it has been dirty for so long, in milliseconds; 0: in each commit.
    pub interval_ms: i64,
    /// Earlier, where more events than this are uncovered.
    pub events: u64,
    /// Earlier, where more bytes of redo than this are uncovered.
    pub bytes: u64,
    /// At most so many contacts in one commit.
    pub contacts_per_commit: usize,
}

impl Default for WriteBackLimits {
    fn default() -> WriteBackLimits {
        WriteBackLimits { interval_ms: 10_000, events: 2_000_000, bytes: 256 << 20, contacts_per_commit: 20_000 }
    }
}

/// Everything a worker is told.
#[derive(Clone, Debug)]
pub struct WorkerOptions {
    /// A name for logs and client ids.
    pub name: String,
    /// The consumer group.
    pub group: String,
    /// The worker's static id in the group, the same after a restart.
    pub instance_id: String,
    /// The worker's transactional id, the same after a restart.
    pub transactional_id: String,
    /// A number that no other start of any worker has.
    pub writer: u64,
    /// The number of tasks: partitions of membership, changelog, redo, and of each keyed input.
    pub tasks: u32,
    /// The inputs.
    pub inputs: Vec<InputOptions>,
    /// The runtime's topics.
    pub topics: Topics,
    /// The folder of the stores; each task has one below it.
    pub state_folder: PathBuf,
    /// The memory of the stores.
    pub store_memory: StoreMemory,
    /// Bytes for decoded contacts.
    pub contacts_bytes: usize,
    /// Bytes that each of the readers fetches ahead.
    pub reader_bytes: usize,
    /// Most records that one step reads.
    pub read_records: usize,
    /// Records decoded ahead of the fold, per input partition.
    pub decoded_records: usize,
    /// When an epoch ends.
    pub epoch: EpochLimits,
    /// When contacts are written back.
    pub write_back: WriteBackLimits,
    /// Bytes of one part of a redo record.
    pub redo_part_bytes: usize,
    /// The largest changelog record, in bytes: below the topic's `max.message.bytes`. Rows of a larger contact go into its base.
    pub record_bytes: usize,
    /// The largest dead letter, in bytes: below its topic's `max.message.bytes`. Of a larger record the letter keeps a part.
    pub letter_bytes: usize,
    /// How long the order of a task's inputs waits for an input that lags, in milliseconds.
    pub order_wait_ms: i64,
    /// Where the clock of timers comes from.
    pub clock: ClockMode,
    /// How often watermarks are written while sources bring events, in milliseconds.
    pub watermark_interval_ms: i64,
    /// The longest pause between two watermarks of sources that bring nothing, in milliseconds.
    pub watermark_idle_interval_ms: i64,
    /// How often the redo topic is trimmed, in milliseconds.
    pub trim_interval_ms: i64,
    /// How long a transaction may take.
    pub transaction_timeout: Duration,
    /// A worker whose step lasts longer counts as stalled, in milliseconds.
    pub stalled_after_ms: i64,
    /// The key of the hashes under which erased ids are remembered. Never another one once somebody was erased.
    pub erasure_key: ErasureKey,
    /// Go on where input was deleted before it was read; counted. Otherwise it is an error.
    pub accept_lost_input: bool,
}
