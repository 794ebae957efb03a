//! What workers are told: the configuration in the words of the runtime.
//!
//! Limits of the process are divided here among its workers and tasks.

use std::path::PathBuf;

use leadstream_config::{Config, IdleClock, OutputFormat, Start, Workers};
use leadstream_core::id::Hasher;
use leadstream_core::{ErasureKey, Span};
use leadstream_runtime::log::TopicDescription;
use leadstream_runtime::{
    ClockMode, EpochLimits, InputKind, InputOptions, StartPosition, Topics, WorkerOptions, WriteBackLimits,
};
use leadstream_store::{FolderClaim, StoreMemory};
use leadstream_wire::out::DataFormat;

use crate::codec::{Encoders, InputCodec, OutputTopics};
use crate::engine::sizes::record_bytes;
use crate::failure::Failure;
use crate::sources;

/// Bytes of one part of a redo record.
pub(super) const REDO_PART_BYTES: usize = 512 << 10;
/// The most output of an epoch.
const EPOCH_OUTPUT_BYTES_MAX: u64 = 16 << 20;
/// Records that a step reads, and that wait decoded.
const READ_RECORDS: usize = 8_192;
const WATERMARK_INTERVAL_MS: i64 = 1_000;
const WATERMARK_IDLE_INTERVAL_MS: i64 = 10_000;
const TRIM_INTERVAL_MS: i64 = 10_000;

/// The topics as the cluster has them, of which workers are told more than their names.
pub(crate) struct DescribedTopics {
    /// Those of the sources, in their order.
    pub(crate) sources: Vec<TopicDescription>,
    /// What is written about contacts.
    pub(crate) contacts: TopicDescription,
    /// What was re-keyed.
    pub(crate) interactions: TopicDescription,
    /// What ids say to each other.
    pub(crate) identities: TopicDescription,
    /// The changelog.
    pub(crate) changelog: TopicDescription,
    /// The topic of dead letters.
    pub(crate) dead_letters: TopicDescription,
}

/// How many workers there are.
pub(super) fn worker_count(config: &Config) -> u32 {
    let cores = || u32::try_from(std::thread::available_parallelism().map_or(1, usize::from)).unwrap_or(1);
    let wanted = match config.engine.workers {
        Workers::Auto => cores(),
        Workers::Count(count) => count,
    };
    // More workers than tasks would own nothing.
    wanted.clamp(1, config.topics.partitions.max(1))
}

/// What reads each input, in the order of [`inputs`].
pub(super) fn input_codecs(config: &Config) -> Result<Vec<InputCodec>, Failure> {
    let contacts = config.topic_names().contacts.to_string();
    let decoder = sources::decoder("contacts", &sources::contacts_format(config)?)?;
    let mut codecs = vec![InputCodec::Source { topic: contacts, decoder, checked: Some(config.topics.partitions) }];
    for (place, source) in config.sources.iter().enumerate() {
        let decoder = sources::decoder(&format!("sources[{place}]"), &sources::format_of(source, config)?)?;
        codecs.push(InputCodec::Source { topic: source.topic.to_string(), decoder, checked: None });
    }
    if config.sources.iter().any(|source| !source.keyed) {
        codecs.push(InputCodec::Rekeyed { topic: config.topic_names().interactions.to_string() });
    }
    Ok(codecs)
}

fn inputs(config: &Config, topics: &DescribedTopics) -> Vec<InputOptions> {
    let tasks = config.topics.partitions;
    let own = |topic: &TopicDescription, kind| InputOptions {
        topic: topic.name.clone(),
        topic_id: topic.id,
        kind,
        partitions: tasks,
        start: StartPosition::Earliest,
    };
    let mut inputs = vec![own(&topics.contacts, InputKind::Keyed)];
    for (source, described) in config.sources.iter().zip(&topics.sources) {
        let start = match source.start {
            Start::Earliest => StartPosition::Earliest,
            Start::Latest => StartPosition::Latest,
            Start::At { unix_ms } => StartPosition::At { instant_ms: unix_ms },
        };
        let kind = if source.keyed { InputKind::Keyed } else { InputKind::ToRekey };
        inputs.push(InputOptions {
            topic: source.topic.to_string(),
            topic_id: described.id,
            kind,
            partitions: described.partitions,
            start,
        });
    }
    if config.sources.iter().any(|source| !source.keyed) {
        inputs.push(own(&topics.interactions, InputKind::Rekeyed));
    }
    // The engine reads its own messages: no codec is for this one.
    inputs.push(own(&topics.identities, InputKind::Identities));
    inputs
}

