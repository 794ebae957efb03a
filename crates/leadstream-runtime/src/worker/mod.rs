//! A worker: one thread's loop over its tasks, callable step by step.
//!
//! Everything that touches the log, the stores and the contacts of the worker's tasks happens in [`Worker::step`], on one thread, in a fixed order:
//! membership, restores, reading, folding, timers, commit, queries. So ownership and commits are ordered by construction.

mod committing;
mod folding;
mod handle;
mod membership;
mod reading;
mod refusals;
mod restoring;
mod settling;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use leadstream_core::{DerivedEvent, Fold};

pub use self::handle::{LostTopic, WorkerHandle};
use self::refusals::Refusals;
use self::settling::Settling;
use crate::clock::Clock;
use crate::codec::{EventBatch, InputDecoder, OutputEncoder};
use crate::error::WorkerError;
use crate::log::{Isolation, Log, LogError, Membership, MembershipOptions, ProducerOptions, ReaderOptions, TopicIndex};
use crate::metrics::Metrics;
use crate::options::{InputKind, WorkerOptions};
use crate::output::OutputTopic;
use crate::plans::{PlanBook, PlansInForce};
use crate::query::Question;
use crate::restore::Restore;
use crate::status::Readiness;
use crate::task::Task;
use crate::task::undo::Savepoints;

/// The topics that the runtime itself produces to come first in the producer's list; the encoder's follow, the re-keyed topic is last.
pub(crate) mod internal_topics {
    /// The changelog.
    pub(crate) const CHANGELOG: u16 = 0;
    /// The redo topic.
    pub(crate) const REDO: u16 = 1;
    /// How many there are.
    pub(crate) const COUNT: u16 = 2;
}

/// How long a step waits for something to do.
const WAIT: Duration = Duration::from_millis(10);
/// How long a worker without tasks waits for some.
const WAIT_FOR_TASKS: Duration = Duration::from_millis(50);
/// Pause after the cluster did not answer.
const BACKOFF_MS: i64 = 100;
/// How often status and gauges are published.
const REPORT_MS: i64 = 100;
/// Most records of a transaction that wait for their acknowledgement.
const QUEUE_RECORDS: usize = 500_000;

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepOutcome {
    /// Something.
    Worked,
    /// There was nothing to do.
    Idle,
    /// The worker has stopped as it was told; its tasks are closed.
    Stopped,
}

/// What keeps a worker from committing.
enum Phase {
    /// Nothing.
    Active,
    /// Its token was outdated; nothing is folded or committed before the membership has spoken.
    AwaitingAssignment,
    /// The outcome of a commit is being found out.
    Settling(Settling),
}

/// A worker.
pub struct Worker<L: Log> {
    log: Arc<L>,
    options: WorkerOptions,
    plans: PlanBook,
    /// Under the plans of the task that is worked on.
    fold: Fold,
    /// The number of the set that the figures show.
    plans_shown: u64,
    decoder: Box<dyn InputDecoder>,
    encoder: Box<dyn OutputEncoder>,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
    membership: L::Membership,
    reader: L::Reader,
    /// Opened before the first task is restored: what an earlier start left open is aborted then.
    producer: Option<L::Producer>,
    restore_reader: Option<L::Reader>,
    phase: Phase,
    tasks: BTreeMap<u32, Task>,
    /// Tasks owned whose restore has not begun.
    waiting: BTreeSet<u32>,
    restores: BTreeMap<u32, Restore>,
    /// Which task and which of its queues a partition belongs to.
    routes: HashMap<(u16, u32), (u32, usize)>,
    /// Tasks to be committed, closed and released.
    revoked: Option<Vec<u32>>,
    /// When the next commit is due.
    commit_at_ms: i64,
    /// The task that was folded last.
    folded_last: u32,
    /// Whether the last step left something that it could have folded.
    is_behind: bool,
    trimmed_at_ms: i64,
    reported_at_ms: i64,
    /// The tasks that the process's gauge counts for this worker.
    reported_tasks: i64,
    retry_at_ms: i64,
    waiting_for: Option<String>,
    refusals: Refusals,
    stopping_since_ms: Option<i64>,
    rekeyed_topic: OutputTopic,
    identities_topic: Option<OutputTopic>,
    batch: EventBatch,
    derived: Vec<DerivedEvent>,
    value: Vec<u8>,
    savepoints: Savepoints,
    queries: Receiver<Question>,
    shared: Arc<handle::Shared>,
}

