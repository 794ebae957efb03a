//! The engine of one process: workers on threads of their own, and the ways to ask and to stop them.
//!
//! Owns the translation of the configuration into what a worker is told, and the life of the threads. What a worker does is its own business.

mod peers;
mod pressure;
pub(crate) mod sizes;
pub(crate) mod told;
mod watch;

use std::collections::BTreeSet;
use std::sync::mpsc::{channel, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use leadstream_config::Config;
use leadstream_http::{Engine, Owner};
use leadstream_runtime::log::{TopicDescription, partition_for_key};
use leadstream_runtime::metrics::Metrics;
use leadstream_runtime::{
    AllAnswer, AllQuery, ContactVisitor, PlansInForce, Query, QueryAnswer, QueryRefusal, SystemClock, Worker,
    WorkerError, WorkerHandle, WorkerOptions, WorkerStatus,
};
use leadstream_store::{StoreBudget, StoreMemory};
use leadstream_wire::DeadLetterCode;
use prometheus::IntGauge;

use self::peers::Peers;
pub(crate) use self::pressure::Size;
use self::pressure::contacts_share;
use self::told::{DescribedTopics, encoders, erasure_key, input_codecs, worker_count, worker_options};
use self::watch::{LOOK_EVERY, TopicWatch};
use crate::codec::Decoders;
use crate::failure::Failure;
use leadstream_kafka::KafkaLog;

/// How long a question about a contact may wait for its answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// Workers at work.
pub(crate) struct Workforce {
    workers: Vec<(WorkerHandle, JoinHandle<Result<(), WorkerError>>)>,
    /// The plans in force.
    pub(crate) plans: PlansInForce,
    tasks: u32,
    peers: Arc<Peers>,
    stores: StoreMemory,
    metrics: Metrics,
    /// The workers of which it was said that they hang.
    stalled: BTreeSet<usize>,
    /// Looks after the topics of state while the workers are at work.
    watch: Option<TopicWatch>,
}

impl Workforce {
    /// Starts the workers.
    ///
    /// # Errors
    /// What the configuration asks for and cannot be had.
    pub(crate) fn start(
        log: &Arc<KafkaLog>,
        config: &Config,
        plans: PlansInForce,
        topics: &DescribedTopics,
        metrics: Metrics,
    ) -> Result<Workforce, Failure> {
        // What is not there before it is counted for the first time has no increase that an alert could see.
        for code in DeadLetterCode::ALL {
            metrics.dead_letters.with_label_values(&[code.as_str()]);
        }
        let parts = config.memory.parts();
        let bytes = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
        let stores = StoreMemory::new(StoreBudget {
            total_bytes: bytes(parts.block_cache_bytes + parts.write_buffers_bytes),
            memtable_bytes: bytes(parts.write_buffers_bytes),
        });
        let count = worker_count(config);
        let peers = Arc::new(Peers::new(Arc::clone(log), config));
        let mut workforce = Workforce {
            workers: Vec::new(),
            plans,
            tasks: config.topics.partitions,
            peers,
            stores,
            metrics,
            stalled: BTreeSet::new(),
            watch: None,
        };
        let erasure_key = erasure_key(config)?;
        for number in 0..count {
            let options = worker_options(config, number, count, topics, &workforce.stores, &erasure_key);
            let started = workforce.start_worker(log, config, options);
            if let Err(failure) = started {
                workforce.stop();
                return Err(failure);
            }
        }
        workforce.watch = Some(workforce.watch(log, config, topics)?);
        Ok(workforce)
    }

    /// Has every worker end when a topic of state or of input is lost, without another commit.
    fn watch(&self, log: &Arc<KafkaLog>, config: &Config, topics: &DescribedTopics) -> Result<TopicWatch, Failure> {
        let names = config.topic_names();
        let known = |topic: &TopicDescription| (topic.name.clone(), topic.id);
        let mut watched = vec![(names.redo.to_string(), None), (names.plans.to_string(), None)];
        watched.extend([&topics.changelog, &topics.contacts, &topics.interactions, &topics.identities].map(known));
        watched.extend(topics.sources.iter().map(known));
        let handles: Vec<WorkerHandle> = self.workers.iter().map(|(handle, _)| handle.clone()).collect();
        TopicWatch::begin(Arc::clone(log), watched, LOOK_EVERY, move |lost| {
            handles.iter().for_each(|handle| handle.lose_topic(lost.clone()));
        })
    }

    /// How many sets of the topic of plans cannot be compiled.
    pub(crate) fn unreadable_plan_sets(&self) -> IntGauge {
        self.metrics.unreadable_plan_sets.clone()
    }

    fn start_worker(&mut self, log: &Arc<KafkaLog>, config: &Config, options: WorkerOptions) -> Result<(), Failure> {
        let (log, plans, metrics) = (Arc::clone(log), self.plans.clone(), self.metrics.clone());
        let decoders = Box::new(Decoders::new(input_codecs(config)?));
        let encoders = Box::new(encoders(config)?);
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

    /// Says once of each worker that it hangs, and again when it goes on. Only another start helps one that does not.
    pub(crate) fn look_for_stalls(&mut self) {
        for (number, (handle, _)) in self.workers.iter().enumerate() {
            let stalled_ms = handle.status().stalled_ms;
            let was_known = self.stalled.contains(&number);
            match stalled_ms {
                Some(milliseconds) if !was_known => {
                    tracing::error!(worker = number, milliseconds, "a step does not end: a call does not come back");
                    self.stalled.insert(number);
                }
                None if was_known => {
                    tracing::info!(worker = number, "the step has ended after all");
                    self.stalled.remove(&number);
                }
                _ => {}
            }
        }
    }

    /// Has contacts give up memory while the process takes more than its budget.
    pub(crate) fn hold_budget(&self, size: Size) {
        let share = contacts_share(size);
        self.workers.iter().for_each(|(handle, _)| handle.share_contacts(share));
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
        let handles = self.workers.iter().map(|(handle, _)| handle.clone()).collect();
        Directory { handles, tasks: self.tasks, peers: Arc::clone(&self.peers) }
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
    peers: Arc<Peers>,
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

    fn visit_all(&self, visitor: Arc<Mutex<dyn ContactVisitor>>) -> Result<AllAnswer, QueryRefusal> {
        let mut rest = AllAnswer::new();
        for handle in &self.handles {
            let (reply, answer) = channel();
            // One that is gone has no tasks.
            if handle.ask_all(AllQuery { visitor: Arc::clone(&visitor), reply }) {
                let unanswered = |_| QueryRefusal::Unavailable { reason: "a worker did not answer".to_owned() };
                rest.append(&mut answer.recv_timeout(ANSWER_TIMEOUT).map_err(unanswered)?);
            }
        }
        Ok(rest)
    }

    fn tasks(&self) -> u32 {
        self.tasks
    }

    fn owner(&self, task: u32, anew: bool) -> Result<Option<Owner>, String> {
        self.peers.owner(task, anew)
    }

    fn status(&self) -> Vec<WorkerStatus> {
        self.handles.iter().map(WorkerHandle::status).collect()
    }
}