/// What writes the outputs.
pub(super) fn encoders(config: &Config) -> Result<Encoders, Failure> {
    let format = |schema_id: Option<u32>| match (config.output.format, schema_id) {
        (OutputFormat::Json, _) => DataFormat::Json,
        (OutputFormat::Avro, None) => DataFormat::Avro,
        (OutputFormat::Avro, Some(id)) => DataFormat::ConfluentAvro(id),
    };
    let names = config.topic_names();
    let topics = OutputTopics {
        qualifications: names.qualifications.to_string(),
        stages: names.stages.to_string(),
        activity: names.activity.to_string(),
        scores: names.scores.to_string(),
        dead_letters: names.dead_letters.to_string(),
    };
    let source = format!("/leadstream/{}", config.application.id);
    let (derived, scorecards) =
        (format(config.output.derived_event_schema_id), format(config.output.scorecard_schema_id));
    Encoders::new(topics, &source, derived, scorecards)
        .map_err(|error| Failure::of("cannot write derived events", error))
}

/// Everything that worker `number` of `count` is told.
pub(super) fn worker_options(
    config: &Config,
    number: u32,
    count: u32,
    topics: &DescribedTopics,
    stores: &StoreMemory,
    erasure_key: &ErasureKey,
) -> WorkerOptions {
    let changelog = &topics.changelog;
    let names = config.topic_names();
    let parts = config.memory.parts();
    let (tasks, workers) = (u64::from(config.topics.partitions.max(1)), u64::from(count.max(1)));
    let bytes = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
    let milliseconds = |milliseconds: u64| i64::try_from(milliseconds).unwrap_or(i64::MAX);
    let identity = format!("{}-{}-{number}", config.application.id, config.application.instance);
    let rekeys = config.sources.iter().any(|source| !source.keyed);
    let defaults = (EpochLimits::default(), WriteBackLimits::default());
    WorkerOptions {
        name: format!("worker-{number}"),
        group: config.application.id.to_string(),
        instance_id: member_name(&identity, config.http.reachable_at().as_deref()),
        transactional_id: identity,
        writer: start_number(number),
        tasks: config.topics.partitions,
        inputs: inputs(config, topics),
        topics: Topics {
            membership: names.contacts.to_string(),
            changelog: names.contacts_changelog.to_string(),
            changelog_id: changelog.id,
            changelog_delete_retention_ms: delete_retention_ms(changelog),
            redo: names.redo.to_string(),
            rekeyed: rekeys.then(|| names.interactions.to_string()),
            identities: Some(names.identities.to_string()),
        },
        state_folder: state_folder(config),
        store_memory: stores.clone(),
        contacts_bytes: bytes(parts.contacts_bytes / workers),
        // A worker reads its inputs with one reader and restores with another, and the client needs about as much again beside the bytes of a record.
        reader_bytes: bytes(parts.fetch_bytes / workers / 4),
        read_records: READ_RECORDS,
        decoded_records: READ_RECORDS,
        epoch: EpochLimits {
            interval_ms: milliseconds(config.engine.commit_interval.as_ms()),
            output_bytes: bytes((parts.produce_bytes / workers).min(EPOCH_OUTPUT_BYTES_MAX)),
            ..defaults.0
        },
        // The configuration bounds the process, the worker each of its tasks.
        write_back: WriteBackLimits {
            interval_ms: milliseconds(config.engine.write_back.age.as_ms()),
            events: (config.engine.write_back.events / tasks).max(1),
            bytes: (config.engine.write_back.bytes.as_bytes() / tasks).max(1),
            ..defaults.1
        },
        redo_part_bytes: REDO_PART_BYTES,
        record_bytes: record_bytes(config, changelog),
        letter_bytes: record_bytes(config, &topics.dead_letters),
        order_wait_ms: milliseconds(config.clock.input_wait.as_ms()),
        clock: match config.clock.idle {
            IdleClock::Wall => {
                ClockMode::Wall { slack: Span::from_millis(milliseconds(config.clock.allowance.as_ms())) }
            }
            IdleClock::Events => ClockMode::Events,
        },
        watermark_interval_ms: WATERMARK_INTERVAL_MS,
        watermark_idle_interval_ms: WATERMARK_IDLE_INTERVAL_MS,
        trim_interval_ms: TRIM_INTERVAL_MS,
        transaction_timeout: config.kafka.transaction_timeout.as_duration(),
        stalled_after_ms: milliseconds(config.engine.stalled_after.as_ms()),
        erasure_key: erasure_key.clone(),
        accept_lost_input: config.engine.accept_lost_input,
    }
}