impl<L: Log> Worker<L> {
    /// A worker that has joined its group and owns nothing yet, and the handle by which other threads speak with it.
    ///
    /// # Errors
    /// [`WorkerError::Log`] where the log refuses the settings, [`WorkerError::Plans`] where there are no plans.
    pub fn new(
        log: Arc<L>,
        options: WorkerOptions,
        plans: PlansInForce,
        decoder: Box<dyn InputDecoder>,
        encoder: Box<dyn OutputEncoder>,
        clock: Arc<dyn Clock>,
        metrics: Metrics,
    ) -> Result<(Worker<L>, WorkerHandle), WorkerError> {
        let refused = |error: LogError| WorkerError::of_log(&options.instance_id, &error);
        let timeline =
            plans.from_the_beginning().ok_or_else(|| WorkerError::Plans("there are no plans in force".to_owned()))?;
        let membership = log
            .join(&MembershipOptions {
                group: options.group.clone(),
                topic: options.topics.membership.clone(),
                instance_id: options.instance_id.clone(),
            })
            .map_err(refused)?;
        let reader = log
            .open_reader(&ReaderOptions {
                topics: options.inputs.iter().map(|input| input.topic.clone()).collect(),
                isolation: Isolation::ReadCommitted,
                buffer_bytes: options.reader_bytes,
                name: options.name.clone(),
            })
            .map_err(refused)?;
        let (query_sender, queries) = channel();
        let shared = Arc::new(handle::Shared::default());
        let stalled_after_ms = options.stalled_after_ms;
        let handle = WorkerHandle::new(query_sender, Arc::clone(&shared), Arc::clone(&clock), stalled_after_ms);
        let encoder_topics = u16::try_from(encoder.topics().len()).unwrap_or(u16::MAX);
        let before_identities = encoder_topics + u16::from(options.topics.rekeyed.is_some());
        let identities_topic = options.topics.identities.is_some().then_some(OutputTopic(before_identities));
        let now_ms = clock.monotonic_ms();
        let worker = Worker {
            plans: plans.book,
            fold: Fold::new(timeline, plans.history),
            plans_shown: 0,
            rekeyed_topic: OutputTopic(encoder_topics),
            identities_topic,
            log,
            decoder,
            encoder,
            clock,
            metrics,
            membership,
            reader,
            producer: None,
            restore_reader: None,
            phase: Phase::Active,
            tasks: BTreeMap::new(),
            waiting: BTreeSet::new(),
            restores: BTreeMap::new(),
            routes: HashMap::new(),
            revoked: None,
            commit_at_ms: now_ms + options.epoch.interval_ms,
            folded_last: 0,
            is_behind: false,
            trimmed_at_ms: now_ms,
            reported_at_ms: i64::MIN,
            reported_tasks: 0,
            retry_at_ms: i64::MIN,
            waiting_for: None,
            refusals: Refusals::default(),
            stopping_since_ms: None,
            batch: EventBatch::default(),
            derived: Vec::new(),
            value: Vec::new(),
            savepoints: Savepoints::default(),
            queries,
            shared,
            options,
        };
        Ok((worker, handle))
    }

    /// Steps until the worker is told to stop.
    ///
    /// # Errors
    /// See [`Worker::step`].
    pub fn run(mut self) -> Result<(), WorkerError> {
        while self.step()? != StepOutcome::Stopped {}
        Ok(())
    }

    /// One round of the loop. Waits for some milliseconds where there is nothing to do.
    ///
    /// # Errors
    /// [`WorkerError`]: the worker is not usable any more. Drop it; nothing committed is lost.
    pub fn step(&mut self) -> Result<StepOutcome, WorkerError> {
        let now_ms = self.clock.monotonic_ms();
        self.shared.begin_step(now_ms);
        let outcome = self.step_at(now_ms);
        self.shared.end_step();
        outcome
    }

    fn step_at(&mut self, now_ms: i64) -> Result<StepOutcome, WorkerError> {
        match self.shared.lost_topic() {
            None => {}
            Some(LostTopic::Missing(topic)) => return Err(WorkerError::TopicMissing { topic }),
            Some(LostTopic::Replaced(topic)) => return Err(self.replaced(&topic, None)),
        }
        if self.shared.is_stopping() {
            return self.stop(now_ms);
        }
        if let Some(reason) = self.plans.failure() {
            return Err(WorkerError::Plans(reason));
        }
        let backing_off = now_ms < self.retry_at_ms;
        if self.producer.is_none() && !backing_off && self.check_topics(now_ms)? {
            self.open_producer(now_ms)?;
        }
        let waited = self.serve_membership(backing_off)?;
        if !backing_off {
            self.settle(now_ms)?;
        }
        self.release_revoked(now_ms)?;
        let mut worked = waited;
        if self.producer.is_some() && !backing_off {
            worked |= self.restore(now_ms)?;
        }
        if matches!(self.phase, Phase::Active) && self.revoked.is_none() {
            worked |= self.read(now_ms)?;
            worked |= self.fold(now_ms)?;
            self.hold_back()?;
            if !backing_off {
                worked |= self.commit_if_due(now_ms)?;
            }
        }
        self.trim(now_ms);
        self.answer_queries();
        if self.reported_at_ms.saturating_add(REPORT_MS) <= now_ms {
            self.reported_at_ms = now_ms;
            self.report(now_ms);
        }
        Ok(if worked { StepOutcome::Worked } else { StepOutcome::Idle })
    }

