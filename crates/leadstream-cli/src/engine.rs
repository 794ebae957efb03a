//! The engine of one process: workers on threads of their own, and the ways to ask and to stop them.
//!
//! Owns the translation of the configuration into what a worker is told, and the life of the threads. What a worker does is its own business.

use std::sync::Arc;
use std::sync::mpsc::{channel, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use leadstream_config::{Config, IdleClock, OutputFormat, Start, Workers};
use leadstream_core::id::Hasher;
use leadstream_core::plan::PlanSet;
use leadstream_core::{HistoryLimits, Span, Timeline};
use leadstream_http::Engine;
use leadstream_runtime::log::{TopicDescription, partition_for_key};
use leadstream_runtime::metrics::Metrics;
use leadstream_runtime::{
    ClockMode, EpochLimits, InputKind, InputOptions, PlansInForce, Query, QueryAnswer, QueryRefusal, StartPosition,
    SystemClock, Topics, Worker, WorkerError, WorkerHandle, WorkerOptions, WorkerStatus, WriteBackLimits,
};
use leadstream_store::{StoreBudget, StoreMemory};
use leadstream_wire::out::DataFormat;
use prometheus::Registry;

use crate::cluster::Cluster;
use crate::codec::{Decoders, Encoders, InputCodec, OutputTopics};
use crate::failure::Failure;
use crate::{plans, sources};

/// The largest record that librdkafka sends unless it is told otherwise, less room for keys and framing.
const RECORD_BYTES: usize = 900_000;
/// Bytes of one part of a redo record.
const REDO_PART_BYTES: usize = 512 << 10;
/// The most output of an epoch.
const EPOCH_OUTPUT_BYTES_MAX: u64 = 16 << 20;
/// Records that a step reads, and that wait decoded.
const READ_RECORDS: usize = 8_192;
const WATERMARK_INTERVAL_MS: i64 = 1_000;
const TRIM_INTERVAL_MS: i64 = 10_000;
/// How long a question about a contact may wait for its answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// Workers at work.
pub(crate) struct Workforce {
    workers: Vec<(WorkerHandle, JoinHandle<Result<(), WorkerError>>)>,
    /// The figures of all of them.
    pub(crate) registry: Registry,
    /// The plans in force.
    pub(crate) plans: PlansInForce,
    tasks: u32,
    stores: StoreMemory,
    metrics: Metrics,
}

/// The plans in force under a configuration; equal plans and limits have equal ids.
pub(crate) fn in_force(config: &Config, set: PlanSet) -> PlansInForce {
    let history = HistoryLimits { horizon: plans::horizon(config), rows: config.history.rows as usize };
    let hasher = Hasher::new().number(history.horizon.millis().unsigned_abs()).number(history.rows as u64);
    let hasher = set.plans().iter().fold(hasher, |hasher, plan| hasher.text(&plan.id).bytes(&plan.version.0));
    PlansInForce { timeline: Timeline::new(Arc::new(set)), id: hasher.finish(), history }
}

impl Workforce {
    /// Starts the workers. `described` are the source topics and the changelog as the cluster has them.
    ///
    /// # Errors
    /// What the configuration asks for and cannot be had.
    pub(crate) fn start(
        log: &Arc<Cluster>,
        config: &Config,
        plans: PlansInForce,
        source_topics: &[TopicDescription],
        changelog: &TopicDescription,
    ) -> Result<Workforce, Failure> {
        let registry = Registry::new();
        let metrics = Metrics::register(&registry).map_err(|error| Failure::of("cannot register metrics", error))?;
        let parts = config.memory.parts();
        let bytes = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
        let stores = StoreMemory::new(StoreBudget {
            total_bytes: bytes(parts.block_cache_bytes + parts.write_buffers_bytes),
            memtable_bytes: bytes(parts.write_buffers_bytes),
        });
        let count = worker_count(config);
        let mut workforce =
            Workforce { workers: Vec::new(), registry, plans, tasks: config.topics.partitions, stores, metrics };
        for number in 0..count {
            let options = worker_options(config, number, count, source_topics, changelog, &workforce.stores)?;
            let started = workforce.start_worker(log, config, options);
            if let Err(failure) = started {
                workforce.stop();
                return Err(failure);
            }
        }
        Ok(workforce)
    }

    fn start_worker(&mut self, log: &Arc<Cluster>, config: &Config, options: WorkerOptions) -> Result<(), Failure> {
        let (log, plans, metrics) = (Arc::clone(log), self.plans.clone(), self.metrics.clone());
        let decoders = Box::new(Decoders::new(input_codecs(config)?));
        let encoders = Box::new(encoders(config, &self.plans)?);
        let (sender, handles) = sync_channel(1);
        // A worker lives on its thread from the beginning: what it holds of the client library belongs to one thread.
        let thread = std::thread::Builder::new().name(options.name.clone()).spawn(move || {
            let clock = Arc::new(SystemClock::new());
            let (worker, handle) = Worker::new(log, options, plans, decoders, encoders, clock, metrics)?;
            // Whoever started the worker waits for this.
            let _ = sender.send(handle);
            worker.run()
        });
        let thread = thread.map_err(|error| Failure::of("cannot start a thread", error))?;
        match handles.recv() {
            Ok(handle) => {
                self.workers.push((handle, thread));
                Ok(())
            }
            Err(_) => Err(match thread.join() {
                Ok(Err(error)) => Failure::NotDone(error.to_string()),
                Ok(Ok(())) => Failure::NotDone("a worker ended before it began".to_owned()),
                Err(panic) => std::panic::resume_unwind(panic),
            }),
        }
    }

    /// The first worker that ended by itself, with why: then the process is to end too.
    pub(crate) fn failed(&mut self) -> Option<Failure> {
        let ended = self.workers.iter().position(|(_, thread)| thread.is_finished())?;
        let (_, thread) = self.workers.swap_remove(ended);
        Some(match thread.join() {
            Ok(Err(error)) => Failure::NotDone(error.to_string()),
            Ok(Ok(())) => Failure::NotDone("a worker ended without being told to".to_owned()),
            Err(_) => Failure::NotDone("a worker ended by a mistake of the program, which is said above".to_owned()),
        })
    }

    /// Tells all workers to commit and stop.
    pub(crate) fn stop(&self) {
        self.workers.iter().for_each(|(handle, _)| handle.stop());
    }

    /// Whether all workers have stopped.
    pub(crate) fn has_stopped(&self) -> bool {
        self.workers.iter().all(|(_, thread)| thread.is_finished())
    }

    /// What a failed stop says.
    pub(crate) fn conclude(self) -> Result<(), Failure> {
        for (_, thread) in self.workers {
            match thread.join() {
                Ok(result) => result.map_err(|error| Failure::NotDone(error.to_string()))?,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        Ok(())
    }

    /// What answers questions from other threads.
    pub(crate) fn directory(&self) -> Directory {
        Directory { handles: self.workers.iter().map(|(handle, _)| handle.clone()).collect(), tasks: self.tasks }
    }

    /// Events that were delivered to their contacts, whatever became of them there. What went through the re-keyed topic counts once.
    pub(crate) fn scored_events(&self) -> u64 {
        let outcomes = ["applied", "unmatched", "duplicate", "suppressed", "too_late"];
        outcomes.iter().map(|outcome| self.metrics.deliveries.with_label_values(&[*outcome]).get()).sum()
    }

    /// Bytes that the stores use.
    pub(crate) fn store_bytes(&self) -> usize {
        self.stores.used_bytes()
    }
}

/// The workers as HTTP and the demo see them.
pub(crate) struct Directory {
    handles: Vec<WorkerHandle>,
    tasks: u32,
}

impl Engine for Directory {
    fn contact(&self, id: &str) -> Result<QueryAnswer, QueryRefusal> {
        let task = partition_for_key(id.as_bytes(), self.tasks);
        let mut refusal = QueryRefusal::NotOwned { task };
        for handle in &self.handles {
            let (reply, answer) = channel();
            if !handle.ask(Query { contact: id.to_owned(), reply }) {
                continue;
            }
            match answer.recv_timeout(ANSWER_TIMEOUT) {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(QueryRefusal::NotOwned { .. })) => {}
                Ok(Err(other)) => refusal = other,
                Err(_) => refusal = QueryRefusal::Unavailable { reason: "the worker did not answer".to_owned() },
            }
        }
        Err(refusal)
    }

    fn status(&self) -> Vec<WorkerStatus> {
        self.handles.iter().map(WorkerHandle::status).collect()
    }
}

fn worker_count(config: &Config) -> u32 {
    let cores = || u32::try_from(std::thread::available_parallelism().map_or(1, usize::from)).unwrap_or(1);
    let wanted = match config.engine.workers {
        Workers::Auto => cores(),
        Workers::Count(count) => count,
    };
    // More workers than tasks would own nothing.
    wanted.clamp(1, config.topics.partitions.max(1))
}

/// What reads each input, in the order of [`inputs`].
fn input_codecs(config: &Config) -> Result<Vec<InputCodec>, Failure> {
    let contacts = config.topic_names().contacts.to_string();
    let decoder = sources::decoder("contacts", &sources::contacts_format(config)?)?;
    let mut codecs = vec![InputCodec::Source { topic: contacts, decoder }];
    for (place, source) in config.sources.iter().enumerate() {
        let decoder = sources::decoder(&format!("sources[{place}]"), &sources::format_of(source, config)?)?;
        codecs.push(InputCodec::Source { topic: source.topic.to_string(), decoder });
    }
    if config.sources.iter().any(|source| !source.keyed) {
        codecs.push(InputCodec::Rekeyed);
    }
    Ok(codecs)
}

fn inputs(config: &Config, source_topics: &[TopicDescription]) -> Result<Vec<InputOptions>, Failure> {
    let names = config.topic_names();
    let tasks = config.topics.partitions;
    let own = |topic: String, kind| InputOptions { topic, kind, partitions: tasks, start: StartPosition::Earliest };
    let mut inputs = vec![own(names.contacts.to_string(), InputKind::Keyed)];
    for (place, (source, described)) in config.sources.iter().zip(source_topics).enumerate() {
        let start = match source.start {
            Start::Earliest => StartPosition::Earliest,
            Start::Latest => StartPosition::Latest,
            Start::At { .. } => {
                let text = format!(
                    "sources[{place}].start: an instant is not carried out in this version: use earliest or latest"
                );
                return Err(Failure::input(text));
            }
        };
        let kind = if source.keyed { InputKind::Keyed } else { InputKind::ToRekey };
        inputs.push(InputOptions { topic: source.topic.to_string(), kind, partitions: described.partitions, start });
    }
    if config.sources.iter().any(|source| !source.keyed) {
        inputs.push(own(names.interactions.to_string(), InputKind::Rekeyed));
    }
    Ok(inputs)
}

fn encoders(config: &Config, plans: &PlansInForce) -> Result<Encoders, Failure> {
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
    Encoders::new(topics, &source, derived, scorecards, plans)
        .map_err(|error| Failure::of("cannot write derived events", error))
}

fn worker_options(
    config: &Config,
    number: u32,
    count: u32,
    source_topics: &[TopicDescription],
    changelog: &TopicDescription,
    stores: &StoreMemory,
) -> Result<WorkerOptions, Failure> {
    let names = config.topic_names();
    let parts = config.memory.parts();
    let (tasks, workers) = (u64::from(config.topics.partitions.max(1)), u64::from(count.max(1)));
    let bytes = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
    let milliseconds = |milliseconds: u64| i64::try_from(milliseconds).unwrap_or(i64::MAX);
    let identity = format!("{}-{}-{number}", config.application.id, config.application.instance);
    let rekeys = config.sources.iter().any(|source| !source.keyed);
    let defaults = (EpochLimits::default(), WriteBackLimits::default());
    Ok(WorkerOptions {
        name: format!("worker-{number}"),
        group: config.application.id.to_string(),
        instance_id: identity.clone(),
        transactional_id: identity,
        writer: start_number(number),
        tasks: config.topics.partitions,
        inputs: inputs(config, source_topics)?,
        topics: Topics {
            membership: names.contacts.to_string(),
            changelog: names.contacts_changelog.to_string(),
            changelog_id: changelog.id,
            changelog_delete_retention_ms: delete_retention_ms(changelog),
            redo: names.redo.to_string(),
            rekeyed: rekeys.then(|| names.interactions.to_string()),
        },
        state_folder: config.storage.directory.as_path().join(config.application.id.as_str()),
        store_memory: stores.clone(),
        contacts_bytes: bytes(parts.contacts_bytes / workers),
        // A worker reads its inputs with one reader and restores with another.
        reader_bytes: bytes(parts.fetch_bytes / workers / 2),
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
        record_bytes: RECORD_BYTES.min(changelog.max_message_bytes as usize * 9 / 10),
        order_wait_ms: milliseconds(config.clock.input_wait.as_ms()),
        clock: match config.clock.idle {
            IdleClock::Wall => {
                ClockMode::Wall { slack: Span::from_millis(milliseconds(config.clock.allowance.as_ms())) }
            }
            IdleClock::Events => ClockMode::Events,
        },
        watermark_interval_ms: WATERMARK_INTERVAL_MS,
        trim_interval_ms: TRIM_INTERVAL_MS,
        transaction_timeout: config.kafka.transaction_timeout.as_duration(),
        accept_lost_input: config.engine.accept_lost_input,
    })
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
