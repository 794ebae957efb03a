//! What the worlds are made of: settings, the workers' options, topics, folders.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use leadstream_core::ErasureKey;
use leadstream_runtime::log::{CleanupPolicy, TopicSpec};
use leadstream_runtime::{
    ClockMode, EpochLimits, InputDecoder, InputKind, InputOptions, OutputEncoder, PlansInForce, StartPosition, Topics,
    WorkerOptions, WriteBackLimits,
};
use leadstream_store::StoreMemory;

use crate::codec::{TinyDecoder, TinyEncoder};

/// Tasks of the application.
pub(crate) const TASKS: u32 = 2;
/// Partitions of the source that is re-keyed.
pub(crate) const RAW_PARTITIONS: u32 = 3;

/// What reads and writes the records of a worker.
pub type Codec = (Box<dyn InputDecoder>, Box<dyn OutputEncoder>);

/// Makes the codec of each worker anew.
#[derive(Clone)]
pub struct Formats(Arc<dyn Fn() -> Codec>);

impl Formats {
    /// Made by a function.
    pub fn new(make: impl Fn() -> Codec + 'static) -> Formats {
        Formats(Arc::new(make))
    }

    pub(crate) fn make(&self) -> Codec {
        (self.0)()
    }
}

impl fmt::Debug for Formats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Formats")
    }
}

/// What differs between runs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What the records look like: the simulation's own tiny formats unless somebody has others.
    pub formats: Formats,
    /// The wall clock in the beginning, in milliseconds since 1970.
    pub start_ms: i64,
    /// The plans in force.
    pub plans: PlansInForce,
    /// Events come through the re-keyed topic instead of a keyed one.
    pub rekeyed: bool,
    /// Ids can be made one contact.
    pub identities: bool,
    /// How long contacts stay dirty.
    pub write_back_ms: i64,
    /// The secret of the key under which erased ids are remembered.
    pub erasure_secret: &'static str,
    /// Bytes of decoded contacts.
    pub contacts_bytes: usize,
    /// Bytes of one part of a redo record.
    pub redo_part_bytes: usize,
    /// The largest changelog record.
    pub record_bytes: usize,
    /// The largest dead letter.
    pub letter_bytes: usize,
    /// Where the source is begun that nobody has read.
    pub start: StartPosition,
    /// Go on where input is gone.
    pub accept_lost_input: bool,
    /// Where the clock of timers comes from.
    pub clock: ClockMode,
    /// How many contacts events are drawn for.
    pub contacts: u64,
    /// Events of redo that may be uncovered.
    pub uncovered_events: u64,
    /// Contacts whose timers one epoch may look at.
    pub timers_in_epoch: usize,
    /// Records that are read in one go.
    pub read_records: usize,
    /// By how many milliseconds the clock goes on whenever a worker looks at it, as if that much work lay between.
    pub tick_ms: i64,
}

impl Settings {
    /// Settings that let much happen within a short run.
    pub fn new(plans: PlansInForce) -> Settings {
        Settings {
            formats: Formats::new(|| (Box::new(TinyDecoder), Box::new(TinyEncoder))),
            start_ms: 1_700_000_000_000,
            plans,
            rekeyed: false,
            identities: false,
            write_back_ms: 500,
            erasure_secret: "simulation",
            contacts_bytes: 40_000,
            redo_part_bytes: 600,
            record_bytes: 900_000,
            letter_bytes: 900_000,
            start: StartPosition::Earliest,
            accept_lost_input: false,
            clock: ClockMode::Events,
            contacts: 12,
            uncovered_events: 2_000_000,
            timers_in_epoch: 4_096,
            read_records: 7,
            tick_ms: 0,
        }
    }
}