    /// Compares the topics' partitions with what the application was made with. False where the cluster cannot tell yet.
    fn check_topics(&mut self, now_ms: i64) -> Result<bool, WorkerError> {
        let (topics, tasks) = (&self.options.topics, self.options.tasks);
        let mut needed = vec![(&topics.membership, tasks), (&topics.changelog, tasks), (&topics.redo, tasks)];
        needed.extend(self.options.inputs.iter().map(|input| match input.kind {
            InputKind::ToRekey => (&input.topic, input.partitions),
            InputKind::Keyed | InputKind::Rekeyed | InputKind::Identities => (&input.topic, tasks),
        }));
        let names: Vec<&str> = needed.iter().map(|(topic, _)| topic.as_str()).collect();
        let described = match self.log.describe(&names) {
            Ok(described) => described,
            Err(error) => return self.wait_or_stop(error, now_ms).map(|()| false),
        };
        for ((topic, expected), found) in needed.into_iter().zip(described) {
            let Some(found) = found else { return Err(WorkerError::TopicMissing { topic: topic.clone() }) };
            if found.partitions != expected {
                return Err(WorkerError::PartitionsChanged { topic: topic.clone(), found: found.partitions, expected });
            }
        }
        Ok(true)
    }

    fn open_producer(&mut self, now_ms: i64) -> Result<(), WorkerError> {
        let mut topics = vec![self.options.topics.changelog.clone(), self.options.topics.redo.clone()];
        topics.extend(self.encoder.topics());
        topics.extend(self.options.topics.rekeyed.clone());
        topics.extend(self.options.topics.identities.clone());
        let options = ProducerOptions {
            transactional_id: self.options.transactional_id.clone(),
            topics,
            state_topics: internal_topics::COUNT,
            transaction_timeout: self.options.transaction_timeout,
            queue_records: QUEUE_RECORDS,
        };
        match self.log.open_producer(&options) {
            Ok(producer) => {
                self.producer = Some(producer);
                self.reached();
                Ok(())
            }
            Err(error) => self.wait_or_stop(error, now_ms),
        }
    }

    /// Waits where the error passes by itself, and says so once; stops where not.
    fn wait_or_stop(&mut self, error: LogError, now_ms: i64) -> Result<(), WorkerError> {
        let LogError::Retry(failure) = &error else {
            return Err(WorkerError::of_log(&self.options.transactional_id, &error));
        };
        let reason = failure.to_string();
        self.wait_for(&reason, "the cluster does not answer, waiting", now_ms);
        Ok(())
    }

    /// Tries again a little later, and says once why.
    fn wait_for(&mut self, reason: &str, what: &str, now_ms: i64) {
        self.retry_at_ms = now_ms + BACKOFF_MS;
        if self.waiting_for.is_none() {
            tracing::warn!(worker = self.options.name, reason, "{what}");
            self.waiting_for = Some(reason.to_owned());
        }
    }

    /// What was waited for is there.
    fn reached(&mut self) {
        if self.waiting_for.take().is_some() {
            tracing::info!(worker = self.options.name, "what was waited for is there again");
        }
        self.retry_at_ms = i64::MIN;
    }

    /// Whether the worker owns nothing that could have input.
    fn has_no_tasks(&self) -> bool {
        self.tasks.is_empty() && self.restores.is_empty() && self.waiting.is_empty()
    }

    fn readiness(&self) -> Readiness {
        if self.waiting_for.is_some() {
            return Readiness::Waiting;
        }
        let joined = self.membership.token().is_some();
        match () {
            () if self.has_no_tasks() && !joined => Readiness::Joining,
            () if self.refusals.repeated().is_some() => Readiness::Failing,
            () if !self.restores.is_empty() || !self.waiting.is_empty() => Readiness::Restoring,
            () => Readiness::Ready,
        }
    }

    fn topic_index(input: usize) -> TopicIndex {
        TopicIndex(u16::try_from(input).unwrap_or(u16::MAX))
    }
}