/// The least secret that is one, in bytes.
const SECRET_BYTES_MIN: usize = 16;

/// The key under which erased ids are remembered.
///
/// # Errors
/// A file that cannot be read, or holds next to nothing.
pub(crate) fn erasure_key(config: &Config) -> Result<ErasureKey, Failure> {
    let Some(file) = &config.privacy.erasure_key_file else {
        return Ok(ErasureKey::of(config.application.id.as_str().as_bytes()));
    };
    let secret = std::fs::read(file.as_path()).map_err(|error| Failure::file("read", file.as_path(), &error))?;
    // Whoever made it with an editor left a line break.
    let secret = secret.trim_ascii();
    if secret.len() < SECRET_BYTES_MIN {
        return Err(Failure::input(format!(
            "privacy.erasure_key_file: {file} holds {} bytes, and a secret has {SECRET_BYTES_MIN} at least",
            secret.len()
        )));
    }
    Ok(ErasureKey::of(secret))
}

/// Where the stores of all tasks of an instance lie.
pub(crate) fn state_folder(config: &Config) -> PathBuf {
    config.storage.directory.as_path().join(config.application.id.as_str())
}

/// Makes the folder of the stores this process's own, for as long as it lives.
///
/// # Errors
/// Where another process has it, with its process id.
pub(crate) fn claim_state(config: &Config) -> Result<FolderClaim, Failure> {
    let holder = format!("process {} (instance {})", std::process::id(), config.application.instance);
    FolderClaim::take(&state_folder(config), &holder).map_err(|error| Failure::NotDone(error.to_string()))
}

/// The static identity of a member of the group. The coordinator keeps the address that a static member came with first, so that one with
/// another address has to be another member; its tasks come to it when the session of the old one has ended.
fn member_name(identity: &str, reachable_at: Option<&str>) -> String {
    match reachable_at {
        None => identity.to_owned(),
        Some(address) => {
            let hash = Hasher::new().text(address).finish();
            format!("{identity}-{:02x}{:02x}{:02x}{:02x}", hash[0], hash[1], hash[2], hash[3])
        }
    }
}

/// Kafka's own default for a topic that does not say is a day.
fn delete_retention_ms(changelog: &TopicDescription) -> i64 {
    changelog.settings.get("delete.retention.ms").and_then(|value| value.parse().ok()).unwrap_or(86_400_000)
}

/// A number that no other start of any worker has, as far as instant and process tell them apart.
#[expect(clippy::disallowed_methods, reason = "a start is told from another by when it was")]
fn start_number(worker: u32) -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let instant = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
    let hash = Hasher::new().number(instant).number(u64::from(std::process::id())).number(u64::from(worker)).finish();
    u64::from_be_bytes(hash[..8].try_into().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_with_another_address_is_another_member() {
        assert_eq!(member_name("scoring-a-0", None), "scoring-a-0");
        let (here, there) = (member_name("scoring-a-0", Some("a:80")), member_name("scoring-a-0", Some("b:80")));
        assert!(here != there && here == member_name("scoring-a-0", Some("a:80")));
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        assert!(here.starts_with("scoring-a-0-") && here.bytes().all(legal), "{here}");
    }
}