/// What the worker of an instance is told.
pub(crate) fn options(
    settings: &Settings,
    memory: StoreMemory,
    topic_id: impl Fn(&str) -> Option<u128>,
    number: usize,
    start: u64,
    folder: PathBuf,
) -> WorkerOptions {
    let input = |topic: &str, kind, partitions| InputOptions {
        topic: topic.to_owned(),
        topic_id: topic_id(topic),
        kind,
        partitions,
        start: if ["events", "raw"].contains(&topic) { settings.start } else { StartPosition::Earliest },
    };
    let mut inputs = vec![input("contacts", InputKind::Keyed, TASKS)];
    if settings.rekeyed {
        inputs.push(input("raw", InputKind::ToRekey, RAW_PARTITIONS));
        inputs.push(input("interactions", InputKind::Rekeyed, TASKS));
    } else {
        inputs.push(input("events", InputKind::Keyed, TASKS));
    }
    if settings.identities {
        inputs.push(input("identities", InputKind::Identities, TASKS));
    }
    WorkerOptions {
        name: format!("worker-{number}"),
        group: "scoring".to_owned(),
        instance_id: format!("instance-{number}"),
        transactional_id: format!("scoring-{number}"),
        writer: start,
        tasks: TASKS,
        inputs,
        topics: Topics {
            membership: "contacts".to_owned(),
            changelog: "changelog".to_owned(),
            changelog_id: topic_id("changelog"),
            changelog_delete_retention_ms: 86_400_000,
            redo: "redo".to_owned(),
            rekeyed: settings.rekeyed.then(|| "interactions".to_owned()),
            identities: settings.identities.then(|| "identities".to_owned()),
        },
        state_folder: folder,
        store_memory: memory,
        contacts_bytes: settings.contacts_bytes,
        reader_bytes: 1 << 20,
        read_records: settings.read_records,
        decoded_records: settings.read_records.saturating_sub(2),
        epoch: EpochLimits { interval_ms: 50, timers_in_epoch: settings.timers_in_epoch, ..EpochLimits::default() },
        write_back: WriteBackLimits {
            interval_ms: settings.write_back_ms,
            contacts_per_commit: 4,
            events: settings.uncovered_events,
            ..WriteBackLimits::default()
        },
        redo_part_bytes: settings.redo_part_bytes,
        record_bytes: settings.record_bytes,
        letter_bytes: settings.letter_bytes,
        order_wait_ms: 100,
        clock: settings.clock,
        watermark_interval_ms: 200,
        watermark_idle_interval_ms: 800,
        trim_interval_ms: 300,
        transaction_timeout: Duration::from_secs(10),
        stalled_after_ms: 60_000,
        erasure_key: ErasureKey::of(settings.erasure_secret.as_bytes()),
        accept_lost_input: settings.accept_lost_input,
    }
}

/// In memory where the machine has a file system there: thousands of stores are opened and thrown away.
pub(crate) fn temporary_folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .unwrap_or_else(|error| panic!("no room for temporary files: {error}"))
}

pub(crate) fn copy_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}

pub(crate) fn topics() -> Vec<TopicSpec> {
    let topic = |name: &str, partitions, cleanup_policy| TopicSpec {
        name: name.to_owned(),
        partitions,
        replication: None,
        cleanup_policy,
        retention_ms: None,
        max_message_bytes: None,
        settings: BTreeMap::new(),
    };
    vec![
        topic("contacts", TASKS, CleanupPolicy::Delete),
        topic("events", TASKS, CleanupPolicy::Delete),
        topic("raw", RAW_PARTITIONS, CleanupPolicy::Delete),
        topic("interactions", TASKS, CleanupPolicy::Delete),
        topic("identities", TASKS, CleanupPolicy::Delete),
        topic("changelog", TASKS, CleanupPolicy::Compact),
        topic("redo", TASKS, CleanupPolicy::Delete),
        topic("derived", TASKS, CleanupPolicy::Delete),
        topic("dead", 1, CleanupPolicy::Delete),
        topic("scores", TASKS, CleanupPolicy::Compact),
    ]
}
